//! `Consumer`: gives batches of records, borrowed from what came off the socket.
//!
//! ```
//! use std::time::Duration;
//! use sendlog::client::{Consumer, ConsumerSettings, OffsetReset};
//! # use sendlog::client::{Producer, ProducerSettings, Record};
//! # let home = tempfile::tempdir()?;
//! # let mut config = sendlog::config::Config::default();
//! # for (key, value) in [("listeners", "PLAINTEXT://127.0.0.1:0"), ("log.dirs", home.path().join("data").to_str().unwrap())] {
//! #     config.set(key, value, sendlog::config::Source::CommandLine)?;
//! # }
//! # let server = sendlog::server::Server::start(config, &[])?;
//! # let bootstrap = server.address().to_string();
//! # let producer = Producer::new(ProducerSettings::new(&bootstrap))?;
//! # producer.send(&Record::to("orders").value("3 apples"))?.wait()?;
//! # let mut seen = 0;
//!
//! let settings = ConsumerSettings::new(bootstrap).group_id("billing").auto_offset_reset(OffsetReset::Earliest);
//! let mut consumer = Consumer::new(settings)?;
//! consumer.subscribe(&["orders"])?;
//! # while seen == 0 {
//! for batch in consumer.poll(Duration::from_millis(500))? {
//!     for record in batch.records() {
//!         let record = record?;
//!         println!("{} at {}: {:?}", batch.topic_partition(), record.offset, record.value);
//! #       seen += 1;
//!     }
//! }
//! # }
//! consumer.commit()?;
//! consumer.close()?;
//! # producer.close()?;
//! # server.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Either `assign` partitions, or `subscribe` to topics as a member of a group, which shares their partitions out. Brokers
//! are asked ahead by threads; `poll` hands over what has come, and does what has to be done between two polls: joining,
//! committing, finding offsets and leaders.
//!
//! Reading order: [`fetcher`], [`batches`], [`frames`], [`upkeep`], [`member`], [`assignor`].
//!
//! Always true: a partition's records come in order, none is left out and none comes twice, except that after a rebalance
//! reading begins at what was committed. What is committed was given out by an earlier `poll`.
//! Not done: no patterns of topics; a poll that rebalances takes as long as the group does.

mod assignor;
mod batches;
pub(crate) mod codecs;
mod fetcher;
mod frames;
mod member;
mod settings;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::thread::{sleep, Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::admin::{commit_offsets, committed_offsets, AsPartition, Committed, OffsetSpec};
use super::cluster::{Backoff, Cluster};
use super::error::{Error, Result};
use crate::base::{ErrorCode, TopicPartition};
use crate::wire::messages::OffsetCommitRequest;
use fetcher::{Ahead, Start};
use member::{count_partitions, join, leave_for_good, Heart, Joined};

pub use batches::{Batch, ConsumerRecord};
pub(crate) use codecs::decompress;
pub use settings::{ConsumerSettings, Isolation, OffsetReset};

/// What a rebalance does to a member.
#[derive(Clone, Copy, Debug)]
pub enum Rebalance<'a> {
    /// These are given up; what was read of them has been committed, if that is done automatically.
    Revoked(&'a [TopicPartition]),
    /// These are read from now on: all that the member has.
    Assigned(&'a [TopicPartition]),
}

type Listener = Box<dyn FnMut(Rebalance) + Send>;

/// How soon something is looked at again that did not work, or is not there yet.
const SOON: Duration = Duration::from_millis(50);
/// How soon a topic is looked for again that a group's member wants and nobody knows.
const UNKNOWN_TOPIC: Duration = Duration::from_secs(1);

pub struct Consumer {
    ahead: Arc<Ahead>,
    cluster: Cluster,
    fetchers: BTreeMap<i32, JoinHandle<()>>,
    heart: Option<JoinHandle<()>>,
    /// Topics of a group's member; none with partitions of its own choice.
    subscription: Option<Vec<String>>,
    listener: Option<Listener>,
    /// The leader's: when to look whether the topics have other numbers of partitions by now.
    watch: Option<(Instant, BTreeMap<String, usize>)>,
    committed: BTreeMap<TopicPartition, i64>,
    next_commit: Instant,
    is_closed: bool,
}

impl Consumer {
    /// Reaches the first broker that answers.
    pub fn new(settings: ConsumerSettings) -> Result<Consumer> {
        let mut cluster = Cluster::new(settings.client.clone())?;
        cluster.anyone()?;
        let next_commit = Instant::now() + Duration::from_millis(settings.auto_commit_interval_ms);
        Ok(Consumer {
            ahead: Arc::new(Ahead::new(settings)),
            cluster,
            fetchers: BTreeMap::new(),
            heart: None,
            subscription: None,
            listener: None,
            watch: None,
            committed: BTreeMap::new(),
            next_commit,
            is_closed: false,
        })
    }

    /// Reads these partitions, each from what the group committed (if there is a group) or as `auto.offset.reset` says.
    pub fn assign<P: AsPartition>(&mut self, partitions: &[P]) -> Result<()> {
        if self.subscription.is_some() {
            return Err(Error::invalid("assigning partitions", "the consumer has subscribed; use another one"));
        }
        let wanted: BTreeSet<TopicPartition> = partitions.iter().map(AsPartition::partition).collect();
        self.track(&wanted);
        Ok(())
    }

    /// Becomes a member of the group, which shares out the partitions of these topics. The next `poll` joins.
    pub fn subscribe<T: AsRef<str>>(&mut self, topics: &[T]) -> Result<()> {
        self.ahead.settings.group()?;
        if self.subscription.is_none() && !self.ahead.lock().partitions.is_empty() {
            return Err(Error::invalid("subscribing", "the consumer has partitions assigned; use another one"));
        }
        self.subscription = Some(topics.iter().map(|topic| topic.as_ref().to_string()).collect());
        self.ahead.lock().member.must_join = true;
        if self.heart.is_none() {
            let heart = Heart { ahead: self.ahead.clone() };
            self.heart = Some(spawn("sendlog-heart", move || heart.run())?);
        }
        Ok(())
    }

    /// Calls this in the `poll` in which partitions are taken away and given.
    pub fn on_rebalance(&mut self, listener: impl FnMut(Rebalance) + Send + 'static) {
        self.listener = Some(Box::new(listener));
    }

    /// The next records: as soon as there are some, or none after `timeout`. The batches may be kept as long as is needed.
    pub fn poll(&mut self, timeout: Duration) -> Result<Vec<Batch>> {
        let deadline = Instant::now() + timeout;
        loop {
            self.ahead.lock().member.last_poll = Instant::now();
            if self.subscription.is_some() {
                self.stay_member()?;
            }
            if self.ahead.settings.enable_auto_commit && Instant::now() >= self.next_commit {
                self.commit_by_itself();
            }
            let is_waiting = self.look_after()?;
            let mut state = self.ahead.lock();
            let given = state.take_ready();
            if !given.is_empty() {
                self.ahead.wanted.notify_all();
                return Ok(given);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(given);
            }
            if !state.troubles.is_empty() || (state.member.must_join && self.subscription.is_some()) {
                continue;
            }
            let wait = if is_waiting || self.watch.is_some() { left.min(SOON) } else { left };
            drop(self.ahead.arrived.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Joins if it has to, and looks whether a leader has to share out anew.
    fn stay_member(&mut self) -> Result<()> {
        if let Some((_, counts)) = self.watch.take_if(|(time, _)| *time <= Instant::now()) {
            match count_partitions(&mut self.cluster, counts.keys().cloned()) {
                Ok(now) if now != counts => self.ahead.lock().member.must_join = true,
                _ => self.watch = Some((Instant::now() + self.watch_interval(&counts), counts)),
            }
        }
        if !self.ahead.lock().member.must_join {
            return Ok(());
        }
        self.give_up();
        let topics = self.subscription.clone().unwrap_or_default();
        let deadline = Instant::now() + Duration::from_millis(self.ahead.settings.client.default_api_timeout_ms);
        let mut backoff = Backoff::new(&self.ahead.settings.client);
        let Joined { partitions, counts } = loop {
            match join(&self.ahead, &mut self.cluster, &topics) {
                Ok(Some(joined)) => break joined,
                Ok(None) => {}
                Err(error) if error.is_retriable() && Instant::now() < deadline => sleep(backoff.next()),
                Err(error) => return Err(error),
            }
        };
        self.watch = (!counts.is_empty()).then(|| (Instant::now() + self.watch_interval(&counts), counts));
        self.track(&partitions.iter().cloned().collect());
        if let Some(listener) = &mut self.listener {
            listener(Rebalance::Assigned(&partitions));
        }
        Ok(())
    }

    fn watch_interval(&self, counts: &BTreeMap<String, usize>) -> Duration {
        match counts.values().any(|count| *count == 0) {
            true => UNKNOWN_TOPIC,
            false => Duration::from_millis(self.ahead.settings.client.metadata_max_age_ms),
        }
    }

    /// Before a rebalance all partitions are given up (KIP-429 calls that eager).
    fn give_up(&mut self) {
        let partitions = self.assignment();
        if partitions.is_empty() {
            return;
        }
        if self.ahead.settings.enable_auto_commit {
            self.commit_by_itself();
        }
        if let Some(listener) = &mut self.listener {
            listener(Rebalance::Revoked(&partitions));
        }
        self.track(&BTreeSet::new());
    }

    /// Reads exactly these partitions; those that are read already go on.
    fn track(&mut self, wanted: &BTreeSet<TopicPartition>) {
        let start = match self.ahead.settings.group_id.is_empty() {
            true => self.reset().map_or(Start::Committed, Start::At),
            false => Start::Committed,
        };
        let mut state = self.ahead.lock();
        state.partitions.retain(|partition, _| wanted.contains(partition));
        for partition in wanted {
            if !state.partitions.contains_key(partition) {
                state.track(partition, start);
            }
        }
        self.committed.retain(|partition, _| wanted.contains(partition));
        self.ahead.wanted.notify_all();
    }

    /// The partitions that are read.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.ahead.lock().partitions.keys().cloned().collect()
    }

    /// The offset of the next record that `poll` gives; none while it is not known.
    pub fn position(&self, partition: impl AsPartition) -> Option<i64> {
        self.ahead.lock().partitions.get(&partition.partition())?.position
    }

    /// The high watermark that the last fetch saw; none before one.
    pub fn high_watermark(&self, partition: impl AsPartition) -> Option<i64> {
        let state = self.ahead.lock();
        Some(state.partitions.get(&partition.partition())?.high_watermark).filter(|offset| *offset >= 0)
    }

    /// Reads on at this offset.
    pub fn seek(&mut self, partition: impl AsPartition, offset: i64) -> Result<()> {
        self.seek_to(partition, Ok(offset.max(0)))
    }

    /// Reads on where this is found: at the beginning, the end, a time.
    pub fn seek_by(&mut self, partition: impl AsPartition, spec: OffsetSpec) -> Result<()> {
        self.seek_to(partition, Err(spec))
    }

    fn seek_to(&mut self, partition: impl AsPartition, to: std::result::Result<i64, OffsetSpec>) -> Result<()> {
        let partition = partition.partition();
        let is_read = self.ahead.lock().seek(&partition, to);
        self.ahead.wanted.notify_all();
        match is_read {
            true => Ok(()),
            false => Err(Error::invalid(format!("seeking in {partition}"), "the consumer does not read it")),
        }
    }

    /// Gives nothing of these partitions until they are resumed.
    pub fn pause<P: AsPartition>(&mut self, partitions: &[P]) {
        self.set_paused(partitions, true);
    }

    pub fn resume<P: AsPartition>(&mut self, partitions: &[P]) {
        self.set_paused(partitions, false);
    }

    fn set_paused<P: AsPartition>(&mut self, partitions: &[P], is_paused: bool) {
        let mut state = self.ahead.lock();
        for partition in partitions {
            if let Some(tracked) = state.partitions.get_mut(&partition.partition()) {
                tracked.is_paused = is_paused;
            }
        }
        self.ahead.wanted.notify_all();
    }

    /// Commits what all polls so far have given.
    pub fn commit(&mut self) -> Result<()> {
        let positions: Vec<(TopicPartition, i64)> = {
            let state = self.ahead.lock();
            state
                .partitions
                .iter()
                .filter_map(|(partition, tracked)| Some((partition.clone(), tracked.position?)))
                .collect()
        };
        let is_new = |(partition, offset): &(TopicPartition, i64)| self.committed.get(partition) != Some(offset);
        let offsets: Vec<_> = positions.into_iter().filter(is_new).collect();
        self.commit_offsets(&offsets)
    }

    /// Commits these offsets: each that of the next record to be read.
    pub fn commit_offsets<P: AsPartition>(&mut self, offsets: &[(P, i64)]) -> Result<()> {
        let group_id = self.ahead.settings.group()?.to_string();
        if offsets.is_empty() {
            return Ok(());
        }
        let offsets: Vec<_> = offsets.iter().map(|(p, offset)| (p.partition(), Committed::at(*offset))).collect();
        let member = self.ahead.lock().member.clone();
        let each = self.cluster.persist(|cluster| {
            let request = OffsetCommitRequest {
                group_id: group_id.clone(),
                generation_id_or_member_epoch: member.generation,
                member_id: if member.generation < 0 { String::new() } else { member.id.clone() },
                group_instance_id: if member.generation < 0 { None } else { self.ahead.settings.instance() },
                ..Default::default()
            };
            commit_offsets(cluster, request, &offsets)
        })?;
        for (partition, committed) in each {
            if let Err(error) = committed {
                let code = error.code().unwrap_or_default();
                let is_out =
                    [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION, ErrorCode::REBALANCE_IN_PROGRESS];
                self.ahead.lock().member.must_join |= is_out.contains(&code);
                return Err(error);
            }
            let at = offsets.iter().find(|(known, _)| *known == partition).map(|(_, at)| at.offset);
            self.committed.extend(at.map(|offset| (partition, offset)));
        }
        Ok(())
    }

    /// What the group has committed for these.
    pub fn committed<P: AsPartition>(&mut self, partitions: &[P]) -> Result<Vec<(TopicPartition, Committed)>> {
        let group = self.ahead.settings.group()?.to_string();
        let partitions: Vec<_> = partitions.iter().map(AsPartition::partition).collect();
        self.cluster.persist(|cluster| committed_offsets(cluster, &group, Some(&partitions)))
    }

    /// A commit that nobody waits for an error of: the next one has the same and more.
    fn commit_by_itself(&mut self) {
        self.next_commit = Instant::now() + Duration::from_millis(self.ahead.settings.auto_commit_interval_ms);
        if !self.ahead.settings.group_id.is_empty() {
            let _ = self.commit();
        }
    }

    /// Commits, if that is done automatically, leaves the group, and ends the threads. A consumer that is dropped does
    /// the same, and says nothing of errors.
    pub fn close(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_closed, true) {
            return Ok(());
        }
        let commits = self.ahead.settings.enable_auto_commit && !self.ahead.settings.group_id.is_empty();
        let committed = if commits { self.commit() } else { Ok(()) };
        self.ahead.close();
        let handles = std::mem::take(&mut self.fetchers).into_values().chain(self.heart.take());
        handles.for_each(|handle| drop(handle.join()));
        let member = self.ahead.lock().member.clone();
        // A static member may come back, and finds its partitions.
        if member.generation >= 0 && self.ahead.settings.group_instance_id.is_empty() {
            leave_for_good(&mut self.cluster, &self.ahead.settings.group_id, &member.id)?;
        }
        committed
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let spawned = Builder::new().name(name.to_string()).spawn(run);
    spawned.map_err(|error| Error::invalid("starting a thread", error.to_string()))
}
