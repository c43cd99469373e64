//! Folders that Kafka had no time to make: it makes them after its metadata says that the partition is there.
//!
//! Always true: a partition of which Kafka's checkpoints know an offset is not made anew: what it held is gone, and it stays
//! offline.
//! Not done: no folder is renamed or removed here; the start has done that ([`crate::topic::open`]).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::data_dir::{partition_metadata, DataDir};
use super::super::registry_file::Contents;
use crate::base::{Offset, Result, TopicPartition, Uuid};
use crate::os::fs;

/// Makes the folders that are missing, or not finished, of partitions that never held anything; `ids` gets theirs.
pub fn make_missing(data: &DataDir, contents: &Contents, ids: &mut HashMap<TopicPartition, Uuid>) -> Result<()> {
    let known = [data.recovery_points()?, data.kafkas_high_watermarks()?, data.kafkas_log_starts()?];
    let held = |name: &TopicPartition| known.iter().any(|offsets| offsets.get(name).is_some_and(|at| *at > Offset(0)));
    let mut made: Vec<PathBuf> = Vec::new();
    for topic in &contents.topics {
        for name in topic.partition_names().filter(|name| !held(name)) {
            let folder = data.partition_folder(&name);
            if ids.contains_key(&name) || !is_unfinished(&folder)? {
                continue;
            }
            if !fs::exists(&folder) {
                fs::make_folder(&folder)?;
            }
            partition_metadata::replace(&folder, topic.id)?;
            ids.insert(name, topic.id);
            made.push(folder);
        }
    }
    match made.is_empty() {
        true => Ok(()),
        false => fs::sync_folders(data.root(), &made),
    }
}

/// Whether there is no folder, or one without an id and without a record.
fn is_unfinished(folder: &Path) -> Result<bool> {
    if !fs::exists(folder) {
        return Ok(true);
    }
    if partition_metadata::read(folder)?.is_some() {
        return Ok(false);
    }
    for log in fs::list(folder)?.iter().filter(|entry| entry.name.ends_with(".log")) {
        if fs::size(&folder.join(&log.name))? != Some(0) {
            return Ok(false);
        }
    }
    Ok(true)
}
