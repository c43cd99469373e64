//! One segment: a `.log` file of batches with its two sparse indexes (idea 2; Kafka's `LogSegment.java`).
//!
//! Each file is named by the segment's base offset in 20 digits.
//!
//! Always true: `size` counts what is published; bytes behind it (a failed write) are cut off before the next append.
//! Not done: no syncs; [`crate::log::Log`] says when.

use std::io::IoSlice;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::base::{Error, Offset, Position, Result};
use crate::log::offset_index::{OffsetEntry, OffsetIndex};
use crate::log::time_index::{TimeEntry, TimeIndex};
use crate::log::{Checked, LazyFile, LogConfig, SegmentView};
use crate::os::fs;
use crate::record::BatchHeader;

pub struct Segment {
    pub(super) base_offset: Offset,
    pub(super) log: Arc<LazyFile>,
    pub(super) offset_index: OffsetIndex,
    pub(super) time_index: TimeIndex,
    pub(super) size: Position,
    /// The largest timestamp so far and the last offset of the first batch that has it; `None` while empty.
    pub(super) largest: Option<TimeEntry>,
    /// The same for a segment that was opened closed: found when first asked for.
    pub(super) largest_on_disk: Arc<OnceLock<Option<TimeEntry>>>,
    pub(super) first_timestamp_ms: Option<i64>,
    pub(super) bytes_since_entry: u64,
}

/// `00000000000000000042.log`
pub fn file_name(base_offset: Offset, suffix: &str) -> String {
    format!("{:020}.{suffix}", base_offset.0)
}

impl Segment {
    /// An empty segment; index files that lie about under its name are emptied.
    pub fn create(folder: &Path, base_offset: Offset) -> Result<Segment> {
        let path = |suffix| folder.join(file_name(base_offset, suffix));
        let offset_index = OffsetIndex::create(path("index"))?;
        let time_index = TimeIndex::create(path("timeindex"))?;
        let log = LazyFile::create(path("log"))?;
        Ok(Segment::new(base_offset, log, offset_index, time_index))
    }

    pub(super) fn new(base: Offset, log: Arc<LazyFile>, offset_index: OffsetIndex, time_index: TimeIndex) -> Segment {
        Segment {
            base_offset: base,
            log,
            offset_index,
            time_index,
            size: Position(0),
            largest: None,
            largest_on_disk: Arc::default(),
            first_timestamp_ms: None,
            bytes_since_entry: 0,
        }
    }

    /// What readers need, as it is now.
    pub fn view(&self, next_base: Option<Offset>) -> SegmentView {
        SegmentView {
            base_offset: self.base_offset,
            next_base,
            log: self.log.clone(),
            size: self.size,
            offset_index: self.offset_index.view().clone(),
            time_index: self.time_index.view().clone(),
            largest: self.largest,
            largest_on_disk: self.largest_on_disk.clone(),
        }
    }

    /// How many of these batches, which have their places, go into this segment, and not into a new one (Kafka's
    /// `LogSegment.shouldRoll`). An empty segment takes any.
    pub fn count_that_fit(&mut self, batches: &[Checked], config: &LogConfig) -> Result<usize> {
        let size_max = config.segment_bytes.min(i32::MAX as u64);
        let mut size = self.size.0;
        let mut first_timestamp_ms = self.first_timestamp()?;
        for (count, Checked { header, .. }) in batches.iter().enumerate() {
            let age_ms =
                header.max_timestamp_ms.saturating_sub(*first_timestamp_ms.get_or_insert(header.max_timestamp_ms));
            let with_it = size + header.size().expect("checked before");
            let is_far = header.last_offset() - self.base_offset > i64::from(i32::MAX);
            if size > 0 && (with_it > size_max || is_far || age_ms > config.segment_ms) {
                return Ok(count);
            }
            size = with_it;
        }
        Ok(batches.len())
    }

    // tour: append-bytes
    /// Appends batches that have their places, with one write.
    pub fn append(&mut self, batches: &[Checked], interval: u64) -> Result<()> {
        let file = self.log.get()?;
        self.log.hold();
        let mut slices: Vec<IoSlice> = batches.iter().map(|batch| IoSlice::new(batch.bytes)).collect();
        if let Err(error) = fs::append_all(&file, self.log.path(), &mut slices) {
            return Err(match fs::truncate(&file, self.log.path(), self.size.0) {
                Ok(()) => error,
                Err(_) => Error::corrupt(self.log.path(), format!("{error}; and what it wrote cannot be cut off")),
            });
        }
        for Checked { bytes, header } in batches {
            self.note_batch(header, bytes.len() as u64, interval);
        }
        Ok(())
    }
    // end

    /// Counts a batch of so many bytes, which lies at the segment's end, and indexes it when `interval` bytes have passed
    /// since the last entry.
    pub(super) fn note_batch(&mut self, header: &BatchHeader, bytes: u64, interval: u64) {
        let (position, last_offset, timestamp_ms) = (self.size, header.last_offset(), header.max_timestamp_ms);
        if position == Position(0) {
            self.first_timestamp_ms = Some(timestamp_ms);
        }
        if self.largest.is_none_or(|largest| timestamp_ms > largest.timestamp_ms) {
            self.largest = Some(TimeEntry { timestamp_ms, last_offset });
        }
        if self.bytes_since_entry > interval
            && self.offset_index.add(self.base_offset, OffsetEntry { last_offset, position })
        {
            self.finish_time_index();
            self.bytes_since_entry = 0;
        }
        self.size += bytes;
        self.bytes_since_entry += bytes;
    }

    /// The indexes as a closed segment has them: the largest timestamp at the end, and all of it in their files.
    pub fn finish_indexes(&mut self) {
        self.finish_time_index();
        self.write_indexes();
    }

    /// What the indexes have in memory alone goes into their files.
    pub fn write_indexes(&mut self) {
        self.offset_index.write_out();
        self.time_index.write_out();
    }

    /// Adds the largest timestamp so far to the time index, unless it is there.
    pub fn finish_time_index(&mut self) {
        let Some(largest) = self.largest else { return };
        let last = self.time_index.view().last(self.base_offset).unwrap_or(None);
        if last.is_none_or(|last| largest.timestamp_ms > last.timestamp_ms) {
            self.time_index.add(self.base_offset, largest);
        }
    }
}
