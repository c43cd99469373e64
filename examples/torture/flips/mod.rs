//! One flipped bit at every byte of a data directory, after a kill and after a clean stop; files that are cut or padded.
//!
//! The directory is opened in this process, as the broker's start does it, and everything in it is read; a sample is
//! served by the real binary and read by a client. What may come of damage: the start is refused, the partition is
//! offline, the prefix is served with the rest kept aside and a line that says so, or the bytes are served as they lie
//! where nothing guards them or the client's CRC does.
//!
//! Always true: records that are not served any more are told of in the log, and their bytes are still there; what an
//! index, a checkpoint of epochs or a snapshot says changes no answer; no panic.
//! Not done: one fault at a time.

mod image;
mod judge;
mod served;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Mutex;

use image::Image;
pub use judge::take_notes;
use judge::{Bench, Tally, Truth};

use crate::broker::scratch;
use crate::trial::{Outcome, Part, Random, Trial};

pub const PART: Part = Part {
    name: "flips",
    what: "one flipped bit at every byte of a data directory, after a kill and after a clean stop",
    unit: "bits of every byte",
    short: 1,
    long: 8,
    is_beside: false,
    run,
};

/// Bytes of zeros that are appended to a segment.
const ZEROS_MAX: usize = 8192;

/// What is done to one file.
#[derive(Clone, Copy, Debug)]
pub enum Harm {
    Flip { at: usize, bit: u8 },
    Cut { length: usize },
    Zeros { count: usize },
}

impl Harm {
    pub fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Harm::Flip { at, bit } => bytes[at] ^= 1 << bit,
            Harm::Cut { length } => bytes.truncate(length),
            Harm::Zeros { count } => bytes.resize(bytes.len() + count, 0),
        }
    }
}

/// A file of an image, by its number, and what is done to it.
pub type Case = (usize, Harm);

fn run(trial: &Trial) -> Outcome {
    sendlog::os::fs::sync_nothing();
    take_notes();
    let mut said = Vec::new();
    for is_clean in [false, true] {
        let image = Image::make(is_clean);
        let cases = cases(&image, trial);
        let tally = try_all(&image, &cases)?;
        let samples = if trial.is_long { 300 } else { 30 };
        let served = served::try_some(&image, &cases, samples, &mut Random::new(trial.seed))?;
        let flips = cases.iter().filter(|(_, harm)| matches!(harm, Harm::Flip { .. })).count();
        said.push(format!(
            "{}, {} bytes: {flips} flips, {} cut or padded files: {tally}; {} served to a client, {} \
             whole partitions to kcat",
            image.what,
            image.bytes(),
            cases.len() - flips,
            served.cases,
            served.by_kcat,
        ));
    }
    Ok(format!("0 lost without a word, 0 panics ({})", said.join("; ")))
}

fn cases(image: &Image, trial: &Trial) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, (path, bytes)) in image.files.iter().enumerate() {
        let is_log = path.extension().is_some_and(|suffix| suffix == "log");
        for at in 0..bytes.len() {
            let bits = 0..trial.amount.min(8);
            cases.extend(bits.map(|bit| (number, Harm::Flip { at, bit: ((at as u64 + bit) % 8) as u8 })));
            // A log that is shorter after a kill is what a kill may leave.
            let is_sampled = trial.is_long || at % 7 == 0;
            if !is_log && is_sampled {
                cases.push((number, Harm::Cut { length: at }));
            }
        }
        if is_log || path.extension().is_some_and(|suffix| suffix == "index" || suffix == "timeindex") {
            let step = if trial.is_long { 37 } else { 977 };
            cases.extend((1..=ZEROS_MAX).step_by(step).map(|count| (number, Harm::Zeros { count })));
        }
    }
    cases
}

/// Tries all cases, on two threads.
fn try_all(image: &Image, cases: &[Case]) -> Result<Tally, String> {
    let truth = Truth::of(image);
    let (next, broken) = (AtomicUsize::new(0), Mutex::new(None));
    let is_broken = AtomicBool::new(false);
    let work = || {
        let folder = fast_scratch();
        let mut bench = Bench::new(image, &truth, folder.path());
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if is_broken.load(Ordering::Relaxed) {
                break;
            }
            if let Err(why) = bench.try_case(*case) {
                is_broken.store(true, Ordering::Relaxed);
                let kept = keep(image, *case);
                let path = image.files[case.0].0.display();
                *broken.lock().unwrap() =
                    Some(format!("{}, {path}, {:?}: {why}; the data is in {}", image.what, case.1, kept.display()));
            }
        }
        bench.tally
    };
    let tally = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().map(|worker| worker.join().unwrap()).fold(Tally::default(), Tally::and)
    });
    match broken.into_inner().unwrap() {
        Some(why) => Err(why),
        None => Ok(tally),
    }
}

/// In memory where that is possible: a hundred thousand starts.
fn fast_scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::Builder::new().prefix("sendlog-test-").tempdir_in(memory).unwrap(),
        false => scratch(),
    }
}

/// Leaves the harmed directory for somebody to look at.
fn keep(image: &Image, (number, harm): Case) -> std::path::PathBuf {
    let folder = scratch().keep();
    image.restore(&folder);
    let (path, bytes) = &image.files[number];
    let mut bytes = bytes.clone();
    harm.apply(&mut bytes);
    std::fs::write(folder.join(path), bytes).unwrap();
    folder
}
