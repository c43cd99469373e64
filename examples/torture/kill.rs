//! Kills the broker with SIGKILL again and again under load, also while it starts, and holds the history of all its
//! clients against its promises.
//!
//! The page cache outlives a kill, so all that was acknowledged or read has to be there, acks=1 too. The data directory is
//! a new one every [`CYCLES`] kills, after a full read and a check.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::broker::{command, scratch, Broker};
use crate::history::check::{judge, Tally};
use crate::load::{Load, Plan};
use crate::trial::{Outcome, Part, Random, Trial};

/// Kills of one data directory.
const CYCLES: u64 = 25;
/// How long a broker serves at most before it is killed; one in so many longer, so that its background thread gets to work.
const LIFE_MAX_US: u64 = 150_000;
const LONG_LIFE_EVERY: u64 = 10;
const LONG_LIFE_MAX_US: u64 = 2_000_000;
/// One start in so many is killed as well, within this time.
const KILLED_STARTS_EVERY: u64 = 3;
const START_MAX_US: u64 = 15_000;
/// Small enough that recovery points move under the load.
const SETTINGS: &[&str] = &["--set", "log.flush.offset.checkpoint.interval.ms=1000", "--set", "admin.listener="];

pub const PART: Part = Part {
    name: "kill",
    what: "SIGKILL under load and during starts; raw clients, idempotent ones that repeat what was not answered",
    unit: "kills",
    short: 50,
    long: 2000,
    is_beside: false,
    run,
};

fn run(trial: &Trial) -> Outcome {
    let mut random = Random::new(trial.seed);
    let (mut tally, mut left, mut starts) = (Tally::default(), trial.amount, 0);
    while left > 0 {
        let cycles = left.min(CYCLES);
        let number = trial.amount - left;
        let (seen, killed_starts) =
            rounds(&mut random, cycles).map_err(|broken| format!("after kill {number}: {broken}"))?;
        tally.add(seen);
        starts += killed_starts;
        left -= cycles;
    }
    let Tally { acked, unknown, read, commits } = tally;
    Ok(format!(
        "0 lost, 0 twice of {acked} records acked ({unknown} more without an answer), {read} reads and {commits} commits \
         hold; {starts} more kills during a start"
    ))
}

pub fn plan() -> Plan {
    Plan {
        topics: vec![("wide".to_string(), 3), ("narrow".to_string(), 1)],
        configs: vec![("segment.bytes", "1048576"), ("segment.ms", "100"), ("file.delete.delay.ms", "100")],
        senders: vec![(true, true), (true, false), (false, true), (false, false)],
        record_bytes_max: 300,
        large_bytes: 60_000,
        rest_max: Duration::from_millis(8),
    }
}

/// Kills of one data directory, the check, and how many starts were killed too.
fn rounds(random: &mut Random, cycles: u64) -> Result<(Tally, u64), String> {
    let data = Arc::new(scratch());
    let keep = |broken: String| {
        std::mem::forget(data.clone());
        format!("{broken}; the data is in {}", data.path().display())
    };
    let plan = plan();
    let mut broker = Broker::on(data.clone(), SETTINGS);
    plan.create(&mut broker.connect());
    let load = Load::start(&plan, random.next());
    let mut killed_starts = 0;
    for _ in 0..cycles {
        load.board.announce(broker.address);
        let life_max = if random.below(LONG_LIFE_EVERY) == 0 { LONG_LIFE_MAX_US } else { LIFE_MAX_US };
        thread::sleep(Duration::from_micros(random.below(life_max)));
        load.board.withdraw(false);
        let offline = broker.log().into_iter().find(|line| line.contains("OFFLINE"));
        broker.kill();
        if let Some(broken) = offline.or_else(|| load.board.complaint()) {
            return Err(keep(broken));
        }
        while random.below(KILLED_STARTS_EVERY) == 0 {
            kill_a_start(&data, Duration::from_micros(random.below(START_MAX_US)));
            killed_starts += 1;
        }
        broker = Broker::on(data.clone(), SETTINGS);
    }
    load.board.announce(broker.address);
    let history = load.finish(&mut broker.connect()).map_err(keep)?;
    broker.kill();
    let tally = judge(&history).map_err(keep)?;
    Ok((tally, killed_starts))
}

fn kill_a_start(data: &tempfile::TempDir, after: Duration) {
    let folder = data.path().join("data");
    let mut arguments = vec!["--listen", "127.0.0.1:0", "--data", folder.to_str().unwrap()];
    arguments.extend(SETTINGS);
    let mut child = command(data, &arguments).spawn().unwrap();
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}
