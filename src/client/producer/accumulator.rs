//! The accumulator: where single records become batches. Idea 1 as the sender sees it.
//!
//! Batches of 1,000 records carry more than a hundred times as many records a second as batches of one (docs/bench): a request has
//! its price, however little is in it. So a record does not travel alone: it waits, in the very bytes that will be sent, for
//! company.
//!
//! ```text
//! send("a") send("b") send("c")                            one partition's batch, growing
//!     |         |         |       | header, 61 bytes | a  | b  | c  |  room, batch.size in all      |
//!     +---------+---------+------> written once: the socket reads these bytes, the broker appends them,
//!                                  a consumer unpacks them
//!
//!              topics                     queues, one for each partition          senders, one for each broker
//!   "demo" -> [ sticky: 1 ]  0: ready | 3 | 4 |  growing | 5 .. |  leader 1  --->  thread 1: 1-0: 3, 1-2: 8 in one request
//!                            1: ready | 7 |      growing | 8 .. |  leader 2  --->  thread 2
//!                            2: ready | 8 |      growing none      leader 1
//! ```
//!
//! A batch leaves when it is full (`batch.size`), when it is old (`linger.ms`), when somebody flushes, or when memory is used
//! up; then a sender takes it out of its queue, numbers it, computes the CRC over it once, and sends it. It comes back in
//! here when it is to be sent again. The memory of all batches is bounded (`buffer.memory`), and it is theirs until their
//! answer comes: a producer that is faster than its brokers waits in `send`.
//!
//! What one record of 30 bytes costs: a lock that nobody else holds, 4 ns; the time of the kernel's last tick, 5 (the exact
//! time would be 24); a look whether it has the last one's topic, 2; its bytes into the batch, 10; a reference to the batch
//! that is its [`Delivery`], 4. Nothing is allocated for a record, nobody is woken for one: both are done once for a batch.
//!
//! Always true: records of a partition lie in the order in which `send` was called; each batch's outcome is completed once.
//! Not done: a batch that turns out too large for its broker is not split.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::{size_alone, Batch};
use super::bell::Bell;
use super::delivery::{Acked, Delivery, Outcome};
use super::memory::Memory;
use super::partitioner::{partition_of_key, Sticky};
use super::queue::{Hurry, Next, Queue};
use super::record::Record;
use super::settings::ProducerSettings;
use crate::client::error::{Error, Result};
use crate::os::clock;

pub struct Accumulator {
    pub settings: ProducerSettings,
    /// Guards all batches but those that a sender is sending. Never held while a socket is used or a batch is sealed.
    state: Mutex<State>,
    /// Memory was given back, a topic became known, or it was closed.
    changed: Condvar,
    /// There is something for the router: an unknown topic, a partition without a leader, an error.
    pub(super) errands: Condvar,
}

pub(super) struct State {
    pub topics: Vec<Topic>,
    by_name: HashMap<Arc<str>, usize>,
    /// The topic of the last record: usually that of the next one.
    last: usize,
    /// Topics that somebody waits for, and what was wrong when they were asked for last.
    pub wanted: HashMap<String, Option<Error>>,
    pub bells: HashMap<i32, Arc<Bell>>,
    memory: Memory,
    outstanding: usize,
    /// The outcomes of batches, oldest first; what is done is taken out at the front.
    unfinished: VecDeque<Arc<Outcome>>,
    waiting_for_memory: usize,
    flushing: usize,
    pub is_closing: bool,
    /// The leaders that are known may be wrong.
    pub is_stale: bool,
    /// Id and epoch for partitions that have none yet.
    pub producer: Option<(i64, i16)>,
    random: u64,
}

pub(super) struct Topic {
    pub name: Arc<str>,
    pub queues: Vec<Queue>,
    sticky: Sticky,
}

/// A batch with its place, on its way to a broker.
pub(super) struct Shipment {
    pub topic: usize,
    pub partition: usize,
    pub batch: Batch,
}

impl Accumulator {
    pub fn new(settings: ProducerSettings) -> Accumulator {
        let memory = Memory::new(settings.buffer_memory, settings.batch_bytes());
        let random = u64::from_le_bytes(*crate::os::random::sixteen_bytes().first_chunk().expect("8 of 16 bytes"));
        let state = State {
            topics: Vec::new(),
            by_name: HashMap::new(),
            last: 0,
            wanted: HashMap::new(),
            bells: HashMap::new(),
            memory,
            outstanding: 0,
            unfinished: VecDeque::new(),
            waiting_for_memory: 0,
            flushing: 0,
            is_closing: false,
            is_stale: false,
            producer: None,
            random: random | 1,
        };
        Accumulator { settings, state: Mutex::new(state), changed: Condvar::new(), errands: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a record into its partition's batch.
    #[inline]
    pub fn append(&self, record: &Record) -> Result<Delivery> {
        let timestamp_ms = record.timestamp_ms.unwrap_or_else(clock::tick_ms);
        // Fast path: the topic is the last one's, and its batch has room.
        let (outcome, index) = match self.append_to_growing(record, timestamp_ms) {
            Some(place) => place,
            None => self.append_slowly(record, timestamp_ms)?,
        };
        Ok(Delivery::new(outcome, index, timestamp_ms))
    }

    fn append_to_growing(&self, record: &Record, timestamp_ms: i64) -> Option<(Arc<Outcome>, u32)> {
        self.lock().append_to_growing(record, timestamp_ms)
    }

    #[cold]
    fn append_slowly(&self, record: &Record, timestamp_ms: i64) -> Result<(Arc<Outcome>, u32)> {
        let size = size_alone(record);
        if size > self.settings.max_request_size {
            let why = format!("it takes {size} bytes, and max.request.size is {}", self.settings.max_request_size);
            return Err(Error::invalid(format!("a record for {}", record.topic), why));
        }
        let deadline = Instant::now() + Duration::from_millis(self.settings.max_block_ms);
        let mut state = self.lock();
        loop {
            if state.is_closing {
                return Err(Error::Closed { what: String::from("the producer") });
            }
            let Some(topic) = state.by_name.get(record.topic).copied() else {
                state = self.wait_for_topic(state, record.topic, deadline)?;
                continue;
            };
            state.last = topic;
            if let Some(place) = state.append_to_growing(record, timestamp_ms) {
                return Ok(place);
            }
            let partition = state.topics[topic].choose(record)?;
            if state.topics[topic].queues[partition].growing.is_some() {
                self.close(&mut state, topic, partition);
                continue;
            }
            if record.key.is_none() && record.partition.is_none() && state.moves_on(topic, self.settings.batch_bytes())
            {
                continue;
            }
            let bytes = size.max(self.settings.batch_bytes());
            match state.memory.take(bytes) {
                Some(buffer) => state.begin(topic, partition, buffer, bytes),
                None => {
                    state = self.wait_for_memory(state, deadline)?;
                    continue;
                }
            }
            self.wake(&state, state.topics[topic].queues[partition].leader);
        }
    }

    /// A batch that is full; where records are free to go, the next ones go elsewhere.
    fn close(&self, state: &mut State, topic: usize, partition: usize) {
        let State { topics, random, .. } = state;
        let Topic { queues, sticky, .. } = &mut topics[topic];
        queues[partition].close();
        if sticky.partition == partition {
            sticky.choose(&have_leaders(queues), random);
        }
        let leader = queues[partition].leader;
        self.wake(state, leader);
    }

    /// Wakes the partition's sender, or the router that has to find one.
    fn wake(&self, state: &State, leader: Option<i32>) {
        match leader.and_then(|leader| state.bells.get(&leader)) {
            Some(bell) => bell.ring(),
            None => self.errands.notify_all(),
        }
    }

    fn wait_for_memory<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        deadline: Instant,
    ) -> Result<MutexGuard<'a, State>> {
        let Some(left) = deadline.checked_duration_since(Instant::now()) else {
            let why = format!(
                "buffer.memory={} is full of {} batches that are not answered",
                self.settings.buffer_memory, state.outstanding
            );
            return Err(self.timed_out("sending", why));
        };
        state.waiting_for_memory += 1;
        // Whatever grows now leaves as it is.
        state.bells.values().for_each(|bell| bell.ring());
        let (mut state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        state.waiting_for_memory -= 1;
        Ok(state)
    }

    fn wait_for_topic<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        topic: &str,
        deadline: Instant,
    ) -> Result<MutexGuard<'a, State>> {
        state.wanted.entry(topic.to_string()).or_default();
        self.errands.notify_all();
        let left = deadline.saturating_duration_since(Instant::now());
        let (mut state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        // It is wanted no more when it was found.
        let last_error = state.wanted.get(topic).cloned().flatten();
        let gives_up = last_error.as_ref().is_some_and(|error| error.code().is_some() && !may_pass(error));
        if state.by_name.contains_key(topic) || !(gives_up || Instant::now() >= deadline) {
            return Ok(state);
        }
        state.wanted.remove(topic);
        // Others who wait for it ask for it again.
        self.changed.notify_all();
        match last_error {
            Some(error) if gives_up => Err(error),
            error => {
                let why = error.map_or(String::from("no broker answered"), |error| error.to_string());
                Err(self.timed_out(&format!("finding the partitions of topic {topic}"), why))
            }
        }
    }

    fn timed_out(&self, what: &str, why: String) -> Error {
        let after = Duration::from_millis(self.settings.max_block_ms);
        Error::TimedOut { what: what.to_string(), after, why }
    }

    /// What a broker's sender is to send now, for each partition one batch at the most; or until when it may sleep. It begins
    /// with the partition `turn`, which is where a request that was full ended, so that no partition starves.
    pub(super) fn drain(&self, node: i32, now: Instant, turn: &mut (usize, usize)) -> (Vec<Shipment>, Option<Instant>) {
        let mut state = self.lock();
        let hurry = Hurry(state.flushing > 0 || state.is_closing || state.waiting_for_memory > 0);
        let (producer, first) = (state.producer, *turn);
        let (mut shipments, mut bytes, mut until) = (Vec::new(), 0, None::<Instant>);
        self.expire(&mut state, now, |queue| queue.leader == Some(node));
        for is_before in [false, true] {
            for (topic, Topic { queues, .. }) in state.topics.iter_mut().enumerate() {
                for (partition, queue) in queues.iter_mut().enumerate().filter(|(_, queue)| queue.leader == Some(node))
                {
                    if ((topic, partition) < first) != is_before {
                        continue;
                    }
                    if bytes >= self.settings.max_request_size {
                        *turn = (topic, partition);
                        return (shipments, None);
                    }
                    match queue.next(&self.settings, now, hurry, producer) {
                        Next::Batch(batch) => {
                            bytes += batch.len();
                            shipments.push(Shipment { topic, partition, batch });
                        }
                        Next::Later(time) => {
                            until = [until, time, queue.expires(&self.settings)].into_iter().flatten().min();
                        }
                    }
                }
            }
        }
        (shipments, until)
    }

    /// Fails what has waited for longer than `delivery.timeout.ms` in some queues.
    pub(super) fn expire(&self, state: &mut State, now: Instant, which: impl Fn(&Queue) -> bool) {
        let mut expired = Vec::new();
        for topic in &mut state.topics {
            for queue in topic.queues.iter_mut().filter(|queue| which(queue)) {
                let batches = queue.expired(&self.settings, now);
                expired.extend(batches.into_iter().map(|batch| (batch, queue.last_error())));
            }
        }
        let after = Duration::from_millis(self.settings.delivery_timeout_ms);
        for (batch, why) in expired {
            let Outcome { topic, partition, .. } = &*batch.outcome;
            let what = format!("{} records for {topic}-{partition}", batch.count());
            self.finish(state, batch, Err(Error::TimedOut { what, after, why }));
        }
    }

    /// What a batch was sent for has come: its offsets, or an error that is final.
    pub(super) fn complete(&self, shipment: Shipment, result: Result<Acked>) {
        let mut state = self.lock();
        let Shipment { topic, partition, batch } = shipment;
        state.topics[topic].queues[partition].answered(&batch, result.is_ok());
        self.finish(&mut state, batch, result);
    }

    /// It is to be sent again after a pause, if it may be.
    pub(super) fn retry(&self, shipment: Shipment, error: Error, pause: Duration) {
        if shipment.batch.attempts > self.settings.retries {
            return self.complete(shipment, Err(error));
        }
        let mut state = self.lock();
        let Shipment { topic, partition, batch } = shipment;
        let queue = &mut state.topics[topic].queues[partition];
        queue.again(batch, error, Instant::now() + pause);
        if queue.lacks_producer() {
            // Its id has no further epoch, and is nothing for others either.
            state.producer = None;
        }
    }

    fn finish(&self, state: &mut State, batch: Batch, result: Result<Acked>) {
        batch.outcome.complete(result);
        let bytes = batch.limit();
        state.memory.give_back(batch.into_buffer(), bytes);
        state.outstanding -= 1;
        if state.waiting_for_memory > 0 {
            self.changed.notify_all();
        }
        if state.is_over() {
            state.bells.values().for_each(|bell| bell.ring());
            self.errands.notify_all();
        }
    }

    /// Why nothing that waits for this broker gets through.
    pub(super) fn blame(&self, node: i32, error: Error) {
        let mut state = self.lock();
        let queues = state.topics.iter_mut().flat_map(|topic| &mut topic.queues);
        queues.filter(|queue| queue.leader == Some(node)).for_each(|queue| queue.failed(error.clone()));
    }

    /// Something went wrong that other leaders may mend.
    pub(super) fn doubt_leaders(&self) {
        self.lock().is_stale = true;
        self.errands.notify_all();
    }

    /// Waits until all that was sent before has been answered.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.lock();
        state.flushing += 1;
        state.bells.values().for_each(|bell| bell.ring());
        self.errands.notify_all();
        let unfinished: Vec<_> = state.unfinished.iter().filter(|outcome| !outcome.is_done()).cloned().collect();
        drop(state);
        let results: Vec<_> = unfinished.iter().map(|outcome| outcome.wait()).collect();
        self.lock().flushing -= 1;
        results.into_iter().find_map(Result::err).map_or(Ok(()), Err)
    }

    pub fn start_closing(&self) {
        let mut state = self.lock();
        state.is_closing = true;
        state.bells.values().for_each(|bell| bell.ring());
        self.changed.notify_all();
        self.errands.notify_all();
    }

    /// Those who wait for a topic or for memory look again.
    pub(super) fn tell(&self) {
        self.changed.notify_all();
    }
}

fn have_leaders(queues: &[Queue]) -> Vec<bool> {
    queues.iter().map(|queue| queue.leader.is_some()).collect()
}

/// Whether a topic may be known a moment later: one that is being created is unknown at first.
fn may_pass(error: &Error) -> bool {
    error.is_retriable() || error.code() == Some(crate::base::ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

impl State {
    /// Appends to the batch that its partition has, if the record's topic is the last one's and the batch has room.
    #[inline(always)]
    fn append_to_growing(&mut self, record: &Record, timestamp_ms: i64) -> Option<(Arc<Outcome>, u32)> {
        let topic = self.topics.get_mut(self.last)?;
        if *topic.name != *record.topic || self.is_closing {
            return None;
        }
        let partition = match (record.partition, record.key) {
            (None, None) => topic.sticky.partition,
            _ => topic.choose(record).ok()?,
        };
        let batch = topic.queues[partition].growing.as_mut()?;
        let before = batch.len();
        let index = batch.push(timestamp_ms, record)?;
        if partition == topic.sticky.partition {
            topic.sticky.bytes += batch.len() - before;
        }
        Some((batch.outcome.clone(), index))
    }

    /// Chooses another partition for records that are free to go anywhere, if as much as a batch went to this one: in
    /// batches that left before they were full.
    fn moves_on(&mut self, topic: usize, batch_bytes: usize) -> bool {
        let Topic { queues, sticky, .. } = &mut self.topics[topic];
        let moves_on = sticky.bytes >= batch_bytes;
        if moves_on {
            sticky.choose(&have_leaders(queues), &mut self.random);
        }
        moves_on
    }

    fn begin(&mut self, topic: usize, partition: usize, buffer: Vec<u8>, bytes: usize) {
        let Topic { name, queues, .. } = &mut self.topics[topic];
        let outcome = Outcome::new(name.clone(), partition as i32);
        let number = queues[partition].number();
        queues[partition].growing = Some(Batch::new(buffer, bytes, outcome.clone(), Instant::now(), number));
        self.outstanding += 1;
        while self.unfinished.front().is_some_and(|outcome| outcome.is_done()) {
            self.unfinished.pop_front();
        }
        self.unfinished.push_back(outcome);
    }

    /// It is closed, and nothing is left to do.
    pub fn is_over(&self) -> bool {
        self.is_closing && self.outstanding == 0
    }

    /// A topic has this many partitions, and these leaders.
    pub fn learn(&mut self, name: &str, leaders: &[Option<i32>]) {
        let index = match self.by_name.get(name) {
            Some(index) => *index,
            None => {
                let name: Arc<str> = Arc::from(name);
                let mut sticky = Sticky::default();
                sticky.choose(&vec![true; leaders.len()], &mut self.random);
                self.topics.push(Topic { name: name.clone(), queues: Vec::new(), sticky });
                self.by_name.insert(name, self.topics.len() - 1);
                self.topics.len() - 1
            }
        };
        let queues = &mut self.topics[index].queues;
        if queues.len() < leaders.len() {
            queues.resize_with(leaders.len(), Queue::default);
        }
        for (partition, queue) in queues.iter_mut().enumerate() {
            let leader = leaders.get(partition).copied().flatten();
            queue.leader = leader.filter(|leader| self.bells.contains_key(leader));
        }
        for leader in queues.iter().filter_map(|queue| queue.leader) {
            self.bells.get(&leader).into_iter().for_each(|bell| bell.ring());
        }
    }
}

impl Topic {
    #[inline]
    fn choose(&self, record: &Record) -> Result<usize> {
        match (record.partition, record.key) {
            (None, None) => Ok(self.sticky.partition),
            (None, Some(key)) => Ok(partition_of_key(key, self.queues.len())),
            (Some(partition), _) => match usize::try_from(partition) {
                Ok(partition) if partition < self.queues.len() => Ok(partition),
                _ => Err(Error::invalid(
                    format!("partition {partition} of topic {}", self.name),
                    format!("the topic has {} partitions", self.queues.len()),
                )),
            },
        }
    }
}
