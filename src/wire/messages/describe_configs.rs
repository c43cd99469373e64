//! DescribeConfigs (32): the settings of topics and of the broker, and where each value comes from (KIP-133).
//!
//! Versions: 1 says where a value comes from, and what it would be without that (KIP-226); 2 changes nothing in the
//! bytes; 3 has types and documentation (KIP-569); 4 is flexible. Kafka 4 dropped 0, which says only whether a value is
//! a default; sarama sends it when it is told that the broker is an old one.
//!
//! Errors are per resource: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION, INVALID_REQUEST for a broker other than
//! the one that is asked, or a type of resource that has no configuration.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, until, Message, Walk, ALL};

/// A `resource_type` whose name is a topic's.
pub const TOPIC: i8 = 2;

/// A `resource_type` whose name is a broker's id, or empty for what holds for all brokers.
pub const BROKER: i8 = 4;

#[derive(Debug, Default)]
pub struct DescribeConfigsRequest {
    pub resources: Vec<DescribeConfigsResource>,
    pub include_synonyms: bool,
    pub include_documentation: bool,
}

#[derive(Debug)]
pub struct DescribeConfigsResource {
    /// [`TOPIC`], [`BROKER`]; 8 a broker's loggers, 16 metrics of clients, 32 a group.
    pub resource_type: i8,
    pub resource_name: String,
    /// Null or empty: all.
    pub configuration_keys: Option<Vec<String>>,
}

#[derive(Debug, Default)]
pub struct DescribeConfigsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DescribeConfigsResult>,
}

#[derive(Debug, Default)]
pub struct DescribeConfigsResult {
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub resource_type: i8,
    pub resource_name: String,
    pub configs: Vec<DescribeConfigsResourceResult>,
}

#[derive(Debug)]
pub struct DescribeConfigsResourceResult {
    pub name: String,
    /// Null if it is sensitive, or has none.
    pub value: Option<String>,
    pub read_only: bool,
    /// Version 0 only, which has no `config_source`.
    pub is_default: bool,
    /// 1 the topic, 2 this broker at run time, 3 all brokers at run time, 4 the broker's own settings, 5 a default.
    pub config_source: i8,
    pub is_sensitive: bool,
    /// The value, and those behind it in turn; empty if not asked for.
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// 0 unknown, 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
    pub config_type: i8,
    /// Null if not asked for.
    pub documentation: Option<String>,
}

#[derive(Debug, Default)]
pub struct DescribeConfigsSynonym {
    pub name: String,
    pub value: Option<String>,
    /// As `config_source`.
    pub source: i8,
}

impl Default for DescribeConfigsResource {
    fn default() -> Self {
        let resource_name = String::new();
        DescribeConfigsResource { resource_type: 0, resource_name, configuration_keys: Some(Vec::new()) }
    }
}

impl Default for DescribeConfigsResourceResult {
    fn default() -> Self {
        DescribeConfigsResourceResult {
            name: String::new(),
            value: None,
            read_only: false,
            is_default: false,
            config_source: -1,
            is_sensitive: false,
            synonyms: Vec::new(),
            config_type: 0,
            documentation: None,
        }
    }
}

impl Request for DescribeConfigsRequest {
    const KEY: ApiKey = ApiKey::DESCRIBE_CONFIGS;
    type Response = DescribeConfigsResponse;
}

impl Message for DescribeConfigsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.array(ALL, &mut self.resources)?;
        w.bool(since(1), &mut self.include_synonyms)?;
        w.bool(since(3), &mut self.include_documentation)?;
        w.tags()
    }
}

impl Message for DescribeConfigsResource {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i8(ALL, &mut self.resource_type)?;
        w.string(ALL, &mut self.resource_name)?;
        w.nullable_array(ALL, ALL, &mut self.configuration_keys)?;
        w.tags()
    }
}

impl Message for DescribeConfigsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.array(ALL, &mut self.results)?;
        w.tags()
    }
}

impl Message for DescribeConfigsResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.i8(ALL, &mut self.resource_type)?;
        w.string(ALL, &mut self.resource_name)?;
        w.array(ALL, &mut self.configs)?;
        w.tags()
    }
}

impl Message for DescribeConfigsResourceResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.nullable_string(ALL, ALL, &mut self.value)?;
        w.bool(ALL, &mut self.read_only)?;
        w.bool(until(0), &mut self.is_default)?;
        w.i8(since(1), &mut self.config_source)?;
        w.bool(ALL, &mut self.is_sensitive)?;
        w.array(since(1), &mut self.synonyms)?;
        w.i8(since(3), &mut self.config_type)?;
        w.nullable_string(since(3), ALL, &mut self.documentation)?;
        w.tags()
    }
}

impl Message for DescribeConfigsSynonym {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.nullable_string(ALL, ALL, &mut self.value)?;
        w.i8(ALL, &mut self.source)?;
        w.tags()
    }
}
