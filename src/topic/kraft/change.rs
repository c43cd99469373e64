//! What a record of Kafka's metadata says, as far as one broker cares: the inverse of [`super::MetadataRecord::encode`], for
//! whatever Kafka itself has written.
//!
//! Always true: a record that may speak of topics and cannot be read is an error with its name and version, and never
//! passed over. Those that speak of quotas, users, controllers and the like are [`Change::Other`].
//! Not done: who leads a partition and who is in sync: there is one broker.

use super::reader::Reader;
use crate::base::Uuid;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    Feature {
        name: String,
        level: i16,
    },
    Topic {
        name: String,
        id: Uuid,
    },
    RemoveTopic {
        id: Uuid,
    },
    Partition(PartitionChange),
    /// Of a topic (2) or a broker (4); no value: back to the default.
    Config {
        kind: i8,
        resource: String,
        key: String,
        value: Option<String>,
    },
    ProducerIds {
        next: i64,
    },
    /// A broker has come: it holds its directory by then.
    Broker,
    /// The records up to the end count as one, or not at all.
    Begin,
    End,
    Abort,
    Other,
}

/// A partition as it is made, or what changes of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionChange {
    pub topic: Uuid,
    pub number: i32,
    pub replicas: Option<Vec<i32>>,
    /// One for each replica; before metadata.version 3.7-IV2 there were none.
    pub directories: Option<Vec<Uuid>>,
    pub epoch: Epoch,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Epoch {
    /// The leader epoch.
    Is(i32),
    /// Another leader: one more.
    Raised,
    Same,
}

/// The tags of a PartitionChangeRecord.
const LEADER: u64 = 1;
const REPLICAS: u64 = 2;
const DIRECTORIES: u64 = 8;

impl Change {
    /// The error says which record it is.
    pub fn decode(value: &[u8]) -> Result<Change, String> {
        let mut reader = Reader(value);
        let Some((api_key, version)) = head(&mut reader) else {
            return Err("a record in an unknown frame".to_string());
        };
        let (name, newest) = match api_key {
            0 => ("RegisterBrokerRecord", 3),
            2 => ("TopicRecord", 0),
            3 => ("PartitionRecord", 2),
            4 => ("ConfigRecord", 0),
            5 => ("PartitionChangeRecord", 2),
            9 => ("RemoveTopicRecord", 0),
            12 => ("FeatureLevelRecord", 0),
            15 => ("ProducerIdsRecord", 0),
            23 => ("BeginTransactionRecord", 0),
            24 => ("EndTransactionRecord", 0),
            25 => ("AbortTransactionRecord", 0),
            _ => return Ok(Change::Other),
        };
        if version > newest {
            return Err(format!("a {name} of version {version}, where {newest} is the newest that is known"));
        }
        let change = read(&mut reader, api_key, version);
        change.ok_or_else(|| format!("a {name} that is torn"))
    }
}

/// Which record it is, and in which version.
fn head(reader: &mut Reader) -> Option<(u64, u64)> {
    let frame = reader.unsigned()?;
    let head = (reader.unsigned()?, reader.unsigned()?);
    (frame == 1).then_some(head)
}

fn read(reader: &mut Reader, api_key: u64, version: u64) -> Option<Change> {
    Some(match api_key {
        0 => Change::Broker,
        2 => Change::Topic { name: reader.text()?, id: reader.uuid()? },
        3 => Change::Partition(read_partition(reader, version)?),
        4 => Change::Config {
            kind: reader.i8()?,
            resource: reader.text()?,
            key: reader.text()?,
            value: reader.nullable_text()?,
        },
        5 => Change::Partition(read_partition_change(reader)?),
        9 => Change::RemoveTopic { id: reader.uuid()? },
        12 => Change::Feature { name: reader.text()?, level: reader.i16()? },
        15 => {
            let (_broker, _epoch) = (reader.i32()?, reader.i64()?);
            Change::ProducerIds { next: reader.i64()? }
        }
        23 => Change::Begin,
        24 => Change::End,
        25 => Change::Abort,
        _ => Change::Other,
    })
}

fn read_partition(reader: &mut Reader, version: u64) -> Option<PartitionChange> {
    let (number, topic) = (reader.i32()?, reader.uuid()?);
    let replicas = reader.list(Reader::i32)?;
    for _in_sync_removing_adding in 0..3 {
        reader.list(Reader::i32)?;
    }
    let _leader = reader.i32()?;
    let epoch = Epoch::Is(reader.i32()?);
    let _partition_epoch = reader.i32()?;
    let directories = if version >= 1 { Some(reader.list(Reader::uuid)?) } else { None };
    Some(PartitionChange { topic, number, replicas: Some(replicas), directories, epoch })
}

fn read_partition_change(reader: &mut Reader) -> Option<PartitionChange> {
    let (number, topic) = (reader.i32()?, reader.uuid()?);
    let mut change = PartitionChange { topic, number, replicas: None, directories: None, epoch: Epoch::Same };
    for (tag, mut value) in reader.tags()? {
        match tag {
            LEADER => change.epoch = Epoch::Raised,
            REPLICAS => change.replicas = Some(value.list(Reader::i32)?),
            DIRECTORIES => change.directories = Some(value.list(Reader::uuid)?),
            _ => {}
        }
    }
    Some(change)
}

#[cfg(test)]
mod tests {
    use super::super::MetadataRecord;
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let hex: String = hex.split_whitespace().collect();
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn what_the_way_out_writes_is_read_back() {
        let id = Uuid([7; 16]);
        let directory = Uuid([9; 16]);
        let config = |value: Option<&str>| Change::Config {
            kind: 2,
            resource: "t".to_string(),
            key: "retention.ms".to_string(),
            value: value.map(str::to_string),
        };
        for (record, expected) in [
            (
                MetadataRecord::features()[0].clone(),
                Change::Feature { name: "metadata.version".to_string(), level: 27 },
            ),
            (MetadataRecord::Topic { name: "t".to_string(), id }, Change::Topic { name: "t".to_string(), id }),
            (
                MetadataRecord::Partition { number: 3, topic: id, node: 1, directory, leader_epoch: 4 },
                Change::Partition(PartitionChange {
                    topic: id,
                    number: 3,
                    replicas: Some(vec![1]),
                    directories: Some(vec![directory]),
                    epoch: Epoch::Is(4),
                }),
            ),
            (
                MetadataRecord::TopicConfig {
                    topic: "t".to_string(),
                    key: "retention.ms".to_string(),
                    value: "5".to_string(),
                },
                config(Some("5")),
            ),
            (MetadataRecord::ProducerIds { next: 1000 }, Change::ProducerIds { next: 1000 }),
        ] {
            let value = record.encode();
            assert_eq!(Change::decode(&value), Ok(expected));
            for length in 3..value.len() - 1 {
                assert!(Change::decode(&value[..length]).is_err(), "{record:?} cut at {length}");
            }
        }
    }

    /// Bytes that Kafka 4.1.0 wrote.
    #[test]
    fn kafkas_own_records_are_read() {
        let id = "07".repeat(16);
        let dir = "09".repeat(16);
        let partition =
            format!("0103 02 00000000 {id} 02 00000001 02 00000001 01 01 00000001 00000002 00000005 02 {dir} 00");
        assert_eq!(
            Change::decode(&bytes(&partition)),
            Ok(Change::Partition(PartitionChange {
                topic: Uuid([7; 16]),
                number: 0,
                replicas: Some(vec![1]),
                directories: Some(vec![Uuid([9; 16])]),
                epoch: Epoch::Is(2),
            }))
        );
        let leader = format!("0105 02 00000004 {id} 02 00 05 02 00000001 01 04 00000001");
        let Ok(Change::Partition(change)) = Change::decode(&bytes(&leader)) else { panic!("{leader}") };
        assert_eq!((change.number, change.epoch, change.replicas), (4, Epoch::Raised, None));
        assert_eq!(Change::decode(&bytes("0117 00 01 00 12 12 426f6f747374726170207265636f726473")), Ok(Change::Begin));
        assert_eq!(Change::decode(&bytes("0118 00 00")), Ok(Change::End));
        assert_eq!(Change::decode(&bytes("0114 00 00")), Ok(Change::Other), "NoOpRecord");
        let ids = bytes("010f 00 00000001 0000000000000009 00000000000003e8 00");
        assert_eq!(Change::decode(&ids), Ok(Change::ProducerIds { next: 1000 }));
    }

    #[test]
    fn a_newer_version_is_named() {
        let error = Change::decode(&bytes("0103 03 00")).unwrap_err();
        assert!(error.contains("PartitionRecord of version 3"), "{error}");
    }
}
