//! What a reader sees of one segment, taken under the log's lock in a moment and used without it.
//!
//! Always true: nothing behind `size` is read. An index entry is believed only when the batch it points to is the
//! right one; otherwise the segment is scanned from its start, so a damaged index costs time and never an answer.
//! Not done: no caching; the page cache holds index and headers.

use std::fs::File;
use std::sync::{Arc, OnceLock};

use crate::base::{FileRange, Offset, Position, Result};
use crate::log::offset_index::OffsetIndexView;
use crate::log::scan::{Batch, Scan};
use crate::log::time_index::{TimeEntry, TimeIndexView};
use crate::log::LazyFile;
use crate::os::fs;
use crate::record::header::{BatchHeader, HEADER_SIZE};

#[derive(Clone)]
pub struct SegmentView {
    pub(crate) base_offset: Offset,
    /// The base offset of the segment that follows.
    pub(crate) next_base: Option<Offset>,
    pub(crate) log: Arc<LazyFile>,
    pub(crate) size: Position,
    pub(crate) offset_index: OffsetIndexView,
    pub(crate) time_index: TimeIndexView,
    pub(crate) largest: Option<TimeEntry>,
    pub(crate) largest_on_disk: Arc<OnceLock<Option<TimeEntry>>>,
}

impl SegmentView {
    /// Shows only what lies before `position`: the rest is not flushed yet, or not visible for another reason.
    pub fn limit_to(&mut self, position: Position) {
        if position < self.size {
            self.size = position;
            // Known of the whole segment; of the rest it has to be found out.
            self.largest = None;
            self.largest_on_disk = Arc::default();
        }
    }

    /// The bytes from the batch that holds `offset` on: at most `bytes_max`, but the first batch goes whole if
    /// `first_goes_whole`, and otherwise nothing goes if it does not fit. `None` when no such batch lies here.
    pub fn range(&self, offset: Offset, bytes_max: u64, first_goes_whole: bool) -> Result<Option<FileRange>> {
        let file = self.log.get()?;
        let Some(first) = self.find(&file, offset)? else { return Ok(None) };
        let length = match first.size() {
            size if size <= bytes_max => bytes_max.min(self.size - first.position),
            size if first_goes_whole => size,
            _ => 0,
        };
        Ok(Some(FileRange { file, position: first.position, length }))
    }

    // tour: find-batch
    /// The first batch that ends at or after `offset`.
    pub(crate) fn find(&self, file: &File, offset: Offset) -> Result<Option<Batch>> {
        let before = self.offset_index.find(self.base_offset, offset)?;
        // Where each batch has an entry, being larger than `index.interval.bytes`, it is the next one: no scan.
        let next = self.indexed_batch(file, before.map_or(0, |number| number + 1))?;
        if next.is_some_and(|batch| batch.header.base_offset <= offset) {
            return Ok(next);
        }
        let start = self.hint(file, before)?.filter(|batch| batch.header.base_offset <= offset);
        self.scan_from(file, start).find_batch(|batch| batch.header.last_offset() >= offset)
    }
    // end

    pub(crate) fn scan_from<'a>(&'a self, file: &'a File, start: Option<Batch>) -> Scan<'a> {
        let (position, expected) = match start {
            Some(batch) => (batch.position, batch.header.base_offset),
            None => (Position(0), self.base_offset),
        };
        Scan::new(file, self.log.path(), position, self.size, expected)
    }

    /// The batch of the entry that was found, to scan from; `None` when the entry lies.
    pub(super) fn hint(&self, file: &File, found: Option<u32>) -> Result<Option<Batch>> {
        let Some(number) = found else { return Ok(None) };
        let batch = self.indexed_batch(file, number)?;
        if batch.is_none() {
            let path = self.log.path().display();
            note!(Warn, "index_entry_wrong", [path = path], "entry {number} is wrong, scanning instead");
        }
        Ok(batch)
    }

    /// The batch that an entry of the offset index points to; `None` when there is no such entry, or it lies.
    pub(crate) fn indexed_batch(&self, file: &File, number: u32) -> Result<Option<Batch>> {
        if number >= self.offset_index.count() {
            return Ok(None);
        }
        let entry = self.offset_index.entry(self.base_offset, number)?;
        if entry.position >= self.size {
            return Ok(None);
        }
        let mut header = [0; HEADER_SIZE];
        fs::read_at(file, self.log.path(), &mut header, entry.position.0)?;
        let header = BatchHeader::parse(&header).expect("as long as a header");
        let is_right = header.is_plausible_at(self.base_offset)
            && header.last_offset() == entry.last_offset
            && entry.position + header.size().expect("plausible") <= self.size;
        Ok(is_right.then_some(Batch { position: entry.position, header }))
    }
}
