//! DescribeAcls, DescribeClientQuotas and DescribeUserScramCredentials: the honest answers of a broker that has none.
//!
//! Always true: what does not exist is not claimed: no rule, no quota, no user.
//! Not done: nothing can be set; the APIs that would are not in the table.

use crate::base::ErrorCode;
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::handlers::repeated;
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

/// There are no users: all of them are an empty list, and a named one does not exist. As with Kafka, a name that comes
/// twice is a mistake of its own.
pub fn describe_scram_users(
    _call: &Call,
    request: DescribeUserScramCredentialsRequest,
) -> Result<DescribeUserScramCredentialsResponse, Closed> {
    let users = request.users.unwrap_or_default();
    let repeated = repeated(users.iter().map(|user| &user.name));
    let unknown = |user: &UserName| {
        let (error_code, what) = match repeated.contains(&user.name) {
            false => (ErrorCode::RESOURCE_NOT_FOUND, "there is no such SCRAM user: nobody authenticates here"),
            true => (ErrorCode::DUPLICATE_RESOURCE, "the request names this SCRAM user twice"),
        };
        let (user, error_message) = (user.name.clone(), Some(format!("{}: {what}", user.name)));
        DescribeUserScramCredentialsResult { user, error_code, error_message, ..Default::default() }
    };
    let results = users.iter().map(unknown).collect();
    Ok(DescribeUserScramCredentialsResponse { results, ..DescribeUserScramCredentialsResponse::default() })
}
