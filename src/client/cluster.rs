//! The cluster as a client sees it: where its brokers are, which of them leads a partition or coordinates a group, a
//! connection to each that was needed, and trying again.
//!
//! A client begins with the bootstrap addresses; whichever of them answers names all brokers and the leaders of the
//! topics that it is asked about (Metadata). What is known is kept until a broker says that it is no longer true, or it is
//! old (`metadata.max.age.ms`).
//!
//! Always true: an attempt that failed in a way that may pass is made again after a pause that doubles, until
//! `default.api.timeout.ms` is over; before that, the leaders and coordinators are forgotten. A bootstrap list of which
//! nobody answers is an error at once that says what each of them did.
//! Not done: no choice of the nearest replica; one call at a time.

use std::collections::{BTreeMap, HashMap};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::error::{check, Error, Result};
use super::settings::ClientSettings;
use crate::base::{ErrorCode, TopicPartition};
use crate::wire::messages::find_coordinator::{Coordinator, GROUP};
use crate::wire::messages::metadata::{MetadataRequestTopic, MetadataResponsePartition, MetadataResponseTopic};
use crate::wire::messages::{FindCoordinatorRequest, MetadataRequest, MetadataResponse};
use crate::wire::Request;

/// A broker, and where clients reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    pub id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

impl Node {
    pub fn address(&self) -> String {
        match self.host.contains(':') && !self.host.starts_with('[') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// What is known of a topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// By their numbers, which begin with 0 and have no gaps.
    pub partitions: Vec<Partition>,
}

#[derive(Clone, Debug)]
pub struct Partition {
    /// None: it has none at the moment.
    pub leader: Option<i32>,
}

/// Partitions by the broker that leads them.
type ByLeader = BTreeMap<i32, Vec<TopicPartition>>;

pub struct Cluster {
    settings: ClientSettings,
    bootstrap: Vec<String>,
    nodes: BTreeMap<i32, Node>,
    controller: Option<i32>,
    topics: HashMap<String, Topic>,
    coordinators: HashMap<String, i32>,
    /// The one that answers what any broker can.
    anyone: Option<Connection>,
    connections: HashMap<i32, Connection>,
}

impl Cluster {
    /// Reads the addresses; nobody is asked yet.
    pub fn new(settings: ClientSettings) -> Result<Cluster> {
        Ok(Cluster {
            bootstrap: settings.addresses()?,
            settings,
            nodes: BTreeMap::new(),
            controller: None,
            topics: HashMap::new(),
            coordinators: HashMap::new(),
            anyone: None,
            connections: HashMap::new(),
        })
    }

    pub fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// What is known of a topic without asking.
    pub fn known(&self, topic: &str) -> Option<&Topic> {
        self.topics.get(topic)
    }

    /// Where a broker is, as far as is known.
    pub fn address_of(&self, node: i32) -> Option<String> {
        self.nodes.get(&node).map(Node::address)
    }

    /// A connection to whoever answers: the one there is, or the first that can be made.
    pub fn anyone(&mut self) -> Result<&mut Connection> {
        if self.anyone.is_none() {
            self.anyone = Some(self.connect_to_anyone()?);
        }
        Ok(self.anyone.as_mut().expect("just made"))
    }

    fn connect_to_anyone(&self) -> Result<Connection> {
        let mut addresses: Vec<String> = self.nodes.values().map(Node::address).collect();
        addresses
            .extend(self.bootstrap.iter().filter(|address| !addresses.contains(address)).cloned().collect::<Vec<_>>());
        let mut failures = Vec::new();
        for address in &addresses {
            match Connection::open(address, &self.settings) {
                Ok(connection) => return Ok(connection),
                Err(Error::Unreachable { why, .. }) => failures.push((address.clone(), why)),
                Err(other) => failures.push((address.clone(), other.to_string())),
            }
        }
        let one = |(address, why): &(String, String)| match failures.len() {
            1 => why.clone(),
            _ => format!("{address}: {why}"),
        };
        let why: Vec<String> = failures.iter().map(one).collect();
        let why = format!("{}; is the broker running, and is this its address?", why.join(", "));
        Err(Error::Unreachable { what: String::from("asking a broker"), whom: addresses.join(","), why })
    }

    /// A connection to this broker.
    pub fn node(&mut self, id: i32) -> Result<&mut Connection> {
        if !self.connections.contains_key(&id) {
            let Some(node) = self.nodes.get(&id) else {
                let (what, whom) = (String::from("connecting"), format!("broker {id}"));
                return Err(Error::Unreachable { what, whom, why: String::from("no broker of that id is known") });
            };
            self.connections.insert(id, Connection::open(&node.address(), &self.settings)?);
        }
        Ok(self.connections.get_mut(&id).expect("just made"))
    }

    /// Asks whoever answers.
    pub fn ask_anyone<R: Request>(&mut self, request: &mut R) -> Result<R::Response> {
        let answer = self.anyone()?.call(request);
        if answer.as_ref().is_err_and(Error::breaks_connection) {
            self.anyone = None;
        }
        answer
    }

    /// Asks one broker.
    pub fn ask<R: Request>(&mut self, node: i32, request: &mut R) -> Result<R::Response> {
        self.ask_patiently(node, request, Duration::ZERO)
    }

    /// The same for a request that the broker may hold back.
    pub fn ask_patiently<R: Request>(&mut self, node: i32, request: &mut R, wait: Duration) -> Result<R::Response> {
        let answer = self.node(node)?.call_patiently(request, wait);
        if answer.as_ref().is_err_and(Error::breaks_connection) {
            self.connections.remove(&node);
        }
        answer
    }

    /// Asks the controller, which alone changes topics in a cluster that keeps ZooKeeper; in any other it is some broker.
    pub fn ask_controller<R: Request>(&mut self, request: &mut R) -> Result<R::Response> {
        if self.controller.is_none() {
            self.refresh(&[])?;
        }
        match self.controller {
            Some(node) => self.ask(node, request),
            None => self.ask_anyone(request),
        }
    }

    /// Attempts until it works, fails for good, or `default.api.timeout.ms` is over.
    pub fn persist<T>(&mut self, mut attempt: impl FnMut(&mut Cluster) -> Result<T>) -> Result<T> {
        let timeout = Duration::from_millis(self.settings.default_api_timeout_ms);
        let deadline = Instant::now() + timeout;
        let mut backoff = Backoff::new(&self.settings);
        // Who has never reached anybody has probably been given a wrong address.
        self.anyone()?;
        loop {
            match attempt(self) {
                Err(error) if error.is_retriable() || self.is_stale(&error) => {
                    let pause = backoff.next();
                    if Instant::now() + pause >= deadline {
                        let what = String::from("trying again and again");
                        return Err(Error::TimedOut { what, after: timeout, why: error.to_string() });
                    }
                    sleep(pause);
                    self.forget();
                }
                other => return other,
            }
        }
    }

    /// A broker that timed out once may be gone; it is asked again, as the requests that come here may be repeated.
    fn is_stale(&self, error: &Error) -> bool {
        matches!(error, Error::TimedOut { .. })
    }

    /// Leaders, coordinators and the controller may be others now.
    pub fn forget(&mut self) {
        self.topics.clear();
        self.coordinators.clear();
        self.controller = None;
    }

    pub fn forget_coordinator(&mut self, group: &str) {
        self.coordinators.remove(group);
    }

    /// Asks for the brokers and for these topics, and remembers what there is.
    pub fn refresh(&mut self, topics: &[&str]) -> Result<()> {
        self.metadata(Some(topics), false).map(|_| ())
    }

    /// All topics (`None`) or these, as the broker describes them, errors included.
    pub fn metadata(&mut self, topics: Option<&[&str]>, may_create: bool) -> Result<Vec<MetadataResponseTopic>> {
        let named = |name: &&str| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() };
        let mut request = MetadataRequest {
            topics: topics.map(|topics| topics.iter().map(named).collect()),
            allow_auto_topic_creation: may_create,
            ..Default::default()
        };
        let MetadataResponse { brokers, controller_id, topics, .. } = self.ask_anyone(&mut request)?;
        let nodes = brokers.into_iter().map(|b| Node { id: b.node_id, host: b.host, port: b.port, rack: b.rack });
        self.nodes = nodes.map(|node| (node.id, node)).collect();
        self.controller = Some(controller_id).filter(|id| self.nodes.contains_key(id));
        let moved =
            |id: &i32, connection: &Connection| self.nodes.get(id).is_some_and(|n| n.address() == connection.address());
        self.connections.retain(|id, connection| moved(id, connection));
        for topic in topics.iter().filter(|topic| topic.error_code.is_none()) {
            self.topics.insert(topic.name.clone().unwrap_or_default(), Topic::of(topic));
        }
        Ok(topics)
    }

    /// A topic's partitions, from what is known or from a broker.
    pub fn topic(&mut self, name: &str, may_create: bool) -> Result<&Topic> {
        if !self.topics.contains_key(name) {
            let found = self.metadata(Some(&[name]), may_create)?;
            let code = found.first().map_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, |topic| topic.error_code);
            check(|| format!("topic {name}"), code, None)?;
        }
        self.topics
            .get(name)
            .ok_or_else(|| Error::refused(format!("topic {name}"), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))
    }

    /// The broker that leads a partition.
    pub fn leader(&mut self, partition: &TopicPartition) -> Result<i32> {
        let topic = self.topic(&partition.topic, false)?;
        let refused = |code| Err(Error::refused(format!("partition {partition}"), code, None));
        match topic.partitions.get(partition.partition as usize).map(|found| found.leader) {
            None => refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            Some(None) => refused(ErrorCode::LEADER_NOT_AVAILABLE),
            Some(Some(leader)) => Ok(leader),
        }
    }

    /// These partitions by the brokers that lead them. A partition that does not exist is an error for it alone.
    pub fn by_leader<'a>(
        &mut self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Result<(ByLeader, Vec<(TopicPartition, Error)>)> {
        let (mut led, mut lost) = (ByLeader::new(), Vec::new());
        for partition in partitions {
            match self.leader(partition) {
                Ok(leader) => led.entry(leader).or_default().push(partition.clone()),
                Err(error) if error.is_retriable() || error.code().is_none() => return Err(error),
                Err(error) => lost.push((partition.clone(), error)),
            }
        }
        Ok((led, lost))
    }

    /// The broker that coordinates a group.
    pub fn coordinator(&mut self, group: &str) -> Result<i32> {
        if let Some(node) = self.coordinators.get(group) {
            return Ok(*node);
        }
        // Versions up to 3 have the one field, later ones the other.
        let (key, coordinator_keys) = (group.to_string(), vec![group.to_string()]);
        let mut request = FindCoordinatorRequest { key, key_type: GROUP, coordinator_keys };
        let answer = self.ask_anyone(&mut request)?;
        let found = answer.coordinators.into_iter().next().unwrap_or(Coordinator {
            key: group.to_string(),
            node_id: answer.node_id,
            host: answer.host,
            port: answer.port,
            error_code: answer.error_code,
            error_message: answer.error_message,
        });
        check(|| format!("finding the coordinator of group {group}"), found.error_code, found.error_message)?;
        let node = Node { id: found.node_id, host: found.host, port: found.port, rack: None };
        self.nodes.entry(node.id).or_insert(node);
        self.coordinators.insert(group.to_string(), found.node_id);
        Ok(found.node_id)
    }

    /// Asks a group's coordinator.
    pub fn ask_coordinator<R: Request>(&mut self, group: &str, request: &mut R) -> Result<R::Response> {
        let node = self.coordinator(group)?;
        let answer = self.ask(node, request);
        if answer.is_err() {
            self.forget_coordinator(group);
        }
        answer
    }
}

impl Topic {
    fn of(found: &MetadataResponseTopic) -> Topic {
        let mut sorted: Vec<&MetadataResponsePartition> = found.partitions.iter().collect();
        sorted.sort_by_key(|partition| partition.partition_index);
        let partition =
            |found: &&MetadataResponsePartition| Partition { leader: Some(found.leader_id).filter(|id| *id >= 0) };
        let partitions = sorted.iter().map(partition).collect();
        Topic { partitions }
    }
}

/// Pauses that double from `retry.backoff.ms` up to `retry.backoff.max.ms`.
pub struct Backoff {
    next_ms: u64,
    max_ms: u64,
}

impl Backoff {
    pub fn new(settings: &ClientSettings) -> Backoff {
        Backoff { next_ms: settings.retry_backoff_ms, max_ms: settings.retry_backoff_max_ms }
    }

    pub fn next(&mut self) -> Duration {
        let pause = self.next_ms.min(self.max_ms);
        self.next_ms = self.next_ms.saturating_mul(2);
        Duration::from_millis(pause)
    }
}
