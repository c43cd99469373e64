//! A partition that follows the source's: where to go on, what to take of what came, and when to stop.
//!
//! Always true: the broker's leader epoch is raised before a batch of a higher one is written; the log start follows the
//! source's; a partition that went another way than the source's stops, and says how it was seen.
//! Not done: nothing is ever cut off a copy to follow a source that went back.

use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::Arc;
use std::time::Duration;

use super::batches::{self, Stop};
use super::copier::Known;
use super::shared::{Shared, Wanted};
use super::source;
use crate::base::{Error, ErrorCode, Offset, TopicPartition};
use crate::client;
use crate::client::connection::Connection;
use crate::log::Checked;
use crate::partition::{CopiedEnd, Partition};
use crate::topic::TopicRegistry;
use crate::wire::messages::fetch::PartitionData;

/// bytes between a copy and its source's end, from which on what is copied is history: nobody is waiting for it
const HISTORY: i64 = 64 << 20;
/// Before a partition is tried again.
const PAUSE: Duration = Duration::from_secs(1);

pub struct Follower<'a> {
    pub topics: &'a TopicRegistry,
    pub shared: &'a Shared,
}

/// Whether more than [`HISTORY`] is still to be copied when so many `bytes` were `copied` offsets, and `left` ones are left.
fn is_history(bytes: usize, copied: i64, left: i64) -> bool {
    bytes as i128 * i128::from(left) > i128::from(HISTORY) * i128::from(copied)
}

impl Follower<'_> {
    /// Where the copy of a partition goes on; none if it does not. Its history is compared with the source's once for each
    /// connection.
    pub fn begin(
        &self,
        connection: &mut Connection,
        wanted: &Wanted,
        known: &mut Known,
    ) -> client::Result<Option<Offset>> {
        let Some((_, end)) = self.local(wanted) else { return Ok(None) };
        if !known.contains_key(&wanted.partition) {
            match source::check_history(connection, wanted, end) {
                Ok(None) => drop(known.insert(wanted.partition.clone(), Offset(0))),
                Ok(Some(why)) => {
                    self.shared.stop_partition(&wanted.partition, why);
                    return Ok(None);
                }
                Err(error) => return self.put_off(wanted, error).map(|()| None),
            }
        }
        Ok(Some(end.offset.max(known[&wanted.partition])))
    }

    /// What the source answers about one partition is no reason to leave the others.
    fn put_off(&self, wanted: &Wanted, error: client::Error) -> client::Result<()> {
        if error.code().is_none() {
            return Err(error);
        }
        self.shared.ask_watcher();
        self.shared.pause_partition(&wanted.partition, error.to_string(), PAUSE);
        Ok(())
    }

    /// The partition here, and where it ends.
    fn local(&self, wanted: &Wanted) -> Option<(Arc<Partition>, CopiedEnd)> {
        let name = &wanted.partition;
        let found = self.topics.find_partition(&name.topic, name.partition);
        let found = found.and_then(|partition| {
            let end = partition.copied_end()?;
            Ok((partition, end))
        });
        match found {
            Ok((partition, end)) if partition.is_mirrored() => Some((partition, end)),
            Ok(_) => None,
            Err(error) => {
                self.shared.stop_partition(name, format!("here: {error}"));
                None
            }
        }
    }

    /// Where partitions end when what has come for them is written.
    pub fn next_offsets(
        &self,
        came: &HashMap<TopicPartition, PartitionData>,
        frame: &[u8],
    ) -> HashMap<TopicPartition, Offset> {
        let next = came.iter().filter_map(|(partition, data)| {
            let bytes = frame.get(data.records.range()?)?;
            Some((partition.clone(), batches::offset_after(bytes)?))
        });
        next.collect()
    }

    /// Whether every partition was answered without an error.
    pub fn all_well(&self, came: &HashMap<TopicPartition, PartitionData>) -> bool {
        came.values().all(|data| data.error_code.is_none())
    }

    /// Takes what came for a partition that was asked for from `offset` on.
    pub fn take(&self, wanted: &Wanted, offset: Offset, data: &PartitionData, bytes: &mut [u8]) {
        let name = &wanted.partition;
        match data.error_code {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE => return, // see `settle`
            code => {
                let error = client::Error::refused(format!("fetching {name}"), code, None);
                let _ = self.put_off(wanted, error);
                return;
            }
        }
        let Some((partition, end)) = self.local(wanted) else { return };
        // Offsets that the source does not have any more are left out; others were expected to be here by now.
        let gone = Offset(data.log_start_offset);
        if offset < end.offset || (offset > end.offset && offset > gone) {
            return;
        }
        let (batches, stop) = batches::judge(bytes, end);
        if let Err(error) = self.append(&partition, end, offset, &batches, data) {
            let why = format!("here: {error}");
            match error {
                Error::Storage { .. } => self.shared.pause_partition(name, why, PAUSE),
                _ => self.shared.stop_partition(name, why),
            }
            return;
        }
        let end = batches.last().map_or(end.offset.max(offset), |last| last.header.last_offset() + 1);
        self.shared.progress(name, data.high_watermark, end.0);
        match stop {
            None => {}
            Some(Stop::Final(why)) => self.shared.stop_partition(name, why),
            Some(Stop::Damaged(why)) => self.shared.pause_partition(name, why, PAUSE),
        }
    }

    fn append(
        &self,
        partition: &Partition,
        end: CopiedEnd,
        offset: Offset,
        batches: &[Checked],
        data: &PartitionData,
    ) -> crate::base::Result<()> {
        let topics = self.topics;
        if let Some(epoch) = batches.iter().map(|batch| batch.header.leader_epoch).max() {
            topics.raise_leader_epoch(epoch)?;
        }
        if offset > end.offset && (!batches.is_empty() || data.high_watermark <= offset.0) {
            // A log may start in the middle of a batch.
            let first = batches.first().map_or(offset, |batch| batch.header.base_offset.min(offset));
            if first > end.offset {
                partition.skip_to(first)?;
            }
        }
        let bytes = batches.iter().map(|batch| batch.bytes.len()).sum();
        let _room = topics.make_room(batches.len(), bytes);
        partition.append_copied(batches)?;
        self.shared.copied_bytes.fetch_add(bytes as u64, SeqCst);
        let now = partition.copied_end()?;
        if self.shared.registration.drops_history
            && is_history(bytes, now.offset - offset, data.high_watermark.saturating_sub(now.offset.0))
        {
            partition.drop_copied_pages(bytes);
        }
        let start = Offset(data.log_start_offset).min(partition.bounds()?.high_watermark);
        if start > now.log_start {
            partition.roll_for_start(start)?;
            topics.delete_records(partition, start)?;
        }
        Ok(())
    }

    /// Finds out about the partitions whose end is not within the source's log; nothing is on its way on this connection.
    pub fn settle(
        &self,
        connection: &mut Connection,
        asked: &[(Wanted, Offset)],
        came: &HashMap<TopicPartition, PartitionData>,
        known: &mut Known,
    ) -> client::Result<()> {
        for (wanted, _) in asked {
            let name = &wanted.partition;
            let is_lost = came.get(name).is_some_and(|data| data.error_code == ErrorCode::OFFSET_OUT_OF_RANGE);
            let Some((_, end)) = self.local(wanted).filter(|_| is_lost) else { continue };
            match source::bounds(connection, wanted) {
                Ok((start, _)) if end.offset < start => drop(known.insert(name.clone(), start)),
                Ok((_, source_end)) if end.offset > source_end => self.shared.stop_partition(
                    name,
                    format!(
                        "the source went back in time: it ends at offset {source_end}, and the copy at {}",
                        end.offset
                    ),
                ),
                Ok(_) => {}
                Err(error) => self.put_off(wanted, error)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_what_more_than_64_mb_follow() {
        // Of batches with 100 bytes for each offset.
        assert!(!is_history(1_000, 10, 0) && !is_history(1_000, 10, HISTORY / 100));
        assert!(is_history(1_000, 10, HISTORY / 100 + 1) && is_history(1_000, 10, i64::MAX));
        assert!(
            !is_history(1_000, 1_000_000, HISTORY) && is_history(1_000, 1_000_000, 1_000 * HISTORY + 1),
            "compacted"
        );
        assert!(!is_history(0, 0, i64::MAX), "nothing came");
    }
}
