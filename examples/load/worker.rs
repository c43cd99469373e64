//! One connection and its share of the work, in a thread of its own.
//!
//! Always true: the clock starts when all connections are open, all requests prepared, and each has been sent once. A
//! connection sends up to `in-flight` requests ahead, then one for each answer.

use std::collections::VecDeque;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::fetched::{head_bytes, Fetched};
use crate::plan::Plan;
use crate::requests::{check_produced, stamp};
use crate::tally::{self, Broker, Tally};
use crate::Result;

/// What is read of a fetch's answer at once; anything from 64 KiB to 2 MiB measures alike.
const FETCH_BUFFER_BYTES: usize = 128 << 10;
/// Enough for a worker, and 10,000 of them fit.
const STACK_BYTES: usize = 128 << 10;

pub struct Worker<'a> {
    plan: &'a Plan,
    connection: Connection,
    index: u64,
    /// Some of the topic's, or one that other workers have too.
    partitions: Vec<i32>,
    requests: Vec<Prepared>,
    tally: Tally,
}

/// A produce request with a batch for each of some partitions.
struct Prepared {
    bytes: Vec<u8>,
    partitions: Vec<i32>,
    batch_bytes: u64,
}

impl<'a> Worker<'a> {
    pub fn for_all(plan: &'a Plan, buffer_bytes: usize) -> Result<Vec<Worker<'a>>> {
        let worker = |index: i32| {
            let connection = Connection::with_buffer(&plan.bootstrap, buffer_bytes)?;
            let partitions = (index % plan.partitions..plan.partitions).step_by(plan.connections as usize).collect();
            let index = index as u64;
            Ok(Worker { plan, connection, index, partitions, requests: Vec::new(), tally: Tally::new() })
        };
        (0..plan.connections).map(worker).collect()
    }

    fn prepare(&mut self, batch: &[u8]) {
        let prepared = |partitions: &[i32]| {
            let bytes = self.plan.produce_request(Vec::new(), partitions, |_| batch.to_vec());
            let batch_bytes = (batch.len() * partitions.len()) as u64;
            Prepared { bytes, partitions: partitions.to_vec(), batch_bytes }
        };
        self.requests = self.partitions.chunks(self.plan.request_batches).map(prepared).collect();
        let bytes = self.plan.bytes / self.plan.connections as u64;
        self.tally.make_room(bytes / self.requests[0].batch_bytes + 1);
    }

    fn produce(&mut self) -> Result<()> {
        let Worker { plan, connection, requests, tally, .. } = self;
        let mut unanswered = VecDeque::with_capacity(plan.in_flight);
        let mut turns = (0..requests.len()).cycle().zip((0..i32::MAX).cycle());
        loop {
            while unanswered.len() < plan.in_flight && tally.goes_on(plan) {
                let (turn, correlation_id) = turns.next().expect("it never ends");
                let request = &mut requests[turn];
                if plan.fresh {
                    request.build_again(plan, tally.records);
                }
                stamp(&mut request.bytes, correlation_id);
                let began = Instant::now();
                connection.send(&request.bytes)?;
                let records = plan.batch_records * request.partitions.len();
                tally.add(records as u64, request.batch_bytes, request.bytes.len() as u64);
                match plan.acks {
                    0 => tally.answered(began),
                    _ => unanswered.push_back((correlation_id, began)),
                }
            }
            let Some((correlation_id, began)) = unanswered.pop_front() else { break };
            check_produced(connection.receive()?, correlation_id)?;
            tally.answered(began);
        }
        if plan.acks == 0 {
            // Requests of a connection are served in order: this one's answer comes after all the work.
            connection.send(&plan.small_request())?;
            connection.receive()?;
        }
        Ok(())
    }

    /// Each partition's first batch, whose files may have to be made: usually not what is to be measured.
    fn produce_once(&mut self) -> Result<()> {
        let counted = self.plan.at_once || self.plan.acks == 0;
        for request in self.requests.iter_mut().filter(|_| !counted) {
            stamp(&mut request.bytes, 0);
            self.connection.send(&request.bytes)?;
            check_produced(self.connection.receive()?, 0)?;
        }
        Ok(())
    }

    fn fetch(&mut self) -> Result<()> {
        let head = head_bytes(&self.plan.topic);
        let mut random = Random(self.index);
        let mut offsets = self.first_offsets()?;
        let mut turns = (0..offsets.len()).cycle();
        while self.tally.goes_on(self.plan) {
            let turn = turns.next().expect("it never ends");
            let (partition, offset) = (self.partitions[turn], offsets[turn]);
            let request = self.plan.fetch_request(partition, offset, Duration::ZERO);
            let mut fetched = Fetched::default();
            let began = Instant::now();
            self.connection.send(&request)?;
            let size = self.connection.receive_in_pieces(head, |piece| fetched.see(piece, &self.plan.topic))?;
            self.tally.answered(began);
            self.tally.add(fetched.records, fetched.bytes, size as u64 + 4);
            let Some(next_offset) = fetched.next_offset else {
                return Err(format!("{}-{partition} has nothing at offset {offset}", self.plan.topic).into());
            };
            offsets[turn] = match self.plan.random {
                true => random.between(fetched.log_start, fetched.high_watermark),
                false if next_offset < fetched.high_watermark => next_offset,
                false => fetched.log_start,
            };
        }
        Ok(())
    }

    /// Where each partition's reading begins.
    fn first_offsets(&mut self) -> Result<Vec<i64>> {
        if !self.plan.random {
            return Ok(vec![0; self.partitions.len()]);
        }
        let ends = self.plan.end_offsets(&mut self.connection)?;
        let mut random = Random(!self.index);
        Ok(self.partitions.iter().map(|partition| random.between(0, ends[*partition as usize])).collect())
    }
}

impl Prepared {
    fn build_again(&mut self, plan: &Plan, number: u64) {
        let buffer = std::mem::take(&mut self.bytes);
        self.bytes = plan.produce_request(buffer, &self.partitions, |partition| plan.batch(number + partition as u64));
    }
}

pub fn produce(plan: &Plan) -> Result<String> {
    let batch = plan.batch(0);
    plan.create_topic(batch.len())?;
    let mut workers = Worker::for_all(plan, 4 << 10)?;
    workers.iter_mut().for_each(|worker| worker.prepare(&batch));
    in_threads(plan, workers, Worker::produce)
}

pub fn fetch(plan: &Plan) -> Result<String> {
    in_threads(plan, Worker::for_all(plan, FETCH_BUFFER_BYTES)?, Worker::fetch)
}

/// Lets each worker work in a thread of its own, all at once, and adds up what they did.
fn in_threads<'a>(
    plan: &Plan,
    workers: Vec<Worker<'a>>,
    work: impl Fn(&mut Worker<'a>) -> Result<()> + Sync,
) -> Result<String> {
    let (ready, start) = (Barrier::new(workers.len() + 1), Barrier::new(workers.len() + 1));
    let run = |mut worker: Worker<'a>| {
        let prepared = worker.produce_once();
        ready.wait();
        start.wait();
        worker.tally.began = Instant::now();
        prepared.and_then(|()| work(&mut worker))?;
        worker.tally.ended = Instant::now();
        Ok(worker.tally)
    };
    std::thread::scope(|scope| {
        let thread = |worker| std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || run(worker));
        let threads: Vec<_> = workers.into_iter().map(thread).collect::<std::io::Result<_>>()?;
        ready.wait();
        let broker = Broker::at_start(plan.pid);
        start.wait();
        let tallies = threads.into_iter().map(|thread| thread.join().expect("no panic"));
        let tallies = tallies.collect::<Result<Vec<Tally>>>()?;
        tally::line(plan, &tallies, broker?)
    })
}

/// Numbers without a pattern, the same ones in each run (a step of splitmix64).
struct Random(u64);

impl Random {
    /// From `low` up to, and without, `high`.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x2545_f491_4f6c_dd1d);
        low + ((mixed >> 16) % (high - low).max(1) as u64) as i64
    }
}
