//! The thread in the background: flushes what nobody waits for, writes checkpoints, lets go what retention does not keep.
//!
//! Always true: `acks=1` traffic alone still moves the recovery point, at least each
//! `log.flush.offset.checkpoint.interval.ms` and each 256 MiB of a partition, so that the next recovery is short.
//! A roll has the closed segment flushed here. A failure in one partition touches no other,
//! and a panic in one step no other step.
//! Not done: nothing that somebody waits for; one thread, one step after the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::base::{end_note_bursts, Error, Result};
use crate::os::{panics, threads};
use crate::partition::{Partition, Wake};
use crate::server::wait::WaitCell;
use crate::server::{now, Broker};

const TICK: Duration = Duration::from_millis(500);
/// How often committed offsets and producers are looked through for those that have expired.
const EXPIRY: Duration = Duration::from_secs(600);

pub struct Background {
    stopping: Arc<AtomicBool>,
    wake: Arc<WaitCell>,
    thread: JoinHandle<()>,
}

impl Background {
    pub fn start(broker: Arc<Broker>) -> Result<Background> {
        let stopping = Arc::new(AtomicBool::new(false));
        let wake = Arc::new(WaitCell::default());
        broker.topics.set_space_waker(wake.clone());
        let (stop, cell) = (stopping.clone(), wake.clone());
        let thread = threads::start("background", threads::STACK_BYTES, move || run(&broker, &stop, &cell))
            .map_err(|error| Error::unusable("cannot start a thread", error.to_string()))?;
        Ok(Background { stopping, wake, thread })
    }

    pub fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.wake.wake();
        let _ = self.thread.join();
    }
}

/// When what does not come with each tick is due.
struct Due {
    expiry_at: Instant,
    retention_at: Instant,
    checkpoint_at: Instant,
}

fn run(broker: &Broker, stopping: &AtomicBool, wake: &WaitCell) {
    let settings = &broker.settings;
    let tick = if settings.flushes_always { TICK.min(settings.flush_interval) } else { TICK };
    let began = Instant::now();
    let mut due = Due {
        expiry_at: began + EXPIRY,
        retention_at: began + settings.retention_interval,
        checkpoint_at: began + settings.checkpoint_interval,
    };
    loop {
        wake.wait_until(Instant::now() + tick);
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        panics::survive(|| due.round(broker));
    }
}

impl Due {
    /// What is due, step by step; one that panics, in each round perhaps, keeps none of the others from being done.
    fn round(&mut self, broker: &Broker) {
        let Broker { topics, groups, settings, .. } = broker;
        panics::survive(|| groups.tick(now()));
        panics::survive(end_note_bursts);
        panics::survive(|| {
            let overdue = broker.stranded.overdue(Instant::now());
            overdue.iter().for_each(|line| note!(Warn, "client_stranded", [], "{line}"));
        });
        if topics.is_read_only() {
            return;
        }
        panics::survive(|| broker.mirror.look_after());
        panics::survive(|| topics.remove_deleted(now().monotonic_ms));
        panics::survive(|| topics.keep_under_cap(now().wall_ms));
        panics::survive(|| {
            if let Err(error) = groups.compact(topics, now()) {
                note!(Warn, "offsets_not_compacted", [], "the offsets log grows until that works: {error}");
            }
        });
        if Instant::now() >= self.expiry_at {
            self.expiry_at = Instant::now() + EXPIRY;
            panics::survive(|| topics.expire_producers(now().wall_ms));
            panics::survive(|| {
                if let Err(error) = groups.expire_offsets(now()) {
                    note!(Warn, "offsets_not_expired", [], "trying again later: {error}");
                }
            });
        }
        if Instant::now() >= self.retention_at {
            self.retention_at = Instant::now() + settings.retention_interval;
            panics::survive(|| topics.apply_retention(now().wall_ms));
        }
        let is_checkpoint = Instant::now() >= self.checkpoint_at;
        let all = is_checkpoint || settings.flushes_always || crate::log::holds_many_files();
        let flushed = flush(broker, |partition| all || partition.wants_flush());
        if is_checkpoint || (flushed && !settings.flushes_always) {
            self.checkpoint_at = Instant::now() + settings.checkpoint_interval;
            panics::survive(|| {
                if let Err(error) = topics.write_checkpoints() {
                    note!(Warn, "checkpoints_not_written", [], "the next recovery reads more: {error}");
                }
            });
        }
    }
}

/// Flushes those that are `due`; whether there were any.
fn flush(broker: &Broker, due: impl Fn(&Partition) -> bool) -> bool {
    let mut any = false;
    for partition in broker.topics.all().iter().flat_map(|topic| &topic.partitions) {
        panics::survive(|| {
            if !due(partition) {
                return;
            }
            any = true;
            // A failed sync is final for the partition, which has said so.
            if let Err(error) = partition.flush_all() {
                note!(Warn, "not_flushed", [partition = partition.name()], "the next recovery reads more: {error}");
            }
        });
    }
    any
}
