//! The part of tests/wire_roundtrip.rs that is about groups, the offsets they commit, and producer ids.

use super::{check, first_request, first_response, s, since, some, topic, until, ERROR};
use kafka_protocol::messages as theirs;
use kafka_protocol::messages::{GroupId, ProducerId, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use sendlog::wire::messages as ours;

fn group(name: &'static str) -> GroupId {
    GroupId(s(name))
}

/// A text that may be null and is not, in versions from `first` on; null before.
fn some_since(first: i16, version: i16, text: &'static str) -> Option<StrBytes> {
    since(first, version, Some(s(text)), None)
}

#[test]
fn offset_commit() {
    let request = |version| {
        use ours::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
        let partition = OffsetCommitRequestPartition {
            partition_index: 1,
            committed_offset: 2,
            committed_leader_epoch: 3,
            committed_metadata: some("metadata"),
        };
        let null = OffsetCommitRequestPartition { committed_metadata: None, ..Default::default() };
        let partitions = vec![partition, null, Default::default()];
        let ours = ours::OffsetCommitRequest {
            group_id: "group".into(),
            generation_id_or_member_epoch: 4,
            member_id: "member".into(),
            group_instance_id: some("instance"),
            retention_time_ms: 5,
            topics: vec![OffsetCommitRequestTopic { name: "demo".into(), partitions }],
        };
        use theirs::offset_commit_request as they;
        let partition = they::OffsetCommitRequestPartition::default().with_partition_index(1).with_committed_offset(2);
        let partition = partition.with_committed_leader_epoch(3).with_committed_metadata(Some(s("metadata")));
        let null = they::OffsetCommitRequestPartition::default().with_committed_metadata(None);
        let demo = they::OffsetCommitRequestTopic::default().with_name(topic("demo"));
        let demo = demo.with_partitions(vec![partition, null, Default::default()]);
        let theirs = theirs::OffsetCommitRequest::default().with_group_id(group("group")).with_topics(vec![demo]);
        let theirs = theirs.with_generation_id_or_member_epoch(4).with_member_id(s("member"));
        let theirs = theirs.with_group_instance_id(some_since(7, version, "instance"));
        (ours, theirs.with_retention_time_ms(until(4, version, 5, -1)))
    };
    let response = |_| {
        use ours::offset_commit::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
        let partition = OffsetCommitResponsePartition { partition_index: 1, error_code: ERROR };
        let topics = vec![OffsetCommitResponseTopic { name: "demo".into(), partitions: vec![partition] }];
        use theirs::offset_commit_response as they;
        let partition = they::OffsetCommitResponsePartition::default().with_partition_index(1).with_error_code(41);
        let demo = they::OffsetCommitResponseTopic::default().with_name(topic("demo")).with_partitions(vec![partition]);
        let theirs = theirs::OffsetCommitResponse::default().with_throttle_time_ms(2).with_topics(vec![demo]);
        (ours::OffsetCommitResponse { throttle_time_ms: 2, topics }, theirs)
    };
    check(request, response);
}

#[test]
fn offset_fetch() {
    check(offset_fetch_request, offset_fetch_response);
}

fn offset_fetch_request(version: i16) -> (ours::OffsetFetchRequest, theirs::OffsetFetchRequest) {
    use ours::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic};
    // Version 1 has no null.
    let all = version == 3 || version == 7;
    let asked = || OffsetFetchRequestTopic { name: "demo".into(), partition_indexes: vec![1, 2] };
    let some_topics = OffsetFetchRequestGroup { group_id: "one".into(), topics: Some(vec![asked(), asked()]) };
    let all_topics = OffsetFetchRequestGroup { group_id: "two".into(), topics: None };
    let ours = ours::OffsetFetchRequest {
        group_id: "group".into(),
        topics: (!all).then(|| vec![asked()]),
        groups: vec![some_topics, all_topics],
        require_stable: true,
    };
    use theirs::offset_fetch_request as they;
    let theirs = theirs::OffsetFetchRequest::default().with_require_stable(version >= 7);
    if version >= 8 {
        let asked = they::OffsetFetchRequestTopics::default().with_name(topic("demo"));
        let asked = asked.with_partition_indexes(vec![1, 2]);
        let some_topics = they::OffsetFetchRequestGroup::default().with_group_id(group("one"));
        let some_topics = some_topics.with_topics(Some(vec![asked.clone(), asked]));
        let all_topics = they::OffsetFetchRequestGroup::default().with_group_id(group("two")).with_topics(None);
        return (ours, theirs.with_groups(vec![some_topics, all_topics]));
    }
    let asked = they::OffsetFetchRequestTopic::default().with_name(topic("demo")).with_partition_indexes(vec![1, 2]);
    (ours, theirs.with_group_id(group("group")).with_topics((!all).then_some(vec![asked])))
}

fn offset_fetch_response(version: i16) -> (ours::OffsetFetchResponse, theirs::OffsetFetchResponse) {
    use ours::offset_fetch::{OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic};
    let answered = || {
        let partition = OffsetFetchResponsePartition {
            partition_index: 1,
            committed_offset: 2,
            committed_leader_epoch: 3,
            metadata: some("metadata"),
            error_code: ERROR,
        };
        let null = OffsetFetchResponsePartition { metadata: None, ..Default::default() };
        OffsetFetchResponseTopic { name: "demo".into(), partitions: vec![partition, null, Default::default()] }
    };
    let groups = vec![OffsetFetchResponseGroup { group_id: "one".into(), topics: vec![answered()], error_code: ERROR }];
    let ours = ours::OffsetFetchResponse { throttle_time_ms: 4, topics: vec![answered()], error_code: ERROR, groups };
    use theirs::offset_fetch_response as they;
    let theirs = theirs::OffsetFetchResponse::default().with_throttle_time_ms(4);
    if version >= 8 {
        let partition = they::OffsetFetchResponsePartitions::default().with_partition_index(1).with_committed_offset(2);
        let partition = partition.with_committed_leader_epoch(3).with_metadata(Some(s("metadata")));
        let null = they::OffsetFetchResponsePartitions::default().with_metadata(None);
        let answered = they::OffsetFetchResponseTopics::default().with_name(topic("demo"));
        let answered = answered.with_partitions(vec![partition.with_error_code(41), null, Default::default()]);
        let one = they::OffsetFetchResponseGroup::default().with_group_id(group("one")).with_error_code(41);
        return (ours, theirs.with_groups(vec![one.with_topics(vec![answered])]));
    }
    let partition = they::OffsetFetchResponsePartition::default().with_partition_index(1).with_committed_offset(2);
    let partition = partition.with_committed_leader_epoch(since(5, version, 3, -1)).with_metadata(Some(s("metadata")));
    let null = they::OffsetFetchResponsePartition::default().with_metadata(None);
    let answered = they::OffsetFetchResponseTopic::default().with_name(topic("demo"));
    let answered = answered.with_partitions(vec![partition.with_error_code(41), null, Default::default()]);
    (ours, theirs.with_topics(vec![answered]).with_error_code(since(2, version, 41, 0)))
}

#[test]
fn join_group() {
    check(join_group_request, join_group_response);
}

fn join_group_request(version: i16) -> (ours::JoinGroupRequest, theirs::JoinGroupRequest) {
    use ours::join_group::JoinGroupRequestProtocol;
    let range = JoinGroupRequestProtocol { name: "range".into(), metadata: vec![9; 200] };
    let ours = ours::JoinGroupRequest {
        group_id: "group".into(),
        session_timeout_ms: 1,
        rebalance_timeout_ms: 2,
        member_id: "member".into(),
        group_instance_id: some("instance"),
        protocol_type: "consumer".into(),
        protocols: vec![range, Default::default()],
    };
    use theirs::join_group_request as they;
    let range = they::JoinGroupRequestProtocol::default().with_name(s("range")).with_metadata(vec![9; 200].into());
    let theirs = theirs::JoinGroupRequest::default().with_group_id(group("group")).with_session_timeout_ms(1);
    let theirs = theirs.with_rebalance_timeout_ms(since(1, version, 2, -1)).with_member_id(s("member"));
    let theirs = theirs.with_group_instance_id(some_since(5, version, "instance"));
    (ours, theirs.with_protocol_type(s("consumer")).with_protocols(vec![range, Default::default()]))
}

fn join_group_response(version: i16) -> (ours::JoinGroupResponse, theirs::JoinGroupResponse) {
    use ours::join_group::JoinGroupResponseMember;
    let member = JoinGroupResponseMember {
        member_id: "one".into(),
        group_instance_id: some("instance"),
        metadata: vec![8; 300],
    };
    let ours = ours::JoinGroupResponse {
        throttle_time_ms: 1,
        error_code: ERROR,
        generation_id: 2,
        protocol_type: some("consumer"),
        protocol_name: some("range"),
        leader: "leader".into(),
        member_id: "member".into(),
        members: vec![member, Default::default()],
    };
    use theirs::join_group_response as they;
    let member = they::JoinGroupResponseMember::default().with_member_id(s("one"));
    let member = member.with_group_instance_id(some_since(5, version, "instance")).with_metadata(vec![8; 300].into());
    let theirs = theirs::JoinGroupResponse::default()
        .with_throttle_time_ms(1)
        .with_error_code(41)
        .with_generation_id(2);
    let theirs = theirs.with_protocol_type(some_since(7, version, "consumer")).with_protocol_name(Some(s("range")));
    let theirs = theirs.with_leader(s("leader")).with_member_id(s("member"));
    (ours, theirs.with_members(vec![member, Default::default()]))
}

#[test]
fn heartbeat() {
    let request = |version| {
        let ours = ours::HeartbeatRequest {
            group_id: "group".into(),
            generation_id: 1,
            member_id: "member".into(),
            group_instance_id: some("instance"),
        };
        let theirs = theirs::HeartbeatRequest::default().with_group_id(group("group")).with_generation_id(1);
        let theirs = theirs.with_member_id(s("member"));
        (ours, theirs.with_group_instance_id(some_since(3, version, "instance")))
    };
    let response = |_| {
        let theirs = theirs::HeartbeatResponse::default().with_throttle_time_ms(1).with_error_code(41);
        (ours::HeartbeatResponse { throttle_time_ms: 1, error_code: ERROR }, theirs)
    };
    check(request, response);
}

#[test]
fn leave_group() {
    let request = |version| {
        use ours::leave_group::MemberIdentity;
        let member =
            MemberIdentity { member_id: "one".into(), group_instance_id: some("instance"), reason: some("why") };
        let (group_id, member_id) = ("group".into(), "member".into());
        let ours = ours::LeaveGroupRequest { group_id, member_id, members: vec![member, Default::default()] };
        use theirs::leave_group_request as they;
        let theirs = theirs::LeaveGroupRequest::default().with_group_id(group("group"));
        if version < 3 {
            return (ours, theirs.with_member_id(s("member")));
        }
        let member = they::MemberIdentity::default().with_member_id(s("one"));
        let member = member.with_group_instance_id(Some(s("instance"))).with_reason(some_since(5, version, "why"));
        (ours, theirs.with_members(vec![member, Default::default()]))
    };
    let response = |version| {
        use ours::leave_group::MemberResponse;
        let member = MemberResponse { member_id: "one".into(), group_instance_id: some("instance"), error_code: ERROR };
        let members = vec![member, Default::default()];
        let ours = ours::LeaveGroupResponse { throttle_time_ms: 1, error_code: ERROR, members };
        use theirs::leave_group_response as they;
        let member = they::MemberResponse::default().with_member_id(s("one")).with_error_code(41);
        let member = member.with_group_instance_id(Some(s("instance")));
        let null = they::MemberResponse::default().with_group_instance_id(None);
        let theirs = theirs::LeaveGroupResponse::default().with_throttle_time_ms(1).with_error_code(41);
        (ours, theirs.with_members(since(3, version, vec![member, null], vec![])))
    };
    check(request, response);
}

#[test]
fn sync_group() {
    let request = |version| {
        use ours::sync_group::SyncGroupRequestAssignment;
        let assignment = SyncGroupRequestAssignment { member_id: "one".into(), assignment: vec![9; 200] };
        let ours = ours::SyncGroupRequest {
            group_id: "group".into(),
            generation_id: 1,
            member_id: "member".into(),
            group_instance_id: some("instance"),
            protocol_type: some("consumer"),
            protocol_name: some("range"),
            assignments: vec![assignment, Default::default()],
        };
        use theirs::sync_group_request as they;
        let assignment = they::SyncGroupRequestAssignment::default().with_member_id(s("one"));
        let assignment = assignment.with_assignment(vec![9; 200].into());
        let theirs = theirs::SyncGroupRequest::default().with_group_id(group("group")).with_generation_id(1);
        let theirs = theirs.with_member_id(s("member"));
        let theirs = theirs.with_group_instance_id(some_since(3, version, "instance"));
        let theirs = theirs.with_protocol_type(some_since(5, version, "consumer"));
        let theirs = theirs.with_protocol_name(some_since(5, version, "range"));
        (ours, theirs.with_assignments(vec![assignment, Default::default()]))
    };
    let response = |version| {
        let ours = ours::SyncGroupResponse {
            throttle_time_ms: 1,
            error_code: ERROR,
            protocol_type: some("consumer"),
            protocol_name: some("range"),
            assignment: vec![8; 300],
        };
        let theirs = theirs::SyncGroupResponse::default().with_throttle_time_ms(1).with_error_code(41);
        let theirs = theirs.with_protocol_type(some_since(5, version, "consumer"));
        let theirs = theirs.with_protocol_name(some_since(5, version, "range"));
        (ours, theirs.with_assignment(vec![8; 300].into()))
    };
    check(request, response);
}

#[test]
fn describe_groups() {
    let request = |version| {
        let groups = vec!["one".to_string(), "two".to_string()];
        let theirs = theirs::DescribeGroupsRequest::default().with_groups(vec![group("one"), group("two")]);
        let ours = ours::DescribeGroupsRequest { groups, include_authorized_operations: true };
        (ours, theirs.with_include_authorized_operations(version >= 3))
    };
    check(request, describe_groups_response);
}

fn describe_groups_response(version: i16) -> (ours::DescribeGroupsResponse, theirs::DescribeGroupsResponse) {
    use ours::describe_groups::{DescribedGroup, DescribedGroupMember};
    let member = DescribedGroupMember {
        member_id: "member".into(),
        group_instance_id: some("instance"),
        client_id: "client".into(),
        client_host: "host".into(),
        member_metadata: vec![9; 200],
        member_assignment: vec![8; 300],
    };
    let described = DescribedGroup {
        error_code: ERROR,
        error_message: some("message"),
        group_id: "one".into(),
        group_state: "Stable".into(),
        protocol_type: "consumer".into(),
        protocol_data: "range".into(),
        members: vec![member, Default::default()],
        authorized_operations: 1,
    };
    let ours = ours::DescribeGroupsResponse { throttle_time_ms: 2, groups: vec![described, Default::default()] };
    use theirs::describe_groups_response as they;
    let member = they::DescribedGroupMember::default().with_member_id(s("member")).with_client_id(s("client"));
    let member = member.with_group_instance_id(some_since(4, version, "instance")).with_client_host(s("host"));
    let member = member.with_member_metadata(vec![9; 200].into()).with_member_assignment(vec![8; 300].into());
    let described = they::DescribedGroup::default().with_error_code(41).with_group_id(group("one"));
    let described = described.with_group_state(s("Stable")).with_protocol_type(s("consumer"));
    let described = described.with_protocol_data(s("range")).with_members(vec![member, Default::default()]);
    let described = described.with_authorized_operations(since(3, version, 1, i32::MIN));
    let described = described.with_error_message(some_since(6, version, "message"));
    let theirs = theirs::DescribeGroupsResponse::default().with_throttle_time_ms(2);
    (ours, theirs.with_groups(vec![described, Default::default()]))
}

#[test]
fn list_groups() {
    let request = |version| {
        let states_filter = vec!["Stable".to_string(), "Empty".to_string()];
        let states = since(4, version, vec![s("Stable"), s("Empty")], vec![]);
        let theirs = theirs::ListGroupsRequest::default().with_states_filter(states);
        let theirs = theirs.with_types_filter(since(5, version, vec![s("classic")], vec![]));
        (ours::ListGroupsRequest { states_filter, types_filter: vec!["classic".into()] }, theirs)
    };
    let response = |version| {
        use ours::list_groups::ListedGroup;
        let (group_id, protocol_type) = ("group".into(), "consumer".into());
        let (group_state, group_type) = ("Stable".into(), "classic".into());
        let listed = ListedGroup { group_id, protocol_type, group_state, group_type };
        let groups = vec![listed, Default::default()];
        let ours = ours::ListGroupsResponse { throttle_time_ms: 1, error_code: ERROR, groups };
        use theirs::list_groups_response as they;
        let listed = they::ListedGroup::default().with_group_id(group("group")).with_protocol_type(s("consumer"));
        let listed = listed.with_group_state(since(4, version, s("Stable"), s("")));
        let listed = listed.with_group_type(since(5, version, s("classic"), s("")));
        let theirs = theirs::ListGroupsResponse::default().with_throttle_time_ms(1).with_error_code(41);
        (ours, theirs.with_groups(vec![listed, Default::default()]))
    };
    check(request, response);
}

#[test]
fn init_producer_id() {
    let request = |version| {
        let ours = ours::InitProducerIdRequest {
            transactional_id: some("txn"),
            transaction_timeout_ms: 1,
            producer_id: 2,
            producer_epoch: 3,
        };
        let theirs = theirs::InitProducerIdRequest::default().with_transaction_timeout_ms(1);
        let theirs = theirs.with_transactional_id(Some(TransactionalId(s("txn"))));
        let theirs = theirs.with_producer_id(ProducerId(since(3, version, 2, -1)));
        (ours, theirs.with_producer_epoch(since(3, version, 3, -1)))
    };
    let response = |_| {
        let ours =
            ours::InitProducerIdResponse { throttle_time_ms: 1, error_code: ERROR, producer_id: 2, producer_epoch: 3 };
        let theirs = theirs::InitProducerIdResponse::default().with_throttle_time_ms(1).with_error_code(41);
        (ours, theirs.with_producer_id(ProducerId(2)).with_producer_epoch(3))
    };
    check(request, response);
}

#[test]
fn delete_groups() {
    let request = |_| {
        let groups_names = vec!["one".to_string(), "two".to_string()];
        let theirs = theirs::DeleteGroupsRequest::default().with_groups_names(vec![group("one"), group("two")]);
        (ours::DeleteGroupsRequest { groups_names }, theirs)
    };
    let response = |_| {
        let result = ours::delete_groups::DeletableGroupResult { group_id: "one".into(), error_code: ERROR };
        let results = vec![result, Default::default()];
        use theirs::delete_groups_response::DeletableGroupResult;
        let result = DeletableGroupResult::default().with_group_id(group("one")).with_error_code(41);
        let theirs = theirs::DeleteGroupsResponse::default().with_throttle_time_ms(1);
        let ours = ours::DeleteGroupsResponse { throttle_time_ms: 1, results };
        (ours, theirs.with_results(vec![result, Default::default()]))
    };
    check(request, response);
}

#[test]
fn offset_delete() {
    let request = |_| {
        use ours::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
        let partitions = [1, 2].map(|partition_index| OffsetDeleteRequestPartition { partition_index }).into();
        let topics = vec![OffsetDeleteRequestTopic { name: "demo".into(), partitions }];
        use theirs::offset_delete_request as they;
        let partition = |index| they::OffsetDeleteRequestPartition::default().with_partition_index(index);
        let demo = they::OffsetDeleteRequestTopic::default().with_name(topic("demo"));
        let demo = demo.with_partitions(vec![partition(1), partition(2)]);
        let theirs = theirs::OffsetDeleteRequest::default().with_group_id(group("group")).with_topics(vec![demo]);
        (ours::OffsetDeleteRequest { group_id: "group".into(), topics }, theirs)
    };
    let response = |_| {
        use ours::offset_delete::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
        let partition = OffsetDeleteResponsePartition { partition_index: 1, error_code: ERROR };
        let topics = vec![OffsetDeleteResponseTopic { name: "demo".into(), partitions: vec![partition] }];
        use theirs::offset_delete_response as they;
        let partition = they::OffsetDeleteResponsePartition::default().with_partition_index(1).with_error_code(41);
        let demo = they::OffsetDeleteResponseTopic::default().with_name(topic("demo")).with_partitions(vec![partition]);
        let theirs = theirs::OffsetDeleteResponse::default().with_error_code(41).with_throttle_time_ms(2);
        let ours = ours::OffsetDeleteResponse { error_code: ERROR, throttle_time_ms: 2, topics };
        (ours, theirs.with_topics(vec![demo]))
    };
    check(request, response);
}

#[test]
fn defaults_are_kafkas() {
    use super::check_defaults;
    check_defaults::<ours::OffsetCommitRequest, theirs::OffsetCommitRequest, theirs::OffsetCommitResponse>();
    check_defaults::<ours::OffsetFetchRequest, theirs::OffsetFetchRequest, theirs::OffsetFetchResponse>();
    check_defaults::<ours::JoinGroupRequest, theirs::JoinGroupRequest, theirs::JoinGroupResponse>();
    check_defaults::<ours::HeartbeatRequest, theirs::HeartbeatRequest, theirs::HeartbeatResponse>();
    check_defaults::<ours::LeaveGroupRequest, theirs::LeaveGroupRequest, theirs::LeaveGroupResponse>();
    check_defaults::<ours::SyncGroupRequest, theirs::SyncGroupRequest, theirs::SyncGroupResponse>();
    check_defaults::<ours::DescribeGroupsRequest, theirs::DescribeGroupsRequest, theirs::DescribeGroupsResponse>();
    check_defaults::<ours::ListGroupsRequest, theirs::ListGroupsRequest, theirs::ListGroupsResponse>();
    check_defaults::<ours::DeleteGroupsRequest, theirs::DeleteGroupsRequest, theirs::DeleteGroupsResponse>();
    check_defaults::<ours::OffsetDeleteRequest, theirs::OffsetDeleteRequest, theirs::OffsetDeleteResponse>();
    // One differs on purpose, see src/wire/messages/mod.rs, and so does the instance id above, in `leave_group`.
    check(
        |_| {
            let theirs = theirs::InitProducerIdRequest::default().with_transactional_id(None);
            (ours::InitProducerIdRequest::default(), theirs)
        },
        |_| (ours::InitProducerIdResponse::default(), theirs::InitProducerIdResponse::default()),
    );
}

#[test]
fn null_can_be_said_from_the_version_on_that_kafka_says() {
    assert_eq!(first_request(ours::OffsetFetchRequest { topics: None, ..Default::default() }), Some(2));
    let response = ours::JoinGroupResponse { protocol_name: None, ..Default::default() };
    assert_eq!(first_response::<ours::JoinGroupRequest>(response), Some(7));
}
