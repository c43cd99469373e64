//! Topics: listed, described, created, given more partitions, deleted.
//!
//! Always true: each topic has an answer of its own; creating and deleting is done when the broker says so.
//! Not done: partitions are not moved between brokers.

use super::{only, Admin, Each};
use crate::base::Uuid;
use crate::client::cluster::Cluster;
use crate::client::error::{check, Result};
use crate::wire::messages::create_partitions::CreatePartitionsTopic;
use crate::wire::messages::create_topics::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};
use crate::wire::messages::delete_topics::DeleteTopicState;
use crate::wire::messages::metadata::{MetadataResponsePartition, MetadataResponseTopic};
use crate::wire::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};

/// A topic that is to be.
#[derive(Clone, Debug)]
pub struct NewTopic {
    name: String,
    partitions: i32,
    replication_factor: i16,
    replicas: Vec<Vec<i32>>,
    configs: Vec<(String, String)>,
}

impl NewTopic {
    /// With the broker's own number of partitions and replicas.
    pub fn new(name: impl Into<String>) -> NewTopic {
        let (replicas, configs) = (Vec::new(), Vec::new());
        NewTopic { name: name.into(), partitions: -1, replication_factor: -1, replicas, configs }
    }

    pub fn partitions(self, partitions: i32) -> NewTopic {
        NewTopic { partitions, ..self }
    }

    pub fn replication_factor(self, replication_factor: i16) -> NewTopic {
        NewTopic { replication_factor, ..self }
    }

    /// The brokers that shall hold each partition, instead of counts.
    pub fn replicas(self, replicas: Vec<Vec<i32>>) -> NewTopic {
        NewTopic { replicas, ..self }
    }

    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> NewTopic {
        self.configs.push((key.into(), value.into()));
        self
    }

    fn message(&self) -> CreatableTopic {
        let assignment = |(index, brokers): (usize, &Vec<i32>)| CreatableReplicaAssignment {
            partition_index: index as i32,
            broker_ids: brokers.clone(),
        };
        let config =
            |(name, value): &(String, String)| CreatableTopicConfig { name: name.clone(), value: Some(value.clone()) };
        CreatableTopic {
            name: self.name.clone(),
            num_partitions: if self.replicas.is_empty() { self.partitions } else { -1 },
            replication_factor: if self.replicas.is_empty() { self.replication_factor } else { -1 },
            assignments: self.replicas.iter().enumerate().map(assignment).collect(),
            configs: self.configs.iter().map(config).collect(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct TopicDescription {
    pub name: String,
    /// Zero from brokers that give topics none.
    pub id: Uuid,
    pub is_internal: bool,
    pub partitions: Vec<PartitionDescription>,
}

#[derive(Clone, Debug)]
pub struct PartitionDescription {
    pub partition: i32,
    /// None: it has none at the moment.
    pub leader: Option<i32>,
    pub leader_epoch: i32,
    pub replicas: Vec<i32>,
    /// Those that have all that the leader has.
    pub in_sync: Vec<i32>,
    pub offline: Vec<i32>,
}

impl TopicDescription {
    fn of(topic: MetadataResponseTopic) -> TopicDescription {
        let partition = |found: MetadataResponsePartition| PartitionDescription {
            partition: found.partition_index,
            leader: Some(found.leader_id).filter(|id| *id >= 0),
            leader_epoch: found.leader_epoch,
            replicas: found.replica_nodes,
            in_sync: found.isr_nodes,
            offline: found.offline_replicas,
        };
        let mut partitions: Vec<_> = topic.partitions.into_iter().map(partition).collect();
        partitions.sort_by_key(|partition| partition.partition);
        let name = topic.name.unwrap_or_default();
        TopicDescription { name, id: topic.topic_id, is_internal: topic.is_internal, partitions }
    }
}

impl Admin {
    /// All topics, by name, internal ones included.
    pub fn list_topics(&mut self) -> Result<Vec<TopicDescription>> {
        let found = self.cluster.persist(|cluster| cluster.metadata(None, false))?;
        let mut topics: Vec<_> =
            found.into_iter().filter(|t| t.error_code.is_none()).map(TopicDescription::of).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    pub fn describe_topics(&mut self, names: &[&str]) -> Result<Each<String, TopicDescription>> {
        let found = self.cluster.persist(|cluster| cluster.metadata(Some(names), false))?;
        let each = |topic: MetadataResponseTopic| {
            let name = topic.name.clone().unwrap_or_default();
            let checked = check(|| format!("topic {name}"), topic.error_code, None);
            (name, checked.map(|()| TopicDescription::of(topic)))
        };
        Ok(found.into_iter().map(each).collect())
    }

    pub fn describe_topic(&mut self, name: &str) -> Result<TopicDescription> {
        only(self.describe_topics(&[name])?, name)
    }

    /// Creates topics, or with `validate_only` says whether it would. The answer is each topic's number of partitions.
    pub fn create_topics(&mut self, topics: &[NewTopic], validate_only: bool) -> Result<Each<String, i32>> {
        let topics = topics.iter().map(NewTopic::message).collect();
        let timeout_ms = timeout_ms(&self.cluster);
        let mut request = CreateTopicsRequest { topics, timeout_ms, validate_only };
        let answer = self.cluster.ask_controller(&mut request)?;
        let each = answer.topics.into_iter().map(|topic| {
            let what = || format!("creating topic {}", topic.name);
            let checked = check(what, topic.error_code, topic.error_message);
            (topic.name, checked.map(|()| topic.num_partitions))
        });
        Ok(each.collect())
    }

    pub fn create_topic(&mut self, topic: &NewTopic) -> Result<()> {
        only(self.create_topics(std::slice::from_ref(topic), false)?, &topic.name).map(|_| ())
    }

    pub fn delete_topics(&mut self, names: &[&str]) -> Result<Each<String, ()>> {
        // Versions up to 5 have the one field, later ones the other.
        let topic_names = names.iter().map(|name| name.to_string()).collect();
        let state = |name: &&str| DeleteTopicState { name: Some(name.to_string()), topic_id: Uuid::ZERO };
        let topics = names.iter().map(state).collect();
        let timeout_ms = timeout_ms(&self.cluster);
        let mut request = DeleteTopicsRequest { topics, topic_names, timeout_ms };
        let answer = self.cluster.ask_controller(&mut request)?;
        self.cluster.forget();
        let each = answer.responses.into_iter().map(|topic| {
            let name = topic.name.unwrap_or_default();
            let checked = check(|| format!("deleting topic {name}"), topic.error_code, topic.error_message);
            (name, checked)
        });
        Ok(each.collect())
    }

    pub fn delete_topic(&mut self, name: &str) -> Result<()> {
        only(self.delete_topics(&[name])?, name)
    }

    /// Gives topics as many partitions as are named, those that they have included.
    pub fn create_partitions(&mut self, topics: &[(&str, i32)], validate_only: bool) -> Result<Each<String, ()>> {
        let topic = |(name, count): &(&str, i32)| CreatePartitionsTopic {
            name: name.to_string(),
            count: *count,
            assignments: None,
        };
        let topics = topics.iter().map(topic).collect();
        let timeout_ms = timeout_ms(&self.cluster);
        let mut request = CreatePartitionsRequest { topics, timeout_ms, validate_only };
        let answer = self.cluster.ask_controller(&mut request)?;
        self.cluster.forget();
        let each = answer.results.into_iter().map(|topic| {
            let what = || format!("giving topic {} more partitions", topic.name);
            let checked = check(what, topic.error_code, topic.error_message);
            (topic.name, checked)
        });
        Ok(each.collect())
    }
}

/// How long a broker may take for what it does with other brokers; the connection waits that long too.
pub(super) fn timeout_ms(cluster: &Cluster) -> i32 {
    i32::try_from(cluster.settings().request_timeout_ms).unwrap_or(i32::MAX)
}
