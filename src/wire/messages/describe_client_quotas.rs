//! DescribeClientQuotas (48): how much users and clients may send and fetch (KIP-546).
//!
//! Versions: 1 is flexible.
//!
//! Errors: one for the response: UNSUPPORTED_VERSION for an unknown type of entity, INVALID_REQUEST for one of match, or
//! for a type of entity that comes twice.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct DescribeClientQuotasRequest {
    pub components: Vec<ComponentData>,
    /// Leave out entities that have other types than those of the components.
    pub strict: bool,
}

#[derive(Debug, Default)]
pub struct ComponentData {
    /// "user", "client-id" or "ip".
    pub entity_type: String,
    /// 0 the name in `match_`, 1 the default of the type, 2 any name.
    pub match_type: i8,
    /// Kafka's field is named `match`, a word that Rust keeps for itself.
    pub match_: Option<String>,
}

#[derive(Debug)]
pub struct DescribeClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    /// Null with an error.
    pub entries: Option<Vec<EntryData>>,
}

#[derive(Debug, Default)]
pub struct EntryData {
    pub entity: Vec<EntityData>,
    pub values: Vec<ValueData>,
}

#[derive(Debug, Default)]
pub struct EntityData {
    pub entity_type: String,
    /// Null: the default of the type.
    pub entity_name: Option<String>,
}

#[derive(Debug, Default)]
pub struct ValueData {
    pub key: String,
    pub value: f64,
}

impl Default for DescribeClientQuotasResponse {
    fn default() -> Self {
        DescribeClientQuotasResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: None,
            entries: Some(Vec::new()),
        }
    }
}

impl Request for DescribeClientQuotasRequest {
    const KEY: ApiKey = ApiKey::DESCRIBE_CLIENT_QUOTAS;
    type Response = DescribeClientQuotasResponse;
}

impl Message for DescribeClientQuotasRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.components)?;
        w.bool(ALL, &mut self.strict)?;
        w.tags()
    }
}

impl Message for ComponentData {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.entity_type)?;
        w.i8(ALL, &mut self.match_type)?;
        w.nullable_string(ALL, ALL, &mut self.match_)?;
        w.tags()
    }
}

impl Message for DescribeClientQuotasResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.nullable_array(ALL, ALL, &mut self.entries)?;
        w.tags()
    }
}

impl Message for EntryData {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.entity)?;
        w.array(ALL, &mut self.values)?;
        w.tags()
    }
}

impl Message for EntityData {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.entity_type)?;
        w.nullable_string(ALL, ALL, &mut self.entity_name)?;
        w.tags()
    }
}

impl Message for ValueData {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.key)?;
        w.f64(ALL, &mut self.value)?;
        w.tags()
    }
}
