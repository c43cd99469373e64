//! The time index: finds from which batch on a timestamp may occur.
//!
//! Entries are 12 bytes, sorted: timestamp i64 in ms, relative offset u32. An entry says: up to here, the largest
//! timestamp is this one, and the batch that ends with this offset has it (Kafka's `TimeIndex.java`).
//!
//! Always true: timestamps rise strictly in what this broker writes. A closed segment's last entry holds the
//! largest timestamp of the segment. Not done: no checksum; an entry is checked against its batch's header on use.

use crate::base::{Offset, Result};
use crate::log::entries::{EntryFile, EntryView};

const SIZE: usize = 12;

pub type TimeIndex = EntryFile<SIZE>;
pub type TimeIndexView = EntryView<SIZE>;

/// An entry, with the offset made absolute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeEntry {
    pub timestamp_ms: i64,
    pub last_offset: Offset,
}

impl TimeIndex {
    pub fn add(&mut self, base: Offset, entry: TimeEntry) -> bool {
        let relative = u32::try_from(entry.last_offset - base).expect("the segment rolled in time");
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(&entry.timestamp_ms.to_be_bytes());
        bytes[8..].copy_from_slice(&relative.to_be_bytes());
        self.append(bytes)
    }
}

impl TimeIndexView {
    pub fn entry(&self, base: Offset, number: u32) -> Result<TimeEntry> {
        Ok(parse(base, self.get(number)?))
    }

    pub fn last(&self, base: Offset) -> Result<Option<TimeEntry>> {
        self.count().checked_sub(1).map(|number| self.entry(base, number)).transpose()
    }

    /// The last entry with a timestamp of at most `timestamp_ms`: nothing before it is later.
    pub fn find(&self, base: Offset, timestamp_ms: i64) -> Result<Option<TimeEntry>> {
        let after = self.partition_point(self.count() / 2, |bytes| parse(base, bytes).timestamp_ms <= timestamp_ms)?;
        after.checked_sub(1).map(|number| self.entry(base, number)).transpose()
    }

    /// How many entries speak of batches up to and including `offset`.
    pub fn count_up_to(&self, base: Offset, offset: Offset) -> Result<u32> {
        self.partition_point(self.count() / 2, |bytes| parse(base, bytes).last_offset <= offset)
    }
}

fn parse(base: Offset, bytes: [u8; SIZE]) -> TimeEntry {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    TimeEntry {
        timestamp_ms: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
        last_offset: base + i64::from(u32::from_be_bytes([i, j, k, l])),
    }
}
