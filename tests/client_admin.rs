//! The client's `Admin` against the broker.

mod broker;

use std::net::TcpListener;

use broker::client::batch;
use broker::member::Member;
use broker::Broker;
use sendlog::base::{ErrorCode, TopicPartition};
use sendlog::client::{
    Admin, ClientSettings, Committed, ConfigOp, ConfigSource, Error, NewTopic, OffsetSpec, Resource,
};

fn admin(broker: &Broker) -> Admin {
    Admin::connect(ClientSettings::new(broker.address.to_string())).unwrap()
}

fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.to_string(), partition }
}

#[test]
fn topics_are_created_described_grown_and_deleted() {
    let broker = Broker::start();
    let mut admin = admin(&broker);
    admin.create_topic(&NewTopic::new("b").partitions(2).replication_factor(1)).unwrap();
    let both = [NewTopic::new("a").config("retention.ms", "5000"), NewTopic::new("b")];
    let created = admin.create_topics(&both, false).unwrap();
    assert_eq!((created[0].0.as_str(), created[0].1.as_ref().unwrap()), ("a", &1));
    assert_eq!(created[1].1.as_ref().unwrap_err().code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
    let names: Vec<String> =
        admin.list_topics().unwrap().into_iter().filter(|t| !t.is_internal).map(|t| t.name).collect();
    assert_eq!(names, ["a", "b"]);
    let grown = admin.create_partitions(&[("b", 4), ("a", 1)], false).unwrap();
    assert!(grown[0].1.is_ok());
    assert_eq!(grown[1].1.as_ref().unwrap_err().code(), Some(ErrorCode::INVALID_PARTITIONS));
    let found = admin.describe_topic("b").unwrap();
    let seen: Vec<_> = found.partitions.iter().map(|p| (p.partition, p.leader, p.replicas.clone())).collect();
    assert_eq!(seen, [0, 1, 2, 3].map(|partition| (partition, Some(1), vec![1])));
    assert!(!found.id.is_zero());
    admin.delete_topic("b").unwrap();
    let gone = admin.describe_topic("b").unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert!(
        gone.to_string().starts_with("topic b: ") && gone.to_string().contains("create the topic first"),
        "{gone}"
    );
}

#[test]
fn validate_only_changes_nothing() {
    let broker = Broker::start();
    let mut admin = admin(&broker);
    assert!(admin.create_topics(&[NewTopic::new("a")], true).unwrap()[0].1.is_ok());
    assert!(admin.describe_topic("a").is_err());
    admin.create_topic(&NewTopic::new("a")).unwrap();
    admin.create_partitions(&[("a", 9)], true).unwrap()[0].1.as_ref().unwrap();
    let change = [("retention.ms".to_string(), ConfigOp::Set("1".to_string()))];
    admin.alter_configs(&Resource::topic("a"), &change, true).unwrap();
    assert_eq!(admin.describe_topic("a").unwrap().partitions.len(), 1);
    assert!(admin.describe_config(&Resource::topic("a")).unwrap().iter().all(|entry| !entry.is_dynamic()));
}

#[test]
fn configs_are_set_and_taken_back() {
    let broker = Broker::start();
    let mut admin = admin(&broker);
    admin.create_topic(&NewTopic::new("a")).unwrap();
    let topic = Resource::topic("a");
    let value = |admin: &mut Admin, key: &str| {
        let all = admin.describe_config(&topic).unwrap();
        let entry = all.into_iter().find(|entry| entry.name == key).unwrap();
        (entry.value.unwrap(), entry.source)
    };
    let mut change = |op| admin.alter_configs(&topic, &[("retention.ms".to_string(), op)], false);
    change(ConfigOp::Set("1234".to_string())).unwrap();
    let wrong = change(ConfigOp::Set("soon".to_string())).unwrap_err();
    assert_eq!(wrong.code(), Some(ErrorCode::INVALID_CONFIG));
    assert_eq!(value(&mut admin, "retention.ms"), ("1234".to_string(), ConfigSource::Topic));
    admin.alter_configs(&topic, &[("retention.ms".to_string(), ConfigOp::Delete)], false).unwrap();
    assert_eq!(value(&mut admin, "retention.ms"), ("604800000".to_string(), ConfigSource::Default));
    let policy = |op| [("cleanup.policy".to_string(), op)];
    admin.alter_configs(&topic, &policy(ConfigOp::Append("compact".to_string())), false).unwrap();
    admin.alter_configs(&topic, &policy(ConfigOp::Subtract("delete".to_string())), false).unwrap();
    assert_eq!(value(&mut admin, "cleanup.policy").0, "compact");
    let resources = [Resource::Broker(Some(1)), topic.clone(), Resource::topic("none")];
    let all = admin.describe_configs(&resources).unwrap();
    let of = |resource: &Resource| all.iter().find(|(found, _)| found == resource).unwrap().1.as_ref();
    assert!(of(&resources[0]).unwrap().iter().any(|entry| entry.name == "log.retention.ms"));
    assert_eq!(of(&resources[2]).unwrap_err().code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    let nobody = admin.describe_config(&Resource::Broker(Some(7))).unwrap_err().to_string();
    assert_eq!(nobody, "broker 7: the cluster's brokers are 1");
}

#[test]
fn offsets_are_found_by_place_and_time_and_records_deleted() {
    let broker = Broker::start();
    let mut admin = admin(&broker);
    admin.create_topic(&NewTopic::new("a").partitions(2)).unwrap();
    broker.connect().produce("a", 0, &batch(&["x", "y", "z"]));
    let mut find = |spec| {
        let found = admin.list_offsets(&[("a", 0), ("a", 1), ("a", 9)], spec).unwrap();
        let mut seen: Vec<_> = found
            .into_iter()
            .map(|(at, found)| (at.partition, found.map(|f| (f.offset, f.timestamp_ms))))
            .collect();
        seen.sort_by_key(|(partition, _)| *partition);
        let lost = seen.pop().unwrap().1.unwrap_err();
        assert_eq!(lost.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        seen.into_iter().map(|(_, found)| found.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(find(OffsetSpec::Earliest), [(0, -1), (0, -1)]);
    assert_eq!(find(OffsetSpec::Latest), [(3, -1), (0, -1)]);
    assert_eq!(find(OffsetSpec::Timestamp(1001)), [(1, 1001), (-1, -1)]);
    assert_eq!(find(OffsetSpec::MaxTimestamp), [(2, 1002), (-1, -1)]);
    let left = admin.delete_records(&[(("a", 0), 2), (("a", 1), 5)]).unwrap();
    let of = |number| &left.iter().find(|(at, _)| at.partition == number).unwrap().1;
    assert_eq!(of(0), &Ok(2));
    assert_eq!(of(1).as_ref().unwrap_err().code(), Some(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(admin.delete_records(&[(("a", 0), -1)]).unwrap()[0].1, Ok(3));
}

#[test]
fn groups_are_described_and_their_offsets_altered() {
    let broker = Broker::start();
    let mut admin = admin(&broker);
    admin.create_topic(&NewTopic::new("a").partitions(2)).unwrap();
    broker.connect().produce("a", 0, &batch(&["x", "y", "z"]));
    let at = |number, offset| (partition("a", number), Committed::at(offset));
    let altered = admin.alter_offsets("g", &[at(0, 2), at(1, 0), at(5, 0)]).unwrap();
    assert!(altered.iter().filter(|(at, _)| at.partition < 5).all(|(_, done)| done.is_ok()), "{altered:?}");
    assert_eq!(
        altered.iter().find(|(at, _)| at.partition == 5).unwrap().1.as_ref().unwrap_err().code(),
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    );
    assert_eq!(admin.committed_offsets("g", None).unwrap(), [at(0, 2), at(1, 0)]);
    assert_eq!(admin.committed_offsets("g", Some(&[partition("a", 0), partition("z", 0)])).unwrap(), [at(0, 2)]);
    let listed = admin.list_groups().unwrap();
    assert_eq!(
        (listed[0].group.as_str(), listed[0].state.as_str(), listed[0].kind.as_str()),
        ("g", "Empty", "classic")
    );
    let mut member = Member::new(broker.connect(), "h");
    assert!(member.join_twice(5).is_none() && member.sync(3).error_code.is_none());
    let found = admin.describe_group("h").unwrap();
    assert_eq!((found.state.as_str(), found.members.len(), found.coordinator), ("Stable", 1, 1));
    assert_eq!(found.members[0].host, "/127.0.0.1");
    let refused = admin.delete_groups(&["h"]).unwrap().remove(0).1.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NON_EMPTY_GROUP));
    assert!(refused.to_string().contains("stop the group's consumers"), "{refused}");
    assert!(admin.delete_offsets("g", &[("a", 1)]).unwrap()[0].1.is_ok());
    assert_eq!(admin.committed_offsets("g", None).unwrap(), [at(0, 2)]);
    assert!(admin.delete_groups(&["g"]).unwrap()[0].1.is_ok());
    assert_eq!(admin.describe_group("g").unwrap_err().code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
}

#[test]
fn the_cluster_and_its_directories_are_described() {
    let broker = Broker::start();
    let mut admin = admin(&broker);
    admin.create_topic(&NewTopic::new("a")).unwrap();
    broker.connect().produce("a", 0, &batch(&["x"]));
    let cluster = admin.describe_cluster().unwrap();
    assert_eq!(cluster.brokers[0].address(), broker.address.to_string());
    assert_eq!((cluster.controller, cluster.cluster_id.len()), (Some(1), 22));
    let folders = admin.describe_log_dirs().unwrap();
    assert!(folders[0].path.ends_with("data") && folders[0].total_bytes > 0);
    let found = folders[0].partitions.iter().find(|p| p.partition == partition("a", 0)).unwrap();
    assert_eq!(found.size_bytes, batch(&["x"]).len() as i64);
}

#[test]
fn a_broker_that_came_back_is_asked_again() {
    let broker = Broker::start();
    let address = broker.address.to_string();
    let mut admin = admin(&broker);
    admin.create_topic(&NewTopic::new("a")).unwrap();
    let data = broker.stop();
    let again = std::thread::spawn(move || {
        let folder = data.path().join("data");
        let arguments = ["--listen", &address, "--data", folder.to_str().unwrap()];
        Broker::run(data.clone(), &arguments)
    });
    // Whether it is up by then or not: the call comes back with an answer.
    assert_eq!(admin.describe_topic("a").unwrap().name, "a");
    again.join().unwrap().stop();
}

#[test]
fn who_is_not_there_is_named() {
    let nobody = {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        closed.local_addr().unwrap().to_string()
    };
    let Err(error) = Admin::connect(ClientSettings::new(nobody.clone())) else { panic!("somebody answered") };
    let text = error.to_string();
    assert!(
        text.contains(&nobody) && text.contains("refused") && text.contains("is the broker running"),
        "{text}"
    );
    let Err(error) = Admin::connect(ClientSettings::new("localhost")) else { panic!("no port") };
    assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains("HOST:PORT"), "{error}");
}

#[test]
fn what_is_no_broker_is_told_as_such() {
    use std::io::Write;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let web = std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let Err(error) = Admin::connect(ClientSettings::new(address)) else { panic!("HTTP was understood") };
    assert!(error.to_string().contains("is that a Kafka broker"), "{error}");
    web.join().unwrap().unwrap();
}
