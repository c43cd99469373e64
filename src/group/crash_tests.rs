//! Committed offsets under the crash order of ARCHITECTURE.md: stopped between every two steps, and started again.

pub(super) use std::path::Path;

use super::*;
use crate::config::{Config, Overrides, Scope, Source};
use crate::faults;
use crate::record::BatchBuilder;

pub(crate) const NOW: Now = Now { monotonic_ms: 1000, wall_ms: 1_700_000_000_000 };
pub(crate) const LIMITS: Limits =
    Limits { initial_delay_ms: 0, session_min_ms: 1, session_max_ms: 60_000, size_max: 10, ..Limits::NONE };
pub(crate) const NOBODY: Who = Who { member_id: "", instance_id: None, generation: -1 };
pub(super) const RETENTION_MS: i64 = 60_000;
pub(super) const NOTHING: Commit = Commit {
    topic: String::new(),
    partition: 0,
    offset: Offset(0),
    leader_epoch: -1,
    metadata: String::new(),
    expires_ms: None,
    refused: None,
};

pub(super) fn open(root: &Path) -> Result<(TopicRegistry, GroupCoordinator)> {
    let mut config = Config::default();
    config.set("log.dirs", root.to_str().unwrap(), Source::CommandLine)?;
    let topics = TopicRegistry::open(config)?;
    let groups = GroupCoordinator::open(&topics, LIMITS, RETENTION_MS, NOW)?;
    Ok((topics, groups))
}

/// A topic with ten records, group "g" at offset 3 of it, after a clean stop.
pub(super) fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (topics, groups) = open(folder.path()).unwrap();
    let topic = topics.create("t", 1, Overrides::new(Scope::Topic)).unwrap();
    for _ in 0..10 {
        let mut batch = BatchBuilder::new().record(1, None, Some(b"v")).build();
        topic.partitions[0].append(&mut batch, 9, 1).unwrap();
    }
    commit(&topics, &groups, "g", 3).unwrap();
    topics.close().unwrap();
    folder
}

pub(super) fn commit(
    topics: &TopicRegistry,
    groups: &GroupCoordinator,
    group: &str,
    offset: i64,
) -> std::result::Result<(), ErrorCode> {
    groups.commit(topics, group, NOBODY, &[to_offset(offset)], NOW).remove(0)
}

pub(super) fn to_offset(offset: i64) -> Commit {
    let (topic, metadata) = ("t".to_string(), "why".to_string());
    Commit { topic, offset: Offset(offset), leader_epoch: 0, metadata, ..NOTHING }
}

pub(super) fn committed(groups: &GroupCoordinator, group: &str) -> Option<i64> {
    groups
        .committed(group, false)
        .unwrap()
        .get(&("t".to_string(), 0))
        .map(|committed| committed.offset.0)
}

/// Runs `change`, stopped before each of its steps in turn; `check` looks at what the next start finds.
fn stop_everywhere(
    change: impl Fn(&TopicRegistry, &GroupCoordinator) -> std::result::Result<(), ErrorCode>,
    check: impl Fn(&TopicRegistry, &GroupCoordinator, bool, &str),
) {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let ((), steps) = faults::record(|| change(&topics, &groups).unwrap());
    for stop in 0..=steps.len() {
        let before = steps.get(stop).map_or("the end", String::as_str);
        let folder = prepared();
        let (topics, groups) = open(folder.path()).unwrap();
        let done = faults::stop_after(stop, || change(&topics, &groups)).is_ok();
        drop((topics, groups));
        // And the start is stopped as well, at another place each time; at every one in `start_tests`.
        let _ = faults::stop_after(stop % 13, || open(folder.path()).map(drop));
        let (topics, groups) = open(folder.path()).unwrap();
        check(&topics, &groups, done, before);
    }
}

#[test]
fn a_commit_that_was_acknowledged_is_there() {
    stop_everywhere(
        |topics, groups| {
            commit(topics, groups, "g", 5)?;
            commit(topics, groups, "h", 7)
        },
        |_, groups, done, before| {
            let (g, h) = (committed(groups, "g"), committed(groups, "h"));
            assert!(!done || (g, h) == (Some(5), Some(7)), "stopped before {before}: {g:?} {h:?}");
            assert!(matches!(g, Some(3 | 5)) && matches!(h, None | Some(7)), "stopped before {before}: {g:?} {h:?}");
        },
    );
}

#[test]
fn the_log_is_made_small_without_losing_an_offset() {
    stop_everywhere(
        |topics, groups| {
            for offset in 0..9 {
                commit(topics, groups, "h", offset)?;
            }
            groups.compact_now(topics, 0, NOW).map_err(|error| error.code())?;
            let log = topics.find(offsets::TOPIC).unwrap();
            let bounds = log.partitions[0].bounds().unwrap();
            assert_eq!(bounds.log_end - bounds.log_start, 2, "one record for each group");
            Ok(())
        },
        |_, groups, done, before| {
            assert_eq!(committed(groups, "g"), Some(3), "stopped before {before}");
            let h = committed(groups, "h");
            assert!(h == Some(8) || !done, "stopped before {before}: {h:?}");
        },
    );
}

#[test]
fn offsets_go_with_their_topic_before_its_name_is_free() {
    stop_everywhere(
        |topics, groups| {
            let topic = topics.find("t").unwrap();
            topics.delete(&topic, || groups.forget_topic(&topic, NOW)).map_err(|error| error.code())?;
            topics.create("t", 1, Overrides::new(Scope::Topic)).map_err(|error| error.code()).map(drop)
        },
        |topics, groups, done, before| {
            let end = topics.find("t").map(|topic| topic.partitions[0].bounds().unwrap().log_end);
            let offset = committed(groups, "g");
            assert!(!done || (end == Some(Offset(0)) && offset.is_none()), "stopped before {before}");
            // The old topic with its offset, or neither: never an old offset on a new topic.
            assert!(offset.is_none() || end == Some(Offset(10)), "stopped before {before}: {offset:?} of {end:?}");
        },
    );
}

#[test]
fn a_group_is_deleted_with_its_offsets_or_not_at_all() {
    stop_everywhere(
        |topics, groups| {
            commit(topics, groups, "h", 7)?;
            groups.delete("g", NOW)
        },
        |_, groups, done, before| {
            let (g, h) = (committed(groups, "g"), committed(groups, "h"));
            assert!(!done || (g, h) == (None, Some(7)), "stopped before {before}: {g:?} {h:?}");
            assert!(matches!(g, Some(3) | None), "stopped before {before}: {g:?}");
            assert_eq!(groups.describe("g").unwrap().is_some(), g.is_some(), "stopped before {before}");
        },
    );
}

#[test]
fn what_was_deleted_is_on_the_disk_when_that_is_said() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    commit(&topics, &groups, "h", 7).unwrap();
    let (group, steps) = faults::record(|| groups.delete("g", NOW));
    assert!(group.is_ok() && steps.last().is_some_and(|step| step.starts_with("sync")), "{steps:?}");
    let (offsets, steps) = faults::record(|| groups.delete_offsets("h", &[("t".to_string(), 0)], NOW));
    assert!(offsets.is_ok() && steps.last().is_some_and(|step| step.starts_with("sync")), "{steps:?}");
}

#[test]
fn a_commit_flushes_the_data_that_it_points_past_first() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let partition = topics.find_partition("t", 0).unwrap();
    let mut batch = BatchBuilder::new().record(1, None, Some(b"v")).build();
    partition.append(&mut batch, 9, 1).unwrap();
    let ((), steps) = faults::record(|| commit(&topics, &groups, "g", 11).unwrap());
    let at = |step: &str| steps.iter().position(|taken| taken.starts_with(step)).unwrap_or(usize::MAX);
    assert_eq!(partition.checkpoint().unwrap().0, Offset(11), "{steps:?}");
    assert!(at("sync") < at("append"), "{steps:?}");
}

#[test]
fn offsets_expire_while_their_group_is_empty() {
    let folder = prepared();
    let (_topics, groups) = open(folder.path()).unwrap();
    let later = |ms| Now { monotonic_ms: NOW.monotonic_ms + ms, wall_ms: NOW.wall_ms + ms };
    groups.expire_offsets(later(RETENTION_MS - 1)).unwrap();
    assert_eq!(committed(&groups, "g"), Some(3));
    groups.expire_offsets(later(RETENTION_MS)).unwrap();
    assert_eq!(committed(&groups, "g"), None);
    groups.tick(later(RETENTION_MS));
    assert!(groups.list().unwrap().is_empty(), "and nothing of the group is left");
}

#[test]
fn groups_whose_offsets_cannot_be_read_are_not_served_and_the_broker_starts() {
    let folder = prepared();
    let path = folder.path().join("__consumer_offsets-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[16] = 9;
    std::fs::write(&path, &bytes).unwrap();
    let (topics, groups) = open(folder.path()).unwrap();
    let unavailable = ErrorCode::COORDINATOR_NOT_AVAILABLE;
    assert_eq!(
        groups.committed("g", false).unwrap_err().code(),
        unavailable,
        "no answer beats 'nothing was committed'"
    );
    assert_eq!(groups.ensure_log(&topics).unwrap_err().code(), unavailable);
    assert_eq!(commit(&topics, &groups, "g", 5), Err(unavailable));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_commit_to_a_topic_that_does_not_exist_is_refused_alone() {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let commit =
        |topic: &str, offset| Commit { topic: topic.to_string(), partition: 0, offset: Offset(offset), ..NOTHING };
    let results = groups.commit(&topics, "g", NOBODY, &[commit("gone", 1), commit("t", 9)], NOW);
    assert_eq!(results, [Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), Ok(())]);
    assert_eq!(committed(&groups, "g"), Some(9));
}
