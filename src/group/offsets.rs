//! The log that groups and their committed offsets survive in: the internal topic `__consumer_offsets`, one partition.
//!
//! The broker's own state goes through the log that it offers to others, in Kafka's format ([`super::records`]).
//!
//! Always true: a later record of a key wins. The log stays small by a snapshot of what lives, appended like any
//! record, after which its log start moves there; a start between any two of these steps reads the same. A record that
//! cannot be read stops every group, since nobody knows what it said.
//! Not done: one partition, as there is one broker. Offsets that a transaction committed are not told from others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::base::config::{Overrides, Scope};
use crate::base::{Error, ErrorCode, Offset, Result};
use crate::os::fs;
use crate::partition::{Incoming, Partition};
use crate::record::header::{self, BatchHeader, HEADER_SIZE};
use crate::record::records::Records;
use crate::record::{BatchBuilder, Codec};
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
    bytes: u64,
}

#[derive(Default)]
pub struct OffsetsLog {
    partition: OnceLock<Arc<Partition>>,
    /// Bytes that were appended since the last snapshot, and the bytes of that snapshot.
    grown: AtomicU64,
    lives: AtomicU64,
    /// The log is there and could not be read: no group is served, since nobody knows what it had committed.
    is_unreadable: bool,
}

impl OffsetsLog {
    /// Reads the log, if there is one.
    pub fn open(topics: &TopicRegistry, monotonic_ms: i64) -> (OffsetsLog, Contents) {
        let mut log = OffsetsLog::default();
        let mut contents = Contents::default();
        if let Some(topic) = topics.find(TOPIC) {
            if let Err(error) = contents.read(&topic.partitions[0], monotonic_ms) {
                note!(
                    Error,
                    "groups_offline",
                    [topic = TOPIC],
                    "no group is served until the broker starts again: {error}"
                );
                log.is_unreadable = true;
                return (log, Contents::default());
            }
            log.grown = contents.bytes.into();
            let _ = log.partition.set(topic.partitions[0].clone());
        }
        (log, contents)
    }

    /// Whether what is known of groups is all there is.
    pub fn check(&self) -> Result<()> {
        let is_offline = self.partition.get().is_some_and(|partition| partition.is_offline());
        match self.is_unreadable || is_offline {
            true => Err(Error::rejected(ErrorCode::COORDINATOR_NOT_AVAILABLE, "the offsets topic is offline")),
            false => Ok(()),
        }
    }

    /// Makes the topic, when it is needed for the first time. Called without any lock.
    pub fn ensure(&self, topics: &TopicRegistry) -> Result<()> {
        self.check()?;
        if self.partition.get().is_some() {
            return Ok(());
        }
        let mut config = Overrides::new(Scope::Topic);
        for (name, value) in [("cleanup.policy", "compact"), ("segment.bytes", "104857600")] {
            config.set(name, value).expect("a key of the table");
        }
        let topic = topics.find_or_create_internal(TOPIC, config)?;
        let _ = self.partition.set(topic.partitions[0].clone());
        Ok(())
    }

    fn partition(&self) -> Result<&Arc<Partition>> {
        let why = "the offsets topic does not exist yet";
        self.partition.get().ok_or_else(|| Error::rejected(ErrorCode::COORDINATOR_NOT_AVAILABLE, why))
    }

    /// Appends records one behind the other, with none of others between them, without a flush; the offset of the first.
    pub fn append(&self, records: &[Record], wall_ms: i64) -> Result<Offset> {
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
        for appended in self.partition()?.append_all(incoming, wall_ms) {
            first.get_or_insert(appended?.first);
        }
        self.grown.fetch_add(batches.iter().map(|bytes| bytes.len() as u64).sum(), Ordering::Relaxed);
        Ok(first.unwrap_or_default())
    }

    /// Waits until everything below `offset` is on the disk, where the broker promises that.
    pub fn flush_to(&self, offset: Offset) -> Result<()> {
        match self.partition.get() {
            Some(partition) if offset > Offset(0) => partition.flush_unless_os(offset),
            _ => Ok(()),
        }
    }

    pub fn end(&self) -> Result<Offset> {
        Ok(self.partition()?.bounds()?.log_end)
    }

    /// Whether the log has grown enough to be made small again.
    pub fn is_due(&self) -> bool {
        self.grown.load(Ordering::Relaxed) > self.lives.load(Ordering::Relaxed).max(GROWTH_BYTES)
    }

    /// Bytes that were appended since this was asked last.
    pub fn take_growth(&self) -> u64 {
        self.grown.swap(0, Ordering::Relaxed)
    }

    /// Whatever lies below is not needed any more: a snapshot of so many bytes lies above.
    pub fn start_at(&self, topics: &TopicRegistry, offset: Offset, snapshot_bytes: u64) -> Result<()> {
        self.lives.store(snapshot_bytes, Ordering::Relaxed);
        topics.delete_records(self.partition()?, offset).map(drop)
    }
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
    fn read(&mut self, partition: &Partition, monotonic_ms: i64) -> Result<()> {
        let bounds = partition.bounds()?;
        let mut next = bounds.log_start;
        while next < bounds.high_watermark {
            let Some(range) = partition.fetch(next, READ_BYTES, true)?.range else { break };
            let mut bytes = vec![0; range.length as usize];
            let failed = |source| Error::Storage { path: TOPIC.into(), source };
            fs::read_exact_at(&range.file, &mut bytes, range.position.0).map_err(failed)?;
            self.bytes += range.length;
            let read_to = self.read_batches(&bytes, monotonic_ms)?;
            if read_to <= next {
                return Err(Error::corrupt(TOPIC, format!("no batch at offset {next}")));
            }
            next = read_to;
        }
        Ok(())
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
