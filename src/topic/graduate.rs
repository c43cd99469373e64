//! The way out: the data directory becomes one that an unmodified Apache Kafka 4.1 starts on (KRaft, one combined node).
//!
//! The segments, indexes, snapshots and checkpoints are Kafka's already. What Kafka lacks is its metadata; a first start
//! takes it from files beside the data, which are written here:
//!
//! | file | what it tells Kafka |
//! |---|---|
//! | `bootstrap.checkpoint` | topics with their ids, configs and partitions; the next producer id |
//! | `__cluster_metadata-0/...checkpoint` | the one voter of its quorum |
//! | `server.properties` | how to start: the directory, the listeners, the keys that were set here |
//!
//! Always true: no file of a partition is changed, and nothing is copied. Doing it twice gives the same bytes, as long as
//! nothing was written in between. Kafka's metadata begins at a leader epoch that no batch and no committed offset is above,
//! and at a producer id that nobody ever had.
//! Not done: a directory on which Kafka has run is Kafka's, until sendlog has started on it; its metadata is then set aside.

use std::path::Path;

use super::kraft::{self, MetadataRecord};
use super::name::Folder;
use super::*;
use crate::config::sites::Listeners;
use crate::config::KEYS;

/// Where Kafka's controller is to listen.
pub struct Controller {
    pub host: String,
    pub port: u16,
}

/// In the data directory, for Kafka; its first line begins so.
const PROPERTIES_FILE: &str = "server.properties";
const PROPERTIES_HEAD: &str = "# Apache Kafka 4.1 on this directory";
/// The name of its listener.
const CONTROLLER: &str = "CONTROLLER";
/// Keys of the broker, beside those that are defaults of topics, that Kafka has too.
const CARRIED: [&str; 14] = [
    "num.partitions",
    "auto.create.topics.enable",
    "log.retention.check.interval.ms",
    "socket.request.max.bytes",
    "max.connections",
    "connections.max.idle.ms",
    "fetch.max.bytes",
    "group.initial.rebalance.delay.ms",
    "group.min.session.timeout.ms",
    "group.max.session.timeout.ms",
    "group.max.size",
    "offset.metadata.max.bytes",
    "offsets.retention.minutes",
    "producer.id.expiration.ms",
];

/// What there is to hand over, and whether it can be: looked at only, nothing is changed.
pub struct Survey {
    pub topics: usize,
    pub partitions: usize,
    pub has_stopped_cleanly: bool,
}

/// Looks at the directory that `config` names; an error says what Kafka would trip over.
pub fn survey(config: &Config) -> Result<Survey> {
    let root = PathBuf::from(config.text("log.dirs"));
    let Some(contents) = RegistryFile::look(&root)? else {
        return Err(Error::unusable(
            format!("{} holds no {}", root.display(), registry_file::FILE_NAME),
            "give the data directory of a broker with --data",
        ));
    };
    refuse_what_is_kafkas(&root)?;
    DataDir::refuse_while_held(&root)?;
    data_dir::directory_id(&root)?;
    refuse_to_replace_properties(&root)?;
    for entry in fs::list(&root)?.into_iter().filter(|entry| entry.is_folder) {
        if name::parse_folder(&entry.name) == Folder::Unknown {
            return Err(Error::unusable(
                format!("Kafka starts on no directory that holds a folder such as {}", entry.name),
                "move it out of the data directory; nothing was changed",
            ));
        }
    }
    let names = contents.topics.iter().flat_map(TopicRecord::partition_names);
    Ok(Survey {
        topics: contents.topics.len(),
        partitions: names.count(),
        has_stopped_cleanly: DataDir::is_clean(&root),
    })
}

/// A file of this name that was written for something else stays.
fn refuse_to_replace_properties(root: &Path) -> Result<()> {
    let path = root.join(PROPERTIES_FILE);
    match fs::read(&path)? {
        Some(bytes) if !bytes.starts_with(PROPERTIES_HEAD.as_bytes()) => Err(Error::unusable(
            format!("{} would be replaced by one for Kafka", path.display()),
            "move it out of the data directory; nothing was changed",
        )),
        _ => Ok(()),
    }
}

/// A metadata log means that Kafka has started here: it goes by that, and no longer by our registry.
///
/// Its controller starts before its broker looks whether somebody holds the data. What a start that ended there has left is
/// not the truth ([`super::takeover`]), and goes out of the way.
fn refuse_what_is_kafkas(root: &Path) -> Result<()> {
    let contents = RegistryFile::look(root)?;
    match takeover::truth(root, contents.as_ref())? {
        takeover::Truth::Registry(_) => Ok(()),
        takeover::Truth::Metadata(_) => Err(Error::unusable(
            format!(
                "Kafka has already started on {}: its own metadata is in {}",
                root.display(),
                kraft::METADATA_FOLDER
            ),
            "start Kafka on it, or sendlog, which takes it over; nothing was changed",
        )),
    }
}

/// Metadata that is not the truth any more would keep Kafka from reading ours. Kafka looks at no folder of this name.
fn set_metadata_aside(root: &Path) -> Result<()> {
    if !kraft::metadata_log::is_there(root)? {
        return Ok(());
    }
    let from = root.join(kraft::METADATA_FOLDER);
    let to = root.join(format!("{}.{}-stray", kraft::METADATA_FOLDER, new_id().hex()));
    note!(Info, "metadata_set_aside", [path = to.display()], "what Kafka knew of the directory before");
    fs::rename(&from, &to)?;
    fs::sync_dir(root)
}

/// Says what a broker that starts on a graduated directory makes of the files that were written for Kafka.
pub fn warn_of_stale_metadata(root: &Path) {
    let bootstrap = root.join(kraft::BOOTSTRAP_FILE);
    let folder = root.join(kraft::METADATA_FOLDER);
    let has_log = kraft::metadata_log::is_there(root).unwrap_or(true);
    if fs::exists(&bootstrap) || has_log {
        let path = if has_log { folder } else { bootstrap };
        note!(
            Warn,
            "metadata_stale",
            [path = path.display()],
            "topics, configs and producer ids may change from now on: run `sendlog graduate` again before Kafka starts here"
        );
    }
}

impl TopicRegistry {
    /// Writes what Kafka needs beside the data, and returns the paths. `committed_epoch` is the highest leader epoch that an
    /// offset of a topic was committed with.
    ///
    /// The caller stops the registry cleanly afterwards: with the marker of that, Kafka reads no log to find its end.
    pub fn graduate(
        &self,
        controller: &Controller,
        listeners: &Listeners,
        committed_epoch: impl Fn(&str) -> i32,
    ) -> Result<Vec<PathBuf>> {
        let root = self.data.root();
        let directory = data_dir::directory_id(root)?;
        let node = i32::try_from(self.config().int("node.id")).expect("checked when it was set");
        let records = self.metadata(node, directory, committed_epoch)?;
        set_metadata_aside(root)?;
        let folder = root.join(kraft::METADATA_FOLDER);
        if !fs::exists(&folder) {
            fs::make_folder(&folder)?;
        }
        let voters = kraft::voters(node, directory, CONTROLLER, &controller.host, controller.port);
        let properties = self.properties(node, controller, listeners)?;
        let files = [
            (folder.join(kraft::VOTERS_FILE), voters),
            (root.join(PROPERTIES_FILE), properties.into_bytes()),
            (root.join(kraft::BOOTSTRAP_FILE), kraft::bootstrap(&records)),
        ];
        files.iter().try_for_each(|(path, bytes)| fs::replace(path, bytes))?;
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }

    /// Everything that the registry knows, as records of Kafka's metadata.
    fn metadata(
        &self,
        node: i32,
        directory: Uuid,
        committed_epoch: impl Fn(&str) -> i32,
    ) -> Result<Vec<MetadataRecord>> {
        let mut records = MetadataRecord::features().to_vec();
        for (source, broker) in [(Source::DynamicDefault, String::new()), (Source::Dynamic, node.to_string())] {
            let overrides = self.config().overrides(source);
            let kafkas = overrides.iter().filter(|(key, _)| is_kafkas(key));
            records.extend(kafkas.map(|(key, value)| MetadataRecord::BrokerConfig {
                broker: broker.clone(),
                key: key.to_string(),
                value: value.to_string(),
            }));
        }
        let mut next_producer_id = self.producer_ids.lock().unwrap().1;
        for topic in self.all() {
            let name = || topic.name.clone();
            records.push(MetadataRecord::Topic { name: name(), id: topic.id });
            records.extend(topic.config.iter().map(|(key, value)| MetadataRecord::TopicConfig {
                topic: name(),
                key: key.to_string(),
                value: value.to_string(),
            }));
            let leader_epoch = self.leader_epoch.load(Ordering::SeqCst).max(committed_epoch(&topic.name));
            for (number, partition) in (0..).zip(&topic.partitions) {
                if partition.is_offline() {
                    return Err(Error::unusable(
                        format!("{} is offline, and Kafka would go on without what it holds", partition.name()),
                        "its line in the log says why; restore the partition from a backup, or delete its topic",
                    ));
                }
                let producers = partition.active_producers()?;
                next_producer_id =
                    producers.iter().map(|(id, ..)| id + 1).fold(next_producer_id, |most, next| most.max(next));
                records.push(MetadataRecord::Partition { number, topic: topic.id, node, directory, leader_epoch });
            }
        }
        records.push(MetadataRecord::ProducerIds { next: next_producer_id });
        Ok(records)
    }

    /// A configuration to start Kafka with: the keys that were set here, and what one node needs.
    fn properties(&self, node: i32, controller: &Controller, listeners: &Listeners) -> Result<String> {
        let root = fs::canonical(self.data.root())?;
        let Controller { host, port } = controller;
        let Listeners { served, advertised, first } = listeners;
        let mut text = format!(
            "{PROPERTIES_HEAD}: kafka-server-start.sh {root}/{PROPERTIES_FILE}\n\
             # Do not format it: it is formatted.\n\
             process.roles=broker,controller\n\
             node.id={node}\n\
             listeners={served},{CONTROLLER}://{host}:{port}\n\
             advertised.listeners={advertised}\n\
             inter.broker.listener.name={first}\n\
             controller.listener.names={CONTROLLER}\n\
             controller.quorum.bootstrap.servers={host}:{port}\n\
             log.dirs={root}\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n",
            root = root.display()
        );
        let config = self.config();
        if config.source("listener.security.protocol.map") != Source::Default {
            let map = config.text("listener.security.protocol.map");
            let is_mapped = map.split(',').any(|row| row.trim().starts_with(&format!("{CONTROLLER}:")));
            let more = if is_mapped { String::new() } else { format!(",{CONTROLLER}:PLAINTEXT") };
            text += &format!("listener.security.protocol.map={map}{more}\n");
        }
        let said = |source| matches!(source, Source::File | Source::Environment | Source::CommandLine);
        // Here one replica is enough whatever this key says; Kafka would take no record.
        for key in KEYS.iter().filter(|key| is_kafkas(key.name) && key.name != "min.insync.replicas") {
            if let Some((_, value)) = config.by_source(key.name).find(|(source, _)| said(*source)) {
                text += &format!("{}={value}\n", key.name);
            }
        }
        Ok(text)
    }
}

/// Whether a key of the broker's means the same to Kafka.
fn is_kafkas(key: &str) -> bool {
    CARRIED.contains(&key) || KEYS.iter().any(|k| k.name == key && k.topic_name.is_some())
}
