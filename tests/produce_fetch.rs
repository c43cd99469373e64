//! What is produced comes back byte for byte: in every version, in every mode, in order on one connection.

mod broker;

use broker::client::{batch, batch_of_size, fetch_request, produce_many, produce_request, read_records};
use broker::{Broker, Client};
use sendlog::base::{ErrorCode, Offset};
use sendlog::record::header;
use sendlog::wire::messages::{FetchRequest, ProduceRequest};

/// The batch as the broker stores it: only base offset and leader epoch are stamped.
fn stored(batch: &[u8], base_offset: i64, leader_epoch: i32) -> Vec<u8> {
    let mut batch = batch.to_vec();
    header::stamp(&mut batch, Offset(base_offset), leader_epoch);
    batch
}

#[test]
fn a_batch_comes_back_byte_for_byte_in_every_version() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 7);
    let batch = batch(&["one", "two", "three"]);
    for (partition, produce_version) in (0..).zip(3..=9) {
        let answer = client.try_produce(produce_version, -1, "demo", partition, &batch);
        assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, 0), "Produce {produce_version}");
        assert_eq!(answer.log_append_time_ms, -1, "the producer's time counts");
        assert_eq!(answer.log_start_offset, if produce_version >= 5 { 0 } else { -1 }, "Produce {produce_version}");
        for fetch_version in 4..=12 {
            let fetched = client.fetch_with(fetch_version, fetch_request(&[("demo", partition, 0)])).remove(0);
            let name = format!("Produce {produce_version}, Fetch {fetch_version}");
            assert_eq!(fetched.records, stored(&batch, 0, 0), "{name}");
            assert_eq!(fetched.error(), ErrorCode::NONE, "{name}");
            let data = fetched.data;
            assert_eq!((data.high_watermark, data.last_stable_offset), (3, 3), "{name}");
            assert_eq!(data.log_start_offset, if fetch_version >= 5 { 0 } else { -1 }, "{name}");
            assert_eq!(data.preferred_read_replica, -1, "{name}");
        }
    }
}

#[test]
fn offsets_go_on_where_the_last_batch_ended() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    assert_eq!(client.produce("demo", 0, &batch(&["a", "b"])), 0);
    assert_eq!(client.produce("demo", 0, &batch(&["c"])), 2);
    assert_eq!(client.produce("demo", 0, &batch(&["d", "e", "f"])), 3);
    assert_eq!(client.bounds("demo", 0), (0, 6));
    let read = client.fetch("demo", 0, 0).read();
    let values: Vec<_> = read.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["a", "b", "c", "d", "e", "f"]);
    assert!(read.iter().map(|(offset, _)| *offset).eq(0..6));
}

#[test]
fn acks_0_gets_no_answer_and_acks_1_and_all_get_one() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.send(9, produce_request(0, "demo", 0, &batch(&["zero"])));
    let one = client.try_produce(9, 1, "demo", 0, &batch(&["one"]));
    assert_eq!((one.error_code, one.base_offset), (ErrorCode::NONE, 1), "the acks=0 batch came first");
    let all = client.try_produce(9, -1, "demo", 0, &batch(&["all"]));
    assert_eq!((all.error_code, all.base_offset), (ErrorCode::NONE, 2));
}

/// One request for many partitions, batches of all sizes, read back in one response and in small pieces.
fn round_trip(arguments: &[&str]) {
    let broker = Broker::with(arguments);
    let mut client = broker.connect();
    client.create_with("demo", 3, &[("segment.bytes", "1048576")]);
    let batches: Vec<Vec<u8>> = [100, 5_000, 300_000, 900_000, 70, 600_000].map(batch_of_size).into();
    let mut expected = vec![Vec::new(); 3];
    for (round, acks) in [-1, 1, 0, -1].into_iter().enumerate() {
        for (offset, batch) in batches.iter().enumerate() {
            let all: Vec<_> = (0..3).map(|partition| ("demo", partition, batch.as_slice())).collect();
            client.send(9, produce_many(acks, &all));
            if acks != 0 {
                let (_, answer, _) = client.receive::<ProduceRequest>(9);
                let results = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
                assert!(results.clone().all(|result| result.error_code.is_none()), "{answer:?}");
                let base_offset = (round * batches.len() + offset) as i64;
                assert!(results.clone().all(|result| result.base_offset == base_offset), "{answer:?}");
            }
            let base_offset = (round * batches.len() + offset) as i64;
            expected.iter_mut().for_each(|log| log.extend(stored(batch, base_offset, 0)));
        }
    }
    assert_eq!(read_all(&mut client, 100), expected, "each batch alone");
    assert_eq!(read_all(&mut client, i32::MAX), expected, "as much as there is");
}

/// Everything in the three partitions, at most `max_bytes` (and one whole batch) in each response.
fn read_all(client: &mut Client, max_bytes: i32) -> Vec<Vec<u8>> {
    let read_one = |partition| {
        let (mut log, mut offset) = (Vec::new(), 0);
        loop {
            let request = FetchRequest { max_bytes, ..fetch_request(&[("demo", partition, offset)]) };
            let fetched = client.fetch_with(12, request).remove(0);
            assert!(fetched.error().is_none(), "{:?}", fetched.data);
            let Some((last, _)) = read_records(&fetched.records).pop() else { return log };
            offset = last + 1;
            log.extend(whole_batches(&fetched.records));
        }
    };
    (0..3).map(read_one).collect()
}

/// The bytes without a partial batch at their end.
fn whole_batches(bytes: &[u8]) -> &[u8] {
    let mut end = 0;
    while let Some(header) = header::BatchHeader::parse(&bytes[end..]) {
        let size = header.size().unwrap() as usize;
        if end + size > bytes.len() {
            break;
        }
        end += size;
    }
    &bytes[..end]
}

#[test]
fn the_round_trip_holds_with_defaults() {
    round_trip(&[]);
}

#[test]
fn the_round_trip_holds_without_sendfile() {
    round_trip(&["--set", "fetch.path=copy"]);
}

#[test]
fn the_round_trip_holds_when_each_record_is_checked() {
    round_trip(&["--set", "batch.check=records"]);
}

#[test]
fn the_round_trip_holds_without_the_page_cache() {
    round_trip(&["--set", "log.page.cache=drop"]);
}

#[test]
fn the_round_trip_holds_with_every_flush_mode() {
    round_trip(&["--set", "flush.mode=os"]);
    round_trip(&["--set", "flush.mode=always", "--set", "flush.interval.ms=1"]);
}

#[test]
fn pipelined_requests_are_answered_in_order_whatever_they_are() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let (mut sent, mut next_offset) = (Vec::new(), 0);
    for round in 0..40 {
        let acks = [-1, 1, -1, 0, 1][round % 5];
        let id = client.send(9, produce_request(acks, "demo", 0, &batch(&["a", "b"])));
        if acks != 0 {
            sent.push((id, Some(next_offset)));
        }
        next_offset += 2;
        if round % 4 == 3 {
            sent.push((client.send(12, fetch_request(&[("demo", 0, next_offset - 2)])), None));
        }
    }
    for (id, base_offset) in sent {
        match base_offset {
            Some(base_offset) => {
                let (answered, answer, _) = client.receive::<ProduceRequest>(9);
                let result = &answer.responses[0].partition_responses[0];
                assert_eq!((answered, result.error_code, result.base_offset), (id, ErrorCode::NONE, base_offset));
            }
            None => {
                let (answered, answer, frame) = client.receive::<FetchRequest>(12);
                assert_eq!(answered, id);
                let data = &answer.responses[0].partitions[0];
                let read = read_records(&frame[data.records.range().unwrap()]);
                assert_eq!(read.len(), 2, "a fetch sees all that was sent before it, and nothing sent after it");
                assert_eq!(data.high_watermark, read[0].0 + 2);
            }
        }
    }
}

#[test]
fn an_answer_that_is_owed_comes_before_a_connection_is_closed() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let good = |acks| broker::client::frame(9, 7, &mut produce_request(acks, "demo", 0, &batch(&["good"])));
    let unknown = broker::client::frame(9, 8, &mut produce_request(0, "unknown", 0, &batch(&["lost"])));
    let torn_produce = [&[0, 0, 0, 12][..], &[0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 9]].concat();
    let bad = [("a size of -1", vec![0xff; 4]), ("acks=0 that fails", unknown), ("no produce request", torn_produce)];
    for (what, bad) in bad {
        for acks in [1, -1] {
            let mut client = broker.connect();
            client.send_bytes(&[good(acks), bad.clone()].concat());
            assert!(client.read_frame().is_some(), "acks={acks}, then {what}: the answer was lost");
            client.assert_closed();
        }
    }
}

#[test]
fn with_flush_mode_always_consumers_see_only_what_is_on_the_disk() {
    let broker = Broker::with(&["--set", "flush.mode=always", "--set", "flush.interval.ms=600000"]);
    let mut client = broker.connect();
    client.create("demo", 1);
    let unseen = (0..20).any(|_| {
        let (_, end) = client.bounds("demo", 0);
        // Both in one write, so that hardly a flush comes between; acks=0 waits for none.
        let produce = broker::client::frame(9, 1, &mut produce_request(0, "demo", 0, &batch(&["soon"])));
        let fetch = broker::client::frame(12, 2, &mut fetch_request(&[("demo", 0, end)]));
        client.send_bytes(&[produce, fetch].concat());
        let unflushed = client.receive_fetched(12).remove(0);
        let (_, all) = (client.produce("demo", 0, &batch(&["now"])), client.bounds("demo", 0).1);
        assert_eq!(client.fetch("demo", 0, end).read().len() as i64, all - end, "a flush shows what came before it");
        unflushed.records.is_empty() && unflushed.data.high_watermark == end
    });
    assert!(unseen, "each time the record was visible at once");
}

#[test]
fn with_log_append_time_the_brokers_clock_counts() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("demo", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let answer = client.try_produce(9, -1, "demo", 0, &batch(&["a", "b"]));
    let now = answer.log_append_time_ms;
    assert!(now >= before, "{now} is before {before}");
    let fetched = client.fetch("demo", 0, 0);
    let header = header::BatchHeader::parse(&fetched.records).unwrap();
    assert!(header.is_log_append_time() && header.max_timestamp_ms == now, "{header:?}");
    assert!(header::crc_matches(&fetched.records, &header), "the checksum covers the broker's time");
    assert_eq!(fetched.records[header::HEADER_SIZE..], batch(&["a", "b"])[header::HEADER_SIZE..], "records stay");
    let found = client.list_offset("demo", 0, now);
    assert_eq!((found.offset, found.timestamp), (0, now));
    assert_eq!(client.list_offset("demo", 0, now + 1).offset, -1);
}
