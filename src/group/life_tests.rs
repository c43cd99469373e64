//! What of a group outlives what: restarts, snapshots of the log, its last member, clients that vanish.

use std::sync::LazyLock;

use super::crash_tests::*;
use super::member::Protocol;
use super::*;

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

/// Of a connection that stays open.
fn waker() -> Arc<dyn Wake> {
    static OPEN: LazyLock<Arc<Nobody>> = LazyLock::new(|| Arc::new(Nobody));
    OPEN.clone()
}

fn later(ms: i64) -> Now {
    Now { monotonic_ms: NOW.monotonic_ms + ms, wall_ms: NOW.wall_ms + ms }
}

fn joining(member_id: &str, needs_known_id: bool) -> Joining {
    Joining {
        member_id: member_id.to_string(),
        instance_id: None,
        client_id: "client".to_string(),
        client_host: "/127.0.0.1".to_string(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 30_000,
        protocol_type: "consumer".to_string(),
        protocols: vec![Protocol { name: "range".to_string(), metadata: vec![0, 0, 0, 0, 0, 1, 0, 1, b't'] }],
        needs_known_id,
    }
}

fn of(member_id: &str, generation: i32) -> Who<'_> {
    Who { member_id, instance_id: None, generation }
}

fn sync(groups: &GroupCoordinator, member_id: &str, generation: i32, assignments: &[&str]) -> Vec<u8> {
    let assign = |id: &&str| (id.to_string(), format!("for {id}").into_bytes());
    let assignments = assignments.iter().map(assign).collect();
    match groups.sync("g", of(member_id, generation), (None, None), assignments, waker(), NOW) {
        Outcome::Now(synced) => synced.assignment,
        Outcome::Wait(_) => panic!("{member_id} waits"),
    }
}

fn join(groups: &GroupCoordinator, joining: &Joining, new_id: &str) -> Outcome<Joined, Waiting> {
    groups.join("g", joining, new_id, waker(), NOW)
}

/// Group "g" with these two, in generation 2.
fn with_members(topics: &TopicRegistry, groups: &GroupCoordinator) {
    groups.ensure_log(topics).unwrap();
    assert!(matches!(join(groups, &joining("", false), "a"), Outcome::Now(_)));
    let Outcome::Wait(waiting) = join(groups, &joining("", false), "b") else { panic!("b does not wait") };
    assert!(matches!(join(groups, &joining("a", false), ""), Outcome::Now(_)));
    assert!(groups.take_answer(&waiting, NOW).unwrap().0.is_some());
    assert_eq!(sync(groups, "a", 2, &["a", "b"]), b"for a");
    assert_eq!(sync(groups, "b", 2, &[]), b"for b");
}

#[test]
fn members_carry_on_after_a_kill_without_a_rebalance() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    with_members(&topics, &groups);
    drop((topics, groups));
    let (topics, groups) = open(folder.path()).unwrap();
    assert_eq!(groups.heartbeat("g", of("a", 2), later(9_000)), Ok(()));
    let commit = groups.commit(&topics, "g", of("b", 2), &[to_offset(9)], NOW);
    assert_eq!((commit, committed(&groups, "g")), (vec![Ok(())], Some(9)));
    assert_eq!(sync(&groups, "b", 2, &[]), b"for b");
    assert_eq!(groups.heartbeat("g", of("a", 1), NOW), Err(ErrorCode::ILLEGAL_GENERATION));
    groups.tick(later(10_000));
    let described = groups.describe("g").unwrap().unwrap();
    assert_eq!(described.state, State::PreparingRebalance, "b showed no life");
}

#[test]
fn a_snapshot_in_the_middle_of_a_rebalance_repeats_what_was_stable() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    with_members(&topics, &groups);
    groups.leave("g", "b", None, NOW).unwrap();
    assert!(matches!(join(&groups, &joining("", false), "c"), Outcome::Wait(_)));
    groups.compact_now(&topics, 0, NOW).unwrap();
    drop((topics, groups));
    let (topics, groups) = open(folder.path()).unwrap();
    groups.compact_now(&topics, 0, NOW).unwrap();
    drop((topics, groups));
    let (_topics, groups) = open(folder.path()).unwrap();
    let described = groups.describe("g").unwrap().unwrap();
    let ids: Vec<_> = described.members.iter().map(|member| member.id.as_str()).collect();
    // b's share would never be given to anybody, if it were not missed after its session.
    assert_eq!((described.state, ids), (State::Stable, vec!["a", "b"]));
}

#[test]
fn an_empty_group_keeps_its_generation_and_the_time_since_when() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    with_members(&topics, &groups);
    let left = later(RETENTION_MS - 1);
    ["a", "b"].iter().for_each(|id| groups.leave("g", id, None, left).unwrap());
    groups.compact_now(&topics, 0, left).unwrap();
    drop((topics, groups));
    let (_topics, groups) = open(folder.path()).unwrap();
    let described = groups.describe("g").unwrap().unwrap();
    assert_eq!((described.state, described.protocol_type.as_str()), (State::Empty, "consumer"));
    groups.expire_offsets(later(2 * RETENTION_MS - 2)).unwrap();
    assert_eq!(committed(&groups, "g"), Some(3), "committed long ago, but in use until lately");
    groups.expire_offsets(later(2 * RETENTION_MS - 1)).unwrap();
    assert_eq!(committed(&groups, "g"), None);
    let Outcome::Now(joined) = join(&groups, &joining("", false), "d") else { panic!("d waits") };
    assert_eq!(joined.generation, 4, "2, then empty, then this one");
}

#[test]
fn offsets_of_a_group_with_members_do_not_expire() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    with_members(&topics, &groups);
    groups.expire_offsets(later(10 * RETENTION_MS)).unwrap();
    assert_eq!(committed(&groups, "g"), Some(3));
}

#[test]
fn an_offset_is_kept_for_as_long_as_its_client_said() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let expiring = Commit { expires_ms: Some(later(10 * RETENTION_MS).wall_ms), ..to_offset(5) };
    assert_eq!(groups.commit(&topics, "g", NOBODY, &[expiring], NOW), [Ok(())]);
    drop((topics, groups));
    let (_topics, groups) = open(folder.path()).unwrap();
    groups.expire_offsets(later(10 * RETENTION_MS - 1)).unwrap();
    assert_eq!(committed(&groups, "g"), Some(5));
    groups.expire_offsets(later(10 * RETENTION_MS)).unwrap();
    assert_eq!(committed(&groups, "g"), None);
}

#[test]
fn offsets_of_topics_that_nobody_reads_may_be_deleted_from_a_group_of_consumers() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    topics.create("other", 1, crate::config::Overrides::new(crate::config::Scope::Topic)).unwrap();
    let commit = Commit { topic: "other".to_string(), ..to_offset(0) };
    assert_eq!(groups.commit(&topics, "g", NOBODY, &[commit], NOW), [Ok(())]);
    with_members(&topics, &groups);
    let keys = [("t".to_string(), 0), ("other".to_string(), 0)];
    let codes = groups.delete_offsets("g", &keys, NOW).unwrap();
    assert_eq!(codes, [ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode::NONE]);
    assert_eq!(groups.committed("g", false).unwrap().into_keys().collect::<Vec<_>>(), keys[..1]);
    let connect = Joining { protocol_type: "connect".to_string(), ..joining("", false) };
    assert!(matches!(groups.join("h", &connect, "a", waker(), NOW), Outcome::Now(_)));
    assert_eq!(groups.delete_offsets("h", &keys, NOW), Err(ErrorCode::NON_EMPTY_GROUP));
    assert_eq!(groups.delete_offsets("nobody", &keys, NOW), Err(ErrorCode::GROUP_ID_NOT_FOUND));
}

#[test]
fn a_group_of_which_nothing_is_left_leaves_nothing_behind() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    with_members(&topics, &groups);
    ["a", "b"].iter().for_each(|id| groups.leave("g", id, None, NOW).unwrap());
    assert_eq!(groups.delete_offsets("g", &[("t".to_string(), 0)], NOW), Ok(vec![ErrorCode::NONE]));
    groups.tick(NOW);
    assert!(groups.list().unwrap().iter().all(|(id, ..)| id != "g"));
    drop((topics, groups));
    let (_topics, groups) = open(folder.path()).unwrap();
    assert!(groups.describe("g").unwrap().is_none());
}

#[test]
fn clients_that_ask_for_an_id_or_join_and_vanish_are_forgotten() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    with_members(&topics, &groups);
    for number in 0..1000 {
        let id = format!("n{number}");
        let given = groups.join(&format!("group {number}"), &joining("", true), &id, waker(), NOW);
        assert!(matches!(given, Outcome::Now(Joined { error: ErrorCode::MEMBER_ID_REQUIRED, .. })));
        assert!(matches!(join(&groups, &joining("", true), &id), Outcome::Now(_)));
        let Outcome::Wait(waiting) = join(&groups, &joining(&id, true), "") else { panic!("it waits for a and b") };
        groups.abandon(&waiting, NOW);
    }
    let kept = |id: &str| {
        let shared = groups.find(id)?;
        let entry = shared.lock().unwrap();
        let Entry { group, waiting, newcomers, .. } = &*entry;
        Some([group.members.len(), group.pending.len(), group.answers.len(), waiting.len(), newcomers.len()])
    };
    groups.tick(NOW);
    assert_eq!(kept("g"), Some([2, 0, 0, 0, 0]));
    assert_eq!(groups.list().unwrap().len(), 1001);
    groups.tick(later(10_000));
    assert_eq!(groups.groups.lock().unwrap().len(), 1, "ids that nobody came back with");
}

#[test]
fn a_connection_that_ends_takes_its_newcomers_with_it() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    with_members(&topics, &groups);
    let [with_an_id, joined] = [Arc::new(Nobody), Arc::new(Nobody)];
    groups.join("g", &joining("", true), "c", with_an_id.clone(), NOW);
    let Outcome::Wait(waiting) = groups.join("g", &joining("", false), "d", joined.clone(), NOW) else { panic!() };
    let waits: Vec<_> = ["a", "b"].iter().map(|id| join(&groups, &joining(id, false), "")).collect();
    let told = |waiting: &Waiting| groups.take_answer(waiting, NOW).unwrap().0.is_some();
    assert!(!told(&waiting), "c is to come");
    drop(with_an_id);
    groups.tick(NOW);
    assert!(told(&waiting), "c is gone");
    assert!(waits.iter().all(|outcome| matches!(outcome, Outcome::Wait(waiting) if told(waiting))));
    drop(joined);
    groups.tick(NOW);
    groups.tick(later(SYNC_PATIENCE_MS - 1));
    assert_eq!(members_of(&groups), (State::CompletingRebalance, 3), "d may come back to sync");
    groups.tick(later(SYNC_PATIENCE_MS));
    assert_eq!(members_of(&groups), (State::PreparingRebalance, 2), "d did not");
}

fn members_of(groups: &GroupCoordinator) -> (State, usize) {
    let described = groups.describe("g").unwrap().unwrap();
    (described.state, described.members.len())
}

#[test]
fn a_newcomer_that_lost_its_connection_comes_back_to_its_generation() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    with_members(&topics, &groups);
    let [first, second] = [Arc::new(Nobody), Arc::new(Nobody)];
    let Outcome::Wait(waiting) = groups.join("g", &joining("", false), "c", first.clone(), NOW) else { panic!() };
    let _waits: Vec<_> = ["a", "b"].iter().map(|id| join(&groups, &joining(id, false), "")).collect();
    let Some(Answer::Join(told)) = groups.take_answer(&waiting, NOW).unwrap().0 else { panic!("c is told nothing") };
    drop(first);
    groups.tick(NOW);
    let again = groups.join("g", &joining("c", false), "", second.clone(), later(1_000));
    assert!(matches!(again, Outcome::Now(Joined { generation, .. }) if generation == told.generation));
    groups.tick(later(SYNC_PATIENCE_MS));
    assert_eq!(members_of(&groups), (State::CompletingRebalance, 3), "nobody had to join again");
}

#[test]
fn an_answer_is_kept_until_it_is_taken_also_if_the_group_is_empty() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    groups.ensure_log(&topics).unwrap();
    let join = |id: &str, new_id: &str| groups.join("h", &joining(id, false), new_id, waker(), NOW);
    assert!(matches!(join("", "a"), Outcome::Now(_)));
    let Outcome::Wait(waiting) = join("", "b") else { panic!("b does not wait") };
    ["b", "a"].iter().for_each(|id| groups.leave("h", id, None, NOW).unwrap());
    groups.tick(NOW);
    let Some(Answer::Join(told)) = groups.take_answer(&waiting, NOW).unwrap().0 else { panic!("b is told nothing") };
    assert_eq!(told.error, ErrorCode::UNKNOWN_MEMBER_ID);
    groups.tick(NOW);
    assert!(groups.describe("h").unwrap().is_none());
}

#[test]
fn a_record_of_another_version_stops_the_groups_and_not_the_broker() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let key = Key::Group { group: "g".to_string() }.encode();
    groups.log.append("g", &[(vec![0, 9, 1], Some(vec![7])), (vec![0, 16], None)], 0).unwrap();
    drop((topics, groups));
    let (topics, groups) = open(folder.path()).unwrap();
    assert_eq!(committed(&groups, "g"), Some(3), "other types are passed over");
    groups.log.append("g", &[(key, Some(vec![0, 99]))], 0).unwrap();
    drop((topics, groups));
    let (topics, groups) = open(folder.path()).unwrap();
    assert_eq!(commit(&topics, &groups, "g", 5), Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
}

#[test]
fn the_log_is_made_small_again_only_after_it_has_grown_again() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let large = Commit { metadata: "m".repeat(30_000), ..to_offset(5) };
    let commits: Vec<_> = (0..100).map(|_| large.clone()).collect();
    let mut rounds = 0;
    while groups.log.due().is_empty() {
        rounds += 1;
        assert_eq!(groups.commit(&topics, &format!("g{rounds}"), NOBODY, &commits, NOW), vec![Ok(()); 100]);
    }
    assert_eq!(rounds, 6, "3 MB each, 16 MiB in all");
    groups.compact(&topics, NOW).unwrap();
    assert!(groups.log.due().is_empty());
    drop((topics, groups));
    let (_topics, groups) = open(folder.path()).unwrap();
    assert!(groups.log.due().is_empty(), "nor after a restart");
    assert_eq!(committed(&groups, "g1"), Some(5));
}

#[test]
fn a_log_that_is_large_because_much_lives_is_not_written_over_and_over() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let large = [Commit { metadata: "m".repeat(30_000), ..to_offset(5) }];
    let commit = |group: usize| assert_eq!(groups.commit(&topics, &group.to_string(), NOBODY, &large, NOW), [Ok(())]);
    (0..700).for_each(commit);
    groups.compact_now(&topics, 0, NOW).unwrap();
    (0..600).for_each(commit);
    assert!(groups.log.due().is_empty(), "18 MB more, but 21 MB would have to be written again");
    (0..200).for_each(commit);
    assert!(!groups.log.due().is_empty());
}
