//! Look-ups by timestamp in one segment: the time index says where to begin, batch headers say where to stop.
//!
//! Always true: no record with a timestamp that was asked for is skipped. A time index entry is believed only when the
//! batch it speaks of has that timestamp and that offset.
//! Not done: a compressed batch is not unpacked; it answers with its base offset, so earlier records may come back.

use std::fs::File;

use crate::base::{Offset, Result};
use crate::log::scan::Batch;
use crate::log::time_index::TimeEntry;
use crate::log::SegmentView;
use crate::os::fs;
use crate::record::header::HEADER_SIZE;
use crate::record::records::Records;
use crate::record::Codec;

/// What a lookup by timestamp found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundTimestamp {
    pub timestamp_ms: i64,
    pub offset: Offset,
    pub leader_epoch: i32,
}

impl SegmentView {
    /// The batch that a time index entry speaks of; `None` when there is no entry, or it lies.
    pub(super) fn timed_batch(&self, file: &File, entry: Option<TimeEntry>) -> Result<Option<Batch>> {
        let Some(entry) = entry else { return Ok(None) };
        let batch = self.find(file, entry.last_offset)?;
        Ok(batch.filter(|batch| {
            batch.header.last_offset() == entry.last_offset && batch.header.max_timestamp_ms == entry.timestamp_ms
        }))
    }

    /// The segment's largest timestamp, and the last offset of the first batch that has it.
    pub fn largest_timestamp(&self) -> Result<Option<TimeEntry>> {
        if self.largest.is_some() {
            return Ok(self.largest);
        }
        if let Some(known) = self.largest_on_disk.get() {
            return Ok(*known);
        }
        let found = self.find_largest()?;
        Ok(*self.largest_on_disk.get_or_init(|| found))
    }

    /// The last time index entry nominates, the batch headers after it confirm.
    fn find_largest(&self) -> Result<Option<TimeEntry>> {
        let file = self.log.get()?;
        let nominated = self.timed_batch(&file, self.time_index.last(self.base_offset)?)?;
        let mut scan = self.scan_from(&file, nominated);
        let mut largest: Option<TimeEntry> = None;
        while let Some(Batch { header, .. }) = scan.next_batch()? {
            if largest.is_none_or(|largest| header.max_timestamp_ms > largest.timestamp_ms) {
                largest = Some(TimeEntry { timestamp_ms: header.max_timestamp_ms, last_offset: header.last_offset() });
            }
        }
        Ok(largest)
    }

    /// The first record at or after `from` with a timestamp of at least `timestamp_ms`.
    ///
    /// A compressed batch is not unpacked: it answers with its base offset, so earlier records may come back, and
    /// none is skipped.
    pub fn find_timestamp(&self, timestamp_ms: i64, from: Offset) -> Result<Option<FoundTimestamp>> {
        let file = self.log.get()?;
        let start = self.timed_batch(&file, self.time_index.find(self.base_offset, timestamp_ms)?)?;
        let mut scan = self.scan_from(&file, start);
        let may_hold =
            |batch: &Batch| batch.header.max_timestamp_ms >= timestamp_ms && batch.header.last_offset() >= from;
        while let Some(batch) = scan.find_batch(may_hold)? {
            if let Some(found) = self.find_in_batch(&file, &batch, timestamp_ms, from)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp of the segment.
    pub fn find_largest_timestamp(&self) -> Result<Option<FoundTimestamp>> {
        let Some(largest) = self.largest_timestamp()? else { return Ok(None) };
        let file = self.log.get()?;
        match self.find(&file, largest.last_offset)? {
            Some(batch) => self.find_in_batch(&file, &batch, largest.timestamp_ms, batch.header.base_offset),
            None => Ok(None),
        }
    }

    fn find_in_batch(
        &self,
        file: &File,
        batch: &Batch,
        timestamp_ms: i64,
        from: Offset,
    ) -> Result<Option<FoundTimestamp>> {
        let header = &batch.header;
        let base = FoundTimestamp {
            timestamp_ms: header.base_timestamp_ms,
            offset: header.base_offset.max(from),
            leader_epoch: header.leader_epoch,
        };
        if header.is_log_append_time() {
            return Ok(Some(FoundTimestamp { timestamp_ms: header.max_timestamp_ms, ..base }));
        }
        if header.codec() != Some(Codec::None) {
            return Ok(Some(base));
        }
        let mut bytes = vec![0; batch.size() as usize - HEADER_SIZE];
        fs::read_at(file, self.log.path(), &mut bytes, batch.position.0 + HEADER_SIZE as u64)?;
        for record in Records::new(&bytes) {
            // The CRC is right, so this is what the client sent: answered like a compressed batch.
            let Ok(record) = record else { return Ok(Some(base)) };
            let found = FoundTimestamp {
                timestamp_ms: header.base_timestamp_ms.saturating_add(record.timestamp_delta_ms),
                offset: header.base_offset + i64::from(record.offset_delta),
                ..base
            };
            if found.timestamp_ms >= timestamp_ms && found.offset >= from {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
