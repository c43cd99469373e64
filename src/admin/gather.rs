//! Puts together how topics and groups stand, for the page and for scrapers.
//!
//! Always true: each lock is held for a copy and let go; the numbers of two partitions are of two moments.
//! Not done: no history: who wants one scrapes.

use std::sync::Arc;

use crate::group::records::Committed;
use crate::group::Described;
use crate::partition::{Partition, Standing};
use crate::server::Broker;
use crate::topic::{name, Topic};

/// A topic, and how its partitions stand: `None` for one that is offline.
pub struct TopicNow {
    pub topic: Arc<Topic>,
    pub standings: Vec<Option<Standing>>,
    pub total: Total,
}

/// What the partitions of one topic, or of all, come to.
#[derive(Clone, Copy, Default)]
pub struct Total {
    pub batches_in: u64,
    pub records_in: u64,
    pub bytes_in: u64,
    pub records_out: u64,
    pub bytes_out: u64,
    pub size_bytes: u64,
    pub segments: u64,
}

pub struct GroupNow {
    pub id: String,
    pub described: Described,
    pub lags: Vec<Lag>,
}

/// How far a group is behind on a partition that it has committed an offset of.
pub struct Lag {
    pub topic: String,
    pub partition: i32,
    /// Records up to the high watermark that it has not committed.
    pub records: i64,
}

pub fn topics(broker: &Broker) -> Vec<TopicNow> {
    let now = |topic: Arc<Topic>| {
        let standings: Vec<_> = topic.partitions.iter().map(|partition| partition.standing()).collect();
        let mut total = Total::default();
        topic
            .partitions
            .iter()
            .zip(&standings)
            .for_each(|(partition, standing)| total.add_partition(partition, standing));
        TopicNow { topic, standings, total }
    };
    broker.topics.all().into_iter().map(now).collect()
}

impl TopicNow {
    /// Whether it is the broker's own.
    pub fn is_internal(&self) -> bool {
        name::RESERVED.contains(&self.topic.name.as_str())
    }
}

impl Total {
    fn add_partition(&mut self, partition: &Partition, standing: &Option<Standing>) {
        self.records_out += partition.given().records.get();
        self.bytes_out += partition.given().bytes.get();
        if let Some(Standing { taken, segments, size_bytes, .. }) = standing {
            self.batches_in += taken.batches;
            self.records_in += taken.records;
            self.bytes_in += taken.bytes;
            self.segments += *segments as u64;
            self.size_bytes += size_bytes;
        }
    }

    pub fn add(&mut self, other: &Total) {
        self.batches_in += other.batches_in;
        self.records_in += other.records_in;
        self.bytes_in += other.bytes_in;
        self.records_out += other.records_out;
        self.bytes_out += other.bytes_out;
        self.size_bytes += other.size_bytes;
        self.segments += other.segments;
    }
}

/// All groups by name; none while the offsets log cannot be read.
pub fn groups(broker: &Broker) -> Vec<GroupNow> {
    let listed = broker.groups.list().unwrap_or_default();
    let now = |(id, ..): (String, _, _)| {
        let described = broker.groups.describe(&id).ok()??;
        let lags = lags(broker, &id);
        Some(GroupNow { id, described, lags })
    };
    listed.into_iter().filter_map(now).collect()
}

fn lags(broker: &Broker, group: &str) -> Vec<Lag> {
    let committed = broker.groups.committed(group, false).unwrap_or_default();
    let lag = |((topic, partition), committed): ((String, i32), Committed)| {
        let bounds = broker.topics.find_partition(&topic, partition).ok()?.bounds().ok()?;
        let records = (bounds.high_watermark - committed.offset).max(0);
        Some(Lag { topic, partition, records })
    };
    committed.into_iter().filter_map(lag).collect()
}
