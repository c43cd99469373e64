//! A producer: some batches ahead, each of some records, to partitions that chance decides.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sendlog::record::BatchBuilder;
use sendlog::wire::messages::{InitProducerIdRequest, ProduceRequest};

use super::board::Board;
use super::{pick, Link, Plan};
use crate::broker::client::produce_request;
use crate::history::{Event, Fate, Sent, Span, Value};
use crate::trial::Random;

/// Batches on their way: what a broker remembers of an idempotent producer.
const AHEAD_MAX: usize = 5;
const RECORDS_MAX: u64 = 8;
/// One batch in so many is large.
const LARGE_EVERY: u64 = 50;

struct Sender<'b> {
    board: &'b Board,
    random: Random,
    number: u32,
    is_idempotent: bool,
    is_durable: bool,
    record_bytes_max: u64,
    large_bytes: usize,
    rest_max: Duration,
    producer: Option<(i64, i16)>,
    /// The next sequence of each partition.
    sequences: HashMap<usize, i32>,
    sent: u64,
    /// Sent and not answered, oldest first.
    ahead: VecDeque<Ahead>,
}

struct Ahead {
    event: Sent,
    topic: String,
    partition: i32,
    bytes: Vec<u8>,
}

pub fn run(board: &Board, random: Random, plan: &Plan, number: u32, is_idempotent: bool, is_durable: bool) {
    let (record_bytes_max, large_bytes, rest_max) = (plan.record_bytes_max, plan.large_bytes, plan.rest_max);
    let (producer, sequences, ahead) = (None, HashMap::new(), VecDeque::new());
    let mut sender = Sender {
        board,
        random,
        number,
        is_idempotent,
        is_durable,
        record_bytes_max,
        large_bytes,
        rest_max,
        producer,
        sequences,
        sent: 0,
        ahead,
    };
    let mut life = 0;
    while let Some(mut link) = board.connect(life, sender.ahead.is_empty()) {
        if sender.talk(&mut link).is_ok() {
            return;
        }
        life = link.life;
        sender.has_lost_its_broker();
    }
}

impl Sender<'_> {
    /// Until the connection ends, or all is sent and answered.
    fn talk(&mut self, link: &mut Link) -> io::Result<()> {
        if self.is_idempotent && self.producer.is_none() {
            let (_, given) = link.call(self.board, 4, InitProducerIdRequest::default())?;
            self.producer = Some((given.producer_id, given.producer_epoch));
        }
        for at in 0..self.ahead.len() {
            self.send(link, at)?;
        }
        loop {
            let room = if self.board.is_draining() { 0 } else { AHEAD_MAX - self.ahead.len() };
            for _ in 0..self.random.below(room as u64 + 1) {
                let batch = self.make();
                self.ahead.push_back(batch);
                self.send(link, self.ahead.len() - 1)?;
            }
            for _ in 0..self.random.below(self.ahead.len() as u64 + 1) {
                self.receive(link)?;
            }
            match self.board.is_draining() {
                true if self.ahead.is_empty() => return Ok(()),
                true => self.receive(link)?,
                false => thread::sleep(self.rest_max.mul_f64(self.random.below(1000) as f64 / 1000.0)),
            }
        }
    }

    fn send(&mut self, link: &mut Link, at: usize) -> io::Result<()> {
        let Ahead { event, topic, partition, bytes } = &mut self.ahead[at];
        let acks = if self.is_durable { -1 } else { 1 };
        event.id = link.send(self.board, 9, produce_request(acks, topic, *partition, bytes))?;
        Ok(())
    }

    fn make(&mut self) -> Ahead {
        let (key, topic, partition) = pick(&mut self.random, self.board);
        let count = 1 + self.random.below(RECORDS_MAX);
        let value = Value { producer: self.number, number: self.sent };
        self.sent += count;
        let mut builder = BatchBuilder::new();
        if let Some((id, epoch)) = self.producer {
            let sequence = self.sequences.entry(key).or_default();
            builder = builder.producer(id, epoch, *sequence);
            *sequence += count as i32;
        }
        let is_large = self.random.below(LARGE_EVERY) == 0;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        for number in value.number..value.number + count {
            let filling = self.random.below(self.record_bytes_max) as usize;
            let filling = "x".repeat(if is_large { filling + self.large_bytes } else { filling });
            let text = format!("{} {filling}", Value { number, ..value });
            builder.push(now_ms, None, Some(text.as_bytes()));
        }
        let span = Span { began: self.board.clock(), ended: 0 };
        let (is_durable, is_idempotent) = (self.is_durable, self.is_idempotent);
        let event = Sent { key, value, count, span, offset: -1, is_durable, is_idempotent, ..Sent::default() };
        Ahead { event, topic, partition, bytes: builder.build() }
    }

    fn receive(&mut self, link: &mut Link) -> io::Result<()> {
        let (id, response, _) = link.receive::<ProduceRequest>(9)?;
        let Ahead { mut event, .. } = self.ahead.pop_front().expect("only what was sent is answered");
        assert_eq!(id, event.id, "answers come in order");
        let answer = &response.responses[0].partition_responses[0];
        if !answer.error_code.is_none() {
            let (key, value) = (event.key, event.value);
            self.board.complain(format!("partition {key} answered a produce of {value} with {answer:?}"));
            event.fate = Fate::Unknown;
        }
        (event.offset, event.era, event.span.ended) = (answer.base_offset, link.era, self.board.clock());
        self.board.note(Event::Sent(event));
        Ok(())
    }

    /// A plain producer will never know what became of the rest.
    fn has_lost_its_broker(&mut self) {
        if self.is_idempotent {
            return;
        }
        for Ahead { mut event, .. } in self.ahead.drain(..) {
            (event.fate, event.span.ended) = (Fate::Unknown, self.board.clock());
            self.board.note(Event::Sent(event));
        }
    }
}
