//! Crash images: what a power cut may have left of a recorded run, thousands of times, each opened as a start does it.
//!
//! A run of the real broker is recorded (`journal.c`): what it does to its files, and what it answers. From that record
//! [`image`] builds what may be on the disk at any of its steps, and [`verify`] opens that with the broker's own code.
//!
//! Always true: an image that breaks a promise is left in its folder, and the message says where.
//! Not done: the images are opened in this process, so what a seeded bug does to a start is not seen here.

mod image;
mod journal;
mod recorded;
mod verify;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use crate::broker::scratch;
use crate::trial::{Outcome, Part, Random, Trial};
use image::Image;
use journal::Step;
use recorded::Recorded;
use verify::Known;

/// Images of one recorded run, in CI and in a long run.
const IMAGES: (u64, u64) = (500, 2000);

pub const PART: Part = Part {
    name: "images",
    what: "crash images built from recorded runs, journaled and strict, sector by sector",
    unit: "images",
    short: 2000,
    long: 100_000,
    is_beside: false,
    run,
};

fn run(trial: &Trial) -> Outcome {
    // Thousands of starts have thousands of things to say, and nobody here asks.
    crate::flips::take_notes();
    let home = scratch();
    let library = match recorded::compile(home.path()) {
        Ok(library) => library,
        Err(why) => return Ok(format!("skipped: {why}")),
    };
    let mut random = Random::new(trial.seed);
    let (mut left, mut runs, mut steps, mut answers) = (trial.amount, 0, 0, 0);
    while left > 0 {
        let run = recorded::record(&library, &mut random)?;
        let known = Known::of(&run);
        let images = left.min(if trial.is_long { IMAGES.1 } else { IMAGES.0 });
        for number in 0..images {
            try_one(&run, &known, &mut random)
                .map_err(|broken| format!("image {}: {broken}", trial.amount - left + number))?;
        }
        (left, runs, steps) = (left - images, runs + 1, steps + run.journal.steps.len());
        answers += run.journal.steps.iter().filter(|step| matches!(step, Step::Answer(_))).count();
    }
    Ok(format!(
        "nothing lost at acks=all, nothing twice, none refused; {runs} runs, {steps} steps, {answers} answers"
    ))
}

/// One image at a step that chance decides.
fn try_one(run: &Recorded, known: &Known, random: &mut Random) -> Result<(), String> {
    let cut = 1 + random.below(run.journal.steps.len() as u64) as usize;
    let image = Image::build(&run.journal, cut, random);
    let folder = tempfile::Builder::new().prefix("sendlog-image-").tempdir_in(memory()).map_err(|e| e.to_string())?;
    let root = folder.path().join("data");
    std::fs::create_dir(&root).and_then(|()| image.write(&root)).map_err(|error| error.to_string())?;
    let verified = catch_unwind(AssertUnwindSafe(|| known.verify(&root, cut)));
    let broken = match verified {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(broken)) => broken,
        Err(_) => "a panic".to_string(),
    };
    // What the start made of it is there; the image as it was is built again beside it.
    let kept: PathBuf = folder.keep();
    let before = kept.join("before");
    std::fs::create_dir(&before)
        .and_then(|()| image.write(&before))
        .map_err(|error| error.to_string())?;
    let steps = run.journal.steps[..cut].iter().enumerate();
    let steps: String = steps.map(|(at, step)| format!("{at} {step}\n")).collect();
    std::fs::write(kept.join("steps"), steps).map_err(|error| error.to_string())?;
    Err(format!("cut off before step {cut}: {broken}; it is in {}", before.display()))
}

/// A file system in memory, if there is one: an image lives for milliseconds.
fn memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    }
}
