//! OffsetForLeaderEpoch (23): where a leader epoch ended, so that a consumer notices that the log was cut behind it.
//!
//! Versions: 2 fences by the client's leader epoch (KIP-320); 3 has the replica id; 4 is flexible. 0 and 1 were for
//! followers.
//!
//! Errors are per partition (FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, UNKNOWN_TOPIC_OR_PARTITION). An epoch that the
//! log has nothing of is no error: epoch and end offset are -1.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug)]
pub struct OffsetForLeaderEpochRequest {
    /// -1 for a consumer, -2 for one that may see offsets above the high watermark.
    pub replica_id: i32,
    pub topics: Vec<OffsetForLeaderTopic>,
}

#[derive(Debug, Default)]
pub struct OffsetForLeaderTopic {
    pub topic: String,
    pub partitions: Vec<OffsetForLeaderPartition>,
}

#[derive(Debug)]
pub struct OffsetForLeaderPartition {
    pub partition: i32,
    /// -1: not checked.
    pub current_leader_epoch: i32,
    /// The one whose end is asked for.
    pub leader_epoch: i32,
}

#[derive(Debug, Default)]
pub struct OffsetForLeaderEpochResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetForLeaderTopicResult>,
}

#[derive(Debug, Default)]
pub struct OffsetForLeaderTopicResult {
    pub topic: String,
    pub partitions: Vec<EpochEndOffset>,
}

#[derive(Debug)]
pub struct EpochEndOffset {
    pub error_code: ErrorCode,
    pub partition: i32,
    /// The largest epoch of the log that is not above the one asked for.
    pub leader_epoch: i32,
    pub end_offset: i64,
}

impl Default for OffsetForLeaderEpochRequest {
    fn default() -> Self {
        OffsetForLeaderEpochRequest { replica_id: -2, topics: Vec::new() }
    }
}

impl Default for OffsetForLeaderPartition {
    fn default() -> Self {
        OffsetForLeaderPartition { partition: 0, current_leader_epoch: -1, leader_epoch: 0 }
    }
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        EpochEndOffset { error_code: ErrorCode::NONE, partition: 0, leader_epoch: -1, end_offset: -1 }
    }
}

impl Request for OffsetForLeaderEpochRequest {
    const KEY: ApiKey = ApiKey::OFFSET_FOR_LEADER_EPOCH;
    type Response = OffsetForLeaderEpochResponse;
}

impl Message for OffsetForLeaderEpochRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(3), &mut self.replica_id)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for OffsetForLeaderTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.topic)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for OffsetForLeaderPartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition)?;
        w.i32(ALL, &mut self.current_leader_epoch)?;
        w.i32(ALL, &mut self.leader_epoch)?;
        w.tags()
    }
}

impl Message for OffsetForLeaderEpochResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for OffsetForLeaderTopicResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.topic)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for EpochEndOffset {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.i32(ALL, &mut self.partition)?;
        w.i32(ALL, &mut self.leader_epoch)?;
        w.i64(ALL, &mut self.end_offset)?;
        w.tags()
    }
}
