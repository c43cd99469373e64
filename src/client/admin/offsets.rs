//! Offsets of partitions: found by place or time, and records deleted before one.
//!
//! Always true: each partition is asked at its leader, and has an answer of its own.
//! Not done: no answer is remembered: what a partition begins and ends with changes.

use std::collections::BTreeMap;

use super::topics::timeout_ms;
use super::{by_topic, Admin, AsPartition, Each};
use crate::base::TopicPartition;
use crate::client::cluster::Cluster;
use crate::client::error::{check, Error, Result};
use crate::wire::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use crate::wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic, EARLIEST, LATEST, MAX_TIMESTAMP};
use crate::wire::messages::{DeleteRecordsRequest, ListOffsetsRequest};

/// Which offset is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetSpec {
    /// The first that there is.
    Earliest,
    /// The one that the next record will get.
    Latest,
    /// Of the record with the largest timestamp.
    MaxTimestamp,
    /// Of the first record with this timestamp or a later one; ms since 1970.
    Timestamp(i64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListedOffset {
    /// -1: no record has such a timestamp.
    pub offset: i64,
    /// Of that record; -1 if it was asked for by place.
    pub timestamp_ms: i64,
    pub leader_epoch: i32,
}

impl OffsetSpec {
    fn number(self) -> i64 {
        match self {
            OffsetSpec::Earliest => EARLIEST,
            OffsetSpec::Latest => LATEST,
            OffsetSpec::MaxTimestamp => MAX_TIMESTAMP,
            OffsetSpec::Timestamp(ms) => ms.max(0),
        }
    }
}

impl Admin {
    /// The same offset of each of these partitions.
    pub fn list_offsets<P: AsPartition>(
        &mut self,
        partitions: &[P],
        spec: OffsetSpec,
    ) -> Result<Each<TopicPartition, ListedOffset>> {
        let asked: Vec<_> = partitions.iter().map(|partition| (partition.partition(), spec)).collect();
        self.cluster.persist(|cluster| list_offsets(cluster, &asked, 0))
    }

    /// Deletes what lies before an offset in each of these partitions (-1: before the high watermark). The answer is the
    /// first offset that is left.
    pub fn delete_records<P: AsPartition>(&mut self, before: &[(P, i64)]) -> Result<Each<TopicPartition, i64>> {
        let asked: BTreeMap<_, _> = before.iter().map(|(partition, offset)| (partition.partition(), *offset)).collect();
        self.cluster.persist(|cluster| {
            let (led, lost) = cluster.by_leader(asked.keys())?;
            let mut all: Each<TopicPartition, i64> = lost.into_iter().map(|(p, error)| (p, Err(error))).collect();
            for (leader, partitions) in led {
                let topics = by_topic(partitions.into_iter().map(|p| (p.clone(), asked[&p])));
                let partition = |(partition_index, offset)| DeleteRecordsPartition { partition_index, offset };
                let topic = |(name, partitions): (String, Vec<(i32, i64)>)| DeleteRecordsTopic {
                    name,
                    partitions: partitions.into_iter().map(partition).collect(),
                };
                let topics = topics.into_iter().map(topic).collect();
                let mut request = DeleteRecordsRequest { topics, timeout_ms: timeout_ms(cluster) };
                for topic in cluster.ask(leader, &mut request)?.topics {
                    for found in topic.partitions {
                        let partition = (&topic.name, found.partition_index).partition();
                        let checked = check(|| format!("deleting records of {partition}"), found.error_code, None);
                        all.push((partition, later(checked)?.map(|()| found.low_watermark)));
                    }
                }
            }
            Ok(all)
        })
    }
}

/// Lets an error that may pass fail the whole attempt, which is then made again.
fn later<T>(checked: Result<T>) -> Result<Result<T>> {
    match checked {
        Err(error) if error.is_retriable() => Err(error),
        other => Ok(other),
    }
}

/// One attempt to find offsets, each at its partition's leader.
pub(in crate::client) fn list_offsets(
    cluster: &mut Cluster,
    asked: &[(TopicPartition, OffsetSpec)],
    isolation_level: i8,
) -> Result<Each<TopicPartition, ListedOffset>> {
    let specs: BTreeMap<&TopicPartition, OffsetSpec> =
        asked.iter().map(|(partition, spec)| (partition, *spec)).collect();
    let (led, lost) = cluster.by_leader(specs.keys().copied())?;
    let mut all: Each<TopicPartition, ListedOffset> = lost.into_iter().map(|(p, error)| (p, Err(error))).collect();
    for (leader, partitions) in led {
        let wants_max = partitions.iter().any(|partition| specs[partition] == OffsetSpec::MaxTimestamp);
        if wants_max && cluster.node(leader)?.version::<ListOffsetsRequest>()? < 7 {
            return Err(Error::unsupported(
                "the record with the largest timestamp",
                "this broker is too old to find it",
            ));
        }
        let topics = by_topic(partitions.into_iter().map(|p| (p.clone(), specs[&p].number())));
        let partition =
            |(partition_index, timestamp)| ListOffsetsPartition { partition_index, timestamp, ..Default::default() };
        let topic = |(name, partitions): (String, Vec<(i32, i64)>)| ListOffsetsTopic {
            name,
            partitions: partitions.into_iter().map(partition).collect(),
        };
        let topics = topics.into_iter().map(topic).collect();
        let mut request = ListOffsetsRequest { isolation_level, topics, ..Default::default() };
        for topic in cluster.ask(leader, &mut request)?.topics {
            for found in topic.partitions {
                let partition = (&topic.name, found.partition_index).partition();
                let checked = check(|| format!("offsets of {partition}"), found.error_code, None);
                let offset = ListedOffset {
                    offset: found.offset,
                    timestamp_ms: found.timestamp,
                    leader_epoch: found.leader_epoch,
                };
                all.push((partition, later(checked)?.map(|()| offset)));
            }
        }
    }
    Ok(all)
}
