//! ListOffsets (2): finds an offset of each of some partitions, by timestamp or by name.
//!
//! Versions: 1 answers one offset (0, a list of them, is not served); 2 has the isolation level (KIP-98); 4 fences by
//! leader epoch (KIP-320); 6 is flexible; 7 asks for the largest timestamp (KIP-734). 8 and up ask about tiers.
//!
//! Errors are per partition. A timestamp that no record reaches is no error: the offset and the timestamp are -1.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

/// Instead of a timestamp: the end of the log, or the last stable offset when read committed.
pub const LATEST: i64 = -1;
/// Instead of a timestamp: the log start offset.
pub const EARLIEST: i64 = -2;
/// Instead of a timestamp: the record with the largest one (version 7 and up).
pub const MAX_TIMESTAMP: i64 = -3;

#[derive(Debug)]
pub struct ListOffsetsRequest {
    /// -1 for a consumer.
    pub replica_id: i32,
    /// 0: read uncommitted; 1: read committed.
    pub isolation_level: i8,
    pub topics: Vec<ListOffsetsTopic>,
}

#[derive(Debug, Default)]
pub struct ListOffsetsTopic {
    pub name: String,
    pub partitions: Vec<ListOffsetsPartition>,
}

#[derive(Debug)]
pub struct ListOffsetsPartition {
    pub partition_index: i32,
    /// -1: not checked.
    pub current_leader_epoch: i32,
    /// ms, or one of [`LATEST`], [`EARLIEST`], [`MAX_TIMESTAMP`].
    pub timestamp: i64,
}

#[derive(Debug, Default)]
pub struct ListOffsetsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<ListOffsetsTopicResponse>,
}

#[derive(Debug, Default)]
pub struct ListOffsetsTopicResponse {
    pub name: String,
    pub partitions: Vec<ListOffsetsPartitionResponse>,
}

#[derive(Debug)]
pub struct ListOffsetsPartitionResponse {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    /// Of the record found by timestamp; -1 if it was asked by name.
    pub timestamp: i64,
    pub offset: i64,
    pub leader_epoch: i32,
}

impl Default for ListOffsetsRequest {
    fn default() -> Self {
        ListOffsetsRequest { replica_id: -1, isolation_level: 0, topics: Vec::new() }
    }
}

impl Default for ListOffsetsPartition {
    fn default() -> Self {
        ListOffsetsPartition { partition_index: 0, current_leader_epoch: -1, timestamp: 0 }
    }
}

impl Default for ListOffsetsPartitionResponse {
    fn default() -> Self {
        let error_code = ErrorCode::NONE;
        ListOffsetsPartitionResponse { partition_index: 0, error_code, timestamp: -1, offset: -1, leader_epoch: -1 }
    }
}

impl Request for ListOffsetsRequest {
    const KEY: ApiKey = ApiKey::LIST_OFFSETS;
    type Response = ListOffsetsResponse;
}

impl Message for ListOffsetsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.replica_id)?;
        w.i8(since(2), &mut self.isolation_level)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for ListOffsetsTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for ListOffsetsPartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.i32(since(4), &mut self.current_leader_epoch)?;
        w.i64(ALL, &mut self.timestamp)?;
        w.tags()
    }
}

impl Message for ListOffsetsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(2), &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for ListOffsetsTopicResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for ListOffsetsPartitionResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.error(ALL, &mut self.error_code)?;
        w.i64(ALL, &mut self.timestamp)?;
        w.i64(ALL, &mut self.offset)?;
        w.i32(since(4), &mut self.leader_epoch)?;
        w.tags()
    }
}
