//! DeleteGroups (42): deletes groups that have no members, and the offsets that they committed (KIP-229).
//!
//! Versions: 1 changes nothing in the bytes; 2 is flexible.
//!
//! Errors are per group: NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, INVALID_GROUP_ID.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct DeleteGroupsRequest {
    pub groups_names: Vec<String>,
}

#[derive(Debug, Default)]
pub struct DeleteGroupsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DeletableGroupResult>,
}

#[derive(Debug, Default)]
pub struct DeletableGroupResult {
    pub group_id: String,
    pub error_code: ErrorCode,
}

impl Request for DeleteGroupsRequest {
    const KEY: ApiKey = ApiKey::DELETE_GROUPS;
    type Response = DeleteGroupsResponse;
}

impl Message for DeleteGroupsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.groups_names)?;
        w.tags()
    }
}

impl Message for DeleteGroupsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.results)?;
        w.tags()
    }
}

impl Message for DeletableGroupResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.group_id)?;
        w.error(ALL, &mut self.error_code)?;
        w.tags()
    }
}
