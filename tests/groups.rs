//! Groups over the wire: what each version asks and is told, retries over new connections, stops and kills.

mod broker;

use broker::client::{batch, Client};
use broker::member::{commit_request, committed, Member};
use broker::{until, Broker};
use sendlog::base::ErrorCode;
use sendlog::wire::messages::describe_groups::DescribedGroup;
use sendlog::wire::messages::leave_group::MemberIdentity;
use sendlog::wire::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use sendlog::wire::messages::*;

fn describe(client: &mut Client, group: &str) -> DescribedGroup {
    let request = DescribeGroupsRequest { groups: vec![group.to_string()], ..Default::default() };
    client.call(5, request).groups.remove(0)
}

fn commit_codes(client: &mut Client, request: OffsetCommitRequest) -> Vec<ErrorCode> {
    let partitions = client.call(8, request).topics.into_iter().flat_map(|topic| topic.partitions);
    partitions.map(|partition| partition.error_code).collect()
}

fn delete_offsets(client: &mut Client, group: &str, topics: &[&str]) -> OffsetDeleteResponse {
    let topic = |name: &&str| OffsetDeleteRequestTopic {
        name: name.to_string(),
        partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
    };
    let topics = topics.iter().map(topic).collect();
    client.call(0, OffsetDeleteRequest { group_id: group.to_string(), topics })
}

/// A group of two: the second one is told when the first has joined again.
fn two_members(broker: &Broker) -> [Member; 2] {
    let mut first = Member::new(broker.connect(), "g");
    assert!(first.join_twice(7).is_none() && first.sync(5).error_code.is_none());
    let mut second = Member::new(broker.connect(), "g");
    assert_eq!(second.join(7), ErrorCode::MEMBER_ID_REQUIRED);
    second.send_join(7);
    until("the second one joins", || (first.beat() == ErrorCode::REBALANCE_IN_PROGRESS).then_some(()));
    assert!(first.join(7).is_none() && second.receive_joined(7).is_none());
    assert_eq!(first.sync(5).assignment, first.id.as_bytes());
    assert_eq!(second.sync(5).assignment, second.id.as_bytes());
    [first, second]
}

#[test]
fn the_empty_group_id_is_for_offsets_alone() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let mut member = Member::new(client, "");
    let invalid = ErrorCode::INVALID_GROUP_ID;
    assert_eq!((member.join(7), member.sync(5).error_code, member.beat()), (invalid, invalid, invalid));
    for version in 0..=5 {
        assert_eq!(member.client.call(version, LeaveGroupRequest { members: vec![], ..leave("") }).error_code, invalid);
    }
    assert_eq!(delete_offsets(&mut member.client, "", &["demo"]).error_code, invalid);
    assert_eq!(member.commit(7), ErrorCode::NONE, "as Kafka has it since before there were groups");
    assert_eq!(committed(&mut member.client, &[String::new()]), [7]);
}

fn leave(group: &str) -> LeaveGroupRequest {
    LeaveGroupRequest { group_id: group.to_string(), ..Default::default() }
}

#[test]
fn a_new_member_needs_an_id_first_from_version_4_on() {
    let broker = Broker::start();
    for version in 0..=7 {
        let mut member = Member::new(broker.connect(), &format!("g{version}"));
        let expected = if version >= 4 { ErrorCode::MEMBER_ID_REQUIRED } else { ErrorCode::NONE };
        assert_eq!(member.join(version), expected, "version {version}");
        assert!(member.join(version).is_none(), "version {version}");
        assert_eq!(member.others, [member.id.clone()], "version {version}");
        let mut nameless = member.sync_request();
        (nameless.protocol_type, nameless.protocol_name) = (None, None);
        assert_eq!(member.client.call(5, nameless).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        assert_eq!(member.sync((version).min(5)).assignment, member.id.as_bytes(), "version {version}");
    }
    let mut member = Member::new(broker.connect(), "static");
    member.instance = Some("i1".to_string());
    assert!(member.join(7).is_none(), "a static one is known by its instance id");
}

#[test]
fn members_leave_one_by_one_or_together() {
    let broker = Broker::start();
    let [mut first, second] = two_members(&broker);
    let identity = |member_id: &str| MemberIdentity { member_id: member_id.to_string(), ..Default::default() };
    let members = vec![identity("nobody"), identity(&second.id), identity(&first.id)];
    let left = first.client.call(5, LeaveGroupRequest { members, ..leave("g") });
    let codes: Vec<_> = left.members.iter().map(|member| member.error_code).collect();
    assert_eq!(left.error_code, ErrorCode::NONE);
    assert_eq!(codes, [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::NONE, ErrorCode::NONE]);
    for version in 0..=2 {
        let alone = LeaveGroupRequest { member_id: first.id.clone(), ..leave("g") };
        assert_eq!(first.client.call(version, alone).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    }
    let members = vec![identity("nobody")];
    let left = first.client.call(5, LeaveGroupRequest { members, ..leave("no group") });
    assert_eq!((left.error_code, left.members[0].error_code), (ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn a_commit_is_judged_partition_by_partition_and_then_as_a_whole() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let asked = [("demo", 0, 3), ("demo", 2, 3), ("gone", 0, 3), ("demo", 1, 3)];
    let mut request = commit_request("g", &asked);
    request.topics[3].partitions[0].committed_metadata = Some("x".repeat(4097));
    let too_long = ErrorCode::OFFSET_METADATA_TOO_LARGE;
    assert_eq!(commit_codes(&mut client, request), [ErrorCode::NONE, unknown, unknown, too_long]);
    let as_member = |asked| OffsetCommitRequest { generation_id_or_member_epoch: 1, ..commit_request("new", asked) };
    let illegal = ErrorCode::ILLEGAL_GENERATION;
    assert_eq!(commit_codes(&mut client, as_member(&asked)), [illegal, unknown, unknown, illegal]);
    assert_eq!(commit_codes(&mut client, as_member(&asked[1..3])), [unknown, unknown]);
    let mut request = commit_request("h", &asked[..1]);
    request.topics[0].partitions[0].committed_metadata = Some("é".repeat(4096));
    assert_eq!(commit_codes(&mut client, request), [ErrorCode::NONE], "as many letters, not bytes");
    assert_eq!(committed(&mut client, &["g".to_string(), "h".to_string(), "new".to_string()]), [3, 3, -1]);
    let listed = client.call(4, ListGroupsRequest::default()).groups;
    let listed: Vec<_> = listed.iter().map(|group| (group.group_id.as_str(), group.group_state.as_str())).collect();
    assert_eq!(listed, [("g", "Empty"), ("h", "Empty")], "a commit that was refused makes no group");
}

#[test]
fn offsets_that_nobody_reads_may_be_deleted() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.create("other", 1);
    commit_codes(&mut client, commit_request("g", &[("demo", 0, 3), ("other", 0, 4)]));
    let mut member = Member::new(client, "g");
    assert!(member.join_twice(7).is_none() && member.sync(5).error_code.is_none());
    let answer = delete_offsets(&mut member.client, "g", &["demo", "gone", "other"]);
    let codes: Vec<_> = answer.topics.iter().map(|topic| topic.partitions[0].error_code).collect();
    let (subscribed, unknown) = (ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!((answer.error_code, codes), (ErrorCode::NONE, vec![subscribed, unknown, ErrorCode::NONE]));
    let all =
        OffsetFetchRequest { group_id: "g".to_string(), topics: None, require_stable: true, ..Default::default() };
    let left = member.client.call(7, all).topics;
    assert_eq!(left.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["demo"]);
    let missing = delete_offsets(&mut member.client, "nobody", &["demo"]);
    assert_eq!(missing.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
}

#[test]
fn a_group_is_described_while_it_rebalances_too() {
    let broker = Broker::start();
    let [mut first, mut second] = two_members(&broker);
    let show = |group: DescribedGroup| {
        let assigned = group.members.iter().filter(|member| member.member_assignment == member.member_id.as_bytes());
        let brought = group.members.iter().filter(|member| member.member_metadata.ends_with(b"demo"));
        (group.group_state, group.protocol_data, assigned.count(), brought.count())
    };
    let client = &mut broker.connect();
    assert_eq!(show(describe(client, "g")), ("Stable".to_string(), "range".to_string(), 2, 2));
    first.send_join(7);
    until("a rebalance", || (second.beat() == ErrorCode::REBALANCE_IN_PROGRESS).then_some(()));
    assert_eq!(show(describe(client, "g")), ("PreparingRebalance".to_string(), String::new(), 2, 0));
    for (state, count) in [("preparingrebalance", 1), ("Stable", 0), ("", 1)] {
        let states_filter = Some(state).filter(|state| !state.is_empty()).map(String::from).into_iter().collect();
        let request = ListGroupsRequest { states_filter, ..Default::default() };
        assert_eq!(client.call(4, request).groups.len(), count, "{state}");
    }
    for (kind, types) in [("Classic", vec!["classic"]), ("consumer", vec![])] {
        let request = ListGroupsRequest { types_filter: vec![kind.to_string()], ..Default::default() };
        let listed = client.call(5, request).groups;
        let listed: Vec<_> = listed.iter().map(|group| group.group_type.as_str()).collect();
        assert_eq!(listed, types, "{kind}");
    }
    let unknown = describe(client, "nobody");
    assert_eq!((unknown.error_code, unknown.group_state.as_str()), (ErrorCode::NONE, "Dead"));
    let request = DescribeGroupsRequest { groups: vec!["nobody".to_string()], ..Default::default() };
    let unknown = client.call(6, request).groups.remove(0);
    assert_eq!(unknown.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert!(unknown.error_message.is_some_and(|message| message.contains("nobody")));
    let request = DeleteGroupsRequest { groups_names: vec!["g".to_string(), "nobody".to_string()] };
    let codes: Vec<_> = client.call(2, request).results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [ErrorCode::NON_EMPTY_GROUP, ErrorCode::GROUP_ID_NOT_FOUND]);
}

#[test]
fn a_join_that_is_sent_again_over_a_new_connection_gets_the_answer() {
    let broker = Broker::start();
    let [mut first, mut second] = two_members(&broker);
    first.send_join(7);
    until("a rebalance", || (second.beat() == ErrorCode::REBALANCE_IN_PROGRESS).then_some(()));
    // The first connection stays open: nobody has noticed yet that it is not used any more.
    let old = std::mem::replace(&mut first.client, broker.connect());
    first.send_join(7);
    let mut old = Member { client: old, ..Member::new(broker.connect(), "g") };
    assert_eq!(old.receive_joined(7), ErrorCode::REBALANCE_IN_PROGRESS, "the one that counts is the second");
    drop(old);
    assert!(second.join(7).is_none() && first.receive_joined(7).is_none());
    assert_eq!((first.generation, first.others.len()), (second.generation, 2));
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_also_after_a_kill() {
    let broker = Broker::start();
    let mut member = Member::new(broker.connect(), "g");
    member.instance = Some("i1".to_string());
    assert!(member.join(7).is_none() && member.sync(5).error_code.is_none());
    let mut back = Member::new(broker.connect(), "g");
    back.instance = Some("i1".to_string());
    assert!(back.join(7).is_none());
    let kept = back.sync(5);
    assert_eq!((kept.error_code, kept.assignment), (ErrorCode::NONE, member.id.clone().into_bytes()));
    assert_eq!(member.beat(), ErrorCode::FENCED_INSTANCE_ID);
    let broker = Broker::on(broker.kill(), &[]);
    (member.client, back.client) = (broker.connect(), broker.connect());
    assert_eq!((member.beat(), back.beat()), (ErrorCode::FENCED_INSTANCE_ID, ErrorCode::NONE));
}

#[test]
fn members_carry_on_after_a_stop_or_a_kill_also_if_one_was_waiting() {
    for is_clean in [true, false] {
        let broker = Broker::start();
        broker.connect().create("demo", 1);
        let [mut first, mut second] = two_members(&broker);
        let mut newcomer = Member::new(broker.connect(), "g");
        assert_eq!(newcomer.join(7), ErrorCode::MEMBER_ID_REQUIRED);
        newcomer.send_join(7);
        until("a rebalance", || (second.beat() == ErrorCode::REBALANCE_IN_PROGRESS).then_some(()));
        first.send_join(7);
        let broker = Broker::on(if is_clean { broker.stop() } else { broker.kill() }, &[]);
        (first.client, second.client) = (broker.connect(), broker.connect());
        for member in [&mut first, &mut second] {
            assert_eq!((member.beat(), member.commit(1)), (ErrorCode::NONE, ErrorCode::NONE), "clean: {is_clean}");
            assert_eq!(member.sync(5).assignment, member.id.as_bytes());
        }
    }
}

#[test]
fn a_topic_that_a_start_provides_gets_no_offset_of_a_deleted_one() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a", "b", "c"]));
    assert_eq!(commit_codes(&mut client, commit_request("g", &[("demo", 0, 3)])), [ErrorCode::NONE]);
    let id = client.topic("demo").topic_id;
    let data = broker.kill();
    // The power went when the deletion was in the registry, and nothing else of it was done.
    let registry = data.path().join("data/sendlog.registry");
    let payload = format!("delete {id}");
    let line = format!("{:06} {:08x} {payload}\n", payload.len(), crc32fast::hash(payload.as_bytes()));
    std::fs::write(&registry, std::fs::read_to_string(&registry).unwrap() + &line).unwrap();
    let broker = Broker::on(data, &["--topic", "demo:1"]);
    let mut client = broker.connect();
    assert_eq!(client.bounds("demo", 0), (0, 0));
    assert_eq!(committed(&mut client, &["g".to_string()]), [-1], "never an old offset on a new topic");
}
