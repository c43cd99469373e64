//! The way in: a data directory on which Apache Kafka 4.1 has run, as the one node of its cluster.
//!
//! Kafka's metadata (`__cluster_metadata-0`) and our registry say the same kind of thing, and one of them is the truth:
//!
//! | metadata log | registry | the truth |
//! |---|---|---|
//! | none | - | the registry |
//! | a broker has registered in it since the registry's mark, or ever if the log does not hold that mark | - | the metadata |
//! | no broker has | there | the registry: only Kafka's controller ran, which takes part in no data |
//!
//! A broker of Kafka registers when it holds the lock of its directory, and before it opens the data. The mark is a record of the
//! registry: how far the metadata had come when it was taken over. The metadata stays where it is, for a Kafka that comes back.
//!
//! Always true: what cannot be served is said by name before anything is changed. A takeover that is stopped anywhere begins
//! anew: the registry is written last, when all logs are flushed and their checkpoints written; what it was before is kept
//! beside it.
//! Not done: nothing is written into Kafka's metadata.

mod finish;
mod folders;
mod logs;

use std::path::Path;

pub(super) use finish::finish;
pub(super) use folders::make_missing;
pub(super) use logs::{check_logs, unservable, Unservable};

use super::kraft::image::{self, Image};
use super::kraft::metadata_log::{self, Reading};
use super::kraft::{Mark, METADATA_VERSION, NEWEST_KAFKA};
use super::registry_file::Contents;
use super::*;

/// Producer ids that Kafka would still give out, if it were started here again without `sendlog graduate`: nobody else's.
const PRODUCER_IDS_LEFT: i64 = 1_000_000_000;
/// Ids that stand for no directory (KIP-858): not assigned yet, gone, on its way.
const RESERVED_DIRECTORIES: u8 = 100;

/// Who wrote the directory last.
pub(super) enum Truth {
    /// This broker, or nobody. The mark is that of the metadata that lies there and says nothing new.
    Registry(Option<Mark>),
    Metadata(Box<Reading>),
}

/// Whose word counts in `root`; the registry says `contents`.
pub(super) fn truth(root: &Path, contents: Option<&Contents>) -> Result<Truth> {
    let mark = contents.and_then(|contents| contents.kafka);
    Ok(match metadata_log::read(root, mark)? {
        Some(reading) if reading.has_broker => Truth::Metadata(Box::new(reading)),
        other => Truth::Registry(other.map(|reading| reading.mark)),
    })
}

/// Before the directory is locked: whose word counts, and whether what Kafka has left can be served. Changes nothing.
pub(super) fn survey(root: &Path, node: i32) -> Result<Truth> {
    let truth = truth(root, RegistryFile::look(root)?.as_ref())?;
    if let Truth::Metadata(reading) = &truth {
        check(root, &reading.image, node)?;
        check_logs(root, &reading.image)?;
    }
    Ok(truth)
}

/// What the registry says, or the metadata in its place: read again under the lock, since Kafka may have gone on until then.
pub(super) fn settle(root: &Path, node: i32, surveyed: &Truth) -> Result<(Option<Contents>, bool)> {
    let was = RegistryFile::look(root)?;
    let truth = truth(root, was.as_ref())?;
    if truth.mark() != surveyed.mark() {
        return Err(refusal(root, "Kafka has just written its metadata".to_string(), "stop it, and start again"));
    }
    Ok(match truth {
        Truth::Registry(kafka) => (RegistryFile::read(root)?.map(|contents| Contents { kafka, ..contents }), false),
        Truth::Metadata(reading) => (Some(contents(&reading, node, was)), true),
    })
}

impl Truth {
    fn mark(&self) -> Option<Mark> {
        match self {
            Truth::Registry(mark) => *mark,
            Truth::Metadata(reading) => Some(reading.mark),
        }
    }
}

/// What the metadata says, in the registry's words.
pub(super) fn contents(reading: &Reading, node: i32, was: Option<Contents>) -> Contents {
    let was = was.unwrap_or_default();
    let Reading { image, mark, .. } = reading;
    let mut topics: Vec<TopicRecord> = image.topics.iter().map(|(id, topic)| topic_record(image, *id, topic)).collect();
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    Contents {
        leader_epoch: image.leader_epoch().max(was.leader_epoch) + 1,
        next_producer_id: was.next_producer_id.max(image.next_producer_id + PRODUCER_IDS_LEFT),
        topics,
        deleted: Vec::new(),
        configs: broker_configs(image, node),
        kafka: Some(*mark),
    }
}

fn topic_record(image: &Image, id: Uuid, topic: &image::Topic) -> TopicRecord {
    let mut config = Overrides::new(Scope::Topic);
    for (key, value) in image.configs.get(&(image::TOPIC, topic.name.clone())).into_iter().flatten() {
        if let Err(what) = config.set(key, value) {
            note!(Warn, "config_ignored", [topic = topic.name], "{key}={value} is not kept: {what}");
        }
    }
    TopicRecord { name: topic.name.clone(), id, partition_count: topic.partitions.len() as i32, config }
}

fn broker_configs(image: &Image, node: i32) -> Vec<(Source, Overrides)> {
    let mut configs = Vec::new();
    for (source, broker) in [(Source::DynamicDefault, String::new()), (Source::Dynamic, node.to_string())] {
        let mut overrides = Overrides::new(Scope::Broker);
        for (key, value) in image.configs.get(&(image::BROKER, broker)).into_iter().flatten() {
            let is_dynamic = Scope::Broker.find(key).is_some_and(|key| key.is_dynamic);
            let set = if is_dynamic { overrides.set(key, value) } else { Err("it is without effect here".to_string()) };
            if let Err(what) = set {
                note!(Warn, "config_ignored", [source = source], "{key}={value} is not kept: {what}");
            }
        }
        if overrides.iter().next().is_some() {
            configs.push((source, overrides));
        }
    }
    configs
}

/// Says what of Kafka's directory cannot be served; changes nothing.
pub(super) fn check(root: &Path, image: &Image, node: i32) -> Result<()> {
    data_dir::check_node(root, node.into())?;
    check_version(root, image)?;
    let directory = data_dir::identity(root, "directory.id")?.as_deref().and_then(Uuid::parse);
    refuse_topics(root, image, "is tiered", "set remote.storage.enable=false with Kafka first", |name, _| {
        let configs = image.configs.get(&(image::TOPIC, name.to_string()));
        configs
            .and_then(|configs| configs.get("remote.storage.enable"))
            .is_some_and(|value| value == "true")
    })?;
    let mend = "one node of a cluster cannot be served alone: copy its topics out, or make this node the only replica";
    refuse_topics(root, image, &format!("is not on node {node} alone"), mend, |_, topic| {
        topic.partitions.values().any(|partition| partition.replicas != [node])
    })?;
    let mend = "have Kafka move its partitions into one directory (kafka-reassign-partitions), and give that";
    refuse_topics(root, image, "lies in another log directory", mend, |_, topic| {
        let is_reserved = |id: &Uuid| id.0[..15] == [0; 15] && id.0[15] < RESERVED_DIRECTORIES;
        let is_elsewhere = |id: &Uuid| directory.is_some_and(|here| *id != here) && !is_reserved(id);
        topic.partitions.values().any(|partition| partition.directories.iter().any(is_elsewhere))
    })?;
    let mend = "restore Kafka's metadata from a backup";
    refuse_topics(root, image, "lacks a partition", mend, |_, topic| {
        !topic.partitions.keys().copied().eq(0..topic.partitions.len() as i32)
    })
}

/// Says that a newer Kafka has been here, whose metadata may mean anything.
pub(super) fn check_version(root: &Path, image: &Image) -> Result<()> {
    let level = image.features.get("metadata.version").copied().unwrap_or(0);
    if level <= METADATA_VERSION {
        return Ok(());
    }
    let what = format!("its metadata.version is {level}, and that of Kafka {NEWEST_KAFKA} is {METADATA_VERSION}");
    Err(refusal(root, what, "start Kafka on it"))
}

fn refuse_topics(
    root: &Path,
    image: &Image,
    what: &str,
    mend: &str,
    is_refused: impl Fn(&str, &image::Topic) -> bool,
) -> Result<()> {
    let topics = image.topics.values().filter(|topic| is_refused(&topic.name, topic));
    match listed(topics.map(|topic| topic.name.clone())) {
        None => Ok(()),
        Some(names) => Err(refusal(root, format!("topic {names} {what}"), mend)),
    }
}

pub(super) fn refusal(root: &Path, what: String, mend: &str) -> Error {
    let cause = format!("what Kafka has left in {} cannot be served: {what}", root.display());
    Error::unusable(cause, format!("{mend}; nothing was changed"))
}

/// The first of these names, and how many more there are.
pub(super) fn listed(names: impl Iterator<Item = String>) -> Option<String> {
    const LISTED_MAX: usize = 10;
    let mut names: Vec<String> = names.collect();
    names.sort();
    let more = names.len().saturating_sub(LISTED_MAX);
    names.truncate(LISTED_MAX);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| names.join(", ") + &rest)
}

#[cfg(test)]
mod tests;
