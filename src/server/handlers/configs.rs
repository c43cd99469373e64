//! DescribeConfigs: every key of the configuration table, with its value and everything that it wins over.
//!
//! A topic's value comes from the topic, from what clients have set on the broker or for all brokers, from the command
//! line or the properties file, or it is the default; the first of these that is there wins, and the others are told
//! as synonyms (KIP-226).
//!
//! Always true: the order of the answer is that of the table. No key is sensitive: the broker keeps no secrets.
//! Not done: log levels, client metrics and the configs of groups are no resources here.

use std::collections::HashSet;

use crate::base::{Error, ErrorCode, Result};
use crate::config::{Config, Key, Kind, Overrides, Scope, Source, KEYS};
use crate::mirror::Standing;
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::wire::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym, BROKER,
    TOPIC,
};
use crate::wire::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

/// Where a value comes from, as the protocol numbers it (Kafka's `ConfigSource`).
const FROM_TOPIC: i8 = 1;
const FROM_DEFAULT: i8 = 5;

fn source_number(source: Source) -> i8 {
    match source {
        Source::Dynamic => 2,
        Source::DynamicDefault => 3,
        Source::CommandLine | Source::Environment | Source::File => 4,
        Source::Default => FROM_DEFAULT,
    }
}

/// A value's type, as the protocol numbers it (Kafka's `ConfigType`).
fn type_number(kind: &Kind) -> i8 {
    match kind {
        Kind::Choice(["true", "false"]) => 1,
        Kind::Text | Kind::Choice(_) | Kind::Folder | Kind::Listeners | Kind::Counts => 2,
        Kind::Int(_, high) if *high > i64::from(i32::MAX) => 5,
        Kind::Int(..) | Kind::Level(..) => 3,
        Kind::Ratio => 6,
        Kind::Choices(_) => 7,
    }
}

pub fn describe(call: &Call, request: DescribeConfigsRequest) -> std::result::Result<DescribeConfigsResponse, Closed> {
    let mut seen = HashSet::new();
    let mut describe = |asked: &DescribeConfigsResource| {
        // Each once: the answer is many times as large as the question.
        let described = match seen.insert((asked.resource_type, asked.resource_name.clone())) {
            true => describe_one(call, asked),
            false => Err(Error::rejected(ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.")),
        };
        let mut result = described.unwrap_or_else(|error| DescribeConfigsResult {
            error_code: error.code(),
            error_message: error.for_client(),
            ..DescribeConfigsResult::default()
        });
        for config in &mut result.configs {
            if !request.include_synonyms {
                config.synonyms = Vec::new();
            }
            config.documentation.take_if(|_| !request.include_documentation);
        }
        (result.resource_type, result.resource_name) = (asked.resource_type, asked.resource_name.clone());
        result
    };
    let results = request.resources.iter().map(&mut describe).collect();
    Ok(DescribeConfigsResponse { results, ..DescribeConfigsResponse::default() })
}

fn describe_one(call: &Call, asked: &DescribeConfigsResource) -> Result<DescribeConfigsResult> {
    let topics = &call.client.broker.topics;
    let broker = topics.config();
    let mut configs = match asked.resource_type {
        TOPIC => topic_configs(&broker, &topics.find_named(&asked.resource_name)?.config),
        BROKER => match broker_source(call, &asked.resource_name)? {
            Source::DynamicDefault => cluster_configs(&broker),
            _ => {
                let mirror = call.client.broker.mirror.standing();
                let keys = KEYS.iter().map(|key| broker_config(&broker, key));
                keys.chain(mirror.iter().flat_map(mirror_configs)).collect()
            }
        },
        other => return Err(unknown_type(other)),
    };
    if let Some(keys) = asked.configuration_keys.as_ref().filter(|keys| !keys.is_empty()) {
        configs.retain(|config| keys.contains(&config.name));
    }
    Ok(DescribeConfigsResult { configs, ..DescribeConfigsResult::default() })
}

/// Which settings a broker's resource name means: this broker's, or with an empty name those for all brokers.
pub fn broker_source(call: &Call, resource_name: &str) -> Result<Source> {
    let node_id = call.client.broker.settings.node_id;
    let refuse = |why: String| Err(Error::rejected(ErrorCode::INVALID_REQUEST, why));
    match (resource_name, resource_name.parse::<i32>()) {
        ("", _) => Ok(Source::DynamicDefault),
        (_, Ok(id)) if id == node_id => Ok(Source::Dynamic),
        (_, Ok(id)) => refuse(format!("Unexpected broker id, expected {node_id} or empty string, but received {id}")),
        _ => refuse(format!("Node id must be an integer, but it is: {resource_name}")),
    }
}

pub fn unknown_type(resource_type: i8) -> Error {
    let why = format!("configs of resource type {resource_type} are not served, those of topics and brokers are");
    Error::rejected(ErrorCode::INVALID_REQUEST, why)
}

/// A topic's configs, its own and those of the broker that it goes by.
pub fn topic_configs(broker: &Config, topic: &Overrides) -> Vec<DescribeConfigsResourceResult> {
    let describe = |key: &Key| {
        let name = Scope::Topic.name_of(key)?;
        let own = topic.get(name).map(|value| synonym(name, value, FROM_TOPIC));
        Some(describe_key(key, name, own.into_iter().chain(broker_values(broker, key)).collect(), false))
    };
    KEYS.iter().filter_map(describe).collect()
}

fn broker_config(broker: &Config, key: &Key) -> DescribeConfigsResourceResult {
    describe_key(key, key.name, broker_values(broker, key).collect(), !key.is_dynamic)
}

/// How far a mirror is: read only, and there as long as it is.
fn mirror_configs(standing: &Standing) -> impl Iterator<Item = DescribeConfigsResourceResult> {
    let described = standing.describe().into_iter();
    described.map(|(name, value, doc)| DescribeConfigsResourceResult {
        name: name.to_string(),
        value: Some(value),
        read_only: true,
        is_default: true,
        config_source: FROM_DEFAULT,
        is_sensitive: false,
        config_type: type_number(&Kind::Text),
        documentation: Some(doc.to_string()),
        synonyms: Vec::new(),
    })
}

/// What clients have set for all brokers.
fn cluster_configs(broker: &Config) -> Vec<DescribeConfigsResourceResult> {
    let overrides = broker.overrides(Source::DynamicDefault);
    let describe = |(name, value)| {
        let key = Scope::Broker.find(name)?;
        let values = vec![synonym(name, value, source_number(Source::DynamicDefault))];
        Some(describe_key(key, key.name, values, false))
    };
    overrides.iter().filter_map(describe).collect()
}

/// The broker's values of a key, from the one that wins on. The command line hides the environment, and that the properties file.
fn broker_values<'a>(broker: &'a Config, key: &'a Key) -> impl Iterator<Item = DescribeConfigsSynonym> + 'a {
    let mut last = None;
    broker.by_source(key.name).filter_map(move |(source, value)| {
        let number = source_number(source);
        (last.replace(number) != Some(number)).then(|| synonym(key.name, value, number))
    })
}

fn synonym(name: &str, value: &str, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym { name: name.to_string(), value: Some(value.to_string()), source }
}

/// A key with its values, the one that wins first.
fn describe_key(
    key: &Key,
    name: &str,
    values: Vec<DescribeConfigsSynonym>,
    read_only: bool,
) -> DescribeConfigsResourceResult {
    let winner = values.first().expect("there is a default");
    DescribeConfigsResourceResult {
        name: name.to_string(),
        value: winner.value.clone(),
        read_only,
        is_default: winner.source == FROM_DEFAULT,
        config_source: winner.source,
        is_sensitive: false,
        config_type: type_number(&key.kind),
        documentation: Some(key.doc.to_string()),
        synonyms: values,
    }
}
