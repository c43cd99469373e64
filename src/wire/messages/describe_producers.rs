//! DescribeProducers (61): the producers that a partition knows, for people who look for a transaction that hangs
//! (KIP-664).
//!
//! Versions: only 0, which is flexible.
//!
//! Errors are per partition: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct DescribeProducersRequest {
    pub topics: Vec<TopicRequest>,
}

#[derive(Debug, Default)]
pub struct TopicRequest {
    pub name: String,
    pub partition_indexes: Vec<i32>,
}

#[derive(Debug, Default)]
pub struct DescribeProducersResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<TopicResponse>,
}

#[derive(Debug, Default)]
pub struct TopicResponse {
    pub name: String,
    pub partitions: Vec<PartitionResponse>,
}

#[derive(Debug, Default)]
pub struct PartitionResponse {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub active_producers: Vec<ProducerState>,
}

#[derive(Debug)]
pub struct ProducerState {
    pub producer_id: i64,
    /// An i16 everywhere else.
    pub producer_epoch: i32,
    /// -1: none yet.
    pub last_sequence: i32,
    /// Milliseconds since 1970; -1: none.
    pub last_timestamp: i64,
    /// Of the last end of a transaction; -1: none.
    pub coordinator_epoch: i32,
    /// -1: no transaction is open.
    pub current_txn_start_offset: i64,
}

impl Default for ProducerState {
    fn default() -> Self {
        ProducerState {
            producer_id: 0,
            producer_epoch: 0,
            last_sequence: -1,
            last_timestamp: -1,
            coordinator_epoch: 0,
            current_txn_start_offset: -1,
        }
    }
}

impl Request for DescribeProducersRequest {
    const KEY: ApiKey = ApiKey::DESCRIBE_PRODUCERS;
    type Response = DescribeProducersResponse;
}

impl Message for DescribeProducersRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for TopicRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partition_indexes)?;
        w.tags()
    }
}

impl Message for DescribeProducersResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for TopicResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for PartitionResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.array(ALL, &mut self.active_producers)?;
        w.tags()
    }
}

impl Message for ProducerState {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i64(ALL, &mut self.producer_id)?;
        w.i32(ALL, &mut self.producer_epoch)?;
        w.i32(ALL, &mut self.last_sequence)?;
        w.i64(ALL, &mut self.last_timestamp)?;
        w.i32(ALL, &mut self.coordinator_epoch)?;
        w.i64(ALL, &mut self.current_txn_start_offset)?;
        w.tags()
    }
}
