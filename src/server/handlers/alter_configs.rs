//! AlterConfigs and IncrementalAlterConfigs: other configs for a topic or the broker, at once and for good.
//!
//! AlterConfigs replaces everything that is set on a resource, IncrementalAlterConfigs changes key by key (KIP-339).
//!
//! Always true: a resource's changes are taken whole or not at all. What one broker cannot keep (more replicas) is
//! taken as the nearest thing with a log line, or refused with `strict=true`. Unknown keys are refused by name.
//! Not done: groups and clients have no configs here.

use std::collections::HashSet;

use crate::base::{Error, ErrorCode, Result};
use crate::config::{Config, Operation, Overrides, Scope};
use crate::mirror;
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::handlers::configs::{broker_source, unknown_type};
use crate::server::handlers::repeated;
use crate::wire::messages::alter_configs::AlterConfigsResourceResponse;
use crate::wire::messages::describe_configs::{BROKER, TOPIC};
use crate::wire::messages::incremental_alter_configs::{APPEND, DELETE, SET, SUBTRACT};
use crate::wire::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

/// The changes that a request wants on one resource.
struct Wanted {
    resource_type: i8,
    resource_name: String,
    changes: Vec<Change>,
    /// What is set and not among the changes goes.
    replaces_all: bool,
}

struct Change {
    name: String,
    operation: i8,
    value: Option<String>,
}

pub fn alter(call: &Call, request: AlterConfigsRequest) -> std::result::Result<AlterConfigsResponse, Closed> {
    let wanted = request.resources.into_iter().map(|resource| Wanted {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name,
        changes: resource
            .configs
            .into_iter()
            .map(|config| Change { name: config.name, operation: SET, value: config.value })
            .collect(),
        replaces_all: true,
    });
    let responses = alter_all(call, wanted.collect(), request.validate_only);
    Ok(AlterConfigsResponse { responses, ..AlterConfigsResponse::default() })
}

pub fn alter_incrementally(
    call: &Call,
    request: IncrementalAlterConfigsRequest,
) -> std::result::Result<IncrementalAlterConfigsResponse, Closed> {
    let wanted = request.resources.into_iter().map(|resource| Wanted {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name,
        changes: resource
            .configs
            .into_iter()
            .map(|config| Change { name: config.name, operation: config.config_operation, value: config.value })
            .collect(),
        replaces_all: false,
    });
    let responses = alter_all(call, wanted.collect(), request.validate_only);
    Ok(IncrementalAlterConfigsResponse { responses, ..IncrementalAlterConfigsResponse::default() })
}

fn alter_all(call: &Call, wanted: Vec<Wanted>, validate_only: bool) -> Vec<AlterConfigsResourceResponse> {
    let repeated = repeated(wanted.iter().map(|resource| (resource.resource_type, &resource.resource_name)));
    let answer = |resource: &Wanted| {
        let result = match repeated.contains(&(resource.resource_type, &resource.resource_name)) {
            true => Err(Error::rejected(ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.")),
            false => alter_one(call, resource, validate_only),
        };
        if let Err(error) = &result {
            let (client, name) = (call.client.peer, &resource.resource_name);
            note!(Warn, "configs_not_changed", [client = client, resource = name], "{error}");
        }
        AlterConfigsResourceResponse {
            error_code: result.as_ref().err().map_or(ErrorCode::NONE, Error::code),
            error_message: result.err().and_then(|error| error.for_client()),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
        }
    };
    wanted.iter().map(answer).collect()
}

fn alter_one(call: &Call, wanted: &Wanted, validate_only: bool) -> Result<()> {
    let operations = wanted.operations(call)?;
    let topics = &call.client.broker.topics;
    let change = |scope, broker: &Config, known: Overrides| {
        let mut config = if wanted.replaces_all { Overrides::new(scope) } else { known };
        for (name, operation) in &operations {
            let default = scope.find(name).map_or("", |key| broker.text(key.name));
            config.apply(name, operation, default).map_err(|why| Error::rejected(scope_code(scope), why))?;
        }
        Ok(config)
    };
    match wanted.resource_type {
        TOPIC => {
            let change = |broker: &Config, known| change(Scope::Topic, broker, known);
            topics.alter_topic(&wanted.resource_name, change, validate_only)
        }
        BROKER => {
            let source = broker_source(call, &wanted.resource_name)?;
            let change = |broker: &Config, known| {
                let config = change(Scope::Broker, broker, known)?;
                mirror::check_address(config.get("mirror.from").unwrap_or_default())?;
                Ok(config)
            };
            topics.alter_broker(source, change, validate_only)?;
            call.client.broker.mirror.take_config()
        }
        other => Err(unknown_type(other)),
    }
}

/// Kafka's code for a value that cannot be.
fn scope_code(scope: Scope) -> ErrorCode {
    match scope {
        Scope::Topic => ErrorCode::INVALID_CONFIG,
        Scope::Broker => ErrorCode::INVALID_REQUEST,
    }
}

impl Wanted {
    /// The changes, as far as they can be understood.
    fn operations(&self, call: &Call) -> Result<Vec<(&str, Operation)>> {
        let refuse = |why: String| Err(Error::rejected(ErrorCode::INVALID_REQUEST, why));
        let mut names = HashSet::new();
        if !self.changes.iter().all(|change| names.insert(&change.name)) {
            return refuse("Error due to duplicate config keys".to_string());
        }
        let mut operations = Vec::new();
        for Change { name, operation, value } in &self.changes {
            let value = match value {
                _ if *operation == DELETE => "",
                Some(value) => value,
                None => return refuse(format!("Null value not supported for : {name}")),
            };
            let operation = match *operation {
                SET => Operation::Set(admit(call, &self.resource_name, name, value)?),
                DELETE => Operation::Delete,
                APPEND => Operation::Append(value.to_string()),
                SUBTRACT => Operation::Subtract(value.to_string()),
                other => return refuse(format!("Unknown operations type {other}")),
            };
            operations.push((name.as_str(), operation));
        }
        Ok(operations)
    }
}

/// The value that is taken for one that a client asks for: the nearest that one broker can keep, said in a log line;
/// with `strict=true` an error.
pub fn admit(call: &Call, resource: &str, name: &str, value: &str) -> Result<String> {
    let is_strict = call.client.broker.settings.is_strict;
    match name {
        "min.insync.replicas" if value.parse().is_ok_and(|count: i32| count > 1) => {
            if is_strict {
                let why = format!("min.insync.replicas is {value}, and there is one replica (strict=true)");
                return Err(Error::rejected(ErrorCode::INVALID_REPLICATION_FACTOR, why));
            }
            note!(
                Info,
                "config_taken_as",
                [resource = resource],
                "min.insync.replicas {value} taken as 1: there is one replica"
            );
            Ok("1".to_string())
        }
        "compression.type" if value != "producer" => {
            if is_strict {
                let why = format!("compression.type is {value}, and no batch is compressed again (strict=true)");
                return Err(Error::rejected(ErrorCode::INVALID_CONFIG, why));
            }
            let message = format_args!("compression.type {value} is recorded; batches stay as producers compress them");
            note!(Info, "config_taken_as", [resource = resource], "{message}");
            Ok(value.to_string())
        }
        _ => Ok(value.to_string()),
    }
}
