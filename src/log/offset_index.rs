//! The offset index: finds where in a segment an offset lives (idea 2).
//!
//! Entries are 8 bytes, sorted: relative offset u32 of a batch's *last* record, u32 position where that batch
//! starts. One entry per `index.interval.bytes` of log, so a lookup ends with a short scan (Kafka's
//! `OffsetIndex.java`).
//!
//! Always true: offsets and positions rise strictly in what this broker writes.
//! Not done: no checksum; [`crate::log::view`] checks what it finds, [`crate::log::recovery`] rebuilds.

use crate::base::{Offset, Position, Result};
use crate::log::entries::{EntryFile, EntryView};

const SIZE: usize = 8;

pub type OffsetIndex = EntryFile<SIZE>;
pub type OffsetIndexView = EntryView<SIZE>;

/// An entry, with the offset made absolute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OffsetEntry {
    pub last_offset: Offset,
    pub position: Position,
}

impl OffsetIndex {
    /// Adds an entry; the segment rolls before an offset or a position needs more than 31 bits.
    pub fn add(&mut self, base: Offset, entry: OffsetEntry) -> bool {
        let relative = u32::try_from(entry.last_offset - base).expect("the segment rolled in time");
        let position = u32::try_from(entry.position.0).expect("the segment rolled in time");
        let mut bytes = [0; SIZE];
        bytes[..4].copy_from_slice(&relative.to_be_bytes());
        bytes[4..].copy_from_slice(&position.to_be_bytes());
        self.append(bytes)
    }
}

impl OffsetIndexView {
    pub fn entry(&self, base: Offset, number: u32) -> Result<OffsetEntry> {
        Ok(parse(base, self.get(number)?))
    }

    // tour: find-entry
    /// The number of the last entry whose batch ends at or before `offset`.
    pub fn find(&self, base: Offset, offset: Offset) -> Result<Option<u32>> {
        let Some(last) = self.count().checked_sub(1) else { return Ok(None) };
        // Fast path: entries lie about evenly, so the first guess mostly hits: two reads instead of one for each halving.
        let per_entry = ((self.entry(base, last)?.last_offset - base) / (i64::from(last) + 1)).max(1);
        let guess = ((offset - base) / per_entry).clamp(0, i64::from(last)) as u32;
        let after = self.partition_point(guess, |bytes| parse(base, bytes).last_offset <= offset)?;
        Ok(after.checked_sub(1))
    }
    // end
}

fn parse(base: Offset, bytes: [u8; SIZE]) -> OffsetEntry {
    let [a, b, c, d, e, f, g, h] = bytes;
    OffsetEntry {
        last_offset: base + i64::from(u32::from_be_bytes([a, b, c, d])),
        position: Position(u64::from(u32::from_be_bytes([e, f, g, h]))),
    }
}
