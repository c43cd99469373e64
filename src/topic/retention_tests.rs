//! Retention on real files: what goes, what stays, and what a crash in between leaves.

use super::tests::{open, stop_everywhere};
use super::*;
use crate::record::BatchBuilder;

const DAY: i64 = 86_400_000;
/// Timestamps of this test are around here: before today, whenever that is.
const LONG_AGO: i64 = 1_000_000_000_000;

/// A topic with one partition, where each batch begins a segment: batches of 100 bytes, a day between them.
fn filled(
    registry: &TopicRegistry,
    name: &str,
    configs: &[(&str, &str)],
    timestamps_ms: &[i64],
) -> Result<Arc<Partition>> {
    let mut config = Overrides::new(Scope::Topic);
    let any_time = ("message.timestamp.after.max.ms", "9223372036854775807");
    for (key, value) in [&[("segment.ms", "1"), any_time], configs].concat() {
        config.set(key, value).unwrap();
    }
    let topic = registry.create(name, 1, config)?;
    for timestamp_ms in timestamps_ms {
        let mut batch = BatchBuilder::new().record(*timestamp_ms, Some(b""), Some(&[b'x'; 32])).build();
        assert_eq!(batch.len(), 100);
        topic.partitions[0].append(&mut batch, 9, LONG_AGO)?;
    }
    Ok(topic.partitions[0].clone())
}

fn days(count: i64) -> Vec<i64> {
    (0..count).map(|day| LONG_AGO + day * DAY).collect()
}

fn start_and_end(partition: &Partition) -> (i64, i64) {
    let bounds = partition.bounds().unwrap();
    (bounds.log_start.0, bounds.log_end.0)
}

/// The log files that are not about to be unlinked.
fn segments(registry: &TopicRegistry, name: &str) -> usize {
    let folder = registry.root().join(format!("{name}-0"));
    fs::list(&folder).unwrap().iter().filter(|entry| entry.name.ends_with(".log")).count()
}

#[test]
fn the_oldest_segments_go_by_age_and_by_size() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).unwrap();
    let four_days = (4 * DAY).to_string();
    for (name, configs, start) in [
        ("by-age", vec![("retention.ms", four_days.as_str())], 6),
        ("by-size", vec![("retention.ms", "-1"), ("retention.bytes", "250")], 7),
        ("by-both", vec![("retention.ms", four_days.as_str()), ("retention.bytes", "250")], 7),
        ("for-ever", vec![("retention.ms", "-1")], 0),
        ("all-too-old", vec![("retention.ms", "1")], 10),
        ("compacted", vec![("retention.ms", "1"), ("cleanup.policy", "compact")], 0),
    ] {
        let partition = filled(&registry, name, &configs, &days(10)).unwrap();
        registry.apply_retention(LONG_AGO + 9 * DAY + DAY / 2);
        assert_eq!(start_and_end(&partition), (start, 10), "{name}");
        assert_eq!(segments(&registry, name) as i64, (10 - start).max(1), "{name}");
        registry.apply_retention(LONG_AGO + 9 * DAY + DAY / 2);
        assert_eq!(start_and_end(&partition), (start, 10), "{name}, again");
    }
}

#[test]
fn an_old_record_behind_a_young_one_waits_and_a_late_one_keeps_its_segment() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).unwrap();
    let mixed = [0, 5, 1, 6].map(|day| LONG_AGO + day * DAY);
    let partition = filled(&registry, "mixed", &[("retention.ms", &(3 * DAY).to_string())], &mixed).unwrap();
    registry.apply_retention(LONG_AGO + 7 * DAY);
    assert_eq!(start_and_end(&partition).0, 1, "the log is cut at one end only");
}

#[test]
fn a_timestamp_that_tells_no_age_leaves_it_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).unwrap();
    let written_ms = fs::modified_ms(folder.path()).unwrap();
    let timestamps_ms = [-1, written_ms + 1000 * DAY, written_ms];
    let partition = filled(&registry, "odd", &[("retention.ms", &DAY.to_string())], &timestamps_ms).unwrap();
    registry.apply_retention(written_ms + DAY / 2);
    assert_eq!(start_and_end(&partition).0, 0, "written half a day ago");
    registry.apply_retention(written_ms + 2 * DAY);
    assert_eq!(start_and_end(&partition).0, 3, "written two days ago");
}

#[test]
fn deleted_files_stay_for_file_delete_delay_ms() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).unwrap();
    let configs = [("retention.ms", "1"), ("file.delete.delay.ms", "5000")];
    filled(&registry, "demo", &configs, &days(3)).unwrap();
    registry.apply_retention(LONG_AGO + 100 * DAY);
    let deleted = || fs::list(&folder.path().join("demo-0")).unwrap();
    let deleted = || deleted().iter().filter(|entry| entry.name.ends_with(".deleted")).count();
    assert_eq!(deleted(), 9, "three segments of three files");
    for (now_ms, left) in [(100, 9), (5099, 9), (5100, 0)] {
        registry.remove_deleted(now_ms);
        assert_eq!(deleted(), left, "at {now_ms}");
    }
}

#[test]
fn retention_is_done_or_not_wherever_it_is_stopped() {
    stop_everywhere(
        |registry| {
            filled(registry, "demo", &[("retention.ms", "1")], &days(3))?;
            registry.apply_retention(LONG_AGO + 100 * DAY);
            registry.remove_deleted(i64::MAX);
            Ok(())
        },
        |registry, _, before| {
            let Some(topic) = registry.find("demo") else { return };
            let (start, end) = start_and_end(&topic.partitions[0]);
            assert!(start <= end && end <= 3, "stopped before {before}: {start}..{end}");
            assert!(start == 0 || start == end, "stopped before {before}: {start}..{end}");
            let mut batch = BatchBuilder::new().record(LONG_AGO, None, Some(b"v")).build();
            let next = topic.partitions[0].append(&mut batch, 9, 1).unwrap();
            assert_eq!(next.first, Offset(end), "stopped before {before}");
        },
    );
}

#[test]
fn a_cap_is_taken_into_use_and_makes_room_wherever_it_is_stopped() {
    let cap = |_: &Config, mut overrides: Overrides| {
        // The least that is taken: the closed segments have to go.
        for (key, value) in [("message.max.bytes", "1000"), ("log.dirs.max.bytes", "232376")] {
            overrides.set(key, value).unwrap();
        }
        Ok(overrides)
    };
    stop_everywhere(
        |registry| {
            filled(registry, "demo", &[("retention.ms", "-1")], &days(3))?;
            registry.alter_broker(Source::Dynamic, cap, false)?;
            assert!(registry.make_room(1, 1000).is_some());
            Ok(())
        },
        |registry, done, before| {
            let is_capped = registry.make_room(0, 0).is_some();
            assert!(is_capped || !done, "acknowledged, and gone: stopped before {before}");
            let Some(topic) = registry.find("demo") else { return };
            let (start, end) = start_and_end(&topic.partitions[0]);
            assert!(end <= 3 && start <= end, "stopped before {before}: {start}..{end}");
            assert_eq!(start >= 2, is_capped, "stopped before {before}: {start}..{end}");
            let mut batch = BatchBuilder::new().record(LONG_AGO, None, Some(b"v")).build();
            let next = topic.partitions[0].append(&mut batch, 9, 1).unwrap();
            assert_eq!(next.first, Offset(end), "stopped before {before}");
        },
    );
}
