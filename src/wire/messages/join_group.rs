//! JoinGroup (11): makes the client a member of a group, and says which generation and protocol it is in.
//!
//! The answer waits until all members have joined. The leader gets all members with their metadata, computes who reads
//! what, and says it with SyncGroup; the other members get none.
//!
//! Versions: 1 has a rebalance timeout of its own (KIP-62); 2 has the throttle time; 4 makes a new member join twice,
//! the second time with the id that it got with MEMBER_ID_REQUIRED (KIP-394); 5 has static members (KIP-345); 6 is
//! flexible; 7 answers the protocol type (KIP-559). 8 has a reason, 9 leaders that need not assign (KIP-814).
//!
//! Errors: one for the response (MEMBER_ID_REQUIRED, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INVALID_SESSION_TIMEOUT,
//! INCONSISTENT_GROUP_PROTOCOL, INVALID_GROUP_ID, GROUP_MAX_SIZE_REACHED, REBALANCE_IN_PROGRESS); the generation is -1
//! then.
//!
//! Always true: metadata is the clients' own language; the broker hands it on.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug)]
pub struct JoinGroupRequest {
    pub group_id: String,
    /// How long a member may be silent.
    pub session_timeout_ms: i32,
    /// How long the others wait for a member to join again; -1 in version 0, which means the session timeout.
    pub rebalance_timeout_ms: i32,
    /// Empty the first time.
    pub member_id: String,
    /// What makes the member a static one: it may come back in its session timeout without a rebalance.
    pub group_instance_id: Option<String>,
    /// `consumer` for consumers; whatever it is, all members have the same.
    pub protocol_type: String,
    /// The one that the member likes best first.
    pub protocols: Vec<JoinGroupRequestProtocol>,
}

#[derive(Debug, Default)]
pub struct JoinGroupRequestProtocol {
    pub name: String,
    pub metadata: Vec<u8>,
}

#[derive(Debug)]
pub struct JoinGroupResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// -1 with an error.
    pub generation_id: i32,
    pub protocol_type: Option<String>,
    /// With an error: empty up to version 6, null from 7 on, which can say it.
    pub protocol_name: Option<String>,
    /// A member's id.
    pub leader: String,
    pub member_id: String,
    /// Empty for all but the leader.
    pub members: Vec<JoinGroupResponseMember>,
}

#[derive(Debug, Default)]
pub struct JoinGroupResponseMember {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    /// The member's, of the protocol that was chosen.
    pub metadata: Vec<u8>,
}

impl Default for JoinGroupRequest {
    fn default() -> Self {
        JoinGroupRequest {
            group_id: String::new(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: -1,
            member_id: String::new(),
            group_instance_id: None,
            protocol_type: String::new(),
            protocols: Vec::new(),
        }
    }
}

impl Default for JoinGroupResponse {
    fn default() -> Self {
        JoinGroupResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            generation_id: -1,
            protocol_type: None,
            protocol_name: Some(String::new()),
            leader: String::new(),
            member_id: String::new(),
            members: Vec::new(),
        }
    }
}

impl Request for JoinGroupRequest {
    const KEY: ApiKey = ApiKey::JOIN_GROUP;
    type Response = JoinGroupResponse;
}

impl Message for JoinGroupRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.i32(ALL, &mut self.session_timeout_ms)?;
        w.i32(since(1), &mut self.rebalance_timeout_ms)?;
        w.string(ALL, &mut self.member_id)?;
        w.nullable_string(since(5), ALL, &mut self.group_instance_id)?;
        w.string(ALL, &mut self.protocol_type)?;
        w.array(ALL, &mut self.protocols)?;
        w.tags()
    }
}

impl Message for JoinGroupRequestProtocol {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.bytes(ALL, &mut self.metadata)?;
        w.tags()
    }
}

impl Message for JoinGroupResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(2), &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.i32(ALL, &mut self.generation_id)?;
        w.nullable_string(since(7), ALL, &mut self.protocol_type)?;
        w.nullable_string(ALL, since(7), &mut self.protocol_name)?;
        w.string(ALL, &mut self.leader)?;
        w.string(ALL, &mut self.member_id)?;
        w.array(ALL, &mut self.members)?;
        w.tags()
    }
}

impl Message for JoinGroupResponseMember {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.member_id)?;
        w.nullable_string(since(5), ALL, &mut self.group_instance_id)?;
        w.bytes(ALL, &mut self.metadata)?;
        w.tags()
    }
}
