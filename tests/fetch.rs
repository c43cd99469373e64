//! What a fetch gives back: where it starts, where it stops, and the errors it answers.

mod broker;

use broker::client::{batch, fetch_request, frame, Client};
use broker::Broker;
use sendlog::base::ErrorCode;
use sendlog::wire::messages::{FetchRequest, FetchResponse};

const NO_LIMIT: FetchSize = FetchSize { max_bytes: i32::MAX, partition_max_bytes: i32::MAX };

#[derive(Clone, Copy)]
struct FetchSize {
    max_bytes: i32,
    partition_max_bytes: i32,
}

/// The records that came of each partition, in bytes.
fn lengths(client: &mut Client, asked: &[(&str, i32, i64)], size: FetchSize) -> Vec<usize> {
    let fetched = client.fetch_with(12, sized(asked, size));
    assert!(fetched.iter().all(|fetched| fetched.error().is_none()));
    fetched.iter().map(|fetched| fetched.records.len()).collect()
}

fn sized(asked: &[(&str, i32, i64)], size: FetchSize) -> FetchRequest {
    let mut request = FetchRequest { max_bytes: size.max_bytes, ..fetch_request(asked) };
    let partitions = request.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    partitions.for_each(|partition| partition.partition_max_bytes = size.partition_max_bytes);
    request
}

#[test]
fn an_offset_inside_a_batch_returns_the_whole_batch() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a", "b", "c"]));
    client.produce("demo", 0, &batch(&["d", "e"]));
    let first = |client: &mut Client, offset| client.fetch("demo", 0, offset).read()[0].0;
    assert_eq!([0, 1, 2, 3, 4].map(|offset| first(&mut client, offset)), [0, 0, 0, 3, 3]);
    let end = client.fetch("demo", 0, 5);
    assert_eq!((end.error(), end.records.len(), end.data.high_watermark), (ErrorCode::NONE, 0, 5));
}

#[test]
fn offsets_outside_the_log_are_out_of_range() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a", "b", "c"]));
    client.produce("demo", 0, &batch(&["d"]));
    let error = |client: &mut Client, offset| client.fetch("demo", 0, offset).error();
    for offset in [5, 6, i64::MAX, -1, -2, i64::MIN] {
        assert_eq!(error(&mut client, offset), ErrorCode::OFFSET_OUT_OF_RANGE, "offset {offset}");
    }
    // Kafka's own checkpoint moves the start of the log, as a deletion of records does.
    let data = broker.stop();
    std::fs::write(data.path().join("data/log-start-offset-checkpoint"), "0\n1\ndemo 0 3\n").unwrap();
    let broker = Broker::on(data, &[]);
    let mut client = broker.connect();
    assert_eq!(client.bounds("demo", 0), (3, 4));
    for (offset, expected) in [(2, ErrorCode::OFFSET_OUT_OF_RANGE), (3, ErrorCode::NONE), (4, ErrorCode::NONE)] {
        assert_eq!(error(&mut client, offset), expected, "offset {offset}");
    }
    assert_eq!(client.fetch("demo", 0, 3).data.log_start_offset, 3);
}

#[test]
fn the_first_batch_goes_whole_whatever_the_limits() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    (0..2).for_each(|partition| client.fill("demo", partition, 1, 1000));
    let both = [("demo", 0, 0), ("demo", 1, 0)];
    for small in [0, 1, 999, -1] {
        let limits = FetchSize { max_bytes: small, ..NO_LIMIT };
        assert_eq!(lengths(&mut client, &both, limits), [1000, 0], "max_bytes {small}");
        let limits = FetchSize { partition_max_bytes: small, ..NO_LIMIT };
        assert_eq!(lengths(&mut client, &both, limits), [1000, 0], "partition_max_bytes {small}");
    }
    let behind_an_empty_one = [("demo", 0, 1), ("demo", 1, 0)];
    let limits = FetchSize { max_bytes: 1, partition_max_bytes: 1 };
    assert_eq!(lengths(&mut client, &behind_an_empty_one, limits), [0, 1000], "the first that has anything");
}

#[test]
fn max_bytes_counts_over_all_partitions() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 3);
    (0..3).for_each(|partition| client.fill("demo", partition, 4, 1000));
    let all = [("demo", 0, 0), ("demo", 1, 0), ("demo", 2, 0)];
    let max_bytes = |max_bytes| FetchSize { max_bytes, ..NO_LIMIT };
    assert_eq!(lengths(&mut client, &all, NO_LIMIT), [4000, 4000, 4000]);
    assert_eq!(lengths(&mut client, &all, max_bytes(9000)), [4000, 4000, 1000]);
    assert_eq!(lengths(&mut client, &all, max_bytes(5999)), [4000, 1999, 0], "a batch may be cut, a first one not");
    assert_eq!(lengths(&mut client, &all, max_bytes(4500)), [4000, 0, 0], "no part of a partition's first batch");
    let each = FetchSize { partition_max_bytes: 2500, ..NO_LIMIT };
    assert_eq!(lengths(&mut client, &all, each), [2500, 2500, 2500]);
    let from_inside = [("demo", 0, 3), ("demo", 1, 2), ("demo", 2, 4)];
    assert_eq!(lengths(&mut client, &from_inside, NO_LIMIT), [1000, 2000, 0]);
}

#[test]
fn the_broker_has_a_limit_of_its_own() {
    let broker = Broker::with(&["--set", "fetch.max.bytes=2500"]);
    let mut client = broker.connect();
    client.create("demo", 1);
    client.fill("demo", 0, 4, 1000);
    assert_eq!(lengths(&mut client, &[("demo", 0, 0)], NO_LIMIT), [2500]);
}

#[test]
fn an_error_of_one_partition_leaves_the_others_alone_and_ends_the_wait() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a"]));
    let asked = [("demo", 0, 0), ("unknown", 0, 0), ("demo", 7, 0), ("demo", -1, 0), ("demo", 0, 9), ("demo", 0, 1)];
    for version in 4..=12 {
        let request = FetchRequest { max_wait_ms: 300_000, min_bytes: i32::MAX, ..fetch_request(&asked) };
        let fetched = client.fetch_with(version, request);
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let expected = [ErrorCode::NONE, unknown, unknown, unknown, ErrorCode::OFFSET_OUT_OF_RANGE, ErrorCode::NONE];
        let codes: Vec<_> = fetched.iter().map(|fetched| fetched.error()).collect();
        assert_eq!(codes, expected, "Fetch {version}");
        assert_eq!(fetched[0].read(), [(0, "a".to_string())]);
        let data = &fetched[1].data;
        assert_eq!((data.high_watermark, data.last_stable_offset, data.log_start_offset), (-1, -1, -1));
    }
}

#[test]
fn there_are_no_fetch_sessions() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a"]));
    for version in 7..=12 {
        let wants_one = FetchRequest { session_epoch: 0, ..fetch_request(&[("demo", 0, 0)]) };
        let answer: FetchResponse = client.call(version, wants_one);
        assert_eq!((answer.error_code, answer.session_id), (ErrorCode::NONE, 0), "a new session is not given");
        assert_eq!(answer.responses.len(), 1, "each fetch is a full one");
        let has_one = FetchRequest { session_id: 7, session_epoch: 3, ..fetch_request(&[("demo", 0, 0)]) };
        let answer: FetchResponse = client.call(version, has_one);
        assert_eq!(answer.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert!(answer.responses.is_empty());
        // As segmentio/kafka-go asks each time.
        for session_epoch in [-1, 0] {
            let ends_one = FetchRequest { session_id: -1, session_epoch, ..fetch_request(&[("demo", 0, 0)]) };
            let answer: FetchResponse = client.call(version, ends_one);
            assert_eq!((answer.error_code, answer.responses.len()), (ErrorCode::NONE, 1), "epoch {session_epoch}");
        }
    }
}

#[test]
fn aborted_transactions_are_none_and_null_when_nobody_wants_to_know() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a"]));
    for version in 4..=12 {
        for (isolation_level, expected) in [(0, None), (1, Some(0))] {
            let request = FetchRequest { isolation_level, ..fetch_request(&[("demo", 0, 0)]) };
            let fetched = client.fetch_with(version, request).remove(0);
            let aborted = fetched.data.aborted_transactions.as_ref().map(Vec::len);
            assert_eq!(aborted, expected, "Fetch {version}, isolation {isolation_level}");
            assert_eq!(fetched.data.last_stable_offset, 1);
            assert_eq!(fetched.read(), [(0, "a".to_string())]);
        }
    }
}

#[test]
fn a_client_with_an_older_or_newer_leader_epoch_is_told_so() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a"]));
    assert_eq!(client.topic("demo").partitions[0].leader_epoch, 0);
    let broker = Broker::on(broker.kill(), &[]);
    let mut client = broker.connect();
    assert_eq!(client.topic("demo").partitions[0].leader_epoch, 1, "an unclean stop begins a new epoch");
    for version in 9..=12 {
        let known = [(-1, 0), (0, 74), (1, 0), (2, 75), (i32::MAX, 75)];
        for (epoch, code) in known {
            let mut request = fetch_request(&[("demo", 0, 0)]);
            request.topics[0].partitions[0].current_leader_epoch = epoch;
            let fetched = client.fetch_with(version, request).remove(0);
            assert_eq!(fetched.error(), ErrorCode(code), "Fetch {version}, epoch {epoch}");
            assert_eq!(fetched.records.is_empty(), code != 0);
        }
    }
    let broker = Broker::on(broker.stop(), &[]);
    assert_eq!(broker.connect().topic("demo").partitions[0].leader_epoch, 1, "a clean stop does not");
}

#[test]
fn a_fetch_of_nothing_is_answered_at_once() {
    let broker = Broker::start();
    let mut client = broker.connect();
    let request = FetchRequest { max_wait_ms: 300_000, min_bytes: 1, ..fetch_request(&[]) };
    assert!(client.fetch_with(12, request).is_empty());
}

#[test]
fn reading_goes_on_over_segments_and_a_restart() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("demo", 1, &[("segment.bytes", "1048576")]);
    let batches: i64 = 30;
    client.fill("demo", 0, batches as usize, 200_000);
    let folder = broker.folder().join("demo-0");
    let logs = std::fs::read_dir(folder).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".log")
    });
    assert_eq!(logs.count(), 6, "five batches to a segment");
    let broker = Broker::on(broker.stop(), &[]);
    let mut client = broker.connect();
    for offset in 0..batches {
        let read = client.fetch("demo", 0, offset).read();
        assert_eq!(read[0].0, offset);
        assert_eq!(read.len() as i64, 5 - offset % 5, "one response reads one segment");
    }
}

#[test]
fn the_frame_of_an_answer_is_as_long_as_it_says() {
    let broker = Broker::with(&["--set", "fetch.max.bytes=300000"]);
    let mut client = broker.connect();
    client.create("demo", 2);
    (0..2).for_each(|partition| client.fill("demo", partition, 1, 200_000));
    // Many answers back to back: one byte too many or too few would shift all that follow.
    let request = || fetch_request(&[("demo", 0, 0), ("demo", 1, 0), ("demo", 0, 1)]);
    let frames: Vec<u8> = (0..50).flat_map(|id| frame(4 + (id % 9) as i16, id, &mut request())).collect();
    let mut sender = client.socket.try_clone().unwrap();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut sender, &frames).unwrap());
    for id in 0..50 {
        let (answered, answer, _) = client.receive::<FetchRequest>(4 + (id % 9) as i16);
        assert_eq!(answered, id);
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let lengths: Vec<_> = partitions.map(|partition| partition.records.len()).collect();
        assert_eq!(lengths, [200_000, 0, 0]);
    }
    writer.join().unwrap();
}
