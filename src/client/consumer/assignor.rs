//! Who of a group reads what: the range assignor, and the bytes in which members and their leader say it.
//!
//! Each topic by itself: its partitions in a row, its readers by their ids; each gets the same number, the first ones one
//! more if it does not come out even. With two topics of as many partitions, a member reads the same numbers of both.
//!
//! ```text
//! subscription  i16 version 0, topics: i32 count, each i16 length and text; user data: i32 length -1
//! assignment    see read_assignment
//! ```
//!
//! Always true: every partition of a topic that somebody reads is given to exactly one reader; the same members and
//! topics give the same answer, whoever leads.
//! Not done: no other strategy: range is what every client knows.

use std::collections::BTreeMap;

use crate::base::TopicPartition;
use crate::client::admin::{read_i32, read_text};

/// The name of the protocol.
pub const RANGE: &str = "range";

/// A member's partitions, by its id. `members`: ids and the topics that each reads, `counts`: each topic's partitions.
pub fn assign(
    members: &[(String, Vec<String>)],
    counts: &BTreeMap<String, usize>,
) -> BTreeMap<String, Vec<TopicPartition>> {
    let mut assigned: BTreeMap<_, _> = members.iter().map(|(id, _)| (id.clone(), Vec::new())).collect();
    for (topic, count) in counts {
        let mut readers: Vec<&String> =
            members.iter().filter(|(_, topics)| topics.contains(topic)).map(|(id, _)| id).collect();
        readers.sort();
        let mut next = 0;
        for (place, reader) in readers.iter().enumerate() {
            let share = count / readers.len() + usize::from(place < count % readers.len());
            let partitions = (next..next + share).map(|p| TopicPartition { topic: topic.clone(), partition: p as i32 });
            assigned.entry(reader.to_string()).or_default().extend(partitions);
            next += share;
        }
    }
    assigned
}

pub fn write_subscription(topics: &[String]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend((topics.len() as i32).to_be_bytes());
    topics.iter().for_each(|topic| write_text(&mut bytes, topic));
    bytes.extend((-1i32).to_be_bytes());
    bytes
}

/// The topics of a subscription, in any version: what follows them differs.
pub fn read_subscription(bytes: &[u8]) -> Option<Vec<String>> {
    let (_version, mut rest) = bytes.split_first_chunk::<2>()?;
    (0..read_i32(&mut rest)?).map(|_| read_text(&mut rest)).collect()
}

pub fn write_assignment(partitions: &[TopicPartition]) -> Vec<u8> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    partitions.iter().for_each(|p| topics.entry(&p.topic).or_default().push(p.partition));
    let mut bytes = vec![0, 0];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for (topic, partitions) in topics {
        write_text(&mut bytes, topic);
        bytes.extend((partitions.len() as i32).to_be_bytes());
        partitions.iter().for_each(|partition| bytes.extend(partition.to_be_bytes()));
    }
    bytes.extend((-1i32).to_be_bytes());
    bytes
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as i16).to_be_bytes());
    bytes.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::admin::read_assignment;

    #[test]
    fn partitions_are_shared_out_in_ranges() {
        let member = |id: &str, topics: &[&str]| (id.to_string(), topics.iter().map(|t| t.to_string()).collect());
        let members = [member("c", &["t", "u"]), member("a", &["t"]), member("b", &["t"]), member("d", &["none"])];
        let counts = [("t".to_string(), 7), ("u".to_string(), 2)].into();
        let text = |id: &str| {
            let partitions = &assign(&members, &counts)[id];
            partitions.iter().map(|p| p.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((text("a").as_str(), text("b").as_str()), ("t-0 t-1 t-2", "t-3 t-4"));
        assert_eq!((text("c").as_str(), text("d").as_str()), ("t-5 t-6 u-0 u-1", ""));
    }

    #[test]
    fn what_is_written_is_read() {
        let topics = vec!["a".to_string(), "bb".to_string()];
        assert_eq!(read_subscription(&write_subscription(&topics)), Some(topics));
        let partitions: Vec<_> = [("a", 0), ("a", 2), ("b", 1)]
            .map(|(topic, partition)| TopicPartition { topic: topic.to_string(), partition })
            .into();
        assert_eq!(read_assignment(&write_assignment(&partitions)), Some(partitions));
        assert_eq!(read_subscription(&[0, 0, 0, 0, 0, 9]), None);
    }
}
