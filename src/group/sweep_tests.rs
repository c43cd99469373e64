//! The sweep: each scenario with the fault at its first file operation, its second, ... until the fault no longer fires.
//!
//! After each: the broker goes on without the fault, then it is killed or stopped, and starts again. What was acknowledged is
//! there at its offset, what was refused is not there, no other partition was disturbed, and a start is possible.

mod ledger;

use std::path::Path;

use super::crash_tests::{open, NOBODY, NOTHING, NOW};
use super::*;
use crate::base::TopicPartition;
use crate::config::{Overrides, Scope};
use crate::faults;
use crate::os::fs;
use crate::partition::{Incoming, Partition};
use crate::record::header::{self, BatchHeader, HEADER_SIZE};
use crate::record::records::Records;
use crate::record::BatchBuilder;

use ledger::{Answer, Ledger};
use offsets::TOPIC;

/// What goes wrong; the number of the call is put in.
const FAULTS: &[&str] = &[
    "any:EIO:#",
    "any:EIO:#+",
    "any:ENOSPC:#",
    "any:ENOSPC:#+",
    "opens:EMFILE:#",
    "opens:EMFILE:#+",
    "append:short:#",
    "append:short:#+",
    "write:short:#",
    "write:short:#+",
    "read:short:#",
    "read:short:#+",
    "sync:EIO:#",
];

/// A broker without sockets, and what was asked of it.
struct Bench {
    folder: tempfile::TempDir,
    world: Option<(TopicRegistry, GroupCoordinator)>,
    ledger: Ledger,
    sent: usize,
}

struct Scenario {
    /// Without a fault.
    prepare: fn(&mut Bench),
    /// With one.
    act: fn(&mut Bench),
    /// Whether a fault may take a partition offline that only a read has met, as at a start.
    is_start: bool,
}

impl Bench {
    /// Topics "t" (two partitions), "rolling" (a new segment with each third batch) and "other", in memory if there is a
    /// file system for that.
    fn new() -> Bench {
        let memory = Path::new("/dev/shm");
        let folder = match fs::is_folder(memory) {
            true => tempfile::tempdir_in(memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        let world = Some(open(folder.path()).unwrap());
        let mut bench = Bench { folder, world, ledger: Ledger::default(), sent: 0 };
        bench.create("t", 2, &[("retention.ms", "-1")]);
        bench.create("rolling", 1, &[("segment.ms", "15"), ("file.delete.delay.ms", "0")]);
        bench.create("other", 1, &[("retention.ms", "-1")]);
        for (topic, partition) in [("t", 0), ("t", 1), ("rolling", 0), ("other", 0)] {
            bench.produce(topic, partition, true);
        }
        bench.commit(1);
        bench
    }

    fn world(&self) -> &(TopicRegistry, GroupCoordinator) {
        self.world.as_ref().expect("a broker that runs")
    }

    fn next_value(&mut self, begin: &str) -> String {
        self.sent += 1;
        format!("{begin}-{}", self.sent)
    }

    fn create(&mut self, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
        let mut config = Overrides::new(Scope::Topic);
        configs.iter().for_each(|(name, value)| config.set(name, value).unwrap());
        let created = self.world().0.create(topic, partitions, config);
        let answer = if created.is_ok() { Answer::Done } else { Answer::Unknown };
        self.ledger.created(topic, partitions as usize, answer);
    }

    /// One batch; waits for a flush as acks=all does, or not.
    fn produce(&mut self, topic: &str, partition: i32, acks_all: bool) {
        let value = self.next_value("v");
        self.produce_all(topic, partition, acks_all, &[(value, None)]);
    }

    /// A pipeline of batches, each perhaps with a producer's id and sequence.
    fn produce_all(&mut self, topic: &str, partition: i32, acks_all: bool, values: &[(String, Option<(i64, i32)>)]) {
        let batch = |(value, producer): &(String, Option<(i64, i32)>)| {
            let builder = match producer {
                Some((id, sequence)) => BatchBuilder::new().producer(*id, 0, *sequence),
                None => BatchBuilder::new(),
            };
            let number: i64 = value.rsplit('-').next().unwrap().parse().unwrap();
            // What is early goes into the segment that is open.
            let timestamp_ms = if value.starts_with("early") { 1000 } else { 1000 + 10 * number };
            builder.record(timestamp_ms, None, Some(value.as_bytes())).build()
        };
        let mut batches: Vec<Vec<u8>> = values.iter().map(batch).collect();
        let partition = self.world().0.find_partition(topic, partition).unwrap();
        let incoming = batches.iter_mut().map(|bytes| Incoming { bytes, produce_version: 9 }).collect();
        let appended = partition.append_all(incoming, 1);
        for (appended, (value, _)) in appended.into_iter().zip(values) {
            let (offset, answer) = match appended {
                Err(_) => (-1, Answer::Refused),
                Ok(appended) if acks_all && partition.flush_to(appended.last + 1).is_err() => {
                    (appended.first.0, Answer::Unknown)
                }
                Ok(appended) => (appended.first.0, Answer::Done),
            };
            self.ledger.sent(partition.name(), value, offset, answer);
        }
    }

    fn commit(&mut self, offset: i64) {
        let (topics, groups) = self.world();
        let commit = Commit { topic: "t".to_string(), offset: Offset(offset), ..NOTHING };
        let answer = match groups.commit(topics, "g", NOBODY, &[commit], NOW).remove(0) {
            Ok(()) => Answer::Done,
            Err(_) => Answer::Unknown,
        };
        self.ledger.committed(offset, answer);
    }

    fn delete(&mut self, name: &str) {
        let (topics, groups) = self.world();
        let topic = topics.find(name).unwrap();
        let deleted = topics.delete(&topic, || groups.forget_topic(&topic, NOW));
        self.ledger.deleted(name, if deleted.is_ok() { Answer::Done } else { Answer::Unknown });
    }

    /// What the background thread does.
    fn tick(&self) {
        let (topics, groups) = self.world();
        topics.remove_deleted(i64::MAX);
        let _ = groups.compact_now(topics, 0, NOW);
        let all = topics.all();
        all.iter().flat_map(|topic| &topic.partitions).for_each(|partition| drop(partition.flush_all()));
        let _ = topics.write_checkpoints();
    }

    /// Ends as a process does that is killed: nothing is written any more.
    fn kill(&mut self) {
        self.world = None;
    }

    fn start(&mut self) {
        self.world = open(self.folder.path()).ok();
    }

    fn partitions(&self) -> Vec<Arc<Partition>> {
        self.world().0.all().iter().flat_map(|topic| topic.partitions.clone()).collect()
    }

    /// The broker goes on after a fault that is over: whoever did not go offline takes records.
    fn go_on(&mut self, scenario: &Scenario, fault: &str) {
        let is_final = scenario.is_start || fault.contains("EIO");
        for partition in self.partitions() {
            let name = partition.name().clone();
            let is_bystander = name.topic == "other" && !scenario.is_start;
            if partition.is_offline() {
                assert!(is_final && !is_bystander, "{name} went offline");
            } else if name.topic != TOPIC {
                let sent = self.ledger.open_values("").len();
                self.produce(&name.topic, name.partition, true);
                assert_eq!(self.ledger.open_values("").len(), sent, "{name} takes no record");
            }
        }
        let (topics, groups) = self.world();
        self.ledger.check(topics, groups, false);
        self.create_again();
    }

    /// A topic of a deleted one's name is another one: no record and no committed offset is left.
    fn create_again(&mut self) {
        let (topics, groups) = self.world();
        if !self.ledger.is_deleted("t") || topics.find("t").is_some() {
            return;
        }
        if let Ok(topic) = topics.create("t", 1, Overrides::new(Scope::Topic)) {
            assert_eq!(ledger::read_all(&topic.partitions[0]).unwrap(), []);
            assert!(groups.committed("g", false).unwrap_or_default().is_empty(), "offsets of the topic that went");
            self.ledger.created("t", 1, Answer::Done);
        }
    }
}

/// Runs a scenario under every fault at every call.
fn sweep(scenario: Scenario) {
    let mut runs = 0;
    for fault in FAULTS {
        for n in 1.. {
            let plan = fault.replace('#', &n.to_string());
            let fired = [false, true].map(|is_clean| {
                let context = format!("with {plan}, then a {} stop", if is_clean { "clean" } else { "killed" });
                let result = std::panic::catch_unwind(|| run(&scenario, &plan, is_clean));
                runs += 1;
                result.unwrap_or_else(|cause| {
                    eprintln!("this was {context}");
                    std::panic::resume_unwind(cause)
                })
            });
            if fired == [0, 0] {
                break;
            }
            assert!(n < 1000, "{fault} fires for ever");
        }
    }
    assert!(runs > 2 * FAULTS.len(), "the faults never fired");
}

/// How many faults fired.
fn run(scenario: &Scenario, plan: &str, is_clean: bool) -> u64 {
    let mut bench = Bench::new();
    (scenario.prepare)(&mut bench);
    let ((), reached) = faults::planned(plan, || (scenario.act)(&mut bench));
    if bench.world.is_some() {
        bench.go_on(scenario, plan);
        let is_whole = bench.partitions().iter().all(|partition| !partition.is_offline());
        if is_clean {
            let closed = bench.world().0.close();
            assert!(closed.is_ok() || !is_whole || plan.contains("EIO"), "no clean stop: {closed:?}");
        }
    }
    bench.kill();
    bench.start();
    assert!(bench.world.is_some(), "no start is possible");
    let offline: Vec<String> =
        bench.partitions().iter().filter(|one| one.is_offline()).map(|one| one.name().to_string()).collect();
    assert!(offline.is_empty(), "offline after a start without a fault: {offline:?}");
    let (topics, groups) = bench.world();
    bench.ledger.check(topics, groups, true);
    bench.create_again();
    for partition in bench.partitions().iter().map(|partition| partition.name().clone()) {
        if partition.topic != TOPIC && !bench.ledger.is_deleted(&partition.topic) {
            bench.produce(&partition.topic, partition.partition, true);
        }
    }
    bench.commit(1);
    let id = bench.world().0.next_producer_id().unwrap();
    bench.ledger.took(id);
    let (topics, groups) = bench.world();
    bench.ledger.check(topics, groups, true);
    assert!(
        bench.ledger.open_values("").is_empty() || reached.faults > 0,
        "a record was refused without a fault"
    );
    reached.faults
}

fn nothing(_: &mut Bench) {}

#[test]
fn produce() {
    let act = |bench: &mut Bench| {
        for acks_all in [false, true, false] {
            bench.produce("t", 0, acks_all);
            bench.produce("t", 1, acks_all);
        }
        let pipeline: Vec<_> = (0..4).map(|_| (bench.next_value("v"), None)).collect();
        bench.produce_all("t", 0, true, &pipeline);
    };
    sweep(Scenario { prepare: nothing, act, is_start: false });
}

/// What failed is sent again, with its sequence: it is there once.
#[test]
fn produce_with_idempotence() {
    fn send(bench: &mut Bench, values: &[(String, Option<(i64, i32)>)]) {
        for one in values {
            bench.produce_all("rolling", 0, true, std::slice::from_ref(one));
        }
    }
    let act = |bench: &mut Bench| {
        let values: Vec<_> = (0..5).map(|sequence| (bench.next_value("i"), Some((7, sequence)))).collect();
        send(bench, &values);
        // The first that failed, and those behind it, as a client does.
        let open = bench.ledger.open_values("i");
        if let Some(first) = values.iter().position(|(value, _)| open.contains(value)) {
            send(bench, &values[first..]);
        }
    };
    sweep(Scenario { prepare: nothing, act, is_start: false });
}

#[test]
fn roll() {
    let act = |bench: &mut Bench| {
        for n in 0..6 {
            bench.produce("rolling", 0, n % 2 == 0);
            let early = bench.next_value("early");
            bench.produce_all("rolling", 0, true, &[(early, None)]);
        }
        let pipeline: Vec<_> = (0..5).map(|_| (bench.next_value("v"), None)).collect();
        bench.produce_all("rolling", 0, true, &pipeline);
        bench.tick();
    };
    sweep(Scenario { prepare: nothing, act, is_start: false });
}

/// A start after a kill: records behind the recovery point, a torn tail, indexes that are not written.
#[test]
fn recover() {
    let prepare = |bench: &mut Bench| {
        (0..5).for_each(|_| bench.produce("rolling", 0, true));
        bench.tick();
        for n in 0..5 {
            bench.produce("rolling", 0, n < 3);
            bench.produce("t", 0, n < 3);
        }
        let torn = BatchBuilder::new().record(1, None, Some(b"torn")).build();
        let path = bench.folder.path().join("t-0/00000000000000000000.log");
        fs::append(&fs::open_append(&path).unwrap(), &path, &torn[..torn.len() - 3]).unwrap();
        bench.kill();
    };
    sweep(Scenario { prepare, act: Bench::start, is_start: true });
}

#[test]
fn start_after_a_clean_stop() {
    let prepare = |bench: &mut Bench| {
        (0..5).for_each(|_| bench.produce("rolling", 0, true));
        bench.world().0.close().unwrap();
        bench.kill();
    };
    sweep(Scenario { prepare, act: Bench::start, is_start: true });
}

#[test]
fn commit_offsets() {
    let act = |bench: &mut Bench| {
        bench.produce("t", 0, false);
        bench.commit(2);
        bench.produce("t", 0, false);
        bench.commit(3);
        let (topics, groups) = bench.world();
        let _ = groups.compact_now(topics, 0, NOW);
    };
    sweep(Scenario { prepare: nothing, act, is_start: false });
}

/// Tried again, as a client does.
#[test]
fn create_topic() {
    let act = |bench: &mut Bench| (0..3).for_each(|_| bench.create("new", 3, &[]));
    sweep(Scenario { prepare: nothing, act, is_start: false });
}

#[test]
fn create_partitions() {
    let act = |bench: &mut Bench| {
        if bench.world().0.create_partitions("t", 4, false).is_ok() {
            bench.ledger.created("t", 4, Answer::Done);
        }
    };
    sweep(Scenario { prepare: nothing, act, is_start: false });
}

/// Deleted, and created again under its name.
#[test]
fn delete_topic() {
    let act = |bench: &mut Bench| {
        bench.delete("t");
        bench.world().0.remove_deleted(i64::MAX);
    };
    sweep(Scenario { prepare: nothing, act, is_start: false });
}

#[test]
fn retention_and_deleted_records() {
    let prepare = |bench: &mut Bench| (0..8).for_each(|_| bench.produce("rolling", 0, true));
    let act = |bench: &mut Bench| {
        let (topics, _) = bench.world();
        let partition = topics.find_partition("rolling", 0).unwrap();
        for offset in [3, 5] {
            if topics.delete_records(&partition, Offset(offset)).is_ok() {
                assert!(partition.bounds().unwrap().log_start >= Offset(offset));
            }
            topics.remove_deleted(i64::MAX);
        }
        topics.apply_retention(NOW.wall_ms);
        topics.remove_deleted(i64::MAX);
    };
    sweep(Scenario { prepare, act, is_start: false });
}

#[test]
fn producer_ids() {
    let act = |bench: &mut Bench| {
        for _ in 0..1500 {
            if let Ok(id) = bench.world().0.next_producer_id() {
                bench.ledger.took(id);
            }
        }
    };
    sweep(Scenario { prepare: nothing, act, is_start: false });
}

#[test]
fn clean_stop() {
    let prepare = |bench: &mut Bench| {
        (0..3).for_each(|_| bench.produce("rolling", 0, false));
    };
    let act = |bench: &mut Bench| {
        let _ = bench.world().0.close();
        bench.kill();
    };
    sweep(Scenario { prepare, act, is_start: false });
}
