//! Where records are: by name (earliest, latest), by timestamp, by leader epoch; and who coordinates what.

mod broker;

use broker::client::{batch, Client};
use broker::Broker;
use sendlog::base::ErrorCode;
use sendlog::record::{header, BatchBuilder};
use sendlog::wire::messages::find_coordinator::{GROUP, TRANSACTION};
use sendlog::wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic, EARLIEST, LATEST, MAX_TIMESTAMP};
use sendlog::wire::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use sendlog::wire::messages::{
    DescribeClusterRequest, FindCoordinatorRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest,
};

/// A batch of records with these timestamps; "compressed" only by its header, which is all that a broker reads.
fn timed(timestamps_ms: &[i64], compressed: bool) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    timestamps_ms.iter().for_each(|timestamp_ms| builder.push(*timestamp_ms, None, Some(b"value")));
    let mut batch = builder.build();
    if compressed {
        batch[22] = 3;
        header::stamp_crc(&mut batch);
    }
    batch
}

/// Offset and timestamp.
fn find(client: &mut Client, timestamp: i64) -> (i64, i64) {
    let found = client.list_offset("demo", 0, timestamp);
    assert!(found.error_code.is_none(), "{found:?}");
    (found.offset, found.timestamp)
}

#[test]
fn earliest_latest_and_a_timestamp_are_answered_in_every_version() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    client.produce("demo", 1, &timed(&[1000, 2000, 3000], false));
    for version in 1..=7 {
        let asked = [(0, EARLIEST), (0, LATEST), (0, 0), (1, EARLIEST), (1, LATEST), (1, 1500), (1, 9999), (5, LATEST)];
        let partition = |(partition_index, timestamp): (i32, i64)| ListOffsetsPartition {
            partition_index,
            timestamp,
            ..Default::default()
        };
        let topics = vec![ListOffsetsTopic { name: "demo".to_string(), partitions: asked.map(partition).into() }];
        let response = client.call(version, ListOffsetsRequest { topics, ..Default::default() });
        let found = &response.topics[0].partitions;
        let offsets: Vec<_> = found.iter().map(|one| (one.offset, one.timestamp)).collect();
        let none = (-1, -1);
        assert_eq!(offsets, [(0, -1), (0, -1), none, (0, -1), (3, -1), (1, 2000), none, none], "version {version}");
        assert!(found[..7].iter().all(|one| one.error_code.is_none()), "version {version}");
        assert_eq!(found[7].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        let epochs: Vec<_> = found.iter().map(|one| one.leader_epoch).collect();
        let known = if version >= 4 { [0, 0, -1, 0, 0, 0, -1, -1] } else { [-1; 8] };
        assert_eq!(epochs, known, "version {version}");
    }
}

#[test]
fn a_timestamp_finds_the_first_record_that_is_not_older() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &timed(&[100, 300, 200], false));
    client.produce("demo", 0, &timed(&[250, 400], false));
    client.produce("demo", 0, &timed(&[50], false));
    for (timestamp, expected) in [
        (0, (0, 100)),
        (100, (0, 100)),
        (101, (1, 300)),
        (300, (1, 300)),
        (301, (4, 400)),
        (400, (4, 400)),
        (401, (-1, -1)),
    ] {
        assert_eq!(find(&mut client, timestamp), expected, "timestamp {timestamp}");
    }
}

#[test]
fn a_compressed_batch_answers_with_its_first_offset_so_that_nothing_is_skipped() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &timed(&[100, 200], false));
    client.produce("demo", 0, &timed(&[300, 400, 500], true));
    client.produce("demo", 0, &timed(&[600], true));
    for (timestamp, offset) in [(150, 1), (201, 2), (300, 2), (500, 2), (501, 5), (601, -1)] {
        assert_eq!(find(&mut client, timestamp).0, offset, "timestamp {timestamp}");
    }
    assert_eq!(find(&mut client, MAX_TIMESTAMP).0, 5);
}

#[test]
fn the_largest_timestamp_is_found_from_version_7_on() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    assert_eq!(find(&mut client, MAX_TIMESTAMP), (-1, -1), "nothing is there yet");
    client.produce("demo", 0, &timed(&[100, 900, 200], false));
    assert_eq!(find(&mut client, MAX_TIMESTAMP), (1, 900));
    client.produce("demo", 0, &timed(&[300, 900], false));
    assert_eq!(find(&mut client, MAX_TIMESTAMP), (1, 900), "the first of several");
    client.produce("demo", 0, &timed(&[901], false));
    assert_eq!(find(&mut client, MAX_TIMESTAMP), (5, 901));
    for (version, timestamp) in [(1, MAX_TIMESTAMP), (6, MAX_TIMESTAMP), (7, -4), (7, -5), (7, i64::MIN)] {
        let partitions = vec![ListOffsetsPartition { timestamp, ..Default::default() }];
        let topics = vec![ListOffsetsTopic { name: "demo".to_string(), partitions }];
        let response = client.call(version, ListOffsetsRequest { topics, ..Default::default() });
        let code = response.topics[0].partitions[0].error_code;
        assert_eq!(code, ErrorCode::UNSUPPORTED_VERSION, "version {version}, timestamp {timestamp}");
    }
}

#[test]
fn timestamps_are_found_in_every_segment_also_after_a_stop_and_a_kill() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("demo", 1, &[("segment.bytes", "1048576"), ("index.interval.bytes", "0")]);
    let large = vec![b'x'; 100_000];
    for i in 0..40 {
        let batch = BatchBuilder::new().record(1000 + i * 10, None, Some(&large)).build();
        client.produce("demo", 0, &batch);
    }
    let check = |broker: &Broker| {
        let mut client = broker.connect();
        for i in 0..40 {
            assert_eq!(find(&mut client, 1000 + i * 10), (i, 1000 + i * 10));
            assert_eq!(find(&mut client, 1001 + i * 10).0, if i == 39 { -1 } else { i + 1 });
        }
        assert_eq!(find(&mut client, MAX_TIMESTAMP), (39, 1390));
        assert_eq!(find(&mut client, 0), (0, 1000));
    };
    check(&broker);
    let broker = Broker::on(broker.kill(), &[]);
    check(&broker);
    let broker = Broker::on(broker.stop(), &[]);
    check(&broker);
}

/// Error, epoch and end offset.
fn epoch_end(client: &mut Client, version: i16, current_leader_epoch: i32, leader_epoch: i32) -> (i16, i32, i64) {
    let asked = OffsetForLeaderPartition { partition: 0, current_leader_epoch, leader_epoch };
    let topics = vec![OffsetForLeaderTopic { topic: "demo".to_string(), partitions: vec![asked] }];
    let response = client.call(version, OffsetForLeaderEpochRequest { topics, ..Default::default() });
    let end = &response.topics[0].partitions[0];
    (end.error_code.0, end.leader_epoch, end.end_offset)
}

#[test]
fn each_unclean_stop_ends_a_leader_epoch_and_its_end_is_known() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a", "b", "c"]));
    assert_eq!(epoch_end(&mut client, 4, -1, 0), (0, 0, 3), "the epoch that has not ended ends at the log's end");
    let broker = Broker::on(broker.kill(), &[]); // epoch 1
    broker.connect().produce("demo", 0, &batch(&["d", "e"]));
    let broker = Broker::on(broker.kill(), &[]); // epoch 2, in which nothing is appended
    let broker = Broker::on(broker.kill(), &[]); // epoch 3
    let broker = Broker::on(broker.stop(), &[]); // still epoch 3
    let mut client = broker.connect();
    client.produce("demo", 0, &batch(&["f"]));
    assert_eq!(client.topic("demo").partitions[0].leader_epoch, 3);
    for version in 2..=4 {
        for (epoch, expected) in
            [(0, (0, 0, 3)), (1, (0, 1, 5)), (2, (0, 1, 5)), (3, (0, 3, 6)), (4, (0, -1, -1)), (-1, (0, -1, -1))]
        {
            assert_eq!(epoch_end(&mut client, version, -1, epoch), expected, "version {version}, epoch {epoch}");
        }
        assert_eq!(epoch_end(&mut client, version, 3, 1), (0, 1, 5), "a client that is up to date");
        assert_eq!(epoch_end(&mut client, version, 2, 1), (74, -1, -1), "one that is behind");
        assert_eq!(epoch_end(&mut client, version, 4, 1), (75, -1, -1), "one that is ahead");
    }
    let epochs: Vec<i32> = [0, 2, 3, 4, 5]
        .into_iter()
        .map(|offset| header::BatchHeader::parse(&client.fetch("demo", 0, offset).records).unwrap().leader_epoch)
        .collect();
    assert_eq!(epochs, [0, 0, 1, 1, 3], "and each batch carries the one that it was appended in");
}

#[test]
fn a_topic_that_is_made_again_does_not_go_back_in_epochs() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let broker = Broker::on(broker.kill(), &[]);
    let mut client = broker.connect();
    client.delete("demo");
    client.create("demo", 1);
    assert_eq!(client.topic("demo").partitions[0].leader_epoch, 1);
    assert_eq!(epoch_end(&mut client, 4, 1, 0), (0, 0, 0));
}

#[test]
fn an_unknown_partition_has_no_epochs() {
    let broker = Broker::start();
    let mut client = broker.connect();
    assert_eq!(epoch_end(&mut client, 4, -1, 0), (3, -1, -1));
}

#[test]
fn this_broker_coordinates_every_group_and_no_transaction() {
    let broker = Broker::start();
    let mut client = broker.connect();
    for version in 0..=4 {
        let port = i32::from(broker.address.port());
        for (key_type, code, node) in [
            (GROUP, ErrorCode::NONE, (1, port)),
            (TRANSACTION, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, (-1, -1)),
            (9, ErrorCode::INVALID_REQUEST, (-1, -1)),
        ] {
            if version == 0 && key_type != GROUP {
                continue;
            }
            let coordinator_keys = vec!["one".to_string(), "two".to_string()];
            let request = FindCoordinatorRequest { key: "one".to_string(), key_type, coordinator_keys };
            let response = client.call(version, request);
            if version < 4 {
                assert_eq!((response.error_code, response.node_id, response.port), (code, node.0, node.1));
                continue;
            }
            let found: Vec<_> = response.coordinators.iter().map(|one| (one.key.as_str(), one.error_code)).collect();
            assert_eq!(found, [("one", code), ("two", code)]);
        }
    }
    let line = broker.wait_for_line("transactions are not implemented");
    assert!(line.contains(&client.name()) && line.contains("one"), "{line}");
}

#[test]
fn the_cluster_is_described_as_metadata_does() {
    let broker = Broker::with(&["--set", "node.id=4"]);
    let mut client = broker.connect();
    let metadata = client.metadata(&[]);
    for version in 0..=1 {
        let response = client.call(version, DescribeClusterRequest::default());
        assert_eq!(response.error_code, ErrorCode::NONE);
        assert_eq!(Some(&response.cluster_id), metadata.cluster_id.as_ref());
        let brokers: Vec<_> = response.brokers.iter().map(|one| (one.broker_id, one.host.as_str(), one.port)).collect();
        assert_eq!(brokers, [(4, "127.0.0.1", i32::from(broker.address.port()))]);
        assert_eq!(response.controller_id, 4);
    }
    let request = DescribeClusterRequest { endpoint_type: 2, ..Default::default() };
    assert_eq!(client.call(1, request).error_code, ErrorCode::UNSUPPORTED_ENDPOINT_TYPE);
}
