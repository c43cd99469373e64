//! Files that change while the broker is down, below what it knows to be on the disk: the partition goes offline with
//! an error for its clients and a line for its owner, nothing in it is touched, and all others are served.

mod broker;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker::client::{batch, batch_of_size, Client};
use broker::member::commit_request;
use broker::{tree, until, Broker};
use sendlog::base::ErrorCode;
use sendlog::record::BatchBuilder;
use sendlog::wire::messages::list_offsets::LATEST;
use sendlog::wire::messages::offset_fetch::OffsetFetchRequestGroup;
use sendlog::wire::messages::OffsetFetchRequest;
use tempfile::TempDir;

const STORAGE: ErrorCode = ErrorCode::KAFKA_STORAGE_ERROR;

/// The data of a broker that stopped cleanly: 20 batches of one record in each of two partitions.
fn stopped() -> Arc<TempDir> {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    (0..2).for_each(|partition| client.fill("demo", partition, 20, 1000));
    broker.stop()
}

fn folder(data: &TempDir, partition: i32) -> PathBuf {
    data.path().join(format!("data/demo-{partition}"))
}

fn log_of(data: &TempDir, partition: i32) -> PathBuf {
    folder(data, partition).join("00000000000000000000.log")
}

/// Each file below with its bytes.
fn contents(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = tree(root).into_iter().filter(|path| root.join(path).is_file());
    files.map(|path| (path.clone(), std::fs::read(root.join(path)).unwrap())).collect()
}

fn assert_offline(client: &mut Client, partition: i32) {
    let produced = client.try_produce(9, -1, "demo", partition, &batch(&["a"]));
    assert_eq!(produced.error_code, STORAGE, "produce");
    assert_eq!(client.fetch("demo", partition, 0).error(), STORAGE, "fetch");
    assert_eq!(client.list_offset("demo", partition, LATEST).error_code, STORAGE, "list offsets");
    assert_eq!(client.list_offset("demo", partition, 0).error_code, STORAGE, "list offsets by timestamp");
    assert_eq!(client.topic("demo").partitions[partition as usize].offline_replicas, [1], "metadata");
}

/// Damages partition 0 of a stopped broker's data: it is offline in two starts and stays as it is, the other one works.
fn assert_damage_is_noticed(damage: impl Fn(&TempDir), says: &str) {
    let mut data = stopped();
    damage(&data);
    let before = contents(&folder(&data, 0));
    for offset in [20, 21] {
        let broker = Broker::on(data, &[]);
        let line = broker.wait_for_line("partition_offline partition=demo-0 OFFLINE");
        assert!(line.contains(says), "no {says:?} in {line:?}");
        let is_of_a_log = line.contains(".log: ");
        let names_all =
            line.contains("byte ") && line.contains("`sendlog dump-log /") && line.contains("nothing was changed");
        assert!(!is_of_a_log || names_all, "file, byte and what shows more: {line:?}");
        let mut client = broker.connect();
        assert_offline(&mut client, 0);
        assert_eq!(client.produce("demo", 1, &batch(&["a"])), offset, "the other partition is served");
        assert_eq!(client.fetch("demo", 1, offset).read(), [(offset, "a".to_string())]);
        data = broker.kill();
        assert_eq!(contents(&folder(&data, 0)), before, "nothing in the damaged partition was changed");
    }
}

fn change(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_batch_header_that_is_none_takes_its_partition_offline() {
    // The last batch: the part of the log that a clean start looks at.
    assert_damage_is_noticed(|data| change(&log_of(data, 0), |bytes| bytes[19_016] = 1), "offset 19");
}

#[test]
fn a_log_that_became_shorter_takes_its_partition_offline() {
    for bytes_left in [0, 10, 1000, 19_000, 19_999] {
        let damage = |data: &TempDir| change(&log_of(data, 0), |bytes| bytes.truncate(bytes_left));
        assert_damage_is_noticed(damage, "demo-0");
    }
}

#[test]
fn a_log_file_that_is_gone_takes_its_partition_offline() {
    assert_damage_is_noticed(|data| std::fs::remove_file(log_of(data, 0)).unwrap(), "demo-0");
}

#[test]
fn a_folder_that_lost_its_topic_id_takes_its_partition_offline() {
    let damage = |data: &TempDir| std::fs::remove_file(folder(data, 0).join("partition.metadata")).unwrap();
    assert_damage_is_noticed(damage, "topic id");
}

#[test]
fn a_folder_that_is_gone_is_not_made_anew() {
    let data = stopped();
    std::fs::rename(folder(&data, 0), data.path().join("elsewhere")).unwrap();
    let broker = Broker::on(data, &[]);
    broker.wait_for_line("partition_offline partition=demo-0 OFFLINE");
    assert_offline(&mut broker.connect(), 0);
    let data = broker.kill();
    assert!(!folder(&data, 0).exists());
    // When it is back, so is the partition.
    std::fs::rename(data.path().join("elsewhere"), folder(&data, 0)).unwrap();
    assert_eq!(Broker::on(data, &[]).connect().bounds("demo", 0), (0, 20));
}

#[test]
fn damage_that_a_start_does_not_look_for_is_noticed_when_it_is_read() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    for timestamp_ms in 0..20 {
        // Rising timestamps: the indexes' last entries, which a clean start checks, both speak of the end.
        let batch = BatchBuilder::new().record(timestamp_ms, None, Some(&[b'x'; 1000])).build();
        (0..2).for_each(|partition| assert_eq!(client.produce("demo", partition, &batch), timestamp_ms));
    }
    let data = broker.stop();
    let size = std::fs::metadata(log_of(&data, 0)).unwrap().len() as usize / 20;
    change(&log_of(&data, 0), |bytes| bytes[7 * size + 16] = 1);
    let broker = Broker::on(data, &[]);
    assert!(
        !broker.log().iter().any(|line| line.contains(" WARN ") || line.contains(" ERROR ")),
        "{:#?}",
        broker.log()
    );
    let mut client = broker.connect();
    assert_eq!(client.fetch("demo", 0, 7).error(), STORAGE);
    let line = broker.wait_for_line("partition_offline partition=demo-0 OFFLINE");
    assert!(line.contains("offset 7"), "{line}");
    assert_offline(&mut client, 0);
    assert_eq!(client.bounds("demo", 1), (0, 20));
}

#[test]
fn lost_or_damaged_indexes_are_made_anew() {
    let mut data = stopped();
    for file in ["index", "timeindex"] {
        let path = folder(&data, 0).join(format!("00000000000000000000.{file}"));
        let good = std::fs::read(&path).unwrap();
        assert!(!good.is_empty());
        let damaged = [vec![], good[..5].to_vec(), vec![0xff; good.len()], [&good[..], &[0; 4096]].concat()];
        for bytes in damaged {
            std::fs::write(&path, bytes).unwrap();
            let broker = Broker::on(data, &[]);
            let mut client = broker.connect();
            for offset in 0..20 {
                assert_eq!(client.fetch("demo", 0, offset).read()[0].0, offset, "{file}");
            }
            assert_eq!(client.list_offset("demo", 0, 1000).offset, 0, "{file}");
            data = broker.stop();
        }
        std::fs::remove_file(&path).unwrap();
        let broker = Broker::on(data, &[]);
        assert_eq!(broker.connect().fetch("demo", 0, 7).read()[0].0, 7, "{file}");
        data = broker.stop();
        assert_eq!(std::fs::read(&path).unwrap(), good, "{file}");
    }
}

#[test]
fn an_offline_partition_keeps_its_recovery_point_so_that_no_later_start_cuts_it() {
    let mut data = stopped();
    change(&log_of(&data, 0), |bytes| bytes[19_016] = 1);
    let damaged = std::fs::read(log_of(&data, 0)).unwrap();
    for offset in [20, 21] {
        let broker = Broker::on(data, &["--set", "log.flush.offset.checkpoint.interval.ms=1000"]);
        let mut client = broker.connect();
        assert_offline(&mut client, 0);
        client.produce("demo", 1, &batch(&["a"]));
        let checkpoint = broker.folder().join("recovery-point-offset-checkpoint");
        let expected = format!("demo 1 {}\n", offset + 1);
        let text = until("a checkpoint is written", || {
            std::fs::read_to_string(&checkpoint).ok().filter(|text| text.contains(&expected))
        });
        assert!(text.contains("demo 0 20\n"), "{text}");
        data = broker.kill();
        assert_eq!(std::fs::read(log_of(&data, 0)).unwrap(), damaged);
    }
}

#[test]
fn with_an_offline_partition_a_stop_is_not_clean_but_the_others_lose_nothing() {
    let data = stopped();
    std::fs::remove_file(log_of(&data, 0)).unwrap();
    let broker = Broker::on(data, &[]);
    let mut client = broker.connect();
    client.produce("demo", 1, &batch_of_size(1000));
    broker.signal("TERM");
    let ended = broker.ended();
    assert_eq!(ended.status.code(), Some(1), "{:#?}", ended.stderr);
    let root = ended.data.path().join("data");
    assert!(!root.join(".kafka_cleanshutdown").exists());
    let points = std::fs::read_to_string(root.join("recovery-point-offset-checkpoint")).unwrap();
    assert!(points.contains("demo 1 21\n"), "the next start has little to read: {points}");
    let broker = Broker::on(ended.data, &[]);
    let line = broker.wait_for_line("the last stop was not clean");
    assert!(line.contains("1 offline"), "{line}");
    assert_eq!(broker.connect().bounds("demo", 1), (0, 21));
}

/// A start unlinks segments below the log start: by a number that a flipped bit has raised it must not.
#[test]
fn damaged_log_starts_delete_nothing() {
    let broker = Broker::start();
    let mut client = broker.connect();
    assert!(client.create_with("demo", 1, &[("segment.ms", "1000")]).error_code.is_none());
    for timestamp_ms in (0..20_000).step_by(500) {
        client.produce("demo", 0, &BatchBuilder::new().record(timestamp_ms, None, Some(b"v")).build());
    }
    assert_eq!(client.delete_records("demo", 0, 2), (ErrorCode::NONE, 2));
    let mut data = broker.stop();
    let path = data.path().join("data/log-start-offset-checkpoint");
    let crc_path = data.path().join("data/log-start-offset-checkpoint.crc");
    let [good, crc] = [&path, &crc_path].map(|path| std::fs::read(path).unwrap());
    assert_eq!(good, b"0\n1\ndemo 0 2\n");
    let damages: [&[u8]; 3] = [b"0\n1\ndemo 0 9\n", b"", b"0\n1\ndemo 0 99\n"];
    for damaged in damages {
        std::fs::write(&path, damaged).unwrap();
        std::fs::write(&crc_path, &crc).unwrap();
        let broker = Broker::on(data, &[]);
        broker.wait_for_line("checkpoint_ignored");
        let (start, end) = broker.connect().bounds("demo", 0);
        assert!(start <= 2 && end == 40, "{start} to {end}");
        data = broker.stop();
    }
    // Without a checksum the file is believed, as Kafka's is.
    std::fs::write(&path, &good).unwrap();
    std::fs::remove_file(&crc_path).unwrap();
    assert_eq!(Broker::on(data, &[]).connect().bounds("demo", 0), (2, 40));
}

/// The broker itself is the client of the offsets log: nobody else would notice that a committed offset has changed.
#[test]
fn a_committed_offset_that_has_changed_is_not_served() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let answer = client.call(8, commit_request("group", &[("demo", 0, 6)]));
    assert!(answer.topics[0].partitions[0].error_code.is_none());
    let data = broker.stop();
    let log = data.path().join("data/__consumer_offsets-0/00000000000000000000.log");
    // Behind the offset's last byte: leader epoch, empty metadata, timestamp, no headers.
    change(&log, |bytes| *bytes.iter_mut().rev().nth(4 + 2 + 8 + 1).unwrap() ^= 1);
    let broker = Broker::on(data, &[]);
    assert!(broker.wait_for_line("groups_offline").contains("CRC"));
    let asked = OffsetFetchRequestGroup { group_id: "group".to_string(), topics: None };
    let request = OffsetFetchRequest { groups: vec![asked], ..Default::default() };
    assert_eq!(broker.connect().call(8, request).groups[0].error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
}
