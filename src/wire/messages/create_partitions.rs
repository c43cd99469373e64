//! CreatePartitions (37): gives topics more partitions (KIP-195).
//!
//! Versions: 1 and 3 change nothing in the bytes (3 may answer THROTTLING_QUOTA_EXCEEDED, KIP-599); 2 is flexible.
//!
//! Errors are per topic: INVALID_PARTITIONS when the count is no increase, UNKNOWN_TOPIC_OR_PARTITION,
//! INVALID_REPLICA_ASSIGNMENT; a name that comes twice in one request is INVALID_REQUEST. With `validate_only` the
//! answer is the same and nothing is created.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct CreatePartitionsRequest {
    pub topics: Vec<CreatePartitionsTopic>,
    pub timeout_ms: i32,
    pub validate_only: bool,
}

#[derive(Debug)]
pub struct CreatePartitionsTopic {
    pub name: String,
    /// How many partitions the topic is to have, those that it has included.
    pub count: i32,
    /// Null: the broker chooses. If not, there must be one for each new partition, so an empty array is an error.
    pub assignments: Option<Vec<CreatePartitionsAssignment>>,
}

#[derive(Debug, Default)]
pub struct CreatePartitionsAssignment {
    pub broker_ids: Vec<i32>,
}

#[derive(Debug, Default)]
pub struct CreatePartitionsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<CreatePartitionsTopicResult>,
}

#[derive(Debug, Default)]
pub struct CreatePartitionsTopicResult {
    pub name: String,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
}

impl Default for CreatePartitionsTopic {
    fn default() -> Self {
        CreatePartitionsTopic { name: String::new(), count: 0, assignments: Some(Vec::new()) }
    }
}

impl Request for CreatePartitionsRequest {
    const KEY: ApiKey = ApiKey::CREATE_PARTITIONS;
    type Response = CreatePartitionsResponse;
}

impl Message for CreatePartitionsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.topics)?;
        w.i32(ALL, &mut self.timeout_ms)?;
        w.bool(ALL, &mut self.validate_only)?;
        w.tags()
    }
}

impl Message for CreatePartitionsTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.i32(ALL, &mut self.count)?;
        w.nullable_array(ALL, ALL, &mut self.assignments)?;
        w.tags()
    }
}

impl Message for CreatePartitionsAssignment {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.broker_ids)?;
        w.tags()
    }
}

impl Message for CreatePartitionsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.results)?;
        w.tags()
    }
}

impl Message for CreatePartitionsTopicResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.tags()
    }
}
