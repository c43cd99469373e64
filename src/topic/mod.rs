//! The topics of the broker: names and ids, their partitions and configs, and what survives a restart.
//!
//! Always true: a topic is created when its registry record is on the disk, and
//! deleted when that record is; folders follow, and a start makes them agree. Create and delete are done one at a
//! time, look-ups go on meanwhile.
//! Not done: topics do not lose partitions, as with Kafka.

mod arithmetic;
mod changes;
mod checkpoints;
mod data_dir;
pub mod disk;
pub mod graduate;
pub mod inspect;
mod kraft;
mod mirror_file;
mod mirrored;
pub mod name;
pub mod on_disk;
pub mod open;
mod read_only;
pub mod registry_file;
mod retention;
mod room;
mod space;
mod takeover;
pub mod wanted;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Arc;

use crate::base::lock::{Hold, HoldShared};
use crate::base::sync::{Mutex, MutexGuard, RwLock};
use crate::base::{Error, ErrorCode, Offset, Result, TopicPartition, Uuid};
use crate::config::{Config, Overrides, Scope, Source};
use crate::faults::seeded::{self, is_on};
use crate::log::checkpoint::Offsets;
use crate::log::recovery::Opening;
use crate::log::LogConfig;
use crate::os::fs;
use crate::partition::{FlushMode, OfflineAfterPanic, Partition, PartitionConfig};
use crate::record::check::{Depth, Rules, Timestamps};

pub(crate) use data_dir::{has_right_crc, partition_metadata};
use data_dir::{new_id, DataDir};
pub use mirrored::refuse_mirrored;
use registry_file::{Record, RegistryFile, TopicRecord};

/// Producer ids that are reserved at once.
const PRODUCER_ID_BLOCK: i64 = 1000;
/// Partitions of one topic at most: what a client may ask for in one request.
const PARTITION_COUNT_MAX: i32 = 100_000;

pub struct Topic {
    pub name: String,
    pub id: Uuid,
    pub config: Overrides,
    pub partitions: Vec<Arc<Partition>>,
}

pub struct TopicRegistry {
    /// Guards the configuration: replaced as a whole, by who holds `file`.
    config: RwLock<Arc<Config>>,
    data: DataDir,
    /// Nothing in the data directory is changed (`read.only`).
    is_read_only: bool,
    /// Raised by who holds `file`.
    leader_epoch: AtomicI32,
    /// Guards the mirror's file and what it says. A leaf, but for the registry's look-up tables.
    mirrored: Mutex<mirror_file::Contents>,
    /// Guards the registry's file; held while a topic is created or deleted. Taken before `topics`, by
    /// [`TopicRegistry::lock_file`].
    file: Mutex<RegistryFile>,
    /// Guards the producer ids that were reserved and not given out: the next one, and the end of the block.
    /// Taken before `file`.
    producer_ids: Mutex<(i64, i64)>,
    /// Guards the look-up tables; held for no longer than a look-up or an insert.
    topics: RwLock<Tables>,
    /// Guards what was renamed to be removed by [`TopicRegistry::remove_deleted`]: folders and files.
    deleted: Mutex<Vec<Deleted>>,
    space: space::Space,
    /// Guards the checkpoint files: one writer at a time. Taken before a partition's lock.
    checkpoints: Mutex<()>,
}

/// A folder or a file that goes after a while (`file.delete.delay.ms`).
struct Deleted {
    path: PathBuf,
    delay_ms: i64,
    /// What it takes on the disk; known from the first question on.
    bytes: Option<u64>,
    /// Known from the first look on.
    due_ms: Option<i64>,
}

#[derive(Default)]
struct Tables {
    by_name: HashMap<String, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
    /// Names of deleted topics that others still know something of: taken until the next start, which has them forget it.
    unforgotten: HashSet<String>,
}

impl TopicRegistry {
    /// The data directory.
    pub fn root(&self) -> &Path {
        self.data.root()
    }

    pub fn cluster_id(&self) -> &str {
        self.data.cluster_id()
    }

    /// The broker's configuration as it is now.
    pub fn config(&self) -> Arc<Config> {
        self.config.hold_read().clone()
    }

    pub fn find(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.hold_read().by_name.get(name).cloned()
    }

    /// The topic of this name, or why there is none: no such topic, or a name that none can have.
    pub fn find_named(&self, name: &str) -> Result<Arc<Topic>> {
        self.find(name).ok_or_else(|| match name::check(name) {
            Err(error) if !name::RESERVED.contains(&name) => error,
            _ => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into(),
        })
    }

    pub fn find_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.topics.hold_read().by_id.get(&id).cloned()
    }

    pub fn find_partition(&self, topic: &str, partition: i32) -> Result<Arc<Partition>> {
        let tables = self.topics.hold_read();
        let topic = tables.by_name.get(topic);
        let found = topic.and_then(|topic| topic.partitions.get(usize::try_from(partition).ok()?));
        found.cloned().ok_or_else(|| ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into())
    }

    /// The registry's lock. After a panic under it nothing is changed any more until a start reads what the file says;
    /// topics that are there go on.
    fn lock_file(&self) -> MutexGuard<'_, RegistryFile> {
        self.file.lock().unwrap_or_else(|poisoned| {
            let mut file = poisoned.into_inner();
            file.close_after_panic();
            file
        })
    }

    /// All topics, by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        let mut topics: Vec<_> = self.topics.hold_read().by_name.values().cloned().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        topics
    }

    /// A topic that a client may write to: the broker's own are not.
    pub fn find_writable(&self, topic: &str, partition: i32) -> Result<Arc<Partition>> {
        self.check_writable()?;
        if name::RESERVED.contains(&topic) && self.find(topic).is_some() {
            let why = format!("the topic {topic} belongs to the broker");
            return Err(Error::rejected(ErrorCode::INVALID_TOPIC_EXCEPTION, why));
        }
        match self.find_partition(topic, partition) {
            Ok(partition) if partition.is_mirrored() => Err(refuse_mirrored(topic)),
            found => found,
        }
    }

    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Whether a client may change anything. Its code is one that no client tries again after.
    pub fn check_writable(&self) -> Result<()> {
        match self.is_read_only {
            true => Err(Error::rejected(ErrorCode::POLICY_VIOLATION, registry_file::READ_ONLY)),
            false => Ok(()),
        }
    }

    /// The topic of this name, created with the defaults when it does not exist.
    pub fn find_or_create(&self, name: &str) -> Result<Arc<Topic>> {
        if let Some(topic) = self.find(name) {
            return Ok(topic);
        }
        let count = self.default_partition_count();
        match self.create(name, count, Overrides::new(Scope::Topic)) {
            Err(error) if error.code() == ErrorCode::TOPIC_ALREADY_EXISTS => {
                self.find(name).ok_or_else(|| ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into())
            }
            other => other,
        }
    }

    pub fn default_partition_count(&self) -> i32 {
        i32::try_from(self.config().int("num.partitions")).expect("checked when it was set")
    }

    /// Whether a topic could be created like this; changes nothing.
    pub fn check_new(&self, name: &str, partition_count: i32, config: &Overrides) -> Result<()> {
        name::check(name)?;
        if !(1..=PARTITION_COUNT_MAX).contains(&partition_count) {
            let why = format!("a topic has 1 to {PARTITION_COUNT_MAX} partitions, not {partition_count}");
            return Err(Error::rejected(ErrorCode::INVALID_PARTITIONS, why));
        }
        let fits = self.check_fits(name, partition_count as usize, config, ErrorCode::POLICY_VIOLATION);
        let tables = self.topics.hold_read();
        if tables.by_name.contains_key(name) {
            let why = format!("Topic '{name}' already exists.");
            return Err(Error::rejected(ErrorCode::TOPIC_ALREADY_EXISTS, why));
        }
        if tables.unforgotten.contains(name) {
            let why =
                format!("Topic '{name}' was deleted, and its committed offsets could not be: start the broker again.");
            return Err(Error::rejected(ErrorCode::KAFKA_STORAGE_ERROR, why));
        }
        if let Some(known) = tables.by_name.keys().find(|known| name::collide(known, name)) {
            let why = format!("Topic '{name}' collides with existing topic: {known}");
            return Err(Error::rejected(ErrorCode::INVALID_TOPIC_EXCEPTION, why));
        }
        drop(tables);
        fits.and_then(|()| self.check_topic_room(name, partition_count as usize))
    }

    /// Creates a topic; it is on the disk and can be used when this returns.
    pub fn create(&self, name: &str, partition_count: i32, config: Overrides) -> Result<Arc<Topic>> {
        let file = self.lock_file();
        self.check_new(name, partition_count, &config)?;
        self.create_checked(file, TopicRecord { name: name.to_string(), id: new_id(), partition_count, config }, false)
    }

    /// A topic of the broker's own, with one partition, created when it is needed first.
    pub fn find_or_create_internal(&self, name: &str, config: Overrides) -> Result<Arc<Topic>> {
        let file = self.lock_file();
        match self.find(name) {
            Some(topic) => Ok(topic),
            None => {
                let record = TopicRecord { name: name.to_string(), id: new_id(), partition_count: 1, config };
                self.create_checked(file, record, false)
            }
        }
    }

    fn create_checked(
        &self,
        mut file: MutexGuard<'_, RegistryFile>,
        record: TopicRecord,
        is_mirrored: bool,
    ) -> Result<Arc<Topic>> {
        file.check()?;
        self.forget_checkpoints(&record.name)?;
        let is_compacted = record.config.get("cleanup.policy").is_some_and(|policy| policy.contains("compact"));
        if is_compacted && !name::RESERVED.contains(&record.name.as_str()) {
            note!(
                Warn,
                "not_compacted",
                [topic = record.name],
                "cleanup.policy=compact keeps everything: compaction is not implemented"
            );
        }
        let topic = self.grow(&mut file, record, Vec::new(), is_mirrored)?;
        note!(Info, "topic_created", [topic = topic.name, id = topic.id, partitions = topic.partitions.len()], "");
        Ok(topic)
    }

    /// The partitions that the record has beyond those that are there: made, registered, published.
    fn grow(
        &self,
        file: &mut RegistryFile,
        record: TopicRecord,
        mut partitions: Vec<Arc<Partition>>,
        is_mirrored: bool,
    ) -> Result<Arc<Topic>> {
        // Folders of a record that may yet be found are not to be replaced.
        file.check()?;
        let new: Vec<_> = record.partition_names().skip(partitions.len()).collect();
        self.check_free(&new)?;
        if is_on("registry-before-folders") {
            file.append(&Record::Topic(record.clone()))?;
        }
        let made = self.make_folders(&record, &new).and_then(|()| self.open_new(&record, &new, is_mirrored));
        partitions.extend(made.inspect_err(|_| self.discard_folders(&record, &new))?);
        if let Err(error) = file.append(&Record::Topic(record.clone())) {
            // If the record may yet be found, its folders must be there; if not, they are strays.
            if !file.is_broken() {
                self.discard_folders(&record, &new);
            }
            return Err(error);
        }
        seeded::panic_at("panic-in-create", &record.name);
        let topic = Arc::new(Topic { name: record.name, id: record.id, config: record.config, partitions });
        self.topics.hold_write().insert(&topic);
        if arithmetic::cap(&self.config()).is_some() {
            self.configure_all();
        }
        Ok(topic)
    }

    /// Whatever has a new partition's name already is nobody's here, and stays as it is.
    fn check_free(&self, names: &[TopicPartition]) -> Result<()> {
        let mut folders = names.iter().map(|name| self.data.partition_folder(name));
        folders.find(|folder| fs::exists(folder)).map_or(Ok(()), |folder| {
            Err(Error::corrupt(
                folder,
                "it is in the way of a new partition; move it, or the next start sets it aside",
            ))
        })
    }

    /// The folders with their topic id, on the disk before the registry knows of them.
    fn make_folders(&self, record: &TopicRecord, names: &[TopicPartition]) -> Result<()> {
        let folders: Vec<_> = names.iter().map(|name| self.data.partition_folder(name)).collect();
        for folder in &folders {
            fs::make_folder(folder)?;
            partition_metadata::write(folder, record.id)?;
        }
        fs::sync_folders(self.data.root(), &folders)
    }

    /// A copy's first leader epoch is that of its first batch.
    fn open_new(
        &self,
        record: &TopicRecord,
        names: &[TopicPartition],
        is_mirrored: bool,
    ) -> Result<Vec<Arc<Partition>>> {
        let config = partition_config(&self.config(), &record.config, self.segment_bytes_max());
        let opening = Opening { epoch: self.leader_epoch.load(Ordering::SeqCst), ..Opening::default() };
        let open = |name: &TopicPartition| {
            let folder = self.data.partition_folder(name);
            let (partition, _) = Partition::open(name.clone(), folder, config, opening)?;
            match is_mirrored {
                true => partition.set_mirrored(true),
                false => partition.begin_epoch()?,
            }
            Ok(Arc::new(partition))
        };
        names.iter().map(open).collect()
    }

    /// Undoes [`TopicRegistry::make_folders`] after an error; what stays behind is a stray for the next start.
    fn discard_folders(&self, record: &TopicRecord, names: &[TopicPartition]) {
        for name in names {
            if fs::exists(&self.data.partition_folder(name)) {
                let _ = self.retire_folder(name, record.id, 0);
            }
        }
    }

    /// Deletes a topic; its name is free when this returns, its bytes go later.
    ///
    /// `forget` is called when the topic is gone and before its name is free: for what others know of it. If it fails, the
    /// name stays taken until the next start.
    pub fn delete(&self, topic: &Topic, forget: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut file = self.lock_file();
        // As it is now: it may have got more partitions since the caller looked.
        let topic = self.find_id(topic.id).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if name::RESERVED.contains(&topic.name.as_str()) {
            let why = format!("the topic {} belongs to the broker", topic.name);
            return Err(Error::rejected(ErrorCode::INVALID_REQUEST, why));
        }
        file.check()?;
        let _if_it_panics = OfflineAfterPanic(&topic.partitions);
        if let Err(error) = file.append(&Record::Delete(topic.id)) {
            // A start may find the record: nothing may be promised that would go with the topic.
            if file.is_broken() {
                topic.partitions.iter().for_each(|partition| partition.go_offline(&error));
            }
            return Err(error);
        }
        seeded::panic_at("panic-in-delete", &topic.name);
        topic.partitions.iter().for_each(|partition| partition.mark_deleted());
        // What cannot be renamed now is removed at the next start; its name stays taken until then. So it does when not
        // all was forgotten that others know of it.
        let delay_ms = topic.delete_delay_ms(&self.config());
        let retire = |partition: &Arc<Partition>| self.retire_folder(partition.name(), topic.id, delay_ms);
        let renamed = topic.partitions.iter().try_for_each(retire);
        let forgotten = forget();
        self.topics.hold_write().remove(&topic, forgotten.is_ok());
        note!(Info, "topic_deleted", [topic = topic.name, id = topic.id], "");
        renamed.and(forgotten)
    }

    fn retire_folder(&self, name: &TopicPartition, id: Uuid, delay_ms: i64) -> Result<()> {
        let from = self.data.partition_folder(name);
        if !fs::exists(&from) {
            return Ok(()); // an earlier try did it
        }
        let to = self.data.root().join(name::marked(name, id, "delete"));
        fs::rename(&from, &to)?;
        self.delete_later(vec![to], delay_ms);
        Ok(())
    }

    /// A producer id that nobody ever had. Blocks are reserved durably before their first id is given out; the rest of
    /// a block is skipped by the next start.
    pub fn next_producer_id(&self) -> Result<i64> {
        if self.is_read_only {
            // The one code after which librdkafka does not ask again for ever.
            return Err(Error::rejected(ErrorCode::CLUSTER_AUTHORIZATION_FAILED, registry_file::READ_ONLY));
        }
        let mut ids = self.producer_ids.hold();
        if ids.0 == ids.1 {
            let end = ids.1 + PRODUCER_ID_BLOCK;
            self.lock_file().append(&Record::ProducerIds(end))?;
            ids.1 = end;
        }
        ids.0 += 1;
        Ok(ids.0 - 1)
    }

    /// Forgets producers that have not written for `producer.id.expiration.ms`.
    pub fn expire_producers(&self, now_ms: i64) {
        let before_ms = now_ms - self.config().int("producer.id.expiration.ms");
        let topics = self.all();
        topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .for_each(|partition| partition.expire_producers(before_ms));
    }
}

impl Tables {
    fn insert(&mut self, topic: &Arc<Topic>) {
        self.by_name.insert(topic.name.clone(), topic.clone());
        self.by_id.insert(topic.id, topic.clone());
    }

    fn remove(&mut self, topic: &Topic, is_forgotten: bool) {
        self.by_name.remove(&topic.name);
        if !is_forgotten {
            self.unforgotten.insert(topic.name.clone());
        }
        self.by_id.remove(&topic.id);
    }
}

impl TopicRecord {
    fn partition_names(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        (0..self.partition_count).map(|partition| TopicPartition { topic: self.name.clone(), partition })
    }
}

fn partition_config(config: &Config, topic: &Overrides, segment_max: u64) -> PartitionConfig {
    let unsigned = |name| u64::try_from(config.topic_int(topic, name)).expect("checked when it was set");
    let is_log_append_time = config.topic_text(topic, "message.timestamp.type") == "LogAppendTime";
    PartitionConfig {
        log: LogConfig {
            segment_bytes: unsigned("segment.bytes").min(segment_max.max(unsigned("max.message.bytes"))),
            segment_ms: config.topic_int(topic, "segment.ms"),
            index_interval_bytes: unsigned("index.interval.bytes"),
        },
        rules: Rules {
            depth: if config.text("batch.check") == "records" { Depth::Records } else { Depth::Header },
            size_max: unsigned("max.message.bytes"),
            keys_required: config.topic_text(topic, "cleanup.policy").contains("compact"),
            timestamps: match is_log_append_time {
                true => Timestamps::Appended,
                false => Timestamps::Created {
                    before_max_ms: config.topic_int(topic, "message.timestamp.before.max.ms"),
                    after_max_ms: config.topic_int(topic, "message.timestamp.after.max.ms"),
                },
            },
        },
        is_log_append_time,
        flush_mode: match config.text("flush.mode") {
            "os" => FlushMode::Os,
            "always" => FlushMode::Always,
            _ => FlushMode::Acks,
        },
        drops_pages: config.text("log.page.cache") == "drop",
    }
}

#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
pub(crate) mod tests;
