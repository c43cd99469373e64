//! Fetch (1): reads record batches from an offset on, of each of some partitions.
//!
//! Versions: 4 reads the batch format v2 and has the isolation level (KIP-98); 5 has log start offsets; 7 has fetch
//! sessions (KIP-227); 9 fences by leader epoch (KIP-320); 10 allows zstd (KIP-110); 11 has racks (KIP-392); 12 is
//! flexible and has the epoch of the last fetched record (KIP-595). 13 names topics by id only.
//!
//! There are no sessions here: the answer's session id is always 0, which makes each fetch a full one, and a request
//! that goes on with another one (its epoch is above 0) is answered FETCH_SESSION_ID_NOT_FOUND for the whole response. All
//! other errors are per partition. Version 12 may carry a cluster id, a diverging epoch and a leader hint as tagged fields: skipped when
//! read, and not written, as they are for followers.
//!
//! Always true: a partition without anything to send has records of length 0, not null.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::records::Records;
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug)]
pub struct FetchRequest {
    /// -1 for a consumer.
    pub replica_id: i32,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    /// 0: read uncommitted; 1: read committed.
    pub isolation_level: i8,
    pub session_id: i32,
    /// -1: no session wanted; 0: a new one wanted.
    pub session_epoch: i32,
    pub topics: Vec<FetchTopic>,
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    pub rack_id: String,
}

#[derive(Debug, Default)]
pub struct FetchTopic {
    pub topic: String,
    pub partitions: Vec<FetchPartition>,
}

#[derive(Debug)]
pub struct FetchPartition {
    pub partition: i32,
    /// -1: not checked.
    pub current_leader_epoch: i32,
    pub fetch_offset: i64,
    pub last_fetched_epoch: i32,
    /// A follower's; -1 for a consumer.
    pub log_start_offset: i64,
    pub partition_max_bytes: i32,
}

/// Partitions that leave a fetch session.
#[derive(Debug, Default)]
pub struct ForgottenTopic {
    pub topic: String,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Default)]
pub struct FetchResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub session_id: i32,
    pub responses: Vec<FetchableTopicResponse>,
}

#[derive(Debug, Default)]
pub struct FetchableTopicResponse {
    pub topic: String,
    pub partitions: Vec<PartitionData>,
}

#[derive(Debug)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub log_start_offset: i64,
    /// Null when read uncommitted.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// -1: this broker.
    pub preferred_read_replica: i32,
    pub records: Records,
}

#[derive(Debug, Default)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
}

impl Default for FetchRequest {
    fn default() -> Self {
        FetchRequest {
            replica_id: -1,
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: i32::MAX,
            isolation_level: 0,
            session_id: 0,
            session_epoch: -1,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
            rack_id: String::new(),
        }
    }
}

impl Default for FetchPartition {
    fn default() -> Self {
        FetchPartition {
            partition: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 0,
        }
    }
}

impl Default for PartitionData {
    fn default() -> Self {
        PartitionData {
            partition_index: 0,
            error_code: ErrorCode::NONE,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records: Records::EMPTY,
        }
    }
}

impl Request for FetchRequest {
    const KEY: ApiKey = ApiKey::FETCH;
    type Response = FetchResponse;
}

impl FetchRequest {
    /// The partitions in their order, each with its topic.
    pub fn asked(&self) -> impl Iterator<Item = (&str, &FetchPartition)> {
        self.topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|asked| (topic.topic.as_str(), asked)))
    }
}

impl Message for FetchRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.replica_id)?;
        w.i32(ALL, &mut self.max_wait_ms)?;
        w.i32(ALL, &mut self.min_bytes)?;
        w.i32(ALL, &mut self.max_bytes)?;
        w.i8(ALL, &mut self.isolation_level)?;
        w.i32(since(7), &mut self.session_id)?;
        w.i32(since(7), &mut self.session_epoch)?;
        w.array(ALL, &mut self.topics)?;
        w.array(since(7), &mut self.forgotten_topics_data)?;
        w.string(since(11), &mut self.rack_id)?;
        w.tags()
    }
}

impl Message for FetchTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.topic)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for FetchPartition {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition)?;
        w.i32(since(9), &mut self.current_leader_epoch)?;
        w.i64(ALL, &mut self.fetch_offset)?;
        w.i32(since(12), &mut self.last_fetched_epoch)?;
        w.i64(since(5), &mut self.log_start_offset)?;
        w.i32(ALL, &mut self.partition_max_bytes)?;
        w.tags()
    }
}

impl Message for ForgottenTopic {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.topic)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for FetchResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.error(since(7), &mut self.error_code)?;
        w.i32(since(7), &mut self.session_id)?;
        w.array(ALL, &mut self.responses)?;
        w.tags()
    }
}

impl Message for FetchableTopicResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.topic)?;
        w.array(ALL, &mut self.partitions)?;
        w.tags()
    }
}

impl Message for PartitionData {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.partition_index)?;
        w.error(ALL, &mut self.error_code)?;
        w.i64(ALL, &mut self.high_watermark)?;
        w.i64(ALL, &mut self.last_stable_offset)?;
        w.i64(since(5), &mut self.log_start_offset)?;
        w.nullable_array(ALL, ALL, &mut self.aborted_transactions)?;
        w.i32(since(11), &mut self.preferred_read_replica)?;
        w.records(ALL, &mut self.records)?;
        w.tags()
    }
}

impl Message for AbortedTransaction {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i64(ALL, &mut self.producer_id)?;
        w.i64(ALL, &mut self.first_offset)?;
        w.tags()
    }
}
