//! The part of tests/wire_roundtrip.rs that is about what people's tools ask for, configurations aside.

use super::{check, check_defaults, id, ids, s, since, some, topic, ERROR, ID};
use kafka_protocol::messages as theirs;
use kafka_protocol::messages::{BrokerId, ProducerId};
use sendlog::wire::messages as ours;

#[test]
fn describe_acls() {
    let request = |_| {
        let ours = ours::DescribeAclsRequest {
            resource_type_filter: 1,
            resource_name_filter: some("demo"),
            pattern_type_filter: 2,
            principal_filter: some("User:one"),
            host_filter: some("host"),
            operation: 4,
            permission_type: 5,
        };
        let theirs = theirs::DescribeAclsRequest::default().with_resource_type_filter(1).with_pattern_type_filter(2);
        let theirs = theirs.with_resource_name_filter(Some(s("demo"))).with_principal_filter(Some(s("User:one")));
        (ours, theirs.with_host_filter(Some(s("host"))).with_operation(4).with_permission_type(5))
    };
    let response = |_| {
        use ours::describe_acls::{AclDescription, DescribeAclsResource};
        let acl =
            AclDescription { principal: "User:one".into(), host: "host".into(), operation: 1, permission_type: 2 };
        let acls = vec![acl, Default::default()];
        let resource = DescribeAclsResource { resource_type: 4, resource_name: "demo".into(), pattern_type: 5, acls };
        let resources = vec![resource, Default::default()];
        let error_message = some("why");
        let ours = ours::DescribeAclsResponse { throttle_time_ms: 6, error_code: ERROR, error_message, resources };
        use theirs::describe_acls_response as they;
        let acl = they::AclDescription::default().with_principal(s("User:one")).with_host(s("host"));
        let acl = acl.with_operation(1).with_permission_type(2);
        let resource = they::DescribeAclsResource::default().with_resource_type(4).with_resource_name(s("demo"));
        let resource = resource.with_pattern_type(5).with_acls(vec![acl, Default::default()]);
        let theirs = theirs::DescribeAclsResponse::default().with_throttle_time_ms(6).with_error_code(41);
        let theirs = theirs.with_error_message(Some(s("why")));
        (ours, theirs.with_resources(vec![resource, Default::default()]))
    };
    check(request, response);
}

#[test]
fn describe_log_dirs() {
    let request = |version| {
        use ours::describe_log_dirs::DescribableLogDirTopic;
        // Null asks for all.
        let all = version == 3;
        let topics = vec![DescribableLogDirTopic { topic: "demo".into(), partitions: vec![1, 2] }];
        let demo = theirs::describe_log_dirs_request::DescribableLogDirTopic::default().with_topic(topic("demo"));
        let demo = demo.with_partitions(vec![1, 2]);
        let theirs = theirs::DescribeLogDirsRequest::default().with_topics((!all).then_some(vec![demo]));
        (ours::DescribeLogDirsRequest { topics: (!all).then_some(topics) }, theirs)
    };
    check(request, describe_log_dirs_response);
}

fn describe_log_dirs_response(version: i16) -> (ours::DescribeLogDirsResponse, theirs::DescribeLogDirsResponse) {
    use ours::describe_log_dirs::{DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic};
    let partition =
        DescribeLogDirsPartition { partition_index: 1, partition_size: 1 << 40, offset_lag: 2, is_future_key: true };
    let demo = DescribeLogDirsTopic { name: "demo".into(), partitions: vec![partition, Default::default()] };
    let result = DescribeLogDirsResult {
        error_code: ERROR,
        log_dir: "/data".into(),
        topics: vec![demo],
        total_bytes: 3 << 40,
        usable_bytes: 4 << 40,
    };
    let results = vec![result, Default::default()];
    let ours = ours::DescribeLogDirsResponse { throttle_time_ms: 5, error_code: ERROR, results };
    use theirs::describe_log_dirs_response as they;
    let partition = they::DescribeLogDirsPartition::default().with_partition_index(1).with_partition_size(1 << 40);
    let partition = partition.with_offset_lag(2).with_is_future_key(true);
    let demo = they::DescribeLogDirsTopic::default().with_name(topic("demo"));
    let demo = demo.with_partitions(vec![partition, Default::default()]);
    let result = they::DescribeLogDirsResult::default().with_error_code(41).with_log_dir(s("/data"));
    let result = result.with_topics(vec![demo]).with_total_bytes(since(4, version, 3 << 40, -1));
    let result = result.with_usable_bytes(since(4, version, 4 << 40, -1));
    let theirs = theirs::DescribeLogDirsResponse::default().with_throttle_time_ms(5);
    let theirs = theirs.with_error_code(since(3, version, 41, 0));
    (ours, theirs.with_results(vec![result, Default::default()]))
}

#[test]
fn create_partitions() {
    let request = |_| {
        use ours::create_partitions::{CreatePartitionsAssignment, CreatePartitionsTopic};
        let assignments = vec![CreatePartitionsAssignment { broker_ids: vec![1, 2] }, Default::default()];
        // Null and an empty array are not the same.
        let topics = vec![
            CreatePartitionsTopic { name: "demo".into(), count: 3, assignments: Some(assignments) },
            CreatePartitionsTopic { name: "null".into(), count: 4, assignments: None },
            CreatePartitionsTopic { name: "empty".into(), count: 5, assignments: Some(Vec::new()) },
        ];
        let ours = ours::CreatePartitionsRequest { topics, timeout_ms: 6, validate_only: true };
        use theirs::create_partitions_request::{
            CreatePartitionsAssignment as Assignment, CreatePartitionsTopic as New,
        };
        let assignment = Assignment::default().with_broker_ids(ids(&[1, 2]));
        let demo = New::default().with_name(topic("demo")).with_count(3);
        let demo = demo.with_assignments(Some(vec![assignment, Default::default()]));
        let null = New::default().with_name(topic("null")).with_count(4).with_assignments(None);
        let empty = New::default().with_name(topic("empty")).with_count(5).with_assignments(Some(vec![]));
        let theirs = theirs::CreatePartitionsRequest::default().with_topics(vec![demo, null, empty]);
        (ours, theirs.with_timeout_ms(6).with_validate_only(true))
    };
    let response = |_| {
        use ours::create_partitions::CreatePartitionsTopicResult;
        let result = CreatePartitionsTopicResult { name: "demo".into(), error_code: ERROR, error_message: some("why") };
        let results = vec![result, Default::default()];
        use theirs::create_partitions_response::CreatePartitionsTopicResult as Theirs;
        let result = Theirs::default().with_name(topic("demo")).with_error_code(41).with_error_message(Some(s("why")));
        let theirs = theirs::CreatePartitionsResponse::default().with_throttle_time_ms(1);
        let ours = ours::CreatePartitionsResponse { throttle_time_ms: 1, results };
        (ours, theirs.with_results(vec![result, Default::default()]))
    };
    check(request, response);
}

#[test]
fn elect_leaders() {
    let request = |version| {
        use ours::elect_leaders::TopicPartitions;
        // Null asks for all.
        let all = version == 1;
        let asked = vec![TopicPartitions { topic: "demo".into(), partitions: vec![1, 2] }, Default::default()];
        let topic_partitions = (!all).then_some(asked);
        let ours = ours::ElectLeadersRequest { election_type: 1, topic_partitions, timeout_ms: 3 };
        let demo = theirs::elect_leaders_request::TopicPartitions::default().with_topic(topic("demo"));
        let asked = vec![demo.with_partitions(vec![1, 2]), Default::default()];
        let theirs = theirs::ElectLeadersRequest::default().with_election_type(since(1, version, 1, 0));
        (ours, theirs.with_topic_partitions((!all).then_some(asked)).with_timeout_ms(3))
    };
    let response = |version| {
        use ours::elect_leaders::{PartitionResult, ReplicaElectionResult};
        let partition = PartitionResult { partition_id: 1, error_code: ERROR, error_message: some("why") };
        let partition_result = vec![partition, Default::default()];
        let replica_election_results = vec![ReplicaElectionResult { topic: "demo".into(), partition_result }];
        let ours = ours::ElectLeadersResponse { throttle_time_ms: 2, error_code: ERROR, replica_election_results };
        use theirs::elect_leaders_response as they;
        let partition = they::PartitionResult::default().with_partition_id(1).with_error_code(41);
        let partition = partition.with_error_message(Some(s("why")));
        let null = they::PartitionResult::default().with_error_message(None);
        let demo = they::ReplicaElectionResult::default().with_topic(topic("demo"));
        let theirs = theirs::ElectLeadersResponse::default().with_throttle_time_ms(2);
        let theirs = theirs.with_error_code(since(1, version, 41, 0));
        (ours, theirs.with_replica_election_results(vec![demo.with_partition_result(vec![partition, null])]))
    };
    check(request, response);
}

#[test]
fn describe_client_quotas() {
    let request = |_| {
        use ours::describe_client_quotas::ComponentData;
        let named = ComponentData { entity_type: "user".into(), match_type: 0, match_: some("one") };
        let any = ComponentData { entity_type: "ip".into(), match_type: 2, match_: None };
        use theirs::describe_client_quotas_request::ComponentData as Theirs;
        let components = vec![
            Theirs::default().with_entity_type(s("user")).with_match(Some(s("one"))),
            Theirs::default().with_entity_type(s("ip")).with_match_type(2).with_match(None),
        ];
        let theirs = theirs::DescribeClientQuotasRequest::default().with_components(components).with_strict(true);
        (ours::DescribeClientQuotasRequest { components: vec![named, any], strict: true }, theirs)
    };
    let response = |version| {
        use ours::describe_client_quotas::{EntityData, EntryData, ValueData};
        // Null with an error.
        let null = version == 1;
        let entity = vec![EntityData { entity_type: "user".into(), entity_name: some("one") }, Default::default()];
        let values = vec![ValueData { key: "rate".into(), value: 1048576.5 }, Default::default()];
        let ours = ours::DescribeClientQuotasResponse {
            throttle_time_ms: 1,
            error_code: ERROR,
            error_message: some("why"),
            entries: (!null).then(|| vec![EntryData { entity, values }, Default::default()]),
        };
        use theirs::describe_client_quotas_response as they;
        let entity = they::EntityData::default().with_entity_type(s("user")).with_entity_name(Some(s("one")));
        let entity = vec![entity, they::EntityData::default().with_entity_name(None)];
        let values = vec![they::ValueData::default().with_key(s("rate")).with_value(1048576.5), Default::default()];
        let entry = they::EntryData::default().with_entity(entity).with_values(values);
        let theirs = theirs::DescribeClientQuotasResponse::default().with_throttle_time_ms(1).with_error_code(41);
        let theirs = theirs.with_entries((!null).then(|| vec![entry, Default::default()]));
        (ours, theirs.with_error_message(Some(s("why"))))
    };
    check(request, response);
}

#[test]
fn describe_user_scram_credentials() {
    for all in [false, true] {
        let request = |_| {
            let users = vec![ours::describe_user_scram_credentials::UserName { name: "one".into() }];
            let one = theirs::describe_user_scram_credentials_request::UserName::default().with_name(s("one"));
            let theirs = theirs::DescribeUserScramCredentialsRequest::default();
            let ours = ours::DescribeUserScramCredentialsRequest { users: (!all).then_some(users) };
            (ours, theirs.with_users((!all).then_some(vec![one])))
        };
        check(request, describe_user_scram_credentials_response);
    }
}

fn describe_user_scram_credentials_response(
    _version: i16,
) -> (ours::DescribeUserScramCredentialsResponse, theirs::DescribeUserScramCredentialsResponse) {
    use ours::describe_user_scram_credentials::{CredentialInfo, DescribeUserScramCredentialsResult};
    let result = DescribeUserScramCredentialsResult {
        user: "one".into(),
        error_code: ERROR,
        error_message: some("why"),
        credential_infos: vec![CredentialInfo { mechanism: 2, iterations: 4096 }, Default::default()],
    };
    let ours = ours::DescribeUserScramCredentialsResponse {
        throttle_time_ms: 1,
        error_code: ERROR,
        error_message: some("why not"),
        results: vec![result, Default::default()],
    };
    use theirs::describe_user_scram_credentials_response as they;
    let info = they::CredentialInfo::default().with_mechanism(2).with_iterations(4096);
    let result = they::DescribeUserScramCredentialsResult::default().with_user(s("one")).with_error_code(41);
    let result = result.with_error_message(Some(s("why"))).with_credential_infos(vec![info, Default::default()]);
    let null = they::DescribeUserScramCredentialsResult::default().with_error_message(None);
    let theirs = theirs::DescribeUserScramCredentialsResponse::default().with_throttle_time_ms(1).with_error_code(41);
    (ours, theirs.with_error_message(Some(s("why not"))).with_results(vec![result, null]))
}

#[test]
fn describe_producers() {
    let request = |_| {
        let asked = ours::describe_producers::TopicRequest { name: "demo".into(), partition_indexes: vec![1, 2] };
        let demo = theirs::describe_producers_request::TopicRequest::default().with_name(topic("demo"));
        let demo = demo.with_partition_indexes(vec![1, 2]);
        let theirs = theirs::DescribeProducersRequest::default().with_topics(vec![demo, Default::default()]);
        (ours::DescribeProducersRequest { topics: vec![asked, Default::default()] }, theirs)
    };
    let response = |_| {
        use ours::describe_producers::{PartitionResponse, ProducerState, TopicResponse};
        let producer = ProducerState {
            producer_id: 1 << 40,
            producer_epoch: 2,
            last_sequence: 3,
            last_timestamp: 4 << 40,
            coordinator_epoch: 5,
            current_txn_start_offset: 6 << 40,
        };
        let partition = PartitionResponse {
            partition_index: 7,
            error_code: ERROR,
            error_message: some("why"),
            active_producers: vec![producer, Default::default()],
        };
        let demo = TopicResponse { name: "demo".into(), partitions: vec![partition, Default::default()] };
        let ours = ours::DescribeProducersResponse { throttle_time_ms: 8, topics: vec![demo] };
        use theirs::describe_producers_response as they;
        let producer = they::ProducerState::default().with_producer_id(ProducerId(1 << 40)).with_producer_epoch(2);
        let producer = producer.with_last_sequence(3).with_last_timestamp(4 << 40).with_coordinator_epoch(5);
        let producer = producer.with_current_txn_start_offset(6 << 40);
        let partition = they::PartitionResponse::default().with_partition_index(7).with_error_code(41);
        let partition = partition.with_error_message(Some(s("why")));
        let partition = partition.with_active_producers(vec![producer, Default::default()]);
        let demo = they::TopicResponse::default().with_name(topic("demo"));
        let demo = demo.with_partitions(vec![partition, Default::default()]);
        let theirs = theirs::DescribeProducersResponse::default().with_throttle_time_ms(8);
        (ours, theirs.with_topics(vec![demo]))
    };
    check(request, response);
}

#[test]
fn describe_topic_partitions() {
    // With a cursor and without one.
    for more in [true, false] {
        let request = |_| {
            use ours::describe_topic_partitions::{Cursor, TopicRequest};
            let ours = ours::DescribeTopicPartitionsRequest {
                topics: vec![TopicRequest { name: "demo".into() }, Default::default()],
                response_partition_limit: 1,
                cursor: more.then(|| Cursor { topic_name: "next".into(), partition_index: 2 }),
            };
            use theirs::describe_topic_partitions_request as they;
            let demo = they::TopicRequest::default().with_name(topic("demo"));
            let cursor = they::Cursor::default().with_topic_name(topic("next")).with_partition_index(2);
            let theirs = theirs::DescribeTopicPartitionsRequest::default().with_topics(vec![demo, Default::default()]);
            (ours, theirs.with_response_partition_limit(1).with_cursor(more.then_some(cursor)))
        };
        check(request, |_| describe_topic_partitions_response(more));
    }
}

fn describe_topic_partitions_response(
    more: bool,
) -> (ours::DescribeTopicPartitionsResponse, theirs::DescribeTopicPartitionsResponse) {
    use ours::describe_topic_partitions as our;
    let partition = our::DescribeTopicPartitionsResponsePartition {
        error_code: ERROR,
        partition_index: 1,
        leader_id: 2,
        leader_epoch: 3,
        replica_nodes: vec![4, 5],
        isr_nodes: vec![6],
        eligible_leader_replicas: Some(vec![7, 8]),
        last_known_elr: Some(vec![9]),
        offline_replicas: vec![10, 11, 12],
    };
    let demo = our::DescribeTopicPartitionsResponseTopic {
        error_code: ERROR,
        name: some("demo"),
        topic_id: ID,
        is_internal: true,
        partitions: vec![partition, Default::default()],
        topic_authorized_operations: 13,
    };
    let null = our::DescribeTopicPartitionsResponseTopic { name: None, ..Default::default() };
    let ours = ours::DescribeTopicPartitionsResponse {
        throttle_time_ms: 14,
        topics: vec![demo, null, Default::default()],
        next_cursor: more.then(|| our::Cursor { topic_name: "next".into(), partition_index: 15 }),
    };
    use theirs::describe_topic_partitions_response as they;
    let partition = they::DescribeTopicPartitionsResponsePartition::default().with_error_code(41);
    let partition = partition.with_partition_index(1).with_leader_id(BrokerId(2)).with_leader_epoch(3);
    let partition = partition.with_replica_nodes(ids(&[4, 5])).with_isr_nodes(ids(&[6]));
    let partition = partition.with_eligible_leader_replicas(Some(ids(&[7, 8]))).with_last_known_elr(Some(ids(&[9])));
    let partition = partition.with_offline_replicas(ids(&[10, 11, 12]));
    let demo = they::DescribeTopicPartitionsResponseTopic::default().with_error_code(41).with_topic_id(id());
    let demo = demo.with_name(Some(topic("demo"))).with_is_internal(true);
    let demo = demo.with_partitions(vec![partition, Default::default()]).with_topic_authorized_operations(13);
    let null = they::DescribeTopicPartitionsResponseTopic::default().with_name(None);
    let cursor = they::Cursor::default().with_topic_name(topic("next")).with_partition_index(15);
    let theirs = theirs::DescribeTopicPartitionsResponse::default().with_throttle_time_ms(14);
    (
        ours,
        theirs.with_topics(vec![demo, null, Default::default()]).with_next_cursor(more.then_some(cursor)),
    )
}

#[test]
fn defaults_are_kafkas() {
    check_defaults::<ours::DescribeLogDirsRequest, theirs::DescribeLogDirsRequest, theirs::DescribeLogDirsResponse>();
    check_defaults::<ours::CreatePartitionsRequest, theirs::CreatePartitionsRequest, theirs::CreatePartitionsResponse>(
    );
    check_defaults::<ours::ElectLeadersRequest, theirs::ElectLeadersRequest, theirs::ElectLeadersResponse>();
    check_defaults::<ours::DescribeProducersRequest, theirs::DescribeProducersRequest, theirs::DescribeProducersResponse>(
    );
    check_defaults::<
        ours::DescribeTopicPartitionsRequest,
        theirs::DescribeTopicPartitionsRequest,
        theirs::DescribeTopicPartitionsResponse,
    >();
    // Those whose texts are null differ on purpose, see src/wire/messages/mod.rs.
    check(
        |_| {
            let theirs = theirs::DescribeAclsRequest::default().with_resource_name_filter(None);
            (ours::DescribeAclsRequest::default(), theirs.with_principal_filter(None).with_host_filter(None))
        },
        |_| {
            let theirs = theirs::DescribeAclsResponse::default().with_error_message(None);
            (ours::DescribeAclsResponse::default(), theirs)
        },
    );
    check(
        |_| (ours::DescribeClientQuotasRequest::default(), theirs::DescribeClientQuotasRequest::default()),
        |_| {
            let theirs = theirs::DescribeClientQuotasResponse::default().with_error_message(None);
            (ours::DescribeClientQuotasResponse::default(), theirs)
        },
    );
    check(
        |_| {
            let theirs = theirs::DescribeUserScramCredentialsRequest::default();
            (ours::DescribeUserScramCredentialsRequest::default(), theirs)
        },
        |_| {
            let theirs = theirs::DescribeUserScramCredentialsResponse::default().with_error_message(None);
            (ours::DescribeUserScramCredentialsResponse::default(), theirs)
        },
    );
}
