//! Power cuts under load, on a file system of its own that is shut down without a flush of its journal.
//!
//! The broker is stopped with SIGSTOP, so that nothing is acknowledged after the cut; the file system is cut off, the broker
//! killed, the file system mounted again, and a broker started on what is left. What was acknowledged with acks=all, or
//! lies below a committed offset, has to be there; of the rest a prefix may.
//!
//! Always true: only a mount that this part has made is cut, and it is gone when the part ends, however it ends.
//! Not done: without root, loop devices and `mkfs` nothing is tried, and the report says so.

mod disk;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::broker::{scratch, Broker};
use crate::history::check::{judge, Tally};
use crate::load::{Load, Plan};
use crate::trial::{Outcome, Part, Random, Trial};
use disk::Disk;

const FILE_SYSTEMS: &[&str] = &["ext4", "xfs"];
/// Cuts of one data directory.
const CYCLES: u64 = 20;
const LIFE_MAX_US: u64 = 200_000;
const LONG_LIFE_EVERY: u64 = 10;
const LONG_LIFE_MAX_US: u64 = 2_000_000;
const SETTINGS: &[&str] = &["--set", "log.flush.offset.checkpoint.interval.ms=1000", "--set", "admin.listener="];

pub const PART: Part = Part {
    name: "power",
    what: "power cuts under load, file systems shut down by ioctl without a flush",
    unit: "cuts",
    short: 20,
    long: 1000,
    is_beside: false,
    run,
};

fn run(trial: &Trial) -> Outcome {
    let mut random = Random::new(trial.seed);
    let (mut tally, mut seen) = (Tally::default(), Vec::new());
    for (number, kind) in FILE_SYSTEMS.iter().enumerate() {
        let amount = (trial.amount + number as u64) / FILE_SYSTEMS.len() as u64;
        let home = scratch();
        let disk = match Disk::make(home.path(), kind) {
            Ok(disk) => disk,
            Err(why) => {
                seen.push(format!("{kind} skipped: {why}"));
                continue;
            }
        };
        let (mut left, mut number) = (amount, 0);
        while left > 0 {
            let cycles = left.min(CYCLES);
            let data = disk.mount_point().join(format!("data-{number}"));
            let mut rounds = || rounds(&mut random, &disk, &data, cycles);
            let history = rounds().map_err(|broken| format!("{kind}, after cut {}: {broken}", amount - left))?;
            tally.add(history);
            std::fs::remove_dir_all(&data).map_err(|error| error.to_string())?;
            (left, number) = (left - cycles, number + 1);
        }
        seen.push(format!("{amount} on {kind}"));
    }
    let Tally { acked, unknown, read, commits } = tally;
    Ok(format!(
        "{}: nothing lost that was acknowledged with acks=all or committed; {acked} records acked ({unknown} more without an \
         answer), {read} read, {commits} commits",
        seen.join(", ")
    ))
}

fn plan() -> Plan {
    let plan = crate::kill::plan();
    // What acks=1 loses, an idempotent producer would have to begin anew.
    Plan { senders: vec![(true, true), (true, true), (false, true), (false, false)], ..plan }
}

fn start(data: &Path) -> Broker {
    let mut arguments = vec!["--listen", "127.0.0.1:0", "--data", data.to_str().expect("a path of ours")];
    arguments.extend(SETTINGS);
    Broker::run(Arc::new(scratch()), &arguments)
}

/// Cuts of one data directory, and the check.
fn rounds(random: &mut Random, disk: &Disk, data: &Path, cycles: u64) -> Result<Tally, String> {
    let plan = plan();
    let mut broker = start(data);
    plan.create(&mut broker.connect());
    let load = Load::start(&plan, random.next());
    for _ in 0..cycles {
        load.board.announce(broker.address);
        let life_max = if random.below(LONG_LIFE_EVERY) == 0 { LONG_LIFE_MAX_US } else { LIFE_MAX_US };
        thread::sleep(Duration::from_micros(random.below(life_max)));
        load.board.withdraw(true);
        broker.freeze();
        let offline = broker.log().into_iter().find(|line| line.contains("OFFLINE"));
        disk.cut();
        broker.kill();
        disk.mount_again();
        if let Some(broken) = offline.or_else(|| load.board.complaint()) {
            return Err(broken);
        }
        broker = start(data);
    }
    load.board.announce(broker.address);
    let history = load.finish(&mut broker.connect())?;
    broker.stop();
    judge(&history)
}
