//! Settings: Kafka's keys as methods of a builder, and by their names for command lines.
//!
//! Each kind of client has one table: a field, its type, its default, Kafka's key. A table makes the struct, a method of
//! the field's name, and a line in `set`.
//!
//! Always true: what has a unit says it in its name, as Kafka's keys do (`linger_ms`); a key that no table has, or a value
//! that is none of its type, is an error that names both.
//! Not done: Kafka's keys for TLS and SASL, as the broker has neither.

use super::error::{Error, Result};

/// A type of setting, read from text.
pub trait Value: Sized {
    /// What a builder's method takes.
    type Given<'a>;
    fn of(given: Self::Given<'_>) -> Self;
    /// For the error: what the text should have been.
    const WANTED: &'static str;
    fn parse(text: &str) -> Option<Self>;
}

/// A method of the builder takes such a value itself.
macro_rules! itself {
    () => {
        type Given<'a> = Self;
        fn of(given: Self) -> Self {
            given
        }
    };
}
pub(super) use itself;

impl Value for String {
    type Given<'a> = &'a str;
    fn of(given: &str) -> String {
        given.to_string()
    }
    const WANTED: &'static str = "a text";
    fn parse(text: &str) -> Option<String> {
        Some(text.to_string())
    }
}

impl Value for bool {
    itself!();
    const WANTED: &'static str = "true or false";
    fn parse(text: &str) -> Option<bool> {
        text.parse().ok()
    }
}

impl Value for u64 {
    itself!();
    const WANTED: &'static str = "a whole number, not negative";
    fn parse(text: &str) -> Option<u64> {
        text.parse().ok()
    }
}

impl Value for usize {
    itself!();
    const WANTED: &'static str = u64::WANTED;
    fn parse(text: &str) -> Option<usize> {
        text.parse().ok()
    }
}

impl Value for i32 {
    itself!();
    const WANTED: &'static str = "a whole number of 32 bits";
    fn parse(text: &str) -> Option<i32> {
        text.parse().ok()
    }
}

/// Reads the value of a key.
pub(super) fn parse<T: Value>(key: &str, value: &str) -> Result<T> {
    T::parse(value).ok_or_else(|| Error::invalid(format!("{key}={value}"), format!("it must be {}", T::WANTED)))
}

pub(super) fn unknown(key: &str, keys: &[&str]) -> Error {
    Error::invalid(format!("the setting {key}"), format!("there is none of that name; there are: {}", keys.join(", ")))
}

/// A value that is out of its range.
pub(super) fn out_of_range(key: &str, value: impl std::fmt::Display, why: &str) -> Error {
    Error::invalid(format!("{key}={value}"), why)
}

macro_rules! settings {
    (
        $(#[$about:meta])* $name:ident $(, and $common:ident: $common_type:ident)?;
        $($(#[$doc:meta])* $field:ident: $kind:ty = $default:expr, $key:literal;)*
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $(/// What all clients have.
            pub $common: $common_type,)?
            $(pub(super) $field: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($common: Default::default(),)? $($field: $default,)* }
            }
        }

        impl $name {
            /// The keys of this table.
            pub const KEYS: &[&str] = &[$($key,)*];

            $(
                #[doc = concat!("`", $key, "`:")]
                $(#[$doc])*
                pub fn $field(mut self, value: <$kind as $crate::client::settings::Value>::Given<'_>) -> Self {
                    self.$field = <$kind as $crate::client::settings::Value>::of(value);
                    self
                }
            )*

            /// Sets a key to what a text says.
            pub fn set(&mut self, key: &str, value: &str) -> $crate::client::Result<()> {
                match key {
                    $($key => self.$field = $crate::client::settings::parse(key, value)?,)*
                    $(_ if $common_type::KEYS.contains(&key) => self.$common.set(key, value)?,)?
                    _ => {
                        let keys = [Self::KEYS, $($common_type::KEYS)?].concat();
                        return Err($crate::client::settings::unknown(key, &keys));
                    }
                }
                Ok(())
            }

            /// Sets `KEY=VALUE`, as command lines have it.
            pub fn set_pair(&mut self, pair: &str) -> $crate::client::Result<()> {
                match pair.split_once('=') {
                    Some((key, value)) => self.set(key.trim(), value.trim()),
                    None => Err($crate::client::Error::invalid(pair, "a setting is KEY=VALUE")),
                }
            }
        }
    };
}
pub(super) use settings;

settings! {
    /// What all clients have: where the brokers are, and how long things may take.
    ClientSettings;
    /// brokers to begin with, `host:port` separated by commas; they name the others.
    bootstrap_servers: String = "127.0.0.1:9092".to_string(), "bootstrap.servers";
    /// the name under which the broker logs the client.
    client_id: String = "sendlog".to_string(), "client.id";
    /// how long an answer may take before the connection is given up.
    request_timeout_ms: u64 = 30_000, "request.timeout.ms";
    /// how long a call may take, with all that is tried again.
    default_api_timeout_ms: u64 = 60_000, "default.api.timeout.ms";
    /// the pause before what failed is tried again; it doubles each time.
    retry_backoff_ms: u64 = 100, "retry.backoff.ms";
    /// the longest such pause.
    retry_backoff_max_ms: u64 = 1_000, "retry.backoff.max.ms";
    /// how long a connection may take to be made.
    socket_connection_setup_timeout_ms: u64 = 10_000, "socket.connection.setup.timeout.ms";
    /// after how long brokers and leaders are asked for again.
    metadata_max_age_ms: u64 = 300_000, "metadata.max.age.ms";
}

impl ClientSettings {
    pub fn new(bootstrap_servers: impl Into<String>) -> ClientSettings {
        ClientSettings { bootstrap_servers: bootstrap_servers.into(), ..Default::default() }
    }

    /// The addresses to begin with, as `host:port`.
    pub(super) fn addresses(&self) -> Result<Vec<String>> {
        let text = &self.bootstrap_servers;
        let addresses: Vec<String> = text.split(',').map(|a| a.trim().to_string()).filter(|a| !a.is_empty()).collect();
        let has_port =
            |a: &String| a.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        match addresses.iter().find(|a| !has_port(a)) {
            _ if addresses.is_empty() => {
                Err(out_of_range("bootstrap.servers", text, "it names no broker: HOST:PORT,..."))
            }
            Some(_) => Err(out_of_range("bootstrap.servers", text, "each broker is HOST:PORT, such as 127.0.0.1:9092")),
            None => Ok(addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_set_by_its_name_or_refused_with_it() {
        let mut settings = ClientSettings::default();
        settings.set_pair("request.timeout.ms = 5").unwrap();
        assert_eq!(settings.request_timeout_ms, 5);
        let wrong = settings.set_pair("request.timeout.ms=soon").unwrap_err().to_string();
        assert_eq!(wrong, "request.timeout.ms=soon: it must be a whole number, not negative");
        let unknown = settings.set("linger.sm", "5").unwrap_err().to_string();
        assert!(unknown.contains("linger.sm") && unknown.contains("request.timeout.ms"), "{unknown}");
        assert!(settings.set_pair("acks").unwrap_err().to_string().contains("KEY=VALUE"));
    }

    #[test]
    fn addresses_have_ports() {
        let addresses = |text: &str| ClientSettings::new(text).addresses();
        assert_eq!(addresses("a:1, [::1]:2,").unwrap(), ["a:1", "[::1]:2"]);
        for wrong in ["", "localhost", "a:1,b", ":9092", "a:99999"] {
            assert!(addresses(wrong).unwrap_err().to_string().contains("HOST:PORT"), "{wrong}");
        }
    }
}
