//! DescribeLogDirs (35): which partitions lie in which directory, and how large they are (KIP-113).
//!
//! Versions: 2 is flexible; 3 has an error for the whole response (KIP-784); 4 the size of the disk (KIP-827). 0 is not
//! served; no client needs it.
//!
//! Errors: one per directory, KAFKA_STORAGE_ERROR when it is offline. A topic or partition that does not exist is no
//! error: the answer does not have it.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug)]
pub struct DescribeLogDirsRequest {
    /// Null: all.
    pub topics: Option<Vec<DescribableLogDirTopic>>,
}

#[derive(Debug, Default)]
pub struct DescribableLogDirTopic {
    pub topic: String,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Default)]
pub struct DescribeLogDirsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub results: Vec<DescribeLogDirsResult>,
}

#[derive(Debug)]
pub struct DescribeLogDirsResult {
    pub error_code: ErrorCode,
    /// The directory's absolute path.
    pub log_dir: String,
    pub topics: Vec<DescribeLogDirsTopic>,
    /// Of the file system that the directory is on; -1 if unknown.
    pub total_bytes: i64,
    /// Of the file system that the directory is on; -1 if unknown.
    pub usable_bytes: i64,
}

#[derive(Debug, Default)]
pub struct DescribeLogDirsTopic {
    pub name: String,
    pub partitions: Vec<DescribeLogDirsPartition>,
}

#[derive(Debug, Default)]
pub struct DescribeLogDirsPartition {
    pub partition_index: i32,
    /// Bytes of its segments' records.
    pub partition_size: i64,
    /// How far the log end offset is above the high watermark.
    pub offset_lag: i64,
    /// The log is to replace one in another directory, once it has caught up with it.
    pub is_future_key: bool,
}

impl Default for DescribeLogDirsRequest {
    fn default() -> Self {
        DescribeLogDirsRequest { topics: Some(Vec::new()) }
    }
}

impl Default for DescribeLogDirsResult {
    fn default() -> Self {
        DescribeLogDirsResult {
            error_code: ErrorCode::NONE,
            log_dir: String::new(),
            topics: Vec::new(),
            total_bytes: -1,
            usable_bytes: -1,
        }
    }
}

impl Request for DescribeLogDirsRequest {
    const KEY: ApiKey = ApiKey::DESCRIBE_LOG_DIRS;
    type Response = DescribeLogDirsResponse;
}

impl Message for DescribeLogDirsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.nullable_array(ALL, ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for DescribableLogDirTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.topic)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for DescribeLogDirsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.error(since(3), &mut self.error_code)?;
        w.array(ALL, &mut self.results)?;
        w.tags()
    }
}

impl Message for DescribeLogDirsResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.string(ALL, &mut self.log_dir)?;
        w.array(ALL, &mut self.topics)?;
        w.i64(since(4), &mut self.total_bytes)?;
        w.i64(since(4), &mut self.usable_bytes)?;
        w.tags()
    }
}

impl Message for DescribeLogDirsTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for DescribeLogDirsPartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.i64(ALL, &mut self.partition_size)?;
        w.i64(ALL, &mut self.offset_lag)?;
        w.bool(ALL, &mut self.is_future_key)?;
        w.tags()
    }
}
