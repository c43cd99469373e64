//! A sender: one broker's connection, and the thread that ships batches over it.
//!
//! ```text
//! loop:  read the answers that have come        -> outcomes are complete, memory is free
//!        take what may leave out of the queues  -> one request, a batch for each partition
//!        sleep until an answer, the bell, the end of a linger, or a deadline
//! ```
//!
//! Requests go out one behind the other, up to `max.in.flight.requests.per.connection` before the first answer: while one
//! is on its way, the next one is being written.
//!
//! Always true: a batch that was taken is completed or given back, whatever happens to the connection. When the connection
//! breaks, all that was in flight is sent again: what had arrived, the broker knows by its numbers.
//! Not done: it knows no topics; [`super::router`] has made it for a broker.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accumulator::{Accumulator, Shipment};
use super::bell::Bell;
use super::delivery::Acked;
use super::queue::is_about_sequences;
use super::settings::Acks;
use crate::base::ErrorCode;
use crate::client::cluster::Backoff;
use crate::client::connection::Connection;
use crate::client::error::{check, Error, Result};
use crate::os::poll::{self, Interest};
use crate::wire::messages::produce::{PartitionProduceData, PartitionProduceResponse, TopicProduceData};
use crate::wire::messages::{InitProducerIdRequest, ProduceRequest};
use crate::wire::Records;

pub struct Sender {
    accumulator: Arc<Accumulator>,
    node: i32,
    bell: Arc<Bell>,
    connection: Option<Connection>,
    /// Requests that wait for their answers, in their order.
    in_flight: VecDeque<InFlight>,
    backoff: Backoff,
    /// No connection is tried before.
    not_before: Instant,
    /// Topic and partition that the next request begins with.
    turn: (usize, usize),
}

struct InFlight {
    shipments: Vec<Shipment>,
    sent: Instant,
}

impl Sender {
    pub fn new(accumulator: Arc<Accumulator>, node: i32, bell: Arc<Bell>) -> Sender {
        let backoff = Backoff::new(&accumulator.settings.client);
        let (connection, in_flight) = (None, VecDeque::new());
        Sender { accumulator, node, bell, connection, in_flight, backoff, not_before: Instant::now(), turn: (0, 0) }
    }

    pub fn run(mut self) {
        let mut is_readable = false;
        loop {
            self.bell.hush();
            let read = if is_readable { self.read_answers() } else { Ok(()) };
            let until = match read.and_then(|()| self.ship_what_may_leave()) {
                Ok(until) => until,
                Err(error) => {
                    self.lose(error);
                    Some(self.not_before)
                }
            };
            if self.in_flight.is_empty() && self.accumulator.lock().is_over() {
                return;
            }
            is_readable = self.sleep(until);
        }
    }

    /// Until when there is nothing to do, unless something happens.
    fn ship_what_may_leave(&mut self) -> Result<Option<Instant>> {
        let settings = &self.accumulator.settings;
        let timeout_ms = settings.client.request_timeout_ms.min(settings.delivery_timeout_ms);
        let timeout = Duration::from_millis(timeout_ms);
        let overdue = self.in_flight.front().map(|oldest| oldest.sent + timeout);
        if overdue.is_some_and(|overdue| overdue <= Instant::now()) {
            let what = format!("Produce at {}", self.bell.address());
            return Err(Error::TimedOut { what, after: timeout, why: String::from("no answer came") });
        }
        while self.in_flight.len() < self.accumulator.settings.max_in_flight {
            if !self.is_ready()? {
                // What waits may be too old by then; a drain for nothing finds out.
                return Ok([Some(self.not_before).filter(|time| *time > Instant::now()), overdue]
                    .into_iter()
                    .flatten()
                    .min());
            }
            let (shipments, until) = self.accumulator.drain(self.node, Instant::now(), &mut self.turn);
            if shipments.is_empty() {
                return Ok([until, overdue].into_iter().flatten().min());
            }
            self.ship(shipments)?;
        }
        Ok(overdue)
    }

    /// Whether there is something to send, and a connection and a producer id to send it with.
    fn is_ready(&mut self) -> Result<bool> {
        let (has_work, lacks_producer) = {
            let mut state = self.accumulator.lock();
            self.accumulator.expire(&mut state, Instant::now(), |queue| queue.leader == Some(self.node));
            let mut queues =
                state.topics.iter().flat_map(|topic| &topic.queues).filter(|q| q.leader == Some(self.node));
            let has_work = queues.clone().any(|queue| queue.has_unsent());
            (has_work, queues.any(|queue| queue.lacks_producer()) && state.producer.is_none())
        };
        if !has_work || (self.connection.is_none() && Instant::now() < self.not_before) {
            return Ok(false);
        }
        if self.connection.is_none() {
            self.connection = Some(Connection::open(&self.bell.address(), &self.accumulator.settings.client)?);
        }
        if lacks_producer && self.accumulator.settings.is_idempotent() {
            self.get_producer_id()?;
        }
        Ok(true)
    }

    fn get_producer_id(&mut self) -> Result<()> {
        while !self.in_flight.is_empty() {
            self.read_answer()?;
        }
        let connection = self.connection.as_mut().expect("just looked");
        let answer = connection.call(&mut InitProducerIdRequest::default())?;
        check(|| String::from("asking for a producer id"), answer.error_code, None)?;
        self.accumulator.lock().producer = Some((answer.producer_id, answer.producer_epoch));
        Ok(())
    }

    /// Sends batches, one for each of their partitions, in one request.
    fn ship(&mut self, mut shipments: Vec<Shipment>) -> Result<()> {
        let settings = &self.accumulator.settings;
        let mut lent = Vec::with_capacity(shipments.len());
        let mut topic_data: Vec<TopicProduceData> = Vec::new();
        for shipment in &mut shipments {
            let bytes = shipment.batch.seal();
            lent.push(bytes.clone());
            let data = PartitionProduceData { index: shipment.partition as i32, records: Records::Shared(bytes) };
            let name = &*shipment.batch.outcome.topic;
            match topic_data.last_mut().filter(|topic| topic.name == name) {
                Some(topic) => topic.partition_data.push(data),
                None => topic_data.push(TopicProduceData { name: name.to_string(), partition_data: vec![data] }),
            }
        }
        let timeout_ms = i32::try_from(settings.client.request_timeout_ms).unwrap_or(i32::MAX);
        let mut request = ProduceRequest { acks: settings.acks.number(), timeout_ms, topic_data, ..Default::default() };
        let acks = settings.acks;
        let connection = self.connection.as_mut().expect("it was made before anything was taken");
        let sent = connection.send(&mut request);
        drop(request);
        shipments.iter_mut().zip(lent).for_each(|(shipment, bytes)| shipment.batch.take_back(bytes));
        match sent {
            Ok(()) if acks == Acks::None => {
                connection.expect_no_answer();
                shipments.into_iter().for_each(|shipment| self.accumulator.complete(shipment, Ok(Acked::UNKNOWN)));
                Ok(())
            }
            Err(error) if !error.breaks_connection() => {
                shipments.into_iter().for_each(|shipment| self.accumulator.complete(shipment, Err(error.clone())));
                Ok(())
            }
            sent => {
                self.in_flight.push_back(InFlight { shipments, sent: Instant::now() });
                sent
            }
        }
    }

    /// The socket has something: answers, or the end.
    fn read_answers(&mut self) -> Result<()> {
        if self.in_flight.is_empty() {
            // An idle connection that the broker closes; the next batch opens another.
            self.connection = None;
            if self.accumulator.settings.acks == Acks::None {
                // Or what was sent without asking for an answer was refused.
                self.accumulator.doubt_leaders();
            }
            return Ok(());
        }
        self.read_answer()?;
        while self.connection.as_ref().is_some_and(|c| c.has_read_ahead()) && !self.in_flight.is_empty() {
            self.read_answer()?;
        }
        Ok(())
    }

    fn read_answer(&mut self) -> Result<()> {
        let connection = self.connection.as_mut().expect("something is in flight");
        let answer = connection.receive::<ProduceRequest>()?;
        let InFlight { shipments, .. } = self.in_flight.pop_front().expect("something is in flight");
        let mut answers: VecDeque<(String, PartitionProduceResponse)> = VecDeque::new();
        for topic in answer.responses {
            answers.extend(topic.partition_responses.into_iter().map(|partition| (topic.name.clone(), partition)));
        }
        self.backoff = Backoff::new(&self.accumulator.settings.client);
        for shipment in shipments {
            let is_its = |(name, answer): &(String, PartitionProduceResponse)| {
                answer.index == shipment.partition as i32 && **name == *shipment.batch.outcome.topic
            };
            // Brokers answer in the order of the request; they need not.
            let answer = answers.iter().position(is_its).and_then(|place| answers.remove(place));
            self.settle(shipment, answer.map(|(_, answer)| answer));
        }
        Ok(())
    }

    /// What the broker says of one batch.
    fn settle(&mut self, shipment: Shipment, answer: Option<PartitionProduceResponse>) {
        let what = || format!("producing to {}-{}", shipment.batch.outcome.topic, shipment.partition);
        let Some(answer) = answer else {
            let (what, whom) = (what(), self.bell.address());
            let error = Error::Garbled { what, whom, why: String::from("it says nothing of the partition") };
            return self.accumulator.complete(shipment, Err(error));
        };
        let code = answer.error_code;
        let acked = Acked { base_offset: answer.base_offset, log_append_time_ms: answer.log_append_time_ms };
        match code {
            ErrorCode::NONE => self.accumulator.complete(shipment, Ok(acked)),
            // It is in the log already, too long ago for the broker to know where.
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER => self.accumulator.complete(shipment, Ok(Acked::UNKNOWN)),
            _ => {
                let named = answer.record_errors.into_iter().find_map(|record| record.batch_index_error_message);
                let error = Error::refused(what(), code, answer.error_message.or(named));
                let is_lost = is_about_sequences(code) && self.accumulator.settings.is_idempotent();
                if !(error.is_retriable() || is_lost || code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) {
                    return self.accumulator.complete(shipment, Err(error));
                }
                let pause = if is_lost { Duration::ZERO } else { self.backoff.next() };
                self.accumulator.retry(shipment, error, pause);
                if !is_lost {
                    self.accumulator.doubt_leaders();
                }
            }
        }
    }

    /// The connection is gone, and with it what we know of what was in flight.
    fn lose(&mut self, error: Error) {
        self.connection = None;
        let pause = self.backoff.next();
        self.not_before = Instant::now() + pause;
        for shipment in std::mem::take(&mut self.in_flight).into_iter().flat_map(|in_flight| in_flight.shipments) {
            self.accumulator.retry(shipment, error.clone(), pause);
        }
        self.accumulator.blame(self.node, error);
        self.accumulator.doubt_leaders();
    }

    /// Waits for an answer, the bell, or the time; whether the socket has something.
    fn sleep(&self, until: Option<Instant>) -> bool {
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let mut wanted = vec![(self.bell.ear(), Interest::Read)];
        wanted.extend(self.connection.iter().map(|connection| (connection.socket().as_fd(), Interest::Read)));
        // What cannot be waited for is looked at: a socket that is broken says so when it is read.
        poll::wait(&wanted, timeout).map_or(true, |ready| ready.get(1).copied().unwrap_or(false))
    }
}
