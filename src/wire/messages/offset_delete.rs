//! OffsetDelete (47): deletes what a group committed for some partitions (KIP-496).
//!
//! Versions: there is one, and it is not flexible.
//!
//! Errors: GROUP_ID_NOT_FOUND, INVALID_GROUP_ID, and NON_EMPTY_GROUP for members that are no consumers, stand at the
//! response, which names no topics then. GROUP_SUBSCRIBED_TO_TOPIC and UNKNOWN_TOPIC_OR_PARTITION stand at the
//! partition. A partition without a committed offset is no error.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct OffsetDeleteRequest {
    pub group_id: String,
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

#[derive(Debug, Default)]
pub struct OffsetDeleteRequestTopic {
    pub name: String,
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

#[derive(Debug, Default)]
pub struct OffsetDeleteRequestPartition {
    pub partition_index: i32,
}

#[derive(Debug, Default)]
pub struct OffsetDeleteResponse {
    pub error_code: ErrorCode,
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetDeleteResponseTopic>,
}

#[derive(Debug, Default)]
pub struct OffsetDeleteResponseTopic {
    pub name: String,
    pub partitions: Vec<OffsetDeleteResponsePartition>,
}

#[derive(Debug, Default)]
pub struct OffsetDeleteResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
}

impl Request for OffsetDeleteRequest {
    const KEY: ApiKey = ApiKey::OFFSET_DELETE;
    type Response = OffsetDeleteResponse;
}

impl Message for OffsetDeleteRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for OffsetDeleteRequestTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for OffsetDeleteRequestPartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.tags()
    }
}

impl Message for OffsetDeleteResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for OffsetDeleteResponseTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for OffsetDeleteResponsePartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.error(ALL, &mut self.error_code)?;
        w.tags()
    }
}
