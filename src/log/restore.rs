//! What [`crate::log::recovery`] does to a segment before anyone else sees it: found, set back, fed batch by batch, cut.
//!
//! Always true: a batch is taken in only at the place where the one before it ends.
//! Not done: it does not judge bytes; the scan that feeds it has.

use std::path::Path;

use crate::base::{Error, Offset, Position, Result};
use crate::faults::seeded::is_on;
use crate::log::offset_index::{OffsetEntry, OffsetIndex};
use crate::log::scan::Batch;
use crate::log::segment::{file_name, Segment};
use crate::log::time_index::TimeIndex;
use crate::log::LazyFile;
use crate::os::fs;

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

/// Unlinks what a stop between two steps has left behind: files that were on their way to their name, or away from it;
/// segments below the log start; indexes without a log.
pub fn remove_leftovers(folder: &Path, names: &[fs::Entry], segments: &[Segment], end: Offset) -> Result<()> {
    let first = segments[0].base_offset;
    for entry in names {
        let of = |suffix| parse_name(&entry.name, suffix);
        let index = of("index").or(of("timeindex"));
        let is_below = of("log").or(index).is_some_and(|base| base < first);
        let is_beyond = index.is_some_and(|base| base > first && base >= end);
        let is_ours = segments.iter().any(|segment| index == Some(segment.base_offset));
        let is_tmp = is_on("unknown-removed") && entry.name.ends_with(".tmp");
        if is_below || (is_beyond && !is_ours) || is_on_its_way(&entry.name) || is_tmp {
            fs::unlink(&folder.join(&entry.name))?;
        }
    }
    Ok(())
}

/// Whether this is the name of one of our files before it was renamed into place, or after it was renamed to be deleted;
/// `.cleaned` are Kafka's, which it was writing when it ended.
fn is_on_its_way(name: &str) -> bool {
    const KINDS: &[&str] = &["log", "index", "timeindex", "snapshot", "batches", "txnindex"];
    let stem = [".tmp", ".deleted", ".cleaned"].iter().find_map(|suffix| name.strip_suffix(suffix));
    stem.is_some_and(|stem| {
        KINDS.iter().any(|kind| parse_name(stem, kind).is_some())
            || ["leader-epoch-checkpoint", "partition.metadata"].contains(&stem)
    })
}

impl Segment {
    /// A segment that lies on the disk, its indexes as they are; empty where they cannot be read. With `is_read_only` no file
    /// is changed, whatever is done to the segment.
    pub fn load(folder: &Path, base_offset: Offset, is_read_only: bool) -> Result<Segment> {
        let path = |suffix| folder.join(file_name(base_offset, suffix));
        let size = fs::size(&path("log"))?.unwrap_or(0);
        if size > u64::from(u32::MAX) {
            return Err(Error::corrupt(path("log"), format!("a segment of {size} bytes")));
        }
        let open = if is_read_only { LazyFile::readable } else { LazyFile::existing };
        let offset_index = OffsetIndex::load(path("index"), is_read_only)?;
        let time_index = TimeIndex::load(path("timeindex"), is_read_only)?;
        let mut segment = Segment::new(base_offset, open(path("log")), offset_index, time_index);
        segment.size = Position(size);
        Ok(segment)
    }

    /// The largest timestamp of the segment's first batch, read from the file when that was opened; `None` while empty.
    pub(super) fn first_timestamp(&mut self) -> Result<Option<i64>> {
        if self.first_timestamp_ms.is_none() && self.size > Position(0) {
            let first = self.view(None).scan_from(&*self.log.get()?, None).next_batch()?;
            self.first_timestamp_ms = Some(first.map_or(-1, |batch| batch.header.max_timestamp_ms));
        }
        Ok(self.first_timestamp_ms)
    }

    pub fn sync_indexes(&self) -> Result<()> {
        self.offset_index.sync()?;
        self.time_index.sync()
    }

    pub fn forget_indexes(&mut self) -> Result<()> {
        self.offset_index.truncate(0)?;
        self.time_index.truncate(0)
    }

    /// Keeps what the indexes say up to the batch of offset entry `number`.
    pub fn keep_indexes(&mut self, number: u32, entry: OffsetEntry) -> Result<()> {
        self.offset_index.truncate(number + 1)?;
        let times = self.time_index.view().count_up_to(self.base_offset, entry.last_offset)?;
        self.time_index.truncate(times)
    }

    /// As a clean stop leaves the indexes, they end with the largest timestamp. They are changed, and synced, only if they do
    /// not: a stop writes nothing of a log that was only read, and whoever starts next believes them, Kafka too.
    pub fn complete_indexes(&mut self) -> Result<()> {
        if self.time_index.view().last(self.base_offset)? == self.largest {
            self.write_indexes(); // an offset index that was lost has been made anew
            return Ok(());
        }
        if self.offset_index.view().count() == 0 {
            self.time_index.truncate(0)?;
        }
        self.finish_indexes();
        self.sync_indexes()
    }

    /// Takes in the next batch of the file, which a scan found good.
    pub fn accept(&mut self, batch: &Batch, interval: u64) -> Result<()> {
        assert_eq!(batch.position, self.size, "batches are taken in one after another");
        let last_offset = batch.header.last_offset();
        if last_offset - self.base_offset > i64::from(i32::MAX) {
            let what = format!("offset {last_offset} at byte {} is too far from the segment's first", batch.position);
            return Err(Error::corrupt(self.log.path(), what));
        }
        self.note_batch(&batch.header, batch.size(), interval);
        Ok(())
    }

    /// Cuts the file behind the last batch that was accepted.
    pub fn cut(&mut self) -> Result<()> {
        let end = self.size.0 - u64::from(is_on("cut-off-by-one"));
        fs::truncate(&*self.log.get()?, self.log.path(), end)
    }
}
