//! What tools ask about partitions, directories, producers and security; and topics that get more partitions.

mod broker;

use broker::client::{batch, Client};
use broker::Broker;
use sendlog::base::ErrorCode;
use sendlog::record::BatchBuilder;
use sendlog::wire::messages::create_partitions::{CreatePartitionsAssignment, CreatePartitionsTopic};
use sendlog::wire::messages::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsResult};
use sendlog::wire::messages::describe_producers::TopicRequest;
use sendlog::wire::messages::describe_user_scram_credentials::UserName;
use sendlog::wire::messages::elect_leaders::TopicPartitions;
use sendlog::wire::messages::{
    describe_topic_partitions, CreatePartitionsRequest, DescribeAclsRequest, DescribeClientQuotasRequest,
    DescribeLogDirsRequest, DescribeProducersRequest, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeUserScramCredentialsRequest, ElectLeadersRequest,
};

fn grow(client: &mut Client, name: &str, count: i32, assignments: Option<Vec<Vec<i32>>>) -> ErrorCode {
    let assignments =
        assignments.map(|all| all.into_iter().map(|broker_ids| CreatePartitionsAssignment { broker_ids }).collect());
    let topics = vec![CreatePartitionsTopic { name: name.to_string(), count, assignments }];
    client.call(3, CreatePartitionsRequest { topics, ..Default::default() }).results[0].error_code
}

#[test]
fn a_topic_gets_more_partitions_at_once_and_for_good() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    client.produce("demo", 1, &batch(&["before"]));
    assert_eq!(grow(&mut client, "demo", 4, None), ErrorCode::NONE);
    assert_eq!(client.topic("demo").partitions.len(), 4);
    assert_eq!(client.produce("demo", 3, &batch(&["new"])), 0);
    let broker = Broker::on(broker.kill(), &[]);
    let mut client = broker.connect();
    assert_eq!(client.topic("demo").partitions.len(), 4);
    assert_eq!(client.fetch("demo", 1, 0).read(), [(0, "before".to_string())]);
    assert_eq!(client.fetch("demo", 3, 0).read(), [(0, "new".to_string())]);
}

#[test]
fn what_would_not_be_more_partitions_is_refused() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    for (name, count, assignments, error) in [
        ("demo", 2, None, ErrorCode::INVALID_PARTITIONS),
        ("demo", 1, None, ErrorCode::INVALID_PARTITIONS),
        ("demo", 0, None, ErrorCode::INVALID_PARTITIONS),
        ("demo", 3, Some(vec![]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        ("demo", 3, Some(vec![vec![1, 2]]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        ("demo", 4, Some(vec![vec![1]]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        ("nowhere", 4, None, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("demo", 3, Some(vec![vec![1]]), ErrorCode::NONE),
    ] {
        assert_eq!(grow(&mut client, name, count, assignments.clone()), error, "{name} {count} {assignments:?}");
    }
    let topic = |count| CreatePartitionsTopic { name: "demo".to_string(), count, assignments: None };
    let twice = CreatePartitionsRequest { topics: vec![topic(5), topic(6)], ..Default::default() };
    let results = client.call(3, twice).results;
    assert!(results.iter().all(|result| result.error_code == ErrorCode::INVALID_REQUEST));
    let only_asked = CreatePartitionsRequest { topics: vec![topic(5)], validate_only: true, ..Default::default() };
    assert_eq!(client.call(3, only_asked).results[0].error_code, ErrorCode::NONE);
    assert_eq!(client.topic("demo").partitions.len(), 3);
}

fn log_dir(client: &mut Client, topics: Option<Vec<DescribableLogDirTopic>>) -> DescribeLogDirsResult {
    let mut response = client.call(4, DescribeLogDirsRequest { topics });
    assert_eq!((response.error_code, response.results.len()), (ErrorCode::NONE, 1));
    response.results.remove(0)
}

#[test]
fn the_directory_is_described_with_its_partitions_and_its_room() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    client.create("other", 1);
    let bytes = batch(&["some value"]);
    client.produce("demo", 1, &bytes);
    let all = log_dir(&mut client, None);
    assert_eq!((all.error_code, std::path::Path::new(&all.log_dir)), (ErrorCode::NONE, broker.folder().as_path()));
    assert!(all.total_bytes > all.usable_bytes && all.usable_bytes > 0);
    assert_eq!(all.topics.len(), 2);
    let asked = |topic: &str| DescribableLogDirTopic { topic: topic.to_string(), partitions: vec![1, 7] };
    let some = log_dir(&mut client, Some(vec![asked("demo"), asked("nowhere"), asked("other")]));
    assert_eq!((some.topics.len(), some.topics[0].name.as_str()), (1, "demo"));
    let partition = &some.topics[0].partitions[0];
    assert_eq!((partition.partition_index, partition.partition_size), (1, bytes.len() as i64));
    assert_eq!((partition.offset_lag, partition.is_future_key), (0, false));
}

fn page(
    client: &mut Client,
    topics: &[&str],
    limit: i32,
    cursor: Option<(&str, i32)>,
) -> DescribeTopicPartitionsResponse {
    let topics = topics.iter().map(|name| describe_topic_partitions::TopicRequest { name: name.to_string() });
    let cursor = cursor.map(|(topic_name, partition_index)| describe_topic_partitions::Cursor {
        topic_name: topic_name.to_string(),
        partition_index,
    });
    let request = DescribeTopicPartitionsRequest { topics: topics.collect(), response_partition_limit: limit, cursor };
    client.call(0, request)
}

#[test]
fn topics_are_described_page_by_page() {
    let broker = Broker::start();
    let mut client = broker.connect();
    for (name, count) in [("b", 3), ("a", 2), ("c", 1)] {
        client.create(name, count);
    }
    for limit in [1, 2, 3, 4, 100] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let answer =
                page(&mut client, &[], limit, cursor.as_ref().map(|(name, at): &(String, i32)| (&**name, *at)));
            pages += 1;
            for topic in answer.topics {
                let name = topic.name.unwrap();
                seen.extend(topic.partitions.iter().map(|found| format!("{name}-{}", found.partition_index)));
            }
            match answer.next_cursor {
                Some(next) => cursor = Some((next.topic_name, next.partition_index)),
                None => break,
            }
        }
        assert_eq!(seen, ["a-0", "a-1", "b-0", "b-1", "b-2", "c-0"], "limit {limit}");
        assert_eq!(pages, (6 + limit - 1) / limit, "limit {limit}");
    }
    let asked = page(&mut client, &["c", "nowhere", "a"], 100, None);
    let errors: Vec<_> = asked.topics.iter().map(|topic| (topic.name.as_deref().unwrap(), topic.error_code)).collect();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    for cursor in [("b", 0), ("a", -1)] {
        let wrong = page(&mut client, &["a", "c"], 100, Some(cursor)).topics;
        assert!(wrong.len() == 2 && wrong.iter().all(|topic| topic.error_code == ErrorCode::INVALID_REQUEST));
    }
    assert_eq!(errors, [("a", ErrorCode::NONE), ("c", ErrorCode::NONE), ("nowhere", unknown)]);
}

#[test]
fn producers_are_described_as_the_partition_remembers_them() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    for sequence in [0, 1] {
        let one = BatchBuilder::new().producer(41, 2, sequence).record(1000 + i64::from(sequence), None, Some(b"v"));
        client.produce("demo", 0, &one.build());
    }
    client.produce("demo", 0, &batch(&["of nobody"]));
    let topics = vec![TopicRequest { name: "demo".to_string(), partition_indexes: vec![0, 5] }];
    let mut answer = client.call(0, DescribeProducersRequest { topics });
    let partitions = answer.topics.remove(0).partitions;
    let [producer] = &partitions[0].active_producers[..] else { panic!("{partitions:?}") };
    assert_eq!((producer.producer_id, producer.producer_epoch, producer.last_sequence), (41, 2, 1));
    assert_eq!((producer.last_timestamp, producer.current_txn_start_offset), (1001, -1));
    assert_eq!(partitions[1].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn no_election_is_needed_and_there_are_no_acls_quotas_or_users() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let partitions = [TopicPartitions { topic: "demo".to_string(), partitions: vec![0, 1] }];
    for election_type in [0, 1] {
        let topic_partitions = Some(
            partitions
                .iter()
                .map(|asked| TopicPartitions { topic: asked.topic.clone(), partitions: asked.partitions.clone() }),
        );
        let topic_partitions = topic_partitions.map(Iterator::collect);
        let elected = client.call(2, ElectLeadersRequest { election_type, topic_partitions, timeout_ms: 1000 });
        let results = &elected.replica_election_results[0].partition_result;
        let errors: Vec<_> = results.iter().map(|result| result.error_code).collect();
        assert_eq!(errors, [ErrorCode::ELECTION_NOT_NEEDED, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    }
    let all = ElectLeadersRequest { topic_partitions: None, ..Default::default() };
    let results = client.call(2, all).replica_election_results;
    assert_eq!((results.len(), results[0].partition_result.len()), (1, 0), "none needs one");
    let acls = client.call(3, DescribeAclsRequest::default());
    assert_eq!((acls.error_code, acls.resources.len()), (ErrorCode::SECURITY_DISABLED, 0));
    let quotas = client.call(1, DescribeClientQuotasRequest::default());
    assert_eq!((quotas.error_code, quotas.entries.map(|entries| entries.len())), (ErrorCode::NONE, Some(0)));
    let users = client.call(0, DescribeUserScramCredentialsRequest { users: None });
    assert_eq!((users.error_code, users.results.len()), (ErrorCode::NONE, 0));
    let named = Some(vec![UserName { name: "ann".to_string() }]);
    let users = client.call(0, DescribeUserScramCredentialsRequest { users: named });
    assert_eq!(users.results[0].error_code, ErrorCode::RESOURCE_NOT_FOUND);
}
