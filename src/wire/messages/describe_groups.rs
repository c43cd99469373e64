//! DescribeGroups (15): the state of some groups, and their members.
//!
//! Versions: 1 has the throttle time; 3 has authorized operations (KIP-430); 4 static members (KIP-345); 5 is flexible.
//! 6 adds an error message, and an error for a group that does not exist (KIP-1043).
//!
//! Errors are per group. A group that does not exist is none before version 6: its state is `Dead`. From 6 on it is
//! GROUP_ID_NOT_FOUND.
//!
//! Always true: metadata and assignments are the clients' own language; the broker hands them on.

use super::OPERATIONS_UNKNOWN;
use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct DescribeGroupsRequest {
    pub groups: Vec<String>,
    pub include_authorized_operations: bool,
}

#[derive(Debug, Default)]
pub struct DescribeGroupsResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

#[derive(Debug)]
pub struct DescribedGroup {
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub group_id: String,
    /// `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Empty` or `Dead`.
    pub group_state: String,
    pub protocol_type: String,
    /// The name of the protocol; empty unless the group is stable.
    pub protocol_data: String,
    pub members: Vec<DescribedGroupMember>,
    pub authorized_operations: i32,
}

#[derive(Debug, Default)]
pub struct DescribedGroupMember {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub client_id: String,
    /// The address, with a slash in front: `/127.0.0.1`.
    pub client_host: String,
    /// Empty unless the group is stable.
    pub member_metadata: Vec<u8>,
    /// Empty unless the group is stable.
    pub member_assignment: Vec<u8>,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        DescribedGroup {
            error_code: ErrorCode::NONE,
            error_message: None,
            group_id: String::new(),
            group_state: String::new(),
            protocol_type: String::new(),
            protocol_data: String::new(),
            members: Vec::new(),
            authorized_operations: OPERATIONS_UNKNOWN,
        }
    }
}

impl Request for DescribeGroupsRequest {
    const KEY: ApiKey = ApiKey::DESCRIBE_GROUPS;
    type Response = DescribeGroupsResponse;
}

impl Message for DescribeGroupsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.groups)?;
        w.bool(since(3), &mut self.include_authorized_operations)?;
        w.tags()
    }
}

impl Message for DescribeGroupsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(1), &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.groups)?;
        w.tags()
    }
}

impl Message for DescribedGroup {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(since(6), ALL, &mut self.error_message)?;
        w.string(ALL, &mut self.group_id)?;
        w.string(ALL, &mut self.group_state)?;
        w.string(ALL, &mut self.protocol_type)?;
        w.string(ALL, &mut self.protocol_data)?;
        w.array(ALL, &mut self.members)?;
        w.i32(since(3), &mut self.authorized_operations)?;
        w.tags()
    }
}

impl Message for DescribedGroupMember {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.member_id)?;
        w.nullable_string(since(4), ALL, &mut self.group_instance_id)?;
        w.string(ALL, &mut self.client_id)?;
        w.string(ALL, &mut self.client_host)?;
        w.bytes(ALL, &mut self.member_metadata)?;
        w.bytes(ALL, &mut self.member_assignment)?;
        w.tags()
    }
}
