//! The mirror: topics of one broker are copied into another, byte for byte, and followed; over kills of either side, until
//! the source is not the one any more that was copied, or the mirror is ended.
//!
//! `SENDLOG_MIRROR_KILLS=200` is the long mode of the loop of kills, `SENDLOG_SEED` another order of them.

mod broker;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use broker::client::{batch, Client};
use broker::{command, scratch, until, Broker};
use sendlog::base::ErrorCode;
use sendlog::record::header;
use sendlog::record::BatchHeader;
use sendlog::wire::messages::create_partitions::CreatePartitionsTopic;
use sendlog::wire::messages::describe_configs::{DescribeConfigsResource, BROKER, TOPIC};
use sendlog::wire::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use sendlog::wire::messages::{
    CreatePartitionsRequest, DescribeConfigsRequest, OffsetCommitRequest, OffsetFetchRequest,
};
use tempfile::TempDir;

/// Nobody asks for metrics, whose port two brokers on one machine would share.
const QUIET: &[&str] = &["--set", "admin.listener="];

fn start() -> Broker {
    Broker::with(QUIET)
}

/// Registers the mirror, as `sendlog mirror` does.
fn mirror(copy: &Broker, source: &Broker) -> Client {
    let mut client = copy.connect();
    let set = client.set_config(BROKER, "1", "mirror.from", &source.address.to_string());
    assert_eq!(set, (ErrorCode::NONE, String::new()));
    client
}

fn stop(client: &mut Client) {
    assert_eq!(client.set_config(BROKER, "1", "mirror.from", ""), (ErrorCode::NONE, String::new()));
}

fn configs(client: &mut Client, resource_type: i8, name: &str) -> BTreeMap<String, String> {
    let resource = DescribeConfigsResource { resource_type, resource_name: name.to_string(), configuration_keys: None };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let configs = client.call(4, request).results.remove(0).configs;
    configs.into_iter().map(|config| (config.name, config.value.unwrap_or_default())).collect()
}

/// What the broker says of its mirror under this name; nothing as long as none runs.
fn said(client: &mut Client, name: &str) -> String {
    configs(client, BROKER, "1").remove(name).unwrap_or_default()
}

/// Waits until the broker says this of a partition whose copying has ended.
fn wait_until_stopped(client: &mut Client, partition: &str, why: &str) {
    let mut said = String::new();
    until(&format!("{partition} stops: {why}"), || {
        said = configs(client, BROKER, "1").remove("mirror.stopped")?;
        said.lines().any(|line| line.starts_with(&format!("{partition}: "))).then_some(())
    });
    assert!(said.contains(why), "{said}");
}

fn log_bytes(data: &Path, partition: &str) -> Vec<u8> {
    let entries = std::fs::read_dir(data.join(partition)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|suffix| suffix == "log"));
    paths.sort();
    paths.iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
}

fn catch_up(there: &mut Client, source: &mut Client, partitions: &[(&str, i32)]) {
    for (topic, partition) in partitions {
        let end = source.bounds(topic, *partition).1;
        until(&format!("{topic}-{partition} is copied up to {end}"), || {
            let found = there.list_offset(topic, *partition, -1);
            (found.error_code.is_none() && found.offset == end).then_some(())
        });
    }
}

#[test]
fn topics_are_copied_byte_for_byte_followed_and_set_free() {
    let (source, copy) = (start(), start());
    let mut client = source.connect();
    client.create("orders", 2);
    (0..20).for_each(|n| assert!(client.produce("orders", n % 2, &batch(&["a", "b", "c"])) >= 0));
    let mut there = mirror(&copy, &source);
    catch_up(&mut there, &mut client, &[("orders", 0), ("orders", 1)]);
    (0..20).for_each(|n| assert!(client.produce("orders", n % 2, &batch(&["later"])) >= 0));
    client.create("made-later", 1);
    client.produce("made-later", 0, &batch(&["x"]));
    catch_up(&mut there, &mut client, &[("orders", 0), ("orders", 1), ("made-later", 0)]);
    for partition in ["orders-0", "orders-1", "made-later-0"] {
        assert_eq!(log_bytes(&source.folder(), partition), log_bytes(&copy.folder(), partition), "{partition}");
    }
    assert_eq!(client.topic("orders").topic_id, there.topic("orders").topic_id, "the same id");
    until("it follows", || (said(&mut there, "mirror.state") == "following").then_some(()));
    assert_eq!(configs(&mut there, BROKER, "1")["mirror.lag.records"], "0");

    // Nobody else changes a copy, also not after a restart.
    let copy = Broker::on(copy.kill(), QUIET);
    let mut there = copy.connect();
    let refused = there.try_produce(9, -1, "orders", 0, &batch(&["mine"]));
    assert_eq!(refused.error_code, ErrorCode::POLICY_VIOLATION);
    assert!(refused.error_message.unwrap().contains("the topic orders is a mirror of another cluster's"));
    let more = CreatePartitionsTopic { name: "orders".to_string(), count: 5, assignments: None };
    let request = CreatePartitionsRequest { topics: vec![more], ..Default::default() };
    assert_eq!(there.call(2, request).results[0].error_code, ErrorCode::POLICY_VIOLATION);
    client.produce("orders", 0, &batch(&["and on"]));
    catch_up(&mut there, &mut client, &[("orders", 0)]);

    stop(&mut there);
    let end = there.bounds("orders", 0).1;
    assert_eq!(there.produce("orders", 0, &batch(&["mine"])), end);
    assert!(!configs(&mut there, BROKER, "1").contains_key("mirror.state"), "there is no mirror any more");
    let copy = Broker::on(copy.kill(), QUIET);
    assert_eq!(copy.connect().bounds("orders", 0).1, end + 1);

    // What was not touched since may be followed again; what was is another topic now.
    let mut there = mirror(&copy, &source);
    client.produce("orders", 1, &batch(&["again"]));
    client.produce("made-later", 0, &batch(&["again"]));
    catch_up(&mut there, &mut client, &[("made-later", 0)]);
    until("it says why not", || {
        said(&mut there, "mirror.troubles")
            .contains("orders: a topic of that name is here already")
            .then_some(())
    });
    assert_eq!(there.bounds("orders", 0).1, end + 1);
    drop((copy, source));
}

/// Offsets of a group for partition 0 of a topic.
fn commit(client: &mut Client, group: &str, topic: &str, offset: i64) {
    let partition = OffsetCommitRequestPartition {
        committed_offset: offset,
        committed_metadata: Some("note".to_string()),
        ..Default::default()
    };
    let topics = vec![OffsetCommitRequestTopic { name: topic.to_string(), partitions: vec![partition] }];
    let answer = client.call(8, OffsetCommitRequest { group_id: group.to_string(), topics, ..Default::default() });
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
}

fn committed(client: &mut Client, group: &str) -> Vec<(String, i64)> {
    let answer = client.call(
        7,
        OffsetFetchRequest { group_id: group.to_string(), topics: None, groups: vec![], require_stable: false },
    );
    let topics = answer.topics.into_iter();
    topics.map(|topic| (topic.name, topic.partitions[0].committed_offset)).collect()
}

#[test]
fn configs_and_committed_offsets_come_along_as_far_as_patterns_say() {
    let (source, copy) = (start(), start());
    let mut client = source.connect();
    let created = client.create_with("orders", 1, &[("retention.ms", "5000000"), ("segment.bytes", "1048576")]);
    assert!(created.error_code.is_none());
    client.create("other", 1);
    client.fill("orders", 0, 8, 400_000);
    for (group, topic) in [("billing", "orders"), ("billing", "other"), ("private", "orders")] {
        commit(&mut client, group, topic, if topic == "orders" { 5 } else { 0 });
    }
    let mut there = copy.connect();
    for (key, value) in [("mirror.topics", "ord*"), ("mirror.groups", "bill*,x")] {
        assert_eq!(there.set_config(BROKER, "1", key, value).0, ErrorCode::NONE);
    }
    let mut there = mirror(&copy, &source);
    until("the offsets come", || {
        (committed(&mut there, "billing") == [("orders".to_string(), 5)]).then_some(())
    });
    assert_eq!(there.topic("other").error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(configs(&mut there, TOPIC, "orders")["retention.ms"], "5000000");
    let segments = |broker: &Broker| {
        let names = broker::tree(&broker.folder().join("orders-0"));
        names
            .into_iter()
            .filter(|name| name.extension().is_some_and(|suffix| suffix == "log"))
            .collect::<Vec<_>>()
    };
    catch_up(&mut there, &mut client, &[("orders", 0)]);
    assert!(segments(&source).len() > 2);
    assert_eq!(segments(&source), segments(&copy), "the same size of segments, the same files");
    client.set_config(TOPIC, "orders", "retention.ms", "6000000");
    commit(&mut client, "billing", "orders", 7);
    until("changes follow", || {
        let retention = configs(&mut there, TOPIC, "orders").remove("retention.ms");
        (retention.as_deref() == Some("6000000") && committed(&mut there, "billing")[0].1 == 7).then_some(())
    });
    assert_eq!(committed(&mut there, "private"), []);
    let refused = there.set_config(BROKER, "1", "mirror.from", "no-port");
    assert_eq!(refused.0, ErrorCode::INVALID_REQUEST);
    assert!(refused.1.contains("HOST:PORT"), "{}", refused.1);
}

#[test]
fn the_log_start_follows_and_what_the_source_has_lost_is_left_out() {
    let (source, copy) = (start(), start());
    let mut client = source.connect();
    client.create("t", 2);
    (0..4).for_each(|_| assert!(client.produce("t", 0, &batch(&["a", "b", "c"])) >= 0));
    client.produce("t", 1, &batch(&["gone"]));
    // In the middle of a batch, and at the very end.
    assert_eq!(client.delete_records("t", 0, 4).0, ErrorCode::NONE);
    assert_eq!(client.delete_records("t", 1, -1).0, ErrorCode::NONE);
    let mut there = mirror(&copy, &source);
    let follow = |there: &mut Client, client: &mut Client| {
        for partition in 0..2 {
            let bounds = client.bounds("t", partition);
            until("bounds are the source's", || {
                let is_there = there.list_offset("t", partition, -1).error_code.is_none();
                (is_there && there.bounds("t", partition) == bounds).then_some(())
            });
            assert_eq!(
                there.fetch("t", partition, bounds.0).records,
                client.fetch("t", partition, bounds.0).records,
                "partition {partition}"
            );
        }
    };
    follow(&mut there, &mut client);
    client.produce("t", 0, &batch(&["d"]));
    client.produce("t", 1, &batch(&["first"]));
    assert_eq!(client.delete_records("t", 0, 8).0, ErrorCode::NONE);
    follow(&mut there, &mut client);
    let copy = Broker::on(copy.kill(), QUIET);
    let mut there = copy.connect();
    follow(&mut there, &mut client);
    client.produce("t", 1, &batch(&["second"]));
    follow(&mut there, &mut client);
}

/// Changes the batches of a partition while nobody serves it; the indexes are made anew.
fn rewrite(data: &TempDir, partition: &str, change: impl Fn(i64, Vec<u8>) -> Option<Vec<u8>>) {
    let folder = data.path().join("data").join(partition);
    let path = folder.join("00000000000000000000.log");
    let bytes = std::fs::read(&path).unwrap();
    let (mut rest, mut changed) = (bytes.as_slice(), Vec::new());
    while let Some(found) = BatchHeader::parse(rest) {
        let (one, after) = rest.split_at(found.size().unwrap() as usize);
        changed.extend(change(found.base_offset.0, one.to_vec()).unwrap_or_default());
        rest = after;
    }
    std::fs::write(&path, changed).unwrap();
    for suffix in ["index", "timeindex"] {
        std::fs::remove_file(path.with_extension(suffix)).unwrap();
    }
}

#[test]
fn gaps_are_copied_and_a_transactional_batch_stops_one_partition_by_name() {
    let source = start();
    let mut client = source.connect();
    client.create("t", 2);
    (0..12).for_each(|n| assert!(client.produce("t", n % 2, &batch(&["a", "b"])) >= 0));
    let data = source.stop();
    // As compaction leaves it; and as a transactional producer does.
    rewrite(&data, "t-0", |offset, one| (![0, 4, 6].contains(&offset)).then_some(one));
    rewrite(&data, "t-1", |offset, mut one| {
        one[22] |= if offset == 6 { 0x10 } else { 0 };
        header::stamp_crc(&mut one);
        Some(one)
    });
    let (source, copy) = (Broker::on(data, QUIET), start());
    let mut client = source.connect();
    let mut there = mirror(&copy, &source);
    catch_up(&mut there, &mut client, &[("t", 0)]);
    wait_until_stopped(&mut there, "t-1", "a transactional batch at offset 6, and transactions are not implemented");
    assert_eq!(there.bounds("t", 1), (0, 6));
    assert_eq!(log_bytes(&source.folder(), "t-0"), log_bytes(&copy.folder(), "t-0"));
    let copy = Broker::on(copy.kill(), QUIET);
    assert_eq!(log_bytes(&source.folder(), "t-0"), log_bytes(&copy.folder(), "t-0"), "a gap is no loss");
    let mut there = copy.connect();
    client.produce("t", 0, &batch(&["on"]));
    catch_up(&mut there, &mut client, &[("t", 0)]);
    assert_eq!(there.fetch("t", 0, 4).read()[0].0, 8, "behind the gap");
    stop(&mut there);
    assert_eq!(there.produce("t", 1, &batch(&["mine"])), 6);
    let copy = Broker::on(copy.kill(), QUIET);
    assert_eq!((copy.connect().bounds("t", 0).1, copy.connect().bounds("t", 1).1), (13, 7));
}

#[test]
fn a_source_that_went_back_in_time_stops_what_it_concerns() {
    let (source, copy) = (start(), start());
    let mut client = source.connect();
    ["cut", "made-again", "deleted", "fine"].into_iter().for_each(|topic| client.create(topic, 1));
    for topic in ["cut", "made-again", "deleted", "fine"] {
        (0..3).for_each(|_| assert!(client.try_produce(9, 1, topic, 0, &batch(&["a"])).error_code.is_none()));
    }
    let mut there = mirror(&copy, &source);
    catch_up(&mut there, &mut client, &[("cut", 0), ("made-again", 0), ("deleted", 0), ("fine", 0)]);
    for topic in ["made-again", "deleted"] {
        assert_eq!(client.delete(topic), ErrorCode::NONE);
    }
    client.create("made-again", 1);
    (0..9).for_each(|_| assert!(client.produce("made-again", 0, &batch(&["other"])) >= 0));
    wait_until_stopped(&mut there, "made-again-0", "the source has deleted");
    wait_until_stopped(&mut there, "deleted-0", "the source has deleted its topic");
    assert_eq!(there.bounds("made-again", 0), (0, 3), "nothing of the other topic was taken");

    // A power cut takes what was not flushed: the log is shorter, and the next epoch begins.
    let data = source.kill();
    let path = data.path().join("data/cut-0/00000000000000000000.log");
    let size = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(size - 10).unwrap();
    let source = Broker::on(data, QUIET);
    let mut client = source.connect();
    client.produce("cut", 0, &batch(&["another history"]));
    client.produce("cut", 0, &batch(&["another history"]));
    let mut there = mirror(&copy, &source);
    wait_until_stopped(&mut there, "cut-0", "the source went back in time: its leader epoch 0 ends at offset 2");
    client.produce("fine", 0, &batch(&["an election alone is none"]));
    catch_up(&mut there, &mut client, &[("fine", 0)]);
    assert_eq!(there.bounds("cut", 0), (0, 3));
    let other = start();
    let mut there = mirror(&copy, &other);
    until("another cluster is refused", || {
        said(&mut there, "mirror.troubles").contains("the copies here come from cluster").then_some(())
    });
}

/// A port that a broker may come back to: none of those that the system picks from.
fn fixed_port() -> u16 {
    let first = 20_000 + (std::process::id() % 8_000) as u16;
    (first..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn serve(data: Arc<TempDir>, port: u16) -> Broker {
    let folder = data.path().join("data");
    let address = format!("127.0.0.1:{port}");
    let arguments = ["--listen", &address, "--data", folder.to_str().unwrap(), "--set", "admin.listener="];
    Broker::run(data.clone(), &arguments)
}

#[test]
fn kills_of_either_side_leave_identical_logs() {
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (kills, seed) = (number("SENDLOG_MIRROR_KILLS", 5), number("SENDLOG_SEED", 1));
    let mut state = seed;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    let port = fixed_port();
    let (mut source, mut copy) = (serve(Arc::new(scratch()), port), start());
    let segment_bytes = ("segment.bytes", "1048576");
    assert!(source.connect().create_with("t", 3, &[segment_bytes]).error_code.is_none());
    mirror(&copy, &source);
    let (mut of_source, mut of_copy) = (0, 0);
    for _ in 0..kills {
        let mut client = source.connect();
        for _ in 0..1 + random(40) {
            let one = batch(&[&"x".repeat(random(30_000) as usize)]);
            client.produce("t", random(3) as i32, &one);
        }
        match random(2) {
            0 => (source, of_source) = (serve(source.kill(), port), of_source + 1),
            _ => (copy, of_copy) = (Broker::on(copy.kill(), QUIET), of_copy + 1),
        }
    }
    let (mut client, mut there) = (source.connect(), copy.connect());
    catch_up(&mut there, &mut client, &[("t", 0), ("t", 1), ("t", 2)]);
    for partition in ["t-0", "t-1", "t-2"] {
        let bytes = log_bytes(&source.folder(), partition);
        assert!(bytes == log_bytes(&copy.folder(), partition), "{partition} (seed {seed})");
        assert!(!bytes.is_empty());
    }
    let epoch = |client: &mut Client| client.topic("t").partitions[0].leader_epoch;
    until("it is raised to the source's", || (epoch(&mut there) >= epoch(&mut client)).then_some(()));
    println!("{of_source} kills of the source, {of_copy} of the copy, seed {seed}");
}

#[test]
fn the_command_registers_shows_and_ends_it() {
    let (source, copy) = (start(), start());
    let mut client = source.connect();
    client.create("orders", 1);
    client.fill("orders", 0, 50, 10_000);
    let folder = scratch();
    let run = |arguments: &str| {
        let words: Vec<String> = arguments.split(' ').map(str::to_string).collect();
        let address = copy.address.to_string();
        let mut all = vec!["mirror"];
        all.extend(words.iter().map(String::as_str));
        all.extend(["--bootstrap-server", address.as_str()]);
        let mut command: Command = command(&folder, &all);
        let ended = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
    };
    let nothing = run("--exit");
    assert_eq!((nothing.0, nothing.2.as_str()), (1, "sendlog: no mirror is registered; give --from HOST:PORT\n"));
    let (code, out, err) = run(&format!("--from {} --exit", source.address));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let last = out.lines().last().unwrap();
    assert!(last.contains("following, partitions 1, lag 0 records, copied 0.5 MB"), "{last}");
    assert_eq!(copy.connect().bounds("orders", 0), (0, 50));
    copy.connect().create("in-the-way", 1);
    client.create("in-the-way", 1);
    until("it is said", || {
        let (code, _, err) = run("--exit");
        (code == 1 && err.contains("sendlog: in-the-way: a topic of that name is here already")).then_some(())
    });
    let (code, out, _) = run("--stop");
    assert_eq!((code, out.contains("has ended: clients may produce")), (0, true), "{out}");
    assert_eq!(copy.connect().produce("orders", 0, &batch(&["mine"])), 50);
    assert_eq!(run("--stop").1, "there was no mirror\n");
    assert_eq!(run("--stop --exit").0, 2);
    assert_eq!(run("--topics x").0, 2);
}
