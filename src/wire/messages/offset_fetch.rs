//! OffsetFetch (9): the offsets that a group has committed.
//!
//! Versions: 2 asks for all topics with null, and has an error for the whole response (KIP-88); 3 has the throttle
//! time; 5 the leader epoch (KIP-320); 6 is flexible; 7 can hold back what an open transaction may change (KIP-447);
//! 8 asks for several groups at once in another layout (KIP-709). 0 (offsets in ZooKeeper) is not served; 9 is for the
//! consumer group protocol (KIP-848), 10 names topics by id.
//!
//! Errors: what is wrong with the group stands at each partition in version 1, at the response up to 7, at the group
//! from 8 on. A group that does not exist, or a partition that it committed nothing for, is no error: the offset and
//! the leader epoch are -1, the metadata is empty; asked for all topics, the answer has none.
//!
//! Always true: up to version 7 `group_id`, `topics` and the response's own error are used, from 8 on `groups`; the
//! others are empty.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{between, since, until, Message, Walk, ALL};

#[derive(Debug)]
pub struct OffsetFetchRequest {
    pub group_id: String,
    /// Null: all that the group committed for (version 2 and up).
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// UNSTABLE_OFFSET_COMMIT for a partition to which an open transaction may commit.
    pub require_stable: bool,
}

#[derive(Debug)]
pub struct OffsetFetchRequestGroup {
    pub group_id: String,
    /// Null: all that the group committed for.
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
}

/// In both layouts.
#[derive(Debug, Default)]
pub struct OffsetFetchRequestTopic {
    pub name: String,
    pub partition_indexes: Vec<i32>,
}

#[derive(Debug, Default)]
pub struct OffsetFetchResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetFetchResponseTopic>,
    pub error_code: ErrorCode,
    pub groups: Vec<OffsetFetchResponseGroup>,
}

#[derive(Debug, Default)]
pub struct OffsetFetchResponseGroup {
    pub group_id: String,
    pub topics: Vec<OffsetFetchResponseTopic>,
    pub error_code: ErrorCode,
}

/// In both layouts.
#[derive(Debug, Default)]
pub struct OffsetFetchResponseTopic {
    pub name: String,
    pub partitions: Vec<OffsetFetchResponsePartition>,
}

/// In both layouts.
#[derive(Debug)]
pub struct OffsetFetchResponsePartition {
    pub partition_index: i32,
    /// -1 if there is none.
    pub committed_offset: i64,
    /// As it was committed; -1 if there is none.
    pub committed_leader_epoch: i32,
    /// As it was committed; empty if there is none.
    pub metadata: Option<String>,
    pub error_code: ErrorCode,
}

impl Default for OffsetFetchRequest {
    fn default() -> Self {
        let topics = Some(Vec::new());
        OffsetFetchRequest { group_id: String::new(), topics, groups: Vec::new(), require_stable: false }
    }
}

impl Default for OffsetFetchRequestGroup {
    fn default() -> Self {
        OffsetFetchRequestGroup { group_id: String::new(), topics: Some(Vec::new()) }
    }
}

impl Default for OffsetFetchResponsePartition {
    fn default() -> Self {
        OffsetFetchResponsePartition {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(String::new()),
            error_code: ErrorCode::NONE,
        }
    }
}

impl Request for OffsetFetchRequest {
    const KEY: ApiKey = ApiKey::OFFSET_FETCH;
    type Response = OffsetFetchResponse;
}

impl Message for OffsetFetchRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(until(7), &mut self.group_id)?;
        w.nullable_array(until(7), since(2), &mut self.topics)?;
        w.array(since(8), &mut self.groups)?;
        w.bool(since(7), &mut self.require_stable)?;
        w.tags()
    }
}

impl Message for OffsetFetchRequestGroup {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.nullable_array(ALL, ALL, &mut self.topics)?;
        w.tags()
    }
}

impl Message for OffsetFetchRequestTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partition_indexes)?;
        w.tags()
    }
}

impl Message for OffsetFetchResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(3), &mut self.throttle_time_ms)?;
        w.array(until(7), &mut self.topics)?;
        w.error(between(2, 7), &mut self.error_code)?;
        w.array(since(8), &mut self.groups)?;
        w.tags()
    }
}

impl Message for OffsetFetchResponseGroup {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.array(ALL, &mut self.topics)?;
        w.error(ALL, &mut self.error_code)?;
        w.tags()
    }
}

impl Message for OffsetFetchResponseTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for OffsetFetchResponsePartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.i64(ALL, &mut self.committed_offset)?;
        w.i32(since(5), &mut self.committed_leader_epoch)?;
        w.nullable_string(ALL, ALL, &mut self.metadata)?;
        w.error(ALL, &mut self.error_code)?;
        w.tags()
    }
}
