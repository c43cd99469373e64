//! DeleteTopics (20): deletes topics by name, or by id.
//!
//! Versions: 1 has the throttle time; 4 is flexible; 5 answers error messages (KIP-599); 6 asks by name or id, in
//! another layout (KIP-516).
//!
//! Errors are per topic: UNKNOWN_TOPIC_OR_PARTITION by name, UNKNOWN_TOPIC_ID by id; a topic that is named twice, or by
//! both name and id, is INVALID_REQUEST.
//!
//! Always true: up to version 5 `topic_names` is used, from 6 on `topics`; the other one is empty.

use crate::base::{ErrorCode, Result, Uuid};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, until, Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct DeleteTopicsRequest {
    pub topics: Vec<DeleteTopicState>,
    pub topic_names: Vec<String>,
    pub timeout_ms: i32,
}

/// Name or id; the other one is null or zero.
#[derive(Debug, Default)]
pub struct DeleteTopicState {
    pub name: Option<String>,
    pub topic_id: Uuid,
}

#[derive(Debug, Default)]
pub struct DeleteTopicsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<DeletableTopicResult>,
}

#[derive(Debug)]
pub struct DeletableTopicResult {
    /// Null only for an unknown id.
    pub name: Option<String>,
    pub topic_id: Uuid,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
}

impl Default for DeletableTopicResult {
    fn default() -> Self {
        let name = Some(String::new());
        DeletableTopicResult { name, topic_id: Uuid::ZERO, error_code: ErrorCode::NONE, error_message: None }
    }
}

impl Request for DeleteTopicsRequest {
    const KEY: ApiKey = ApiKey::DELETE_TOPICS;
    type Response = DeleteTopicsResponse;
}

impl Message for DeleteTopicsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(since(6), &mut self.topics)?;
        w.array(until(5), &mut self.topic_names)?;
        w.i32(ALL, &mut self.timeout_ms)?;
        w.tags()
    }
}

impl Message for DeleteTopicState {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.nullable_string(ALL, ALL, &mut self.name)?;
        w.uuid(ALL, &mut self.topic_id)?;
        w.tags()
    }
}

impl Message for DeleteTopicsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.responses)?;
        w.tags()
    }
}

impl Message for DeletableTopicResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.nullable_string(ALL, since(6), &mut self.name)?;
        w.uuid(since(6), &mut self.topic_id)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(since(5), ALL, &mut self.error_message)?;
        w.tags()
    }
}
