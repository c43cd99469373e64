//! CreateTopics and DeleteTopics: both are complete, on the disk and for every client, when the answer goes out.
//!
//! Always true: each topic of a request succeeds or fails alone. Partitions and replication factor may be left to the
//! broker with -1 (KIP-464). A replication factor above 1 is accepted as 1, with a log line: there is one broker.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::config::{Config, Overrides, Scope, KEYS};
use crate::base::{Error, ErrorCode, Result, Uuid};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::now;
use crate::topic::Topic;
use crate::wire::messages::create_topics::{CreatableTopic, CreatableTopicConfigs, CreatableTopicResult};
use crate::wire::messages::delete_topics::{DeletableTopicResult, DeleteTopicState};
use crate::wire::messages::{CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse};

/// Where a topic's config value comes from, as the protocol numbers it (Kafka's `ConfigSource`).
const FROM_TOPIC: i8 = 1;
const FROM_BROKER: i8 = 4;
const FROM_DEFAULT: i8 = 5;

pub fn create(call: &Call, request: CreateTopicsRequest) -> std::result::Result<CreateTopicsResponse, Closed> {
    let mut response = CreateTopicsResponse::default();
    let mut times: HashMap<&str, usize> = HashMap::new();
    request.topics.iter().for_each(|asked| *times.entry(&asked.name).or_default() += 1);
    for asked in &request.topics {
        let result = match times[asked.name.as_str()] > 1 {
            true => Err(Error::rejected(ErrorCode::INVALID_REQUEST, "the request names this topic twice")),
            false => create_one(call, asked, request.validate_only),
        };
        response.topics.push(result.unwrap_or_else(|error| {
            if matches!(error, Error::Storage { .. } | Error::Corrupt { .. }) {
                note!("cannot create topic {}: {error}", asked.name);
            }
            CreatableTopicResult {
                name: asked.name.clone(),
                error_code: error.code(),
                error_message: Some(error.for_client()),
                ..CreatableTopicResult::default()
            }
        }));
    }
    Ok(response)
}

fn create_one(call: &Call, asked: &CreatableTopic, validate_only: bool) -> Result<CreatableTopicResult> {
    let topics = &call.client.broker.topics;
    let partition_count = check_layout(call, asked)?;
    let config = check_configs(asked)?;
    let configs = Some(describe_configs(&topics.config(), &config));
    let topic: Option<Arc<Topic>> = match validate_only {
        true => topics.check_new(&asked.name, partition_count).map(|()| None)?,
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
        2.. => note!("topic {}: replication factor {} taken as 1", asked.name, asked.replication_factor),
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

fn check_configs(asked: &CreatableTopic) -> Result<Overrides> {
    let mut config = Overrides::new(Scope::Topic);
    for entry in &asked.configs {
        let value = entry.value.as_deref().ok_or_else(|| format!("null value for {}", entry.name));
        value
            .and_then(|value| config.set(&entry.name, value))
            .map_err(|why| Error::rejected(ErrorCode::INVALID_CONFIG, why))?;
    }
    Ok(config)
}

fn describe_configs(broker: &Config, topic: &Overrides) -> Vec<CreatableTopicConfigs> {
    let keys = KEYS.iter().filter_map(|key| key.topic_name.map(|topic_name| (key, topic_name)));
    keys.map(|(key, topic_name)| CreatableTopicConfigs {
        name: topic_name.to_string(),
        value: Some(broker.topic_text(topic, topic_name).to_string()),
        read_only: false,
        config_source: match topic.get(topic_name) {
            Some(_) => FROM_TOPIC,
            None if broker.text(key.name) != key.default => FROM_BROKER,
            None => FROM_DEFAULT,
        },
        is_sensitive: false,
    })
    .collect()
}

pub fn delete(call: &Call, request: DeleteTopicsRequest) -> std::result::Result<DeleteTopicsResponse, Closed> {
    let by_name = request.topic_names.into_iter();
    let by_name = by_name.map(|name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() });
    let asked: Vec<DeleteTopicState> = request.topics.into_iter().chain(by_name).collect();
    let mut times: HashMap<(Option<String>, Uuid), usize> = HashMap::new();
    asked.iter().for_each(|asked| *times.entry((asked.name.clone(), asked.topic_id)).or_default() += 1);
    let delete = |asked: DeleteTopicState| {
        let is_double = times[&(asked.name.clone(), asked.topic_id)] > 1;
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
            note!("deleting topic {}: {error}", result.name.as_deref().unwrap_or_default());
        }
        result.error_code = error.code();
        result.error_message = Some(error.for_client());
    }
    result
}
