//! FindCoordinator (10): which broker coordinates a group or a transaction; here always this one.
//!
//! Versions: 1 has the key's type and an error message; 3 is flexible; 4 asks for several keys at once in another
//! layout (KIP-699). 5 and 6 add an error code and share groups.
//!
//! Errors: up to version 3 one for the response, from 4 on one for each key.
//!
//! Always true: up to version 3 `key` and the fields of the response itself are used, from 4 on `coordinator_keys` and
//! `coordinators`; the others are empty.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{between, since, until, Message, Walk};

/// A `key_type`.
pub const GROUP: i8 = 0;
/// A `key_type`.
pub const TRANSACTION: i8 = 1;

#[derive(Debug, Default)]
pub struct FindCoordinatorRequest {
    pub key: String,
    /// [`GROUP`], also in version 0, or [`TRANSACTION`].
    pub key_type: i8,
    pub coordinator_keys: Vec<String>,
}

#[derive(Debug, Default)]
pub struct FindCoordinatorResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub node_id: i32,
    pub host: String,
    pub port: i32,
    pub coordinators: Vec<Coordinator>,
}

#[derive(Debug, Default)]
pub struct Coordinator {
    pub key: String,
    pub node_id: i32,
    pub host: String,
    pub port: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
}

impl Request for FindCoordinatorRequest {
    const KEY: ApiKey = ApiKey::FIND_COORDINATOR;
    type Response = FindCoordinatorResponse;
}

impl Message for FindCoordinatorRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(until(3), &mut self.key)?;
        w.i8(since(1), &mut self.key_type)?;
        w.array(since(4), &mut self.coordinator_keys)?;
        w.tags()
    }
}

impl Message for FindCoordinatorResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(since(1), &mut self.throttle_time_ms)?;
        w.error(until(3), &mut self.error_code)?;
        w.nullable_string(between(1, 3), between(1, 3), &mut self.error_message)?;
        w.i32(until(3), &mut self.node_id)?;
        w.string(until(3), &mut self.host)?;
        w.i32(until(3), &mut self.port)?;
        w.array(since(4), &mut self.coordinators)?;
        w.tags()
    }
}

impl Message for Coordinator {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(since(4), &mut self.key)?;
        w.i32(since(4), &mut self.node_id)?;
        w.string(since(4), &mut self.host)?;
        w.i32(since(4), &mut self.port)?;
        w.error(since(4), &mut self.error_code)?;
        w.nullable_string(since(4), since(4), &mut self.error_message)?;
        w.tags()
    }
}
