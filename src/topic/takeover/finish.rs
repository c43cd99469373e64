//! The end of a takeover: from here on the registry is the truth.
//!
//! Order: every log flushed, since a start that finds our registry takes a gap above the recovery point for a loss, and what
//! Kafka has compacted has gaps; the checkpoints; what the registry was before, kept beside it; the registry.
//!
//! Always true: as long as the registry is not written, the next start takes over again, and finds the same.
//! Not done: a log that cannot be flushed holds nobody up: it is offline, and says so.

use super::super::checkpoints::picked;
use super::super::registry_file::{self, Contents, RegistryFile};
use super::super::*;

pub fn finish(data: &DataDir, topics: &[Arc<Topic>], contents: &Contents) -> Result<RegistryFile> {
    for partition in topics.iter().flat_map(|topic| &topic.partitions) {
        if let Err(error) = partition.flush_all() {
            note!(Warn, "not_flushed", [partition = partition.name()], "{error}");
        }
    }
    data.write_recovery_points(&picked(topics, data.recovery_points()?, |(recovery_point, _)| recovery_point))?;
    data.write_log_starts(&picked(topics, data.kafkas_log_starts()?, |(_, log_start)| log_start))?;
    if let Some(bytes) = fs::read(&data.root().join(registry_file::FILE_NAME))? {
        let aside = data.root().join(format!("{}.before-{}", registry_file::FILE_NAME, contents.leader_epoch));
        note!(Info, "registry_set_aside", [path = aside.display()], "Kafka's metadata is newer");
        fs::replace(&aside, &bytes)?;
    }
    let file = RegistryFile::rewrite(data.root(), contents)?;
    note!(
        Info,
        "taken_over",
        [topics = topics.len(), leader_epoch = contents.leader_epoch],
        "Kafka has run here: topics, configs and producer ids are those of its metadata"
    );
    Ok(file)
}
