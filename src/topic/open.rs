//! A start: the data directory is brought in line with the registry, then its partitions are opened.
//!
//! Order: a look whether Kafka has run here, and its metadata is the truth ([`super::takeover`]); the lock; the registry, read
//! to its end, or that metadata; the clean-shutdown marker, removed; folders of deleted topics unlinked, folders nobody knows renamed to strays;
//! the registry rewritten, after an unclean stop with the next leader epoch; the partitions.
//!
//! Partitions are opened several at a time, if the caller has threads for that: most of a start is waiting for names.
//!
//! Always true: a folder is adopted only under the topic id that it carries, a registered partition without a
//! folder stays offline, and no folder is renamed when the registry could not be read.
//! Not done: no folder that nobody knows is deleted.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use super::name::{self, Folder};
use super::registry_file::Contents;
use super::takeover::Unservable;
use super::*;
use crate::partition::say_offline;

/// A part of the work of a start or a stop.
pub type Job<'a> = Box<dyn FnOnce() + Send + 'a>;
/// Runs jobs, in whatever order, and returns when all have ended.
pub type RunAll<'r> = &'r dyn for<'a> Fn(Vec<Job<'a>>);

/// Partitions that one job opens.
const PARTITIONS_PER_JOB: usize = 16;

/// What the partitions of one start share.
pub(super) struct Start<'a> {
    pub config: &'a Config,
    pub segment_max: u64,
    pub data: &'a DataDir,
    /// The topic id that each folder carries.
    pub ids: HashMap<TopicPartition, Uuid>,
    pub is_clean: bool,
    /// Kafka wrote it last.
    pub is_kafkas: bool,
    pub is_read_only: bool,
    /// What stays offline, and why.
    pub unservable: HashMap<TopicPartition, Unservable>,
    pub leader_epoch: i32,
    pub recovery_points: Offsets,
    pub log_starts: Offsets,
}

/// A partition to open.
struct Wanted<'a> {
    name: TopicPartition,
    topic: &'a TopicRecord,
    config: PartitionConfig,
}

/// A partition, and the bytes that its recovery read.
type Opened = (Arc<Partition>, u64);

impl TopicRegistry {
    /// Opens the data directory that the configuration names, and every partition in it, one after another.
    pub fn open(config: Config) -> Result<TopicRegistry> {
        TopicRegistry::open_with(config, &|jobs| jobs.into_iter().for_each(|job| job()))
    }

    /// The same, with someone to run the jobs of a start.
    pub fn open_with(mut config: Config, run_all: RunAll) -> Result<TopicRegistry> {
        let root = PathBuf::from(config.text("log.dirs"));
        let node = i32::try_from(config.int("node.id")).expect("checked when it was set");
        let surveyed = takeover::survey(&root, node)?;
        let data = DataDir::open(&root, config.int("node.id"), config.text("cluster.id"))?;
        let folders = partition_folders(&root)?;
        let (contents, is_kafkas) = takeover::settle(&root, node, &surveyed)?;
        if contents.is_none() && !folders.is_empty() {
            return Err(Error::unusable(
                format!("{} holds partitions, but no {}", root.display(), registry_file::FILE_NAME),
                "restore that file, or choose another directory with --data; nothing was changed",
            ));
        }
        let mirrored = mirror_file::read(&root)?;
        let is_first = contents.is_none();
        let mut contents = contents.unwrap_or_default();
        let segment_max = settle_config(&mut config, &contents)?;
        let is_clean = data.take_clean_marker()?;
        if !is_clean && !is_first && !is_kafkas && !is_on("epoch-not-raised") {
            contents.leader_epoch += 1;
        }
        let mut ids = settle_folders(&root, &folders, &contents)?;
        let file = match is_kafkas {
            true => takeover::make_missing(&data, &contents, &mut ids).map(|()| None)?,
            false => Some(RegistryFile::rewrite(&root, &contents)?),
        };
        let start = Start { segment_max, is_clean, ..Start::new(&config, &data, &contents, ids, is_kafkas)? };
        let tables = start.open_all(&contents, run_all);
        let file = match file {
            Some(file) => file,
            None => takeover::finish(&data, &tables.by_name.values().cloned().collect::<Vec<_>>(), &contents)?,
        };
        let registry = TopicRegistry::started(config, data, file, mirrored, &contents, tables);
        registry.take_mirrored();
        registry.take_cap();
        Ok(registry)
    }

    /// What a start has found, put together.
    pub(super) fn started(
        config: Config,
        data: DataDir,
        file: RegistryFile,
        mirrored: mirror_file::Contents,
        contents: &Contents,
        topics: Tables,
    ) -> TopicRegistry {
        TopicRegistry {
            config: RwLock::new(Arc::new(config)),
            data,
            is_read_only: false,
            leader_epoch: AtomicI32::new(contents.leader_epoch),
            mirrored: Mutex::new(mirrored),
            file: Mutex::new(file),
            producer_ids: Mutex::new((contents.next_producer_id, contents.next_producer_id)),
            topics: RwLock::new(topics),
            deleted: Mutex::default(),
            space: Default::default(),
            checkpoints: Mutex::default(),
        }
    }
}

/// Takes the configs that the registry holds into `config`, and checks it as a whole; the most bytes of a segment that it
/// leaves.
fn settle_config(config: &mut Config, contents: &Contents) -> Result<u64> {
    contents.configs.iter().for_each(|(source, overrides)| config.replace(*source, overrides));
    config.check_together().map_err(|cause| Error::unusable(cause, "set one of them otherwise"))?;
    let topics = || {
        contents
            .topics
            .iter()
            .map(|topic| (topic.name.as_str(), topic.partition_count as usize, &topic.config))
    };
    arithmetic::check(config, topics()).map_err(|(cause, mend)| Error::unusable(cause, mend))?;
    Ok(arithmetic::segment_bytes_max(config, topics().map(|(_, partition_count, _)| partition_count).sum()))
}

impl<'a> Start<'a> {
    /// After a stop that was not clean, in a directory that is to be served and that all of can.
    pub fn new(
        config: &'a Config,
        data: &'a DataDir,
        contents: &Contents,
        ids: HashMap<TopicPartition, Uuid>,
        is_kafkas: bool,
    ) -> Result<Start<'a>> {
        Ok(Start {
            config,
            segment_max: u64::MAX,
            data,
            ids,
            is_clean: false,
            is_kafkas,
            is_read_only: false,
            unservable: HashMap::new(),
            leader_epoch: contents.leader_epoch,
            recovery_points: data.recovery_points()?,
            log_starts: if is_kafkas { data.kafkas_log_starts()? } else { data.log_starts()? },
        })
    }
}

impl Start<'_> {
    pub fn open_all(&self, contents: &Contents, run_all: RunAll) -> Tables {
        let wanted: Vec<Wanted> = contents.topics.iter().flat_map(|topic| self.wanted(topic)).collect();
        let opened: Vec<OnceLock<Opened>> = wanted.iter().map(|_| OnceLock::new()).collect();
        let parts = wanted.chunks(PARTITIONS_PER_JOB).zip(opened.chunks(PARTITIONS_PER_JOB));
        let job = |(wanted, opened): (&'_ [Wanted], &'_ [OnceLock<Opened>])| {
            for (wanted, slot) in wanted.iter().zip(opened) {
                slot.get_or_init(|| self.open_one(wanted));
            }
        };
        run_all(parts.map(|part| Box::new(move || job(part)) as Job).collect());
        self.say_what_was_recovered(&opened);
        let mut opened = opened.into_iter().map(|slot| slot.into_inner().expect("every job has run").0);
        let mut tables = Tables::default();
        for record in &contents.topics {
            let partitions = opened.by_ref().take(record.partition_count as usize).collect();
            let (name, id, config) = (record.name.clone(), record.id, record.config.clone());
            tables.insert(&Arc::new(Topic { name, id, config, partitions }));
        }
        tables
    }

    fn wanted<'t>(&self, topic: &'t TopicRecord) -> impl Iterator<Item = Wanted<'t>> {
        let config = partition_config(self.config, &topic.config, self.segment_max);
        topic.partition_names().map(move |name| Wanted { name, topic, config })
    }

    fn say_what_was_recovered(&self, opened: &[OnceLock<Opened>]) {
        if self.is_clean || opened.is_empty() {
            return;
        }
        let opened = || opened.iter().filter_map(OnceLock::get);
        let (count, epoch) = (opened().count(), self.leader_epoch);
        let bytes: u64 = opened().map(|(_, bytes_read)| bytes_read).sum();
        let offline = opened().filter(|(partition, _)| partition.is_offline()).count();
        note!(
            Warn,
            "recovered",
            [partitions = count, bytes_checked = bytes, offline = offline, leader_epoch = epoch],
            "the last stop was not clean: recovered {count} partitions, {offline} offline"
        );
    }

    fn open_one(&self, wanted: &Wanted) -> Opened {
        let (partition, bytes_read) = self.try_open(wanted).unwrap_or_else(|error| {
            say_offline(&wanted.name, &error);
            (Partition::offline(wanted.name.clone(), wanted.config, self.leader_epoch), 0)
        });
        (Arc::new(partition), bytes_read)
    }

    fn try_open(&self, Wanted { name, topic, config }: &Wanted) -> Result<(Partition, u64)> {
        let folder = self.data.partition_folder(name);
        if self.ids.get(name) != Some(&topic.id) {
            return Err(Error::corrupt(folder, format!("no folder with topic id {}", topic.id)));
        }
        if let Some(why) = self.unservable.get(name) {
            return Err(Error::corrupt(folder, why.to_string()));
        }
        let offset = |offsets: &Offsets| offsets.get(name).copied().unwrap_or(Offset(0));
        let opening = Opening {
            is_clean: self.is_clean,
            recovery_point: offset(&self.recovery_points),
            log_start: offset(&self.log_starts),
            epoch: self.leader_epoch,
            has_gaps: self.is_kafkas,
            is_read_only: self.is_read_only,
        };
        let (partition, recovered) = Partition::open(name.clone(), folder, *config, opening)?;
        if recovered.bytes_cut > 0 || recovered.indexes_rebuilt > 0 {
            note!(Warn, "partition_recovered", [partition = name], "{recovered}");
        }
        if config.flush_mode == FlushMode::Always && !self.is_read_only {
            partition.flush_all()?; // consumers see durable records only
        }
        Ok((partition, recovered.bytes_read))
    }
}

pub(super) fn partition_folders(root: &Path) -> Result<Vec<(String, Folder)>> {
    let entries = fs::list(root)?.into_iter().filter(|entry| entry.is_folder);
    let folders = entries.map(|entry| {
        let folder = name::parse_folder(&entry.name);
        if folder == Folder::Unknown {
            note!(
                Info,
                "folder_ignored",
                [path = root.join(&entry.name).display()],
                "not a partition's folder, left alone"
            );
        }
        (entry.name, folder)
    });
    Ok(folders.filter(|(_, folder)| *folder != Folder::Unknown).collect())
}

/// Removes what belongs to deleted topics, and takes the folders that the registry does not know out of the way; what
/// topic ids the others carry.
fn settle_folders(
    root: &Path,
    folders: &[(String, Folder)],
    contents: &Contents,
) -> Result<HashMap<TopicPartition, Uuid>> {
    let live: HashMap<(&str, Uuid), i32> = contents
        .topics
        .iter()
        .map(|topic| ((topic.name.as_str(), topic.id), topic.partition_count))
        .collect();
    let mut renamed = false;
    let mut ids = HashMap::new();
    for (folder_name, folder) in folders {
        let path = root.join(folder_name);
        let Folder::Partition(name) = folder else {
            if *folder == Folder::Deleted {
                fs::remove_folder(&path)?;
            }
            continue;
        };
        let id = partition_metadata::read(&path)?;
        let is_live = |id| live.get(&(name.topic.as_str(), id)).is_some_and(|count| name.partition < *count);
        match id {
            Some(id) if is_live(id) => {
                ids.insert(name.clone(), id);
            }
            Some(id) if contents.deleted.contains(&id) => {
                fs::remove_folder(&path)?;
                renamed = true;
            }
            // A registered partition's folder that lost its metadata is for a human: the partition stays offline.
            None if contents.topics.iter().any(|topic| topic.partition_names().any(|known| known == *name)) => {}
            _ if is_on("stray-left") => {}
            _ if name.topic == "__cluster_metadata" || name.topic == "__transaction_state" => {}
            _ => {
                // A folder without an id may lie there already.
                let ids = [id.unwrap_or_default(), new_id()];
                let [to, other] = ids.map(|id| root.join(name::marked(name, id, "stray")));
                let to = if fs::exists(&to) { other } else { to };
                note!(
                    Warn,
                    "stray_folder",
                    [path = path.display(), to = to.display()],
                    "it belongs to no registered topic, renamed"
                );
                fs::rename(&path, &to)?;
                renamed = true;
            }
        }
    }
    if renamed {
        fs::sync_dir(root)?;
    }
    Ok(ids)
}
