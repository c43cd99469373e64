//! Eight clients that produce, fetch, commit and change topics while faults fire, and keep a ledger of the answers.
//!
//! Always true: a client that gets an error, or whose connection ends, goes on with a new one until the round is over. What
//! it notes as done was answered without an error. A record whose answer is open is sent again, if its producer is idempotent.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::Mutex;
use std::time::Duration;

use sendlog::base::ErrorCode;
use sendlog::record::BatchBuilder;
use sendlog::wire::frame::decode_response;
use sendlog::wire::messages::create_partitions::CreatePartitionsTopic;
use sendlog::wire::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use sendlog::wire::messages::*;
use sendlog::wire::Request;

use crate::broker::client::{fetch_request, frame, new_topic, produce_request, read_records};
use crate::broker::member::commit_request;

/// A client that takes an error for an answer.
pub struct Caller {
    address: SocketAddr,
    socket: Option<TcpStream>,
    last_id: i32,
}

/// How long an answer may take: a broker that cannot accept lets its clients wait.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(2);
/// Connections that are kept open, so that each new one needs a thread.
const HELD_MAX: usize = 200;

impl Caller {
    pub fn new(address: SocketAddr) -> Caller {
        Caller { address, socket: None, last_id: 0 }
    }

    /// The response and its frame; `None` when the connection ended, which the next call makes anew.
    pub fn call<R: Request>(&mut self, version: i16, mut request: R) -> Option<(R::Response, Vec<u8>)> {
        self.last_id += 1;
        let answered = self.exchange(&frame(version, self.last_id, &mut request));
        let decoded = answered.and_then(|bytes| {
            let (id, response) = decode_response::<R>(&bytes, version).ok()?;
            (id == self.last_id).then_some((response, bytes))
        });
        if decoded.is_none() {
            self.socket = None;
            std::thread::sleep(PAUSE);
        }
        decoded
    }

    fn exchange(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        if self.socket.is_none() {
            let socket = TcpStream::connect_timeout(&self.address, PATIENCE).ok()?;
            socket.set_nodelay(true).ok()?;
            socket.set_read_timeout(Some(PATIENCE)).ok()?;
            self.socket = Some(socket);
        }
        let socket = self.socket.as_mut()?;
        socket.write_all(request).ok()?;
        let mut size = [0; 4];
        socket.read_exact(&mut size).ok()?;
        let mut bytes = vec![0; usize::try_from(i32::from_be_bytes(size)).ok()?];
        socket.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// What a producer knows of its records.
#[derive(Default)]
pub struct Sent {
    /// By offset.
    pub done: BTreeMap<i64, String>,
    pub refused: BTreeSet<String>,
    pub unknown: BTreeSet<String>,
}

/// One who writes to a partition of its own.
pub struct Producer {
    pub topic: &'static str,
    pub partition: i32,
    pub acks: i16,
    pub is_idempotent: bool,
    pub acked: AtomicU64,
    pub errors: AtomicU64,
    pub sent: Mutex<Sent>,
}

/// What the clients share.
pub struct Load {
    pub address: SocketAddr,
    pub is_over: AtomicBool,
    pub producers: Vec<Producer>,
    /// The last offset whose commit was acknowledged.
    pub committed: AtomicU64,
    /// What was read that was not what it must be.
    pub broken: Mutex<Vec<String>>,
}

impl Load {
    pub fn new(address: SocketAddr) -> Load {
        let producer = |(topic, partition, acks, is_idempotent)| Producer {
            topic,
            partition,
            acks,
            is_idempotent,
            acked: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            sent: Mutex::default(),
        };
        let producers =
            [("demo", 0, -1, true), ("demo", 1, 1, false), ("rolling", 0, -1, true), ("other", 0, -1, false)];
        Load {
            address,
            is_over: AtomicBool::new(false),
            producers: producers.into_iter().map(producer).collect(),
            committed: AtomicU64::new(0),
            broken: Mutex::default(),
        }
    }

    pub fn acked(&self) -> Vec<u64> {
        self.producers.iter().map(|producer| producer.acked.load(SeqCst)).collect()
    }

    /// Runs the eight clients, and `meanwhile`, which says when they are to end.
    pub fn run<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            self.producers.iter().for_each(|producer| drop(scope.spawn(|| self.produce(producer))));
            scope.spawn(|| self.fetch("demo", 0));
            scope.spawn(|| self.fetch("other", 0));
            scope.spawn(|| self.commit());
            scope.spawn(|| self.change_topics());
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
            self.is_over.store(true, SeqCst);
            result.unwrap_or_else(|cause| std::panic::resume_unwind(cause))
        })
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(SeqCst)
    }

    fn produce(&self, producer: &Producer) {
        let mut caller = Caller::new(self.address);
        let mut id = None;
        let mut sequence = 0;
        while self.goes_on() {
            if producer.is_idempotent && id.is_none() {
                let taken = caller.call(4, InitProducerIdRequest::default());
                id = taken.map(|(taken, _)| taken.producer_id).filter(|id| *id >= 0);
                if id.is_none() {
                    std::thread::sleep(PAUSE);
                    continue;
                }
            }
            let value = format!("{}-{}-{sequence} {}", producer.topic, producer.partition, "x".repeat(500));
            let builder = id.map_or(BatchBuilder::new(), |id| BatchBuilder::new().producer(id, 0, sequence));
            let batch = builder.record(1000 + 10 * i64::from(sequence), None, Some(value.as_bytes())).build();
            let done = self.send(producer, &mut caller, &batch, &value);
            if done || !producer.is_idempotent {
                sequence += 1;
            }
            // Not faster than eight clients on two processors need to be.
            std::thread::sleep(PAUSE);
        }
    }

    /// Sends a batch once, and notes what came of it.
    fn send(&self, producer: &Producer, caller: &mut Caller, batch: &[u8], value: &str) -> bool {
        let request = produce_request(producer.acks, producer.topic, producer.partition, batch);
        let answer = caller.call(9, request);
        let mut sent = producer.sent.lock().unwrap();
        let result = answer.as_ref().and_then(|(answer, _)| answer.responses.first()?.partition_responses.first());
        match result {
            Some(result) if result.error_code.is_none() => {
                sent.unknown.remove(value);
                sent.refused.remove(value);
                sent.done.insert(result.base_offset, value.to_string());
                producer.acked.fetch_add(1, SeqCst);
                return true;
            }
            // Only an append can have failed where no flush is waited for.
            Some(_) if producer.acks == 1 && !producer.is_idempotent => drop(sent.refused.insert(value.to_string())),
            _ => drop(sent.unknown.insert(value.to_string())),
        }
        producer.errors.fetch_add(1, SeqCst);
        false
    }

    /// Reads a partition from its start again and again: what was seen at an offset stays there.
    fn fetch(&self, topic: &str, partition: i32) {
        let mut caller = Caller::new(self.address);
        let mut seen: BTreeMap<i64, String> = BTreeMap::new();
        let mut next = 0;
        while self.goes_on() {
            let request = FetchRequest { max_wait_ms: 20, ..fetch_request(&[(topic, partition, next)]) };
            let Some((answer, bytes)) = caller.call(12, request) else { continue };
            let Some(data) = answer.responses.first().and_then(|topic| topic.partitions.first()) else { continue };
            let records = match data.error_code.is_none() {
                true => read_records(data.records.range().map(|range| &bytes[range]).unwrap_or_default()),
                false => Vec::new(),
            };
            for (offset, value) in records {
                let known = seen.entry(offset).or_insert_with(|| value.clone());
                if *known != value {
                    self.broken.lock().unwrap().push(format!("{topic}-{partition} at {offset}: {known}, then {value}"));
                }
                next = next.max(offset + 1);
            }
            if !data.error_code.is_none() || next % 64 == 0 {
                next = 0;
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn commit(&self) {
        let mut caller = Caller::new(self.address);
        let mut offset = 1;
        while self.goes_on() {
            let answer = caller.call(8, commit_request("readers", &[("demo", 0, offset)]));
            let code = answer.and_then(|(answer, _)| Some(answer.topics.first()?.partitions.first()?.error_code));
            if code == Some(ErrorCode::NONE) {
                self.committed.store(offset as u64, SeqCst);
                offset += 1;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Creates and deletes topics, adds partitions, deletes records; each time over a new connection.
    fn change_topics(&self) {
        let mut held = Vec::new();
        for n in 0.. {
            if !self.goes_on() {
                return;
            }
            let mut caller = Caller::new(self.address);
            let name = format!("temporary-{}", n % 7);
            let create = CreateTopicsRequest { topics: vec![new_topic(&name, 2, &[])], ..Default::default() };
            caller.call(7, create);
            let more = CreatePartitionsTopic { name: name.clone(), count: 3, ..Default::default() };
            caller.call(3, CreatePartitionsRequest { topics: vec![more], ..Default::default() });
            let offset = self.producers[2].acked.load(SeqCst) as i64 / 2;
            let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset }];
            let topics = vec![DeleteRecordsTopic { name: "rolling".to_string(), partitions }];
            caller.call(2, DeleteRecordsRequest { topics, ..Default::default() });
            caller.call(5, DeleteTopicsRequest { topic_names: vec![name], ..Default::default() });
            if held.len() < HELD_MAX {
                held.push(caller);
            }
            std::thread::sleep(PAUSE);
        }
    }
}
