//! CreateTopics and DeleteTopics: both are complete, on the disk and for every client, when the answer goes out.
//!
//! Always true: each topic of a request succeeds or fails alone. Partitions and replication factor may be left to the
//! broker with -1 (KIP-464). A replication factor above 1 is accepted as 1, with a log line: there is one broker.
//! Not done: the broker's own topics are not made here; the group coordinator makes its own.

use std::sync::Arc;

use crate::base::{Error, ErrorCode, Result};
use crate::config::{Config, Overrides, Scope};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::handlers::alter_configs::admit;
use crate::server::handlers::configs::topic_configs;
use crate::server::handlers::repeated;
use crate::server::now;
use crate::topic::Topic;
use crate::wire::messages::create_topics::{CreatableTopic, CreatableTopicConfigs, CreatableTopicResult};
use crate::wire::messages::delete_topics::{DeletableTopicResult, DeleteTopicState};
use crate::wire::messages::describe_configs::DescribeConfigsResourceResult;
use crate::wire::messages::{CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse};

pub fn create(call: &Call, request: CreateTopicsRequest) -> std::result::Result<CreateTopicsResponse, Closed> {
    let mut response = CreateTopicsResponse::default();
    let repeated = repeated(request.topics.iter().map(|asked| &asked.name));
    let refusal = check_total(call, &request.topics).err();
    for asked in &request.topics {
        let result = match (&refusal, repeated.contains(&asked.name)) {
            (Some(refusal), _) => Err(Error::rejected(refusal.code(), refusal.for_client().unwrap_or_default())),
            (_, true) => Err(Error::rejected(ErrorCode::INVALID_REQUEST, "the request names this topic twice")),
            (_, false) => create_one(call, asked, request.validate_only),
        };
        response.topics.push(result.unwrap_or_else(|error| {
            match error {
                Error::Storage { .. } | Error::Corrupt { .. } => {
                    note!(Error, "topic_not_created", [topic = asked.name], "{error}");
                }
                _ if error.code() == ErrorCode::INVALID_CONFIG => {
                    note!(Warn, "topic_not_created", [topic = asked.name], "{error}");
                }
                _ => {}
            }
            CreatableTopicResult {
                name: asked.name.clone(),
                error_code: error.code(),
                error_message: error.for_client(),
                ..CreatableTopicResult::default()
            }
        }));
    }
    Ok(response)
}

/// Whether one request may ask for as many partitions as these topics have together (Kafka's `ReplicationControlManager`).
fn check_total(call: &Call, asked: &[CreatableTopic]) -> Result<()> {
    let topics = &call.client.broker.topics;
    let count = |asked: &CreatableTopic| match usize::try_from(asked.num_partitions) {
        Ok(count) => count,
        Err(_) if asked.assignments.is_empty() => topics.default_partition_count() as usize,
        Err(_) => asked.assignments.len(),
    };
    topics.check_request(asked.iter().map(count).fold(0, usize::saturating_add))
}

fn create_one(call: &Call, asked: &CreatableTopic, validate_only: bool) -> Result<CreatableTopicResult> {
    let topics = &call.client.broker.topics;
    let partition_count = check_layout(call, asked)?;
    let config = check_configs(call, asked)?;
    let configs = Some(describe_configs(&topics.config(), &config));
    let topic: Option<Arc<Topic>> = match validate_only {
        true => topics.check_new(&asked.name, partition_count, &config).map(|()| None)?,
        false => Some(topics.create(&asked.name, partition_count, config)?),
    };
    Ok(CreatableTopicResult {
        name: asked.name.clone(),
        topic_id: topic.map_or_else(Default::default, |topic| topic.id),
        error_code: ErrorCode::NONE,
        error_message: None,
        num_partitions: partition_count,
        replication_factor: 1,
        configs,
    })
}

/// The number of partitions that is asked for: as a number, by an assignment, or left to the broker.
fn check_layout(call: &Call, asked: &CreatableTopic) -> Result<i32> {
    let node_id = call.client.broker.settings.node_id;
    if !asked.assignments.is_empty() {
        let mut numbers: Vec<_> = asked.assignments.iter().map(|assignment| assignment.partition_index).collect();
        numbers.sort_unstable();
        let is_here = asked.assignments.iter().all(|assignment| assignment.broker_ids == [node_id]);
        if !is_here || !numbers.iter().copied().eq(0..numbers.len() as i32) {
            let why = format!("an assignment names partitions 0, 1, 2, ... and for each the one broker {node_id}");
            return Err(Error::rejected(ErrorCode::INVALID_REPLICA_ASSIGNMENT, why));
        }
        if asked.num_partitions != -1 || asked.replication_factor != -1 {
            let why = "partitions and replication factor are -1 when an assignment is given";
            return Err(Error::rejected(ErrorCode::INVALID_REQUEST, why));
        }
        return Ok(numbers.len() as i32);
    }
    match asked.replication_factor {
        -1 | 1 => {}
        2.. if call.client.broker.settings.is_strict => {
            let why = format!(
                "Unable to replicate the partition {} time(s): there is one broker (strict=true)",
                asked.replication_factor
            );
            return Err(Error::rejected(ErrorCode::INVALID_REPLICATION_FACTOR, why));
        }
        2.. => {
            let factor = asked.replication_factor;
            note!(
                Info,
                "config_taken_as",
                [resource = asked.name],
                "replication factor {factor} taken as 1: there is one broker"
            );
        }
        _ => {
            let why = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(Error::rejected(ErrorCode::INVALID_REPLICATION_FACTOR, why));
        }
    }
    match asked.num_partitions {
        -1 => Ok(call.client.broker.topics.default_partition_count()),
        count => Ok(count),
    }
}

fn check_configs(call: &Call, asked: &CreatableTopic) -> Result<Overrides> {
    let mut config = Overrides::new(Scope::Topic);
    let invalid = |why: String| Error::rejected(ErrorCode::INVALID_CONFIG, why);
    for entry in &asked.configs {
        let value = entry.value.as_deref().ok_or_else(|| invalid(format!("null value for {}", entry.name)))?;
        config.set(&entry.name, &admit(call, &asked.name, &entry.name, value)?).map_err(invalid)?;
    }
    let broker = call.client.broker.topics.config();
    config.check_together(|key| broker.topic_int(&config, key)).map_err(invalid)?;
    Ok(config)
}

fn describe_configs(broker: &Config, topic: &Overrides) -> Vec<CreatableTopicConfigs> {
    let describe = |config: DescribeConfigsResourceResult| CreatableTopicConfigs {
        name: config.name,
        value: config.value,
        read_only: config.read_only,
        config_source: config.config_source,
        is_sensitive: config.is_sensitive,
    };
    topic_configs(broker, topic).into_iter().map(describe).collect()
}

pub fn delete(call: &Call, request: DeleteTopicsRequest) -> std::result::Result<DeleteTopicsResponse, Closed> {
    let by_name = request.topic_names.into_iter();
    let by_name = by_name.map(|name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() });
    let asked: Vec<DeleteTopicState> = request.topics.into_iter().chain(by_name).collect();
    let repeated = repeated(asked.iter().map(|asked| (asked.name.clone(), asked.topic_id)));
    let delete = |asked: DeleteTopicState| {
        let is_double = repeated.contains(&(asked.name.clone(), asked.topic_id));
        delete_one(call, asked, is_double)
    };
    let responses = asked.into_iter().map(delete).collect();
    Ok(DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() })
}

fn delete_one(call: &Call, asked: DeleteTopicState, is_double: bool) -> DeletableTopicResult {
    let topics = &call.client.broker.topics;
    let found = match &asked.name {
        _ if is_double => Err(ErrorCode::INVALID_REQUEST),
        Some(_) if !asked.topic_id.is_zero() => Err(ErrorCode::INVALID_REQUEST),
        Some(name) => topics.find(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        None => topics.find_id(asked.topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID),
    };
    let mut result = DeletableTopicResult { name: asked.name, topic_id: asked.topic_id, ..Default::default() };
    let deleted = found.map_err(Error::from).and_then(|topic| {
        (result.name, result.topic_id) = (Some(topic.name.clone()), topic.id);
        topics.delete(&topic, || call.client.broker.groups.forget_topic(&topic, now()))
    });
    if let Err(error) = deleted {
        if matches!(error, Error::Storage { .. }) {
            let name = result.name.as_deref().unwrap_or_default();
            note!(Error, "topic_not_deleted", [topic = name], "{error}");
        }
        result.error_code = error.code();
        result.error_message = error.for_client();
    }
    result
}
