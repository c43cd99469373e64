//! OffsetCommit (8): stores, for a group, the offset in each of some partitions from which it will read on.
//!
//! Versions: 2 to 4 have a retention time, which 5 leaves to the broker (KIP-211); 3 has the throttle time; 6 has the
//! leader epoch (KIP-320); 7 static members (KIP-345); 8 is flexible. 0 and 1, which name no retention, are not served;
//! 9 is for the consumer group protocol (KIP-848), 10 names topics by id.
//!
//! Errors are per partition: OFFSET_METADATA_TOO_LARGE, UNKNOWN_TOPIC_OR_PARTITION. What is wrong with the group or the
//! member (ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, REBALANCE_IN_PROGRESS, INVALID_GROUP_ID) stands
//! at each partition of the request.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{between, since, Message, Walk, ALL};

#[derive(Debug)]
pub struct OffsetCommitRequest {
    pub group_id: String,
    /// The generation; -1 from whoever is no member, as an admin tool, or a consumer with partitions of its choice.
    pub generation_id_or_member_epoch: i32,
    /// Empty from whoever is no member.
    pub member_id: String,
    pub group_instance_id: Option<String>,
    /// -1: as the broker is configured.
    pub retention_time_ms: i64,
    pub topics: Vec<OffsetCommitRequestTopic>,
}

#[derive(Debug, Default)]
pub struct OffsetCommitRequestTopic {
    pub name: String,
    pub partitions: Vec<OffsetCommitRequestPartition>,
}

#[derive(Debug)]
pub struct OffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// Of the record before that offset; -1 if it is not known.
    pub committed_leader_epoch: i32,
    /// Whatever the client likes to find with the offset; Kafka keeps null as an empty string.
    pub committed_metadata: Option<String>,
}

#[derive(Debug, Default)]
pub struct OffsetCommitResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetCommitResponseTopic>,
}

#[derive(Debug, Default)]
pub struct OffsetCommitResponseTopic {
    pub name: String,
    pub partitions: Vec<OffsetCommitResponsePartition>,
}

#[derive(Debug, Default)]
pub struct OffsetCommitResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
}

impl Default for OffsetCommitRequest {
    fn default() -> Self {
        OffsetCommitRequest {
            group_id: String::new(),
            generation_id_or_member_epoch: -1,
            member_id: String::new(),
            group_instance_id: None,
            retention_time_ms: -1,
            topics: Vec::new(),
        }
    }
}

impl Default for OffsetCommitRequestPartition {
    fn default() -> Self {
        OffsetCommitRequestPartition {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(String::new()),
        }
    }
}

impl Request for OffsetCommitRequest {
    const KEY: ApiKey = ApiKey::OFFSET_COMMIT;
    type Response = OffsetCommitResponse;
}

impl Message for OffsetCommitRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.i32(ALL, &mut self.generation_id_or_member_epoch)?;
        w.string(ALL, &mut self.member_id)?;
        w.nullable_string(since(7), ALL, &mut self.group_instance_id)?;
        w.i64(between(2, 4), &mut self.retention_time_ms)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for OffsetCommitRequestTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for OffsetCommitRequestPartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.i64(ALL, &mut self.committed_offset)?;
        w.i32(since(6), &mut self.committed_leader_epoch)?;
        w.nullable_string(ALL, ALL, &mut self.committed_metadata)?;
        w.tags()
    }
}

impl Message for OffsetCommitResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(3), &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for OffsetCommitResponseTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for OffsetCommitResponsePartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.error(ALL, &mut self.error_code)?;
        w.tags()
    }
}
