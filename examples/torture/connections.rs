//! Part `connections`: a crowd that holds whatever a connection can hold, beside one honest client that must get on.
//!
//! * fetches that wait: ten thousand, on a topic that gets a record now and then, which wakes them all;
//! * slow ones: two thousand that have sent half a frame and add a byte now and then; they come back when they are closed;
//! * greedy ones: a hundred that claim the largest request there may be, send a part of it at the pace that is asked for, and
//!   vanish, again and again;
//! * deaf ones: a hundred that ask for megabytes and never read.
//!
//! Always true: what is checked is that the honest client's produce and fetch come back within [`PATIENCE`], that memory stays
//! under [`RSS_MAX_KB`], and that threads and descriptors are back when the crowd has gone. Where the limit of open files
//! is too low for the crowd, it is made smaller, and the outcome says so.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sendlog::os::limits::raise_open_files;
use sendlog::wire::messages::{ApiVersionsRequest, FetchRequest};

use crate::broker::client::{batch, batch_of_size, fetch_request, frame, Client};
use crate::broker::Broker;
use crate::process::{Bound, Held, Samples};
use crate::trial::{Outcome, Part, Stopper, Trial};

pub const PART: Part = Part {
    name: "connections",
    what: "10,000 fetches that wait, 2,000 slow frames, 100 greedy ones, 100 that never read, beside one honest client",
    unit: "minutes held",
    short: 0,
    long: 60,
    is_beside: true,
    run,
};

const WAITING: usize = 10_000;
const SLOW: usize = 2_000;
const GREEDY: usize = 100;
const DEAF: usize = 100;
/// Descriptors that this process, or the broker, needs for other things.
const OTHERS: usize = 600;
/// How long the honest client may be kept waiting.
const PATIENCE: Duration = Duration::from_secs(10);
const RSS_MAX_KB: f64 = (512 << 10) as f64;
/// Long enough for the slow and the deaf ones to be closed.
const CYCLE: Duration = Duration::from_secs(18);
/// How long the crowd may take to be gone.
const GOODBYE: Duration = Duration::from_secs(60);
/// Threads that the broker keeps for the next connections, and descriptors that it may have opened meanwhile.
const KEPT: f64 = 64.0 + 8.0;
/// A frame that is slow but not too slow: more than the pace that is asked for.
const GREEDY_BYTES: usize = 100 << 10;
/// How often a greedy one sends that much before it vanishes and comes again.
const GREEDY_PATIENCE: usize = 20;
/// By how much the fitted line may rise. The slow ones are closed and come back in step, two thousand at a time.
const BOUND: Bound = Bound { rss_kb: 16384.0, threads: 250.0, descriptors: 250.0 };

/// Who the crowd is made of, by number.
#[derive(Clone, Copy)]
struct Sizes {
    waiting: usize,
    slow: usize,
    greedy: usize,
    deaf: usize,
}

impl Sizes {
    fn all(self) -> usize {
        self.waiting + self.slow + self.greedy + self.deaf
    }

    /// As many as there are descriptors for, all kinds in proportion.
    fn within(descriptors: usize) -> Sizes {
        let whole = Sizes { waiting: WAITING, slow: SLOW, greedy: GREEDY, deaf: DEAF };
        let of = |count: usize| if whole.all() <= descriptors { count } else { count * descriptors / whole.all() };
        Sizes { waiting: of(WAITING), slow: of(SLOW), greedy: of(GREEDY), deaf: of(DEAF) }
    }
}

fn run(trial: &Trial) -> Outcome {
    // The broker keeps a part of its descriptors for files, so that of 20,000 there are about 14,000 for connections.
    let descriptors = raise_open_files() as usize * 7 / 10 - OTHERS;
    let sizes = Sizes::within(descriptors);
    let broker = Broker::with(&["--set", "max.connections=13000", "--set", "socket.write.timeout.ms=10000"]);
    let mut admin = broker.connect();
    admin.create("honest", 1);
    admin.create("quiet", 1);
    admin.create("large", 1);
    admin.fill("large", 0, 30, 1_000_000);
    let before = Held::by(broker.pid())?;
    let (stop, honest) = (AtomicBool::new(false), Honest::default());
    let held = std::thread::scope(|scope| {
        let _stopper = Stopper(&stop);
        scope.spawn(|| honest.work(broker.address, &stop));
        hold(&broker, &mut admin, sizes, &honest, Duration::from_secs(60 * trial.amount))
    })?;
    // A fetch that waits looks at its socket each 30 s, and when a record comes.
    admin.produce("quiet", 0, &batch(&["goodbye"]));
    let after = gone(&broker, &before)?;
    let (rounds, longest_ms) = (honest.rounds.load(Ordering::SeqCst), honest.longest_ms.load(Ordering::SeqCst));
    if rounds == 0 || longest_ms > PATIENCE.as_millis() as u64 {
        return Err(format!("the honest client made {rounds} rounds, and one took {longest_ms} ms"));
    }
    broker.stop();
    let Sizes { waiting, slow, greedy, deaf } = sizes;
    let scaled = if sizes.all() < WAITING + SLOW { " (the limit of open files allows no more)" } else { "" };
    Ok(format!(
        "{waiting} waiting, {slow} slow, {greedy} greedy, {deaf} deaf{scaled}: {held}; afterwards {after}, before it \
         {before}; the honest client made {rounds} rounds, the longest took {longest_ms} ms"
    ))
}

/// One client that produces with acks=all and reads its record back, again and again.
#[derive(Default)]
struct Honest {
    rounds: AtomicU64,
    longest_ms: AtomicU64,
}

impl Honest {
    fn work(&self, address: SocketAddr, stop: &AtomicBool) {
        let mut client = Client::connect(address);
        let value = batch(&["an honest record"]);
        while !stop.load(Ordering::SeqCst) {
            let began = Instant::now();
            let offset = client.produce("honest", 0, &value);
            let read = client.fetch("honest", 0, offset).read();
            assert_eq!(read, [(offset, "an honest record".to_string())]);
            self.longest_ms.fetch_max(began.elapsed().as_millis() as u64, Ordering::SeqCst);
            self.rounds.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether it gets on.
    fn check(&self, seen: &mut (u64, Instant)) -> Result<(), String> {
        let rounds = self.rounds.load(Ordering::SeqCst);
        if rounds > seen.0 {
            *seen = (rounds, Instant::now());
        }
        match seen.1.elapsed() > PATIENCE {
            true => Err(format!("the honest client has waited for {PATIENCE:?}, after {rounds} rounds")),
            false => Ok(()),
        }
    }
}

/// Brings the crowd in, and keeps it for so long; what was held meanwhile.
fn hold(broker: &Broker, admin: &mut Client, sizes: Sizes, honest: &Honest, time: Duration) -> Result<String, String> {
    let began = Instant::now();
    let mut seen = (0, began);
    let mut waiting: Vec<Client> = (0..sizes.waiting).map(|_| broker.connect()).collect();
    waiting.iter_mut().for_each(|client| wait_at(client, 0));
    let mut others: Vec<Pest> = Vec::new();
    for (kind, count) in [(Kind::Slow, sizes.slow), (Kind::Greedy, sizes.greedy), (Kind::Deaf, sizes.deaf)] {
        others.extend((0..count).map(|_| Pest::new(kind, broker.address)));
    }
    let mut samples = Samples::begin();
    let (mut peak, mut woken, mut woken_at) = (samples.take(broker.pid())?, 0, Instant::now());
    while began.elapsed() < time.max(CYCLE) || woken == 0 {
        others.iter_mut().for_each(|pest| pest.annoy(broker.address));
        let held = samples.take(broker.pid())?;
        if held.rss_kb > peak.rss_kb {
            peak = held;
        }
        if peak.rss_kb > RSS_MAX_KB {
            return Err(format!("the broker holds {peak}"));
        }
        honest.check(&mut seen)?;
        if woken == 0 || woken_at.elapsed() > Duration::from_secs(60) {
            woken += 1;
            woken_at = Instant::now();
            let offset = admin.produce("quiet", 0, &batch(&["wake up"]));
            waiting.iter_mut().try_for_each(|client| wake(client, offset))?;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let came_back: usize = others.iter().map(|pest| pest.came_back).sum();
    if came_back < sizes.slow + sizes.deaf {
        return Err(format!("the slow and the deaf are not closed: only {came_back} were"));
    }
    let flat = match time > Duration::from_secs(120) {
        true => samples.flat(&BOUND)?,
        false => "too short for a line".to_string(),
    };
    Ok(format!(
        "at the most {peak}; all woken {woken} times; closed and back again {came_back} times; {flat}"
    ))
}

/// Asks for what is not there yet, and is patient.
fn wait_at(client: &mut Client, offset: i64) {
    let request = FetchRequest { max_wait_ms: 300_000, min_bytes: 1, ..fetch_request(&[("quiet", 0, offset)]) };
    client.send(12, request);
}

/// The answer to a fetch that waited, and the next one that does.
fn wake(client: &mut Client, offset: i64) -> Result<(), String> {
    let got = client.receive_fetched(12).remove(0);
    if got.read() != [(offset, "wake up".to_string())] {
        return Err(format!("a fetch that waited got {:?} {:?}", got.error(), got.read()));
    }
    wait_at(client, offset + 1);
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    Slow,
    Greedy,
    Deaf,
}

/// One of the crowd that wants nothing but to be in the way.
struct Pest {
    kind: Kind,
    socket: TcpStream,
    /// How often it has annoyed over this connection.
    times: usize,
    came_back: usize,
}

impl Pest {
    fn new(kind: Kind, address: SocketAddr) -> Pest {
        Pest { kind, socket: begin(kind, address), times: 0, came_back: 0 }
    }

    /// Goes on as its kind does; whoever was closed comes again.
    fn annoy(&mut self, address: SocketAddr) {
        let bytes: &[u8] = match self.kind {
            Kind::Slow => &[0],
            Kind::Greedy => &[0; GREEDY_BYTES],
            Kind::Deaf => &frame(3, 2, &mut ApiVersionsRequest::default()),
        };
        let sent = (&self.socket).write_all(bytes);
        self.times += 1;
        let gives_up = matches!(self.kind, Kind::Greedy) && self.times >= GREEDY_PATIENCE;
        let is_closed = sent.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock);
        if gives_up {
            *self = Pest { came_back: self.came_back, ..Pest::new(self.kind, address) };
        } else if is_closed {
            *self = Pest { came_back: self.came_back + 1, ..Pest::new(self.kind, address) };
        }
    }
}

/// The beginning of what this kind sends.
fn begin(kind: Kind, address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the broker accepts");
    let question = frame(3, 1, &mut ApiVersionsRequest::default());
    let bytes = match kind {
        Kind::Slow => vec![0, 0, 0x40, 0, 0, 3],
        Kind::Greedy => [question, (100_i32 << 20).to_be_bytes().to_vec(), batch_of_size(1 << 20)].concat(),
        Kind::Deaf => {
            let request = FetchRequest { max_bytes: i32::MAX, ..fetch_request(&[("large", 0, 0)]) };
            [question, frame(12, 2, &mut { request })].concat()
        }
    };
    // What the broker does not take at once is not sent: nobody here waits for it.
    socket.set_nonblocking(true).expect("a socket");
    let _ = (&socket).write_all(&bytes);
    socket
}

/// Waits until what the crowd held is given back.
fn gone(broker: &Broker, before: &Held) -> Result<Held, String> {
    let deadline = Instant::now() + GOODBYE;
    loop {
        let now = Held::by(broker.pid())?;
        if now.threads <= before.threads + KEPT && now.descriptors <= before.descriptors + KEPT {
            return Ok(now);
        }
        if Instant::now() > deadline {
            return Err(format!("a minute after the crowd has gone the broker holds {now}; before it, {before}"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
