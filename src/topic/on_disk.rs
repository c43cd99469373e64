//! A log as its files show it, to one who only looks: beside a running broker, or where none runs.
//!
//! Always true: nothing is written, made, cut or locked. What a running broker is just writing, or has not written into an
//! index yet, is not there: the log ends with its last whole batch.
//! Not done: no checksums are checked, and what a start would repair stays as it is.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::base::{Error, Offset, Position, Result};
use crate::log::entries::EntryView;
use crate::log::offset_index::OffsetEntry;
use crate::log::restore::parse_name;
use crate::log::scan::Batch;
use crate::log::segment::file_name;
use crate::log::time_index::TimeEntry;
use crate::log::{FoundTimestamp, LazyFile, SegmentView};
use crate::os::fs;

/// A log that is only looked at.
pub struct LogOnDisk {
    /// Oldest first; never empty.
    pub views: Vec<SegmentView>,
    pub start: Offset,
    pub end: Offset,
}

impl LogOnDisk {
    /// The log in `folder`, whose checkpoint says that it starts at `log_start`; `None` when no segment is there.
    pub fn read(folder: &Path, log_start: Offset) -> Result<Option<LogOnDisk>> {
        let mut bases: Vec<Offset> =
            fs::list(folder)?.iter().filter_map(|entry| parse_name(&entry.name, "log")).collect();
        // Those below are about to be deleted.
        let below = bases.iter().skip(1).take_while(|next| **next <= log_start).count();
        bases.drain(..below);
        let next_bases = bases.iter().skip(1).map(|next| Some(*next)).chain([None]);
        let views = bases.iter().zip(next_bases).map(|(base, next)| view(folder, *base, next));
        let mut views: Vec<SegmentView> = views.collect::<Result<_>>()?;
        let Some(active) = views.last_mut() else { return Ok(None) };
        let end = active.end_at_last_batch()?;
        Ok(Some(LogOnDisk { start: log_start.max(bases[0]), end, views }))
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.views.iter().map(|view| view.size.0).sum()
    }
}

/// How a look-up of an offset goes in one segment.
pub struct LookUp {
    /// Entries of the offset index.
    pub entries: u32,
    pub used: Option<EntryUsed>,
    /// Headers that are read from there on, or from the segment's start, the last one that of the batch.
    pub headers: usize,
    /// The first batch that ends at or after the offset.
    pub batch: Option<Batch>,
}

/// The entry of the offset index that a look-up begins with.
pub struct EntryUsed {
    pub number: u32,
    /// Of the batch at this position, as the entry says it.
    pub last_offset: Offset,
    pub position: Position,
    /// Such a batch lies there; if not, the segment is scanned from its start.
    pub is_right: bool,
}

/// The same of a timestamp.
pub struct TimeLookUp {
    /// The first record at or after it.
    pub found: FoundTimestamp,
    /// The segment's largest timestamp.
    pub largest_ms: i64,
    /// Entries of the time index, and the last one at or before it, with its number.
    pub entries: u32,
    pub used: Option<(u32, TimeEntry)>,
}

fn view(folder: &Path, base_offset: Offset, next_base: Option<Offset>) -> Result<SegmentView> {
    let path = |suffix| folder.join(file_name(base_offset, suffix));
    Ok(SegmentView {
        base_offset,
        next_base,
        size: Position(fs::size(&path("log"))?.unwrap_or(0)),
        log: LazyFile::readable(path("log")),
        offset_index: EntryView::on_disk(path("index"))?,
        time_index: EntryView::on_disk(path("timeindex"))?,
        largest: None,
        largest_on_disk: Arc::new(OnceLock::new()),
    })
}

impl SegmentView {
    /// Finds a batch as a fetch does ([`SegmentView::find`]), and says how.
    pub fn look_up(&self, offset: Offset) -> Result<LookUp> {
        let file = self.log.get()?;
        let batch = self.find(&file, offset)?;
        let before = self.offset_index.find(self.base_offset, offset)?;
        let next = before.map_or(0, |number| number + 1);
        let is_next = self.indexed_batch(&file, next)?.is_some_and(|batch| batch.header.base_offset <= offset);
        let number = if is_next { Some(next) } else { before };
        let right = number.map_or(Ok(None), |number| self.indexed_batch(&file, number))?;
        let used = number.map(|number| self.offset_index.entry(self.base_offset, number).map(|entry| (number, entry)));
        let used = used.transpose()?.map(|(number, OffsetEntry { last_offset, position })| EntryUsed {
            number,
            last_offset,
            position,
            is_right: right.is_some(),
        });
        let mut headers = 0;
        let mut scan = self.scan_from(&file, right.filter(|batch| batch.header.base_offset <= offset));
        while let Some(passed) = scan.next_batch()? {
            headers += 1;
            if passed.header.last_offset() >= offset {
                break;
            }
        }
        Ok(LookUp { entries: self.offset_index.count(), used, headers, batch })
    }

    /// Finds the first record at or after a time, from `from` on, as ListOffsets does, and says how.
    pub fn look_up_time(&self, timestamp_ms: i64, from: Offset) -> Result<Option<TimeLookUp>> {
        let Some(largest) = self.largest_timestamp()?.filter(|largest| largest.timestamp_ms >= timestamp_ms) else {
            return Ok(None);
        };
        let Some(found) = self.find_timestamp(timestamp_ms, from)? else { return Ok(None) };
        let entries = self.time_index.count();
        let used = match self.time_index.find(self.base_offset, timestamp_ms)? {
            Some(entry) => Some((self.time_index.count_up_to(self.base_offset, entry.last_offset)? - 1, entry)),
            None => None,
        };
        Ok(Some(TimeLookUp { found, largest_ms: largest.timestamp_ms, entries, used }))
    }

    /// The segment's first batch.
    pub fn first_batch(&self) -> Result<Option<Batch>> {
        self.scan_from(&*self.log.get()?, None).next_batch()
    }

    /// Shows only whole batches; returns the offset behind the last one.
    fn end_at_last_batch(&mut self) -> Result<Offset> {
        let file = self.log.get()?;
        let last = self.offset_index.count().checked_sub(1);
        let start = last.map_or(Ok(None), |number| self.indexed_batch(&file, number))?;
        let (mut position, mut end) =
            start.map_or((Position(0), self.base_offset), |batch| (batch.position, batch.header.base_offset));
        let mut scan = self.scan_from(&file, start);
        loop {
            match scan.next_batch() {
                Ok(Some(batch)) => (position, end) = (batch.end(), batch.header.last_offset() + 1),
                Ok(None) | Err(Error::Corrupt { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        self.limit_to(position);
        Ok(end)
    }
}
