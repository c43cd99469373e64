//! What each partition keeps, what goes next, and why: from the files alone, beside a running broker or where none runs.
//!
//! Always true: what is said comes from the same functions that retention and the cap go by ([`retention::judge`],
//! [`closed_that_go`]). Nothing is written, made, cut or locked.
//! Not done: no clock; and what a broker has in memory alone is not seen: its command line, entries of an index.

use std::path::Path;

use super::data_dir::log_starts;
use super::on_disk::LogOnDisk;
use super::registry_file::Contents;
use super::retention::retention_of;
use super::space::folder_bytes;
use super::*;
use crate::log::retention::{self, Retention, Verdict};
use crate::log::space::{closed_that_go, largest_active, Held, Holding};
use crate::log::SegmentView;

/// How often a folder is read again whose files went away meanwhile.
const ATTEMPTS: usize = 3;

/// What a data directory holds.
pub struct DiskReport {
    /// Bytes that all of it takes.
    pub used_bytes: u64,
    pub cap: Option<CapReport>,
    /// By topic and number.
    pub partitions: Vec<PartitionReport>,
}

/// `log.dirs.max.bytes`
pub struct CapReport {
    pub bytes: u64,
    /// What may be appended until segments go for it.
    pub bytes_left: u64,
}

pub struct PartitionReport {
    pub name: TopicPartition,
    /// Bytes of all segments, as DescribeLogDirs tells them.
    pub bytes: u64,
    pub segments: usize,
    /// The oldest batch's timestamp, ms since 1970.
    pub oldest_ms: Option<i64>,
    pub log_start: Offset,
    pub outlook: Outlook,
}

/// What becomes of a partition's oldest segment.
pub enum Outlook {
    /// The partition's files cannot be read.
    Unknown(Error),
    /// One of the broker's own topics: no retention touches it.
    Internal,
    /// Everything is kept: no `delete` in this `cleanup.policy`.
    KeptForEver(String),
    Empty,
    Oldest(Oldest),
}

/// The oldest segment of a partition that deletes.
pub struct Oldest {
    pub base_offset: Offset,
    pub bytes: u64,
    pub verdict: Verdict,
    /// When it is closed, if it is the active one.
    pub rolls: Option<Rolls>,
    /// It is the first to go when the cap asks for space.
    pub is_first_under_cap: bool,
}

/// When an active segment is closed: what would be larger than this, or what comes after that time.
pub struct Rolls {
    pub bytes_max: u64,
    /// The cap asks for smaller segments than `segment.bytes`.
    pub is_less_for_cap: bool,
    pub after_ms: i64,
}

/// A partition, its log if that can be read, and whether a cap may take from it.
struct Seen {
    report: PartitionReport,
    holding: Holding,
}

/// Looks at the data directory that `config` names.
pub fn look(mut config: Config, now_ms: i64) -> Result<DiskReport> {
    let root = PathBuf::from(config.text("log.dirs"));
    let Some(contents) = RegistryFile::look(&root)? else {
        return Err(Error::unusable(
            format!("{} holds no {}", root.display(), registry_file::FILE_NAME),
            "give the data directory of a broker with --data",
        ));
    };
    contents.configs.iter().for_each(|(source, overrides)| config.replace(*source, overrides));
    let mut seen = look_at_all(&root, &config, &contents, now_ms)?;
    let used_bytes = folder_bytes(&root);
    let bytes_left = |cap| space::limit(cap).saturating_sub(used_bytes);
    let cap = arithmetic::cap(&config).map(|cap| CapReport { bytes: cap, bytes_left: bytes_left(cap) });
    if cap.is_some() {
        mark_first(&mut seen);
    }
    let mut partitions: Vec<PartitionReport> = seen.into_iter().map(|seen| seen.report).collect();
    partitions.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(DiskReport { used_bytes, cap, partitions })
}

/// What every partition is looked at with.
struct Looking<'a> {
    root: &'a Path,
    config: &'a Config,
    starts: Offsets,
    segment_max: u64,
    now_ms: i64,
}

fn look_at_all(root: &Path, config: &Config, contents: &Contents, now_ms: i64) -> Result<Vec<Seen>> {
    let count = contents.topics.iter().map(|topic| topic.partition_count as usize).sum();
    let segment_max = arithmetic::segment_bytes_max(config, count);
    let looking = Looking { root, config, starts: log_starts(root)?, segment_max, now_ms };
    let partitions = contents.topics.iter().flat_map(|topic| topic.partition_names().map(move |name| (topic, name)));
    Ok(partitions.map(|(topic, name)| looking.at(topic, name)).collect())
}

impl Looking<'_> {
    fn at(&self, topic: &TopicRecord, name: TopicPartition) -> Seen {
        let mut looked = self.try_at(topic, &name);
        // A running broker may delete a segment between two looks.
        for _ in 1..ATTEMPTS {
            if looked.is_err() {
                looked = self.try_at(topic, &name);
            }
        }
        looked.unwrap_or_else(|error| Seen {
            report: PartitionReport { name, ..PartitionReport::without_log(Outlook::Unknown(error)) },
            holding: Holding::default(),
        })
    }

    fn try_at(&self, topic: &TopicRecord, name: &TopicPartition) -> Result<Seen> {
        let log_start = self.starts.get(name).copied().unwrap_or_default();
        let retention = retention_of(&topic.name, &topic.config, self.config);
        let Some(log) = LogOnDisk::read(&self.root.join(name.to_string()), log_start)? else {
            let report =
                PartitionReport { name: name.clone(), log_start, ..PartitionReport::without_log(Outlook::Empty) };
            return Ok(Seen { report, holding: Holding::default() });
        };
        let outlook = match retention {
            _ if name::RESERVED.contains(&topic.name.as_str()) => Outlook::Internal,
            None => Outlook::KeptForEver(self.config.topic_text(&topic.config, "cleanup.policy").to_string()),
            Some(_) if log.size() == 0 => Outlook::Empty,
            Some(retention) => Outlook::Oldest(self.oldest(topic, &log, retention)?),
        };
        let report = PartitionReport {
            name: name.clone(),
            bytes: log.size(),
            segments: log.views.len(),
            oldest_ms: log.views[0].first_batch()?.map(|batch| batch.header.base_timestamp_ms),
            log_start: log.start,
            outlook,
        };
        let holding = if retention.is_some() { log.holding() } else { Holding::default() };
        Ok(Seen { report, holding })
    }

    fn oldest(&self, topic: &TopicRecord, log: &LogOnDisk, retention: Retention) -> Result<Oldest> {
        let view = &log.views[0];
        let verdict = retention::judge(view, log.size() - view.size.0, retention, self.now_ms)?;
        let config = partition_config(self.config, &topic.config, self.segment_max).log;
        let uncapped = partition_config(self.config, &topic.config, u64::MAX).log.segment_bytes;
        let rolls = || -> Result<Option<Rolls>> {
            let first = view.first_batch()?.filter(|_| view.next_base.is_none());
            Ok(first.map(|batch| Rolls {
                bytes_max: config.segment_bytes,
                is_less_for_cap: config.segment_bytes < uncapped,
                after_ms: batch.header.max_timestamp_ms.saturating_add(config.segment_ms),
            }))
        };
        Ok(Oldest {
            base_offset: view.base_offset,
            bytes: view.size.0,
            verdict,
            rolls: rolls()?,
            is_first_under_cap: false,
        })
    }
}

impl PartitionReport {
    fn without_log(outlook: Outlook) -> PartitionReport {
        let name = TopicPartition { topic: String::new(), partition: 0 };
        PartitionReport { name, bytes: 0, segments: 0, oldest_ms: None, log_start: Offset(0), outlook }
    }
}

impl LogOnDisk {
    fn holding(&self) -> Holding {
        let held = |view: &SegmentView| Held { bytes: view.disk_bytes(), end: view.next_base.unwrap_or(self.end) };
        Holding { segments: self.views.iter().map(held).collect() }
    }
}

/// Marks the partition that the cap takes from first.
fn mark_first(seen: &mut [Seen]) {
    let holdings: Vec<Holding> = seen.iter().map(|seen| seen.holding.clone()).collect();
    let closed = closed_that_go(&holdings, 1).iter().position(|count| *count > 0);
    if let Some(first) = closed.or_else(|| largest_active(&holdings)) {
        if let Outlook::Oldest(oldest) = &mut seen[first].report.outlook {
            oldest.is_first_under_cap = true;
        }
    }
}
