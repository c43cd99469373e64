//! SyncGroup (14): the leader of a group hands in the assignments, and each member gets its own.
//!
//! The answers wait until the leader has asked.
//!
//! Versions: 1 has the throttle time; 3 has static members (KIP-345); 4 is flexible; 5 says the protocol type and name
//! both ways, and the broker compares them (KIP-559).
//!
//! Errors: one for the response (REBALANCE_IN_PROGRESS, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, FENCED_INSTANCE_ID,
//! INCONSISTENT_GROUP_PROTOCOL, INVALID_GROUP_ID); the assignment is empty then.
//!
//! Always true: an assignment is the clients' own language; the broker hands it on.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct SyncGroupRequest {
    pub group_id: String,
    pub generation_id: i32,
    pub member_id: String,
    pub group_instance_id: Option<String>,
    /// Null: not compared.
    pub protocol_type: Option<String>,
    /// Null: not compared.
    pub protocol_name: Option<String>,
    /// Empty from all but the leader.
    pub assignments: Vec<SyncGroupRequestAssignment>,
}

#[derive(Debug, Default)]
pub struct SyncGroupRequestAssignment {
    pub member_id: String,
    pub assignment: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct SyncGroupResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub protocol_type: Option<String>,
    pub protocol_name: Option<String>,
    pub assignment: Vec<u8>,
}

impl Request for SyncGroupRequest {
    const KEY: ApiKey = ApiKey::SYNC_GROUP;
    type Response = SyncGroupResponse;
}

impl Message for SyncGroupRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.i32(ALL, &mut self.generation_id)?;
        w.string(ALL, &mut self.member_id)?;
        w.nullable_string(since(3), ALL, &mut self.group_instance_id)?;
        w.nullable_string(since(5), ALL, &mut self.protocol_type)?;
        w.nullable_string(since(5), ALL, &mut self.protocol_name)?;
        w.array(ALL, &mut self.assignments)?;
        w.tags()
    }
}

impl Message for SyncGroupRequestAssignment {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.member_id)?;
        w.bytes(ALL, &mut self.assignment)?;
        w.tags()
    }
}

impl Message for SyncGroupResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(1), &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(since(5), ALL, &mut self.protocol_type)?;
        w.nullable_string(since(5), ALL, &mut self.protocol_name)?;
        w.bytes(ALL, &mut self.assignment)?;
        w.tags()
    }
}
