//! Topics are made, found and removed: at once, for everybody, and for good, also after a kill.

mod broker;

use broker::client::{batch, new_topic, Client};
use broker::{tree, until, Broker};
use sendlog::base::{ErrorCode, Uuid};
use sendlog::wire::messages::delete_topics::DeleteTopicState;
use sendlog::wire::messages::metadata::{MetadataRequestTopic, MetadataResponseTopic};
use sendlog::wire::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, MetadataRequest,
    MetadataResponse,
};

fn metadata(client: &mut Client, version: i16, topics: Option<Vec<MetadataRequestTopic>>) -> MetadataResponse {
    client.call(version, MetadataRequest { topics, ..Default::default() })
}

fn named(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() }
}

fn names(response: &MetadataResponse) -> Vec<&str> {
    response.topics.iter().map(|topic| topic.name.as_deref().unwrap()).collect()
}

fn create(client: &mut Client, version: i16, request: CreateTopicsRequest) -> CreateTopicsResponse {
    client.call(version, request)
}

fn delete_ids(client: &mut Client, ids: &[Uuid]) -> DeleteTopicsResponse {
    let topics = ids.iter().map(|id| DeleteTopicState { name: None, topic_id: *id }).collect();
    client.call(6, DeleteTopicsRequest { topics, ..Default::default() })
}

#[test]
fn a_topic_that_is_created_on_the_way_is_in_the_same_answer_and_ready() {
    let broker = Broker::with(&["--set", "num.partitions=2"]);
    let mut client = broker.connect();
    for version in 0..=12 {
        let name = format!("demo-{version}");
        let response = metadata(&mut client, version, Some(vec![named(&name)]));
        let topic: &MetadataResponseTopic = &response.topics[0];
        assert_eq!((topic.error_code, topic.name.as_deref()), (ErrorCode::NONE, Some(name.as_str())));
        assert_eq!(topic.topic_id.is_zero(), version < 10, "Metadata {version}");
        let partitions: Vec<_> = topic.partitions.iter().map(|partition| partition.partition_index).collect();
        assert_eq!(partitions, [0, 1], "Metadata {version}");
        for partition in &topic.partitions {
            assert_eq!((partition.error_code, partition.leader_id), (ErrorCode::NONE, 1));
            assert_eq!((&partition.replica_nodes, &partition.isr_nodes), (&vec![1], &vec![1]));
            assert_eq!(partition.offline_replicas, []);
        }
        assert_eq!(response.brokers.len(), 1);
        assert_eq!(client.produce(&name, 1, &batch(&["at once"])), 0);
    }
}

#[test]
fn a_topic_is_created_on_the_way_only_if_client_and_broker_agree() {
    let broker = Broker::start();
    let mut client = broker.connect();
    assert_eq!(client.topic("demo").error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "the client said no");
    let broker = Broker::with(&["--set", "auto.create.topics.enable=false"]);
    let mut client = broker.connect();
    for version in 0..=12 {
        let response = metadata(&mut client, version, Some(vec![named("demo")]));
        assert_eq!(response.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "the broker said no");
    }
    client.create("demo", 1);
    assert_eq!(client.topic("demo").error_code, ErrorCode::NONE);
}

#[test]
fn metadata_answers_for_all_for_none_by_name_and_by_id() {
    let broker = Broker::start();
    let mut client = broker.connect();
    ["a", "b"].into_iter().for_each(|name| client.create(name, 1));
    assert_eq!(
        names(&metadata(&mut client, 0, Some(vec![]))),
        ["a", "b"],
        "in version 0 an empty list asks for all"
    );
    for version in 1..=12 {
        assert_eq!(names(&metadata(&mut client, version, None)), ["a", "b"], "Metadata {version}");
        assert!(metadata(&mut client, version, Some(vec![])).topics.is_empty(), "Metadata {version}");
        let response = metadata(&mut client, version, Some(vec![named("b")]));
        assert_eq!(names(&response), ["b"], "Metadata {version}");
        assert_eq!((response.controller_id, response.cluster_id.is_some()), (1, version >= 2));
    }
    let id = client.topic("b").topic_id;
    let by_id = |topic_id| MetadataRequestTopic { topic_id, name: None };
    let response = metadata(&mut client, 12, Some(vec![by_id(id), by_id(Uuid([9; 16])), named("a")]));
    let found: Vec<_> = response.topics.iter().map(|topic| (topic.name.as_deref(), topic.error_code)).collect();
    let unknown = (None, ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!(found, [(Some("b"), ErrorCode::NONE), unknown, (Some("a"), ErrorCode::NONE)]);
    assert_eq!(response.topics[0].topic_id, id);
}

#[test]
fn ids_and_configs_survive_stops_and_kills() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("small", 2, &[("max.message.bytes", "200")]);
    let first = client.topic("small").topic_id;
    let mut broker = Broker::on(broker.stop(), &[]);
    for _ in 0..2 {
        let mut client = broker.connect();
        let topic = client.topic("small");
        assert_eq!((topic.topic_id, topic.partitions.len()), (first, 2));
        let large = batch(&["x".repeat(200).as_str()]);
        assert_eq!(client.try_produce(9, -1, "small", 0, &large).error_code, ErrorCode::MESSAGE_TOO_LARGE);
        broker = Broker::on(broker.kill(), &[]);
    }
}

#[test]
fn creating_and_deleting_work_in_every_version() {
    let broker = Broker::with(&["--set", "num.partitions=3"]);
    let mut client = broker.connect();
    for version in 2..=7 {
        let name = format!("demo-{version}");
        let topics = vec![new_topic(&name, -1, &[("retention.ms", "1000")])];
        let response = create(&mut client, version, CreateTopicsRequest { topics, ..Default::default() });
        let created = &response.topics[0];
        assert_eq!((created.error_code, created.name.as_str()), (ErrorCode::NONE, name.as_str()));
        if version >= 5 {
            assert_eq!((created.num_partitions, created.replication_factor), (3, 1));
            let configs = created.configs.as_ref().unwrap();
            let retention = configs.iter().find(|config| config.name == "retention.ms").unwrap();
            assert_eq!((retention.value.as_deref(), retention.config_source), (Some("1000"), 1));
        }
        let topic = client.topic(&name);
        assert_eq!(topic.partitions.len(), 3);
        assert!(version < 7 || created.topic_id == topic.topic_id);
    }
    for version in 1..=6 {
        let name = format!("demo-{}", version + 1);
        let topics = vec![DeleteTopicState { name: Some(name.clone()), ..Default::default() }];
        let request = DeleteTopicsRequest { topics, topic_names: vec![name.clone()], ..Default::default() };
        let response: DeleteTopicsResponse = client.call(version, request);
        let deleted: Vec<_> = response.responses.iter().map(|one| (one.name.as_deref(), one.error_code)).collect();
        assert_eq!(deleted, [(Some(name.as_str()), ErrorCode::NONE)], "DeleteTopics {version}");
        assert_eq!(client.topic(&name).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}

#[test]
fn a_topic_that_is_created_again_at_once_is_new_and_empty() {
    let broker = Broker::with(&["--set", "log.segment.delete.delay.ms=0"]);
    let mut client = broker.connect();
    let mut ids = Vec::new();
    for _ in 0..10 {
        client.create("demo", 2);
        ids.push(client.topic("demo").topic_id);
        assert_eq!((client.bounds("demo", 0), client.bounds("demo", 1)), ((0, 0), (0, 0)));
        assert_eq!(client.produce("demo", 1, &batch(&["old"])), 0);
        assert_eq!(client.delete("demo"), ErrorCode::NONE);
        assert_eq!(
            client.try_produce(9, 1, "demo", 0, &batch(&["a"])).error_code,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        );
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10, "each has an id of its own");
    until("the files of the deleted ones are gone", || {
        let left = tree(&broker.folder());
        left.iter().all(|path| !path.to_str().unwrap().contains("demo")).then_some(())
    });
}

#[test]
fn a_topic_that_is_made_again_inherits_nothing() {
    let broker = Broker::start();
    let mut client = broker.connect();
    for topic in ["flushed", "cut"] {
        client.create(topic, 1);
        client.fill(topic, 0, 20, 1000);
    }
    assert_eq!(client.delete_records("cut", 0, 15), (ErrorCode::NONE, 15));
    // A clean stop writes down how far both are flushed, and where the second one starts.
    let broker = Broker::on(broker.stop(), &[]);
    let mut client = broker.connect();
    for topic in ["flushed", "cut"] {
        assert_eq!(client.delete(topic), ErrorCode::NONE);
        client.create(topic, 1);
        client.produce(topic, 0, &batch(&["new"]));
    }
    let broker = Broker::on(broker.kill(), &[]);
    let mut client = broker.connect();
    for topic in ["flushed", "cut"] {
        let fetched = client.fetch(topic, 0, 0);
        assert_eq!((fetched.error(), fetched.read()), (ErrorCode::NONE, vec![(0, "new".to_string())]), "{topic}");
    }
}

#[test]
fn what_was_answered_survives_a_kill_right_behind_it() {
    let mut data = Broker::start().stop();
    for round in 0..5 {
        let broker = Broker::on(data, &[]);
        let mut client = broker.connect();
        client.create("lives", 3);
        client.create("dies", 1);
        client.produce("dies", 0, &batch(&["old"]));
        assert_eq!(client.delete("dies"), ErrorCode::NONE);
        let id = client.topic("lives").topic_id;
        let broker = Broker::on(broker.kill(), &[]);
        let mut client = broker.connect();
        assert_eq!(client.topic("lives").topic_id, id, "round {round}");
        assert_eq!(client.topic("dies").error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "round {round}");
        client.create("dies", 1);
        assert_eq!(client.bounds("dies", 0), (0, 0), "round {round}");
        assert_eq!((client.delete("dies"), client.delete("lives")), (ErrorCode::NONE, ErrorCode::NONE));
        data = broker.kill();
    }
}

#[test]
fn topics_are_deleted_by_id_each_for_itself() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let id = client.topic("demo").topic_id;
    let codes =
        |response: &DeleteTopicsResponse| -> Vec<_> { response.responses.iter().map(|one| one.error_code).collect() };
    let twice = delete_ids(&mut client, &[id, id]);
    assert_eq!(codes(&twice), [ErrorCode::INVALID_REQUEST; 2], "asked for twice, deleted not at all");
    let both = vec![DeleteTopicState { name: Some("demo".to_string()), topic_id: id }];
    let both = client.call(6, DeleteTopicsRequest { topics: both, ..Default::default() });
    assert_eq!(codes(&both), [ErrorCode::INVALID_REQUEST], "by name or by id");
    let response = delete_ids(&mut client, &[Uuid([9; 16]), id, Uuid::ZERO]);
    assert_eq!(codes(&response), [ErrorCode::UNKNOWN_TOPIC_ID, ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_ID]);
    assert_eq!(response.responses[1].name.as_deref(), Some("demo"));
    assert_eq!(client.delete("demo"), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn of_many_who_create_the_same_topic_at_once_one_succeeds_and_all_see_it() {
    let broker = Broker::start();
    let race = |attempt: &(dyn Fn(&mut Client) -> (ErrorCode, Uuid) + Sync)| -> Vec<(ErrorCode, Uuid)> {
        let mut clients: Vec<_> = (0..8).map(|_| broker.connect()).collect();
        std::thread::scope(|scope| {
            let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(|| attempt(client))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    };
    let created = race(&|client| {
        let code = client.create_with("demo", 4, &[]).error_code;
        (code, client.topic("demo").topic_id)
    });
    let succeeded = created.iter().filter(|(code, _)| code.is_none()).count();
    let refused = created.iter().filter(|(code, _)| *code == ErrorCode::TOPIC_ALREADY_EXISTS).count();
    assert_eq!((succeeded, refused), (1, 7), "{created:?}");
    assert!(created.iter().all(|(_, id)| *id == created[0].1 && !id.is_zero()), "{created:?}");
    let found = race(&|client| {
        let topic = metadata(client, 12, Some(vec![named("on-the-way")])).topics.remove(0);
        (topic.error_code, topic.topic_id)
    });
    assert!(found.iter().all(|one| *one == found[0] && one.0.is_none()), "{found:?}");
}
