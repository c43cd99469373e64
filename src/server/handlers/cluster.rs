//! ApiVersions, DescribeCluster and FindCoordinator: what this broker is.
//!
//! Always true: a client is told the address of the listener that it came in by.
//! Not done: no second broker, no controllers and no transaction coordinator to be found.

use crate::base::{Error, ErrorCode};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::handlers::refuse_transaction;
use crate::wire::messages::describe_cluster::{DescribeClusterBroker, BROKERS};
use crate::wire::messages::find_coordinator::{Coordinator, GROUP, TRANSACTION};
use crate::wire::messages::{
    ApiVersionsRequest, ApiVersionsResponse, DescribeClusterRequest, DescribeClusterResponse, FindCoordinatorRequest,
    FindCoordinatorResponse,
};

pub fn api_versions(_call: &Call, _request: ApiVersionsRequest) -> Result<ApiVersionsResponse, Closed> {
    Ok(ApiVersionsResponse::served())
}

pub fn describe(call: &Call, request: DescribeClusterRequest) -> Result<DescribeClusterResponse, Closed> {
    let broker = &call.client.broker;
    let endpoint_type = request.endpoint_type;
    if endpoint_type != BROKERS {
        let error_code = ErrorCode::UNSUPPORTED_ENDPOINT_TYPE;
        let error_message = Some(format!("endpoint type {endpoint_type} is not served, only brokers are"));
        return Ok(DescribeClusterResponse { error_code, error_message, endpoint_type, ..Default::default() });
    }
    let node_id = broker.settings.node_id;
    let address = call.client.advertised();
    Ok(DescribeClusterResponse {
        endpoint_type,
        cluster_id: broker.topics.cluster_id().to_string(),
        controller_id: node_id,
        brokers: vec![DescribeClusterBroker {
            broker_id: node_id,
            host: address.host,
            port: address.port.into(),
            rack: None,
        }],
        ..DescribeClusterResponse::default()
    })
}

/// This broker coordinates every group. Transactions get an error that ends them.
pub fn find_coordinator(call: &Call, request: FindCoordinatorRequest) -> Result<FindCoordinatorResponse, Closed> {
    let keys = if call.version >= 4 { request.coordinator_keys } else { vec![request.key] };
    let error = match request.key_type {
        TRANSACTION => refuse_transaction(call, &keys.join(", ")),
        GROUP => match call.client.broker.groups.ensure_log(&call.client.broker.topics) {
            Ok(()) => return Ok(this_broker(call, keys)),
            Err(error) => error,
        },
        other => Error::rejected(ErrorCode::INVALID_REQUEST, format!("nobody coordinates keys of type {other}")),
    };
    let nowhere = |key| Coordinator {
        key,
        node_id: -1,
        host: String::new(),
        port: -1,
        error_code: error.code(),
        error_message: error.for_client(),
    };
    Ok(FindCoordinatorResponse {
        error_code: error.code(),
        error_message: error.for_client(),
        node_id: -1,
        port: -1,
        coordinators: keys.into_iter().map(nowhere).collect(),
        ..FindCoordinatorResponse::default()
    })
}

fn this_broker(call: &Call, keys: Vec<String>) -> FindCoordinatorResponse {
    let node_id = call.client.broker.settings.node_id;
    let address = call.client.advertised();
    let here = |key| Coordinator {
        key,
        node_id,
        host: address.host.clone(),
        port: address.port.into(),
        error_code: ErrorCode::NONE,
        error_message: Some(String::new()),
    };
    FindCoordinatorResponse {
        error_code: ErrorCode::NONE,
        error_message: Some("NONE".to_string()),
        node_id,
        host: address.host.clone(),
        port: address.port.into(),
        coordinators: keys.into_iter().map(here).collect(),
        ..FindCoordinatorResponse::default()
    }
}
