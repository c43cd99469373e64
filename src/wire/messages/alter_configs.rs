//! AlterConfigs (33): replaces all that is set for a topic or a broker (KIP-133).
//!
//! Versions: 1 changes nothing in the bytes; 2 is flexible. What a request does not name goes back to its default,
//! which surprises people: newer clients send [`super::incremental_alter_configs`], aiokafka and kafkajs only this.
//!
//! Errors are per resource: INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST for a resource or a key that
//! comes twice, a null value, or a type of resource that cannot be set. With `validate_only` the answer is the same and
//! nothing is set.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct AlterConfigsRequest {
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
    pub value: Option<String>,
}

#[derive(Debug, Default)]
pub struct AlterConfigsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<AlterConfigsResourceResponse>,
}

/// In the answer to IncrementalAlterConfigs too.
#[derive(Debug, Default)]
pub struct AlterConfigsResourceResponse {
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub resource_type: i8,
    pub resource_name: String,
}

impl Request for AlterConfigsRequest {
    const KEY: ApiKey = ApiKey::ALTER_CONFIGS;
    type Response = AlterConfigsResponse;
}

impl Message for AlterConfigsRequest {
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
        w.nullable_string(ALL, ALL, &mut self.value)?;
        w.tags()
    }
}

impl Message for AlterConfigsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.responses)?;
        w.tags()
    }
}

impl Message for AlterConfigsResourceResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.i8(ALL, &mut self.resource_type)?;
        w.string(ALL, &mut self.resource_name)?;
        w.tags()
    }
}
