//! Topics that cannot be: each is refused with Kafka's code and a reason, and leaves nothing behind.

mod broker;

use broker::client::{new_topic, Client};
use broker::{tree, Broker};
use sendlog::base::ErrorCode;
use sendlog::wire::messages::create_topics::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};
use sendlog::wire::messages::metadata::MetadataRequestTopic;
use sendlog::wire::messages::{CreateTopicsRequest, MetadataRequest};

/// Code and reason for each topic of one request.
fn create(client: &mut Client, topics: Vec<CreatableTopic>) -> Vec<(ErrorCode, String)> {
    let response = client.call(7, CreateTopicsRequest { topics, ..Default::default() });
    response
        .topics
        .into_iter()
        .map(|one| (one.error_code, one.error_message.unwrap_or_default()))
        .collect()
}

fn codes(client: &mut Client, topics: Vec<CreatableTopic>) -> Vec<ErrorCode> {
    create(client, topics).into_iter().map(|(code, _)| code).collect()
}

#[test]
fn bad_names_are_refused_however_they_come_and_no_path_comes_of_them() {
    let broker = Broker::start();
    let mut client = broker.connect();
    let before = tree(broker.folder().parent().unwrap());
    let long = "x".repeat(250);
    for name in ["", ".", "..", "../up", "/etc/passwd", "a/b", "a b", "a\0b", "ä", "a\nb", "a:b", &long] {
        let (code, why) = create(&mut client, vec![new_topic(name, 1, &[])]).remove(0);
        assert_eq!(code, ErrorCode::INVALID_TOPIC_EXCEPTION, "{name:?}");
        assert!(why.len() > 20, "{name:?}: {why:?}");
        let asked = MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![asked]), ..Default::default() };
        let code = client.call(12, request).topics[0].error_code;
        assert_eq!(code, ErrorCode::INVALID_TOPIC_EXCEPTION, "{name:?}");
    }
    for name in ["__consumer_offsets", "__transaction_state", "__cluster_metadata"] {
        assert_eq!(codes(&mut client, vec![new_topic(name, 1, &[])]), [ErrorCode::INVALID_TOPIC_EXCEPTION], "{name}");
    }
    assert_eq!(tree(broker.folder().parent().unwrap()), before);
    for name in ["a", "A.b_c-9", "...", "-", &long[1..]] {
        assert_eq!(codes(&mut client, vec![new_topic(name, 1, &[])]), [ErrorCode::NONE], "{name:?}");
        assert_eq!(client.delete(name), ErrorCode::NONE, "{name:?}");
    }
}

#[test]
fn names_that_kafka_could_not_tell_apart_are_refused() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("a.b_c", 1);
    for name in ["a_b_c", "a.b.c", "a_b.c"] {
        let (code, why) = create(&mut client, vec![new_topic(name, 1, &[])]).remove(0);
        assert_eq!(code, ErrorCode::INVALID_TOPIC_EXCEPTION, "{name}");
        assert!(why.contains("a.b_c"), "{why}");
    }
    assert_eq!(codes(&mut client, vec![new_topic("a.b_c", 1, &[])]), [ErrorCode::TOPIC_ALREADY_EXISTS]);
    assert_eq!(codes(&mut client, vec![new_topic("a-b_c", 1, &[])]), [ErrorCode::NONE]);
    client.delete("a.b_c");
    assert_eq!(codes(&mut client, vec![new_topic("a_b_c", 1, &[])]), [ErrorCode::NONE], "the name is free again");
}

#[test]
fn bad_configs_are_named() {
    let broker = Broker::start();
    let mut client = broker.connect();
    for (name, value, says) in [
        ("segment.byte", "1048576", "segment.byte"),
        ("log.segment.bytes", "1048576", "log.segment.bytes"),
        ("segment.bytes", "1048575", "1048576"),
        ("segment.bytes", "many", "many"),
        ("segment.bytes", "99999999999", "2147483647"),
        ("cleanup.policy", "forget", "forget"),
        ("message.timestamp.type", "Never", "Never"),
        ("compression.type", "brotli", "brotli"),
        ("max.message.bytes", "-1", "-1"),
    ] {
        let (code, why) = create(&mut client, vec![new_topic("demo", 1, &[(name, value)])]).remove(0);
        assert_eq!(code, ErrorCode::INVALID_CONFIG, "{name}={value}");
        assert!(why.contains(name) && why.contains(says), "{name}={value}: {why}");
    }
    let nothing = CreatableTopicConfig { name: "retention.ms".to_string(), value: None };
    let topic = CreatableTopic { configs: vec![nothing], ..new_topic("demo", 1, &[]) };
    let (code, why) = create(&mut client, vec![topic]).remove(0);
    assert_eq!((code, why.contains("retention.ms")), (ErrorCode::INVALID_CONFIG, true), "{why}");
    client.create_with("demo", 1, &[("segment.bytes", "1048576"), ("cleanup.policy", "compact,delete")]);
}

#[test]
fn counts_of_partitions_and_replicas_have_limits() {
    let broker = Broker::with(&["--set", "num.partitions=3"]);
    let mut client = broker.connect();
    for count in [0, -2, i32::MIN] {
        assert_eq!(codes(&mut client, vec![new_topic("demo", count, &[])]), [ErrorCode::INVALID_PARTITIONS], "{count}");
    }
    for count in [10_001, 100_001, i32::MAX] {
        assert_eq!(codes(&mut client, vec![new_topic("demo", count, &[])]), [ErrorCode::POLICY_VIOLATION], "{count}");
    }
    for factor in [0, -2, i16::MIN] {
        let topic = CreatableTopic { replication_factor: factor, ..new_topic("demo", 1, &[]) };
        assert_eq!(codes(&mut client, vec![topic]), [ErrorCode::INVALID_REPLICATION_FACTOR], "{factor}");
    }
    let three = CreatableTopic { replication_factor: 3, ..new_topic("demo", -1, &[]) };
    assert_eq!(codes(&mut client, vec![three]), [ErrorCode::NONE], "there is one broker, and it says so");
    broker.wait_for_line("resource=demo replication factor 3 taken as 1");
    assert_eq!(client.topic("demo").partitions.len(), 3);
}

#[test]
fn an_assignment_names_the_one_broker_for_each_partition() {
    let broker = Broker::start();
    let mut client = broker.connect();
    let assigned = |assignments: &[(i32, &[i32])]| {
        let one = |(partition_index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: brokers.to_vec(),
        };
        let assignments = assignments.iter().map(one).collect();
        CreatableTopic { assignments, ..new_topic("demo", -1, &[]) }
    };
    let bad: [&[(i32, &[i32])]; 6] =
        [&[(0, &[2])], &[(0, &[])], &[(0, &[1, 1])], &[(1, &[1])], &[(0, &[1]), (0, &[1])], &[(0, &[1]), (2, &[1])]];
    for assignments in bad {
        let topic = assigned(assignments);
        assert_eq!(codes(&mut client, vec![topic]), [ErrorCode::INVALID_REPLICA_ASSIGNMENT], "{assignments:?}");
    }
    let with_count = CreatableTopic { num_partitions: 2, ..assigned(&[(0, &[1])]) };
    assert_eq!(codes(&mut client, vec![with_count]), [ErrorCode::INVALID_REQUEST]);
    assert_eq!(codes(&mut client, vec![assigned(&[(1, &[1]), (0, &[1])])]), [ErrorCode::NONE]);
    assert_eq!(client.topic("demo").partitions.len(), 2);
}

#[test]
fn each_topic_of_a_request_succeeds_or_fails_alone() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("old", 1);
    let topics = ["one", "twice", "a/b", "twice", "old", "two"].map(|name| new_topic(name, 1, &[]));
    let (none, twice) = (ErrorCode::NONE, ErrorCode::INVALID_REQUEST);
    let expected = [none, twice, ErrorCode::INVALID_TOPIC_EXCEPTION, twice, ErrorCode::TOPIC_ALREADY_EXISTS, none];
    assert_eq!(codes(&mut client, topics.into()), expected);
    assert_eq!(client.topic("twice").error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(client.topic("two").error_code, ErrorCode::NONE);
}

#[test]
fn validate_only_says_what_would_be_and_creates_nothing() {
    let broker = Broker::with(&["--set", "num.partitions=3"]);
    let mut client = broker.connect();
    client.create("old", 1);
    let before = tree(&broker.folder());
    for version in 2..=7 {
        let topics = vec![new_topic("demo", -1, &[]), new_topic("old", 1, &[]), new_topic("bad", 0, &[])];
        let request = CreateTopicsRequest { topics, validate_only: true, ..Default::default() };
        let response = client.call(version, request);
        let codes: Vec<_> = response.topics.iter().map(|one| one.error_code).collect();
        assert_eq!(codes, [ErrorCode::NONE, ErrorCode::TOPIC_ALREADY_EXISTS, ErrorCode::INVALID_PARTITIONS]);
        assert!(version < 5 || response.topics[0].num_partitions == 3);
        assert!(response.topics[0].topic_id.is_zero(), "no id was given out");
    }
    assert_eq!(client.topic("demo").error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(tree(&broker.folder()), before);
}
