//! LeaveGroup (13): takes members out of a group, so that the others need not wait for a session timeout.
//!
//! Versions: 1 has the throttle time; 3 takes out several members at once, static ones too, in another layout
//! (KIP-345); 4 is flexible; 5 has a reason (KIP-800).
//!
//! Errors: up to version 2 one for the response; from 3 on what is wrong with the group stands there, UNKNOWN_MEMBER_ID
//! and FENCED_INSTANCE_ID at each member. A group that does not exist is UNKNOWN_MEMBER_ID at each member too.
//!
//! Always true: up to version 2 `member_id` is used, from 3 on `members`; the other one is empty.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, until, Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct LeaveGroupRequest {
    pub group_id: String,
    pub member_id: String,
    pub members: Vec<MemberIdentity>,
}

#[derive(Debug, Default)]
pub struct MemberIdentity {
    /// Empty if an admin tool takes out whoever has the instance id.
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub reason: Option<String>,
}

#[derive(Debug, Default)]
pub struct LeaveGroupResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub members: Vec<MemberResponse>,
}

#[derive(Debug, Default)]
pub struct MemberResponse {
    /// As asked.
    pub member_id: String,
    /// As asked.
    pub group_instance_id: Option<String>,
    pub error_code: ErrorCode,
}

impl Request for LeaveGroupRequest {
    const KEY: ApiKey = ApiKey::LEAVE_GROUP;
    type Response = LeaveGroupResponse;
}

impl Message for LeaveGroupRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.string(until(2), &mut self.member_id)?;
        w.array(since(3), &mut self.members)?;
        w.tags()
    }
}

impl Message for MemberIdentity {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.member_id)?;
        w.nullable_string(ALL, ALL, &mut self.group_instance_id)?;
        w.nullable_string(since(5), ALL, &mut self.reason)?;
        w.tags()
    }
}

impl Message for LeaveGroupResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(1), &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.array(since(3), &mut self.members)?;
        w.tags()
    }
}

impl Message for MemberResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.member_id)?;
        w.nullable_string(ALL, ALL, &mut self.group_instance_id)?;
        w.error(ALL, &mut self.error_code)?;
        w.tags()
    }
}
