//! The records of `__consumer_offsets`, in Kafka's own format (`OffsetCommitKey`, `GroupMetadataValue`).
//!
//! Key: i16 type. 1 (and 0): str group, str topic, i32 partition; value v3: i64 offset, i32 leader epoch, str metadata,
//! i64 commit timestamp; v1, written for a client that says how long to keep it: i64 offset, str metadata, i64 commit
//! timestamp, i64 expiry timestamp; v0, v2 and v4 are read. 2: str group; value v3: str protocol type, i32 generation,
//! str? protocol, str? leader, i64 state timestamp, members; v0 to v4 are read. No value: a tombstone, the key is gone.
//! In v4 of both, lengths are varints, and tagged fields end each structure (KIP-482).
//!
//! Always true: what is written, Kafka can decode: one record that it cannot decode kills every group there, and here.
//! Not done: types of newer group protocols are skipped.

use crate::base::Offset;
use crate::group::member::{Member, Protocol, Waits};
use crate::group::slots::SlotKey;

/// Key and value; no value is a tombstone.
pub type Record = (Vec<u8>, Option<Vec<u8>>);

/// What a record is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    Offset { group: String, topic: String, partition: i32 },
    Group { group: String },
}

/// An offset that a group has committed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Committed {
    pub offset: Offset,
    /// -1: not known.
    pub leader_epoch: i32,
    pub metadata: String,
    pub timestamp_ms: i64,
    /// ms since 1970, from clients that say how long to keep it (OffsetCommit 2 to 4); the leader epoch is not kept then.
    pub expires_ms: Option<i64>,
}

/// What survives of a group that has members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupRecord {
    pub protocol_type: String,
    pub generation: i32,
    pub protocol: Option<String>,
    pub leader: Option<String>,
    pub state_since_ms: i64,
    pub members: Vec<Member>,
}

struct Writer(Vec<u8>);

impl Writer {
    fn i16(&mut self, value: i16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn i32(&mut self, value: i32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// Texts come from the protocol, which has no longer ones.
    fn text(&mut self, text: Option<&str>) {
        match text {
            None => self.i16(-1),
            Some(text) => {
                self.i16(i16::try_from(text.len()).expect("a text of the protocol"));
                self.0.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.i32(i32::try_from(bytes.len()).expect("shorter than a request"));
        self.0.extend_from_slice(bytes);
    }
}

impl Key {
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer(Vec::new());
        match self {
            Key::Offset { group, topic, partition } => {
                writer.i16(1);
                writer.text(Some(group));
                writer.text(Some(topic));
                writer.i32(*partition);
            }
            Key::Group { group } => {
                writer.i16(2);
                writer.text(Some(group));
            }
        }
        writer.0
    }

    /// Whether the key is of a type that this broker keeps.
    pub fn is_known(bytes: &[u8]) -> bool {
        Reader::new(bytes).i16().is_some_and(|kind| (0..=2).contains(&kind))
    }

    /// `None` for a type that is not known, or a torn key.
    pub fn decode(bytes: &[u8]) -> Option<Key> {
        let mut reader = Reader::new(bytes);
        match reader.i16()? {
            0 | 1 => {
                let (group, topic) = (reader.text()??, reader.text()??);
                Some(Key::Offset { group, topic, partition: reader.i32()? })
            }
            2 => Some(Key::Group { group: reader.text()?? }),
            _ => None,
        }
    }
}

/// The end of a committed offset.
pub fn tombstone(group: &str, (topic, partition): &SlotKey) -> Record {
    let key = Key::Offset { group: group.to_string(), topic: topic.clone(), partition: *partition };
    (key.encode(), None)
}

impl Committed {
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer(Vec::new());
        writer.i16(if self.expires_ms.is_some() { 1 } else { 3 });
        writer.i64(self.offset.0);
        if self.expires_ms.is_none() {
            writer.i32(self.leader_epoch);
        }
        writer.text(Some(&self.metadata));
        writer.i64(self.timestamp_ms);
        self.expires_ms.into_iter().for_each(|expires_ms| writer.i64(expires_ms));
        writer.0
    }

    pub fn decode(bytes: &[u8]) -> Option<Committed> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16().filter(|version| (0..=4).contains(version))?;
        let offset = Offset(reader.i64()?);
        let leader_epoch = if version >= 3 { reader.i32()? } else { -1 };
        reader.is_flexible = version >= 4;
        let metadata = reader.text()??;
        let timestamp_ms = reader.i64()?;
        let expires_ms = if version == 1 { Some(reader.i64()?).filter(|ms| *ms != -1) } else { None };
        Some(Committed { offset, leader_epoch, metadata, timestamp_ms, expires_ms })
    }
}

impl GroupRecord {
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer(Vec::new());
        writer.i16(3);
        writer.text(Some(&self.protocol_type));
        writer.i32(self.generation);
        writer.text(self.protocol.as_deref());
        writer.text(self.leader.as_deref());
        writer.i64(self.state_since_ms);
        writer.i32(i32::try_from(self.members.len()).expect("groups are smaller"));
        let protocol = self.protocol.as_deref().unwrap_or_default();
        for member in &self.members {
            writer.text(Some(&member.id));
            writer.text(member.instance_id.as_deref());
            writer.text(Some(&member.client_id));
            writer.text(Some(&member.client_host));
            writer.i32(member.rebalance_timeout_ms as i32);
            writer.i32(member.session_timeout_ms as i32);
            writer.bytes(&member.metadata(protocol));
            writer.bytes(&member.assignment);
        }
        writer.0
    }

    /// A member's session begins anew at `now_ms`.
    pub fn decode(bytes: &[u8], now_ms: i64) -> Option<GroupRecord> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16().filter(|version| (0..=4).contains(version))?;
        reader.is_flexible = version >= 4;
        let protocol_type = reader.text()??;
        let generation = reader.i32()?;
        let (protocol, leader) = (reader.text()?, reader.text()?);
        let state_since_ms = if version >= 2 { reader.i64()? } else { -1 };
        let mut members = Vec::new();
        for _ in 0..reader.count()? {
            let name = protocol.clone().unwrap_or_default();
            members.push(reader.member(version, &name, now_ms)?);
            reader.tags()?;
        }
        reader.tags()?;
        Some(GroupRecord { protocol_type, generation, protocol, leader, state_since_ms, members })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    is_flexible: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, is_flexible: false }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(head)
    }

    fn unsigned(&mut self) -> Option<i64> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.take(1)?[0];
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A length or a count; -1 is null.
    fn length(&mut self, plain: impl Fn(&mut Self) -> Option<i64>) -> Option<i64> {
        match self.is_flexible {
            true => Some(self.unsigned()? - 1),
            false => plain(self),
        }
    }

    fn count(&mut self) -> Option<i64> {
        self.length(|reader| reader.i32().map(i64::from))
    }

    /// What a newer version may say at the end of a structure is passed over.
    fn tags(&mut self) -> Option<()> {
        let count = if self.is_flexible { self.unsigned()? } else { 0 };
        for _ in 0..count {
            let _tag = self.unsigned()?;
            let size = self.unsigned()?;
            self.take(usize::try_from(size).ok()?)?;
        }
        Some(())
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn i64(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    /// The outer `None` is torn, the inner one null.
    fn text(&mut self) -> Option<Option<String>> {
        match self.length(|reader| reader.i16().map(i64::from))? {
            -1 => Some(None),
            length => Some(Some(String::from_utf8_lossy(self.take(usize::try_from(length).ok()?)?).into_owned())),
        }
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.count()?).ok()?;
        Some(self.take(length)?.to_vec())
    }

    fn member(&mut self, version: i16, protocol: &str, now_ms: i64) -> Option<Member> {
        let id = self.text()??;
        let instance_id = if version >= 3 { self.text()? } else { None };
        let (client_id, client_host) = (self.text()??, self.text()??);
        let rebalance_timeout_ms = if version >= 1 { Some(i64::from(self.i32()?)) } else { None };
        let session_timeout_ms = i64::from(self.i32()?);
        let metadata = self.bytes()?;
        let assignment = self.bytes()?;
        Some(Member {
            id,
            instance_id,
            client_id,
            client_host,
            session_timeout_ms,
            rebalance_timeout_ms: rebalance_timeout_ms.unwrap_or(session_timeout_ms),
            protocols: vec![Protocol { name: protocol.to_string(), metadata }],
            assignment,
            session_ends_ms: now_ms + session_timeout_ms,
            waits: Waits::No,
            is_new: false,
            has_synced: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let text: String = text.split_whitespace().collect();
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    /// Bytes that Kafka 4.1 wrote.
    #[test]
    fn kafkas_own_records_are_read() {
        let key = hex("0001 0009 672d636c6173736963 0006 6f7264657273 00000001");
        let group = "g-classic".to_string();
        let expected = Key::Offset { group: group.clone(), topic: "orders".to_string(), partition: 1 };
        assert_eq!(Key::decode(&key), Some(expected.clone()));
        assert_eq!(expected.encode(), key);
        let value = hex("0004 00000000000001f4 00000000 01 000001a2079fd831 00");
        let committed = Committed::decode(&value).unwrap();
        assert_eq!((committed.offset, committed.leader_epoch, committed.metadata.as_str()), (Offset(500), 0, ""));
        assert_eq!(Key::decode(&hex("0002 0009 672d636c6173736963")), Some(Key::Group { group }));
        let flexible = hex("0004 09636f6e73756d6572 00000004 0672616e6765 04 6d2d31 0000000000000005 02
            04 6d2d31 00 02 63 02 68 0000ea60 00002710 03 0102 02 03 00 00");
        let group = GroupRecord::decode(&flexible, 5).unwrap();
        assert_eq!(
            (group.protocol.as_deref(), group.leader.as_deref(), group.generation),
            (Some("range"), Some("m-1"), 4)
        );
        assert_eq!((group.members[0].id.as_str(), group.members[0].assignment.as_slice()), ("m-1", &[3][..]));
        let empty = hex("0003 0000 00000000 ffff ffff 000001a2079fd789 00000000");
        assert!(GroupRecord::decode(&empty, 0).unwrap().members.is_empty());
    }

    #[test]
    fn records_round_trip_and_every_prefix_is_torn() {
        let metadata = "m".to_string();
        let committed = Committed { offset: Offset(7), leader_epoch: 3, metadata, timestamp_ms: 9, expires_ms: None };
        assert_eq!(Committed::decode(&committed.encode()), Some(committed.clone()));
        let expiring = Committed { leader_epoch: -1, expires_ms: Some(99), ..committed.clone() };
        assert_eq!(Committed::decode(&expiring.encode()), Some(expiring.clone()));
        let member = Member {
            id: "m-1".to_string(),
            instance_id: Some("i".to_string()),
            client_id: "c".to_string(),
            client_host: "/127.0.0.1".to_string(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocols: vec![Protocol { name: "range".to_string(), metadata: vec![1, 2] }],
            assignment: vec![3],
            session_ends_ms: 15_000,
            waits: Waits::No,
            is_new: false,
            has_synced: true,
        };
        let group = GroupRecord {
            protocol_type: "consumer".to_string(),
            generation: 4,
            protocol: Some("range".to_string()),
            leader: Some("m-1".to_string()),
            state_since_ms: 5,
            members: vec![member],
        };
        let bytes = group.encode();
        assert_eq!(GroupRecord::decode(&bytes, 5_000), Some(group));
        for length in 0..bytes.len() {
            assert_eq!(GroupRecord::decode(&bytes[..length], 0), None, "{length}");
        }
        for bytes in [committed.encode(), expiring.encode()] {
            for length in 0..bytes.len() {
                assert_eq!(Committed::decode(&bytes[..length]), None, "{length}");
            }
        }
    }
}
