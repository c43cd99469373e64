//! Kafka's metadata put together: which topics there are, as far as one broker cares.
//!
//! Always true: changes are taken in, in the order of their log, and one that speaks of a topic that is gone changes nothing.
//! Not done: nothing is judged; [`crate::topic`] says what of it can be served.

use std::collections::BTreeMap;

use super::change::{Change, Epoch, PartitionChange};
use crate::base::Uuid;

/// `type` of a ConfigRecord.
pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Image {
    pub features: BTreeMap<String, i16>,
    pub topics: BTreeMap<Uuid, Topic>,
    /// By type and name of what they are set on; a broker's name is its id, or nothing for all brokers.
    pub configs: BTreeMap<(i8, String), BTreeMap<String, String>>,
    pub next_producer_id: i64,
    pub has_broker: bool,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Topic {
    pub name: String,
    pub partitions: BTreeMap<i32, Partition>,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Partition {
    pub replicas: Vec<i32>,
    pub directories: Vec<Uuid>,
    pub leader_epoch: i32,
}

impl Image {
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Feature { name, level } => drop(self.features.insert(name, level)),
            Change::Topic { name, id } => drop(self.topics.insert(id, Topic { name, ..Topic::default() })),
            Change::RemoveTopic { id } => {
                if let Some(topic) = self.topics.remove(&id) {
                    self.configs.remove(&(TOPIC, topic.name));
                }
            }
            Change::Partition(change) => self.apply_partition(change),
            Change::Config { kind, resource, key, value } => {
                let set = self.configs.entry((kind, resource)).or_default();
                match value {
                    Some(value) => drop(set.insert(key, value)),
                    None => drop(set.remove(&key)),
                }
            }
            Change::ProducerIds { next } => self.next_producer_id = next,
            Change::Broker => self.has_broker = true,
            Change::Begin | Change::End | Change::Abort | Change::Other => {}
        }
    }

    fn apply_partition(&mut self, change: PartitionChange) {
        // Of a topic that is gone nothing matters.
        let Some(topic) = self.topics.get_mut(&change.topic) else { return };
        let partition = topic.partitions.entry(change.number).or_default();
        partition.leader_epoch = match change.epoch {
            Epoch::Is(epoch) => epoch,
            Epoch::Raised => partition.leader_epoch + 1,
            Epoch::Same => partition.leader_epoch,
        };
        if let Some(replicas) = change.replicas {
            partition.replicas = replicas;
        }
        if let Some(directories) = change.directories {
            partition.directories = directories;
        }
    }

    /// The highest leader epoch that any partition had.
    pub fn leader_epoch(&self) -> i32 {
        let partitions = self.topics.values().flat_map(|topic| topic.partitions.values());
        partitions.map(|partition| partition.leader_epoch).max().unwrap_or(0)
    }
}
