//! ElectLeaders (43): makes the first of a partition's replicas its leader, or any that lives (KIP-183).
//!
//! Versions: 1 names the kind of election (KIP-460) and has an error for the whole response; 2 is flexible.
//!
//! Errors: one per partition: ELECTION_NOT_NEEDED when the leader is the right one, as it always is where there is one
//! broker; UNKNOWN_TOPIC_OR_PARTITION. When all are asked for, those that need no election are left out of the answer.
//! One for the response: INVALID_REQUEST for another kind of election.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug)]
pub struct ElectLeadersRequest {
    /// 0 the preferred replica, 1 any that lives if no replica is in sync. Without the field: 0.
    pub election_type: i8,
    /// Null: all.
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    pub timeout_ms: i32,
}

#[derive(Debug, Default)]
pub struct TopicPartitions {
    pub topic: String,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Default)]
pub struct ElectLeadersResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub replica_election_results: Vec<ReplicaElectionResult>,
}

#[derive(Debug, Default)]
pub struct ReplicaElectionResult {
    pub topic: String,
    pub partition_result: Vec<PartitionResult>,
}

#[derive(Debug, Default)]
pub struct PartitionResult {
    pub partition_id: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
}

impl Default for ElectLeadersRequest {
    fn default() -> Self {
        ElectLeadersRequest { election_type: 0, topic_partitions: Some(Vec::new()), timeout_ms: 60_000 }
    }
}

impl Request for ElectLeadersRequest {
    const KEY: ApiKey = ApiKey::ELECT_LEADERS;
    type Response = ElectLeadersResponse;
}

impl Message for ElectLeadersRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i8(since(1), &mut self.election_type)?;
        w.nullable_array(ALL, ALL, &mut self.topic_partitions)?;
        w.i32(ALL, &mut self.timeout_ms)?;
        w.tags()
    }
}

impl Message for TopicPartitions {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.topic)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for ElectLeadersResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.error(since(1), &mut self.error_code)?;
        w.array(ALL, &mut self.replica_election_results)?;
        w.tags()
    }
}

impl Message for ReplicaElectionResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.topic)?;
        w.array(ALL, &mut self.partition_result)?;
        w.tags()
    }
}

impl Message for PartitionResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_id)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.tags()
    }
}
