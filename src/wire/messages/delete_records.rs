//! DeleteRecords (21): moves the log start of some partitions up, so that the records before it are gone.
//!
//! Versions: 1 changes nothing in the bytes; 2 is flexible (KIP-107 has the API).
//!
//! Errors are per partition: OFFSET_OUT_OF_RANGE above the high watermark. An offset at or below the log start
//! changes nothing and succeeds.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

/// The offset that stands for the high watermark.
pub const HIGH_WATERMARK: i64 = -1;

#[derive(Debug, Default)]
pub struct DeleteRecordsRequest {
    pub topics: Vec<DeleteRecordsTopic>,
    pub timeout_ms: i32,
}

#[derive(Debug, Default)]
pub struct DeleteRecordsTopic {
    pub name: String,
    pub partitions: Vec<DeleteRecordsPartition>,
}

#[derive(Debug, Default)]
pub struct DeleteRecordsPartition {
    pub partition_index: i32,
    /// The first offset that stays, or [`HIGH_WATERMARK`].
    pub offset: i64,
}

#[derive(Debug, Default)]
pub struct DeleteRecordsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<DeleteRecordsTopicResult>,
}

#[derive(Debug, Default)]
pub struct DeleteRecordsTopicResult {
    pub name: String,
    pub partitions: Vec<DeleteRecordsPartitionResult>,
}

#[derive(Debug, Default)]
pub struct DeleteRecordsPartitionResult {
    pub partition_index: i32,
    /// The log start offset; -1 with an error.
    pub low_watermark: i64,
    pub error_code: ErrorCode,
}

impl Request for DeleteRecordsRequest {
    const KEY: ApiKey = ApiKey::DELETE_RECORDS;
    type Response = DeleteRecordsResponse;
}

impl Message for DeleteRecordsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.topics)?;
        w.i32(ALL, &mut self.timeout_ms)?;
        w.tags()
    }
}

impl Message for DeleteRecordsTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for DeleteRecordsPartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.i64(ALL, &mut self.offset)?;
        w.tags()
    }
}

impl Message for DeleteRecordsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for DeleteRecordsTopicResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for DeleteRecordsPartitionResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.i64(ALL, &mut self.low_watermark)?;
        w.error(ALL, &mut self.error_code)?;
        w.tags()
    }
}
