//! A panic, which is a flaw of the broker's own, ends what it happened in and nothing else: seeded ones strike the topic, or
//! the group, of one name (`src/faults/seeded.rs`), in a broker that was built with them.
//!
//! What the policy is, and why, is said in `src/os/panics.rs`.

mod broker;

use std::path::Path;
use std::sync::Arc;

use broker::client::{batch, fetch_request, produce_request, Client};
use broker::http::{address, get, Metrics, ON_ANY_PORT};
use broker::member::{commit_request, committed, Member};
use broker::{scratch, until, Broker};
use sendlog::base::ErrorCode;
use sendlog::faults::seeded::VICTIM;
use sendlog::wire::messages::{FetchRequest, ProduceRequest};
use tempfile::TempDir;

/// A broker with this flaw, on data that holds the victim and a bystander, with a record each.
fn flawed(bug: &str) -> Broker {
    start(with_two_topics(), bug)
}

fn with_two_topics() -> Arc<TempDir> {
    let broker = Broker::start();
    let mut client = broker.connect();
    for topic in [VICTIM, "bystander"] {
        client.create(topic, 1);
        client.produce(topic, 0, &batch(&["before"]));
    }
    broker.stop()
}

fn start(data: Arc<TempDir>, bug: &str) -> Broker {
    start_with(data, bug, &[])
}

fn start_with(data: Arc<TempDir>, bug: &str, more: &[&str]) -> Broker {
    let folder = data.path().join("data");
    let arguments = ["--listen", "127.0.0.1:0", "--data", folder.to_str().unwrap()];
    Broker::run_in(data, &[("SENDLOG_BUG", bug)], &[&arguments[..], &ON_ANY_PORT, more].concat()).may_panic()
}

/// Everybody else is served as if nothing had happened.
fn assert_goes_on(broker: &Broker) {
    let mut client = broker.connect();
    let offset = client.produce("bystander", 0, &batch(&["after"]));
    assert_eq!(client.fetch("bystander", 0, offset).read(), [(offset, "after".to_string())]);
}

/// The background goes on: it finds that the bystander's log has rolled, flushes it, and writes down what is known of
/// producers there, beside what the stop before has written.
fn assert_rolled_is_flushed(broker: &Broker, client: &mut Client) {
    let snapshots = || {
        let mut found = broker::tree(&broker.folder().join("bystander-0"));
        found.retain(|path| path.extension().is_some_and(|suffix| suffix == "snapshot"));
        found
    };
    let before = snapshots();
    client.set_config(2, "bystander", "segment.bytes", "1048576");
    client.fill("bystander", 0, 3, 600_000);
    until("what has rolled is flushed", || snapshots().iter().any(|path| !before.contains(path)).then_some(()));
}

fn fetch_error(client: &mut Client) -> ErrorCode {
    client.fetch(VICTIM, 0, 0).data.error_code
}

/// What was lent to connections that are gone is back.
fn assert_nothing_is_held(broker: &Broker) {
    until("the places of the connections are free", || {
        let open = Metrics::scrape(address(broker)).sum("sendlog_connections", &[]);
        (open == 0.0).then_some(())
    });
}

/// The end of a broker with something out of service: no promise of a clean stop. The next one recovers.
fn stop_and_recover(broker: Broker, records: &[&str]) {
    broker.signal("TERM");
    let ended = broker.ended();
    assert_eq!(ended.status.code(), Some(1), "{:#?}", ended.stderr);
    assert!(!Path::new(&ended.data.path().join("data/.kafka_cleanshutdown")).exists());
    let broker = start(ended.data, "none");
    let values = broker.connect().fetch(VICTIM, 0, 0).read().into_iter().map(|(_, value)| value);
    assert_eq!(values.collect::<Vec<_>>(), records);
    assert_goes_on(&broker);
    broker.stop();
}

#[test]
fn a_panic_in_an_append_takes_that_partition_offline() {
    let broker = flawed("panic-in-append");
    // One that waits for the victim's next record is not left waiting.
    let mut waiting = broker.connect();
    let patient = FetchRequest { max_wait_ms: i32::MAX, min_bytes: 1, ..fetch_request(&[(VICTIM, 0, 1)]) };
    waiting.send(12, patient);
    let mut producer = broker.connect();
    producer.send(9, produce_request(-1, VICTIM, 0, &batch(&["lost or not"])));
    producer.assert_closed();
    let (_, told, _) = waiting.receive::<FetchRequest>(12);
    assert_eq!(told.responses[0].partitions[0].error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    let line = broker.wait_for_line("partition_offline");
    assert!(line.contains("ERROR") && line.contains("partition=victim-0"), "{line}");
    broker.wait_for_line("panicked thread=connection");
    let mut client = broker.connect();
    assert_eq!(fetch_error(&mut client), ErrorCode::KAFKA_STORAGE_ERROR);
    let refused = client.try_produce(9, 1, VICTIM, 0, &batch(&["later"]));
    assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(get(address(&broker), "/ready").status, 503);
    assert_goes_on(&broker);
    drop((client, waiting));
    assert_nothing_is_held(&broker);
    // The bytes were in the file when the panic came; nobody was told that they are.
    stop_and_recover(broker, &["before", "lost or not"]);
}

#[test]
fn a_panic_in_a_flush_is_a_failed_flush_for_all_who_wait() {
    let broker = flawed("panic-in-flush");
    let mut producers: Vec<_> = (0..8).map(|_| broker.connect()).collect();
    for producer in &mut producers {
        producer.send(9, produce_request(-1, VICTIM, 0, &batch(&["unflushed"])));
    }
    // One of them flushed, and its connection is gone; the others are told, whether they waited or came later.
    let ended = producers.iter_mut().filter_map(Client::read_frame).count();
    assert_eq!(ended, 7);
    broker.wait_for_line("partition_offline");
    assert_eq!(fetch_error(&mut broker.connect()), ErrorCode::KAFKA_STORAGE_ERROR);
    assert_goes_on(&broker);
    drop(producers);
    assert_nothing_is_held(&broker);
}

#[test]
fn a_panic_in_a_sync_takes_that_partition_offline() {
    let broker = flawed("panic-in-sync");
    let mut producer = broker.connect();
    producer.send(9, produce_request(-1, VICTIM, 0, &batch(&["unflushed"])));
    producer.assert_closed();
    broker.wait_for_line("partition_offline");
    // Nor are answers given that need no flush: nobody knows what is on the disk.
    let mut client = broker.connect();
    let refused = client.try_produce(9, 1, VICTIM, 0, &batch(&["later"]));
    assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(fetch_error(&mut client), ErrorCode::KAFKA_STORAGE_ERROR);
    assert_goes_on(&broker);
    drop(client);
    assert_nothing_is_held(&broker);
    stop_and_recover(broker, &["before", "unflushed"]);
}

#[test]
fn a_panic_in_a_deletion_takes_that_topic_offline() {
    let broker = flawed("panic-in-delete");
    let mut unlucky = broker.connect();
    let names = vec![VICTIM.to_string()];
    unlucky.send(5, sendlog::wire::messages::DeleteTopicsRequest { topic_names: names, ..Default::default() });
    unlucky.assert_closed();
    // The record is on the disk, so that the next start unlinks whatever is acknowledged now.
    let mut client = broker.connect();
    let refused = client.try_produce(9, 1, VICTIM, 0, &batch(&["to be unlinked"]));
    assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert_goes_on(&broker);
    broker.signal("TERM");
    let ended = broker.ended();
    let broker = start(ended.data, "none");
    assert_eq!(broker.connect().topic(VICTIM).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_goes_on(&broker);
    broker.stop();
}

#[test]
fn a_step_of_the_background_that_always_panics_keeps_no_other_from_being_done() {
    let broker = flawed("panic-in-tick");
    broker.wait_for_line("panicked thread=background");
    let mut client = broker.connect();
    assert_rolled_is_flushed(&broker, &mut client);
    broker.stop();
}

#[test]
fn a_panic_in_the_background_stops_neither_it_nor_the_rest() {
    let broker = flawed("panic-in-flush");
    let mut client = broker.connect();
    // Nobody waits for these but the flusher: it is due at once, since the segment is rolled.
    client.set_config(2, VICTIM, "segment.bytes", "1048576");
    for _ in 0..3 {
        let answer = client.try_produce(9, 1, VICTIM, 0, &broker::client::batch_of_size(600_000));
        assert!(answer.error_code.is_none(), "{answer:?}");
    }
    broker.wait_for_line("panicked thread=background");
    broker.wait_for_line("partition_offline");
    assert_rolled_is_flushed(&broker, &mut client);
    assert_goes_on(&broker);
}

#[test]
fn a_panic_in_a_commit_takes_that_group_out_of_service() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["value"]));
    let commit = |client: &mut Client, group: &str, offset| {
        let answer = client.call(8, commit_request(group, &[("demo", 0, offset)]));
        answer.topics[0].partitions[0].error_code
    };
    assert_eq!(
        (commit(&mut client, VICTIM, 0), commit(&mut client, "bystander", 0)),
        (ErrorCode::NONE, ErrorCode::NONE)
    );
    let broker = start(broker.stop(), "panic-in-commit");
    let mut unlucky = broker.connect();
    unlucky.send(8, commit_request(VICTIM, &[("demo", 0, 1)]));
    unlucky.assert_closed();
    let mut client = broker.connect();
    assert_eq!(commit(&mut client, VICTIM, 1), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let mut member = Member::new(broker.connect(), VICTIM);
    assert_eq!(member.join(5), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    broker.wait_for_line("group_offline group=victim");
    assert_eq!(commit(&mut client, "bystander", 1), ErrorCode::NONE);
    let mut other = Member::new(broker.connect(), "others");
    assert_eq!(other.join_twice(5), ErrorCode::NONE);
    drop((client, member, other));
    assert_nothing_is_held(&broker);
    // No log was half changed: a clean stop, and the next start reads the group back.
    let broker = start(broker.stop(), "none");
    let both = [VICTIM.to_string(), "bystander".to_string()];
    assert_eq!(committed(&mut broker.connect(), &both), [1, 1]);
    broker.stop();
}

#[test]
fn after_a_panic_in_a_change_of_topics_there_is_no_other_one() {
    let broker = start(Arc::new(scratch()), "panic-in-create");
    let mut client = broker.connect();
    client.create("bystander", 1);
    let mut unlucky = broker.connect();
    unlucky.send(
        7,
        sendlog::wire::messages::CreateTopicsRequest {
            topics: vec![broker::client::new_topic(VICTIM, 1, &[])],
            ..Default::default()
        },
    );
    unlucky.assert_closed();
    broker.wait_for_line("panicked");
    assert_eq!(client.create_with("later", 1, &[]).error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    broker.wait_for_line("registry_closed");
    assert_eq!(client.delete("bystander"), ErrorCode::KAFKA_STORAGE_ERROR);
    assert_goes_on(&broker);
    // The record was on the disk: a start finds the topic, and whatever was asked for in vain is not there.
    let broker = start(broker.stop(), "none");
    let mut client = broker.connect();
    assert_eq!(client.topic(VICTIM).error_code, ErrorCode::NONE);
    assert_eq!(client.topic("later").error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    client.create("later", 1);
    assert_goes_on(&broker);
    broker.stop();
}

#[test]
fn a_hundred_panics_leave_nothing_behind() {
    // A budget that holds two of these requests.
    let small = ["--set", "socket.request.max.bytes=1048576", "--set", "queued.max.request.bytes=1048576"];
    let broker = start_with(with_two_topics(), "panic-in-fetch", &small);
    let unknown = "x".repeat(30_000);
    let mut asked = vec![(unknown.as_str(), 0, 0); 20];
    asked.push((VICTIM, 0, 0));
    let threads = broker.threads();
    for _ in 0..100 {
        let mut client = broker.connect();
        client.send(12, fetch_request(&asked));
        client.assert_closed();
    }
    assert_goes_on(&broker);
    assert_nothing_is_held(&broker);
    until("their threads are gone", || (broker.threads() <= threads + 64).then_some(()));
    let mut client = broker.connect();
    client.send(9, produce_request(-1, VICTIM, 0, &batch(&["well"])));
    assert!(client.receive::<ProduceRequest>(9).1.responses[0].partition_responses[0].error_code.is_none());
    drop(client);
    broker.stop();
}
