//! Models of what threads do to each other, run under one schedule after another (`make schedules`).
//!
//! A model is a few threads that call the broker's own code on files in memory. The explorer lets one of them run at a
//! time and decides at each lock, wait and wake-up which goes on: at random, and by priorities that change at a few
//! places (PCT), which finds the rare orders. The same seed makes the same schedules; a failure prints the one it came
//! from. `SENDLOG_SCHEDULES` says how many of each kind, `SENDLOG_SEED` from which seed on.
//!
//! Always true: nothing waits for time here. A wait for a wake-up that never comes is a failure: all threads stand still.
//! Not done: the kernel's own orders, and what atomics without a lock allow (thread sanitizer looks at these).

mod checkpoints;
mod commits;
mod flushes;
mod lives;
mod waits;

use std::path::Path;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use crate::base::{Offset, TopicPartition};
use crate::log::recovery::Opening;
use crate::log::LogConfig;
use crate::partition::{FlushMode, Partition, PartitionConfig};
use crate::record::check::{Depth, Rules, Timestamps};
use crate::record::BatchBuilder;

/// Schedules of each kind, unless SENDLOG_SCHEDULES says otherwise.
const USUAL: usize = 100;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Runs the model under many schedules.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    crate::base::set_note_writer(|_: &crate::base::Note| ()); // faults that are made say nothing
    let iterations = number("SENDLOG_SCHEDULES").map_or(USUAL, |count| count as usize);
    let seed = number("SENDLOG_SEED").unwrap_or(2026);
    let model = std::sync::Arc::new(model);
    let config = || {
        let mut config = Config::new();
        config.stack_size = 512 << 10;
        config
    };
    let again = model.clone();
    Runner::new(RandomScheduler::new_from_seed(seed, iterations), config()).run(move || again());
    Runner::new(PctScheduler::new_from_seed(seed, 3, iterations), config()).run(move || model());
}

/// A folder in memory, where the machine has one.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// A partition with segments of two batches.
fn partition(folder: &Path, recovery_point: Offset, log_start: Offset) -> Partition {
    let config = PartitionConfig {
        log: LogConfig { segment_bytes: 200, segment_ms: i64::MAX, index_interval_bytes: 100 },
        rules: Rules { depth: Depth::Header, size_max: 1 << 20, keys_required: false, timestamps: Timestamps::ANY },
        is_log_append_time: false,
        flush_mode: FlushMode::Acks,
        drops_pages: false,
    };
    let name = TopicPartition { topic: "demo".to_string(), partition: 0 };
    let opening = Opening { is_clean: false, recovery_point, log_start, epoch: 0, ..Opening::default() };
    Partition::open(name, folder.to_path_buf(), config, opening).unwrap().0
}

fn batch() -> Vec<u8> {
    BatchBuilder::new().record(1000, None, Some(&[b'v'; 20])).build()
}

/// Appends so many batches of one record.
fn append(partition: &Partition, count: usize) {
    for _ in 0..count {
        partition.append(&mut batch(), 9, 0).unwrap();
    }
}
