//! Commits against the deletion of their topic, against each other and against the snapshot of the offsets log.

use std::sync::Arc;

use shuttle::thread;

use super::{append, explore, scratch};
use crate::base::{ErrorCode, Offset};
use crate::config::{Config, Overrides, Scope, Source};
use crate::group::crash_tests::{LIMITS, NOBODY, NOW};
use crate::group::{Commit, GroupCoordinator};
use crate::topic::TopicRegistry;

struct Broker {
    topics: TopicRegistry,
    groups: GroupCoordinator,
}

impl Broker {
    fn open(root: &std::path::Path) -> Broker {
        let mut config = Config::default();
        config.set("log.dirs", root.to_str().unwrap(), Source::CommandLine).unwrap();
        let topics = TopicRegistry::open(config).unwrap();
        let groups = GroupCoordinator::open(&topics, LIMITS, 60_000, NOW).unwrap();
        Broker { topics, groups }
    }

    /// With topic "t" of nine records, and the offsets topic.
    fn filled(root: &std::path::Path) -> Arc<Broker> {
        let broker = Broker::open(root);
        let topic = broker.topics.create("t", 1, Overrides::new(Scope::Topic)).unwrap();
        append(&topic.partitions[0], 9);
        broker.groups.ensure_log(&broker.topics).unwrap();
        Arc::new(broker)
    }

    fn commit(&self, group: &str, offset: i64) -> Result<(), ErrorCode> {
        let (topic, metadata) = ("t".to_string(), String::new());
        let (leader_epoch, expires_ms, refused) = (-1, None, None);
        let commit =
            Commit { topic, partition: 0, offset: Offset(offset), leader_epoch, metadata, expires_ms, refused };
        self.groups.commit(&self.topics, group, NOBODY, &[commit], NOW).remove(0)
    }

    fn committed(&self, group: &str) -> Option<i64> {
        let committed = self.groups.committed(group, false).unwrap();
        committed.get(&("t".to_string(), 0)).map(|committed| committed.offset.0)
    }

    fn delete_topic(&self) {
        let topic = self.topics.find("t").unwrap();
        self.topics.delete(&topic, || self.groups.forget_topic(&topic, NOW)).unwrap();
    }
}

#[test]
fn no_offset_of_a_deleted_topic_is_left_for_the_next_of_its_name() {
    explore(|| {
        let folder = scratch();
        let broker = Broker::filled(folder.path());
        let committer = |group: &'static str| {
            let broker = broker.clone();
            thread::spawn(move || {
                let committed = broker.commit(group, 7);
                assert!(matches!(committed, Ok(()) | Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)), "{committed:?}");
            })
        };
        let committers = [committer("g"), committer("h")];
        let deleter = broker.clone();
        let deleter = thread::spawn(move || deleter.delete_topic());
        let snapshot = broker.clone();
        let snapshot = thread::spawn(move || snapshot.groups.compact_now(&snapshot.topics, 0, NOW).unwrap());
        committers.into_iter().chain([deleter, snapshot]).for_each(|thread| thread.join().unwrap());
        broker.topics.create("t", 1, Overrides::new(Scope::Topic)).unwrap();
        assert_eq!((broker.committed("g"), broker.committed("h")), (None, None));
        drop(broker);
        let broker = Broker::open(folder.path());
        assert_eq!((broker.committed("g"), broker.committed("h")), (None, None), "after a kill");
    });
}

#[test]
fn a_commit_that_was_answered_is_in_the_snapshot_or_behind_it() {
    explore(|| {
        let folder = scratch();
        let broker = Broker::filled(folder.path());
        let committer = |group: &'static str| {
            let broker = broker.clone();
            thread::spawn(move || (1..=2).for_each(|offset| broker.commit(group, offset).unwrap()))
        };
        let committers = [committer("g"), committer("h"), committer("shared")];
        let snapshot = broker.clone();
        let snapshot = thread::spawn(move || snapshot.groups.compact_now(&snapshot.topics, 0, NOW).unwrap());
        committers.into_iter().chain([snapshot]).for_each(|thread| thread.join().unwrap());
        let all = |broker: &Broker| ["g", "h", "shared"].map(|group| broker.committed(group));
        assert_eq!(all(&broker), [Some(2); 3]);
        drop(broker);
        assert_eq!(all(&Broker::open(folder.path())), [Some(2); 3], "after a kill");
    });
}
