//! ApiVersions (18): which APIs the broker serves, in which versions. The first request of every connection.
//!
//! Versions: 1 has the throttle time; 3 is flexible and names the client's software (KIP-511), its answer may carry
//! features as tagged fields, of which this broker has none; 4 is the same as 3.
//!
//! A client opens with the highest version that it knows, so a broker may be asked in a version that it has never
//! heard of, and what is in that request cannot be told. It answers in version 0 with UNSUPPORTED_VERSION and the row
//! of ApiVersions alone; the client then asks again in a version that both know. A broker that closes the connection
//! instead costs the Java client 75 seconds.
//!
//! The other error is INVALID_REQUEST, for a software name or version (3 and up) of other characters than letters,
//! digits, dots and dashes, or with one of the latter two at an end.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{Api, ApiKey, Request, API_TABLE};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug, Default)]
pub struct ApiVersionsRequest {
    pub client_software_name: String,
    pub client_software_version: String,
}

#[derive(Debug, Default)]
pub struct ApiVersionsResponse {
    pub error_code: ErrorCode,
    pub api_keys: Vec<ApiVersion>,
    pub throttle_time_ms: i32,
}

#[derive(Clone, Debug, Default)]
pub struct ApiVersion {
    pub api_key: i16,
    pub min_version: i16,
    pub max_version: i16,
}

impl ApiVersionsResponse {
    /// All that [`API_TABLE`] advertises.
    pub fn served() -> ApiVersionsResponse {
        let api_keys = API_TABLE.iter().map(ApiVersion::of).collect();
        ApiVersionsResponse { api_keys, ..Default::default() }
    }

    /// The answer to a version that is not served; it is to be encoded in version 0.
    pub fn unsupported() -> ApiVersionsResponse {
        let error_code = ErrorCode::UNSUPPORTED_VERSION;
        let api_keys = API_TABLE.find(ApiKey::API_VERSIONS).map(ApiVersion::of).into_iter().collect();
        ApiVersionsResponse { error_code, api_keys, ..Default::default() }
    }
}

impl ApiVersion {
    fn of(api: &Api) -> ApiVersion {
        ApiVersion { api_key: api.key.0, min_version: api.advertised, max_version: api.highest }
    }
}

impl Request for ApiVersionsRequest {
    const KEY: ApiKey = ApiKey::API_VERSIONS;
    type Response = ApiVersionsResponse;
}

impl Message for ApiVersionsRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(since(3), &mut self.client_software_name)?;
        w.string(since(3), &mut self.client_software_version)?;
        w.tags()
    }
}

impl Message for ApiVersionsResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.error(ALL, &mut self.error_code)?;
        w.array(ALL, &mut self.api_keys)?;
        w.i32(since(1), &mut self.throttle_time_ms)?;
        w.tags()
    }
}

impl Message for ApiVersion {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i16(ALL, &mut self.api_key)?;
        w.i16(ALL, &mut self.min_version)?;
        w.i16(ALL, &mut self.max_version)?;
        w.tags()
    }
}
