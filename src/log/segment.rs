//! One segment: a `.log` file of batches with its two sparse indexes (idea 2; Kafka's `LogSegment.java`).
//!
//! Each file is named by the segment's base offset in 20 digits.
//!
//! Always true: `size` counts what is published; bytes behind it (a failed write) are cut off before the next append.
//! Not done: no syncs; [`crate::log::Log`] says when.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::base::{Error, Offset, Position, Result};
use crate::log::offset_index::{OffsetEntry, OffsetIndex};
use crate::log::scan::Scan;
use crate::log::time_index::{TimeEntry, TimeIndex};
use crate::log::{LazyFile, LogConfig, SegmentView};
use crate::os::fs;
use crate::record::header::BatchHeader;

pub struct Segment {
    pub(super) base_offset: Offset,
    pub(super) folder: PathBuf,
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

/// The base offset in a segment's file name.
pub fn parse_name(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?.strip_suffix('.')?;
    let is_number = digits.len() == 20 && digits.bytes().all(|c| c.is_ascii_digit());
    is_number.then(|| digits.parse().ok().map(Offset)).flatten()
}

/// Removes a segment's files, as far as there are any; the log first, since it makes the others a segment.
pub fn unlink(folder: &Path, base_offset: Offset) -> Result<()> {
    ["log", "index", "timeindex"]
        .iter()
        .try_for_each(|suffix| fs::unlink(&folder.join(file_name(base_offset, suffix))))
}

impl Segment {
    /// An empty segment; index files that lie about under its name are emptied.
    pub fn create(folder: &Path, base_offset: Offset) -> Result<Segment> {
        let path = |suffix| folder.join(file_name(base_offset, suffix));
        let offset_index = OffsetIndex::create(path("index"))?;
        let time_index = TimeIndex::create(path("timeindex"))?;
        let log = LazyFile::create(path("log"))?;
        Ok(Segment::new(folder, base_offset, log, offset_index, time_index))
    }

    /// A segment that lies on the disk, its indexes as they are; empty where they cannot be read.
    pub fn load(folder: &Path, base_offset: Offset) -> Result<Segment> {
        let path = |suffix| folder.join(file_name(base_offset, suffix));
        let size = fs::size(&path("log"))?.unwrap_or(0);
        if size > u64::from(u32::MAX) {
            return Err(Error::corrupt(path("log"), format!("a segment of {size} bytes")));
        }
        let offset_index = match OffsetIndex::load(path("index"))? {
            Some(index) => index,
            None => OffsetIndex::create(path("index"))?,
        };
        let time_index = match TimeIndex::load(path("timeindex"))? {
            Some(index) => index,
            None => TimeIndex::create(path("timeindex"))?,
        };
        let mut segment = Segment::new(folder, base_offset, LazyFile::existing(path("log")), offset_index, time_index);
        segment.size = Position(size);
        Ok(segment)
    }

    fn new(
        folder: &Path,
        base_offset: Offset,
        log: Arc<LazyFile>,
        offset_index: OffsetIndex,
        time_index: TimeIndex,
    ) -> Segment {
        Segment {
            base_offset,
            folder: folder.to_path_buf(),
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

    pub fn base_offset(&self) -> Offset {
        self.base_offset
    }

    pub fn size(&self) -> Position {
        self.size
    }

    pub fn log_file(&self) -> &Arc<LazyFile> {
        &self.log
    }

    /// What readers need, as it is now.
    pub fn view(&self, next_base: Option<Offset>) -> SegmentView {
        SegmentView {
            base_offset: self.base_offset,
            next_base,
            log: self.log.clone(),
            size: self.size,
            offset_index: self.offset_index.view(),
            time_index: self.time_index.view(),
            largest: self.largest,
            largest_on_disk: self.largest_on_disk.clone(),
        }
    }

    /// Whether this batch has to go into a new segment (Kafka's `LogSegment.shouldRoll`).
    pub fn is_full_for(&self, header: &BatchHeader, last_offset: Offset, config: &LogConfig) -> Result<bool> {
        if self.size == Position(0) {
            return Ok(false);
        }
        let size = header.size().expect("checked before") + self.size.0;
        if size > config.segment_bytes.min(i32::MAX as u64) || last_offset - self.base_offset > i64::from(i32::MAX) {
            return Ok(true);
        }
        let first_timestamp_ms = match self.first_timestamp_ms {
            Some(timestamp) => timestamp,
            None => self.read_first_timestamp()?,
        };
        Ok(header.max_timestamp_ms.saturating_sub(first_timestamp_ms) > config.segment_ms)
    }

    fn read_first_timestamp(&self) -> Result<i64> {
        let file = self.log.get()?;
        let first = Scan::new(&file, self.log.path(), Position(0), self.size, self.base_offset).next_batch()?;
        Ok(first.map_or(-1, |batch| batch.header.max_timestamp_ms))
    }

    /// Appends a stamped batch with one write.
    pub fn append(&mut self, batch: &[u8], last_offset: Offset, max_timestamp_ms: i64, interval: u64) -> Result<()> {
        let file = self.log.get()?;
        self.log.hold();
        if let Err(error) = fs::append(&file, self.log.path(), batch) {
            return Err(match fs::truncate(&file, self.log.path(), self.size.0) {
                Ok(()) => error,
                Err(_) => Error::corrupt(self.log.path(), format!("{error}; and what it wrote cannot be cut off")),
            });
        }
        self.note_batch(self.size, last_offset, max_timestamp_ms, interval);
        self.add_bytes(batch.len() as u64);
        Ok(())
    }

    /// Indexes a batch that starts at `position`, when `interval` bytes have passed since the last entry.
    pub(super) fn note_batch(&mut self, position: Position, last_offset: Offset, max_timestamp_ms: i64, interval: u64) {
        self.first_timestamp_ms.get_or_insert(max_timestamp_ms);
        if self.largest.is_none_or(|largest| max_timestamp_ms > largest.timestamp_ms) {
            self.largest = Some(TimeEntry { timestamp_ms: max_timestamp_ms, last_offset });
        }
        if self.bytes_since_entry > interval
            && self.offset_index.add(self.base_offset, OffsetEntry { last_offset, position })
        {
            self.finish_time_index();
            self.bytes_since_entry = 0;
        }
    }

    pub(super) fn add_bytes(&mut self, bytes: u64) {
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

    pub fn sync_indexes(&self) -> Result<()> {
        self.offset_index.sync()?;
        self.time_index.sync()
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
