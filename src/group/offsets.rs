//! The log that groups and their committed offsets survive in: the internal topic `__consumer_offsets`.
//!
//! It has one partition where this broker made it, and 50 where Kafka did: a group is at home in that of its name's hash.
//!
//! The broker's own state goes through the log that it offers to others, in Kafka's format ([`super::records`]).
//!
//! Always true: a later record of a key wins. The log stays small by a snapshot of what lives, appended like any
//! record, after which its log start moves there; a start between any two of these steps reads the same. A record that
//! cannot be read stops every group, since nobody knows what it said.
//! Not done: offsets that a transaction committed are not told from others.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::base::{Error, ErrorCode, Offset, Result};
use crate::config::{Overrides, Scope};
use crate::os::fs;
use crate::partition::{Incoming, Partition};
use crate::record::header::{self, BatchHeader, HEADER_SIZE};
use crate::record::records::Records;
use crate::record::{BatchBuilder, Codec};
use crate::topic::registry_file::READ_ONLY;
use crate::topic::TopicRegistry;

use super::records::{Committed, GroupRecord, Key, Record};
use super::slots::Published;

pub const TOPIC: &str = "__consumer_offsets";
/// Bytes of keys and values in one batch, which stays below `max.message.bytes`; one record may be larger.
const BATCH_BYTES_MAX: usize = 512 << 10;
/// Bytes that the log grows by before a snapshot is worth it; more, if what lives is larger.
const GROWTH_BYTES: u64 = 16 << 20;
const READ_BYTES: u64 = 1 << 20;

/// What the log holds, last record of a key first.
#[derive(Default)]
pub struct Contents {
    pub offsets: HashMap<Key, Published>,
    pub groups: HashMap<String, GroupRecord>,
}

#[derive(Default)]
pub struct OffsetsLog {
    parts: OnceLock<Vec<Part>>,
    /// The log is there and could not be read: no group is served, since nobody knows what it had committed.
    is_unreadable: bool,
    /// What groups do is in memory alone.
    is_read_only: bool,
}

/// A partition of the log.
struct Part {
    partition: Arc<Partition>,
    /// Bytes that were appended since the last snapshot, and the bytes of that snapshot.
    grown: AtomicU64,
    lives: AtomicU64,
}

impl Part {
    fn new(partition: &Arc<Partition>, grown: u64) -> Part {
        Part { partition: partition.clone(), grown: grown.into(), lives: 0.into() }
    }

    fn is_due(&self) -> bool {
        self.grown.load(Ordering::Relaxed) > self.lives.load(Ordering::Relaxed).max(GROWTH_BYTES)
    }
}

/// How far each partition of the log is to be flushed.
#[derive(Default)]
pub struct Reach(BTreeMap<usize, Offset>);

impl OffsetsLog {
    /// Reads the log, if there is one.
    pub fn open(topics: &TopicRegistry, monotonic_ms: i64) -> (OffsetsLog, Contents) {
        let mut log = OffsetsLog { is_read_only: topics.is_read_only(), ..OffsetsLog::default() };
        let mut contents = Contents::default();
        let Some(topic) = topics.find(TOPIC) else { return (log, contents) };
        let mut parts = Vec::new();
        for partition in &topic.partitions {
            match contents.read(partition, monotonic_ms) {
                Ok(bytes) => parts.push(Part::new(partition, bytes)),
                Err(error) => {
                    let what = "no group is served until the broker starts again";
                    note!(Error, "groups_offline", [partition = partition.name()], "{what}: {error}");
                    log.is_unreadable = true;
                    return (log, Contents::default());
                }
            }
        }
        let _ = log.parts.set(parts);
        (log, contents)
    }

    /// Whether what is known of groups is all there is.
    pub fn check(&self) -> Result<()> {
        let is_offline = self.parts().iter().any(|part| part.partition.is_offline());
        match self.is_unreadable || is_offline {
            true => Err(Error::rejected(ErrorCode::COORDINATOR_NOT_AVAILABLE, "the offsets topic is offline")),
            false => Ok(()),
        }
    }

    /// Makes the topic, when it is needed for the first time. Called without any lock.
    pub fn ensure(&self, topics: &TopicRegistry) -> Result<()> {
        self.check()?;
        if self.parts.get().is_some() || self.is_read_only {
            return Ok(());
        }
        let mut config = Overrides::new(Scope::Topic);
        for (name, value) in [("cleanup.policy", "compact"), ("segment.bytes", "104857600")] {
            config.set(name, value).expect("a key of the table");
        }
        let topic = topics.find_or_create_internal(TOPIC, config)?;
        let _ = self.parts.set(topic.partitions.iter().map(|partition| Part::new(partition, 0)).collect());
        Ok(())
    }

    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Whether a client may change what is remembered of a group.
    pub fn check_writable(&self) -> Result<()> {
        match self.is_read_only {
            true => Err(Error::rejected(ErrorCode::POLICY_VIOLATION, READ_ONLY)),
            false => self.check(),
        }
    }

    fn parts(&self) -> &[Part] {
        self.parts.get().map_or(&[], Vec::as_slice)
    }

    fn part(&self, number: usize) -> Result<&Part> {
        let why = "the offsets topic does not exist yet";
        self.parts().get(number).ok_or_else(|| Error::rejected(ErrorCode::COORDINATOR_NOT_AVAILABLE, why))
    }

    /// The partition in which a group is at home.
    pub fn home(&self, group: &str) -> usize {
        home(group, self.parts().len())
    }

    /// Appends a group's records one behind the other, with none of others between them, without a flush; the offset of the
    /// first.
    pub fn append(&self, group: &str, records: &[Record], wall_ms: i64) -> Result<Offset> {
        let part = self.part(self.home(group))?;
        let mut batches = Vec::new();
        let mut rest = records;
        while !rest.is_empty() {
            let (batch, behind) = rest.split_at(batch_length(rest));
            let mut builder = BatchBuilder::new();
            batch.iter().for_each(|(key, value)| builder.push(wall_ms, Some(key), value.as_deref()));
            batches.push(builder.build());
            rest = behind;
        }
        let incoming = batches.iter_mut().map(|bytes| Incoming { bytes, produce_version: i16::MAX }).collect();
        let mut first = None;
        for appended in part.partition.append_all(incoming, wall_ms) {
            first.get_or_insert(appended?.first);
        }
        part.grown.fetch_add(batches.iter().map(|bytes| bytes.len() as u64).sum(), Ordering::Relaxed);
        Ok(first.unwrap_or_default())
    }

    /// Waits until everything below `offset` is on the disk where the group is at home, if the broker promises that.
    pub fn flush_to(&self, group: &str, offset: Offset) -> Result<()> {
        self.flush(Reach::default().and(self.home(group), offset))
    }

    pub fn flush(&self, reach: Reach) -> Result<()> {
        let wanted = reach.0.into_iter().filter(|(_, offset)| *offset > Offset(0));
        let parts = wanted.filter_map(|(number, offset)| Some((self.parts().get(number)?, offset)));
        parts.into_iter().try_for_each(|(part, offset)| part.partition.flush_unless_os(offset))
    }

    pub fn end(&self, number: usize) -> Result<Offset> {
        Ok(self.part(number)?.partition.bounds()?.log_end)
    }

    /// The partitions that have grown enough to be made small again.
    pub fn due(&self) -> Vec<usize> {
        self.parts()
            .iter()
            .enumerate()
            .filter(|(_, part)| part.is_due())
            .map(|(number, _)| number)
            .collect()
    }

    /// Bytes that were appended to a partition since this was asked last.
    pub fn take_growth(&self, number: usize) -> Result<u64> {
        Ok(self.part(number)?.grown.swap(0, Ordering::Relaxed))
    }

    /// Whatever lies below is not needed any more: a snapshot of so many bytes lies above.
    pub fn start_at(&self, topics: &TopicRegistry, number: usize, offset: Offset, snapshot_bytes: u64) -> Result<()> {
        let part = self.part(number)?;
        part.lives.store(snapshot_bytes, Ordering::Relaxed);
        topics.delete_records(&part.partition, offset).map(drop)
    }
}

impl Reach {
    /// Also up to there, in the partition of that number.
    pub fn and(mut self, number: usize, offset: Offset) -> Reach {
        let known = self.0.entry(number).or_default();
        *known = offset.max(*known);
        self
    }
}

/// As Kafka finds it: `abs(groupId.hashCode()) % count` in Java's terms, where the least number has no absolute value and
/// counts as 0 (`Utils.abs`).
fn home(group: &str, count: usize) -> usize {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) as usize % count.max(1)
}

/// How many of the records go into the next batch: at least one.
fn batch_length(records: &[Record]) -> usize {
    let size = |(key, value): &Record| key.len() + value.as_ref().map_or(0, Vec::len);
    let sums = records.iter().scan(0, |sum, record| {
        *sum += size(record);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= BATCH_BYTES_MAX).count().max(1)
}

impl Contents {
    /// Takes in a partition of the log; its bytes.
    fn read(&mut self, partition: &Partition, monotonic_ms: i64) -> Result<u64> {
        let mut read_bytes = 0;
        let bounds = partition.bounds()?;
        let mut next = bounds.log_start;
        while next < bounds.high_watermark {
            let Some(range) = partition.fetch(next, READ_BYTES, true)?.range else { break };
            let mut bytes = vec![0; range.length as usize];
            let failed = |source| Error::Storage { path: TOPIC.into(), source };
            fs::read_exact_at(&range.file, &mut bytes, range.position.0).map_err(failed)?;
            read_bytes += range.length;
            let read_to = self.read_batches(&bytes, monotonic_ms)?;
            if read_to <= next {
                return Err(Error::corrupt(TOPIC, format!("no batch at offset {next}")));
            }
            next = read_to;
        }
        Ok(read_bytes)
    }

    /// Takes in whole batches; the offset behind the last.
    fn read_batches(&mut self, mut bytes: &[u8], monotonic_ms: i64) -> Result<Offset> {
        let mut next = Offset(0);
        while let Some(header) = BatchHeader::parse(bytes) {
            let Some((batch, rest)) = header.size().and_then(|size| bytes.split_at_checked(size as usize)) else {
                break;
            };
            if !header::crc_matches(batch, &header) {
                return Err(unreadable(header.base_offset, "a batch whose CRC does not match"));
            }
            if header.codec() != Some(Codec::None) {
                return Err(unreadable(header.base_offset, "a compressed batch"));
            }
            for record in Records::new(&batch[HEADER_SIZE..]).take_while(|_| !header.is_control()) {
                let record = record.map_err(|_| unreadable(header.base_offset, "a torn record"))?;
                let offset = header.base_offset + i64::from(record.offset_delta);
                self.take(record.key.unwrap_or_default(), record.value, offset, monotonic_ms)
                    .ok_or_else(|| unreadable(offset, "a record of another version"))?;
            }
            next = header.last_offset() + 1;
            bytes = rest;
        }
        Ok(next)
    }

    /// Takes in one record; `None` if it cannot be read. Types that are not known are passed over.
    fn take(&mut self, key: &[u8], value: Option<&[u8]>, log_offset: Offset, monotonic_ms: i64) -> Option<()> {
        if !Key::is_known(key) {
            return Some(());
        }
        match (Key::decode(key)?, value) {
            (key @ Key::Offset { .. }, Some(value)) => {
                let committed = Committed::decode(value)?;
                self.offsets.insert(key, Published { committed, log_offset });
            }
            (key @ Key::Offset { .. }, None) => drop(self.offsets.remove(&key)),
            (Key::Group { group }, Some(value)) => {
                self.groups.insert(group, GroupRecord::decode(value, monotonic_ms)?);
            }
            (Key::Group { group }, None) => drop(self.groups.remove(&group)),
        }
        Some(())
    }
}

fn unreadable(offset: Offset, what: &str) -> Error {
    Error::corrupt(TOPIC, format!("{what} at offset {offset}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where Kafka 4.1 put them.
    #[test]
    fn a_group_is_at_home_where_kafka_looks_for_it() {
        for (group, number) in [("g-classic", 18), ("g-consumer", 32), ("g-manual", 34)] {
            assert_eq!(home(group, 50), number, "{group}");
            assert_eq!(home(group, 1), 0);
        }
        assert_eq!(home("polygenelubricants", 50), 0, "its hash is the least number");
    }
}
