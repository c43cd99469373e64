//! What is fetched ahead: the partitions that are read, the batches that wait for `poll`, and a thread for each broker that
//! leads some of them.
//!
//! ```text
//! fetcher of broker 1:  take what has room -> Fetch, from next_fetch on -> unpack -> ready --+
//! fetcher of broker 2:  ...                                                -> ready ---------+--> poll: position moves on
//! ```
//!
//! Two offsets belong to a partition: `next_fetch`, which a fetcher moves when an answer has come, and `position`, which
//! `poll` moves when it gives the batches out. A seek or another assignment raises the partition's version: what was
//! fetched under an older one is dropped.
//!
//! Always true: for a partition no more is fetched ahead than one answer beyond `max.partition.fetch.bytes`.
//! Not done: no fetch sessions (KIP-227); each request names all its partitions.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::batches::{unpack, Batch, Rules, Unpacked};
use super::frames::{Frame, Frames};
use super::member::Member;
use super::settings::ConsumerSettings;
use crate::base::TopicPartition;
use crate::client::admin::{by_topic, OffsetSpec};
use crate::client::cluster::Backoff;
use crate::client::connection::Connection;
use crate::client::error::{check, Error, Result};
use crate::wire::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use crate::wire::messages::FetchRequest;

/// What consumer and threads share.
pub struct Ahead {
    pub settings: ConsumerSettings,
    frames: Arc<Frames>,
    /// Never held while a socket is used.
    state: Mutex<State>,
    /// `poll` has something to look at.
    pub arrived: Condvar,
    /// A fetcher has something to fetch, or the member something to say.
    pub wanted: Condvar,
}

#[derive(Default)]
pub struct State {
    pub partitions: BTreeMap<TopicPartition, Tracked>,
    /// With the version of the partition under which it was fetched.
    ready: VecDeque<(u64, Batch)>,
    pub troubles: Vec<Trouble>,
    pub member: Member,
    /// Where brokers are.
    pub addresses: HashMap<i32, String>,
    /// The connections of fetchers, to end their waits at the end.
    sockets: HashMap<i32, TcpStream>,
    versions: u64,
    pub is_closing: bool,
}

/// What went wrong with a partition.
pub struct Trouble {
    pub partition: TopicPartition,
    pub version: u64,
    pub error: Error,
}

/// Where reading begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// At what the group has committed.
    Committed,
    At(OffsetSpec),
    /// It has begun.
    Known,
}

/// A partition that is read.
pub struct Tracked {
    name: Arc<TopicPartition>,
    pub version: u64,
    pub start: Start,
    /// The next offset that `poll` gives.
    pub position: Option<i64>,
    /// None: nothing is to be fetched.
    pub next_fetch: Option<i64>,
    /// The broker that leads it; none: to be found.
    pub node: Option<i32>,
    pub is_paused: bool,
    /// bytes that wait for `poll`.
    buffered: usize,
    /// -1: not known.
    pub high_watermark: i64,
}

/// A partition in a request: its name, its version, the offset.
type Asked = (Arc<TopicPartition>, u64, i64);

impl Ahead {
    pub fn new(settings: ConsumerSettings) -> Ahead {
        Ahead {
            settings,
            frames: Arc::default(),
            state: Mutex::default(),
            arrived: Condvar::new(),
            wanted: Condvar::new(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a broker's partitions have something to fetch; none when it is over.
    fn take(&self, node: i32) -> Option<Vec<Asked>> {
        let room = usize::try_from(self.settings.max_partition_fetch_bytes).unwrap_or(0);
        let mut state = self.lock();
        loop {
            if state.is_closing {
                return None;
            }
            let ask = |tracked: &Tracked| Some((tracked.name.clone(), tracked.version, tracked.next_fetch?));
            let led = state.partitions.values().filter(|tracked| tracked.node == Some(node));
            let asked: Vec<Asked> = led.filter(|t| !t.is_paused && t.buffered <= room).filter_map(ask).collect();
            if !asked.is_empty() {
                return Some(asked);
            }
            state = self.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Puts what came for a partition onto the shelf.
    fn put(&self, (name, version, _): &Asked, high_watermark: i64, result: Result<Unpacked>) {
        let mut state = self.lock();
        let State { partitions, ready, troubles, .. } = &mut *state;
        let Some(tracked) = partitions.get_mut(&**name).filter(|tracked| tracked.version == *version) else { return };
        match result {
            Ok(Unpacked { batches, next_offset }) => {
                tracked.next_fetch = Some(next_offset);
                tracked.high_watermark = high_watermark;
                tracked.buffered += batches.iter().map(Batch::size).sum::<usize>();
                if batches.is_empty() && tracked.buffered == 0 {
                    // What was hidden (markers) is behind us too.
                    tracked.position = Some(next_offset);
                }
                ready.extend(batches.into_iter().map(|batch| (*version, batch)));
            }
            Err(error) => {
                tracked.next_fetch = None;
                let (partition, version) = (TopicPartition::clone(name), *version);
                troubles.push(Trouble { partition, version, error });
            }
        }
        self.arrived.notify_all();
    }

    /// Ends the threads' waits.
    pub fn close(&self) {
        let mut state = self.lock();
        state.is_closing = true;
        state.sockets.values().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
        self.wanted.notify_all();
    }
}

impl State {
    /// Reads a partition from here on.
    pub fn track(&mut self, partition: &TopicPartition, start: Start) {
        let version = self.next_version();
        let name = Arc::new(partition.clone());
        let (position, next_fetch, node) = (None, None, None);
        let tracked = Tracked {
            name,
            version,
            start,
            position,
            next_fetch,
            node,
            is_paused: false,
            buffered: 0,
            high_watermark: -1,
        };
        self.partitions.insert(partition.clone(), tracked);
    }

    /// Reads on at an offset, or where this is found to be.
    pub fn seek(&mut self, partition: &TopicPartition, to: std::result::Result<i64, OffsetSpec>) -> bool {
        let version = self.next_version();
        let Some(tracked) = self.partitions.get_mut(partition) else { return false };
        tracked.version = version;
        tracked.buffered = 0;
        (tracked.position, tracked.next_fetch) = (to.ok(), to.ok());
        tracked.start = to.map_or_else(Start::At, |_| Start::Known);
        true
    }

    fn next_version(&mut self) -> u64 {
        self.versions += 1;
        self.versions
    }

    /// What is there, and not out of date; the positions move behind it.
    pub fn take_ready(&mut self) -> Vec<Batch> {
        let mut given = Vec::new();
        let mut kept = VecDeque::new();
        for (version, batch) in std::mem::take(&mut self.ready) {
            match self.partitions.get_mut(batch.topic_partition()).filter(|tracked| tracked.version == version) {
                None => {}
                Some(tracked) if tracked.is_paused => kept.push_back((version, batch)),
                Some(tracked) => {
                    tracked.buffered -= batch.size();
                    tracked.position = Some(batch.end_offset());
                    given.push(batch);
                }
            }
        }
        self.ready = kept;
        given
    }
}

/// The thread that fetches from one broker.
pub struct Fetcher {
    pub ahead: Arc<Ahead>,
    pub node: i32,
}

impl Fetcher {
    pub fn run(self) {
        let mut connection = None;
        let mut backoff = Backoff::new(&self.ahead.settings.client);
        while let Some(asked) = self.ahead.take(self.node) {
            match self.fetch(&mut connection, &asked) {
                Ok(()) => backoff = Backoff::new(&self.ahead.settings.client),
                Err(error) => {
                    connection = None;
                    // The consumer finds out where they are led now; that may be here again.
                    asked.iter().for_each(|asked| self.ahead.put(asked, -1, Err(error.clone())));
                    let state = self.ahead.lock();
                    let waited = self.ahead.wanted.wait_timeout_while(state, backoff.next(), |state| !state.is_closing);
                    drop(waited);
                }
            }
        }
    }

    fn fetch(&self, connection: &mut Option<Connection>, asked: &[Asked]) -> Result<()> {
        let settings = &self.ahead.settings;
        if connection.is_none() {
            let address = self.ahead.lock().addresses.get(&self.node).cloned().unwrap_or_default();
            let opened = Connection::open(&address, &settings.client)?;
            let mut state = self.ahead.lock();
            if let Ok(socket) = opened.socket().try_clone() {
                state.sockets.insert(self.node, socket);
            }
            if state.is_closing {
                return Ok(());
            }
            *connection = Some(opened);
        }
        let connection = connection.as_mut().expect("just made");
        let wait_ms = i32::try_from(settings.fetch_max_wait_ms).unwrap_or(i32::MAX);
        let partition = |(partition, offset): (i32, i64)| FetchPartition {
            partition,
            fetch_offset: offset,
            partition_max_bytes: settings.max_partition_fetch_bytes,
            ..Default::default()
        };
        let topics = by_topic(asked.iter().map(|(name, _, offset)| (TopicPartition::clone(name), *offset)));
        let topic = |(topic, partitions): (String, Vec<(i32, i64)>)| FetchTopic {
            topic,
            partitions: partitions.into_iter().map(partition).collect(),
        };
        let mut request = FetchRequest {
            max_wait_ms: wait_ms,
            min_bytes: settings.fetch_min_bytes,
            max_bytes: settings.fetch_max_bytes,
            isolation_level: settings.isolation(),
            topics: topics.into_iter().map(topic).collect(),
            ..Default::default()
        };
        connection.send(&mut request)?;
        let wait = Duration::from_millis(settings.fetch_max_wait_ms);
        let (frame, answer) =
            connection.receive_patiently::<FetchRequest, Frame>(wait, |size| self.ahead.frames.take(size))?;
        check(|| format!("fetching from {}", connection.address()), answer.error_code, None)?;
        let frame = Arc::new(frame);
        for topic in answer.responses {
            for data in topic.partitions {
                let is_its = |(name, ..): &&Asked| name.partition == data.partition_index && name.topic == topic.topic;
                if let Some(asked) = asked.iter().find(is_its) {
                    self.ahead.put(asked, data.high_watermark, self.unpack(asked, &frame, data));
                }
            }
        }
        Ok(())
    }

    fn unpack(&self, (name, _, offset): &Asked, frame: &Arc<Frame>, data: PartitionData) -> Result<Unpacked> {
        check(|| format!("fetching {name} at offset {offset}"), data.error_code, None)?;
        let range = data.records.range().unwrap_or_default();
        let length = range.len();
        let rules = Rules {
            check_crcs: self.ahead.settings.check_crcs,
            aborted: data.aborted_transactions.unwrap_or_default(),
        };
        let unpacked = unpack(name, frame, range, *offset, &rules)?;
        if length > 0 && unpacked.next_offset == *offset {
            let why = format!("no whole batch in {length} bytes; raise max.partition.fetch.bytes");
            return Err(Error::invalid(format!("fetching {name} at offset {offset}"), why));
        }
        Ok(unpacked)
    }
}
