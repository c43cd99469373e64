//! IncrementalAlterConfigs (44): changes single settings of a topic or a broker and leaves the others (KIP-339).
//!
//! Versions: 1 is flexible.
//!
//! Errors are per resource: INVALID_CONFIG, also for [`APPEND`] and [`SUBTRACT`] on what is no list;
//! UNKNOWN_TOPIC_OR_PARTITION; INVALID_REQUEST for a resource or a key that comes twice, a null value where one is
//! needed, an unknown operation, or a type of resource that cannot be set. With `validate_only` the answer is the same
//! and nothing is set.

pub use super::alter_configs::AlterConfigsResourceResponse;

use crate::base::Result;
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

/// A `config_operation`: the value is this one from now on.
pub const SET: i8 = 0;

/// A `config_operation`: back to the default; the value is not looked at.
pub const DELETE: i8 = 1;

/// A `config_operation`: the elements are added to a list.
pub const APPEND: i8 = 2;

/// A `config_operation`: the elements are taken out of a list.
pub const SUBTRACT: i8 = 3;

#[derive(Debug, Default)]
pub struct IncrementalAlterConfigsRequest {
    pub resources: Vec<AlterConfigsResource>,
    pub validate_only: bool,
}

#[derive(Debug, Default)]
pub struct AlterConfigsResource {
    /// As in [`super::describe_configs`].
    pub resource_type: i8,
    pub resource_name: String,
    pub configs: Vec<AlterableConfig>,
}

#[derive(Debug, Default)]
pub struct AlterableConfig {
    pub name: String,
    /// [`SET`], [`DELETE`], [`APPEND`] or [`SUBTRACT`].
    pub config_operation: i8,
    pub value: Option<String>,
}

#[derive(Debug, Default)]
pub struct IncrementalAlterConfigsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<AlterConfigsResourceResponse>,
}

impl Request for IncrementalAlterConfigsRequest {
    const KEY: ApiKey = ApiKey::INCREMENTAL_ALTER_CONFIGS;
    type Response = IncrementalAlterConfigsResponse;
}

impl Message for IncrementalAlterConfigsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.resources)?;
        w.bool(ALL, &mut self.validate_only)?;
        w.tags()
    }
}

impl Message for AlterConfigsResource {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i8(ALL, &mut self.resource_type)?;
        w.string(ALL, &mut self.resource_name)?;
        w.array(ALL, &mut self.configs)?;
        w.tags()
    }
}

impl Message for AlterableConfig {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.i8(ALL, &mut self.config_operation)?;
        w.nullable_string(ALL, ALL, &mut self.value)?;
        w.tags()
    }
}

impl Message for IncrementalAlterConfigsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.responses)?;
        w.tags()
    }
}
