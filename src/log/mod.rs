//! The log of one partition (ideas 2 and 3): batches appended to a file, found again by offset or by time.
//!
//! A folder holds segments, each named by its base offset in 20 digits: `.log` (the batches, one after another),
//! `.index` and `.timeindex` (sparse, hints). Only the last segment is written to; at `segment.bytes` or
//! `segment.ms` the next one begins ("roll").
//!
//! Always true: an offset that was published is never overwritten, cut or given out again; readers get file
//! ranges and need no lock to use them.
//! Not done: no locks, threads or clocks in here, but for [`flush`], which waits for a sync.
//!
//! Reading order: [`segment`], [`offset_index`], [`view`], this file, [`flush`]; then [`flush_plan`], [`time_index`], [`timestamps`],
//! [`recovery`].

pub mod checkpoint;
mod copied;
pub(crate) mod entries;
pub mod flush;
mod flush_plan;
pub mod gaps;
mod log_start;
pub(crate) mod offset_index;
mod open_files;
pub mod recovery;
pub(crate) mod restore;
pub mod retention;
pub(crate) mod scan;
pub(crate) mod segment;
pub mod space;
pub(crate) mod time_index;
mod timestamps;
mod upkeep;
mod view;

use std::path::PathBuf;

use crate::base::{Error, Offset, Position, Result};
use crate::os::fs;
use crate::record::header::{self, BatchHeader};
use segment::Segment;

pub use flush_plan::FlushPlan;
pub use open_files::{holds_many_files, set_open_files_max, LazyFile};
pub use timestamps::FoundTimestamp;
pub use view::SegmentView;

/// What the log needs of its topic's configuration.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// bytes, `segment.bytes`
    pub segment_bytes: u64,
    /// ms, `segment.ms`
    pub segment_ms: i64,
    /// bytes of log between two index entries, `index.interval.bytes`
    pub index_interval_bytes: u64,
}

/// The end of a log: the next offset, and where its batch will start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LogEnd {
    pub offset: Offset,
    pub segment: Offset,
    pub position: Position,
}

/// A batch that was checked, to be appended.
pub struct Checked<'a> {
    pub bytes: &'a mut [u8],
    pub header: BatchHeader,
}

/// Where an append went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    pub first: Offset,
    pub last: Offset,
    /// Batches that were appended.
    pub batches: usize,
    /// The append began a new segment; the closed one waits for a flush.
    pub rolled: bool,
}

pub struct Log {
    folder: PathBuf,
    config: LogConfig,
    /// Sorted by base offset, never empty; the last one is active.
    segments: Vec<Segment>,
    start_offset: Offset,
    end_offset: Offset,
    /// Everything below is on the disk: the next recovery starts here.
    recovery_point: Offset,
}

impl Log {
    pub fn start_offset(&self) -> Offset {
        self.start_offset
    }

    /// The log end offset: the one that the next record gets.
    pub fn end_offset(&self) -> Offset {
        self.end_offset
    }

    pub fn end(&self) -> LogEnd {
        let active = self.active();
        LogEnd { offset: self.end_offset, segment: active.base_offset, position: active.size }
    }

    // tour: append
    /// Finds checked batches their places and appends, with one write, those that go into one segment; at least one. On an
    /// error nothing was published; what may have been written of them is cut off again.
    pub fn append(&mut self, batches: &mut [Checked], leader_epoch: i32) -> Result<Appended> {
        let mut next = self.end_offset;
        for batch in &mut *batches {
            header::stamp(batch.bytes, next, leader_epoch);
            batch.header.base_offset = next;
            next += batch.header.offset_count();
        }
        self.append_placed(batches)
    }

    fn append_placed(&mut self, batches: &[Checked]) -> Result<Appended> {
        let config = self.config;
        let mut count = self.active_mut().count_that_fit(batches, &config)?;
        let rolled = count == 0;
        if rolled {
            self.roll()?;
            count = self.active_mut().count_that_fit(batches, &config)?;
        }
        let batches = &batches[..count];
        self.active_mut().append(batches, config.index_interval_bytes)?;
        self.end_offset = batches[count - 1].header.last_offset() + 1;
        Ok(Appended { first: batches[0].header.base_offset, last: self.end_offset - 1, batches: count, rolled })
    }
    // end

    /// Closes the active segment and begins the next one at the log end.
    ///
    /// The new name is durable before the first byte goes into the file, so that no flushed batch can lie in a
    /// file that a power cut forgets. A roll that fails takes its files away again, durably: the closed segment is
    /// written on, and a start that found the name would believe that the segment ends there.
    fn roll(&mut self) -> Result<()> {
        self.active_mut().finish_indexes();
        let base = self.end_offset;
        let folder = fs::open_folder(&self.folder)?;
        let next = Segment::create(&self.folder, base).and_then(|segment| folder.sync().map(|()| segment)).map_err(
            |error| match restore::unlink(&self.folder, base).and_then(|()| folder.sync()) {
                Ok(()) => error,
                Err(_) => Error::corrupt(&self.folder, format!("{error}; and the new segment cannot be removed")),
            },
        )?;
        self.segments.push(next);
        Ok(())
    }

    /// The segment that holds `offset`, or would if the offset is the log end; for [`SegmentView`] to look into
    /// without the log's lock. The offset lies between the log's start and end.
    pub fn view(&self, offset: Offset) -> SegmentView {
        self.view_at(self.index_of(offset))
    }

    fn index_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }

    fn view_at(&self, index: usize) -> SegmentView {
        let next_base = self.segments.get(index + 1).map(|segment| segment.base_offset);
        self.segments[index].view(next_base)
    }

    /// The segments up to `end` have been synced.
    pub fn flushed(&mut self, end: Offset) {
        let first = self.index_of(self.recovery_point);
        self.recovery_point = self.recovery_point.max(end);
        // A start looks for index entries below the recovery point in the files.
        self.active_mut().write_indexes();
        let mut segment_end = self.end_offset;
        for segment in self.segments[first..].iter().rev() {
            if segment_end <= self.recovery_point {
                segment.log.release();
            }
            segment_end = segment.base_offset;
        }
    }

    fn active(&self) -> &Segment {
        self.segments.last().expect("a log has at least one segment")
    }

    fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log has at least one segment")
    }
}

#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod tests;
