//! Kafka's own metadata: the records of `__cluster_metadata`, which say what topics there are (KRaft, KIP-500, KIP-631).
//!
//! A record's value is `frame version 1, api key, version` as unsigned varints, then the fields of a flexible message: the
//! schemas are Kafka's `metadata/src/main/resources/common/metadata`. They lie in ordinary batches, in a log or in a snapshot
//! file, whose first and last records are control records.
//!
//! Kafka copies every record of `bootstrap.checkpoint` into its metadata log when it starts for the first time. That
//! is the door through which it takes over a directory that another program has written ([`super::graduate`]).
//!
//! Where Kafka has run, its metadata is read back from its log ([`metadata_log`]): the way in ([`super::takeover`]).
//!
//! Always true: what is written here is what Kafka 4.1 (metadata version 27) writes itself, field by field.
//! Not done: other records than those that a directory needs to be taken over.

mod change;
mod fields;
pub mod image;
pub mod metadata_log;
mod reader;
mod snapshot;

pub use metadata_log::Mark;
pub use snapshot::{bootstrap, voters, BOOTSTRAP_FILE, METADATA_FOLDER, VOTERS_FILE};

use crate::base::Uuid;
use fields::Fields;

/// `metadata.version` of Kafka 4.1.
pub const METADATA_VERSION: i16 = 27;
/// The Kafka whose metadata is read and written here.
pub const NEWEST_KAFKA: &str = "4.1";
/// What the metadata of one broker says of all its partitions: nobody leads yet, so that Kafka elects at its first start.
const NO_LEADER: i32 = -1;

/// One change of the metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MetadataRecord {
    Feature {
        name: &'static str,
        level: i16,
    },
    Topic {
        name: String,
        id: Uuid,
    },
    Partition {
        number: i32,
        topic: Uuid,
        node: i32,
        directory: Uuid,
        leader_epoch: i32,
    },
    TopicConfig {
        topic: String,
        key: String,
        value: String,
    },
    /// Of one broker, or with an empty name of all.
    BrokerConfig {
        broker: String,
        key: String,
        value: String,
    },
    ProducerIds {
        next: i64,
    },
}

impl MetadataRecord {
    /// The features of a cluster that Kafka 4.1 makes, in the order in which it writes them. Without
    /// `eligible.leader.replicas.version`: with it, a partition without a leader would never get one.
    pub fn features() -> [MetadataRecord; 3] {
        [("metadata.version", METADATA_VERSION), ("group.version", 1), ("transaction.version", 2)]
            .map(|(name, level)| MetadataRecord::Feature { name, level })
    }

    /// The record's value.
    pub fn encode(&self) -> Vec<u8> {
        const FEATURE: (u64, u64) = (12, 0);
        const TOPIC: (u64, u64) = (2, 0);
        const PARTITION: (u64, u64) = (3, 1);
        const CONFIG: (u64, u64) = (4, 0);
        const PRODUCER_IDS: (u64, u64) = (15, 0);
        let mut fields = Fields::default();
        match self {
            MetadataRecord::Feature { name, level } => fields.frame(FEATURE).text(name).i16(*level),
            MetadataRecord::Topic { name, id } => fields.frame(TOPIC).text(name).uuid(*id),
            MetadataRecord::Partition { number, topic, node, directory, leader_epoch } => {
                let replicas = |fields: &mut Fields| {
                    fields.count(1).i32(*node);
                };
                fields.frame(PARTITION).i32(*number).uuid(*topic);
                replicas(&mut fields); // all
                replicas(&mut fields); // in sync
                fields.count(0).count(0); // to be removed, to be added
                fields.i32(NO_LEADER).i32(*leader_epoch).i32(0); // leader, its epoch, the partition's epoch
                fields.count(1).uuid(*directory)
            }
            MetadataRecord::TopicConfig { topic, key, value } => {
                fields.frame(CONFIG).i8(2).text(topic).text(key).text(value)
            }
            MetadataRecord::BrokerConfig { broker, key, value } => {
                fields.frame(CONFIG).i8(4).text(broker).text(key).text(value)
            }
            // Nobody holds the block before the next one.
            MetadataRecord::ProducerIds { next } => fields.frame(PRODUCER_IDS).i32(-1).i64(-1).i64(*next),
        };
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(record: &MetadataRecord) -> String {
        record.encode().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Bytes that Kafka 4.1.0 wrote.
    #[test]
    fn records_are_kafkas_byte_by_byte() {
        assert_eq!(hex(&MetadataRecord::features()[0]), "010c00116d657461646174612e76657273696f6e001b00");
        let id = Uuid([7; 16]);
        let topic = MetadataRecord::Topic { name: "orders".to_string(), id };
        assert_eq!(hex(&topic), format!("010200076f7264657273{}00", id.hex()));
        let config = MetadataRecord::TopicConfig {
            topic: "orders".to_string(),
            key: "max.message.bytes".to_string(),
            value: "2000000".to_string(),
        };
        assert_eq!(hex(&config), "01040002076f7264657273126d61782e6d6573736167652e6279746573083230303030303000");
        let directory = Uuid([9; 16]);
        let partition = MetadataRecord::Partition { number: 0, topic: id, node: 1, directory, leader_epoch: 4 };
        let (id, directory) = (id.hex(), directory.hex());
        assert_eq!(
            hex(&partition),
            format!("01030100000000{id}020000000102000000010101ffffffff000000040000000002{directory}00")
        );
        let ids = MetadataRecord::ProducerIds { next: 1000 };
        assert_eq!(hex(&ids), "010f00ffffffffffffffffffffffff00000000000003e800");
    }
}
