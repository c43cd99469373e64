//! The checkpoints, which several threads write, and the clean stop, after which nothing may be missing.

use std::path::Path;
use std::sync::Arc;

use shuttle::thread;

use super::{append, batch, explore, scratch};
use crate::base::Offset;
use crate::config::{Config, Overrides, Scope, Source};
use crate::topic::TopicRegistry;

fn open(root: &Path) -> TopicRegistry {
    let mut config = Config::default();
    config.set("log.dirs", root.to_str().unwrap(), Source::CommandLine).unwrap();
    TopicRegistry::open(config).unwrap()
}

#[test]
fn a_log_start_that_was_acknowledged_is_in_the_checkpoint_whoever_else_writes_it() {
    explore(|| {
        let folder = scratch();
        let registry = Arc::new(open(folder.path()));
        let topic = registry.create("t", 2, Overrides::new(Scope::Topic)).unwrap();
        for partition in &topic.partitions {
            append(partition, 3);
        }
        let deleter = |number: usize| {
            let (registry, partition) = (registry.clone(), topic.partitions[number].clone());
            thread::spawn(move || assert_eq!(registry.delete_records(&partition, Offset(2)).unwrap(), Offset(2)))
        };
        let deleters = [deleter(0), deleter(1)];
        let writer = registry.clone();
        let writer = thread::spawn(move || writer.write_checkpoints().unwrap());
        deleters.into_iter().chain([writer]).for_each(|thread| thread.join().unwrap());
        drop((registry, topic));
        let registry = open(folder.path());
        for partition in &registry.find("t").unwrap().partitions {
            let bounds = partition.bounds().unwrap();
            assert_eq!((bounds.log_start, bounds.log_end), (Offset(2), Offset(3)), "{}", partition.name());
        }
    });
}

#[test]
fn a_stop_is_clean_or_it_is_not_but_nothing_that_was_answered_is_missing() {
    explore(|| {
        let folder = scratch();
        let registry = Arc::new(open(folder.path()));
        let topic = registry.create("t", 1, Overrides::new(Scope::Topic)).unwrap();
        let epoch = topic.partitions[0].leader_epoch();
        let late = || {
            let partition = topic.partitions[0].clone();
            thread::spawn(move || {
                let flushed = |offset| partition.flush_to(offset).map(|()| 1);
                let answered = |_| partition.append(&mut batch(), 9, 0).and_then(|appended| flushed(appended.last + 1));
                (0..2).map(answered).map(|answered| answered.unwrap_or(0)).sum::<i64>()
            })
        };
        let producers = [late(), late()];
        let stopper = registry.clone();
        let stopper = thread::spawn(move || stopper.close().is_ok());
        let answered: i64 = producers.into_iter().map(|producer| producer.join().unwrap()).sum();
        let is_clean = stopper.join().unwrap();
        drop((registry, topic));
        let registry = open(folder.path());
        let partition = registry.find_partition("t", 0).unwrap();
        assert!(partition.bounds().unwrap().log_end >= Offset(answered), "clean: {is_clean}, {answered} answered");
        assert_eq!(partition.leader_epoch() == epoch, is_clean, "another epoch after an unclean stop alone");
    });
}
