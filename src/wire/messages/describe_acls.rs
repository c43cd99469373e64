//! DescribeAcls (29): who may do what (KIP-140).
//!
//! Versions: 1 has patterns of names (KIP-290); 2 is flexible; 3 changes nothing in the bytes. 0 is not served; no client
//! needs it.
//!
//! Errors: one for the response: SECURITY_DISABLED where there are no ACLs, as here.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

/// A `pattern_type`: the name is meant literally.
const LITERAL: i8 = 3;

#[derive(Debug)]
pub struct DescribeAclsRequest {
    /// 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    pub resource_type_filter: i8,
    /// Null: any.
    pub resource_name_filter: Option<String>,
    /// 1 any, 2 all that match the name, 3 literal, 4 prefixed.
    pub pattern_type_filter: i8,
    /// Null: any.
    pub principal_filter: Option<String>,
    /// Null: any.
    pub host_filter: Option<String>,
    /// 1 any, 2 all, 3 read, 4 write, and so on.
    pub operation: i8,
    /// 1 any, 2 deny, 3 allow.
    pub permission_type: i8,
}

#[derive(Debug, Default)]
pub struct DescribeAclsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub resources: Vec<DescribeAclsResource>,
}

#[derive(Debug)]
pub struct DescribeAclsResource {
    pub resource_type: i8,
    pub resource_name: String,
    pub pattern_type: i8,
    pub acls: Vec<AclDescription>,
}

#[derive(Debug, Default)]
pub struct AclDescription {
    pub principal: String,
    pub host: String,
    pub operation: i8,
    pub permission_type: i8,
}

impl Default for DescribeAclsRequest {
    fn default() -> Self {
        DescribeAclsRequest {
            resource_type_filter: 0,
            resource_name_filter: None,
            pattern_type_filter: LITERAL,
            principal_filter: None,
            host_filter: None,
            operation: 0,
            permission_type: 0,
        }
    }
}

impl Default for DescribeAclsResource {
    fn default() -> Self {
        let resource_name = String::new();
        DescribeAclsResource { resource_type: 0, resource_name, pattern_type: LITERAL, acls: Vec::new() }
    }
}

impl Request for DescribeAclsRequest {
    const KEY: ApiKey = ApiKey::DESCRIBE_ACLS;
    type Response = DescribeAclsResponse;
}

impl Message for DescribeAclsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i8(ALL, &mut self.resource_type_filter)?;
        w.nullable_string(ALL, ALL, &mut self.resource_name_filter)?;
        w.i8(since(1), &mut self.pattern_type_filter)?;
        w.nullable_string(ALL, ALL, &mut self.principal_filter)?;
        w.nullable_string(ALL, ALL, &mut self.host_filter)?;
        w.i8(ALL, &mut self.operation)?;
        w.i8(ALL, &mut self.permission_type)?;
        w.tags()
    }
}

impl Message for DescribeAclsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.array(ALL, &mut self.resources)?;
        w.tags()
    }
}

impl Message for DescribeAclsResource {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i8(ALL, &mut self.resource_type)?;
        w.string(ALL, &mut self.resource_name)?;
        w.i8(since(1), &mut self.pattern_type)?;
        w.array(ALL, &mut self.acls)?;
        w.tags()
    }
}

impl Message for AclDescription {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.principal)?;
        w.string(ALL, &mut self.host)?;
        w.i8(ALL, &mut self.operation)?;
        w.i8(ALL, &mut self.permission_type)?;
        w.tags()
    }
}
