//! Where settings come from: Kafka's own properties files, the environment as Kafka's image names it, the command line;
//! and what each listener tells its clients.

mod broker;

use std::net::SocketAddr;
use std::sync::Arc;

use broker::{run, run_in, scratch, Broker, Client};
use sendlog::config::KEYS;
use sendlog::wire::messages::describe_configs::{DescribeConfigsResource, BROKER};
use sendlog::wire::messages::{DescribeClusterRequest, DescribeConfigsRequest, FindCoordinatorRequest};

fn fixture(name: &str) -> String {
    format!("{}/tests/config/{name}.properties", env!("CARGO_MANIFEST_DIR"))
}

/// The value of a key and the number of its source, as clients see them.
fn described(client: &mut Client, key: &str) -> (String, i8) {
    let resource = DescribeConfigsResource {
        resource_type: BROKER,
        resource_name: "1".to_string(),
        configuration_keys: Some(vec![key.to_string()]),
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() };
    let config = client.call(4, request).results.remove(0).configs.remove(0);
    (config.value.unwrap(), config.config_source)
}

#[test]
fn kafkas_own_properties_files_start_a_broker_and_each_key_without_effect_is_named_once() {
    for name in ["kafka-4-server", "kafka-4-broker", "kafka-3-server", "kafka-3-kraft"] {
        let path = fixture(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let node_id = text.lines().find_map(|line| line.strip_prefix("node.id=").or(line.strip_prefix("broker.id=")));
        let broker = Broker::with(&["--config", &path]);
        assert_eq!(broker.connect().metadata(&[]).brokers[0].node_id.to_string(), node_id.unwrap(), "{name}");
        broker.signal("TERM");
        let log = broker.ended().stderr;
        let synonyms = ["broker.id", "log.retention.hours"];
        for key in text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('=').next().unwrap()) {
            let remarks = log.iter().filter(|line| line.contains(&format!(" {key} is without"))).count();
            let is_served = KEYS.iter().any(|served| served.name == key) || synonyms.contains(&key);
            assert_eq!(remarks, usize::from(!is_served), "{name}: {key}: {log:#?}");
        }
    }
}

#[test]
fn the_properties_file_of_a_controller_alone_is_refused() {
    let ended = run(&["--config", &fixture("kafka-4-controller")]);
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(2), 1), "{:#?}", ended.stderr);
    assert!(ended.stderr[0].contains("process.roles=controller"), "{:#?}", ended.stderr);
}

#[test]
fn a_controllers_listener_is_not_bound_and_named() {
    let data = Arc::new(scratch());
    let file = data.path().join("server.properties");
    let text = "process.roles=broker,controller\nlisteners=PLAINTEXT://:0,CONTROLLER://:9093\n\
                controller.listener.names=CONTROLLER\nadvertised.listeners=PLAINTEXT://localhost:9092\n\
                listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n";
    std::fs::write(&file, text).unwrap();
    let broker = Broker::run(data, &["--config", file.to_str().unwrap(), "--ephemeral"]);
    assert!(broker.address.ip().is_unspecified(), "no host is all interfaces, not {}", broker.address);
    broker.wait_for_line("not_listening address=CONTROLLER://:9093");
    let told = Client::connect(SocketAddr::from(([127, 0, 0, 1], broker.address.port()))).metadata(&[]);
    assert_eq!((told.brokers[0].host.as_str(), told.brokers[0].port), ("localhost", 9092));
}

#[test]
fn the_environment_is_named_as_kafkas_image_names_it() {
    let data = Arc::new(scratch());
    let file = data.path().join("server.properties");
    std::fs::write(&file, "num.partitions=2\nmessage.max.bytes=3000\n").unwrap();
    let variables = [
        ("CLUSTER_ID", "MkU3OEVBNTcwNTJENDM2Qk"),
        ("KAFKA_NUM_PARTITIONS", "5"),
        ("KAFKA_LOG_RETENTION_HOURS", "2"),
        ("KAFKA_PROCESS_ROLES", "broker,controller"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093"),
        ("KAFKA_FLUSH_MODE", "os"),
        ("KAFKA_HEAP_OPTS", "-Xmx1g"),
        ("KAFKA_BOOTSTRAP_SERVERS", "elsewhere:9092"),
    ];
    let arguments = ["--listen", "127.0.0.1:0", "--config", file.to_str().unwrap(), "--set", "flush.mode=always"];
    let broker = Broker::run_in(data, &variables, &arguments);
    let mut client = broker.connect();
    assert_eq!(client.metadata(&[]).cluster_id.as_deref(), Some("MkU3OEVBNTcwNTJENDM2Qk"));
    for (key, value) in [
        ("num.partitions", "5"),
        ("log.retention.ms", "7200000"),
        ("message.max.bytes", "3000"),
        ("flush.mode", "always"),
    ] {
        assert_eq!(described(&mut client, key), (value.to_string(), 4), "{key}");
    }
    broker.wait_for_line("controller.quorum.voters is without effect");
    broker.wait_for_line("KAFKA_BOOTSTRAP_SERVERS of the environment is without effect");
    assert!(!broker.log().iter().any(|line| line.contains("HEAP")), "{:#?}", broker.log());
    let data = broker.stop();
    // The directory has its cluster now.
    let again = Broker::run_in(data, &[("CLUSTER_ID", "5L6g3nShT-eMCtK--X86sw")], &arguments);
    assert_eq!(again.connect().metadata(&[]).cluster_id.as_deref(), Some("MkU3OEVBNTcwNTJENDM2Qk"));
    again.wait_for_line("belongs to cluster MkU3OEVBNTcwNTJENDM2Qk");
}

#[test]
fn what_the_environment_gets_wrong_is_named() {
    for (variable, value, says) in [
        ("KAFKA_NUM_PARTITION", "5", "KAFKA_NUM_PARTITIONS"),
        ("KAFKA_NUM_PARTITIONS", "five", "whole number"),
        ("KAFKA_LOG_DIRS", "/a,/b", "one directory"),
        ("KAFKA_AUTHORIZER_CLASS_NAME", "org.example.Authorizer", "firewall"),
        ("CLUSTER_ID", "my cluster", "base64url"),
    ] {
        let ended = run_in(&[(variable, value)], &["--listen", "127.0.0.1:0"]);
        assert_eq!((ended.status.code(), ended.stderr.len()), (Some(2), 1), "{variable}: {:#?}", ended.stderr);
        assert!(ended.stderr[0].contains(says), "{variable}: {:#?}", ended.stderr);
    }
    let printed = run_in(&[("KAFKA_NUM_PARTITIONS", "5")], &["--print-config"]).stdout.join("\n");
    assert!(printed.contains("num.partitions=5\n#   default 1, from environment"), "{printed}");
}

#[test]
fn each_client_is_told_the_address_of_the_listener_that_it_came_in_by() {
    let broker = Broker::with(&[
        "--set",
        "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "--set",
        "advertised.listeners=INSIDE://broker:29092,OUTSIDE://broker.example:9092",
        "--listen",
        "INSIDE://127.0.0.1:0",
        "--listen",
        "outside://127.0.0.1:0",
    ]);
    let address_of = |name: &str| -> SocketAddr {
        let line = broker.wait_for_output(&format!("also listening on {name}://"));
        line.rsplit_once('/').unwrap().1.parse().unwrap()
    };
    let plain = broker.address;
    for (address, host, port) in [
        (plain, "127.0.0.1", plain.port()),
        (address_of("INSIDE"), "broker", 29092),
        (address_of("OUTSIDE"), "broker.example", 9092),
    ] {
        let mut client = Client::connect(address);
        let metadata = client.metadata(&[]).brokers.remove(0);
        let cluster = client.call(0, DescribeClusterRequest::default()).brokers.remove(0);
        let request = FindCoordinatorRequest { key: "group".to_string(), ..FindCoordinatorRequest::default() };
        let coordinator = client.call(2, request);
        let expected = (host, i32::from(port));
        assert_eq!((metadata.host.as_str(), metadata.port), expected);
        assert_eq!((cluster.host.as_str(), cluster.port), expected);
        assert_eq!((coordinator.host.as_str(), coordinator.port), expected);
    }
    let (listeners, _) = described(&mut broker.connect(), "listeners");
    assert_eq!(listeners, "PLAINTEXT://127.0.0.1:0,INSIDE://127.0.0.1:0,outside://127.0.0.1:0");
}

/// Takes ten seconds: the broker's patience.
#[test]
fn a_client_that_was_told_an_address_and_did_not_come_back_is_told_of() {
    let advertised = ["--set", "advertised.listeners=broker.example:9092"];
    let (served, stranding) = (Broker::with(&advertised), Broker::with(&advertised));
    // One that goes on by the first connection, since it dialled what it was told and something translated it.
    let mut client = served.connect();
    client.metadata(&[]);
    client.create("demo", 1);
    // One that asks, over and over, and never comes back.
    let mut stranded = stranding.connect();
    (0..3).for_each(|_| drop(stranded.metadata(&[])));
    let line = stranding.wait_for_line("broker.example:9092");
    for part in ["127.0.0.1", "PLAINTEXT", "advertised.listeners"] {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
    served.signal("TERM");
    let log = served.ended().stderr;
    assert!(!log.iter().any(|line| line.contains("advertised.listeners")), "{log:#?}");
    drop(client);
}
