//! Tries to lose data and to bring the broker down, for as long as it is told to, and reports what it saw.
//!
//! Each part is a file here: a fault, the load under it, and the check of what is left. `torture help` lists them.
//!
//! Always true: a part that finds a broken promise ends with an error that names seed and cycle, and leaves its data to
//! look at. Whatever is started is ended, whatever was well is removed. The report holds only what ran.
//! Not done: no part measures speed.

mod connections;
mod flips;
mod frames;
mod fuzz;
mod history;
mod images;
mod kill;
mod load;
mod power;
mod process;
mod report;
mod restart;
mod soak;
mod sweep;
mod trial;

#[path = "../../tests/broker/mod.rs"]
mod broker;

#[path = "../../tests/wire_frames/mod.rs"]
#[allow(dead_code)]
mod wire_frames;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use trial::{Outcome, Part, Trial};

/// In the order in which they run, but for those that run beside the others.
const PARTS: &[Part] = &[
    kill::PART,
    power::PART,
    images::PART,
    sweep::PART,
    flips::PART,
    frames::PART,
    restart::PART,
    connections::PART,
    soak::PART,
    fuzz::PART,
];

const USAGE: &str = "Usage: torture [--long] [--seed N] [--amount N] [--report FILE] [PART...]

Without a part: all of them. --long is the length of `make torture`, the other one that of CI; --amount says how many for one
part. Build the broker in release mode first, and with the feature `faults` into target/faults:
    cargo build --release && cargo build --release --features faults --target-dir target/faults
";

fn main() -> ExitCode {
    if let Ok(address) = std::env::var(soak::AS_READER) {
        return soak::read_for_ever(&address);
    }
    match trial::options(std::env::args().skip(1), PARTS) {
        Ok(None) => {
            println!("{USAGE}");
            PARTS.iter().for_each(|part| println!("{:<12} {}", part.name, part.what));
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => run(&options),
        Err(error) => {
            eprintln!("torture: {error}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &trial::Options) -> ExitCode {
    let mut report = report::Report::new(&options.report);
    let mut is_well = true;
    let mut tell = |part: &Part, trial: &Trial, (took, outcome): (Duration, Outcome)| {
        is_well &= outcome.is_ok();
        report.add(part, trial, took, &outcome);
    };
    let (beside, in_turn): (Vec<&Part>, Vec<&Part>) = options.parts.iter().partition(|part| part.is_beside);
    std::thread::scope(|scope| {
        let begin = |part: &'static Part| {
            let trial = Trial::of(part, options);
            (part, scope.spawn(move || (attempt(part, &trial), trial)))
        };
        let beside: Vec<_> = beside.into_iter().map(begin).collect();
        for part in in_turn {
            let trial = Trial::of(part, options);
            tell(part, &trial, attempt(part, &trial));
        }
        for (part, running) in beside {
            let (done, trial) = running.join().expect("a panic is an outcome");
            tell(part, &trial, done);
        }
    });
    ExitCode::from(u8::from(!is_well))
}

/// Runs a part; a panic in it is a broken promise like any other.
fn attempt(part: &Part, trial: &Trial) -> (Duration, Outcome) {
    eprintln!("torture: {}: {}", part.name, part.what);
    let began = Instant::now();
    let outcome = std::panic::catch_unwind(|| (part.run)(trial));
    let outcome = outcome.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        Err(said.or(panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
    });
    (began.elapsed(), outcome)
}
