//! Tries to lose data and to bring the broker down, for as long as it is told to, and reports what it saw.
//!
//! Each part is a file here: a fault, the load under it, and the check of what is left. `torture help` lists them.
//!
//! Always true: a part that finds a broken promise ends with an error that names seed and cycle, and leaves its data to
//! look at. Whatever is started is ended, whatever was well is removed. The report holds only what ran.
//! Not done: no part measures speed.

mod history;
mod images;
mod kill;
mod load;
mod power;
mod report;
mod trial;

#[path = "../../tests/broker/mod.rs"]
mod broker;

use std::process::ExitCode;

use trial::{Part, Trial};

/// In the order in which they run.
const PARTS: &[Part] = &[
    Part {
        name: "kill",
        what: "SIGKILL under load and during starts; raw clients, idempotent ones that repeat what was not answered",
        unit: "kills",
        short: 50,
        long: 2000,
        run: kill::run,
    },
    Part {
        name: "power",
        what: "power cuts under load, file systems shut down by ioctl without a flush",
        unit: "cuts",
        short: 20,
        long: 1000,
        run: power::run,
    },
    Part {
        name: "images",
        what: "crash images built from recorded runs, journaled and strict, sector by sector",
        unit: "images",
        short: 2000,
        long: 100_000,
        run: images::run,
    },
];

const USAGE: &str = "Usage: torture [--long] [--seed N] [--amount N] [--report FILE] [PART...]

Without a part: all of them. --long is the length of `make torture`, the other one that of CI; --amount says how many for one
part. Build the broker in release mode first, and with the feature `faults` into target/faults:
    cargo build --release && cargo build --release --features faults --target-dir target/faults
";

fn main() -> ExitCode {
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
    for part in &options.parts {
        eprintln!("torture: {}: {}", part.name, part.what);
        let trial = Trial::of(part, options);
        let began = std::time::Instant::now();
        let outcome = (part.run)(&trial);
        is_well &= outcome.is_ok();
        report.add(part, &trial, began.elapsed(), &outcome);
    }
    ExitCode::from(u8::from(!is_well))
}
