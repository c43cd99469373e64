//! Topic, cluster and directory ids: 16 bytes, as text 22 characters of base64url without padding.
//!
//! Kafka's `Uuid.java`: all zero means "none", and ids whose text starts with `-` are avoided,
//! since tools would take them for options.
//!
//! Always true: a text that parses prints as itself; a random id is neither zero nor one that a tool takes for an
//! option.
//! Not done: no versions and variants of RFC 9562: to Kafka an id is 16 bytes.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    pub const ZERO: Uuid = Uuid([0; 16]);

    pub fn is_zero(self) -> bool {
        self == Uuid::ZERO
    }

    /// A version 4 UUID from 16 random bytes; none when its text would start with a dash.
    pub fn from_random(mut bytes: [u8; 16]) -> Option<Uuid> {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        (ALPHABET[usize::from(bytes[0] >> 2)] != b'-').then_some(Uuid(bytes))
    }

    /// 32 hex digits, as Kafka writes an id into the name of a deleted topic's folder.
    pub fn hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The inverse of `Display`; none if the text is not exactly an id.
    pub fn parse(text: &str) -> Option<Uuid> {
        let mut value = 0u128;
        for (i, c) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|a| *a == c)? as u128;
            // 22 digits are 132 bits: the last one holds 2 bits of the id.
            value = if i < 21 { value << 6 | digit } else { value << 2 | digit >> 4 };
        }
        Some(Uuid(value.to_be_bytes())).filter(|id| id.to_string() == text)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        let mut text = String::with_capacity(22);
        for i in 0..22 {
            let digit = if i < 21 { value >> (122 - 6 * i) } else { value << 4 };
            text.push(char::from(ALPHABET[(digit & 63) as usize]));
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_kafka_writes() {
        // The id of Kafka's own metadata topic is 1.
        let mut one = [0; 16];
        one[15] = 1;
        assert_eq!(Uuid(one).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAQ"), Some(Uuid(one)));
    }

    #[test]
    fn parse_refuses_what_display_never_writes() {
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAA=", "ÄAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Uuid::parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn text_round_trips(bytes: [u8; 16]) {
            proptest::prop_assert_eq!(Uuid::parse(&Uuid(bytes).to_string()), Some(Uuid(bytes)));
        }
    }
}
