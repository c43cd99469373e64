//! Which topics a consumer says it reads: the one look into what members bring.
//!
//! The metadata of protocol type `consumer` begins, in every version: i16 version, i32 count, and that many topics, each
//! i16 length and text (Kafka's `ConsumerProtocolSubscription`). What follows differs by version and is not read.
//!
//! Always true: bytes that are not of this form are no error; nothing is known of them.
//! Not done: partitions that a member names, racks and user data are not read.

use std::collections::BTreeSet;

use crate::group::state::Group;

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";

impl Group {
    pub fn is_of_consumers(&self) -> bool {
        self.protocol_type() == Some(CONSUMER)
    }

    /// The topics that somebody in the group reads, as far as every member says so.
    fn subscribed_topics(&self) -> Option<BTreeSet<String>> {
        let protocol = self.protocol()?;
        let mut topics = BTreeSet::new();
        for member in self.members() {
            topics.extend(decode(&member.metadata(protocol))?);
        }
        Some(topics)
    }

    /// Whether a member may be reading this topic: if nobody knows, a group of consumers may.
    pub fn may_read(&self, topic: &str) -> bool {
        let has_members = self.members().next().is_some();
        has_members && self.is_of_consumers() && self.subscribed_topics().is_none_or(|topics| topics.contains(topic))
    }
}

fn decode(metadata: &[u8]) -> Option<Vec<String>> {
    let (_version, rest) = metadata.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut topics = Vec::new();
    for _ in 0..i32::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let (name, after) = after.split_at_checked(length)?;
        topics.push(String::from_utf8_lossy(name).into_owned());
        rest = after;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 1 of librdkafka: topics, no user data, no owned partitions.
    const BYTES: &[u8] = &[0, 1, 0, 0, 0, 2, 0, 1, b'a', 0, 2, b'b', b'b', 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn topics_are_read_and_torn_bytes_say_nothing() {
        assert_eq!(decode(BYTES), Some(vec!["a".to_string(), "bb".to_string()]));
        assert!((0..13).all(|length| decode(&BYTES[..length]).is_none()));
        assert_eq!(decode(&[0, 0, 0, 0, 0, 1, 0xff, 0xff]), None, "a negative length");
        assert_eq!(decode(&[0, 0, 0xff, 0xff, 0xff, 0xff]), Some(Vec::new()), "none at all");
    }
}
