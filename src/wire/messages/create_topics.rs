//! CreateTopics (19): creates topics, or says whether it would.
//!
//! Versions: 2 has the throttle time; 4 allows -1 for the broker's default number of partitions and of replicas
//! (KIP-464), which Kafka accepts in 2 and 3 as well, and kafkajs sends there; 5 is flexible and answers the topic's
//! configuration (KIP-525); 7 answers its id (KIP-516).
//!
//! Errors are per topic (TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR,
//! INVALID_REPLICA_ASSIGNMENT, INVALID_CONFIG), with a message for people. A name that comes twice in one request is
//! INVALID_REQUEST. With `validate_only` the answer is the same and nothing is created.

use crate::base::{ErrorCode, Result, Uuid};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug)]
pub struct CreateTopicsRequest {
    pub topics: Vec<CreatableTopic>,
    pub timeout_ms: i32,
    pub validate_only: bool,
}

#[derive(Debug, Default)]
pub struct CreatableTopic {
    pub name: String,
    /// -1: the broker's default, or as many as there are assignments.
    pub num_partitions: i32,
    /// -1: the broker's default.
    pub replication_factor: i16,
    pub assignments: Vec<CreatableReplicaAssignment>,
    pub configs: Vec<CreatableTopicConfig>,
}

#[derive(Debug, Default)]
pub struct CreatableReplicaAssignment {
    pub partition_index: i32,
    pub broker_ids: Vec<i32>,
}

#[derive(Debug, Default)]
pub struct CreatableTopicConfig {
    pub name: String,
    pub value: Option<String>,
}

#[derive(Debug, Default)]
pub struct CreateTopicsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<CreatableTopicResult>,
}

#[derive(Debug)]
pub struct CreatableTopicResult {
    pub name: String,
    pub topic_id: Uuid,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub num_partitions: i32,
    pub replication_factor: i16,
    /// Null with an error.
    pub configs: Option<Vec<CreatableTopicConfigs>>,
}

#[derive(Debug)]
pub struct CreatableTopicConfigs {
    pub name: String,
    pub value: Option<String>,
    pub read_only: bool,
    /// Where the value comes from, as in DescribeConfigs: 1 the topic, 4 the broker's own settings, 5 a default.
    pub config_source: i8,
    pub is_sensitive: bool,
}

impl Default for CreateTopicsRequest {
    fn default() -> Self {
        CreateTopicsRequest { topics: Vec::new(), timeout_ms: 60_000, validate_only: false }
    }
}

impl Default for CreatableTopicResult {
    fn default() -> Self {
        CreatableTopicResult {
            name: String::new(),
            topic_id: Uuid::ZERO,
            error_code: ErrorCode::NONE,
            error_message: None,
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(Vec::new()),
        }
    }
}

impl Default for CreatableTopicConfigs {
    fn default() -> Self {
        let name = String::new();
        CreatableTopicConfigs { name, value: None, read_only: false, config_source: -1, is_sensitive: false }
    }
}

impl Request for CreateTopicsRequest {
    const KEY: ApiKey = ApiKey::CREATE_TOPICS;
    type Response = CreateTopicsResponse;
}

impl Message for CreateTopicsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.topics)?;
        w.i32(ALL, &mut self.timeout_ms)?;
        w.bool(ALL, &mut self.validate_only)?;
        w.tags()
    }
}

impl Message for CreatableTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.i32(ALL, &mut self.num_partitions)?;
        w.i16(ALL, &mut self.replication_factor)?;
        w.array(ALL, &mut self.assignments)?;
        w.array(ALL, &mut self.configs)?;
        w.tags()
    }
}

impl Message for CreatableReplicaAssignment {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.array(ALL, &mut self.broker_ids)?;
        w.tags()
    }
}

impl Message for CreatableTopicConfig {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.nullable_string(ALL, ALL, &mut self.value)?;
        w.tags()
    }
}

impl Message for CreateTopicsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for CreatableTopicResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.uuid(since(7), &mut self.topic_id)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.i32(since(5), &mut self.num_partitions)?;
        w.i16(since(5), &mut self.replication_factor)?;
        w.nullable_array(since(5), ALL, &mut self.configs)?;
        w.tags()
    }
}

impl Message for CreatableTopicConfigs {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.nullable_string(ALL, ALL, &mut self.value)?;
        w.bool(ALL, &mut self.read_only)?;
        w.i8(ALL, &mut self.config_source)?;
        w.bool(ALL, &mut self.is_sensitive)?;
        w.tags()
    }
}
