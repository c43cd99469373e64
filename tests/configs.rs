//! Configs as tools see and change them: with their sources, at once, and for good, also after a kill.

mod broker;

use broker::client::{batch_of_size, new_topic, Client};
use broker::Broker;
use sendlog::base::ErrorCode;
use sendlog::wire::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, BROKER, TOPIC,
};
use sendlog::wire::messages::incremental_alter_configs::{APPEND, DELETE, SET, SUBTRACT};
use sendlog::wire::messages::{
    alter_configs, incremental_alter_configs, AlterConfigsRequest, CreateTopicsRequest, DescribeConfigsRequest,
    IncrementalAlterConfigsRequest,
};

fn describe(client: &mut Client, version: i16, resource_type: i8, name: &str) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource { resource_type, resource_name: name.to_string(), configuration_keys: None };
    let request =
        DescribeConfigsRequest { resources: vec![resource], include_synonyms: true, include_documentation: true };
    client.call(version, request).results.remove(0)
}

fn config(client: &mut Client, resource_type: i8, resource: &str, key: &str) -> DescribeConfigsResourceResult {
    let described = describe(client, 4, resource_type, resource);
    assert_eq!(described.error_code, ErrorCode::NONE, "{:?}", described.error_message);
    described
        .configs
        .into_iter()
        .find(|config| config.name == key)
        .unwrap_or_else(|| panic!("no {key}"))
}

fn value(client: &mut Client, resource_type: i8, resource: &str, key: &str) -> (String, i8) {
    let found = config(client, resource_type, resource, key);
    (found.value.unwrap(), found.config_source)
}

type Operation<'a> = (&'a str, i8, Option<&'a str>);

fn alter_with(
    client: &mut Client,
    resource: (i8, &str),
    operations: &[Operation],
    validate_only: bool,
) -> (ErrorCode, String) {
    let config = |(name, config_operation, value): &Operation| incremental_alter_configs::AlterableConfig {
        name: name.to_string(),
        config_operation: *config_operation,
        value: value.map(str::to_string),
    };
    let resource = incremental_alter_configs::AlterConfigsResource {
        resource_type: resource.0,
        resource_name: resource.1.to_string(),
        configs: operations.iter().map(config).collect(),
    };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only };
    let answer = client.call(1, request).responses.remove(0);
    (answer.error_code, answer.error_message.unwrap_or_default())
}

fn alter(client: &mut Client, resource: (i8, &str), operations: &[Operation]) -> ErrorCode {
    alter_with(client, resource, operations, false).0
}

fn produce(client: &mut Client, batch: &[u8]) -> ErrorCode {
    client.try_produce(9, 1, "demo", 0, batch).error_code
}

/// AlterConfigs: what is not named goes.
fn replace(client: &mut Client, resource: (i8, &str), configs: &[(&str, &str)]) -> ErrorCode {
    let config = |(name, value): &(&str, &str)| alter_configs::AlterableConfig {
        name: name.to_string(),
        value: Some(value.to_string()),
    };
    let resource = alter_configs::AlterConfigsResource {
        resource_type: resource.0,
        resource_name: resource.1.to_string(),
        configs: configs.iter().map(config).collect(),
    };
    client.call(2, AlterConfigsRequest { resources: vec![resource], validate_only: false }).responses[0].error_code
}

#[test]
fn every_key_is_described_with_its_source_type_and_documentation() {
    let broker = Broker::with(&["--set", "log.retention.ms=5000"]);
    let mut client = broker.connect();
    client.create_with("demo", 1, &[("retention.ms", "7000")]);
    let found = config(&mut client, TOPIC, "demo", "retention.ms");
    let synonyms: Vec<_> = found
        .synonyms
        .iter()
        .map(|synonym| (synonym.name.as_str(), synonym.value.as_deref().unwrap(), synonym.source))
        .collect();
    let expected = [("retention.ms", "7000", 1), ("log.retention.ms", "5000", 4), ("log.retention.ms", "604800000", 5)];
    assert_eq!(synonyms, expected);
    assert_eq!((found.value.as_deref(), found.config_source, found.config_type), (Some("7000"), 1, 5));
    assert!(!found.read_only && !found.is_sensitive && !found.is_default);
    let list = config(&mut client, TOPIC, "demo", "cleanup.policy");
    assert_eq!((list.value.as_deref(), list.config_source, list.config_type), (Some("delete"), 5, 7));
    let node = config(&mut client, BROKER, "1", "node.id");
    assert_eq!((node.value.as_deref(), node.read_only, node.config_type), (Some("1"), true, 3));
    for (resource_type, name) in [(TOPIC, "demo"), (BROKER, "1")] {
        for config in describe(&mut client, 4, resource_type, name).configs {
            assert!(config.documentation.is_some_and(|text| text.len() > 10), "{}", config.name);
            assert!(config.value.is_some() && config.config_type > 0 && !config.synonyms.is_empty(), "{}", config.name);
        }
    }
    for version in 0..=4 {
        let described = describe(&mut client, version, TOPIC, "demo");
        assert_eq!(described.configs.len(), describe(&mut client, 4, TOPIC, "demo").configs.len());
        let default = described.configs.iter().find(|config| config.name == "segment.bytes").unwrap();
        assert!(default.is_default || default.config_source == 5, "DescribeConfigs {version}");
    }
}

#[test]
fn only_what_is_asked_for_is_described() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let resource = DescribeConfigsResource {
        resource_type: TOPIC,
        resource_name: "demo".to_string(),
        configuration_keys: Some(vec!["retention.ms".to_string(), "no.such.key".to_string()]),
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() };
    let described = client.call(4, request).results.remove(0);
    assert_eq!(described.configs.len(), 1);
    assert!(described.configs[0].synonyms.is_empty() && described.configs[0].documentation.is_none());
    for (resource_type, name, error) in [
        (TOPIC, "nowhere", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC, "no/such", ErrorCode::INVALID_TOPIC_EXCEPTION),
        (BROKER, "2", ErrorCode::INVALID_REQUEST),
        (BROKER, "one", ErrorCode::INVALID_REQUEST),
        (8, "1", ErrorCode::INVALID_REQUEST),
    ] {
        assert_eq!(describe(&mut client, 4, resource_type, name).error_code, error, "{resource_type} {name}");
    }
    assert!(describe(&mut client, 4, BROKER, "").configs.is_empty(), "nothing is set for all brokers");
    let resource = |_| DescribeConfigsResource {
        resource_type: TOPIC,
        resource_name: "demo".to_string(),
        configuration_keys: None,
    };
    let many = DescribeConfigsRequest { resources: (0..30_000).map(resource).collect(), ..Default::default() };
    let results = client.call(4, many).results;
    assert!(!results[0].configs.is_empty() && results[1..].iter().all(|result| result.configs.is_empty()));
}

#[test]
fn a_change_holds_at_once_and_after_a_kill() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let large = batch_of_size(2000);
    assert_eq!(alter(&mut client, (TOPIC, "demo"), &[("max.message.bytes", SET, Some("1000"))]), ErrorCode::NONE);
    assert_eq!(produce(&mut client, &large), ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(alter(&mut client, (BROKER, "1"), &[("message.max.bytes", SET, Some("1500"))]), ErrorCode::NONE);
    assert_eq!(alter(&mut client, (BROKER, ""), &[("message.max.bytes", SET, Some("1600"))]), ErrorCode::NONE);
    let broker = Broker::on(broker.kill(), &[]);
    let mut client = broker.connect();
    assert_eq!(value(&mut client, TOPIC, "demo", "max.message.bytes"), ("1000".to_string(), 1));
    assert_eq!(produce(&mut client, &large), ErrorCode::MESSAGE_TOO_LARGE);
    for (resource, key, left) in
        [((TOPIC, "demo"), "max.message.bytes", ("1500", 2)), ((BROKER, "1"), "message.max.bytes", ("1600", 3))]
    {
        assert_eq!(alter(&mut client, resource, &[(key, DELETE, None)]), ErrorCode::NONE);
        let now = value(&mut client, TOPIC, "demo", "max.message.bytes");
        assert_eq!((now.0.as_str(), now.1), left);
    }
    assert_eq!(alter(&mut client, (BROKER, ""), &[("message.max.bytes", DELETE, None)]), ErrorCode::NONE);
    assert_eq!(produce(&mut client, &large), ErrorCode::NONE);
}

#[test]
fn lists_grow_and_shrink_and_a_replacement_forgets_the_rest() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("demo", 1, &[("retention.ms", "7000")]);
    let demo = (TOPIC, "demo");
    assert_eq!(alter(&mut client, demo, &[("cleanup.policy", APPEND, Some("compact"))]), ErrorCode::NONE);
    assert_eq!(value(&mut client, TOPIC, "demo", "cleanup.policy").0, "delete,compact");
    assert_eq!(alter(&mut client, demo, &[("cleanup.policy", SUBTRACT, Some("delete"))]), ErrorCode::NONE);
    assert_eq!(value(&mut client, TOPIC, "demo", "cleanup.policy").0, "compact");
    assert_eq!(replace(&mut client, demo, &[("segment.bytes", "2000000")]), ErrorCode::NONE);
    assert_eq!(value(&mut client, TOPIC, "demo", "cleanup.policy"), ("delete".to_string(), 5));
    assert_eq!(value(&mut client, TOPIC, "demo", "retention.ms"), ("604800000".to_string(), 5));
    assert_eq!(value(&mut client, TOPIC, "demo", "segment.bytes"), ("2000000".to_string(), 1));
}

#[test]
fn what_cannot_be_is_refused_whole_by_name_and_logged() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    for (operations, error, part) in [
        (&[("retention.mss", SET, Some("1"))][..], ErrorCode::INVALID_CONFIG, "did you mean retention.ms?"),
        (&[("segment.bytes", SET, Some("1000"))], ErrorCode::INVALID_CONFIG, "from 1048576"),
        (&[("retention.ms", APPEND, Some("1"))], ErrorCode::INVALID_CONFIG, "not a list"),
        (&[("retention.ms", SET, None)], ErrorCode::INVALID_REQUEST, "Null value"),
        (&[("retention.ms", 7, Some("1"))], ErrorCode::INVALID_REQUEST, "Unknown operation"),
        (
            &[("retention.ms", SET, Some("1")), ("retention.ms", DELETE, None)],
            ErrorCode::INVALID_REQUEST,
            "duplicate config keys",
        ),
        (
            &[("retention.ms", SET, Some("1")), ("bogus", SET, Some("1"))],
            ErrorCode::INVALID_CONFIG,
            "unknown key 'bogus'",
        ),
    ] {
        let (code, message) = alter_with(&mut client, (TOPIC, "demo"), operations, false);
        assert_eq!(code, error, "{operations:?}");
        assert!(message.contains(part), "{message}");
        assert_eq!(value(&mut client, TOPIC, "demo", "retention.ms").1, 5, "{operations:?} changed something");
    }
    broker.wait_for_line("unknown key 'bogus'");
    let bad = alter_with(&mut client, (BROKER, "1"), &[("message.max.bytes", SET, Some("many"))], false);
    assert_eq!(bad.0, ErrorCode::INVALID_REQUEST, "{}", bad.1);
    assert_eq!(
        alter(&mut client, (TOPIC, "demo"), &[("bogus", DELETE, None)]),
        ErrorCode::NONE,
        "not set, as wanted"
    );
    let fixed = alter_with(&mut client, (BROKER, "1"), &[("num.partitions", SET, Some("3"))], false);
    assert_eq!(fixed.0, ErrorCode::INVALID_REQUEST);
    assert!(fixed.1.contains("num.partitions"), "{}", fixed.1);
    let wrong = alter(&mut client, (BROKER, "1"), &[("log.retention.ms", SET, Some("soon"))]);
    assert_eq!(wrong, ErrorCode::INVALID_REQUEST, "Kafka's code for a wrong value of a broker's key");
    let unknown = alter(&mut client, (TOPIC, "nowhere"), &[("retention.ms", SET, Some("1"))]);
    assert_eq!(unknown, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let validated = alter_with(&mut client, (TOPIC, "demo"), &[("retention.ms", SET, Some("1"))], true);
    assert_eq!(validated.0, ErrorCode::NONE);
    assert_eq!(value(&mut client, TOPIC, "demo", "retention.ms").1, 5, "only validated");
}

#[test]
fn what_one_broker_cannot_keep_is_taken_as_the_nearest_thing_or_refused_when_strict() {
    let configs = [("min.insync.replicas", "2"), ("compression.type", "lz4")];
    let mut asked = new_topic("demo", 1, &configs);
    asked.replication_factor = 3;
    let create = |client: &mut Client, asked| {
        client.call(7, CreateTopicsRequest { topics: vec![asked], ..Default::default() }).topics[0].error_code
    };
    let broker = Broker::start();
    let mut client = broker.connect();
    assert_eq!(create(&mut client, asked), ErrorCode::NONE);
    assert_eq!(value(&mut client, TOPIC, "demo", "min.insync.replicas"), ("1".to_string(), 1));
    assert_eq!(value(&mut client, TOPIC, "demo", "compression.type"), ("lz4".to_string(), 1));
    broker.wait_for_line("replication factor 3 taken as 1");
    broker.wait_for_line("min.insync.replicas 2 taken as 1");

    let broker = Broker::with(&["--set", "strict=true"]);
    let mut client = broker.connect();
    let mut replicated = new_topic("a", 1, &[]);
    replicated.replication_factor = 2;
    assert_eq!(create(&mut client, replicated), ErrorCode::INVALID_REPLICATION_FACTOR);
    assert_eq!(create(&mut client, new_topic("b", 1, &configs[..1])), ErrorCode::INVALID_REPLICATION_FACTOR);
    assert_eq!(create(&mut client, new_topic("c", 1, &configs[1..])), ErrorCode::INVALID_CONFIG);
    assert_eq!(create(&mut client, new_topic("d", 1, &[])), ErrorCode::NONE);
}

#[test]
fn a_cap_of_connections_changes_while_the_broker_runs() {
    let broker = Broker::start();
    let mut client = broker.connect();
    assert_eq!(alter(&mut client, (BROKER, "1"), &[("max.connections", SET, Some("1"))]), ErrorCode::NONE);
    broker.connect().assert_closed();
    broker.wait_for_line("max.connections allows");
    assert_eq!(alter(&mut client, (BROKER, "1"), &[("max.connections", DELETE, None)]), ErrorCode::NONE);
    broker.connect().create("demo", 1);
}
