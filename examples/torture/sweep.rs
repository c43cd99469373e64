//! The fault sweep against a real broker: a fault at the n-th call of one kind while eight clients work, for every kind of
//! file operation, `sendfile`, `accept` and the making of threads.
//!
//! Always true: the broker lives on. What is no failed disk (no room, no descriptor, no thread, a short write or `sendfile`) is
//! over when the fault is: every producer gets on without a restart. A fault in one partition's folder leaves the others
//! undisturbed. After a kill or a stop, and a start without a fault, what was acknowledged is there at its offset.
//! Not done: no power is cut; what was synced for nothing is not noticed.

mod load;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::broker::client::Client;
use crate::broker::member::committed;
use crate::broker::{scratch, Broker, HANG};
use crate::trial::{Outcome, Part, Random, Trial};

use load::{Load, Producer};

pub const PART: Part = Part {
    name: "sweep",
    what: "a fault at the n-th call of each kind, while eight clients work",
    unit: "faults",
    short: 20,
    long: CASES as u64,
    is_beside: false,
    run,
};

/// What fails, and how; each at several calls, once and from then on. A part of a path says whose.
const FAULTS: &[&str] = &[
    "append@demo-0:EIO",
    "append@demo-0:ENOSPC",
    "append@demo-0:short",
    "sync@demo-0:EIO",
    "read@demo-0:EIO",
    "read@demo-0:short",
    "create@rolling-0:EIO",
    "create@rolling-0:ENOSPC",
    "opens@rolling-0:EMFILE",
    "append@rolling-0:short",
    "append@rolling-0:ENOSPC",
    "sync@rolling-0:EIO",
    "sync-folder@rolling-0:EIO",
    "write@rolling-0:short",
    "write@rolling-0:EIO",
    "rename@rolling-0:EIO",
    "unlink@rolling-0:EIO",
    "any@demo-1:EIO",
    "append@__consumer_offsets-0:ENOSPC",
    "sync@__consumer_offsets-0:EIO",
    "append@sendlog.registry:ENOSPC",
    "append@sendlog.registry:short",
    "sync@sendlog.registry:EIO",
    "write@checkpoint:ENOSPC",
    "rename@checkpoint:EIO",
    "make-folder:ENOSPC",
    "remove-folder:EIO",
    "any@temporary:EIO",
    "any:ENOSPC",
    "append:short",
    "write:short",
    "opens:EMFILE",
    "any:EIO",
    "sendfile:short",
    "sendfile:EIO",
    "accept:EMFILE",
    "thread:EAGAIN",
];

/// At which call.
const CALLS: &[&str] = &["1", "2", "3", "5", "8", "13", "1+", "2+", "4+", "9+"];
const CASES: usize = FAULTS.len() * CALLS.len();

/// How long a fault has time to fire.
const WINDOW: Duration = Duration::from_millis(1500);
/// How long one lasts that fires from then on.
const LASTS: Duration = Duration::from_millis(150);

fn run(trial: &Trial) -> Outcome {
    let binary = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = binary.ancestors().nth(3).ok_or("no target directory")?;
    let binary = target.join("faults/release/sendlog");
    if !binary.exists() {
        return Err(format!("{} is missing: make torture-build", binary.display()));
    }
    std::env::set_var("SENDLOG_BINARY", binary);
    let result = sweep(trial);
    std::env::remove_var("SENDLOG_BINARY");
    result
}

fn sweep(trial: &Trial) -> Outcome {
    let mut cases: Vec<String> =
        FAULTS.iter().flat_map(|fault| CALLS.iter().map(move |at| format!("{fault}:{at}"))).collect();
    let mut random = Random::new(trial.seed);
    (1..cases.len()).rev().for_each(|last| cases.swap(last, random.below(last as u64 + 1) as usize));
    let (mut fired, mut acknowledged, mut unreached) = (0, 0, Vec::new());
    for (cycle, plan) in (0..trial.amount).zip(cases.iter().cycle()) {
        let case = format!("cycle {cycle}, {plan}");
        let outcome = std::panic::catch_unwind(|| Round::run(plan, cycle % 2 == 0));
        let round = outcome.map_err(|_| format!("{case}: see above"))?.map_err(|broken| format!("{case}: {broken}"))?;
        fired += round.faults;
        acknowledged += round.acknowledged;
        if round.faults == 0 {
            unreached.push(plan.as_str());
        }
    }
    let reached = trial.amount as usize - unreached.len();
    eprintln!("torture: sweep: not reached: {unreached:?}");
    let what = "what is no failed disk was over without a restart";
    Ok(format!(
        "{reached} plans fired, {fired} calls failed; 0 of {acknowledged} acknowledged records lost; {what}"
    ))
}

/// What a round saw.
struct Round {
    faults: u64,
    acknowledged: u64,
}

/// The file through which the broker is told what is to fail (`src/faults/board.rs`).
struct Board(File);

impl Board {
    const SIZE: u64 = 4096;
    const FAULTS: u64 = 16;
    const TEXT: u64 = 64;

    fn new(path: &Path) -> std::io::Result<Board> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        file.set_len(Board::SIZE)?;
        Ok(Board(file))
    }

    /// Takes effect with the next call.
    fn plan(&self, number: u64, plan: &str) -> std::io::Result<()> {
        self.0.write_all_at(&[0; 8], Board::FAULTS)?;
        self.0.write_all_at(format!("{plan}\0").as_bytes(), Board::TEXT)?;
        self.0.write_all_at(&number.to_ne_bytes(), 0)
    }

    fn faults(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, Board::FAULTS).map_or(0, |()| u64::from_ne_bytes(bytes))
    }
}

impl Round {
    fn run(plan: &str, is_clean: bool) -> Result<Round, String> {
        let data = Arc::new(scratch());
        let path = data.path().join("faults");
        let board = Board::new(&path).map_err(|error| error.to_string())?;
        let folder = data.path().join("data");
        let settings = [
            "--listen",
            "127.0.0.1:0",
            "--data",
            folder.to_str().unwrap(),
            "--set",
            "log.flush.offset.checkpoint.interval.ms=1000",
            "--set",
            "log.retention.check.interval.ms=300",
            "--set",
            "log.segment.delete.delay.ms=0",
        ];
        let broker = Broker::run_in(data, &[("SENDLOG_FAULT", path.to_str().unwrap())], &settings);
        let mut client = broker.connect();
        client.create("demo", 2);
        client.create_with(
            "rolling",
            1,
            &[("segment.ms", "45"), ("file.delete.delay.ms", "100"), ("retention.ms", "-1")],
        );
        client.create("other", 1);
        let load = Load::new(broker.address);
        let faults = load.run(|| strike(plan, &board, &load))?;
        // A broker that ended would not answer, and one that panicked fails with its last line.
        broker.connect().metadata(&["demo"]);
        let warnings = broker.warnings();
        let data = match is_clean {
            false => broker.kill(),
            true => {
                broker.signal("TERM");
                let ended = broker.ended();
                if !(ended.status.success() || is_final(plan)) {
                    return Err(format!("no clean stop: {:#?}", ended.stderr));
                }
                ended.data
            }
        };
        let broker = Broker::run_in(data, &[], &settings);
        let acknowledged = check(&load, &mut broker.connect()).map_err(|broken| format!("{broken}; {warnings:#?}"))?;
        broker.stop();
        Ok(Round { faults, acknowledged })
    }
}

/// Whether it may take something offline until the next start: the disk has failed.
fn is_final(plan: &str) -> bool {
    plan.contains(":EIO") && !plan.starts_with("sendfile")
}

/// Sets the plan under load, ends it, and sees who gets on; how many calls failed.
fn strike(plan: &str, board: &Board, load: &Load) -> Result<u64, String> {
    let set = |number, plan| board.plan(number, plan).map_err(|error| error.to_string());
    gets_on(load, |_| true, "before the fault")?;
    let errors_before = load.producers[3].errors.load(SeqCst);
    set(1, plan)?;
    let deadline = Instant::now() + WINDOW;
    while board.faults() == 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    if plan.ends_with('+') && board.faults() > 0 {
        std::thread::sleep(LASTS);
    }
    let faults = board.faults();
    set(2, "")?;
    let is_elsewhere = plan.contains('@') && !plan.contains("@checkpoint");
    let must = |producer: &Producer| !is_final(plan) || (is_elsewhere && producer.topic == "other");
    gets_on(load, must, "after the fault")?;
    let errors = load.producers[3].errors.load(SeqCst) - errors_before;
    if is_elsewhere && errors > 0 {
        return Err(format!("{errors} errors in a partition that had no fault"));
    }
    match load.broken.lock().unwrap().first() {
        Some(broken) => Err(format!("what was read has changed: {broken}")),
        None => Ok(faults),
    }
}

/// Waits until each of the producers that `must` has got three more answers.
fn gets_on(load: &Load, must: impl Fn(&Producer) -> bool, when: &str) -> Result<(), String> {
    let before = load.acked();
    let deadline = Instant::now() + HANG;
    for (producer, before) in load.producers.iter().zip(before).filter(|(producer, _)| must(producer)) {
        while producer.acked.load(SeqCst) < before + 3 {
            if Instant::now() > deadline {
                return Err(format!("{}-{} takes no records {when}", producer.topic, producer.partition));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

/// Holds what a start without a fault finds against what was answered; how many records were acknowledged.
fn check(load: &Load, client: &mut Client) -> Result<u64, String> {
    let mut acknowledged = 0;
    for producer in &load.producers {
        let name = format!("{}-{}", producer.topic, producer.partition);
        let (start, end) = client.bounds(producer.topic, producer.partition);
        let mut found = Vec::new();
        while found.last().map_or(start, |(offset, _)| offset + 1) < end {
            let next = found.last().map_or(start, |(offset, _): &(i64, String)| offset + 1);
            let fetched = client.fetch(producer.topic, producer.partition, next);
            let read: Vec<_> = fetched.read().into_iter().filter(|(offset, _)| *offset >= next).collect();
            if read.is_empty() {
                return Err(format!("{name} cannot be read from {next} to {end}: {}", fetched.error()));
            }
            found.extend(read);
        }
        if !found.iter().map(|(offset, _)| *offset).eq(start..end) {
            return Err(format!("{name} has a gap"));
        }
        let sent = producer.sent.lock().unwrap();
        for (offset, value) in sent.done.range(start..) {
            if found.get((offset - start) as usize).map(|(_, found)| found) != Some(value) {
                return Err(format!("{name}: offset {offset} was acknowledged, and is not there of {start}..{end}"));
            }
        }
        let mut values: Vec<&String> = found.iter().map(|(_, value)| value).collect();
        values.sort();
        if let Some(twice) = values.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("{name}: {} is there twice", &twice[0][..20]));
        }
        if let Some(value) = values.iter().find(|value| sent.refused.contains(**value)) {
            return Err(format!("{name}: {} was refused, and is there", &value[..20]));
        }
        let done: BTreeSet<&String> = sent.done.values().collect();
        let is_known = |value: &String| sent.unknown.contains(value) || done.contains(value);
        if let Some((offset, _)) = found.iter().find(|(_, value)| !is_known(value)) {
            return Err(format!("{name}: what lies at {offset} was sent by nobody"));
        }
        acknowledged += sent.done.len() as u64;
    }
    let last = load.committed.load(SeqCst) as i64;
    // -1: nobody's commit has got through.
    match committed(client, &["readers".to_string()])[0].max(0) {
        found if found == last || found == last + 1 => Ok(acknowledged),
        found => Err(format!("offset {last} was committed, and {found} is there")),
    }
}
