//! Addresses in the configuration: `NAME://host:port`, where NAME is that of a listener.
//!
//! Always true: a port is a number; an IPv6 address stands in brackets; names are in capitals, as Kafka keeps them.
//! Not done: no name is resolved here.

use std::fmt;
use std::net::SocketAddr;

use crate::base::{Error, Result};

/// A host, as clients resolve it, and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// Empty for all interfaces.
    pub host: String,
    pub port: u16,
}

/// An address of a listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    pub listener: String,
    pub endpoint: Endpoint,
}

impl Address {
    pub fn parse(text: &str) -> Result<Address> {
        let bad = |why: &str| {
            let mend = format!("{why}; write HOST:PORT, such as 127.0.0.1:9092 or [::1]:9092, or NAME://HOST:PORT");
            Err(Error::unusable(format!("'{text}' is not an address"), mend))
        };
        let (listener, rest) = text.split_once("://").unwrap_or(("PLAINTEXT", text));
        if listener.is_empty() {
            return bad("the listener's name is missing");
        }
        let Some((host, port)) = rest.rsplit_once(':') else { return bad("the port is missing") };
        let Ok(port) = port.parse() else { return bad("the port is not a number up to 65535") };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.is_none() && host.contains(':') {
            return bad("an IPv6 address needs brackets");
        }
        let endpoint = Endpoint { host: bare.unwrap_or(host).to_string(), port };
        Ok(Address { listener: listener.to_uppercase(), endpoint })
    }

    /// Each of a list that is separated by commas.
    pub fn parse_list(text: &str) -> Result<Vec<Address>> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Address::parse).collect()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.listener, self.endpoint)
    }
}

impl From<SocketAddr> for Endpoint {
    /// An IPv4 client of a socket that takes both is told the IPv4 address.
    fn from(address: SocketAddr) -> Endpoint {
        Endpoint { host: address.ip().to_canonical().to_string(), port: address.port() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_name() {
        let address = |listener: &str, host: &str, port| Address {
            listener: listener.to_string(),
            endpoint: Endpoint { host: host.to_string(), port },
        };
        assert_eq!(Address::parse("localhost:0").unwrap(), address("PLAINTEXT", "localhost", 0));
        assert_eq!(Address::parse("PLAINTEXT://[::1]:9092").unwrap(), address("PLAINTEXT", "::1", 9092));
        assert_eq!(Address::parse("inside://:9092").unwrap(), address("INSIDE", "", 9092));
        let list = Address::parse_list("127.0.0.1:1, A://[::]:2").unwrap();
        assert_eq!(list, [address("PLAINTEXT", "127.0.0.1", 1), address("A", "::", 2)]);
        assert_eq!(list[1].to_string(), "A://[::]:2");
        for bad in ["", "localhost", "localhost:", "localhost:70000", "://a:1", "::1:9092"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}
