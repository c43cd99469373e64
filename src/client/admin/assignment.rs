//! What a member of a consumer group was given to read, as its group's leader wrote it (Kafka's
//! `ConsumerProtocolAssignment`), which brokers hand on without reading it.
//!
//! ```text
//! version     i16, 0 to 3
//! topics      i32 count, each:  name  i16 length and text
//!                               partitions  i32 count, each i32
//! user data   i32 length (-1: none) and bytes
//! ```
//!
//! Always true: bytes that are not of this form give nothing.
//! Not done: only what members are given is read, no user data.

use crate::base::TopicPartition;

/// The partitions in an assignment.
pub fn read_assignment(bytes: &[u8]) -> Option<Vec<TopicPartition>> {
    let (_version, mut rest) = bytes.split_first_chunk::<2>()?;
    let mut partitions = Vec::new();
    for _ in 0..read_i32(&mut rest)? {
        let topic = read_text(&mut rest)?;
        for _ in 0..read_i32(&mut rest)? {
            partitions.push(TopicPartition { topic: topic.clone(), partition: read_i32(&mut rest)? });
        }
    }
    Some(partitions)
}

pub(in crate::client) fn read_i32(rest: &mut &[u8]) -> Option<i32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(i32::from_be_bytes(*number))
}

pub(in crate::client) fn read_text(rest: &mut &[u8]) -> Option<String> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
    let (text, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_read_and_torn_bytes_give_nothing() {
        let bytes = [0, 1, 0, 0, 0, 1, 0, 2, b'a', b'b', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff];
        let found = read_assignment(&bytes).unwrap();
        assert_eq!(found.iter().map(|p| p.to_string()).collect::<Vec<_>>(), ["ab-0", "ab-7"]);
        assert!((0..22).all(|length| read_assignment(&bytes[..length]).is_none()));
        assert_eq!(read_assignment(&[]), None);
    }
}
