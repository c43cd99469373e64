//! DescribeAcls, DescribeClientQuotas and DescribeUserScramCredentials: the honest answers of a broker that has none.

use crate::base::ErrorCode;
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::wire::messages::describe_user_scram_credentials::{DescribeUserScramCredentialsResult, UserName};
use crate::wire::messages::{
    DescribeAclsRequest, DescribeAclsResponse, DescribeClientQuotasRequest, DescribeClientQuotasResponse,
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
};

pub fn describe_acls(_call: &Call, _request: DescribeAclsRequest) -> Result<DescribeAclsResponse, Closed> {
    Ok(DescribeAclsResponse {
        error_code: ErrorCode::SECURITY_DISABLED,
        error_message: Some("No Authorizer is configured.".to_string()),
        ..DescribeAclsResponse::default()
    })
}

pub fn describe_quotas(
    _call: &Call,
    _request: DescribeClientQuotasRequest,
) -> Result<DescribeClientQuotasResponse, Closed> {
    Ok(DescribeClientQuotasResponse { entries: Some(Vec::new()), ..DescribeClientQuotasResponse::default() })
}

/// There are no users: all of them are an empty list, and a named one does not exist.
pub fn describe_scram_users(
    _call: &Call,
    request: DescribeUserScramCredentialsRequest,
) -> Result<DescribeUserScramCredentialsResponse, Closed> {
    let unknown = |user: UserName| DescribeUserScramCredentialsResult {
        error_code: ErrorCode::RESOURCE_NOT_FOUND,
        error_message: Some(format!("there is no SCRAM user '{}': nobody authenticates here", user.name)),
        user: user.name,
        ..DescribeUserScramCredentialsResult::default()
    };
    let results = request.users.unwrap_or_default().into_iter().map(unknown).collect();
    Ok(DescribeUserScramCredentialsResponse { results, ..DescribeUserScramCredentialsResponse::default() })
}
