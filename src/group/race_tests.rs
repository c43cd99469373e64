//! Commits that race: with each other, with the deletion of their topic or group, with a snapshot of the log, with a
//! disk that fails. What is on its way is held between its append and its flush.

use std::sync::atomic::{AtomicBool, Ordering};

use super::commits::{flush_target, OnItsWay};
use super::crash_tests::*;
use super::*;
use crate::config::{Overrides, Scope};
use crate::faults;

fn begin(topics: &TopicRegistry, groups: &GroupCoordinator, group: &str, offset: i64) -> OnItsWay {
    let begun = groups.begin_commit(topics, group, NOBODY, &[to_offset(offset)], NOW);
    begun.map_err(|refused| format!("{refused:?}")).unwrap()
}

/// What a start finds, after a kill.
fn after_a_kill(folder: &Path, topics: TopicRegistry, groups: GroupCoordinator, group: &str) -> Option<i64> {
    drop((topics, groups));
    let (_topics, groups) = open(folder).unwrap();
    committed(&groups, group)
}

#[test]
fn the_last_commit_in_the_log_wins_whichever_is_flushed_first() {
    for first_is_published_first in [true, false] {
        let folder = prepared();
        let (topics, groups) = open(folder.path()).unwrap();
        let (first, second) = (begin(&topics, &groups, "g", 5), begin(&topics, &groups, "g", 7));
        assert_eq!(committed(&groups, "g"), Some(3), "neither is on the disk");
        let [one, other] = if first_is_published_first { [first, second] } else { [second, first] };
        assert_eq!((one.publish(Ok(())), other.publish(Ok(()))), (vec![Ok(())], vec![Ok(())]));
        assert_eq!(committed(&groups, "g"), Some(7));
        assert_eq!(after_a_kill(folder.path(), topics, groups, "g"), Some(7));
    }
}

#[test]
fn a_stable_fetch_takes_in_what_is_on_its_way() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let on_its_way = begin(&topics, &groups, "g", 5);
    let (stable, steps) = faults::record(|| groups.committed("g", true).unwrap());
    assert_eq!(stable[&("t".to_string(), 0)].offset, Offset(5));
    assert!(steps.iter().any(|step| step.starts_with("sync")), "and waits until it is on the disk: {steps:?}");
    on_its_way.publish(Ok(()));
}

#[test]
fn a_commit_on_its_way_goes_with_its_topic() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let on_its_way = begin(&topics, &groups, "h", 7);
    let topic = topics.find("t").unwrap();
    topics.delete(&topic, || groups.forget_topic(&topic, NOW)).unwrap();
    topics.create("t", 1, Overrides::new(Scope::Topic)).unwrap();
    on_its_way.publish(Ok(()));
    assert_eq!(committed(&groups, "h"), None, "never an old offset on a new topic");
    assert_eq!(after_a_kill(folder.path(), topics, groups, "h"), None);
}

#[test]
fn a_commit_to_a_topic_that_was_deleted_meanwhile_is_refused() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let topic = topics.find("t").unwrap();
    // The look-up still finds it while its offsets are being forgotten.
    let forget = || {
        groups.forget_topic(&topic, NOW)?;
        assert_eq!(commit(&topics, &groups, "h", 7), Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        Ok(())
    };
    topics.delete(&topic, forget).unwrap();
    assert_eq!(after_a_kill(folder.path(), topics, groups, "h"), None);
}

#[test]
fn a_topic_that_is_deleted_while_a_commit_flushes_its_data_gets_no_offset() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let (commit, topic) = (to_offset(7), topics.find("t").unwrap());
    let targets = [flush_target(&topics, &commit)];
    topics.delete(&topic, || groups.forget_topic(&topic, NOW)).unwrap();
    let append = |shared: &_, entry: &mut _| groups.append_commits(shared, entry, &targets, &[commit], NOW);
    let refused = groups.with("h", true, append).unwrap().unwrap().publish(Ok(()));
    assert_eq!(refused, [Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]);
    assert_eq!(after_a_kill(folder.path(), topics, groups, "h"), None);
}

#[test]
fn a_commit_on_its_way_goes_with_its_group() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let on_its_way = begin(&topics, &groups, "h", 7);
    groups.delete("h", NOW).unwrap();
    on_its_way.publish(Ok(()));
    assert_eq!(committed(&groups, "h"), None);
    assert_eq!(groups.delete("h", NOW), Err(ErrorCode::GROUP_ID_NOT_FOUND));
    assert_eq!(after_a_kill(folder.path(), topics, groups, "h"), None);
}

#[test]
fn who_comes_to_a_group_that_has_just_died_finds_a_new_one() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    commit(&topics, &groups, "h", 7).unwrap();
    let end = |_: &_, entry: &mut _| groups.end(entry, NOW).unwrap();
    groups.with("h", true, end).unwrap(); // dead, and still in the table
    commit(&topics, &groups, "h", 8).unwrap();
    assert_eq!(committed(&groups, "h"), Some(8));
    assert_eq!(after_a_kill(folder.path(), topics, groups, "h"), Some(8));
}

#[test]
fn a_snapshot_holds_what_is_on_its_way_and_not_what_was_deleted() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let (kept, deleted) = (begin(&topics, &groups, "g", 5), begin(&topics, &groups, "h", 7));
    groups.delete_offsets("h", &[("t".to_string(), 0)], NOW).unwrap();
    groups.compact_now(&topics, 0, NOW).unwrap();
    kept.publish(Ok(()));
    deleted.publish(Ok(()));
    assert_eq!((committed(&groups, "g"), committed(&groups, "h")), (Some(5), None));
    drop((topics, groups));
    let (_topics, groups) = open(folder.path()).unwrap();
    assert_eq!((committed(&groups, "g"), committed(&groups, "h")), (Some(5), None));
}

#[test]
fn a_commit_that_fails_is_not_seen_and_is_not_the_end() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let failed = faults::fail_once_after(0, || commit(&topics, &groups, "g", 5));
    assert_eq!(failed, Err(ErrorCode::COORDINATOR_NOT_AVAILABLE), "something that clients try again after");
    assert_eq!(committed(&groups, "g"), Some(3));
    commit(&topics, &groups, "g", 6).unwrap();
    assert_eq!(committed(&groups, "g"), Some(6));
}

#[test]
fn a_flush_that_fails_ends_the_groups_until_a_restart() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let failed = faults::fail_once_after(1, || commit(&topics, &groups, "g", 5));
    let unavailable = ErrorCode::COORDINATOR_NOT_AVAILABLE;
    assert_eq!(failed, Err(unavailable));
    assert_eq!(groups.committed("g", false).unwrap_err().code(), unavailable, "nobody knows what is on the disk");
    assert_eq!(commit(&topics, &groups, "g", 6), Err(unavailable));
    assert_eq!(groups.delete("g", NOW), Err(unavailable));
    assert!(groups.describe("g").is_err() && groups.list().is_err());
    assert!(matches!(after_a_kill(folder.path(), topics, groups, "g"), Some(3 | 5)));
}

#[test]
fn a_group_that_comes_while_a_snapshot_is_taken_keeps_its_offsets() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let known = groups.find("g").unwrap();
    std::thread::scope(|scope| {
        let locked = known.lock().unwrap();
        let snapshot = scope.spawn(|| groups.compact_now(&topics, 0, NOW).unwrap());
        while Arc::strong_count(&known) < 3 {
            std::thread::yield_now(); // until the snapshot has seen which groups there are, and waits for this one
        }
        commit(&topics, &groups, "new", 7).unwrap();
        drop(locked);
        snapshot.join().unwrap();
    });
    assert_eq!(after_a_kill(folder.path(), topics, groups, "new"), Some(7));
}

/// Four threads commit, each to a group of its own that it makes and deletes and to one that it shares, while the log is
/// made small over and over.
#[test]
fn no_commit_is_lost_to_a_snapshot_that_is_taken_at_the_same_time() {
    const ROUNDS: i64 = 300;
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let snapshots = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                groups.compact_now(&topics, 0, NOW).unwrap();
            }
        });
        let committers: Vec<_> = (0..4)
            .map(|thread| {
                let (topics, groups) = (&topics, &groups);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let group = format!("{thread}-{round}");
                        commit(topics, groups, &group, round).unwrap();
                        commit(topics, groups, "shared", round).unwrap();
                        if round % 3 == 0 {
                            groups.delete(&group, NOW).unwrap();
                        }
                    }
                })
            })
            .collect();
        committers.into_iter().for_each(|committer| committer.join().unwrap());
        done.store(true, Ordering::SeqCst);
        snapshots.join().unwrap();
    });
    drop((topics, groups));
    let (_topics, groups) = open(folder.path()).unwrap();
    assert_eq!(committed(&groups, "shared"), Some(ROUNDS - 1));
    for (thread, round) in (0..4).flat_map(|thread| (0..ROUNDS).map(move |round| (thread, round))) {
        let expected = (round % 3 != 0).then_some(round);
        assert_eq!(committed(&groups, &format!("{thread}-{round}")), expected, "{thread}-{round}");
    }
}
