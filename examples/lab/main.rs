//! Experiments with a real broker: each asks what you expect, measures, and says what happened and why.
//!
//! `lab list` names them; a file here is one of them. With `--write FOLDER` tables and plots go into the page there too.
//!
//! Always true: an explanation is chosen by what was measured, also where that contradicts the textbook. Each run has a
//! broker of its own, with an empty data directory; brokers and data are gone afterwards, however this ends (`scratch.rs`).
//! Not done: nothing is asserted about figures. An experiment fails when it cannot be run, and is skipped, with the
//! reason, where the machine lacks what it needs.

mod batches;
mod cache;
mod cgroup;
mod cold_reader;
mod durable;
mod eviction;
mod experiment;
mod group_commit;
mod order;
mod page;
mod pages;
mod poll;
mod runs;
mod scratch;
mod sendfile;
mod syscalls;
mod table;
mod terminal;
mod torn;

#[path = "../../tests/broker/mod.rs"]
mod broker;

#[path = "../torture/power/disk.rs"]
mod disk;

#[path = "../report/number.rs"]
mod number;

#[path = "../report/picture.rs"]
mod picture;

#[path = "../load/process.rs"]
#[allow(dead_code)]
mod process;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;

use experiment::{Experiment, Findings, Lab};
use scratch::Scratch;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// In the order of the page.
const EXPERIMENTS: &[Experiment] = &[
    batches::EXPERIMENT,
    syscalls::EXPERIMENT,
    order::EXPERIMENT,
    cache::EXPERIMENT,
    eviction::EXPERIMENT,
    cold_reader::EXPERIMENT,
    sendfile::EXPERIMENT,
    durable::EXPERIMENT,
    group_commit::EXPERIMENT,
    torn::EXPERIMENT,
    poll::EXPERIMENT,
];

const USAGE: &str = "Usage: lab [list | all | NUMBER | NAME]... [options]

Without a name: all of them. On a \
                     terminal, each asks for a prediction first.";

struct Plan {
    chosen: Vec<usize>,
    lab: Lab,
    asks: bool,
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    match plan() {
        Ok(Some(plan)) => run(&plan),
        Ok(None) => {
            let list = EXPERIMENTS.iter().enumerate();
            list.for_each(|(index, experiment)| {
                println!("{:>2} {:<13} {}", index + 1, experiment.name, experiment.title)
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::from(2)
        }
    }
}

/// What the command line asks for; `None`: the list.
fn plan() -> Result<Option<Plan>> {
    let mut options = getopts::Options::new();
    options.optflag("", "short", "less of everything, once: whether it runs, not what it measures");
    options.optflag("", "no-questions", "do not ask for predictions");
    options.optopt("", "write", "write tables and plots into FOLDER/README.md and beside it", "FOLDER");
    options.optflag("h", "help", "this");
    let found = options
        .parse(std::env::args().skip(1))
        .map_err(|error| format!("{error}\n{}", options.usage(USAGE)))?;
    if found.opt_present("help") {
        println!("{}", options.usage(USAGE));
        return Ok(None);
    }
    if found.free.iter().any(|word| word == "list") {
        return Ok(None);
    }
    let mut chosen = Vec::new();
    for word in found.free.iter().filter(|word| *word != "all") {
        let is_it = |(index, experiment): (usize, &Experiment)| {
            (*word == experiment.name || *word == (index + 1).to_string()).then_some(index)
        };
        let index = EXPERIMENTS.iter().enumerate().find_map(is_it);
        chosen.push(index.ok_or_else(|| format!("no such experiment: {word}; `lab list` names them"))?);
    }
    if chosen.is_empty() {
        chosen = (0..EXPERIMENTS.len()).collect();
    }
    let lab = Lab { is_short: found.opt_present("short") };
    let write = found.opt_str("write").map(PathBuf::from);
    if write.is_some() && lab.is_short {
        return Err("--short measures nothing that is worth writing down".into());
    }
    Ok(Some(Plan { chosen, lab, asks: terminal::can_ask() && !found.opt_present("no-questions"), write }))
}

fn run(plan: &Plan) -> ExitCode {
    let scratch = match Scratch::make() {
        Ok(scratch) => scratch,
        Err(error) => {
            eprintln!("lab: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut failed = Vec::new();
    for index in plan.chosen.iter().copied() {
        let experiment = &EXPERIMENTS[index];
        if let Err(error) = one(plan, index, &scratch) {
            eprintln!("lab: {}: {error}", experiment.name);
            failed.push(experiment.name);
        }
    }
    if !failed.is_empty() {
        eprintln!("lab: failed: {}", failed.join(", "));
    }
    ExitCode::from(u8::from(!failed.is_empty()))
}

fn one(plan: &Plan, index: usize, scratch: &Scratch) -> Result<()> {
    let experiment = &EXPERIMENTS[index];
    terminal::pose(index + 1, experiment);
    let predicted = if plan.asks { terminal::ask(experiment.choices.len())? } else { None };
    let machine = page::machine(&plan.lab, scratch.path());
    let findings = match experiment.needs_disk && page::file_system(scratch.path()) == "tmpfs" {
        true => Findings::skipped("the scratch data lies in memory (tmpfs); set TMPDIR to a folder on a disk"),
        false => catch_unwind(AssertUnwindSafe(|| (experiment.run)(&plan.lab))).map_err(|_| "it panicked")??,
    };
    terminal::show(experiment, &findings, predicted, &machine);
    match &plan.write {
        Some(folder) => page::write(folder, index + 1, experiment, &findings, &machine),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_part_for_each_experiment_and_the_plots_are_there() {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lab"));
        let text = std::fs::read_to_string(folder.join("README.md")).unwrap();
        for (index, experiment) in EXPERIMENTS.iter().enumerate() {
            let heading = format!("\n## {} {}\n", index + 1, experiment.title);
            assert!(text.contains(&heading), "no heading{heading}");
            let part = page::part(&text, experiment.name).unwrap();
            assert!(part.contains("| ") && part.contains("make lab-"), "{} was never written", experiment.name);
        }
        let plots = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for plot in plots.filter(|path| path.ends_with(".svg")) {
            assert!(folder.join(plot).exists(), "{plot} is missing");
        }
    }

    #[test]
    fn names_are_unique_and_a_prediction_can_come_true() {
        for (index, experiment) in EXPERIMENTS.iter().enumerate() {
            assert!(experiment.choices.len() >= 2, "{}", experiment.name);
            assert!(EXPERIMENTS[..index].iter().all(|other| other.name != experiment.name), "{}", experiment.name);
        }
    }
}
