//! The same values, in every served version of every message, by us and by the `kafka-protocol` crate: the frames must
//! be equal byte for byte, and each side must read the other's.
//!
//! Every field holds something else than its default and than its neighbours, so that a wrong order shows. Where a
//! version lacks a field, the crate wants its default ([`since`], [`until`]); ours leaves it out by itself.

mod wire_admin;
mod wire_configs;
mod wire_groups;

use kafka_protocol::messages as theirs;
use kafka_protocol::messages::{BrokerId, ProducerId, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use sendlog::base::{ErrorCode, Uuid};
use sendlog::tap::printer::print;
use sendlog::wire::frame::{decode_request_header, decode_response, encode_request, encode_response};
use sendlog::wire::messages as ours;
use sendlog::wire::{Records, Request};

const ID: Uuid = Uuid([7; 16]);
const ID_TEXT: &str = "07070707-0707-0707-0707-070707070707";
const ERROR: ErrorCode = ErrorCode::NOT_CONTROLLER;

fn s(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn topic(name: &'static str) -> TopicName {
    TopicName(s(name))
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>() -> T {
    ID_TEXT.parse().unwrap()
}

fn ids(numbers: &[i32]) -> Vec<BrokerId> {
    numbers.iter().map(|n| BrokerId(*n)).collect()
}

fn since<T>(first: i16, version: i16, value: T, default: T) -> T {
    if version >= first {
        value
    } else {
        default
    }
}

fn until<T>(last: i16, version: i16, value: T, default: T) -> T {
    since(last + 1, version, default, value)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_string())
}

/// Both make a request of each version that is served.
fn check<R: Request, Q, A>(request: impl Fn(i16) -> (R, Q), response: impl Fn(i16) -> (R::Response, A))
where
    Q: Encodable + Decodable + HeaderVersion,
    A: Encodable + Decodable + HeaderVersion,
{
    check_from(R::api().lowest, request, response);
}

/// The same from this version on: the first that the crate knows.
fn check_from<R: Request, Q, A>(
    lowest: i16,
    request: impl Fn(i16) -> (R, Q),
    response: impl Fn(i16) -> (R::Response, A),
) where
    Q: Encodable + Decodable + HeaderVersion,
    A: Encodable + Decodable + HeaderVersion,
{
    for version in lowest..=R::api().highest {
        let (mut ours, theirs) = request(version);
        check_request(version, &mut ours, theirs);
        let (mut ours, theirs) = response(version);
        check_response::<R, A>(version, &mut ours, theirs);
    }
}

fn check_request<R: Request, Q: Encodable + Decodable + HeaderVersion>(version: i16, ours: &mut R, theirs: Q) {
    let header = theirs::RequestHeader::default().with_request_api_key(R::KEY.0).with_request_api_version(version);
    let header = header.with_correlation_id(77).with_client_id(Some(s("client")));
    let expected = their_frame(&header, Q::header_version(version), &theirs, version);
    let encoded = encode_request(Vec::new(), version, 77, Some("client"), ours).unwrap();
    let text = print(R::api().name, version, ours);
    assert_eq!(encoded.bytes, expected, "{text}");

    let (header, decoder) = decode_request_header(&expected[4..]).unwrap();
    assert_eq!((header.correlation_id, header.client_id.as_deref()), (77, Some("client")));
    assert_eq!(print(R::api().name, version, &mut decoder.message::<R>().unwrap()), text);

    let mut bytes = &encoded.bytes[4..];
    theirs::RequestHeader::decode(&mut bytes, Q::header_version(version)).unwrap();
    check_theirs::<Q>(bytes, version, &text);
}

fn check_response<R: Request, A: Encodable + Decodable + HeaderVersion>(
    version: i16,
    ours: &mut R::Response,
    theirs: A,
) {
    let header = theirs::ResponseHeader::default().with_correlation_id(77);
    let expected = their_frame(&header, A::header_version(version), &theirs, version);
    let encoded = encode_response(Vec::new(), R::api(), version, 77, ours).unwrap();
    let text = print(R::api().name, version, ours);
    assert_eq!(encoded.bytes, expected, "{text}");

    let (correlation_id, mut again) = decode_response::<R>(&expected[4..], version).unwrap();
    assert_eq!(correlation_id, 77);
    assert_eq!(print(R::api().name, version, &mut again), text);

    let mut bytes = &encoded.bytes[4..];
    theirs::ResponseHeader::decode(&mut bytes, A::header_version(version)).unwrap();
    check_theirs::<A>(bytes, version, &text);
}

fn their_frame(header: &impl Encodable, header_version: i16, message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    header.encode(&mut bytes, header_version).unwrap();
    message.encode(&mut bytes, version).unwrap();
    let size = bytes.len() as u32 - 4;
    bytes[..4].copy_from_slice(&size.to_be_bytes());
    bytes
}

/// Their decoder takes our bytes, all of them, and their encoder gives the same bytes again.
fn check_theirs<T: Encodable + Decodable>(bytes: &[u8], version: i16, text: &str) {
    let mut left = bytes;
    let message = T::decode(&mut left, version).unwrap();
    assert!(left.is_empty(), "{text}");
    let mut again = Vec::new();
    message.encode(&mut again, version).unwrap();
    assert_eq!(again, bytes, "{text}");
}

#[test]
fn api_versions() {
    let request = |_| {
        let (client_software_name, client_software_version) = ("name".to_string(), "v1".to_string());
        let theirs = theirs::ApiVersionsRequest::default();
        let theirs = theirs.with_client_software_name(s("name")).with_client_software_version(s("v1"));
        (ours::ApiVersionsRequest { client_software_name, client_software_version }, theirs)
    };
    let response = |_| {
        use theirs::api_versions_response::ApiVersion;
        let api = ours::api_versions::ApiVersion { api_key: 5, min_version: 6, max_version: 7 };
        let ours = ours::ApiVersionsResponse { error_code: ERROR, api_keys: vec![api], throttle_time_ms: 8 };
        let api = ApiVersion::default().with_api_key(5).with_min_version(6).with_max_version(7);
        let theirs = theirs::ApiVersionsResponse::default().with_error_code(41).with_api_keys(vec![api]);
        (ours, theirs.with_throttle_time_ms(8))
    };
    check(request, response);
}

#[test]
fn produce() {
    let request = |_| {
        let partition_data = vec![
            ours::produce::PartitionProduceData { index: 3, records: Records::Bytes(vec![9; 200]) },
            ours::produce::PartitionProduceData { index: 4, records: Records::Null },
        ];
        let topic_data = vec![ours::produce::TopicProduceData { name: "demo".into(), partition_data }];
        let ours = ours::ProduceRequest { transactional_id: some("txn"), acks: -1, timeout_ms: 1500, topic_data };
        use theirs::produce_request::{PartitionProduceData, TopicProduceData};
        let full = PartitionProduceData::default().with_index(3).with_records(Some(vec![9; 200].into()));
        let null = PartitionProduceData::default().with_index(4).with_records(None);
        let data = TopicProduceData::default().with_name(topic("demo")).with_partition_data(vec![full, null]);
        let theirs = theirs::ProduceRequest::default().with_transactional_id(Some(s("txn").into())).with_acks(-1);
        (ours, theirs.with_timeout_ms(1500).with_topic_data(vec![data]))
    };
    let response = |_| {
        let error = ours::produce::BatchIndexAndErrorMessage { batch_index: 1, batch_index_error_message: some("one") };
        let partition = ours::produce::PartitionProduceResponse {
            index: 3,
            error_code: ERROR,
            base_offset: 10,
            log_append_time_ms: 11,
            log_start_offset: 12,
            record_errors: vec![error],
            error_message: some("why"),
        };
        let responses = vec![ours::produce::TopicProduceResponse {
            name: "demo".into(),
            partition_responses: vec![partition, Default::default()],
        }];
        use theirs::produce_response::{BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse};
        let error = BatchIndexAndErrorMessage::default().with_batch_index(1);
        let error = error.with_batch_index_error_message(Some(s("one")));
        let partition = PartitionProduceResponse::default().with_index(3).with_error_code(41).with_base_offset(10);
        let partition = partition.with_log_append_time_ms(11).with_log_start_offset(12);
        let partition = partition.with_record_errors(vec![error]).with_error_message(Some(s("why")));
        let topic = TopicProduceResponse::default().with_name(topic("demo"));
        let topic = topic.with_partition_responses(vec![partition, Default::default()]);
        let theirs = theirs::ProduceResponse::default().with_responses(vec![topic]).with_throttle_time_ms(6);
        (ours::ProduceResponse { responses, throttle_time_ms: 6 }, theirs)
    };
    check(request, response);
}

#[test]
fn fetch() {
    check(fetch_request, fetch_response);
}

fn fetch_request(version: i16) -> (ours::FetchRequest, theirs::FetchRequest) {
    let partition = ours::fetch::FetchPartition {
        partition: 1,
        current_leader_epoch: 2,
        fetch_offset: 3,
        last_fetched_epoch: 4,
        log_start_offset: 5,
        partition_max_bytes: 6,
    };
    let ours = ours::FetchRequest {
        replica_id: 7,
        max_wait_ms: 8,
        min_bytes: 9,
        max_bytes: 10,
        isolation_level: 1,
        session_id: 11,
        session_epoch: 12,
        topics: vec![ours::fetch::FetchTopic { topic: "demo".into(), partitions: vec![partition, Default::default()] }],
        forgotten_topics_data: vec![ours::fetch::ForgottenTopic { topic: "old".into(), partitions: vec![13, 14] }],
        rack_id: "rack".into(),
    };
    use theirs::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
    let partition = FetchPartition::default().with_partition(1).with_current_leader_epoch(2).with_fetch_offset(3);
    let partition = partition.with_last_fetched_epoch(since(12, version, 4, -1)).with_log_start_offset(5);
    let partition = partition.with_partition_max_bytes(6);
    let fetched = FetchTopic::default().with_topic(topic("demo")).with_partitions(vec![partition, Default::default()]);
    let forgotten = ForgottenTopic::default().with_topic(topic("old")).with_partitions(vec![13, 14]);
    let theirs = theirs::FetchRequest::default().with_replica_id(BrokerId(7)).with_max_wait_ms(8).with_min_bytes(9);
    let theirs = theirs.with_max_bytes(10).with_isolation_level(1).with_session_id(11).with_session_epoch(12);
    let theirs = theirs.with_topics(vec![fetched]).with_rack_id(s("rack"));
    (ours, theirs.with_forgotten_topics_data(since(7, version, vec![forgotten], vec![])))
}

fn fetch_response(version: i16) -> (ours::FetchResponse, theirs::FetchResponse) {
    let aborted = ours::fetch::AbortedTransaction { producer_id: 21, first_offset: 22 };
    let partition = ours::fetch::PartitionData {
        partition_index: 1,
        error_code: ERROR,
        high_watermark: 2,
        last_stable_offset: 3,
        log_start_offset: 4,
        aborted_transactions: Some(vec![aborted]),
        preferred_read_replica: 5,
        records: Records::Bytes(vec![9; 300]),
    };
    let nothing = ours::fetch::PartitionData { aborted_transactions: None, ..Default::default() };
    let topics =
        vec![ours::fetch::FetchableTopicResponse { topic: "demo".into(), partitions: vec![partition, nothing] }];
    let ours = ours::FetchResponse { throttle_time_ms: 6, error_code: ERROR, session_id: 7, responses: topics };
    use theirs::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
    let aborted = AbortedTransaction::default().with_producer_id(ProducerId(21)).with_first_offset(22);
    let partition = PartitionData::default().with_partition_index(1).with_error_code(41).with_high_watermark(2);
    let partition = partition.with_last_stable_offset(3).with_log_start_offset(4);
    let partition = partition.with_aborted_transactions(Some(vec![aborted]));
    let partition = partition.with_preferred_read_replica(BrokerId(since(11, version, 5, -1)));
    let partition = partition.with_records(Some(vec![9; 300].into()));
    let nothing = PartitionData::default().with_aborted_transactions(None).with_records(Some(vec![].into()));
    let fetched = FetchableTopicResponse::default()
        .with_topic(topic("demo"))
        .with_partitions(vec![partition, nothing]);
    let theirs = theirs::FetchResponse::default().with_throttle_time_ms(6).with_error_code(41);
    (ours, theirs.with_session_id(since(7, version, 7, 0)).with_responses(vec![fetched]))
}

#[test]
fn list_offsets() {
    let request = |version| {
        let partition =
            ours::list_offsets::ListOffsetsPartition { partition_index: 1, current_leader_epoch: 2, timestamp: -3 };
        let topics = vec![ours::list_offsets::ListOffsetsTopic {
            name: "demo".into(),
            partitions: vec![partition, Default::default()],
        }];
        use theirs::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
        let partition = ListOffsetsPartition::default().with_partition_index(1).with_current_leader_epoch(2);
        let partitions = vec![partition.with_timestamp(-3), Default::default()];
        let asked = ListOffsetsTopic::default().with_name(topic("demo")).with_partitions(partitions);
        let theirs = theirs::ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![asked]);
        let theirs = theirs.with_isolation_level(since(2, version, 1, 0));
        (ours::ListOffsetsRequest { replica_id: -1, isolation_level: 1, topics }, theirs)
    };
    let response = |version| {
        let partition = ours::list_offsets::ListOffsetsPartitionResponse {
            partition_index: 1,
            error_code: ERROR,
            timestamp: 2,
            offset: 3,
            leader_epoch: 4,
        };
        let topics = vec![ours::list_offsets::ListOffsetsTopicResponse {
            name: "demo".into(),
            partitions: vec![partition, Default::default()],
        }];
        use theirs::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
        let partition = ListOffsetsPartitionResponse::default().with_partition_index(1).with_error_code(41);
        let partition = partition.with_timestamp(2).with_offset(3).with_leader_epoch(since(4, version, 4, -1));
        let answered = ListOffsetsTopicResponse::default().with_name(topic("demo"));
        let answered = answered.with_partitions(vec![partition, Default::default()]);
        let theirs = theirs::ListOffsetsResponse::default().with_throttle_time_ms(5).with_topics(vec![answered]);
        (ours::ListOffsetsResponse { throttle_time_ms: 5, topics }, theirs)
    };
    check(request, response);
}

#[test]
fn metadata() {
    check(metadata_request, metadata_response);
}

fn metadata_request(version: i16) -> (ours::MetadataRequest, theirs::MetadataRequest) {
    // Version 0 has no null; an id instead of a name can be written from version 10 on.
    let all = version == 4;
    let name = |name| until(9, version, some(name), None);
    let topics = vec![
        ours::metadata::MetadataRequestTopic { topic_id: Uuid::ZERO, name: some("demo") },
        ours::metadata::MetadataRequestTopic { topic_id: ID, name: name("by id") },
    ];
    let ours = ours::MetadataRequest {
        topics: (!all).then_some(topics),
        allow_auto_topic_creation: false,
        include_cluster_authorized_operations: true,
        include_topic_authorized_operations: true,
    };
    use theirs::metadata_request::MetadataRequestTopic;
    let by_name = MetadataRequestTopic::default().with_name(Some(topic("demo")));
    let by_id = MetadataRequestTopic::default().with_topic_id(id());
    let by_id = by_id.with_name(until(9, version, Some(topic("by id")), None));
    let theirs = theirs::MetadataRequest::default().with_topics((!all).then_some(vec![by_name, by_id]));
    let theirs = theirs.with_allow_auto_topic_creation(version < 4);
    let theirs = theirs.with_include_cluster_authorized_operations((8..=10).contains(&version));
    (ours, theirs.with_include_topic_authorized_operations(version >= 8))
}

fn metadata_response(version: i16) -> (ours::MetadataResponse, theirs::MetadataResponse) {
    let partition = ours::metadata::MetadataResponsePartition {
        error_code: ERROR,
        partition_index: 1,
        leader_id: 2,
        leader_epoch: 3,
        replica_nodes: vec![4, 5],
        isr_nodes: vec![6],
        offline_replicas: vec![7, 8, 9],
    };
    let known = ours::metadata::MetadataResponseTopic {
        error_code: ERROR,
        name: some("demo"),
        topic_id: ID,
        is_internal: true,
        partitions: vec![partition, Default::default()],
        topic_authorized_operations: 10,
    };
    let name = until(11, version, some("unknown"), None);
    let unknown = ours::metadata::MetadataResponseTopic { name, ..Default::default() };
    let broker =
        ours::metadata::MetadataResponseBroker { node_id: 11, host: "host".into(), port: 12, rack: some("rack") };
    let ours = ours::MetadataResponse {
        throttle_time_ms: 13,
        brokers: vec![broker],
        cluster_id: some("cluster"),
        controller_id: 14,
        topics: vec![known, unknown],
        cluster_authorized_operations: 15,
    };
    use theirs::metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic};
    let partition = MetadataResponsePartition::default().with_error_code(41).with_partition_index(1);
    let partition = partition.with_leader_id(BrokerId(2)).with_leader_epoch(3).with_replica_nodes(ids(&[4, 5]));
    let partition = partition.with_isr_nodes(ids(&[6])).with_offline_replicas(ids(&[7, 8, 9]));
    let known = MetadataResponseTopic::default().with_error_code(41).with_name(Some(topic("demo")));
    let known = known.with_topic_id(id()).with_is_internal(true);
    let known = known.with_partitions(vec![partition, Default::default()]);
    let known = known.with_topic_authorized_operations(since(8, version, 10, i32::MIN));
    let unknown = MetadataResponseTopic::default().with_name(until(11, version, Some(topic("unknown")), None));
    let broker = MetadataResponseBroker::default().with_node_id(BrokerId(11)).with_host(s("host")).with_port(12);
    let theirs = theirs::MetadataResponse::default().with_throttle_time_ms(13);
    let theirs = theirs.with_brokers(vec![broker.with_rack(Some(s("rack")))]).with_cluster_id(Some(s("cluster")));
    let theirs = theirs.with_controller_id(BrokerId(14)).with_topics(vec![known, unknown]);
    let operations = if (8..=10).contains(&version) { 15 } else { i32::MIN };
    (ours, theirs.with_cluster_authorized_operations(operations))
}

#[test]
fn find_coordinator() {
    let request = |version| {
        let coordinator_keys = vec!["one".to_string(), "two".to_string()];
        let ours = ours::FindCoordinatorRequest { key: "group".into(), key_type: 1, coordinator_keys };
        let theirs = theirs::FindCoordinatorRequest::default().with_key(until(3, version, s("group"), s("")));
        let theirs = theirs.with_key_type(since(1, version, 1, 0));
        (ours, theirs.with_coordinator_keys(since(4, version, vec![s("one"), s("two")], vec![])))
    };
    let response = |version| {
        let coordinator = ours::find_coordinator::Coordinator {
            key: "one".into(),
            node_id: 1,
            host: "host".into(),
            port: 2,
            error_code: ERROR,
            error_message: some("why"),
        };
        let ours = ours::FindCoordinatorResponse {
            throttle_time_ms: 3,
            error_code: ERROR,
            error_message: some("why not"),
            node_id: 4,
            host: "other".into(),
            port: 5,
            coordinators: vec![coordinator],
        };
        use theirs::find_coordinator_response::Coordinator;
        let theirs = theirs::FindCoordinatorResponse::default().with_throttle_time_ms(3);
        if version >= 4 {
            let coordinator = Coordinator::default().with_key(s("one")).with_node_id(BrokerId(1)).with_host(s("host"));
            let coordinator = coordinator.with_port(2).with_error_code(41).with_error_message(Some(s("why")));
            return (ours, theirs.with_coordinators(vec![coordinator]));
        }
        let theirs = theirs.with_error_code(41).with_error_message(Some(s("why not"))).with_node_id(BrokerId(4));
        (ours, theirs.with_host(s("other")).with_port(5))
    };
    check(request, response);
}

#[test]
fn create_topics() {
    let request = |_| {
        use ours::create_topics::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};
        let assignment = CreatableReplicaAssignment { partition_index: 1, broker_ids: vec![2, 3] };
        let config = CreatableTopicConfig { name: "key".into(), value: some("value") };
        let null = CreatableTopicConfig { name: "null".into(), value: None };
        let topics = vec![CreatableTopic {
            name: "demo".into(),
            num_partitions: -1,
            replication_factor: 4,
            assignments: vec![assignment],
            configs: vec![config, null],
        }];
        let ours = ours::CreateTopicsRequest { topics, timeout_ms: 5, validate_only: true };
        use theirs::create_topics_request as they;
        let assignment = they::CreatableReplicaAssignment::default().with_partition_index(1);
        let assignment = assignment.with_broker_ids(ids(&[2, 3]));
        let config = they::CreatableTopicConfig::default().with_name(s("key")).with_value(Some(s("value")));
        let null = they::CreatableTopicConfig::default().with_name(s("null")).with_value(None);
        let created = they::CreatableTopic::default().with_name(topic("demo")).with_num_partitions(-1);
        let created = created.with_replication_factor(4).with_assignments(vec![assignment]);
        let created = created.with_configs(vec![config, null]);
        let theirs = theirs::CreateTopicsRequest::default().with_topics(vec![created]).with_timeout_ms(5);
        (ours, theirs.with_validate_only(true))
    };
    check(request, create_topics_response);
}

fn create_topics_response(_version: i16) -> (ours::CreateTopicsResponse, theirs::CreateTopicsResponse) {
    use ours::create_topics::{CreatableTopicConfigs, CreatableTopicResult};
    let config = CreatableTopicConfigs {
        name: "key".into(),
        value: None,
        read_only: true,
        config_source: 5,
        is_sensitive: true,
    };
    let created = CreatableTopicResult {
        name: "demo".into(),
        topic_id: ID,
        error_code: ERROR,
        error_message: some("why"),
        num_partitions: 1,
        replication_factor: 2,
        configs: Some(vec![config]),
    };
    let failed =
        CreatableTopicResult { name: "failed".into(), error_message: None, configs: None, ..Default::default() };
    let ours = ours::CreateTopicsResponse { throttle_time_ms: 3, topics: vec![created, failed, Default::default()] };
    use theirs::create_topics_response as they;
    let config = they::CreatableTopicConfigs::default().with_name(s("key")).with_value(None).with_read_only(true);
    let config = config.with_config_source(5).with_is_sensitive(true);
    let created = they::CreatableTopicResult::default().with_name(topic("demo")).with_topic_id(id());
    let created = created.with_error_code(41).with_error_message(Some(s("why"))).with_num_partitions(1);
    let created = created.with_replication_factor(2).with_configs(Some(vec![config]));
    let failed = they::CreatableTopicResult::default().with_name(topic("failed"));
    let failed = failed.with_error_message(None).with_configs(None);
    let theirs = theirs::CreateTopicsResponse::default().with_throttle_time_ms(3);
    let default = they::CreatableTopicResult::default().with_error_message(None);
    (ours, theirs.with_topics(vec![created, failed, default]))
}

#[test]
fn delete_topics() {
    let request = |version| {
        use ours::delete_topics::DeleteTopicState;
        let by_name = DeleteTopicState { name: some("demo"), topic_id: Uuid::ZERO };
        let by_id = DeleteTopicState { name: None, topic_id: ID };
        let topic_names = vec!["one".to_string(), "two".to_string()];
        let ours = ours::DeleteTopicsRequest { topics: vec![by_name, by_id], topic_names, timeout_ms: 1 };
        use theirs::delete_topics_request as they;
        let by_name = they::DeleteTopicState::default().with_name(Some(topic("demo")));
        let by_id = they::DeleteTopicState::default().with_name(None).with_topic_id(id());
        let theirs = theirs::DeleteTopicsRequest::default().with_timeout_ms(1);
        let theirs = theirs.with_topics(since(6, version, vec![by_name, by_id], vec![]));
        (ours, theirs.with_topic_names(until(5, version, vec![topic("one"), topic("two")], vec![])))
    };
    let response = |version| {
        use ours::delete_topics::DeletableTopicResult;
        let deleted =
            DeletableTopicResult { name: some("demo"), topic_id: ID, error_code: ERROR, error_message: some("why") };
        let name = until(5, version, some("unknown"), None);
        let unknown = DeletableTopicResult { name, ..Default::default() };
        let ours = ours::DeleteTopicsResponse { throttle_time_ms: 1, responses: vec![deleted, unknown] };
        use theirs::delete_topics_response as they;
        let deleted = they::DeletableTopicResult::default().with_name(Some(topic("demo"))).with_topic_id(id());
        let deleted = deleted.with_error_code(41).with_error_message(Some(s("why")));
        let unknown = they::DeletableTopicResult::default();
        let unknown = unknown.with_name(until(5, version, Some(topic("unknown")), None));
        let theirs = theirs::DeleteTopicsResponse::default().with_throttle_time_ms(1);
        (ours, theirs.with_responses(vec![deleted, unknown]))
    };
    check(request, response);
}

#[test]
fn delete_records() {
    let request = |_| {
        use ours::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
        let partitions = vec![DeleteRecordsPartition { partition_index: 3, offset: 1 << 40 }];
        let topics = vec![DeleteRecordsTopic { name: "demo".to_string(), partitions }];
        use theirs::delete_records_request as they;
        let partition = they::DeleteRecordsPartition::default().with_partition_index(3).with_offset(1 << 40);
        let demo = they::DeleteRecordsTopic::default().with_name(topic("demo")).with_partitions(vec![partition]);
        let theirs = theirs::DeleteRecordsRequest::default().with_topics(vec![demo]).with_timeout_ms(7);
        (ours::DeleteRecordsRequest { topics, timeout_ms: 7 }, theirs)
    };
    let response = |_| {
        use ours::delete_records::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
        let result = DeleteRecordsPartitionResult { partition_index: 3, low_watermark: 1 << 40, error_code: ERROR };
        let topics = vec![DeleteRecordsTopicResult { name: "demo".to_string(), partitions: vec![result] }];
        use theirs::delete_records_response as they;
        let result = they::DeleteRecordsPartitionResult::default().with_partition_index(3);
        let result = result.with_low_watermark(1 << 40).with_error_code(41);
        let demo = they::DeleteRecordsTopicResult::default().with_name(topic("demo")).with_partitions(vec![result]);
        let theirs = theirs::DeleteRecordsResponse::default().with_throttle_time_ms(5).with_topics(vec![demo]);
        (ours::DeleteRecordsResponse { throttle_time_ms: 5, topics }, theirs)
    };
    check(request, response);
}

#[test]
fn offset_for_leader_epoch() {
    let request = |_| {
        use ours::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
        let partition = OffsetForLeaderPartition { partition: 1, current_leader_epoch: 2, leader_epoch: 3 };
        let topics =
            vec![OffsetForLeaderTopic { topic: "demo".into(), partitions: vec![partition, Default::default()] }];
        use theirs::offset_for_leader_epoch_request as they;
        let partition = they::OffsetForLeaderPartition::default().with_partition(1).with_current_leader_epoch(2);
        let partitions = vec![partition.with_leader_epoch(3), Default::default()];
        let asked = they::OffsetForLeaderTopic::default().with_topic(topic("demo")).with_partitions(partitions);
        let theirs = theirs::OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1));
        (ours::OffsetForLeaderEpochRequest { replica_id: -1, topics }, theirs.with_topics(vec![asked]))
    };
    let response = |_| {
        use ours::offset_for_leader_epoch::{EpochEndOffset, OffsetForLeaderTopicResult};
        let partition = EpochEndOffset { error_code: ERROR, partition: 1, leader_epoch: 2, end_offset: 3 };
        let topics =
            vec![OffsetForLeaderTopicResult { topic: "demo".into(), partitions: vec![partition, Default::default()] }];
        use theirs::offset_for_leader_epoch_response as they;
        let partition = they::EpochEndOffset::default().with_error_code(41).with_partition(1).with_leader_epoch(2);
        let partitions = vec![partition.with_end_offset(3), Default::default()];
        let answered = they::OffsetForLeaderTopicResult::default().with_topic(topic("demo"));
        let theirs = theirs::OffsetForLeaderEpochResponse::default().with_throttle_time_ms(4);
        let theirs = theirs.with_topics(vec![answered.with_partitions(partitions)]);
        (ours::OffsetForLeaderEpochResponse { throttle_time_ms: 4, topics }, theirs)
    };
    check(request, response);
}

#[test]
fn describe_cluster() {
    let request = |version| {
        let ours = ours::DescribeClusterRequest { include_cluster_authorized_operations: true, endpoint_type: 2 };
        let theirs = theirs::DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
        (ours, theirs.with_endpoint_type(since(1, version, 2, 1)))
    };
    let response = |version| {
        let broker = ours::describe_cluster::DescribeClusterBroker {
            broker_id: 1,
            host: "host".into(),
            port: 2,
            rack: some("rack"),
        };
        let ours = ours::DescribeClusterResponse {
            throttle_time_ms: 3,
            error_code: ERROR,
            error_message: some("why"),
            endpoint_type: 2,
            cluster_id: "cluster".into(),
            controller_id: 4,
            brokers: vec![broker],
            cluster_authorized_operations: 5,
        };
        use theirs::describe_cluster_response::DescribeClusterBroker;
        let broker = DescribeClusterBroker::default().with_broker_id(BrokerId(1)).with_host(s("host")).with_port(2);
        let theirs = theirs::DescribeClusterResponse::default().with_throttle_time_ms(3).with_error_code(41);
        let theirs = theirs.with_error_message(Some(s("why"))).with_endpoint_type(since(1, version, 2, 1));
        let theirs = theirs.with_cluster_id(s("cluster")).with_controller_id(BrokerId(4));
        let theirs = theirs.with_brokers(vec![broker.with_rack(Some(s("rack")))]);
        (ours, theirs.with_cluster_authorized_operations(5))
    };
    check(request, response);
}

fn check_defaults<R: Request, Q, A>()
where
    Q: Encodable + Decodable + HeaderVersion + Default,
    A: Encodable + Decodable + HeaderVersion + Default,
{
    check::<R, Q, A>(|_| Default::default(), |_| Default::default());
}

#[test]
fn defaults_are_kafkas() {
    check_defaults::<ours::ProduceRequest, theirs::ProduceRequest, theirs::ProduceResponse>();
    check_defaults::<ours::FetchRequest, theirs::FetchRequest, theirs::FetchResponse>();
    check_defaults::<ours::MetadataRequest, theirs::MetadataRequest, theirs::MetadataResponse>();
    check_defaults::<ours::ApiVersionsRequest, theirs::ApiVersionsRequest, theirs::ApiVersionsResponse>();
    check_defaults::<ours::CreateTopicsRequest, theirs::CreateTopicsRequest, theirs::CreateTopicsResponse>();
    check_defaults::<ours::DeleteTopicsRequest, theirs::DeleteTopicsRequest, theirs::DeleteTopicsResponse>();
    check_defaults::<ours::DeleteRecordsRequest, theirs::DeleteRecordsRequest, theirs::DeleteRecordsResponse>();
    check_defaults::<
        ours::OffsetForLeaderEpochRequest,
        theirs::OffsetForLeaderEpochRequest,
        theirs::OffsetForLeaderEpochResponse,
    >();
    check_defaults::<ours::DescribeClusterRequest, theirs::DescribeClusterRequest, theirs::DescribeClusterResponse>();
    // Two differ on purpose, see src/wire/messages/mod.rs.
    check(
        |_| {
            (
                ours::ListOffsetsRequest { replica_id: 0, ..Default::default() },
                theirs::ListOffsetsRequest::default(),
            )
        },
        |_| (ours::ListOffsetsResponse::default(), theirs::ListOffsetsResponse::default()),
    );
    check(
        |_| (ours::FindCoordinatorRequest::default(), theirs::FindCoordinatorRequest::default()),
        |_| {
            let theirs = theirs::FindCoordinatorResponse::default().with_error_message(None);
            (ours::FindCoordinatorResponse::default(), theirs)
        },
    );
}

/// The first version in which the request can be encoded.
fn first_request<R: Request>(mut request: R) -> Option<i16> {
    let mut versions = R::api().lowest..=R::api().highest;
    versions.find(|version| encode_request(Vec::new(), *version, 0, None, &mut request).is_ok())
}

/// The first version in which the response can be encoded.
fn first_response<R: Request>(mut response: R::Response) -> Option<i16> {
    let mut versions = R::api().lowest..=R::api().highest;
    versions.find(|version| encode_response(Vec::new(), R::api(), *version, 0, &mut response).is_ok())
}

#[test]
fn null_can_be_said_from_the_version_on_that_kafka_says() {
    let topics = None;
    assert_eq!(first_request(ours::MetadataRequest { topics, ..Default::default() }), Some(1));
    let topics = Some(vec![ours::metadata::MetadataRequestTopic { topic_id: ID, name: None }]);
    assert_eq!(first_request(ours::MetadataRequest { topics, ..Default::default() }), Some(10));
    let topics = vec![ours::metadata::MetadataResponseTopic { name: None, ..Default::default() }];
    let response = ours::MetadataResponse { topics, ..Default::default() };
    assert_eq!(first_response::<ours::MetadataRequest>(response), Some(12));
    let responses = vec![ours::delete_topics::DeletableTopicResult { name: None, ..Default::default() }];
    let response = ours::DeleteTopicsResponse { responses, throttle_time_ms: 0 };
    assert_eq!(first_response::<ours::DeleteTopicsRequest>(response), Some(6));
}
