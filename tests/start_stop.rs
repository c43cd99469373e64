//! From the ready line to the exit code: what a start promises, what a stop leaves behind, and what a kill costs.

mod broker;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use broker::client::{batch, fetch_request, produce_request, Client};
use broker::{scratch, tree, Broker};
use sendlog::base::ErrorCode;
use sendlog::wire::messages::{ApiVersionsRequest, FetchRequest, ProduceRequest};

const MARKER: &str = ".kafka_cleanshutdown";

fn serves(address: std::net::SocketAddr) -> bool {
    !Client::connect(address).call(3, ApiVersionsRequest::default()).api_keys.is_empty()
}

#[test]
fn the_ready_line_comes_once_and_means_that_clients_are_served() {
    let broker = Broker::start();
    assert!(serves(broker.address));
    assert_ne!(broker.address.port(), 0, "port 0 picks one and says which");
    let ready = format!("listening on {}", broker.address);
    broker.signal("TERM");
    assert_eq!(broker.ended().stdout, [ready]);
}

#[test]
fn each_listener_serves_and_each_client_is_told_the_address_it_dialled() {
    let Ok(free) = TcpListener::bind("[::1]:0") else {
        println!("skipped: this machine has no IPv6 loopback");
        return;
    };
    let v6 = free.local_addr().unwrap();
    drop(free);
    let broker = Broker::with(&["--listen", &v6.to_string()]);
    for address in [broker.address, v6] {
        let metadata = Client::connect(address).metadata(&[]);
        let told: Vec<_> = metadata.brokers.iter().map(|broker| (broker.host.as_str(), broker.port)).collect();
        assert_eq!(told, [(address.ip().to_string().as_str(), i32::from(address.port()))]);
    }
}

#[test]
fn advertised_listeners_overrides_the_address_that_was_dialled() {
    let broker = Broker::with(&["--set", "advertised.listeners=PLAINTEXT://broker.example:1234", "--set", "node.id=7"]);
    let metadata = broker.connect().metadata(&[]);
    let told = &metadata.brokers[0];
    assert_eq!((told.node_id, told.host.as_str(), told.port), (7, "broker.example", 1234));
    assert_eq!(metadata.controller_id, 7);
}

#[test]
fn a_clean_stop_leaves_a_marker_and_the_next_start_scans_nothing() {
    for signal in ["TERM", "INT"] {
        let broker = Broker::start();
        let mut client = broker.connect();
        client.create("demo", 2);
        client.produce("demo", 0, &batch(&["a", "b"]));
        broker.signal(signal);
        let ended = broker.ended();
        assert_eq!(ended.status.code(), Some(0), "SIG{signal}: {:#?}", ended.stderr);
        assert!(ended.data.path().join("data").join(MARKER).exists(), "SIG{signal}");
        let broker = Broker::on(ended.data, &[]);
        assert_eq!(broker.warnings(), Vec::<String>::new(), "a start after a clean stop has nothing to say");
        assert!(!broker.folder().join(MARKER).exists(), "the marker is gone while the broker runs");
        assert_eq!(broker.connect().bounds("demo", 0), (0, 2));
    }
}

#[test]
fn a_start_after_a_kill_says_in_one_line_what_it_recovered() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    client.produce("demo", 0, &batch(&["a", "b"]));
    client.try_produce(9, 1, "demo", 1, &batch(&["c"]));
    let broker = Broker::on(broker.kill(), &[]);
    let line = broker.wait_for_line("the last stop was not clean");
    assert!(line.contains("recovered 2 partitions") && line.contains("0 offline"), "{line}");
    assert_eq!(broker.warnings(), [line]);
    let mut client = broker.connect();
    assert_eq!((client.bounds("demo", 0), client.bounds("demo", 1)), ((0, 2), (0, 1)));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let ended = broker.stop_twice("demo");
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.iter().any(|line| line.contains("a second signal")), "{:#?}", ended.stderr);
    assert!(!ended.data.path().join("data").join(MARKER).exists(), "not a clean stop");
}

/// As `timeout(1)` sends them, which signals its child and then the whole group; two of one kind would be one.
#[test]
fn two_signals_at_the_same_moment_are_one() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let both = format!("kill -TERM {0} && kill -INT {0}", broker.pid());
    assert!(std::process::Command::new("sh").args(["-c", &both]).status().unwrap().success());
    let ended = broker.ended();
    assert!(ended.status.success(), "{}: {:#?}", ended.status, ended.stderr);
    assert!(ended.data.path().join("data").join(MARKER).exists(), "a clean stop");
}

#[test]
fn a_stop_answers_the_fetches_that_wait_and_closes_idle_connections() {
    let broker = Broker::with(&["--set", "log.requests=true"]);
    let (mut idle, mut consumer) = (broker.connect(), broker.connect());
    idle.create("demo", 1);
    consumer.send(12, FetchRequest { max_wait_ms: 300_000, ..fetch_request(&[("demo", 0, 0)]) });
    broker.wait_for_line(&format!("client={} Fetch", consumer.name()));
    broker.signal("TERM");
    let fetched = consumer.receive_fetched(12).remove(0);
    assert_eq!((fetched.error(), fetched.records.len()), (ErrorCode::NONE, 0));
    consumer.assert_closed();
    idle.assert_closed();
    assert!(broker.ended().status.success());
}

#[test]
fn what_was_acknowledged_before_a_stop_is_there_after_it() {
    let mut data = Arc::new(scratch());
    let mut acknowledged = 0;
    for round in 0..3 {
        let broker = Broker::on(data, &[]);
        let mut client = broker.connect();
        if round == 0 {
            client.create("demo", 1);
        }
        let mut sender = client.socket.try_clone().unwrap();
        let frame = broker::client::frame(9, 1, &mut produce_request(-1, "demo", 0, &batch(&["value"])));
        // Sends until the broker closes the connection.
        let writer = std::thread::spawn(move || while std::io::Write::write_all(&mut sender, &frame).is_ok() {});
        let mut stopped = false;
        let mut answers = 0;
        while let Some(frame) = client.read_frame_or_end() {
            let answer = sendlog::wire::frame::decode_response::<ProduceRequest>(&frame, 9).unwrap().1;
            let result = &answer.responses[0].partition_responses[0];
            assert!(result.error_code.is_none(), "{result:?}");
            acknowledged = result.base_offset + 1;
            answers += 1;
            if answers > 100 && !stopped {
                broker.signal("TERM");
                stopped = true;
            }
        }
        writer.join().unwrap();
        let ended = broker.ended();
        assert!(ended.status.success(), "{:#?}", ended.stderr);
        data = ended.data;
        let broker = Broker::on(data, &[]);
        assert_eq!(broker.warnings(), Vec::<String>::new());
        let (_, end) = broker.connect().bounds("demo", 0);
        assert!(end >= acknowledged, "{acknowledged} were acknowledged, {end} are there");
        data = broker.stop();
    }
}

#[test]
fn clients_that_never_pause_do_not_keep_the_broker_from_stopping() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let frames =
        |acks| broker::client::frame(9, 1, &mut produce_request(acks, "demo", 0, &batch(&["value"]))).repeat(50);
    let flood = |acks| {
        let (mut client, frames) = (broker.connect(), frames(acks));
        let mut sender = client.socket.try_clone().unwrap();
        let writer = std::thread::spawn(move || while std::io::Write::write_all(&mut sender, &frames).is_ok() {});
        let first = client.read_frame();
        assert!(acks == 0 || first.is_some());
        let reader = std::thread::spawn(move || while client.read_frame_or_end().is_some() {});
        [writer, reader]
    };
    let threads = [-1, -1, 1, -1].map(flood);
    broker.signal("TERM");
    let ended = broker.ended();
    let warnings: Vec<_> = ended.stderr.iter().filter(|line| !line.contains(" INFO ")).collect();
    assert_eq!((ended.status.code(), warnings.len()), (Some(0), 0), "nobody was cut off: {warnings:#?}");
    threads.into_iter().flatten().for_each(|thread| thread.join().unwrap());
}

#[test]
fn ephemeral_data_is_gone_when_the_broker_is() {
    let data = Arc::new(scratch());
    // The helper makes this folder the one for temporary files.
    let broker = Broker::run(data.clone(), &["--ephemeral", "--listen", "127.0.0.1:0"]);
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["a"]));
    let found = tree(data.path());
    assert!(found.iter().any(|path| path.ends_with("demo-0")), "{found:#?}");
    broker.stop();
    assert_eq!(tree(data.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_clusters_identity_survives_stops_and_kills() {
    let broker = Broker::start();
    let identity = |broker: &Broker| {
        let file = std::fs::read_to_string(broker.folder().join("meta.properties")).unwrap();
        (file, broker.connect().metadata(&[]).cluster_id)
    };
    let first = identity(&broker);
    assert!(first.0.contains("version=1") && first.1.as_ref().is_some_and(|id| id.len() == 22), "{first:?}");
    let broker = Broker::on(broker.stop(), &[]);
    assert_eq!(identity(&broker), first);
    let broker = Broker::on(broker.kill(), &[]);
    assert_eq!(identity(&broker), first);
    assert_ne!(identity(&Broker::start()), first, "each data directory is a cluster of its own");
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn nobody_else_may_read_the_data_and_the_root_holds_nothing_but_partitions() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("demo", 2, &[("segment.bytes", "1048576")]);
    client.fill("demo", 0, 3, 500_000);
    client.create("gone", 1);
    assert_eq!(client.delete("gone"), ErrorCode::NONE);
    let data = broker.stop();
    let broker = Broker::on(data, &[]);
    let root = broker.folder();
    assert_eq!(mode(&root), 0o700);
    let found = tree(&root);
    assert!(found.len() > 12, "{found:#?}");
    for path in found {
        let whole = root.join(&path);
        assert_eq!(mode(&whole), if whole.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        let is_partition = path.to_str().is_some_and(|name| ["demo-0", "demo-1"].contains(&name));
        assert!(!whole.is_dir() || is_partition, "{} is no partition", path.display());
    }
}
