//! Appending what another broker has appended: base offsets, their gaps and leader epochs stay.
//!
//! Always true: a log that has gaps is marked as such ([`crate::log::gaps`]), and in a marked log a segment is flushed before the
//! next one gets its first byte: a start that reads it after a power cut could not tell a gap from the lost end of a segment
//! otherwise.
//! Not done: nothing is checked here; the caller has looked at CRCs and offsets.

use super::*;

impl Log {
    /// How many of these batches one append takes: those that go into the active segment. None: a new one has to begin.
    pub fn count_copied_that_fit(&mut self, batches: &[Checked]) -> Result<usize> {
        let config = self.config;
        let active = self.active_mut();
        // An empty segment takes any batch, but its index counts offsets in 32 bits.
        let is_far = |batch: &Checked| batch.header.last_offset() - active.base_offset > i64::from(i32::MAX);
        let near = batches.iter().position(is_far).unwrap_or(batches.len());
        self.active_mut().count_that_fit(&batches[..near], &config)
    }

    /// Appends batches that go into the active segment, at the offsets that they have.
    pub fn append_copied(&mut self, batches: &[Checked]) -> Result<Appended> {
        let (end, first) = (self.end_offset, batches[0].header.base_offset);
        assert!(first >= end, "a batch at {first} in a log that ends at {end}");
        let appended = self.append_placed(batches)?;
        assert!(!appended.rolled && appended.batches == batches.len(), "the caller has counted: {appended:?}");
        Ok(appended)
    }

    /// Begins a new segment at `offset`, at the log's end or behind it: nothing follows that lies between. In a marked log what
    /// there was has been flushed.
    pub fn skip_to(&mut self, offset: Offset) -> Result<()> {
        let end = std::mem::replace(&mut self.end_offset, offset);
        assert!(offset >= end, "offset {offset} in a log that ends at {end}");
        self.roll().inspect_err(|_| self.end_offset = end)
    }
}
