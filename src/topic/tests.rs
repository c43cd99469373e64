//! The crash-order table of ARCHITECTURE.md, row by row: the process is stopped between every two steps, and started again.
//!
//! | row | stopped between every two steps in |
//! |---|---|
//! | create topic, more partitions | `a_topic_is_created_whole_or_not_at_all`, `a_topic_of_many_partitions_...`, `a_topic_gets_all_its_new_partitions_or_none` |
//! | change configs | `a_config_that_was_changed_holds_at_once_and_after_a_crash_or_not_at_all` |
//! | delete topic | `a_deleted_topic_never_comes_back_and_its_name_is_free`; with its offsets: `group/crash_tests.rs`, `offsets_go_with_their_topic_before_its_name_is_free` |
//! | append, roll | `order_tests.rs`, `what_was_appended_over_rolls_is_there_in_order`; `log/tests.rs`, `a_roll_that_is_stopped_...`, `a_start_that_is_stopped_...` |
//! | log start, retention, cap | `a_log_start_that_was_acknowledged_never_goes_back`; `retention_tests.rs`; `partition/producer_tests.rs`, `what_is_known_of_a_producer_outlives_...` |
//! | commit offsets | `group/crash_tests.rs`, `a_commit_that_was_acknowledged_is_there` |
//! | offsets log made small | `group/crash_tests.rs`, `the_log_is_made_small_without_losing_an_offset` |
//! | leader epoch | `order_tests.rs`, `no_two_starts_append_under_the_same_leader_epoch` |
//! | producer ids | `a_producer_id_is_never_given_out_twice` |
//! | clean stop | `a_clean_stop_is_clean_or_recovered_from` |
//! | the start itself | every row here, and all leftovers at once: `group/start_tests.rs`; `log/recovery_tests.rs`, `a_start_that_tidies_up_...` |

use std::path::Path;

use super::*;
use crate::config::{Operation, Source};
use crate::faults;
use crate::record::BatchBuilder;

pub(super) fn open(root: &Path) -> Result<TopicRegistry> {
    let mut config = Config::default();
    config.set("log.dirs", root.to_str().unwrap(), Source::CommandLine).unwrap();
    TopicRegistry::open(config)
}

pub(super) fn produce(topic: &Topic, partition: usize, value: &[u8]) -> Result<Offset> {
    let mut batch = BatchBuilder::new().record(1, None, Some(value)).build();
    topic.partitions[partition].append(&mut batch, 9, 1).map(|appended| appended.first)
}

pub(super) fn end(registry: &TopicRegistry, name: &str, partition: i32) -> Offset {
    registry.find_partition(name, partition).unwrap().bounds().unwrap().log_end
}

pub(super) fn folders(root: &Path) -> Vec<String> {
    fs::list(root)
        .unwrap()
        .into_iter()
        .filter(|entry| entry.is_folder)
        .map(|entry| entry.name)
        .collect()
}

/// A directory with topic "old", one record in each of its two partitions, after a clean stop.
pub(super) fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).unwrap();
    let old = registry.create("old", 2, Overrides::new(Scope::Topic)).unwrap();
    (0..2).for_each(|partition| assert_eq!(produce(&old, partition, b"v").unwrap(), Offset(0)));
    registry.close().unwrap();
    folder
}

/// Runs `change` on a prepared directory, stopped before each of its steps in turn; `check` looks at what the next
/// start finds. Both starts are stopped between their steps as well.
pub(super) fn stop_everywhere(
    change: impl Fn(&TopicRegistry) -> Result<()>,
    check: impl Fn(&TopicRegistry, bool, &str),
) {
    let folder = prepared();
    let registry = open(folder.path()).unwrap();
    let ((), steps) = faults::record(|| change(&registry).unwrap());
    assert!(!steps.is_empty());
    for stop in 0..=steps.len() {
        let before = steps.get(stop).map_or("the end", String::as_str);
        let folder = prepared();
        let registry = open(folder.path()).unwrap();
        let done = faults::stop_after(stop, || change(&registry)).is_ok();
        drop(registry);
        stop_starts(folder.path(), before);
        let registry = open(folder.path()).unwrap_or_else(|error| panic!("stopped before {before}: {error}"));
        assert_eq!(end(&registry, "old", 1), Offset(1), "stopped before {before}");
        check(&registry, done, before);
    }
}

/// Stops a start after its first step, its second, ... until it gets through.
pub(super) fn stop_starts(root: &Path, before: &str) {
    let steps = {
        let twin = twin_of(root);
        faults::record(|| open(twin.path()).map(drop)).1
    };
    for stop in 0..steps.len() {
        match faults::stop_after(stop, || open(root).map(drop)) {
            // A step that belongs to one partition takes that partition offline, until the next start.
            Ok(()) | Err(Error::Storage { .. }) => {}
            Err(other) => panic!("stopped before {before}, then the start after {stop} steps: {other}"),
        }
    }
}

/// The same directory once more.
pub(crate) fn twin_of(root: &Path) -> tempfile::TempDir {
    let twin = tempfile::tempdir().unwrap();
    copy_folder(root, twin.path());
    twin
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_folder(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn after_a_failed_sync_of_the_registry_nothing_changes_and_every_partition_goes_on() {
    let folder = prepared();
    let registry = open(folder.path()).unwrap();
    let create = || registry.create("new", 2, Overrides::new(Scope::Topic)).map(drop);
    let (failed, reached) = faults::planned("sync@sendlog.registry:EIO:1", create);
    assert!(failed.is_err() && reached.faults == 1);
    let old = registry.find("old").unwrap();
    for _ in 0..2 {
        assert_eq!(create().unwrap_err().code(), ErrorCode::KAFKA_STORAGE_ERROR);
        assert!(registry.create_partitions("old", 3, false).is_err() && registry.delete(&old, || Ok(())).is_err());
    }
    assert_eq!(produce(&old, 0, b"v").unwrap(), Offset(1));
    drop(registry);
    let registry = open(folder.path()).unwrap();
    let new = registry.find("new").expect("its record was in the page cache");
    assert_eq!((produce(&new, 1, b"v").unwrap(), end(&registry, "old", 0)), (Offset(0), Offset(2)));
}

#[test]
fn a_topic_is_created_whole_or_not_at_all() {
    stop_everywhere(
        |registry| registry.create("new", 3, Overrides::new(Scope::Topic)).map(drop),
        |registry, done, before| {
            let created = registry.find("new");
            assert!(created.is_some() || !done, "acknowledged, and gone: stopped before {before}");
            let topic = created.unwrap_or_else(|| registry.create("new", 3, Overrides::new(Scope::Topic)).unwrap());
            for partition in 0..3 {
                assert_eq!(produce(&topic, partition, b"v").unwrap(), Offset(0), "stopped before {before}");
            }
        },
    );
}

#[test]
fn a_topic_of_many_partitions_is_created_whole_or_not_at_all() {
    stop_everywhere(
        |registry| registry.create("new", 6, Overrides::new(Scope::Topic)).map(drop),
        |registry, done, before| {
            assert!(registry.find("new").is_some() || !done, "acknowledged, and gone: stopped before {before}");
            let topic = registry.find_or_create("new").unwrap();
            assert_eq!(produce(&topic, 0, b"v").unwrap(), Offset(0), "stopped before {before}");
        },
    );
}

#[test]
fn a_topic_gets_all_its_new_partitions_or_none() {
    stop_everywhere(
        |registry| registry.create_partitions("old", 5, false),
        |registry, done, before| {
            let count = registry.find("old").unwrap().partitions.len();
            assert!(count == 5 || count == 2 && !done, "stopped before {before}: {count} partitions");
            if count == 2 {
                registry.create_partitions("old", 5, false).unwrap();
            }
            let topic = registry.find("old").unwrap();
            for partition in 2..5 {
                assert_eq!(produce(&topic, partition, b"v").unwrap(), Offset(0), "stopped before {before}");
            }
            assert_eq!(end(registry, "old", 0), Offset(1), "what was there stays");
        },
    );
}

#[test]
fn only_more_partitions_than_there_are_can_be_asked_for() {
    let folder = prepared();
    let registry = open(folder.path()).unwrap();
    for count in [-1, 0, 1, 2, PARTITION_COUNT_MAX + 1] {
        let error = registry.create_partitions("old", count, false).unwrap_err();
        assert_eq!(error.code(), ErrorCode::INVALID_PARTITIONS, "{count}");
    }
    let unknown = registry.create_partitions("nowhere", 3, false).unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    registry.create_partitions("old", 3, true).unwrap();
    assert_eq!(registry.find("old").unwrap().partitions.len(), 2, "only validated");
}

/// Sets one config of a topic, or with `None` takes it back.
fn alter(registry: &TopicRegistry, topic: &str, name: &str, value: Option<&str>) -> Result<()> {
    let change = |_: &Config, mut config: Overrides| {
        let operation = value.map_or(Operation::Delete, |value| Operation::Set(value.to_string()));
        config.apply(name, &operation, "").map_err(|why| Error::rejected(ErrorCode::INVALID_CONFIG, why))?;
        Ok(config)
    };
    registry.alter_topic(topic, change, false)
}

fn alter_broker(registry: &TopicRegistry, source: Source, name: &str, value: &str) -> Result<()> {
    let change = |_: &Config, mut config: Overrides| {
        config.set(name, value).map_err(|why| Error::rejected(ErrorCode::INVALID_CONFIG, why))?;
        Ok(config)
    };
    registry.alter_broker(source, change, false)
}

#[test]
fn a_config_that_was_changed_holds_at_once_and_after_a_crash_or_not_at_all() {
    let large = [b'x'; 200];
    stop_everywhere(
        |registry| {
            alter(registry, "old", "max.message.bytes", Some("150"))?;
            alter_broker(registry, Source::Dynamic, "log.retention.ms", "7000")
        },
        |registry, done, before| {
            let topic = registry.find("old").unwrap();
            let is_set = topic.config.get("max.message.bytes").is_some();
            assert!(is_set || !done, "acknowledged, and gone: stopped before {before}");
            assert_eq!(produce(&topic, 0, &large).is_err(), is_set, "stopped before {before}");
            let retention_ms = registry.config().int("log.retention.ms");
            assert!(retention_ms == 7000 || retention_ms == 604_800_000 && !done, "{before}: {retention_ms}");
        },
    );
}

#[test]
fn configs_take_effect_on_the_next_append() {
    let folder = prepared();
    let registry = open(folder.path()).unwrap();
    let old = registry.find("old").unwrap();
    let refused = |value: &[u8]| produce(&old, 0, value).err().map(|error| error.code());
    alter(&registry, "old", "max.message.bytes", Some("150")).unwrap();
    assert_eq!(refused(&[0; 200]), Some(ErrorCode::MESSAGE_TOO_LARGE));
    alter(&registry, "old", "max.message.bytes", None).unwrap();
    assert_eq!(refused(&[0; 200]), None);
    alter_broker(&registry, Source::DynamicDefault, "message.max.bytes", "150").unwrap();
    assert_eq!(refused(&[0; 200]), Some(ErrorCode::MESSAGE_TOO_LARGE));
    alter(&registry, "old", "max.message.bytes", Some("1000")).unwrap();
    assert_eq!(refused(&[0; 200]), None, "the topic's own value wins");
    alter(&registry, "old", "message.timestamp.type", Some("LogAppendTime")).unwrap();
    let mut batch = BatchBuilder::new().record(1, None, Some(b"v")).build();
    assert_eq!(old.partitions[0].append(&mut batch, 9, 42).unwrap().log_append_time_ms, 42);
}

#[test]
fn configs_that_cannot_be_are_refused_and_change_nothing() {
    let folder = prepared();
    let registry = open(folder.path()).unwrap();
    for (name, value) in [("retention.ms", "-2"), ("no.such.key", "1"), ("segment.bytes", "1000")] {
        assert_eq!(alter(&registry, "old", name, Some(value)).unwrap_err().code(), ErrorCode::INVALID_CONFIG, "{name}");
    }
    alter(&registry, "old", "min.compaction.lag.ms", Some("10")).unwrap();
    let both = alter(&registry, "old", "max.compaction.lag.ms", Some("9")).unwrap_err();
    assert_eq!(both.code(), ErrorCode::INVALID_CONFIG);
    let fixed = alter_broker(&registry, Source::Dynamic, "num.partitions", "3").unwrap_err();
    assert_eq!(fixed.code(), ErrorCode::INVALID_REQUEST);
    assert_eq!(registry.find("old").unwrap().config.iter().count(), 1);
    let unknown = alter(&registry, "nowhere", "retention.ms", Some("1")).unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn a_deleted_topic_never_comes_back_and_its_name_is_free() {
    let change = |registry: &TopicRegistry| {
        let victim = registry.create("victim", 2, Overrides::new(Scope::Topic))?;
        produce(&victim, 0, b"secret")?;
        registry.delete(&victim, || Ok(()))?;
        registry.create("victim", 1, Overrides::new(Scope::Topic))?;
        registry.remove_deleted(i64::MAX);
        Ok(())
    };
    stop_everywhere(change, |registry, done, before| {
        let again = registry.find("victim");
        assert!(again.is_some() || !done, "acknowledged, and gone: stopped before {before}");
        // One partition: the second topic of this name. Nothing of the first may be in it.
        if let Some(second) = again.filter(|topic| topic.partitions.len() == 1) {
            assert_eq!(end(registry, "victim", 0), Offset(0), "stopped before {before}");
            assert_eq!(produce(&second, 0, b"v").unwrap(), Offset(0), "stopped before {before}");
        }
    });
}

#[test]
fn a_clean_stop_is_clean_or_recovered_from() {
    let change = |registry: &TopicRegistry| {
        let old = registry.find("old").unwrap();
        produce(&old, 0, b"w")?;
        registry.close()
    };
    stop_everywhere(change, |registry, _, before| {
        let count = end(registry, "old", 0);
        assert!(count == Offset(2) || before.starts_with("append"), "stopped before {before}: end {count}");
    });
}

#[test]
fn a_log_start_that_was_acknowledged_never_goes_back() {
    let change = |registry: &TopicRegistry| {
        let old = registry.find_partition("old", 0)?;
        produce(&registry.find("old").unwrap(), 0, b"w")?;
        assert_eq!(registry.delete_records(&old, Offset(1))?, Offset(1));
        registry.remove_deleted(i64::MAX);
        Ok(())
    };
    stop_everywhere(change, |registry, done, before| {
        let bounds = registry.find_partition("old", 0).unwrap().bounds().unwrap();
        assert!(bounds.log_start == Offset(1) || !done, "stopped before {before}: {bounds:?}");
        assert!(bounds.log_end >= bounds.log_start, "stopped before {before}: {bounds:?}");
    });
}

#[test]
fn deleting_records_below_the_start_or_above_the_end_changes_nothing() {
    let folder = prepared();
    let registry = open(folder.path()).unwrap();
    let old = registry.find_partition("old", 0).unwrap();
    for offset in [2, -2] {
        let error = registry.delete_records(&old, Offset(offset)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    assert_eq!(registry.delete_records(&old, Offset(1)).unwrap(), Offset(1));
    assert_eq!(registry.delete_records(&old, Offset(0)).unwrap(), Offset(1));
    assert!(old.fetch(Offset(0), 1, true).is_err());
}

#[test]
fn a_producer_id_is_never_given_out_twice() {
    use std::cell::Cell;
    let largest = Cell::new(-1);
    stop_everywhere(
        |registry| {
            largest.set(-1);
            for _ in 0..1001 {
                largest.set(registry.next_producer_id()?);
            }
            Ok(())
        },
        |registry, _, before| {
            let next = registry.next_producer_id().unwrap();
            assert!(next > largest.get(), "stopped before {before}: {next} after {}", largest.get());
        },
    );
}

#[test]
fn the_leader_epoch_rises_with_each_unclean_start_and_stays_with_a_clean_one() {
    let folder = prepared();
    let epoch = |registry: &TopicRegistry| registry.find("old").unwrap().partitions[0].leader_epoch();
    let registry = open(folder.path()).unwrap();
    assert_eq!(epoch(&registry), 0, "a clean stop");
    drop(registry);
    let registry = open(folder.path()).unwrap();
    assert_eq!(epoch(&registry), 1, "a kill");
    produce(&registry.find("old").unwrap(), 0, b"w").unwrap();
    let new = registry.create("new", 1, Overrides::new(Scope::Topic)).unwrap();
    assert_eq!(new.partitions[0].leader_epoch(), 1, "a new topic starts at the broker's epoch");
    let old = registry.find_partition("old", 0).unwrap();
    assert_eq!(old.epoch_end(0).unwrap(), Some((0, Offset(1))));
    assert_eq!(old.epoch_end(1).unwrap(), Some((1, Offset(2))));
    registry.close().unwrap();
    drop(registry);
    std::fs::remove_file(folder.path().join("old-0/leader-epoch-checkpoint")).unwrap();
    let registry = open(folder.path()).unwrap();
    let old = registry.find_partition("old", 0).unwrap();
    assert_eq!(old.epoch_end(0).unwrap(), Some((0, Offset(1))), "rebuilt from the batch headers");
}

#[test]
fn what_does_not_belong_here_is_taken_out_of_the_way_and_kept() {
    let folder = prepared();
    let root = folder.path();
    let id = new_id();
    for name in ["stranger-0", "old-7", "__cluster_metadata-0", "lost+found"] {
        std::fs::create_dir(root.join(name)).unwrap();
    }
    partition_metadata::write(&root.join("stranger-0"), id).unwrap();
    let old = open(root).unwrap().find("old").unwrap().id;
    std::fs::rename(root.join(name::marked(&tp("old", 7), Uuid::ZERO, "stray")), root.join("old-7")).unwrap_or(());
    partition_metadata::write(&root.join("old-7"), old).unwrap();
    let registry = open(root).unwrap();
    assert_eq!(end(&registry, "old", 0), Offset(1));
    let stray = [name::marked(&tp("old", 7), old, "stray"), name::marked(&tp("stranger", 0), id, "stray")];
    let mut expected = ["__cluster_metadata-0", "lost+found", "old-0", "old-1"].map(str::to_string).to_vec();
    expected.extend(stray);
    expected.sort();
    assert_eq!(folders(root), expected);
}

fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.to_string(), partition }
}

#[test]
fn a_registered_partition_without_its_folder_is_offline_and_never_created_empty() {
    let folder = prepared();
    std::fs::rename(folder.path().join("old-0"), folder.path().join("moved-away")).unwrap();
    let registry = open(folder.path()).unwrap();
    let error = registry.find_partition("old", 0).unwrap().bounds().unwrap_err();
    assert_eq!(error.code(), ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(end(&registry, "old", 1), Offset(1), "its neighbour serves");
    assert!(!folder.path().join("old-0").exists());
    assert!(registry.close().is_err(), "no clean stop while a partition is offline");
    drop(registry);
    std::fs::rename(folder.path().join("moved-away"), folder.path().join("old-0")).unwrap();
    assert_eq!(end(&open(folder.path()).unwrap(), "old", 0), Offset(1), "put back, it serves again");
}

#[test]
fn a_topic_that_is_made_again_inherits_no_checkpoint() {
    let folder = prepared();
    let registry = open(folder.path()).unwrap();
    let old = registry.find("old").unwrap();
    produce(&old, 0, b"w").unwrap();
    registry.delete_records(&old.partitions[0], Offset(2)).unwrap();
    registry.write_checkpoints().unwrap();
    registry.delete(&old, || Ok(())).unwrap();
    let new = registry.create("old", 1, Overrides::new(Scope::Topic)).unwrap();
    produce(&new, 0, b"new").unwrap();
    drop(registry);
    let bounds = open(folder.path()).unwrap().find_partition("old", 0).unwrap().bounds().unwrap();
    assert_eq!((bounds.log_start, bounds.log_end), (Offset(0), Offset(1)));
}

#[test]
fn a_partition_that_is_offline_keeps_its_recovery_point_and_so_its_bytes() {
    let folder = prepared();
    let path = folder.path().join("old-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[16] = 9;
    std::fs::write(&path, &bytes).unwrap();
    for start in 1..4 {
        let registry = open(folder.path()).unwrap();
        assert!(registry.find_partition("old", 0).unwrap().is_offline(), "start {start}");
        registry.write_checkpoints().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "start {start}");
    }
}

#[test]
fn partitions_without_a_registry_refuse_the_start_and_nothing_is_renamed() {
    let folder = prepared();
    std::fs::remove_file(folder.path().join(registry_file::FILE_NAME)).unwrap();
    let before = folders(folder.path());
    assert!(matches!(open(folder.path()), Err(Error::Unusable { .. })));
    assert_eq!(folders(folder.path()), before);
}

#[test]
fn a_data_directory_belongs_to_one_process_and_one_node() {
    let folder = prepared();
    let first = open(folder.path()).unwrap();
    let error = open(folder.path()).map(drop).unwrap_err().to_string();
    assert!(error.contains("another process holds"), "{error}");
    drop(first);
    let mut config = Config::default();
    config.set("log.dirs", folder.path().to_str().unwrap(), Source::CommandLine).unwrap();
    config.set("node.id", "7", Source::CommandLine).unwrap();
    let error = TopicRegistry::open(config).map(drop).unwrap_err().to_string();
    assert!(error.contains("belongs to node.id 1"), "{error}");
}

#[test]
fn a_failed_create_leaves_the_name_free_or_taken_but_never_half() {
    let folder = prepared();
    let reopen = |registry| {
        drop(registry);
        open(folder.path()).unwrap()
    };
    let mut registry = open(folder.path()).unwrap();
    let (_, steps) = faults::record(|| registry.create("probe", 2, Overrides::new(Scope::Topic)).unwrap());
    for (fail, step) in steps.iter().enumerate() {
        let name = format!("new{fail}");
        let created = faults::fail_once_after(fail, || registry.create(&name, 2, Overrides::new(Scope::Topic)));
        assert_eq!(created.is_ok(), registry.find(&name).is_some(), "failed at {step}");
        if step == "sync sendlog.registry" {
            assert!(registry.create("other", 1, Overrides::new(Scope::Topic)).is_err(), "a failed sync is final");
            registry = reopen(registry);
        }
        let topic = registry.find_or_create(&name).unwrap();
        assert_eq!(produce(&topic, 0, b"v").unwrap(), Offset(0), "failed at {step}");
    }
    let names: Vec<_> = registry.all().iter().map(|topic| topic.name.clone()).collect();
    let registry = reopen(registry);
    let again: Vec<_> = registry.all().iter().map(|topic| topic.name.clone()).collect();
    assert_eq!(again, names);
    for name in again {
        registry.find_partition(&name, 0).unwrap().bounds().unwrap();
    }
}
