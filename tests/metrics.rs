//! `/metrics`: what clients do shows in the counters, exactly where that is promised, and whatever they call things.

mod broker;

use broker::client::{batch, fetch_request, frame, produce_request};
use broker::http::{address, get, Metrics, ON_ANY_PORT};
use broker::member::Member;
use broker::{until, Broker};
use sendlog::base::ErrorCode;
use sendlog::wire::messages::{FetchRequest, MetadataRequest};

fn start() -> Broker {
    Broker::with(&ON_ANY_PORT)
}

#[test]
fn what_is_produced_and_fetched_is_counted() {
    let broker = start();
    let admin = address(&broker);
    let mut client = broker.connect();
    client.create("demo", 2);
    let records = batch(&["one", "two", "three"]);
    for partition in [0, 0, 0, 1] {
        client.produce("demo", partition, &records);
    }
    let fetched = client.fetch("demo", 0, 0).records.len() as f64;
    assert_eq!(fetched, 3.0 * records.len() as f64);
    let metrics = Metrics::scrape(admin);
    let demo = |name: &str| metrics.sum(name, &[("topic", "demo")]);
    assert_eq!(demo("sendlog_topic_in_batches_total"), 4.0);
    assert_eq!(demo("sendlog_topic_in_records_total"), 12.0);
    assert_eq!(demo("sendlog_topic_in_bytes_total"), 4.0 * records.len() as f64);
    assert_eq!(demo("sendlog_topic_out_records_total"), 9.0);
    assert_eq!(demo("sendlog_topic_out_bytes_total"), fetched);
    assert_eq!(metrics.sum("sendlog_fetch_sent_bytes_total", &[("path", "sendfile")]), fetched);
    assert_eq!(metrics.sum("sendlog_fetch_sent_bytes_total", &[("path", "copy")]), 0.0);
    let of_first = [("topic", "demo"), ("partition", "0")];
    assert_eq!(metrics.sum("sendlog_partition_log_end_offset", &of_first), 9.0);
    assert_eq!(metrics.sum("sendlog_partition_log_start_offset", &of_first), 0.0);
    assert_eq!(metrics.sum("sendlog_partition_segments", &of_first), 1.0);
    assert_eq!(metrics.sum("sendlog_partition_size_bytes", &of_first), fetched);
    let of_produce = [("api", "Produce")];
    assert_eq!(metrics.sum("sendlog_request_duration_seconds_count", &of_produce), 4.0);
    assert_eq!(metrics.sum("sendlog_request_duration_seconds_bucket", &[("api", "Produce"), ("le", "+Inf")]), 4.0);
    assert!(metrics.sum("sendlog_request_duration_seconds_sum", &of_produce) > 0.0);
    // At the least each was received, written, synced and answered.
    assert!(metrics.sum("sendlog_request_syscalls_total", &of_produce) >= 16.0);
    assert!(metrics.sum("sendlog_flush_duration_seconds_count", &[]) >= 4.0);
    assert!(metrics.sum("sendlog_flush_waits_total", &[]) >= 4.0);
}

#[test]
fn the_copy_path_is_told_from_sendfile() {
    let broker = Broker::with(&[&ON_ANY_PORT[..], &["--set", "fetch.path=copy"]].concat());
    let mut client = broker.connect();
    client.create("demo", 1);
    client.fill("demo", 0, 2, 1000);
    let fetched = client.fetch("demo", 0, 0).records.len() as f64;
    let metrics = Metrics::scrape(address(&broker));
    assert_eq!(metrics.sum("sendlog_fetch_sent_bytes_total", &[("path", "copy")]), fetched);
    assert_eq!(metrics.sum("sendlog_fetch_sent_bytes_total", &[("path", "sendfile")]), 0.0);
}

#[test]
fn a_pipeline_counts_each_of_its_requests_and_no_answer_is_a_request_too() {
    let broker = start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let one = frame(9, 1, &mut produce_request(0, "demo", 0, &batch(&["value"])));
    client.send_bytes(&one.repeat(50));
    client.bounds("demo", 0); // answered behind them
    let metrics = Metrics::scrape(address(&broker));
    assert_eq!(metrics.sum("sendlog_request_duration_seconds_count", &[("api", "Produce")]), 50.0);
    assert_eq!(metrics.sum("sendlog_topic_in_records_total", &[("topic", "demo")]), 50.0);
}

#[test]
fn errors_are_counted_where_they_are_answered() {
    let broker = start();
    let mut client = broker.connect();
    let answer = client.try_produce(9, 1, "nowhere", 0, &batch(&["value"]));
    assert_eq!(answer.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    // It is counted when the answer is on its way.
    let metrics = until("the error is counted", || {
        let metrics = Metrics::scrape(address(&broker));
        let counted = metrics.labels("sendlog_request_errors_total");
        counted.iter().any(|labels| labels["api"] == "Produce").then_some(metrics)
    });
    assert_eq!(metrics.sum("sendlog_request_errors_total", &[("api", "Produce")]), 1.0);
}

#[test]
fn a_fetch_that_waits_for_records_is_not_slow() {
    let broker = start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let request = FetchRequest { max_wait_ms: 300, min_bytes: 1, ..fetch_request(&[("demo", 0, 0)]) };
    client.fetch_with(12, request);
    // It counts when its answer is with the kernel, so perhaps a moment after the client has it.
    let metrics = until("the fetch is counted", || {
        let metrics = Metrics::scrape(address(&broker));
        let waited = metrics.labels("sendlog_request_waited_seconds_total");
        waited.iter().any(|labels| labels["api"] == "Fetch").then_some(metrics)
    });
    let of_fetch = [("api", "Fetch")];
    assert!(metrics.sum("sendlog_request_waited_seconds_total", &of_fetch) > 0.25);
    assert_eq!(metrics.sum("sendlog_request_duration_seconds_bucket", &[("api", "Fetch"), ("le", "+Inf")]), 1.0);
    assert!(metrics.sum("sendlog_request_duration_seconds_sum", &of_fetch) < 0.25);
}

#[test]
fn connections_and_limits_are_counted() {
    let limits = ["--set", "max.connections=2", "--set", "socket.request.max.bytes=100000"];
    let broker = Broker::with(&[&ON_ANY_PORT[..], &limits].concat());
    let admin = address(&broker);
    let mut first = broker.connect();
    first.metadata(&[]);
    let mut second = broker.connect();
    second.metadata(&[]);
    broker.connect().assert_closed();
    let metrics = Metrics::scrape(admin);
    assert_eq!(metrics.sum("sendlog_connections", &[]), 2.0);
    assert_eq!(metrics.sum("sendlog_connections_accepted_total", &[]), 2.0);
    assert_eq!(metrics.sum("sendlog_limit_hits_total", &[("limit", "max.connections")]), 1.0);
    second.send_bytes(&100_001_i32.to_be_bytes());
    second.assert_closed();
    let metrics = until("the connection is gone", || {
        Some(Metrics::scrape(admin)).filter(|metrics| metrics.sum("sendlog_connections", &[]) == 1.0)
    });
    assert_eq!(metrics.sum("sendlog_limit_hits_total", &[("limit", "socket.request.max.bytes")]), 1.0);
    assert_eq!(metrics.sum("sendlog_connections_closed_total", &[]), 1.0);
}

#[test]
fn a_group_shows_with_its_lag_whatever_it_is_called() {
    let name = "say \"hi\"\n\\ <script>alert(1)</script> ü";
    let broker = start();
    let admin = address(&broker);
    let mut client = broker.connect();
    client.create("demo", 1);
    client.fill("demo", 0, 10, 200);
    let mut member = Member::new(broker.connect(), name);
    assert_eq!(member.join_twice(5), ErrorCode::NONE);
    member.sync(3);
    assert_eq!(member.commit(4), ErrorCode::NONE);
    let metrics = Metrics::scrape(admin);
    assert_eq!(metrics.sum("sendlog_group_members", &[("group", name)]), 1.0);
    assert_eq!(metrics.sum("sendlog_group_state", &[("group", name), ("state", "Stable")]), 1.0);
    assert_eq!(metrics.sum("sendlog_group_generation", &[("group", name)]), 1.0);
    assert_eq!(metrics.sum("sendlog_group_rebalances_total", &[]), 1.0);
    let lag = [("group", name), ("topic", "demo"), ("partition", "0")];
    assert_eq!(metrics.sum("sendlog_group_lag_records", &lag), 6.0);
    let state = get(admin, "/state").body;
    assert!(state.contains(r#""id":"say \"hi\"\u000a\\ <script>alert(1)</script> ü""#), "{state}");
}

#[test]
fn what_the_process_uses_is_told() {
    let broker = start();
    broker.connect().call(12, MetadataRequest::default());
    let metrics = Metrics::scrape(address(&broker));
    assert!(metrics.sum("sendlog_resident_memory_bytes", &[]) > 1e6);
    assert!(metrics.sum("sendlog_cpu_seconds_total", &[]) > 0.0);
    assert!(metrics.sum("sendlog_threads", &[]) >= 3.0);
    assert_eq!(metrics.labels("sendlog_build_info")[0]["version"], env!("CARGO_PKG_VERSION"));
    assert!(metrics.sum("sendlog_disk_usable_bytes", &[]) <= metrics.sum("sendlog_disk_size_bytes", &[]));
}

#[test]
fn a_deleted_topic_takes_its_metrics_with_it() {
    let broker = start();
    let mut client = broker.connect();
    client.create("gone", 1);
    client.create("kept", 1);
    assert_eq!(client.delete("gone"), ErrorCode::NONE);
    let metrics = Metrics::scrape(address(&broker));
    let topics: Vec<_> = metrics
        .labels("sendlog_topic_in_bytes_total")
        .into_iter()
        .map(|mut it| it.remove("topic").unwrap())
        .collect();
    assert_eq!(topics, ["kept"]);
}
