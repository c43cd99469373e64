//! A fetch that finds too little waits for appends: they wake it, its deadline ends it, and it costs a thread no
//! longer than its client lives.
//!
//! The waits in here are longer than any test may take: an answer in time shows that it was woken.

mod broker;

use broker::client::{batch, batch_of_size, fetch_request, produce_request, Client};
use broker::{until, Broker};
use sendlog::base::ErrorCode;
use sendlog::wire::messages::{ApiVersionsRequest, FetchRequest};

const LOGS_REQUESTS: [&str; 2] = ["--set", "log.requests=true"];

/// A fetch that would wait for five minutes.
fn patient(asked: &[(&str, i32, i64)]) -> FetchRequest {
    FetchRequest { max_wait_ms: 300_000, min_bytes: 1, ..fetch_request(asked) }
}

/// Returns when the broker is serving the fetch, as its log of requests shows.
fn send_and_wait(broker: &Broker, consumer: &mut Client, request: FetchRequest) {
    let name = consumer.name();
    consumer.send(12, request);
    broker.wait_for_line(&format!("client={name} Fetch"));
}

#[test]
fn an_append_wakes_the_fetch_that_waits_for_it() {
    for mode in ["acks", "os", "always"] {
        let mode = format!("flush.mode={mode}");
        let broker = Broker::with(&["--set", &mode, "--set", "flush.interval.ms=1", "--set", "log.requests=true"]);
        let (mut consumer, mut producer) = (broker.connect(), broker.connect());
        producer.create("demo", 2);
        for (offset, acks) in [-1, 1, 0].into_iter().enumerate() {
            let offset = offset as i64;
            send_and_wait(&broker, &mut consumer, patient(&[("demo", 0, 0), ("demo", 1, offset)]));
            producer.send(9, produce_request(acks, "demo", 1, &batch(&["news"])));
            let fetched = consumer.receive_fetched(12);
            assert_eq!(fetched[1].read(), [(offset, "news".to_string())], "{mode}, acks={acks}");
            consumer = broker.connect();
        }
    }
}

#[test]
fn a_fetch_waits_until_min_bytes_have_come_together() {
    let broker = Broker::with(&LOGS_REQUESTS);
    let (mut consumer, mut producer) = (broker.connect(), broker.connect());
    producer.create("demo", 2);
    let request = FetchRequest { min_bytes: 5000, ..patient(&[("demo", 0, 0), ("demo", 1, 0)]) };
    send_and_wait(&broker, &mut consumer, request);
    for round in 0..5 {
        producer.produce("demo", round % 2, &batch_of_size(1000));
    }
    let fetched = consumer.receive_fetched(12);
    assert_eq!(fetched.iter().map(|fetched| fetched.records.len()).sum::<usize>(), 5000);
}

#[test]
fn a_fetch_does_not_wait_for_more_than_it_may_return() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.fill("demo", 0, 3, 1000);
    let request = FetchRequest { min_bytes: 10_000, max_bytes: 2000, ..patient(&[("demo", 0, 0)]) };
    assert_eq!(client.fetch_with(12, request)[0].records.len(), 2000);
}

#[test]
fn a_fetch_does_not_wait_at_the_end_of_a_segment_that_is_full() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("demo", 1, &[("segment.bytes", "1048576")]);
    client.fill("demo", 0, 2, 600_000);
    let request = FetchRequest { min_bytes: 700_000, ..patient(&[("demo", 0, 0)]) };
    let fetched = client.fetch_with(12, request).remove(0);
    assert_eq!(fetched.records.len(), 600_000, "the rest lies in the next segment");
    let fetched = client.fetch("demo", 0, 1);
    assert_eq!(fetched.records.len(), 600_000);
}

#[test]
fn max_wait_ends_the_wait_and_0_means_not_to_wait() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch_of_size(100));
    for max_wait_ms in [0, 1, 50, -1] {
        for (offset, length) in [(0, 100), (1, 0)] {
            let request = FetchRequest { max_wait_ms, min_bytes: 1_000_000, ..fetch_request(&[("demo", 0, offset)]) };
            let fetched = client.fetch_with(12, request).remove(0);
            assert_eq!((fetched.error(), fetched.records.len()), (ErrorCode::NONE, length), "{max_wait_ms} ms");
        }
    }
}

#[test]
fn the_broker_caps_how_long_a_fetch_waits() {
    let broker = Broker::with(&["--set", "fetch.max.wait.ms.limit=20"]);
    let mut client = broker.connect();
    client.create("demo", 1);
    assert!(client.fetch_with(12, patient(&[("demo", 0, 0)]))[0].records.is_empty());
}

#[test]
fn min_bytes_of_0_does_not_wait() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    for min_bytes in [0, -1] {
        let request = FetchRequest { min_bytes, ..patient(&[("demo", 0, 0)]) };
        assert!(client.fetch_with(12, request)[0].records.is_empty());
    }
}

#[test]
fn deleting_the_topic_ends_the_wait() {
    let broker = Broker::with(&LOGS_REQUESTS);
    let (mut consumer, mut admin) = (broker.connect(), broker.connect());
    admin.create("demo", 1);
    send_and_wait(&broker, &mut consumer, patient(&[("demo", 0, 0)]));
    assert_eq!(admin.delete("demo"), ErrorCode::NONE);
    let fetched = consumer.receive_fetched(12).remove(0);
    assert_eq!(fetched.error(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn a_thousand_waits_are_woken_by_one_append() {
    sendlog::os::limits::raise_open_files();
    let broker = Broker::with(&LOGS_REQUESTS);
    let mut producer = broker.connect();
    producer.create("demo", 1);
    let mut consumers: Vec<_> = (0..1000).map(|_| broker.connect()).collect();
    for consumer in &mut consumers {
        send_and_wait(&broker, consumer, patient(&[("demo", 0, 0)]));
    }
    producer.produce("demo", 0, &batch(&["news"]));
    for consumer in &mut consumers {
        assert_eq!(consumer.receive_fetched(12)[0].read(), [(0, "news".to_string())]);
    }
}

/// With two connections allowed, a third one works only when one of the two is gone.
#[test]
fn a_client_that_vanishes_during_a_wait_frees_its_thread_at_the_next_append() {
    let broker = Broker::with(&["--set", "max.connections=2"]);
    let mut producer = broker.connect();
    producer.create("demo", 1);
    let mut consumer = broker.connect();
    // An answered request first: from here on the broker holds both.
    consumer.call(3, ApiVersionsRequest::default());
    broker.connect().assert_closed();
    broker.wait_for_line("as many as max.connections allows");
    consumer.send(12, FetchRequest { min_bytes: i32::MAX, ..patient(&[("demo", 0, 0)]) });
    drop(consumer);
    until("a third connection", || {
        // Too small to satisfy the fetch: it only makes the wait look at its socket.
        producer.produce("demo", 0, &batch(&["news"]));
        let mut third = broker.connect();
        third.send(3, ApiVersionsRequest::default());
        third.read_frame()
    });
}
