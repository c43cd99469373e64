//! The log that groups and their committed offsets survive in: the internal topic `__consumer_offsets`, one partition.
//!
//! The broker's own state goes through the log that it offers to others, in Kafka's format ([`super::records`]).
//!
//! Always true: a later record of a key wins. The log stays small by a snapshot of what lives, appended like any
//! record, after which its log start moves there; a start between any two of these steps reads the same.
//! Not done: one partition, as there is one broker; Kafka's 50 are read when a directory has them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::base::config::{Overrides, Scope};
use crate::base::{Error, ErrorCode, Offset, Result};
use crate::os::fs;
use crate::partition::Partition;
use crate::record::header::{BatchHeader, HEADER_SIZE};
use crate::record::records::Records;
use crate::record::{BatchBuilder, Codec};
use crate::topic::TopicRegistry;

use super::records::{Committed, GroupRecord, Key};

pub const TOPIC: &str = "__consumer_offsets";
/// Records in one batch.
const BATCH_RECORDS_MAX: usize = 500;
/// Bytes of the log from which on a snapshot is worth it.
const LARGE_BYTES: u64 = 16 << 20;
const READ_BYTES: u64 = 1 << 20;

/// A committed offset that every fetch may see, and where its record lies in this log.
#[derive(Clone, Debug)]
pub struct Published {
    pub committed: Committed,
    pub log_offset: Offset,
}

/// What the log holds, last record of a key first.
#[derive(Default)]
pub struct Contents {
    pub offsets: HashMap<Key, Published>,
    pub groups: HashMap<String, GroupRecord>,
}

#[derive(Default)]
pub struct OffsetsLog {
    partition: OnceLock<Arc<Partition>>,
    /// The log is there and could not be read: no group is served, since nobody knows what it had committed.
    is_unreadable: bool,
}

impl OffsetsLog {
    /// Reads the log, if there is one.
    pub fn open(topics: &TopicRegistry, monotonic_ms: i64) -> (OffsetsLog, Contents) {
        let mut log = OffsetsLog::default();
        let mut contents = Contents::default();
        if let Some(topic) = topics.find(TOPIC) {
            let read = topic.partitions.iter().try_for_each(|partition| contents.read(partition, monotonic_ms));
            if let Err(error) = read {
                note!("{TOPIC}: {error}: no group is served until the broker starts again");
                log.is_unreadable = true;
                return (log, Contents::default());
            }
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

    /// Appends records, without a flush; the offset of the first.
    pub fn append(&self, records: &[(Vec<u8>, Option<Vec<u8>>)], wall_ms: i64) -> Result<Offset> {
        let partition = self.partition()?;
        let mut first = None;
        for chunk in records.chunks(BATCH_RECORDS_MAX) {
            let mut builder = BatchBuilder::new();
            chunk.iter().for_each(|(key, value)| builder.push(wall_ms, Some(key), value.as_deref()));
            let appended = partition.append(&mut builder.build(), i16::MAX, wall_ms)?;
            first.get_or_insert(appended.first);
        }
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

    pub fn is_large(&self) -> bool {
        self.partition.get().is_some_and(|partition| partition.size_bytes() > LARGE_BYTES)
    }

    /// Whatever lies below is not needed any more.
    pub fn start_at(&self, topics: &TopicRegistry, offset: Offset) -> Result<()> {
        topics.delete_records(self.partition()?, offset).map(drop)
    }
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
            let read_to = self.read_batches(&bytes, monotonic_ms);
            if read_to <= next {
                return Err(Error::corrupt(TOPIC, format!("no batch at offset {next}")));
            }
            next = read_to;
        }
        Ok(())
    }

    /// Takes in whole batches; the offset behind the last.
    fn read_batches(&mut self, mut bytes: &[u8], monotonic_ms: i64) -> Offset {
        let mut next = Offset(0);
        while let Some(header) = BatchHeader::parse(bytes) {
            let Some((batch, rest)) = header.size().and_then(|size| bytes.split_at_checked(size as usize)) else {
                break;
            };
            if header.codec() == Some(Codec::None) && !header.is_control() {
                for record in Records::new(&batch[HEADER_SIZE..]).flatten() {
                    let offset = header.base_offset + i64::from(record.offset_delta);
                    self.take(record.key.unwrap_or_default(), record.value, offset, monotonic_ms);
                }
            }
            next = header.last_offset() + 1;
            bytes = rest;
        }
        next
    }

    fn take(&mut self, key: &[u8], value: Option<&[u8]>, log_offset: Offset, monotonic_ms: i64) {
        match (Key::decode(key), value) {
            (Some(key @ Key::Offset { .. }), Some(value)) => {
                if let Some(committed) = Committed::decode(value) {
                    self.offsets.insert(key, Published { committed, log_offset });
                }
            }
            (Some(key @ Key::Offset { .. }), None) => drop(self.offsets.remove(&key)),
            (Some(Key::Group { group }), Some(value)) => {
                if let Some(record) = GroupRecord::decode(value, monotonic_ms) {
                    self.groups.insert(group, record);
                }
            }
            (Some(Key::Group { group }), None) => drop(self.groups.remove(&group)),
            (None, _) => {}
        }
    }
}
