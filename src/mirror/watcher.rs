//! The thread that watches the source: which topics it has, who leads them, their configs, and the offsets of groups.
//!
//! Always true: a topic whose id is another one than the copy's is not the copied one any more, and its partitions stop. A
//! leader epoch that is lower than the copy's last one stops its partition too; a higher one is an election. What is
//! wrong with one topic keeps no other from being copied.
//! Not done: the configs of the source's brokers are not copied, nor quotas or ACLs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::copier::Copier;
use super::groups::GroupOffsets;
use super::shared::Shared;
use super::{source, Target};
use crate::base::{ErrorCode, Result, TopicPartition};
use crate::client::cluster::Cluster;
use crate::client::{self, Admin, ConfigEntry, ConfigSource, Node, Resource};
use crate::config::{Overrides, Scope};
use crate::os::{panics, threads};
use crate::topic::Topic;
use crate::wire::messages::metadata::MetadataResponseTopic;
use crate::wire::messages::MetadataRequest;

/// How often the source's topics are looked at, if no copier asks earlier.
const LOOK: Duration = Duration::from_secs(2);
/// How often configs and committed offsets are.
const DETAILS: Duration = Duration::from_secs(5);
/// What is in the way of the source as a whole, by this name.
const SOURCE: &str = "the source";

struct Watcher<'a> {
    target: &'a Target,
    shared: &'a Arc<Shared>,
    copiers: HashMap<i32, JoinHandle<()>>,
    cluster: Option<Cluster>,
    offsets: GroupOffsets,
    details_at: Instant,
}

/// Copies until the mirror is ended.
pub fn run(target: &Target, shared: &Arc<Shared>) {
    let mut watcher = Watcher {
        target,
        shared,
        copiers: HashMap::new(),
        cluster: None,
        offsets: GroupOffsets::default(),
        details_at: Instant::now(),
    };
    while !shared.is_stopping() {
        panics::survive(|| match watcher.look() {
            Ok(()) => shared.no_trouble(SOURCE),
            Err(why) => {
                watcher.cluster = None;
                shared.trouble(SOURCE, why);
            }
        });
        shared.pause_until_asked(LOOK);
    }
    for (_, copier) in watcher.copiers {
        let _ = copier.join();
    }
}

impl Watcher<'_> {
    fn look(&mut self) -> std::result::Result<(), String> {
        let found = self.metadata().map_err(|error| error.to_string())?;
        let are_due = Instant::now() >= self.details_at;
        self.mirror_topics(found, are_due).map_err(|error| error.to_string())?;
        self.shared.has_looked();
        self.start_copiers();
        if are_due {
            self.details_at = Instant::now() + DETAILS;
            let mut admin = self.admin().map_err(|error| error.to_string())?;
            self.offsets.copy(self.target, self.shared, &mut admin).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn admin(&self) -> client::Result<Admin> {
        Admin::connect(source::settings(&self.shared.registration))
    }

    /// The topics that are to be copied, by name.
    fn metadata(&mut self) -> std::result::Result<BTreeMap<String, MetadataResponseTopic>, client::Error> {
        if self.cluster.is_none() {
            self.cluster = Some(Cluster::new(source::settings(&self.shared.registration))?);
        }
        let cluster = self.cluster.as_mut().expect("just made");
        let mut request = MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() };
        let answer = cluster.ask_anyone(&mut request)?;
        let node = |broker: crate::wire::messages::metadata::MetadataResponseBroker| {
            let node = Node { id: broker.node_id, host: broker.host, port: broker.port, rack: None };
            (node.id, node.address())
        };
        self.shared.set_addresses(answer.brokers.into_iter().map(node).collect());
        if let Err(error) = self.target.topics.mirror_cluster(&answer.cluster_id.unwrap_or_default()) {
            return Err(client::Error::invalid(self.shared.registration.from.clone(), error.to_string()));
        }
        let wanted = answer.topics.into_iter().filter(|topic| topic.error_code.is_none() && !topic.is_internal);
        let named = wanted.filter_map(|topic| Some((topic.name.clone()?, topic)));
        Ok(named.filter(|(name, _)| self.shared.topics.match_name(name)).collect())
    }

    fn mirror_topics(&mut self, found: BTreeMap<String, MetadataResponseTopic>, are_due: bool) -> client::Result<()> {
        let topics = &self.target.topics;
        for (name, id) in topics.mirrored().topics {
            let is_gone = !found.contains_key(&name) && self.shared.topics.match_name(&name);
            for partition in topics.find_id(id).iter().flat_map(|topic| &topic.partitions).filter(|_| is_gone) {
                let why =
                    "the source has deleted its topic; the copy stays, and is closed until `sendlog mirror --stop`";
                self.shared.follow(partition.name().clone(), id, None, 0);
                self.shared.stop_partition(partition.name(), why.to_string());
            }
        }
        let is_new = |name: &str| topics.find(name).is_none();
        let asked: Vec<Resource> = found
            .keys()
            .filter(|name| are_due || is_new(name))
            .map(|name| Resource::topic(name.as_str()))
            .collect();
        let mut configs = HashMap::new();
        if !asked.is_empty() {
            for (resource, entries) in self.admin()?.describe_configs(&asked)? {
                if let (Resource::Topic(name), Ok(entries)) = (resource, entries) {
                    configs.insert(name, entries);
                }
            }
        }
        for (name, topic) in found {
            let config = configs.get(&name).map(|entries| self.overrides(&name, entries));
            if config.is_none() && is_new(&name) {
                continue; // it was made, or deleted, in between
            }
            match self.mirror_topic(&name, &topic, config) {
                Ok(()) => self.shared.no_trouble(&name),
                Err(error) => {
                    if error.code() == ErrorCode::TOPIC_ALREADY_EXISTS {
                        self.stop_partitions(&name, &error.to_string());
                    }
                    self.shared.trouble(&name, error.to_string());
                }
            }
        }
        Ok(())
    }

    fn mirror_topic(&self, name: &str, found: &MetadataResponseTopic, config: Option<Overrides>) -> Result<()> {
        let topics = &self.target.topics;
        let is_new = topics.find(name).is_none();
        let count = found.partitions.len() as i32;
        let fresh = config.clone().unwrap_or_else(|| Overrides::new(Scope::Topic));
        let topic = topics.mirror_topic(name, found.topic_id, count, fresh)?;
        let epoch = found.partitions.iter().map(|partition| partition.leader_epoch).max().unwrap_or(-1);
        topics.raise_leader_epoch(epoch)?;
        for partition in &found.partitions {
            self.follow(&topic, found, partition.partition_index, partition.leader_id, partition.leader_epoch);
        }
        match config.filter(|config| !is_new && *config != topic.config) {
            Some(config) => topics.alter_topic(name, |_, _| Ok(config), false),
            None => Ok(()),
        }
    }

    fn follow(&self, topic: &Topic, found: &MetadataResponseTopic, number: i32, leader: i32, epoch: i32) {
        let name = TopicPartition { topic: topic.name.clone(), partition: number };
        let Some(partition) = usize::try_from(number).ok().and_then(|number| topic.partitions.get(number)) else {
            return;
        };
        match partition.copied_end() {
            Ok(end) => {
                self.shared.follow(name.clone(), found.topic_id, Some(leader).filter(|id| *id >= 0), end.offset.0);
                if epoch >= 0 && epoch < end.epoch {
                    let last = end.epoch;
                    let why =
                        format!("the source went back in time: its leader epoch is {epoch}, and the copy has {last}");
                    self.shared.stop_partition(&name, why);
                }
            }
            Err(error) => {
                self.shared.follow(name.clone(), found.topic_id, None, 0);
                self.shared.stop_partition(&name, format!("here: {error}"));
            }
        }
    }

    /// A topic that is not the copied one any more.
    fn stop_partitions(&self, name: &str, why: &str) {
        let known = self.target.topics.mirrored().topics.into_iter().any(|(known, _)| known == name);
        let topic = self.target.topics.find(name).filter(|_| known);
        for partition in topic.iter().flat_map(|topic| &topic.partitions) {
            self.shared.follow(partition.name().clone(), topic.as_ref().expect("it is there").id, None, 0);
            self.shared.stop_partition(partition.name(), why.to_string());
        }
    }

    /// The configs that the source's topic has of its own, as far as they can be kept here.
    fn overrides(&self, name: &str, entries: &[ConfigEntry]) -> Overrides {
        let mut config = Overrides::new(Scope::Topic);
        for entry in entries.iter().filter(|entry| entry.source == ConfigSource::Topic) {
            // There is one replica.
            let value = if entry.name == "min.insync.replicas" { Some("1") } else { entry.value.as_deref() };
            if let Err(why) = config.set(&entry.name, value.unwrap_or_default()) {
                self.shared.trouble(&format!("{} of {name}", entry.name), format!("not copied: {why}"));
            }
        }
        config
    }

    fn start_copiers(&mut self) {
        for node in self.shared.nodes() {
            if self.copiers.contains_key(&node) {
                continue;
            }
            let copier = Copier { topics: self.target.topics.clone(), shared: self.shared.clone(), node };
            match threads::start("mirror-copier", threads::STACK_BYTES, move || copier.run()) {
                Ok(thread) => drop(self.copiers.insert(node, thread)),
                Err(error) => self.shared.trouble(SOURCE, format!("no thread to copy with: {error}")),
            }
        }
    }
}
