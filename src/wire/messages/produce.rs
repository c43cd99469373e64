//! Produce (0): appends one record batch to each of some partitions.
//!
//! Versions: 3 has the batch format v2 and a transactional id (KIP-98); 5 answers the log start offset; 7 allows zstd
//! (KIP-110); 8 can say which records were wrong (KIP-467); 9 is flexible. 0 to 2 are advertised and not served, see
//! [`crate::wire::api`]. 10 and up add leader hints (KIP-951) and topic ids, which nobody needs here.
//!
//! Errors are per partition: one may fail while its neighbours succeed. With `acks` 0 there is no answer at all, and
//! Kafka closes the connection if any partition failed, so that the producer notices.
//!
//! Always true: [`PartitionProduceData::records`] is decoded to a range of the frame.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::records::Records;
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct ProduceRequest {
    pub transactional_id: Option<String>,
    /// 0: no answer; 1: after the write; -1: after the flush.
    pub acks: i16,
    pub timeout_ms: i32,
    pub topic_data: Vec<TopicProduceData>,
}

#[derive(Debug, Default)]
pub struct TopicProduceData {
    pub name: String,
    pub partition_data: Vec<PartitionProduceData>,
}

#[derive(Debug, Default)]
pub struct PartitionProduceData {
    pub index: i32,
    pub records: Records,
}

#[derive(Debug, Default)]
pub struct ProduceResponse {
    pub responses: Vec<TopicProduceResponse>,
    pub throttle_time_ms: i32,
}

#[derive(Debug, Default)]
pub struct TopicProduceResponse {
    pub name: String,
    pub partition_responses: Vec<PartitionProduceResponse>,
}

#[derive(Debug)]
pub struct PartitionProduceResponse {
    pub index: i32,
    pub error_code: ErrorCode,
    /// -1 with an error.
    pub base_offset: i64,
    /// -1 if the records keep the producer's timestamps.
    pub log_append_time_ms: i64,
    pub log_start_offset: i64,
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    pub error_message: Option<String>,
}

/// A record that is to blame for its whole batch being refused.
#[derive(Debug, Default)]
pub struct BatchIndexAndErrorMessage {
    pub batch_index: i32,
    pub batch_index_error_message: Option<String>,
}

impl Default for PartitionProduceResponse {
    fn default() -> Self {
        PartitionProduceResponse {
            index: 0,
            error_code: ErrorCode::NONE,
            base_offset: 0,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
        }
    }
}

impl ProduceRequest {
    /// The batches in their order, each with its topic.
    pub fn batches(&self) -> impl Iterator<Item = (&str, &PartitionProduceData)> {
        self.topic_data
            .iter()
            .flat_map(|topic| topic.partition_data.iter().map(|data| (topic.name.as_str(), data)))
    }
}

impl Request for ProduceRequest {
    const KEY: ApiKey = ApiKey::PRODUCE;
    type Response = ProduceResponse;
}

impl Message for ProduceRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.nullable_string(ALL, ALL, &mut self.transactional_id)?;
        w.i16(ALL, &mut self.acks)?;
        w.i32(ALL, &mut self.timeout_ms)?;
        w.array(ALL, &mut self.topic_data)?;
        w.tags()
    }
}

impl Message for TopicProduceData {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partition_data)?;
        w.tags()
    }
}

impl Message for PartitionProduceData {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.index)?;
        w.records(ALL, &mut self.records)?;
        w.tags()
    }
}

impl Message for ProduceResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.responses)?;
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.tags()
    }
}

impl Message for TopicProduceResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.array(ALL, &mut self.partition_responses)?;
        w.tags()
    }
}

impl Message for PartitionProduceResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.index)?;
        w.error(ALL, &mut self.error_code)?;
        w.i64(ALL, &mut self.base_offset)?;
        w.i64(ALL, &mut self.log_append_time_ms)?;
        w.i64(since(5), &mut self.log_start_offset)?;
        w.array(since(8), &mut self.record_errors)?;
        w.nullable_string(since(8), ALL, &mut self.error_message)?;
        w.tags()
    }
}

impl Message for BatchIndexAndErrorMessage {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.batch_index)?;
        w.nullable_string(ALL, ALL, &mut self.batch_index_error_message)?;
        w.tags()
    }
}
