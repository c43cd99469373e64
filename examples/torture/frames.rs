//! Malformed frames against a live broker, beside honest clients that must not notice.
//!
//! Every captured request (tests/bytes) is the start of others: random flips, every prefix, the numbers at the edge of what
//! an i16, i32 and i64 hold written over any place, wrong sizes, keys and versions, garbage. What still decodes is sent one
//! behind the other over a connection that stays open; what does not comes last, since it ends the connection.
//!
//! Always true: honest clients get every answer, right and before the hang limit; memory stays bounded; when it is over,
//! threads and descriptors are back. A frame is counted when its answer or the end of its connection was seen.
//! Not done: requests that make something of what was changed (topics, groups, configurations) are sent seldom when they
//! decode: that a broker with a million topics is large is nothing new.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sendlog::wire::frame::{decode_request_header, SIZE_BYTES};
use sendlog::wire::messages::*;
use sendlog::wire::{ApiKey, Request, API_TABLE};

use crate::broker::client::batch;
use crate::broker::{scratch, Broker, HANG};
use crate::trial::{Outcome, Part, Random, Trial};
use crate::wire_frames::{served_frames, visit, Frame, Visit};

pub const PART: Part = Part {
    name: "frames",
    what: "malformed frames against a live broker, beside honest clients",
    unit: "frames",
    short: 100_000,
    long: 20_000_000,
    is_beside: false,
    run,
};

const ATTACKERS: u64 = 2;
const HONEST: usize = 2;
const MEMORY_KB_MAX: u64 = 512 << 10;
/// Frames that are sent before their answers are read, and their bytes.
const PIPELINE: usize = 200;
const PIPELINE_BYTES: usize = 48 << 10;
/// One in so many requests that would change something is sent although it decodes.
const SELDOM: u64 = 64;

fn run(trial: &Trial) -> Outcome {
    // No disk is tried here: what is made and unmade all the time is not synced.
    let broker = Broker::run(
        Arc::new(scratch()),
        &[
            "--listen",
            "127.0.0.1:0",
            "--ephemeral",
            "--set",
            "auto.create.topics.enable=false",
            "--set",
            "group.initial.rebalance.delay.ms=0",
            "--set",
            "fetch.max.wait.ms.limit=1",
            "--set",
            "log.level=error",
        ],
    );
    let mut client = broker.connect();
    client.create("honest", HONEST as i32);
    let baseline = (broker.threads(), descriptors(&broker));
    let templates: Vec<Frame> = served_frames().into_iter().filter(|frame| frame.is_request).collect();
    let (stop, done, kept_open) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let slowest = Mutex::new(Duration::ZERO);
    let prefixes = Mutex::new(prefixes(&templates));
    let began = Instant::now();
    let attack = |number: u64| {
        let mut attacker = Attacker::new(broker.address, &templates, trial.seed + number);
        while done.load(Relaxed) < trial.amount && !stop.load(Relaxed) {
            let cut = prefixes.lock().unwrap().pop();
            let (answered, closed) = attacker.volley(cut);
            kept_open.fetch_add(answered, Relaxed);
            done.fetch_add(answered + closed, Relaxed);
        }
    };
    let honest = std::thread::scope(|scope| {
        let honest: Vec<_> = (0..HONEST)
            .map(|partition| {
                scope.spawn({
                    let (stop, slowest, broker) = (&stop, &slowest, &broker);
                    move || live(broker, partition as i32, stop, slowest)
                })
            })
            .collect();
        let attack = &attack;
        let attackers: Vec<_> = (0..ATTACKERS).map(|number| scope.spawn(move || attack(number))).collect();
        let attacked: Vec<_> = attackers.into_iter().map(|attacker| attacker.join()).collect();
        stop.store(true, Relaxed);
        let honest: Vec<_> = honest.into_iter().map(|client| client.join()).collect();
        attacked.into_iter().collect::<Result<Vec<()>, _>>().map_err(|_| "an attacker saw a hang")?;
        honest.into_iter().collect::<Result<Vec<i64>, _>>().map_err(|_| "an honest client was disturbed")
    })?;
    let took = began.elapsed();
    // A wait looks for its client every 30 s, and idle threads are kept for the next connections.
    let deadline = Instant::now() + 3 * Duration::from_secs(30);
    let is_back = |(threads, descriptors): (u64, u64)| threads <= baseline.0 + 64 && descriptors <= baseline.1 + 64;
    while !is_back((broker.threads(), descriptors(&broker))) {
        if Instant::now() > deadline {
            let now = (broker.threads(), descriptors(&broker));
            return Err(format!("threads and descriptors were {baseline:?}, and stay at {now:?}"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let memory_kb = broker.peak_memory_kb();
    if memory_kb > MEMORY_KB_MAX {
        return Err(format!("the broker held {memory_kb} kB"));
    }
    broker.stop();
    let done = done.load(Relaxed);
    Ok(format!(
        "{done} frames ({} a second), {} of them answered, 0 hangs; {} requests of honest clients all right, the slowest {} ms; {} MB at most",
        (done as f64 / took.as_secs_f64()) as u64,
        kept_open.load(Relaxed),
        2 * honest.iter().sum::<i64>(),
        slowest.lock().unwrap().as_millis(),
        memory_kb >> 10,
    ))
}

/// Those of sockets: files of topics stay open for their next use.
fn descriptors(broker: &Broker) -> u64 {
    let links = std::fs::read_dir(format!("/proc/{}/fd", broker.pid())).unwrap().filter_map(Result::ok);
    let targets = links.filter_map(|link| std::fs::read_link(link.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() as u64
}

/// Produces and fetches, and looks at every answer; how many of each.
fn live(broker: &Broker, partition: i32, stop: &AtomicBool, slowest: &Mutex<Duration>) -> i64 {
    let mut client = broker.connect();
    let mut offset = 0;
    let mut slow = Duration::ZERO;
    while !stop.load(Relaxed) {
        let began = Instant::now();
        let value = format!("{partition}:{offset}");
        assert_eq!(client.produce("honest", partition, &batch(&[&value])), offset);
        assert_eq!(client.fetch("honest", partition, offset).read(), [(offset, value)]);
        slow = slow.max(began.elapsed());
        offset += 1;
        // The attackers are to have the broker's time.
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut slowest = slowest.lock().unwrap();
    *slowest = slow.max(*slowest);
    offset
}

/// A template by its number, and how many bytes of it are sent: one of each API and version, cut everywhere.
fn prefixes(templates: &[Frame]) -> Vec<(usize, usize)> {
    let is_first = |number: &usize| {
        let frame = &templates[*number];
        templates[..*number]
            .iter()
            .all(|other| (other.api.key, other.version) != (frame.api.key, frame.version))
    };
    let firsts = (0..templates.len()).filter(is_first);
    firsts
        .flat_map(|number| (0..templates[number].body().len()).map(move |length| (number, length)))
        .collect()
}

struct Attacker<'a> {
    address: SocketAddr,
    templates: &'a [Frame],
    random: Random,
    socket: Option<TcpStream>,
    buffer: Vec<u8>,
    /// The beginnings of the frames of this volley.
    sent: Vec<Vec<u8>>,
}

/// What becomes of a connection when the broker reads a frame.
#[derive(PartialEq, Clone, Copy)]
enum Fate {
    Answered,
    /// Decodes, and is not answered, or only when something happens.
    Silent,
    Closed,
    /// Decodes, and would change something.
    Changes,
    /// Asks for thousands of partitions, which take the broker as long as they take it.
    Unsent,
}

impl<'a> Attacker<'a> {
    fn new(address: SocketAddr, templates: &'a [Frame], seed: u64) -> Attacker<'a> {
        Attacker {
            address,
            templates,
            random: Random::new(seed),
            socket: None,
            buffer: vec![0; 256 << 10],
            sent: Vec::new(),
        }
    }

    /// Frames that are answered, and at last one that is not; how many were answered, and whether one closed.
    fn volley(&mut self, cut: Option<(usize, usize)>) -> (u64, u64) {
        let mut bytes = Vec::with_capacity(2 * PIPELINE_BYTES);
        let (mut expected, mut last) = (0, None);
        self.sent.clear();
        while expected < PIPELINE && bytes.len() < PIPELINE_BYTES && last.is_none() {
            let frame = match cut.filter(|_| expected == 20) {
                Some((number, length)) => framed(&self.templates[number].body()[..length]),
                None => self.malformed(),
            };
            match fate(&frame) {
                Fate::Answered => expected += 1,
                Fate::Unsent => continue,
                Fate::Changes if self.random.below(SELDOM) > 0 => continue,
                Fate::Changes => expected += 1,
                // Most volleys go on for a while.
                Fate::Silent | Fate::Closed if expected < 20 && self.random.below(32) > 0 => continue,
                other => last = Some(other),
            }
            self.sent.push(frame.iter().take(24).copied().collect());
            bytes.extend(frame);
        }
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => connect(self.address),
        };
        // The broker may close before it has read everything.
        let _ = socket.write_all(&bytes);
        match last {
            None => {
                let (answered, is_open) = self.read_answers(&mut socket, expected);
                self.socket = Some(socket).filter(|_| is_open);
                (answered, u64::from(!is_open))
            }
            Some(Fate::Closed) => {
                // Bytes that claim to go on need an end.
                let _ = socket.shutdown(Shutdown::Write);
                let (answered, is_open) = self.read_answers(&mut socket, usize::MAX);
                assert!(!is_open);
                (answered, 1)
            }
            // Nobody waits for its answer: the client vanishes.
            Some(_) => (self.read_answers(&mut socket, expected).0, 1),
        }
    }

    /// Reads so many answers, or to the end; how many there were, and whether the connection is still open.
    fn read_answers(&mut self, socket: &mut TcpStream, expected: usize) -> (u64, bool) {
        let (mut answered, mut left_over, mut skip) = (0, Vec::new(), 0usize);
        while (answered as usize) < expected || skip > 0 {
            let got = match socket.read(&mut self.buffer) {
                Ok(0) => return (answered, false),
                Ok(got) => got,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return (answered, false),
                Err(error) => panic!("no answer within {HANG:?} to {:02x?}: {error}", self.sent.get(answered as usize)),
            };
            let mut bytes = &self.buffer[..got];
            while !bytes.is_empty() {
                if skip > 0 {
                    let now = skip.min(bytes.len());
                    (skip, bytes) = (skip - now, &bytes[now..]);
                    continue;
                }
                let needed = (SIZE_BYTES - left_over.len()).min(bytes.len());
                left_over.extend_from_slice(&bytes[..needed]);
                bytes = &bytes[needed..];
                if left_over.len() == SIZE_BYTES {
                    skip = u32::from_be_bytes(left_over[..].try_into().unwrap()) as usize;
                    left_over.clear();
                    answered += 1;
                }
            }
        }
        (answered, true)
    }

    /// A frame that some client sent, with something wrong.
    fn malformed(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        let template = &self.templates[random.below(self.templates.len() as u64) as usize];
        let mut body = template.body().to_vec();
        let length = body.len() as u64;
        match random.below(16) {
            0..6 => {
                for _ in 0..=random.below(4) {
                    body[random.below(length) as usize] ^= 1 << random.below(8);
                }
            }
            6..12 => {
                let edge = edge(random);
                let at = random.below(length) as usize;
                let end = (at + edge.len()).min(body.len());
                body[at..end].copy_from_slice(&edge[..end - at]);
            }
            12 => body.truncate(random.below(length) as usize),
            13 => {
                // Another key or version: the same bytes read as something else.
                let at = 2 * random.below(2) as usize;
                body[at..at + 2].copy_from_slice(&(random.below(80) as i16 - 4).to_be_bytes());
            }
            14 => body = (0..random.below(300)).map(|_| random.next() as u8).collect(),
            _ => {
                let claimed = [i32::MIN, -1, 0, 1, 7, i32::MAX, length as i32 - 1, length as i32 + 1];
                let size = claimed[random.below(claimed.len() as u64) as usize];
                return [&size.to_be_bytes()[..], &body].concat();
            }
        }
        framed(&body)
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the broker accepts");
    socket.set_read_timeout(Some(HANG)).unwrap();
    socket.set_write_timeout(Some(HANG)).unwrap();
    socket
}

/// A number at the edge of what an i16, i32 or i64 holds.
fn edge(random: &mut Random) -> Vec<u8> {
    let which = random.below(5) as usize;
    match random.below(3) {
        0 => [i16::MIN, -1, 0, 1, i16::MAX][which].to_be_bytes().to_vec(),
        1 => [i32::MIN, -1, 0, 1, i32::MAX][which].to_be_bytes().to_vec(),
        _ => [i64::MIN, -1, 0, 1, i64::MAX][which].to_be_bytes().to_vec(),
    }
}

/// With the right size in front.
fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as i32).to_be_bytes(), body].concat()
}

fn fate(frame: &[u8]) -> Fate {
    let claimed = i32::from_be_bytes(frame[..SIZE_BYTES].try_into().unwrap());
    if claimed as i64 != (frame.len() - SIZE_BYTES) as i64 {
        return Fate::Closed;
    }
    let body = &frame[SIZE_BYTES..];
    let Ok((header, _)) = decode_request_header(body) else { return Fate::Closed };
    match API_TABLE.find(header.api_key) {
        Some(api) if api.serves(header.api_version) => visit(header.api_key, Decode { body }),
        Some(api) if api.key == ApiKey::API_VERSIONS => Fate::Answered,
        _ => Fate::Closed,
    }
}

struct Decode<'a> {
    body: &'a [u8],
}

impl Visit for Decode<'_> {
    type Output = Fate;

    fn visit<R: Request + 'static>(self) -> Fate
    where
        R::Response: 'static,
    {
        let decoded = decode_request_header(self.body).and_then(|(_, decoder)| decoder.message::<R>());
        let Ok(message) = decoded else { return Fate::Closed };
        let any: &dyn std::any::Any = &message;
        match R::KEY {
            ApiKey::PRODUCE => match any.downcast_ref::<ProduceRequest>() {
                Some(produce) if produce.acks == 0 => Fate::Silent,
                _ => Fate::Answered,
            },
            ApiKey::JOIN_GROUP | ApiKey::SYNC_GROUP => Fate::Silent,
            ApiKey::CREATE_TOPICS => match any.downcast_ref() {
                Some(CreateTopicsRequest { topics, .. }) if topics.iter().all(|topic| topic.num_partitions < 4) => {
                    Fate::Changes
                }
                _ => Fate::Unsent,
            },
            ApiKey::CREATE_PARTITIONS => match any.downcast_ref() {
                Some(CreatePartitionsRequest { topics, .. }) if topics.iter().all(|topic| topic.count < 8) => {
                    Fate::Changes
                }
                _ => Fate::Unsent,
            },
            ApiKey::DELETE_TOPICS => Fate::Changes,
            ApiKey::OFFSET_COMMIT
            | ApiKey::ALTER_CONFIGS
            | ApiKey::INCREMENTAL_ALTER_CONFIGS
            | ApiKey::INIT_PRODUCER_ID => Fate::Changes,
            _ => Fate::Answered,
        }
    }
}
