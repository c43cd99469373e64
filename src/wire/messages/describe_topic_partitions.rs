//! DescribeTopicPartitions (75): the partitions of topics, a page at a time (KIP-966).
//!
//! Versions: only 0, which is flexible.
//!
//! Errors: one per topic: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION. There is none for the response: to a
//! cursor with a negative partition, or of a topic that is not asked for, Kafka's answer has INVALID_REQUEST at each
//! topic that is.

use super::OPERATIONS_UNKNOWN;
use crate::base::{ErrorCode, Result, Uuid};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

#[derive(Debug)]
pub struct DescribeTopicPartitionsRequest {
    /// Empty: all.
    pub topics: Vec<TopicRequest>,
    pub response_partition_limit: i32,
    /// Null: from the first topic on.
    pub cursor: Option<Cursor>,
}

#[derive(Debug, Default)]
pub struct TopicRequest {
    pub name: String,
}

/// Where a page begins; pages are in the order of the topics' names.
#[derive(Debug, Default)]
pub struct Cursor {
    pub topic_name: String,
    pub partition_index: i32,
}

#[derive(Debug, Default)]
pub struct DescribeTopicPartitionsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// What to ask with for the next page; null: this is the last.
    pub next_cursor: Option<Cursor>,
}

#[derive(Debug)]
pub struct DescribeTopicPartitionsResponseTopic {
    pub error_code: ErrorCode,
    pub name: Option<String>,
    pub topic_id: Uuid,
    pub is_internal: bool,
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    pub topic_authorized_operations: i32,
}

#[derive(Debug)]
pub struct DescribeTopicPartitionsResponsePartition {
    pub error_code: ErrorCode,
    pub partition_index: i32,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    /// Replicas that left the in-sync ones with all that was committed.
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// Eligible leaders that went down in an unclean way.
    pub last_known_elr: Option<Vec<i32>>,
    pub offline_replicas: Vec<i32>,
}

impl Default for DescribeTopicPartitionsRequest {
    fn default() -> Self {
        DescribeTopicPartitionsRequest { topics: Vec::new(), response_partition_limit: 2_000, cursor: None }
    }
}

impl Default for DescribeTopicPartitionsResponseTopic {
    fn default() -> Self {
        DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::NONE,
            name: Some(String::new()),
            topic_id: Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: OPERATIONS_UNKNOWN,
        }
    }
}

impl Default for DescribeTopicPartitionsResponsePartition {
    fn default() -> Self {
        DescribeTopicPartitionsResponsePartition {
            error_code: ErrorCode::NONE,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            eligible_leader_replicas: None,
            last_known_elr: None,
            offline_replicas: Vec::new(),
        }
    }
}

impl Request for DescribeTopicPartitionsRequest {
    const KEY: ApiKey = ApiKey::DESCRIBE_TOPIC_PARTITIONS;
    type Response = DescribeTopicPartitionsResponse;
}

impl Message for DescribeTopicPartitionsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.topics)?;
        w.i32(ALL, &mut self.response_partition_limit)?;
        w.nullable_struct(ALL, &mut self.cursor)?;
        w.tags()
    }
}

impl Message for TopicRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.tags()
    }
}

impl Message for Cursor {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.topic_name)?;
        w.i32(ALL, &mut self.partition_index)?;
        w.tags()
    }
}

impl Message for DescribeTopicPartitionsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.topics)?;
        w.nullable_struct(ALL, &mut self.next_cursor)?;
        w.tags()
    }
}

impl Message for DescribeTopicPartitionsResponseTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.name)?;
        w.uuid(ALL, &mut self.topic_id)?;
        w.bool(ALL, &mut self.is_internal)?;
        w.array(ALL, &mut self.partitions)?;
        w.i32(ALL, &mut self.topic_authorized_operations)?;
        w.tags()
    }
}

impl Message for DescribeTopicPartitionsResponsePartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.i32(ALL, &mut self.partition_index)?;
        w.i32(ALL, &mut self.leader_id)?;
        w.i32(ALL, &mut self.leader_epoch)?;
        w.array(ALL, &mut self.replica_nodes)?;
        w.array(ALL, &mut self.isr_nodes)?;
        w.nullable_array(ALL, ALL, &mut self.eligible_leader_replicas)?;
        w.nullable_array(ALL, ALL, &mut self.last_known_elr)?;
        w.array(ALL, &mut self.offline_replicas)?;
        w.tags()
    }
}
