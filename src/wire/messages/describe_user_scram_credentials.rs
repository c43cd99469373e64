//! DescribeUserScramCredentials (50): which users have a password, and for which mechanisms (KIP-554).
//!
//! Versions: only 0, which is flexible.
//!
//! Errors: one per user: RESOURCE_NOT_FOUND, and DUPLICATE_RESOURCE for one that comes twice in a request. A request for
//! all users is answered with those that there are.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{Message, Walk, ALL};

#[derive(Debug)]
pub struct DescribeUserScramCredentialsRequest {
    /// Null or empty: all.
    pub users: Option<Vec<UserName>>,
}

#[derive(Debug, Default)]
pub struct UserName {
    pub name: String,
}

#[derive(Debug, Default)]
pub struct DescribeUserScramCredentialsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub results: Vec<DescribeUserScramCredentialsResult>,
}

#[derive(Debug, Default)]
pub struct DescribeUserScramCredentialsResult {
    pub user: String,
    pub error_code: ErrorCode,
    pub error_message: Option<String>,
    pub credential_infos: Vec<CredentialInfo>,
}

#[derive(Debug, Default)]
pub struct CredentialInfo {
    /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    pub mechanism: i8,
    pub iterations: i32,
}

impl Default for DescribeUserScramCredentialsRequest {
    fn default() -> Self {
        DescribeUserScramCredentialsRequest { users: Some(Vec::new()) }
    }
}

impl Request for DescribeUserScramCredentialsRequest {
    const KEY: ApiKey = ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS;
    type Response = DescribeUserScramCredentialsResponse;
}

impl Message for DescribeUserScramCredentialsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.nullable_array(ALL, ALL, &mut self.users)?;
        w.tags()
    }
}

impl Message for UserName {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.name)?;
        w.tags()
    }
}

impl Message for DescribeUserScramCredentialsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.array(ALL, &mut self.results)?;
        w.tags()
    }
}

impl Message for DescribeUserScramCredentialsResult {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, &mut self.user)?;
        w.error(ALL, &mut self.error_code)?;
        w.nullable_string(ALL, ALL, &mut self.error_message)?;
        w.array(ALL, &mut self.credential_infos)?;
        w.tags()
    }
}

impl Message for CredentialInfo {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i8(ALL, &mut self.mechanism)?;
        w.i32(ALL, &mut self.iterations)?;
        w.tags()
    }
}
