//! Part `soak`: what a broker does all day, faster, for as long as it is told to; what it holds must not grow.
//!
//! Segments roll and retention unlinks them several times a second while readers check every CRC; clients join a group and
//! vanish beside one real consumer that must get on; connections come and go; client processes are stopped and continued;
//! the admin pages are scraped.
//!
//! Always true: memory, threads and descriptors are sampled, and a line is fitted that may not rise by more than [`BOUND`]
//! after the first third. The load is bounded, at well under one core.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crc32c::crc32c;
use sendlog::base::ErrorCode;
use sendlog::record::BatchHeader;
use sendlog::wire::messages::list_offsets::EARLIEST;
use sendlog::wire::messages::{ApiVersionsRequest, FetchRequest};

use crate::broker::client::{batch_of_size, fetch_request, Client};
use crate::broker::http::{address, get, ON_ANY_PORT};
use crate::broker::member::Member;
use crate::broker::Broker;
use crate::process::{Bound, Samples};
use crate::trial::{Outcome, Part, Stopper, Trial};

pub const PART: Part = Part {
    name: "soak",
    what: "rolls, retention, groups that churn, clients that are stopped, pages that are scraped",
    unit: "minutes",
    short: 1,
    long: 60,
    is_beside: true,
    run,
};

/// In the environment of a process that is one reader and nothing else, for others to stop: the broker's address.
pub const AS_READER: &str = "TORTURE_READER";

/// What may be held more at the end of the line than at its beginning.
const BOUND: Bound = Bound { rss_kb: 4096.0, threads: 8.0, descriptors: 16.0 };
const PARTITIONS: i32 = 4;
const READERS: usize = 3;
const STOPPED: usize = 2;
const BATCH_BYTES: usize = 20_000;
/// How long the real consumer may go without a commit, and a reader without a batch.
const PATIENCE: Duration = Duration::from_secs(20);
const SETTINGS: [&str; 8] = [
    "--set",
    "log.segment.bytes=1048576",
    "--set",
    "log.retention.check.interval.ms=200",
    "--set",
    "log.retention.bytes=4194304",
    "--set",
    "log.segment.delete.delay.ms=100",
];

/// What each kind of client has done.
#[derive(Default)]
struct Done {
    produced: AtomicU64,
    checked: AtomicU64,
    jumped: AtomicU64,
    commits: AtomicU64,
    vanished: AtomicU64,
    connected: AtomicU64,
    scraped: AtomicU64,
    stopped: AtomicU64,
}

fn run(trial: &Trial) -> Outcome {
    let broker = Broker::with(&[&ON_ANY_PORT[..], &SETTINGS].concat());
    let mut client = broker.connect();
    client.create("rolling", PARTITIONS);
    client.create("demo", 1);
    let (stop, done) = (AtomicBool::new(false), Done::default());
    let time = Duration::from_secs(60 * trial.amount.max(1));
    let flat = std::thread::scope(|scope| {
        let stop = &stop;
        let _stopper = Stopper(stop);
        let paced = |pause_ms: u64, work| scope.spawn(move || again(stop, pause_ms, work));
        paced(20, produce(&broker, &done));
        (0..READERS).for_each(|number| drop(paced(30, read(&broker, &done, number as i32))));
        paced(100, live(&broker, &done));
        paced(50, churn(&broker, &done));
        paced(50, come_and_go(&broker, &done));
        paced(1000, scrape(&broker, &done));
        paced(500, stop_and_continue(&broker, &done));
        watch(&broker, &done, time)
    })?;
    let cpu = cpu_seconds(broker.pid());
    broker.stop();
    let count = |number: &AtomicU64| number.load(Ordering::SeqCst);
    Ok(format!(
        "{flat}; {} batches in, {} out with their CRCs checked, {} jumps over what retention took, {} commits of the real \
         consumer beside {} that vanished, {} connections, {} scrapes, {} stops of a client; {cpu:.0} s of processor time",
        count(&done.produced),
        count(&done.checked),
        count(&done.jumped),
        count(&done.commits),
        count(&done.vanished),
        count(&done.connected),
        count(&done.scraped),
        count(&done.stopped),
    ))
}

/// Does something, then pauses, until it is to stop.
fn again(stop: &AtomicBool, pause_ms: u64, mut work: Work) {
    while !stop.load(Ordering::SeqCst) {
        work();
        std::thread::sleep(Duration::from_millis(pause_ms));
    }
}

type Work<'a> = Box<dyn FnMut() + Send + 'a>;

/// Batches for all partitions in turn, so that each rolls about every second.
fn produce<'a>(broker: &Broker, done: &'a Done) -> Work<'a> {
    let (mut client, batch) = (broker.connect(), batch_of_size(BATCH_BYTES));
    Box::new(move || {
        for partition in 0..PARTITIONS {
            client.produce("rolling", partition, &batch);
            done.produced.fetch_add(1, Ordering::SeqCst);
        }
    })
}

/// Reads one partition from its start on; what retention takes away before it was read is jumped over.
fn read<'a>(broker: &Broker, done: &'a Done, partition: i32) -> Work<'a> {
    let (mut client, mut next) = (broker.connect(), 0);
    Box::new(move || {
        let (read, jumped) = read_on(&mut client, partition, &mut next);
        done.checked.fetch_add(read, Ordering::SeqCst);
        done.jumped.fetch_add(jumped, Ordering::SeqCst);
    })
}

/// One fetch: how many batches came, all of them whole, unharmed and in order; and whether it had to jump.
fn read_on(client: &mut Client, partition: i32, next: &mut i64) -> (u64, u64) {
    let request = FetchRequest { max_bytes: 1 << 20, ..fetch_request(&[("rolling", partition, *next)]) };
    let fetched = client.fetch_with(12, request).remove(0);
    match fetched.error() {
        ErrorCode::NONE => {}
        ErrorCode::OFFSET_OUT_OF_RANGE => {
            *next = client.list_offset("rolling", partition, EARLIEST).offset;
            return (0, 1);
        }
        other => panic!("rolling-{partition} at {next}: {other}"),
    }
    let (mut bytes, mut count) = (fetched.records.as_slice(), 0);
    while let Some(header) = BatchHeader::parse(bytes) {
        let Some((batch, rest)) = bytes.split_at_checked(header.size().expect("a size") as usize) else { break };
        assert_eq!(
            crc32c(&batch[21..]),
            header.crc,
            "rolling-{partition}: the batch at {} is harmed",
            header.base_offset
        );
        assert_eq!(header.base_offset.0, *next, "rolling-{partition}: no gap");
        (*next, bytes, count) = (header.last_offset().0 + 1, rest, count + 1);
    }
    (count, 0)
}

/// The real consumer: shows life, joins each rebalance, commits.
fn live<'a>(broker: &Broker, done: &'a Done) -> Work<'a> {
    let mut member = Member::new(broker.connect(), "churning");
    let mut offset = 0;
    Box::new(move || {
        if member.generation < 0 || !member.beat().is_none() {
            if member.join(3) == ErrorCode::UNKNOWN_MEMBER_ID {
                member.id.clear();
                return;
            }
            member.sync(5);
        }
        if member.commit(offset).is_none() {
            offset += 1;
            done.commits.fetch_add(1, Ordering::SeqCst);
        }
    })
}

/// A client that joins the real consumer's group, and one of its own, and vanishes.
fn churn<'a>(broker: &'a Broker, done: &'a Done) -> Work<'a> {
    let mut number = 0;
    Box::new(move || {
        number += 1;
        let mut member = Member::new(broker.connect(), "churning");
        if number % 2 == 0 {
            member.send_join(3);
        } else {
            assert_eq!(member.join(5), ErrorCode::MEMBER_ID_REQUIRED);
        }
        let mut stranger = Member::new(broker.connect(), &format!("group-{number}"));
        stranger.join(5);
        done.vanished.fetch_add(2, Ordering::SeqCst);
    })
}

fn come_and_go<'a>(broker: &'a Broker, done: &'a Done) -> Work<'a> {
    Box::new(move || {
        broker.connect().call(3, ApiVersionsRequest::default());
        done.connected.fetch_add(1, Ordering::SeqCst);
    })
}

fn scrape<'a>(broker: &Broker, done: &'a Done) -> Work<'a> {
    let admin = address(broker);
    Box::new(move || {
        for path in ["/metrics", "/state"] {
            assert_eq!(get(admin, path).status, 200, "{path}");
            done.scraped.fetch_add(1, Ordering::SeqCst);
        }
    })
}

/// Processes that read, of which one is stopped and continued each time.
fn stop_and_continue<'a>(broker: &Broker, done: &'a Done) -> Work<'a> {
    let this = std::env::current_exe().expect("this program");
    let start = |_| {
        let mut command = Command::new(&this);
        command.env(AS_READER, broker.address.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        Reader(command.stderr(Stdio::null()).spawn().expect("a reader"))
    };
    let readers: Vec<Reader> = (0..STOPPED).map(start).collect();
    let mut turn = 0;
    Box::new(move || {
        turn += 1;
        let reader = &readers[turn % STOPPED];
        reader.signal("STOP");
        std::thread::sleep(Duration::from_secs(2));
        reader.signal("CONT");
        done.stopped.fetch_add(1, Ordering::SeqCst);
    })
}

/// A process of ours, ended with this.
struct Reader(Child);

impl Reader {
    fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.0.id())]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name}: the reader is gone");
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What such a process does: reads, until it is ended or its broker is.
pub fn read_for_ever(address: &str) -> ExitCode {
    let address: SocketAddr = address.parse().expect("an address");
    let mut next = vec![0; PARTITIONS as usize];
    while let Ok(socket) = TcpStream::connect(address) {
        let mut client = Client::on(socket);
        let read = |_| {
            for (partition, next) in next.iter_mut().enumerate() {
                read_on(&mut client, partition as i32, next);
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        (0..100).for_each(read);
    }
    ExitCode::SUCCESS
}

/// Samples until the time is over, and looks whether everybody gets on; what the fitted line says.
fn watch(broker: &Broker, done: &Done, time: Duration) -> Result<String, String> {
    let began = Instant::now();
    let mut samples = Samples::begin();
    let mut progress = [("commit", &done.commits, 0, began), ("batch read", &done.checked, 0, began)];
    while began.elapsed() < time {
        std::thread::sleep(Duration::from_secs(1));
        samples.take(broker.pid())?;
        for (what, number, seen, since) in &mut progress {
            let now = number.load(Ordering::SeqCst);
            if now > *seen {
                (*seen, *since) = (now, Instant::now());
            }
            if since.elapsed() > PATIENCE {
                return Err(format!("no {what} for {PATIENCE:?}, after {now}"));
            }
        }
    }
    samples.flat(&BOUND)
}

fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}
