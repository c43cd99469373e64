//! Timestamps that a topic does not take: `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`.

mod broker;

use std::time::{SystemTime, UNIX_EPOCH};

use broker::client::Client;
use broker::Broker;
use sendlog::base::ErrorCode;
use sendlog::record::BatchBuilder;
use sendlog::wire::messages::describe_configs::TOPIC;
use sendlog::wire::messages::produce::PartitionProduceResponse;

const HOUR: i64 = 3_600_000;
const REFUSED: &str = "One or more records have been rejected due to invalid timestamp";

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A record for each timestamp.
fn batch(timestamps_ms: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    timestamps_ms.iter().for_each(|ms| builder.push(*ms, Some(b"k"), Some(b"v")));
    builder.build()
}

fn produce(client: &mut Client, topic: &str, timestamps_ms: &[i64]) -> PartitionProduceResponse {
    client.try_produce(9, -1, topic, 0, &batch(timestamps_ms))
}

fn assert_taken(client: &mut Client, topic: &str, timestamps_ms: &[i64]) {
    let answer = produce(client, topic, timestamps_ms);
    assert!(answer.error_code.is_none(), "{topic}, {timestamps_ms:?}: {answer:?}");
}

/// The batch is refused, and these of its records are named.
fn assert_refused(client: &mut Client, topic: &str, timestamps_ms: &[i64], records: &[i32]) {
    let answer = produce(client, topic, timestamps_ms);
    assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::INVALID_TIMESTAMP, -1), "{topic}: {answer:?}");
    assert_eq!(answer.error_message.as_deref(), Some(REFUSED));
    let named: Vec<i32> = answer.record_errors.iter().map(|record| record.batch_index).collect();
    assert_eq!(named, records, "{topic}, {timestamps_ms:?}");
    for record in &answer.record_errors {
        let why = record.batch_index_error_message.as_deref().unwrap_or_default();
        let timestamp_ms = timestamps_ms[record.batch_index as usize];
        assert!(why.contains(&format!("Timestamp {timestamp_ms} of message with offset")), "{why}");
    }
}

#[test]
fn what_lies_too_far_ahead_or_too_far_back_is_refused_whole_and_stores_nothing() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("default", 1);
    client.create_with("narrow", 1, &[("message.timestamp.before.max.ms", "3600000")]);
    let now = now_ms();
    assert_taken(&mut client, "default", &[0, 1, now, now + HOUR / 2]);
    assert_refused(&mut client, "default", &[now, now + 2 * HOUR], &[1]);
    assert_refused(&mut client, "narrow", &[now - 2 * HOUR, now], &[0]);
    assert_taken(&mut client, "narrow", &[now - HOUR / 2, -1]);
    assert_taken(&mut client, "narrow", &[-1, -1]);
    assert_eq!((client.bounds("default", 0), client.bounds("narrow", 0)), ((0, 4), (0, 4)));
}

#[test]
fn the_header_is_asked_and_with_batch_check_records_each_record() {
    let hidden = |now| [now, now - 2 * HOUR];
    for (check, is_seen) in [("header", false), ("records", true)] {
        let broker = Broker::with(&["--set", &format!("batch.check={check}")]);
        let mut client = broker.connect();
        client.create_with("demo", 1, &[("message.timestamp.before.max.ms", "3600000")]);
        match is_seen {
            true => assert_refused(&mut client, "demo", &hidden(now_ms()), &[1]),
            false => assert_taken(&mut client, "demo", &hidden(now_ms())),
        }
    }
}

#[test]
fn the_range_changes_while_the_broker_runs_and_means_nothing_with_log_append_time() {
    let broker = Broker::with(&["--set", "log.message.timestamp.after.max.ms=1000000000"]);
    let mut client = broker.connect();
    let ahead = now_ms() + 100 * HOUR;
    client.create("broker", 1);
    client.create_with("topic", 1, &[("message.timestamp.after.max.ms", "0")]);
    let configs = [("message.timestamp.type", "LogAppendTime"), ("message.timestamp.after.max.ms", "0")];
    client.create_with("stamped", 1, &configs);
    assert_taken(&mut client, "broker", &[ahead]);
    assert_refused(&mut client, "topic", &[ahead], &[0]);
    assert_taken(&mut client, "stamped", &[ahead]);
    let after = ("message.timestamp.after.max.ms", "9223372036854775807");
    assert_eq!(client.set_config(TOPIC, "topic", after.0, after.1).0, ErrorCode::NONE);
    assert_taken(&mut client, "topic", &[ahead]);
}

#[test]
fn records_without_a_timestamp_age_by_their_file_and_the_log_says_so_once() {
    let broker = Broker::with(&["--set", "log.retention.check.interval.ms=20"]);
    let mut client = broker.connect();
    client.create_with("demo", 1, &[("retention.ms", "1")]);
    assert_taken(&mut client, "demo", &[-1]);
    let line = broker.wait_for_line("segment_without_age");
    assert!(line.contains("demo-0/00000000000000000000.log"), "{line}");
    broker.wait_for_line("retention partition=demo-0 log_start=1");
    let count = broker.log().iter().filter(|line| line.contains("segment_without_age")).count();
    assert_eq!(count, 1, "{:#?}", broker.log());
}
