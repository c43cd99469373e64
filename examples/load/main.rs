//! A light load generator for any Kafka-compatible broker: what it measures is the broker, not itself.
//!
//! `produce` prepares one request for each partition before the clock starts, then sends them in turn. `fetch` reads
//! what was produced, from the first offset to the last and then again, and looks at batch headers only. `wait` opens
//! connections that each wait in a fetch, then wakes them all with one record.
//!
//! Always true: one blocking thread for each connection and one `write(2)` for each request, as real clients do it; a
//! request's latency runs from before its first byte is sent until its answer has been read. MB are 10^6 bytes of
//! record batches as they are stored, headers included. An error that the broker answers ends the run.
//! Not done: no warm-up (the caller discards a first run), no compression.

mod client;

use std::collections::{HashMap, VecDeque};
use std::process::ExitCode;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use sendlog::record::BatchHeader;

use client::{check_produced, fetched, stamp, Connection};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "Usage: load produce|fetch|wait [options]

produce   creates the topic if need be, and sends one batch for one partition in each request
fetch     reads a topic that was produced before
wait      opens connections that wait in a fetch each, and wakes them with one record";

/// Name, default, what it is.
const OPTIONS: &[(&str, &str, &str)] = &[
    ("bootstrap", "127.0.0.1:9092", "the broker"),
    ("topic", "load", "the topic's name"),
    ("partitions", "1", "partitions of the topic"),
    ("connections", "1", "connections, each with its own share of the partitions"),
    ("record-bytes", "100", "bytes of a record's value"),
    ("batch-records", "1000", "records in a batch"),
    ("in-flight", "5", "requests that a connection sends ahead of the answers"),
    ("acks", "1", "0, 1 or all"),
    ("fetch-bytes", "1048576", "the most that one fetch asks for"),
    ("bytes", "500000000", "stop after this many bytes of batches"),
    ("seconds", "60", "stop earlier, after this long"),
];

/// How long it takes until all connections of `wait` wait.
const SETTLE: Duration = Duration::from_secs(2);

pub struct Plan {
    bootstrap: String,
    topic: String,
    partitions: i32,
    connections: i32,
    record_bytes: usize,
    batch_records: usize,
    in_flight: usize,
    acks: i16,
    fetch_bytes: i32,
    bytes: u64,
    time: Duration,
}

fn main() -> ExitCode {
    match run() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String> {
    let mut options = getopts::Options::new();
    for (name, default, what) in OPTIONS {
        options.optopt("", name, &format!("{what} ({default})"), "");
    }
    let found = options.parse(std::env::args().skip(1))?;
    let defaults: HashMap<_, _> = OPTIONS.iter().map(|(name, default, _)| (*name, *default)).collect();
    let text = |name: &str| found.opt_str(name).unwrap_or(defaults[name].to_string());
    let number = |name: &str| text(name).parse::<i32>().map_err(|_| format!("--{name} {}: not a number", text(name)));
    let count = |name: &str| number(name).map(|number| number.max(1) as usize);
    let plan = Plan {
        bootstrap: text("bootstrap"),
        topic: text("topic"),
        partitions: number("partitions")?.max(1),
        connections: number("connections")?.max(1),
        record_bytes: count("record-bytes")?,
        batch_records: count("batch-records")?,
        in_flight: count("in-flight")?,
        acks: if text("acks") == "all" { -1 } else { number("acks")? as i16 },
        fetch_bytes: number("fetch-bytes")?,
        bytes: text("bytes").parse()?,
        time: Duration::from_secs(number("seconds")? as u64),
    };
    match found.free.first().map(String::as_str) {
        Some("produce") => produce(&plan),
        Some("fetch") => in_threads(Worker::for_all(&plan)?, Worker::fetch),
        Some("wait") => wait(&plan),
        _ => Err(options.usage(USAGE).into()),
    }
}

fn produce(plan: &Plan) -> Result<String> {
    let batch = plan.batch();
    plan.create_topic(batch.len())?;
    let mut workers = Worker::for_all(plan)?;
    for worker in &mut workers {
        let partitions = worker.partitions.iter();
        worker.requests = partitions.map(|partition| plan.produce_request(*partition, &batch)).collect();
        worker.tally.make_room(plan.bytes / plan.connections as u64 / batch.len() as u64);
    }
    in_threads(workers, |worker| worker.produce(batch.len() as u64))
}

/// One thread for all connections: it opens them, asks on each, waits for each; so times are those of the last one.
fn wait(plan: &Plan) -> Result<String> {
    sendlog::os::limits::raise_open_files();
    let batch = plan.batch();
    plan.create_topic(batch.len())?;
    let began = Instant::now();
    let connections = (0..plan.connections).map(|_| Connection::open(&plan.bootstrap));
    let mut connections: Vec<_> = connections.collect::<Result<_>>()?;
    connections.iter_mut().try_for_each(|connection| connection.send(&plan.small_request()))?;
    connections.iter_mut().try_for_each(|connection| connection.receive().map(drop))?;
    let connected_ms = began.elapsed().as_millis();

    let mut producer = Connection::open(&plan.bootstrap)?;
    producer.send(&plan.fetch_request(0, 0, Duration::ZERO))?;
    let log_end = fetched(producer.receive()?)?.high_watermark;
    let request = plan.fetch_request(0, log_end, plan.time);
    connections.iter_mut().try_for_each(|connection| connection.send(&request))?;
    std::thread::sleep(SETTLE);
    let began = Instant::now();
    producer.send(&plan.produce_request(0, &batch))?;
    connections.iter_mut().try_for_each(|connection| connection.receive().map(drop))?;
    let woken_ms = began.elapsed().as_millis();
    Ok(format!("connections={} connected_ms={connected_ms} woken_ms={woken_ms}", plan.connections))
}

/// Lets each worker work in a thread of its own, all at once, and adds up what they did.
fn in_threads<'a>(workers: Vec<Worker<'a>>, work: impl Fn(&mut Worker<'a>) -> Result<()> + Sync) -> Result<String> {
    let start = Barrier::new(workers.len());
    let run = |mut worker: Worker<'a>| {
        start.wait();
        worker.tally.began = Instant::now();
        work(&mut worker)?;
        worker.tally.ended = Instant::now();
        Ok(worker.tally)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = workers.into_iter().map(|worker| scope.spawn(|| run(worker))).collect();
        let tallies: Result<Vec<_>> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        Ok(Tally::line(&tallies?))
    })
}

/// One connection and its share of the work.
struct Worker<'a> {
    plan: &'a Plan,
    connection: Connection,
    /// Some of the topic's, or one that other workers have too.
    partitions: Vec<i32>,
    /// One for each of the partitions, encoded; none to fetch.
    requests: Vec<Vec<u8>>,
    tally: Tally,
}

impl Worker<'_> {
    fn for_all(plan: &Plan) -> Result<Vec<Worker<'_>>> {
        let worker = |index: i32| {
            let connection = Connection::open(&plan.bootstrap)?;
            let partitions = (index % plan.partitions..plan.partitions).step_by(plan.connections as usize).collect();
            Ok(Worker { plan, connection, partitions, requests: Vec::new(), tally: Tally::new() })
        };
        (0..plan.connections).map(worker).collect()
    }

    fn produce(&mut self, batch_bytes: u64) -> Result<()> {
        let Worker { plan, connection, requests, tally, .. } = self;
        let mut unanswered = VecDeque::with_capacity(plan.in_flight);
        let mut turns = (0..requests.len()).cycle().zip((0..i32::MAX).cycle());
        loop {
            while unanswered.len() < plan.in_flight && tally.goes_on(plan) {
                let (turn, correlation_id) = turns.next().expect("it never ends");
                stamp(&mut requests[turn], correlation_id);
                let began = Instant::now();
                connection.send(&requests[turn])?;
                tally.add(plan.batch_records as u64, batch_bytes);
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

    fn fetch(&mut self) -> Result<()> {
        let Worker { plan, connection, partitions, tally, .. } = self;
        let mut offsets = vec![0; partitions.len()];
        let mut turns = (0..offsets.len()).cycle();
        while tally.goes_on(plan) {
            let turn = turns.next().expect("it never ends");
            let (partition, offset) = (partitions[turn], offsets[turn]);
            let request = plan.fetch_request(partition, offset, Duration::ZERO);
            let began = Instant::now();
            connection.send(&request)?;
            let answer = connection.receive()?;
            tally.answered(began);
            let fetched = fetched(answer)?;
            let Some(next_offset) = tally.add_batches(fetched.log) else {
                return Err(format!("{}-{partition} has nothing at offset {offset}", plan.topic).into());
            };
            offsets[turn] = if next_offset < fetched.high_watermark { next_offset } else { fetched.log_start };
        }
        Ok(())
    }
}

/// What one worker did.
struct Tally {
    began: Instant,
    ended: Instant,
    records: u64,
    bytes: u64,
    latencies_us: Vec<u32>,
}

impl Tally {
    fn new() -> Tally {
        let now = Instant::now();
        Tally { began: now, ended: now, records: 0, bytes: 0, latencies_us: Vec::new() }
    }

    /// So that no request's latency is that of growing the list of latencies.
    fn make_room(&mut self, requests: u64) {
        self.latencies_us.reserve(requests.min(10_000_000) as usize);
    }

    fn goes_on(&self, plan: &Plan) -> bool {
        self.bytes < plan.bytes / plan.connections as u64 && self.began.elapsed() < plan.time
    }

    fn add(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
    }

    /// Adds the batches that are whole, without unpacking them, and returns the offset that follows.
    fn add_batches(&mut self, mut log: &[u8]) -> Option<i64> {
        let mut next_offset = None;
        while let Some(header) = BatchHeader::parse(log) {
            let Some(size) = header.size().filter(|size| *size <= log.len() as u64) else { break };
            self.add(header.record_count as u64, size);
            next_offset = Some(header.last_offset().0 + 1);
            log = &log[size as usize..];
        }
        next_offset
    }

    fn answered(&mut self, began: Instant) {
        self.latencies_us.push(began.elapsed().as_micros() as u32);
    }

    fn line(all: &[Tally]) -> String {
        let began = all.iter().map(|tally| tally.began).min().expect("at least one worker");
        let ended = all.iter().map(|tally| tally.ended).max().expect("at least one worker");
        let seconds = (ended - began).as_secs_f64();
        let bytes: u64 = all.iter().map(|tally| tally.bytes).sum();
        let mb_s = bytes as f64 / 1e6 / seconds;
        let records_s = all.iter().map(|tally| tally.records).sum::<u64>() as f64 / seconds;
        let mut us: Vec<u32> = all.iter().flat_map(|tally| &tally.latencies_us).copied().collect();
        us.sort_unstable();
        let at = |share: f64| us[((us.len() - 1) as f64 * share) as usize];
        let (p50, p99, p999, max) = (at(0.5), at(0.99), at(0.999), at(1.0));
        let latency = format!("p50_us={p50} p99_us={p99} p99.9_us={p999} max_us={max}");
        let requests = us.len();
        format!(
            "records/s={records_s:.0} MB/s={mb_s:.1} {latency} requests={requests} bytes={bytes} seconds={seconds:.3}"
        )
    }
}
