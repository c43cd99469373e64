//! DescribeCluster (60): the brokers and the controller, for people's tools (KIP-700).
//!
//! Versions: all are flexible; 1 says whether brokers or controllers are asked for (KIP-919). 2 adds fenced brokers.
//! kafka-python crashes on a broker that has version 0 alone.
//!
//! Errors: one for the response: MISMATCHED_ENDPOINT_TYPE when controllers are asked for, UNSUPPORTED_ENDPOINT_TYPE
//! when something else.

use super::OPERATIONS_UNKNOWN;
use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

/// An `endpoint_type`; 2 is controllers, which clients reach at other addresses.
pub const BROKERS: i8 = 1;

#[derive(Debug)]
pub struct DescribeClusterRequest {
    pub include_cluster_authorized_operations: bool,
    pub endpoint_type: i8,
}

#[derive(Debug)]
pub struct DescribeClusterResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub endpoint_type: i8,
    pub cluster_id: String,
    pub controller_id: i32,
    pub brokers: Vec<DescribeClusterBroker>,
    pub cluster_authorized_operations: i32,
}

#[derive(Debug, Default)]
pub struct DescribeClusterBroker {
    pub broker_id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

impl Default for DescribeClusterRequest {
    fn default() -> Self {
        DescribeClusterRequest { include_cluster_authorized_operations: false, endpoint_type: BROKERS }
    }
}

impl Default for DescribeClusterResponse {
    fn default() -> Self {
        DescribeClusterResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: None,
            endpoint_type: BROKERS,
            cluster_id: String::new(),
            controller_id: -1,
            brokers: Vec::new(),
            cluster_authorized_operations: OPERATIONS_UNKNOWN,
        }
    }
}

impl Request for DescribeClusterRequest {
    const KEY: ApiKey = ApiKey::DESCRIBE_CLUSTER;
    type Response = DescribeClusterResponse;
}

impl Message for DescribeClusterRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.bool(ALL, &mut self.include_cluster_authorized_operations)?;
        w.i8(since(1), &mut self.endpoint_type)?;
        w.tags()
    }
}

impl Message for DescribeClusterResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.i8(since(1), &mut self.endpoint_type)?;
        w.string(ALL, &mut self.cluster_id)?;
        w.i32(ALL, &mut self.controller_id)?;
        w.array(ALL, &mut self.brokers)?;
        w.i32(ALL, &mut self.cluster_authorized_operations)?;
        w.tags()
    }
}

impl Message for DescribeClusterBroker {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.broker_id)?;
        w.string(ALL, &mut self.host)?;
        w.i32(ALL, &mut self.port)?;
        w.nullable_string(ALL, ALL, &mut self.rack)?;
        w.tags()
    }
}
