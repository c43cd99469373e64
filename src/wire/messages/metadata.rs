//! Metadata (3): the brokers, and the partitions of some or all topics. A client's first question after ApiVersions.
//!
//! Versions: 1 has racks, the controller and internal topics, and asks for all topics with null; 2 has the cluster id
//! (KIP-78); 4 says whether an unknown topic may be created; 5 has offline replicas (KIP-112); 7 has leader epochs
//! (KIP-320); 8 to 10 the cluster's authorized operations (KIP-430), 8 and up a topic's; 9 is flexible; 10 answers
//! topic ids (KIP-516); 12 can ask by topic id. 13 adds a top-level error.
//!
//! Errors are per topic (UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID when asked by id, INVALID_TOPIC_EXCEPTION) and
//! per partition (LEADER_NOT_AVAILABLE; here, where it is the only replica, an offline one has leader -1).
//!
//! Always true: `allow_auto_topic_creation` is true in versions that do not have it, as those brokers always created.

use super::OPERATIONS_UNKNOWN;
use crate::base::{ErrorCode, Result, Uuid};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{between, since, Message, Walk, ALL};

#[derive(Debug)]
pub struct MetadataRequest {
    /// See [`MetadataRequest::asks_for_all`].
    pub topics: Option<Vec<MetadataRequestTopic>>,
    pub allow_auto_topic_creation: bool,
    pub include_cluster_authorized_operations: bool,
    pub include_topic_authorized_operations: bool,
}

#[derive(Debug, Default)]
pub struct MetadataRequestTopic {
    /// Zero when asked by name.
    pub topic_id: Uuid,
    /// Null when asked by id, which works from version 12 on, although 10 can already write it.
    pub name: Option<String>,
}

#[derive(Debug)]
pub struct MetadataResponse {
    pub throttle_time_ms: i32,
    pub brokers: Vec<MetadataResponseBroker>,
    pub cluster_id: Option<String>,
    pub controller_id: i32,
    pub topics: Vec<MetadataResponseTopic>,
    pub cluster_authorized_operations: i32,
}

#[derive(Debug, Default)]
pub struct MetadataResponseBroker {
    pub node_id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

#[derive(Debug)]
pub struct MetadataResponseTopic {
    pub error_code: ErrorCode,
    /// Null only for an unknown id.
    pub name: Option<String>,
    pub topic_id: Uuid,
    pub is_internal: bool,
    pub partitions: Vec<MetadataResponsePartition>,
    pub topic_authorized_operations: i32,
}

#[derive(Debug)]
pub struct MetadataResponsePartition {
    pub error_code: ErrorCode,
    pub partition_index: i32,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    pub offline_replicas: Vec<i32>,
}

impl MetadataRequest {
    /// Null asks for all topics and an empty list for none; in version 0, which has no null, the empty list for all.
    pub fn asks_for_all(&self, version: i16) -> bool {
        match &self.topics {
            None => true,
            Some(topics) => version == 0 && topics.is_empty(),
        }
    }
}

impl Default for MetadataRequest {
    fn default() -> Self {
        MetadataRequest {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
        }
    }
}

impl Default for MetadataResponse {
    fn default() -> Self {
        MetadataResponse {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: -1,
            topics: Vec::new(),
            cluster_authorized_operations: OPERATIONS_UNKNOWN,
        }
    }
}

impl Default for MetadataResponseTopic {
    fn default() -> Self {
        MetadataResponseTopic {
            error_code: ErrorCode::NONE,
            name: Some(String::new()),
            topic_id: Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: OPERATIONS_UNKNOWN,
        }
    }
}

impl Default for MetadataResponsePartition {
    fn default() -> Self {
        MetadataResponsePartition {
            error_code: ErrorCode::NONE,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            offline_replicas: Vec::new(),
        }
    }
}

impl Request for MetadataRequest {
    const KEY: ApiKey = ApiKey::METADATA;
    type Response = MetadataResponse;
}

impl Message for MetadataRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.nullable_array(ALL, since(1), &mut self.topics)?;
        w.bool(since(4), &mut self.allow_auto_topic_creation)?;
        w.bool(between(8, 10), &mut self.include_cluster_authorized_operations)?;
        w.bool(since(8), &mut self.include_topic_authorized_operations)?;
        w.tags()
    }
}

impl Message for MetadataRequestTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.uuid(since(10), &mut self.topic_id)?;
        w.nullable_string(ALL, since(10), &mut self.name)?;
        w.tags()
    }
}

impl Message for MetadataResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(3), &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.brokers)?;
        w.nullable_string(since(2), ALL, &mut self.cluster_id)?;
        w.i32(since(1), &mut self.controller_id)?;
        w.array(ALL, &mut self.topics)?;
        w.i32(between(8, 10), &mut self.cluster_authorized_operations)?;
        w.tags()
    }
}

impl Message for MetadataResponseBroker {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.node_id)?;
        w.string(ALL, &mut self.host)?;
        w.i32(ALL, &mut self.port)?;
        w.nullable_string(since(1), ALL, &mut self.rack)?;
        w.tags()
    }
}

impl Message for MetadataResponseTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, since(12), &mut self.name)?;
        w.uuid(since(10), &mut self.topic_id)?;
        w.bool(since(1), &mut self.is_internal)?;
        w.array(ALL, &mut self.partitions)?;
        w.i32(since(8), &mut self.topic_authorized_operations)?;
        w.tags()
    }
}

impl Message for MetadataResponsePartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.i32(ALL, &mut self.partition_index)?;
        w.i32(ALL, &mut self.leader_id)?;
        w.i32(since(7), &mut self.leader_epoch)?;
        w.array(ALL, &mut self.replica_nodes)?;
        w.array(ALL, &mut self.isr_nodes)?;
        w.array(since(5), &mut self.offline_replicas)?;
        w.tags()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_0_asks_for_all_topics_with_an_empty_list() {
        let with = |topics| MetadataRequest { topics, ..Default::default() };
        assert!(with(Some(vec![])).asks_for_all(0));
        assert!(!with(Some(vec![])).asks_for_all(1));
        assert!(with(None).asks_for_all(1));
        assert!(!with(Some(vec![Default::default()])).asks_for_all(0));
    }
}
