//! What [`crate::log::recovery`] does to a segment before anyone else sees it: set back, fed batch by batch, cut.
//!
//! Always true: a batch is taken in only at the place where the one before it ends.

use crate::base::{Error, Position, Result};
use crate::log::offset_index::OffsetEntry;
use crate::log::scan::Batch;
use crate::log::segment::Segment;
use crate::os::fs;

impl Segment {
    /// Forgets the indexes and everything known; the scan that follows starts at the beginning.
    pub fn reset(&mut self) -> Result<()> {
        self.offset_index.truncate(0)?;
        self.time_index.truncate(0)?;
        self.largest = None;
        self.bytes_since_entry = 0;
        self.size = Position(0);
        Ok(())
    }

    /// Keeps what the indexes say up to the batch of offset entry `number`, where the scan goes on.
    pub fn rewind_to(&mut self, number: u32, entry: OffsetEntry) -> Result<()> {
        self.offset_index.truncate(number + 1)?;
        let times = self.time_index.view().count_up_to(self.base_offset, entry.last_offset)?;
        self.time_index.truncate(times)?;
        self.continue_from(entry)
    }

    /// Keeps both indexes as they are, which were found right; the scan goes on at their last entry.
    pub fn continue_from(&mut self, entry: OffsetEntry) -> Result<()> {
        self.largest = self.time_index.view().last(self.base_offset)?;
        self.bytes_since_entry = 0;
        self.size = entry.position;
        Ok(())
    }

    /// Takes in the next batch of the file, which a scan found good.
    pub fn accept(&mut self, batch: &Batch, interval: u64) -> Result<()> {
        assert_eq!(batch.position, self.size, "batches are taken in one after another");
        let last_offset = batch.header.last_offset();
        if last_offset - self.base_offset > i64::from(i32::MAX) {
            let what = format!("offset {last_offset} at byte {} is too far from the segment's first", batch.position);
            return Err(Error::corrupt(self.log.path(), what));
        }
        self.note_batch(batch.position, last_offset, batch.header.max_timestamp_ms, interval);
        self.add_bytes(batch.size());
        Ok(())
    }

    /// Cuts the file behind the last batch that was accepted.
    pub fn cut(&mut self) -> Result<()> {
        fs::truncate(&*self.log.get()?, self.log.path(), self.size.0)
    }
}
