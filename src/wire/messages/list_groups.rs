//! ListGroups (16): the groups that this broker coordinates, here all of them.
//!
//! Versions: 1 has the throttle time; 3 is flexible; 4 has states, and can ask for some of them alone (KIP-518); 5 has
//! types of groups in the same way (KIP-848).
//!
//! Errors: one for the response. A state or a type that no group can have is none: no group is in it.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct ListGroupsRequest {
    /// Empty: groups in all states. Upper and lower case are the same.
    pub states_filter: Vec<String>,
    /// Empty: groups of all types. Upper and lower case are the same.
    pub types_filter: Vec<String>,
}

#[derive(Debug, Default)]
pub struct ListGroupsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub groups: Vec<ListedGroup>,
}

#[derive(Debug, Default)]
pub struct ListedGroup {
    pub group_id: String,
    /// Empty for a group that has committed offsets and never had a member.
    pub protocol_type: String,
    /// As [`DescribedGroup::group_state`](super::describe_groups::DescribedGroup::group_state).
    pub group_state: String,
    /// `classic`, or `consumer` for those of KIP-848.
    pub group_type: String,
}

impl Request for ListGroupsRequest {
    const KEY: ApiKey = ApiKey::LIST_GROUPS;
    type Response = ListGroupsResponse;
}

impl Message for ListGroupsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(since(4), &mut self.states_filter)?;
        w.array(since(5), &mut self.types_filter)?;
        w.tags()
    }
}

impl Message for ListGroupsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(1), &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.array(ALL, &mut self.groups)?;
        w.tags()
    }
}

impl Message for ListedGroup {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.string(ALL, &mut self.protocol_type)?;
        w.string(since(4), &mut self.group_state)?;
        w.string(since(5), &mut self.group_type)?;
        w.tags()
    }
}
