//! Deleting records moves the start of a log, for everybody and for good; offsets stay as they were.

mod broker;

use broker::client::{batch, fetch_request, Client};
use broker::{until, Broker};
use sendlog::base::ErrorCode;
use sendlog::record::header;
use sendlog::wire::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic, HIGH_WATERMARK};
use sendlog::wire::messages::list_offsets::EARLIEST;
use sendlog::wire::messages::{DeleteRecordsRequest, FetchRequest};

const NONE: ErrorCode = ErrorCode::NONE;

/// A topic with ten batches of two records.
fn with_records(arguments: &[&str]) -> (Broker, Client) {
    let broker = Broker::with(arguments);
    let mut client = broker.connect();
    client.create("demo", 2);
    (0..10).for_each(|_| assert!(client.produce("demo", 0, &batch(&["a", "b"])) >= 0));
    (broker, client)
}

#[test]
fn what_lies_below_is_gone_and_the_rest_keeps_its_offsets() {
    for mode in ["acks", "os", "always"] {
        let (broker, mut client) = with_records(&["--set", &format!("flush.mode={mode}")]);
        assert_eq!(client.delete_records("demo", 0, 7), (NONE, 7), "{mode}");
        assert_begins_at_7(&broker, 20);
        assert_begins_at_7(&Broker::on(broker.kill(), &[]), 21);
    }
}

fn assert_begins_at_7(broker: &Broker, end: i64) {
    let mut client = broker.connect();
    assert_eq!(client.bounds("demo", 0), (7, end));
    assert_eq!(client.fetch("demo", 0, 6).error(), ErrorCode::OFFSET_OUT_OF_RANGE);
    let fetched = client.fetch("demo", 0, 7);
    assert_eq!((fetched.data.log_start_offset, fetched.read()[0].0), (7, 6), "a batch is never cut in two");
    assert_eq!(client.list_offset("demo", 0, 0).offset, 7, "no timestamp leads below the start");
    assert_eq!(client.produce("demo", 0, &batch(&["next"])), end);
}

#[test]
fn the_start_never_goes_back_and_never_beyond_the_end() {
    let (_broker, mut client) = with_records(&[]);
    let out = (ErrorCode::OFFSET_OUT_OF_RANGE, -1);
    for (offset, expected) in [
        (0, (NONE, 0)),
        (5, (NONE, 5)),
        (3, (NONE, 5)),
        (21, out),
        (-2, out),
        (i64::MAX, out),
        (20, (NONE, 20)),
        (HIGH_WATERMARK, (NONE, 20)),
    ] {
        assert_eq!(client.delete_records("demo", 0, offset), expected, "offset {offset}");
    }
    assert_eq!(client.bounds("demo", 0), (20, 20));
    assert_eq!(client.produce("demo", 0, &batch(&["next"])), 20);
    assert_eq!(client.list_offset("demo", 0, EARLIEST).offset, 20);
}

#[test]
fn each_partition_is_answered_for_itself_in_every_version() {
    let (_broker, mut client) = with_records(&[]);
    let at = |partition_index, offset| DeleteRecordsPartition { partition_index, offset };
    for version in 0..=2 {
        let partitions = vec![at(0, i64::from(version) + 1), at(1, 1), at(2, 0), at(-1, 0)];
        let topics = vec![
            DeleteRecordsTopic { name: "demo".to_string(), partitions },
            DeleteRecordsTopic { name: "unknown".to_string(), partitions: vec![at(0, 0)] },
        ];
        let response = client.call(version, DeleteRecordsRequest { topics, ..Default::default() });
        let results = response.topics.iter().flat_map(|topic| &topic.partitions);
        let found: Vec<_> = results.map(|one| (one.error_code, one.low_watermark)).collect();
        let unknown = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1);
        let beyond = (ErrorCode::OFFSET_OUT_OF_RANGE, -1);
        assert_eq!(found, [(NONE, i64::from(version) + 1), beyond, unknown, unknown, unknown], "version {version}");
    }
}

#[test]
fn segments_below_the_start_leave_the_disk_while_a_reader_still_gets_them() {
    let broker = Broker::with(&["--set", "log.segment.delete.delay.ms=0"]);
    let (mut client, mut slow) = (broker.connect(), broker.connect());
    client.create_with("demo", 1, &[("segment.bytes", "1048576")]);
    client.fill("demo", 0, 12, 500_000);
    client.create_with("large", 1, &[("segment.bytes", "100000000")]);
    client.fill("large", 0, 25, 1_000_000);
    slow.send(12, fetch_request(&[("large", 0, 0)]));
    assert_eq!(slow.socket.peek(&mut [0]).unwrap(), 1, "the answer has begun, and is more than sockets hold");
    assert_eq!(client.delete_records("demo", 0, 7), (NONE, 7));
    assert_eq!(client.delete_records("large", 0, 25), (NONE, 25));
    until("the files are unlinked", || {
        let names = std::fs::read_dir(broker.folder().join("demo-0")).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let mut logs: Vec<_> = names.iter().filter(|name| name.contains(".log")).collect();
        logs.sort();
        (logs == ["00000000000000000006.log", "00000000000000000008.log", "00000000000000000010.log"]).then_some(())
    });
    assert_eq!(client.fetch("demo", 0, 7).read()[0].0, 7);
    assert_eq!(slow.receive_fetched(12)[0].records.len(), 25_000_000);
}

#[test]
fn no_timestamp_leads_below_the_start_also_where_the_broker_cannot_look_inside() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("compressed", 1);
    let mut compressed = batch(&["a", "b", "c", "d"]);
    compressed[22] = 2;
    header::stamp_crc(&mut compressed);
    client.create_with("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]);
    for (topic, batch) in [("compressed", compressed), ("stamped", batch(&["a", "b", "c", "d"]))] {
        client.produce(topic, 0, &batch);
        assert_eq!(client.delete_records(topic, 0, 2), (NONE, 2));
        assert_eq!(client.list_offset(topic, 0, 0).offset, 2, "{topic}");
        assert_eq!(client.fetch(topic, 0, 2).error(), NONE, "{topic}");
    }
}

#[test]
fn a_fetch_that_waits_below_the_new_start_is_told_so() {
    let broker = Broker::with(&["--set", "log.requests=true"]);
    let (mut client, mut consumer) = (broker.connect(), broker.connect());
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a"]));
    let patient = FetchRequest { max_wait_ms: 300_000, min_bytes: 10_000, ..fetch_request(&[("demo", 0, 0)]) };
    consumer.send(12, patient);
    broker.wait_for_line(&format!("client={} Fetch", consumer.name()));
    assert_eq!(client.delete_records("demo", 0, 1), (NONE, 1));
    client.produce("demo", 0, &batch(&["b"]));
    assert_eq!(consumer.receive_fetched(12)[0].error(), ErrorCode::OFFSET_OUT_OF_RANGE);
}
