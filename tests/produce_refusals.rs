//! What a produce request may not hold: each flaw gets Kafka's error code, for its partition alone, and nothing of it
//! is stored. Where there is no answer to give, the connection closes and the log says why.

mod broker;

use broker::client::{batch, batch_of_size, produce_many, produce_request, Client};
use broker::Broker;
use sendlog::base::ErrorCode;
use sendlog::record::{header, BatchBuilder};
use sendlog::wire::messages::produce::{PartitionProduceData, TopicProduceData};
use sendlog::wire::messages::{ProduceRequest, ProduceResponse};
use sendlog::wire::Records;

/// A good batch with some bytes changed and the checksum made right again.
fn with(changes: &[(usize, u8)]) -> Vec<u8> {
    let mut batch = batch(&["one", "two"]);
    changes.iter().for_each(|(at, value)| batch[*at] = *value);
    header::stamp_crc(&mut batch);
    batch
}

fn codes(response: &ProduceResponse) -> Vec<ErrorCode> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.map(|partition| partition.error_code).collect()
}

#[test]
fn each_flaw_has_kafkas_code_in_every_version_and_leaves_no_trace() {
    let mut wrong_crc = batch(&["one"]);
    *wrong_crc.last_mut().unwrap() ^= 1;
    let mut torn = batch(&["one"]);
    torn.pop();
    let flaws = [
        ("no bytes", vec![], ErrorCode::INVALID_RECORD),
        ("half a header", batch(&["one"])[..40].to_vec(), ErrorCode::INVALID_RECORD),
        ("a wrong CRC", wrong_crc, ErrorCode::CORRUPT_MESSAGE),
        ("a torn batch", torn, ErrorCode::CORRUPT_MESSAGE),
        ("a length that is too large", with(&[(11, 200)]), ErrorCode::CORRUPT_MESSAGE),
        ("a length of -1", with(&[(8, 0xff), (9, 0xff), (10, 0xff), (11, 0xff)]), ErrorCode::CORRUPT_MESSAGE),
        ("two batches", [batch(&["one"]), batch(&["two"])].concat(), ErrorCode::INVALID_RECORD),
        ("a byte behind the batch", [batch(&["one"]), vec![0]].concat(), ErrorCode::INVALID_RECORD),
        ("magic 0", with(&[(16, 0)]), ErrorCode::INVALID_RECORD),
        ("magic 1", with(&[(16, 1)]), ErrorCode::INVALID_RECORD),
        ("magic 3", with(&[(16, 3)]), ErrorCode::INVALID_RECORD),
        ("more records than counted", with(&[(60, 1)]), ErrorCode::INVALID_RECORD),
        ("a count of 0", with(&[(60, 0)]), ErrorCode::INVALID_RECORD),
        ("a negative count", with(&[(57, 0x80)]), ErrorCode::INVALID_RECORD),
        ("a wrong last offset delta", with(&[(26, 9)]), ErrorCode::INVALID_RECORD),
        ("a control batch", with(&[(22, 0x20)]), ErrorCode::INVALID_RECORD),
        ("a transactional batch", with(&[(22, 0x10)]), ErrorCode::INVALID_RECORD),
        ("codec 5", with(&[(22, 5)]), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
        ("codec 6", with(&[(22, 6)]), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
        ("codec 7", with(&[(22, 7)]), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
    ];
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    for (flaw, bytes, expected) in &flaws {
        for (version, acks) in (3..=9).zip([-1, 1].into_iter().cycle()) {
            let answer = client.try_produce(version, acks, "demo", 0, bytes);
            assert_eq!((answer.error_code, answer.base_offset), (*expected, -1), "{flaw}, Produce {version}");
            assert!(version < 8 || answer.error_message.is_some_and(|why| why.len() > 10), "{flaw}: no reason");
        }
    }
    assert_eq!(client.bounds("demo", 0), (0, 0));
    assert_eq!(client.produce("demo", 0, &batch(&["good"])), 0, "the same connection goes on");
}

#[test]
fn a_records_field_may_not_be_null() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    for version in [3, 8, 9] {
        let partition_data = vec![PartitionProduceData { index: 0, records: Records::Null }];
        let topic_data = vec![TopicProduceData { name: "demo".to_string(), partition_data }];
        let answer = client.call(version, ProduceRequest { acks: 1, topic_data, ..Default::default() });
        assert_eq!(codes(&answer), [ErrorCode::INVALID_RECORD], "Produce {version}");
    }
}

#[test]
fn an_error_of_one_partition_leaves_the_others_alone() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 3);
    let (good, bad) = (batch(&["good"]), with(&[(16, 1)]));
    for acks in [1, -1] {
        let answer = client.call(
            9,
            produce_many(
                acks,
                &[
                    ("demo", 0, &good),
                    ("demo", 1, &bad),
                    ("unknown", 0, &good),
                    ("demo", 3, &good),
                    ("demo", -1, &good),
                    ("", 0, &good),
                    ("demo", 2, &good),
                ],
            ),
        );
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let (none, invalid) = (ErrorCode::NONE, ErrorCode::INVALID_RECORD);
        assert_eq!(codes(&answer), [none, invalid, unknown, unknown, unknown, unknown, none], "acks={acks}");
    }
    assert_eq!([0, 1, 2].map(|partition| client.bounds("demo", partition).1), [2, 0, 2]);
}

#[test]
fn zstd_needs_produce_7_and_the_other_codecs_do_not() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    for version in 3..=9 {
        for codec in 1..=4 {
            let refused = codec == 4 && version < 7;
            let expected = if refused { ErrorCode::UNSUPPORTED_COMPRESSION_TYPE } else { ErrorCode::NONE };
            let answer = client.try_produce(version, 1, "demo", 0, &with(&[(22, codec)]));
            assert_eq!(answer.error_code, expected, "codec {codec}, Produce {version}");
        }
    }
}

#[test]
fn a_batch_may_be_as_large_as_the_limit_and_no_byte_more() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.create_with("small", 1, &[("max.message.bytes", "500")]);
    client.create_with("segments", 1, &[("max.message.bytes", "4000000"), ("segment.bytes", "1048576")]);
    for (topic, limit, code) in [
        ("demo", 1_048_588, ErrorCode::MESSAGE_TOO_LARGE),
        ("small", 500, ErrorCode::MESSAGE_TOO_LARGE),
        ("segments", 1 << 20, ErrorCode::RECORD_LIST_TOO_LARGE),
    ] {
        assert_eq!(client.produce(topic, 0, &batch_of_size(limit)), 0, "{topic}");
        assert_eq!(client.try_produce(9, -1, topic, 0, &batch_of_size(limit + 1)).error_code, code, "{topic}");
        assert_eq!(client.produce(topic, 0, &batch_of_size(limit)), 1, "{topic}");
    }
}

#[test]
fn acks_is_0_1_or_all() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    for acks in [5, 2, -2, i16::MIN, i16::MAX] {
        let good = batch(&["good"]);
        let answer = client.call(9, produce_many(acks, &[("demo", 0, &good), ("demo", 1, &good)]));
        assert_eq!(codes(&answer), [ErrorCode::INVALID_REQUIRED_ACKS; 2], "acks={acks}");
    }
    assert_eq!(client.bounds("demo", 0), (0, 0));
}

#[test]
fn a_transactional_id_is_refused_for_good_and_the_log_names_the_missing_feature() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let transactional_id = Some("orders\nforged line".to_string());
    let request = ProduceRequest { transactional_id, ..produce_request(-1, "demo", 0, &batch(&["good"])) };
    let answer = client.call(9, request);
    assert_eq!(codes(&answer), [ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED]);
    assert_eq!(client.bounds("demo", 0), (0, 0));
    let line = broker.wait_for_line("transactions are not implemented");
    assert!(line.contains("orders") && line.contains(&client.name()), "{line}");
    assert!(!broker.log().iter().any(|line| line.starts_with("forged")), "{:#?}", broker.log());
}

#[test]
fn acks_0_that_fails_closes_the_connection_and_the_log_says_why() {
    let broker = Broker::start();
    let mut honest = broker.connect();
    honest.create("demo", 2);
    let (good, bad) = (batch(&["good"]), with(&[(16, 1)]));
    let attempts: [(&str, Vec<u8>, &str); 3] = [
        ("demo", bad, "INVALID_RECORD"),
        ("unknown", good.clone(), "UNKNOWN_TOPIC_OR_PARTITION"),
        ("two\nlines", good.clone(), "UNKNOWN_TOPIC_OR_PARTITION"),
    ];
    for (topic, bytes, code) in attempts {
        let mut client = broker.connect();
        let name = client.name();
        client.send(9, produce_many(0, &[(topic, 0, &bytes), ("demo", 1, &good)]));
        client.assert_closed();
        let line = broker.wait_for_line(&format!("client={name} closing the connection: "));
        assert!(line.contains("acks=0") && line.contains(code), "{line}");
    }
    assert_eq!(honest.bounds("demo", 1), (0, 3), "the partitions beside the failed one got their batches");
    assert_eq!(broker.warnings().len(), 3, "one line for each: {:#?}", broker.log());
}

#[test]
fn a_compacted_topic_takes_records_with_keys_only() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("tables", 1, &[("cleanup.policy", "compact")]);
    broker.wait_for_line("topic=tables cleanup.policy=compact keeps everything");
    assert_eq!(client.try_produce(9, -1, "tables", 0, &batch(&["no key"])).error_code, ErrorCode::INVALID_RECORD);
    client.produce("tables", 0, &BatchBuilder::new().record(1, Some(b"key"), Some(b"value")).build());
}

/// A batch whose header and CRC are right and whose record is none.
fn lying_batch() -> Vec<u8> {
    let mut batch = batch(&["one"]);
    batch[header::HEADER_SIZE] = 0x7e; // the record's length
    header::stamp_crc(&mut batch);
    batch
}

#[test]
fn with_batch_check_records_a_batch_of_torn_records_is_refused() {
    let broker = Broker::with(&["--set", "batch.check=records"]);
    let mut client = broker.connect();
    client.create("demo", 1);
    let wrong_delta = with(&[(header::HEADER_SIZE + 3, 2)]);
    for bytes in [lying_batch(), wrong_delta] {
        assert_eq!(client.try_produce(9, -1, "demo", 0, &bytes).error_code, ErrorCode::INVALID_RECORD);
    }
    client.produce("demo", 0, &batch(&["good"]));
}

#[test]
fn torn_records_in_a_whole_batch_are_the_clients_business_and_harm_nobody_else() {
    let broker = Broker::start();
    let mut client: Client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &lying_batch());
    let found = client.list_offset("demo", 0, 1000);
    assert_eq!((found.error_code, found.offset), (ErrorCode::NONE, 0), "answered as for a compressed batch");
    client.list_offset("demo", 0, -3);
    assert_eq!(client.produce("demo", 0, &batch(&["good"])), 1, "the partition stays online");
    assert_eq!(client.fetch("demo", 0, 1).read(), [(1, "good".to_string())]);
}
