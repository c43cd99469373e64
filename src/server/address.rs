//! Addresses in the configuration: `PLAINTEXT://host:port`, or `host:port` for short.
//!
//! Always true: a port is a number; an IPv6 address stands in brackets.

use std::net::SocketAddr;

use crate::base::{Error, Result};

/// A host, as clients resolve it, and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
}

impl Endpoint {
    pub fn parse(text: &str) -> Result<Endpoint> {
        let bad = |why: &str| {
            let mend = format!("{why}; write HOST:PORT, such as 127.0.0.1:9092 or [::1]:9092");
            Err(Error::unusable(format!("'{text}' is not an address"), mend))
        };
        let rest = match text.split_once("://") {
            Some(("PLAINTEXT", rest)) => rest,
            Some(_) => return bad("only PLAINTEXT listeners exist"),
            None => text,
        };
        let Some((host, port)) = rest.rsplit_once(':') else { return bad("the port is missing") };
        let Ok(port) = port.parse() else { return bad("the port is not a number up to 65535") };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bare {
            Some(bare) => Ok(Endpoint { host: bare.to_string(), port }),
            None if host.contains(':') => bad("an IPv6 address needs brackets"),
            None => Ok(Endpoint { host: host.to_string(), port }),
        }
    }

    /// Each of a list that is separated by commas.
    pub fn parse_list(text: &str) -> Result<Vec<Endpoint>> {
        text.split(',').map(|part| Endpoint::parse(part.trim())).collect()
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
    fn addresses_are_read_with_and_without_a_protocol() {
        let endpoint = |host: &str, port| Endpoint { host: host.to_string(), port };
        assert_eq!(Endpoint::parse("localhost:0").unwrap(), endpoint("localhost", 0));
        assert_eq!(Endpoint::parse("PLAINTEXT://[::1]:9092").unwrap(), endpoint("::1", 9092));
        let list = Endpoint::parse_list("127.0.0.1:1, [::]:2").unwrap();
        assert_eq!(list, [endpoint("127.0.0.1", 1), endpoint("::", 2)]);
        for bad in ["", "localhost", "localhost:", "localhost:70000", "SSL://a:1", "::1:9092"] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }
}
