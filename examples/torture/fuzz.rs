//! Part `fuzz`: libFuzzer on whatever reads bytes from outside, for so many seconds on each target (`fuzz/run`).
//!
//! Always true: a finding breaks the part, and its input is left in `fuzz/artifacts/`. It gives way to the other parts.
//! Not done: without cargo, or away from the sources, it is skipped and says so.

use std::process::Command;

use crate::trial::{Outcome, Part, Trial};

pub const PART: Part = Part {
    name: "fuzz",
    what: "libFuzzer: request decoder, batch check, segment scan, index lookup, the files of a start, group protocol",
    unit: "seconds for each target",
    short: 20,
    long: 600,
    is_beside: true,
    run,
};

const PRIORITY: &str = "10";

fn run(trial: &Trial) -> Outcome {
    let seconds = trial.amount.to_string();
    let output = match Command::new("nice").args(["-n", PRIORITY, "fuzz/run", &seconds]).output() {
        Ok(output) if output.status.code() != Some(127) => output,
        _ => return Ok("skipped: fuzz/run is not here; start this from the top of the sources".to_string()),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let targets: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("fuzz: ")).collect();
    match output.status.success() {
        true => Ok(targets.join("; ")),
        false => Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr))),
    }
}
