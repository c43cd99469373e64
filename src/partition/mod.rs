//! A partition: its log, its leader epochs, and those who wait for its next record.
//!
//! Always true: the lock is held for an append, or to look something up, never while bytes go to a socket and never
//! while a flush runs; so a produce does not wait for a slow reader. An offline partition answers
//! KAFKA_STORAGE_ERROR until the broker starts again, a deleted one UNKNOWN_TOPIC_OR_PARTITION for ever.
//! Not done: no clock and no threads; time is an argument, a waiter is a [`Wake`] to call.

mod append;
mod copied;
mod leader_epochs;
mod lifecycle;
mod lookup;
mod offline;
mod producer_state;
pub mod snapshot;
mod space;
mod traffic;
mod undo;

use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32};
use std::sync::Arc;

use crate::base::lock::{Hold, HoldShared};
use crate::base::sync::{Mutex, RwLock};
use crate::base::{Error, ErrorCode, FileRange, Offset, Position, Result, TopicPartition};
use crate::faults::seeded;
use crate::log::flush::Flush;
use crate::log::{Log, LogConfig, LogEnd, SegmentView};
use crate::record::check::{self, Rules};
use crate::record::header::{self, BatchHeader};

pub use append::{Appended, Incoming};
pub use copied::CopiedEnd;
use leader_epochs::LeaderEpochs;
pub use lifecycle::say_offline;
pub use offline::OfflineAfterPanic;
pub use producer_state::Sequenced;
use producer_state::{ProducerState, Verdict};
pub use traffic::{Given, SegmentShape, Standing, Taken};

/// Who waits for a partition to change. Called with the partition's lock held: it only notifies.
pub trait Wake: Send + Sync {
    fn wake(&self);
}

/// `flush.mode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlushMode {
    Acks,
    Os,
    Always,
}

/// What a partition needs of its topic's and the broker's configuration.
#[derive(Clone, Copy, Debug)]
pub struct PartitionConfig {
    pub log: LogConfig,
    pub rules: Rules,
    pub is_log_append_time: bool,
    pub flush_mode: FlushMode,
    /// `log.page.cache=drop`
    pub drops_pages: bool,
}

pub struct Partition {
    name: TopicPartition,
    /// Guards the configuration, which may change while the partition serves; a leaf, copied out and let go.
    config: RwLock<PartitionConfig>,
    /// The broker's leader epoch, which a mirror may raise in the middle of a run: read and raised under `state`'s lock.
    leader_epoch: AtomicI32,
    /// It is a copy of another broker's: clients may not produce to it. See [`copied`].
    is_mirrored: AtomicBool,
    /// Guards the log and the list of wakers. Lock order: registry, group, partition. Taken by [`Partition::lock`].
    /// Never held during a socket write, nor while a flush is waited for.
    state: Mutex<State>,
    flush: Flush,
    /// One writer of snapshots at a time; nothing is locked under it.
    snapshots: Mutex<()>,
    given: Given,
}

struct State {
    log: Storage,
    epochs: LeaderEpochs,
    producers: ProducerState,
    /// How far the log is flushed; what consumers see with `flush.mode=always`.
    durable: LogEnd,
    wants_flush: bool,
    /// The last append failed: said once, until one succeeds.
    is_failing: bool,
    /// Something is to be written at a clean stop.
    has_changed: bool,
    taken: Taken,
    wakers: Vec<Arc<dyn Wake>>,
}

enum Storage {
    Online(Log),
    Offline,
    Deleted,
}

/// The offsets that clients are told about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    pub log_start: Offset,
    pub high_watermark: Offset,
    pub log_end: Offset,
}

/// An answer to a fetch.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub bounds: Bounds,
    pub range: Option<FileRange>,
    /// About how many records lie in it.
    pub records: u64,
    /// The range lies in a closed segment: waiting would not make it longer, and more follows in the next one.
    pub is_closed: bool,
}

impl Partition {
    pub fn name(&self) -> &TopicPartition {
        &self.name
    }

    fn config(&self) -> PartitionConfig {
        *self.config.hold_read()
    }

    /// Whether a producer that asked for this is answered only after a flush.
    pub fn acks_wait_for_flush(&self, acks: i16) -> bool {
        match self.config().flush_mode {
            FlushMode::Acks => acks == -1 && !seeded::is_on("ack-before-sync"),
            FlushMode::Os => false,
            FlushMode::Always => acks != 0,
        }
    }

    /// Waits until everything below `offset` is on the disk. Only callers without a lock may.
    pub fn flush_to(&self, offset: Offset) -> Result<()> {
        let _if_it_panics = OfflineAfterPanic(std::slice::from_ref(self));
        let plan = || {
            seeded::panic_at("panic-in-sync", &self.name.topic);
            self.lock().online().map(Log::flush_plan)
        };
        let result = self.flush.wait_for(offset, plan, |end| self.flushed(end));
        if let Err(error @ (Error::Storage { .. } | Error::Corrupt { .. })) = &result {
            self.take_offline(&mut self.lock(), error);
        }
        result
    }

    fn flushed(&self, end: LogEnd) {
        let mut state = self.lock();
        seeded::panic_at("panic-in-flush", &self.name.topic);
        if let Storage::Online(log) = &mut state.log {
            log.flushed(end.offset);
            state.durable = end;
        }
        if self.config().flush_mode == FlushMode::Always {
            state.wake_all();
        }
    }

    // tour: high-watermark
    fn bounds_of(&self, state: &State, log: &Log) -> Bounds {
        let log_end = log.end_offset();
        let high_watermark = match self.config().flush_mode {
            FlushMode::Always => state.durable.offset,
            _ => log_end,
        };
        Bounds { log_start: log.start_offset(), high_watermark, log_end }
    }
    // end

    /// Finds the bytes from `offset` on, as [`SegmentView::range`] says; the lock is released before the looking up.
    pub fn fetch(&self, offset: Offset, bytes_max: u64, first_goes_whole: bool) -> Result<Fetched> {
        let state = self.lock();
        let log = state.online()?;
        let bounds = self.bounds_of(&state, log);
        if offset < bounds.log_start || offset > bounds.log_end {
            let why = format!("offset {offset} is not within {} to {}", bounds.log_start, bounds.log_end);
            return Err(Error::rejected(ErrorCode::OFFSET_OUT_OF_RANGE, why));
        }
        if offset >= bounds.high_watermark {
            return Ok(Fetched { bounds, range: None, records: 0, is_closed: false });
        }
        let mut view = self.visible(&state, log.view(offset));
        drop(state);
        loop {
            let range = view.range(offset, bytes_max, first_goes_whole);
            if let Some(range) = self.check_read(range)? {
                let is_closed = view.next_base.is_some();
                let records = traffic::records_in(&view, &range, offset, bounds.high_watermark);
                return Ok(Fetched { bounds, range: Some(range).filter(|range| range.length > 0), records, is_closed });
            }
            // Compaction by Kafka may have left a gap at the segment's end.
            match view.next_base {
                Some(next) if next < bounds.high_watermark => view = self.view_of(next)?,
                _ => return Ok(Fetched { bounds, range: None, records: 0, is_closed: false }),
            }
        }
    }

    fn visible(&self, state: &State, mut view: SegmentView) -> SegmentView {
        if self.config().flush_mode == FlushMode::Always {
            match view.base_offset.cmp(&state.durable.segment) {
                Ordering::Less => {}
                Ordering::Equal => view.limit_to(state.durable.position),
                Ordering::Greater => view.limit_to(Position(0)),
            }
        }
        view
    }

    fn view_of(&self, offset: Offset) -> Result<SegmentView> {
        let state = self.lock();
        Ok(self.visible(&state, state.online()?.view(offset)))
    }
}

impl State {
    fn online(&self) -> Result<&Log> {
        match &self.log {
            Storage::Online(log) => Ok(log),
            Storage::Offline => Err(Error::rejected(ErrorCode::KAFKA_STORAGE_ERROR, "the partition is offline")),
            Storage::Deleted => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into()),
        }
    }

    fn wake_all(&self) {
        self.wakers.iter().for_each(|waker| waker.wake());
    }
}

#[cfg(test)]
mod append_tests;
#[cfg(test)]
mod copied_tests;
#[cfg(test)]
mod producer_tests;
#[cfg(test)]
mod tests;
