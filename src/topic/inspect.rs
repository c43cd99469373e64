//! The files of one partition, for one who only looks: beside a running broker, or where none runs.
//!
//! Always true: nothing is written, made, cut or locked. What was written down as durable is durable; nothing here says that the
//! rest is not, since a running broker knows more than its files.
//! Not done: no registry is read, so that a directory of Kafka's is looked at as well.

use std::path::Path;

use super::data_dir::{self, DataDir};
use super::name::{self, Folder};
use super::on_disk::LogOnDisk;
use crate::base::{Error, Offset, Result, TopicPartition};
use crate::os::fs;

/// A partition as its files show it.
pub struct Inspected {
    pub log: LogOnDisk,
    /// What `recovery-point-offset-checkpoint` says of it: everything below is on the disk.
    pub recovery_point: Option<Offset>,
    /// The last stop was clean, and nothing was written since: all of it is on the disk.
    pub is_clean: bool,
}

/// Looks at a partition in the data directory `root`.
pub fn inspect(root: &Path, name: &TopicPartition) -> Result<Inspected> {
    let folder = root.join(name.to_string());
    if !fs::is_folder(&folder) {
        return Err(no_such(root, name)?);
    }
    let log_start = data_dir::log_starts(root)?.get(name).copied().unwrap_or_default();
    let lacks_log =
        || Error::unusable(format!("{} holds no segment", folder.display()), "look at it with sendlog dump-log");
    let log = LogOnDisk::read(&folder, log_start)?.ok_or_else(lacks_log)?;
    // Behind the look at the log: what they vouch for includes all that was seen of it.
    let recovery_point = data_dir::recovery_points(root)?.get(name).copied();
    Ok(Inspected { log, recovery_point, is_clean: DataDir::is_clean(root) })
}

/// What to say of a partition that has no folder.
fn no_such(root: &Path, wanted: &TopicPartition) -> Result<Error> {
    let folders = fs::list(root)
        .map_err(|error| Error::unusable(error.to_string(), "give the data directory of a broker with --data"))?;
    let mut found: Vec<TopicPartition> = folders
        .into_iter()
        .filter(|entry| entry.is_folder)
        .filter_map(|entry| match name::parse_folder(&entry.name) {
            Folder::Partition(partition) => Some(partition),
            _ => None,
        })
        .collect();
    found.sort();
    let numbers: Vec<String> = found
        .iter()
        .filter(|known| known.topic == wanted.topic)
        .map(|known| known.partition.to_string())
        .collect();
    let place = root.display();
    if !numbers.is_empty() {
        let cause = format!("topic {} has no partition {} in {place}", wanted.topic, wanted.partition);
        return Ok(Error::unusable(cause, format!("write one of {}", numbers.join(", "))));
    }
    found.dedup_by(|a, b| a.topic == b.topic);
    let topics: Vec<&str> = found.iter().map(|known| known.topic.as_str()).take(TOPICS_NAMED).collect();
    let mend = match &topics[..] {
        [] => "give the data directory of a broker with --data".to_string(),
        some => format!("write one of {}, or give another directory with --data", some.join(", ")),
    };
    Ok(Error::unusable(format!("there is no topic {} in {place}", wanted.topic), mend))
}

/// Topics that an error names at most.
const TOPICS_NAMED: usize = 10;
