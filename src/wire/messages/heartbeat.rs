//! Heartbeat (12): says that a member of a group is alive, and learns whether the group rebalances.
//!
//! Versions: 1 has the throttle time; 3 has static members (KIP-345); 4 is flexible.
//!
//! Errors: one for the response. REBALANCE_IN_PROGRESS is the news that the member is to join again; UNKNOWN_MEMBER_ID,
//! ILLEGAL_GENERATION and FENCED_INSTANCE_ID say that it is none any more.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct HeartbeatRequest {
    pub group_id: String,
    pub generation_id: i32,
    pub member_id: String,
    pub group_instance_id: Option<String>,
}

#[derive(Debug, Default)]
pub struct HeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
}

impl Request for HeartbeatRequest {
    const KEY: ApiKey = ApiKey::HEARTBEAT;
    type Response = HeartbeatResponse;
}

// tour: walk-heartbeat
impl Message for HeartbeatRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.i32(ALL, &mut self.generation_id)?;
        w.string(ALL, &mut self.member_id)?;
        w.nullable_string(since(3), ALL, &mut self.group_instance_id)?;
        w.tags()
    }
}
// end

impl Message for HeartbeatResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(1), &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.tags()
    }
}
