//! Limits: what is beyond one is refused with its key, for the client, in the log and in `/metrics`, and whoever stays
//! within it goes on undisturbed.

mod broker;

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};

use broker::client::{batch, batch_of_size, fetch_request, frame, new_topic, produce_request, Client};
use broker::http::{address, Metrics, ON_ANY_PORT};
use broker::member::{commit_request, Member};
use broker::{until, Broker};
use sendlog::base::ErrorCode;
use sendlog::wire::messages::create_partitions::CreatePartitionsTopic;
use sendlog::wire::messages::{ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest, FetchRequest};

/// A broker with these keys set, and metrics.
fn with(set: &[&str]) -> Broker {
    let mut arguments = ON_ANY_PORT.to_vec();
    arguments.extend(set.iter().flat_map(|pair| ["--set", pair]));
    Broker::with(&arguments)
}

/// How often a limit was hit, as soon as that is at least once.
fn hits(broker: &Broker, limit: &str) -> f64 {
    until(&format!("{limit} is counted"), || {
        let metrics = Metrics::scrape(address(broker));
        Some(metrics.sum("sendlog_limit_hits_total", &[("limit", limit)])).filter(|hits| *hits > 0.0)
    })
}

/// The limit was said in the log, and counted once.
fn assert_said(broker: &Broker, limit: &str) {
    broker.wait_for_line(limit);
    assert_eq!(hits(broker, limit), 1.0, "{limit}");
}

/// A connection that comes from this address of the loopback.
fn connect_from(host: &str, broker: &Broker) -> TcpStream {
    let address = |ip: Ipv4Addr, port: u16| libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(ip).to_be() },
        sin_zero: [0; 8],
    };
    let (from, to) = (address(host.parse().unwrap(), 0), address(Ipv4Addr::LOCALHOST, broker.address.port()));
    let size = size_of::<libc::sockaddr_in>() as u32;
    // SAFETY: the socket is ours, and both addresses are whole and outlive the calls.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(socket >= 0);
        let socket = TcpStream::from_raw_fd(socket);
        assert_eq!(libc::bind(socket.as_raw_fd(), (&raw const from).cast(), size), 0);
        assert_eq!(libc::connect(socket.as_raw_fd(), (&raw const to).cast(), size), 0);
        socket
    }
}

fn is_served(client: &mut Client) -> bool {
    let sent = client.socket.write_all(&frame(3, 7, &mut ApiVersionsRequest::default()));
    sent.is_ok() && client.read_frame().is_some()
}

#[test]
fn an_address_has_so_many_connections_and_others_have_theirs() {
    let broker = with(&["max.connections.per.ip=2", "max.connections.per.ip.overrides=127.0.0.2:1,127.0.0.3:100"]);
    let from = |host: &str| Client::on(connect_from(host, &broker));
    let mut first = [from("127.0.0.1"), from("127.0.0.1"), from("127.0.0.2")];
    assert!(first.iter_mut().all(is_served));
    for host in ["127.0.0.1", "127.0.0.2"] {
        let surplus = from(host);
        let line = broker.wait_for_line(&surplus.name());
        assert!(line.contains("connection_refused") && line.contains("max.connections.per.ip"), "{line}");
        surplus.assert_closed();
    }
    let mut others = [from("127.0.0.3"), from("127.0.0.3"), from("127.0.0.3"), from("127.0.0.4")];
    assert!(others.iter_mut().all(is_served));
    assert_eq!(hits(&broker, "max.connections.per.ip"), 2.0);
    drop(first);
    until("who goes makes room", || is_served(&mut from("127.0.0.2")).then_some(()));
}

#[test]
fn numbers_per_address_that_are_none_are_refused() {
    let ended = broker::run(&["--set", "max.connections.per.ip.overrides=broker.example:5"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr[0].contains("a list of ADDRESS:COUNT"), "{:?}", ended.stderr);
}

#[test]
fn connections_leave_descriptors_to_the_files_of_the_log() {
    let broker = Broker::under(64 + 128 + 16, &ON_ANY_PORT);
    broker.wait_for_line("few_open_files");
    let mut client = broker.connect();
    client.create("demo", 1);
    let crowd: Vec<_> = (0..150).map(|_| broker.connect()).collect();
    broker.wait_for_line("RLIMIT_NOFILE");
    assert!(hits(&broker, "RLIMIT_NOFILE") > 1.0);
    // Segments are made and synced all the same.
    for topic in ["a", "b", "c", "d", "e"] {
        client.create(topic, 1);
        client.produce(topic, 0, &batch(&["value"]));
    }
    drop(crowd);
    until("the crowd is gone", || is_served(&mut broker.connect()).then_some(()));
}

#[test]
fn a_connection_begins_with_a_small_request() {
    let broker = with(&["first.request.max.bytes=1000"]);
    broker.connect().create("demo", 1);
    let large = frame(9, 1, &mut produce_request(1, "demo", 0, &batch_of_size(5000)));
    let mut client = broker.connect();
    client.send_bytes(&large[..100]);
    client.assert_closed();
    assert_said(&broker, "first.request.max.bytes");
    // Whoever has been understood sends what it likes, also in one go.
    let mut client = broker.connect();
    client.send_bytes(&[frame(3, 1, &mut ApiVersionsRequest::default()), large].concat());
    assert!(client.read_frame().is_some() && client.read_frame().is_some());
}

#[test]
fn a_frame_that_comes_too_slowly_is_closed() {
    let broker = with(&["request.body.grace.ms=300", "request.body.min.bytes.per.second=1000000"]);
    // Half a size, half a frame, and one that goes on coming, a byte at a time.
    for (bytes, drips) in [(&[0, 0][..], false), (&[0, 0, 1, 0, 7][..], false), (&[0, 1, 0, 0, 7][..], true)] {
        let mut client = broker.connect();
        client.send_bytes(bytes);
        let name = client.name();
        until("the slow one is closed", || {
            let goes_on = !drips || client.socket.write_all(&[7]).is_ok();
            let line = broker.log().into_iter().find(|line| line.contains(&name));
            assert!(goes_on || line.is_some());
            line.filter(|line| line.contains("request.body.min.bytes.per.second"))
        });
    }
    assert_eq!(hits(&broker, "request.body.min.bytes.per.second"), 3.0);
    // One that comes slowly, and fast enough.
    let mut client = broker.connect();
    let request = frame(3, 1, &mut ApiVersionsRequest::default());
    request.iter().for_each(|byte| client.send_bytes(&[*byte]));
    assert!(client.read_frame().is_some());
}

#[test]
fn a_client_that_does_not_read_its_answer_is_given_up() {
    for path in ["sendfile", "copy"] {
        let broker = with(&["socket.write.timeout.ms=300", &format!("fetch.path={path}")]);
        let mut client = broker.connect();
        client.create("demo", 1);
        client.fill("demo", 0, 30, 1_000_000);
        let mut stalled = broker.connect();
        let name = stalled.name();
        let request = FetchRequest { max_bytes: i32::MAX, ..fetch_request(&[("demo", 0, 0)]) };
        stalled.send(12, request);
        let line = broker.wait_for_line(&format!("client={name}"));
        assert!(line.contains("socket.write.timeout.ms"), "{path}: {line}");
        assert_eq!(hits(&broker, "socket.write.timeout.ms"), 1.0);
        let gone =
            || Some(Metrics::scrape(address(&broker)).sum("sendlog_connections", &[])).filter(|open| *open == 1.0);
        until("its place is free", gone);
    }
}

#[test]
fn an_idle_connection_is_closed() {
    let broker = with(&["connections.max.idle.ms=1000"]);
    let mut client = broker.connect();
    client.call(3, ApiVersionsRequest::default());
    client.assert_closed();
    assert_said(&broker, "connections.max.idle.ms");
    assert_eq!(broker.warnings(), Vec::<String>::new(), "that is nothing to worry about");
}

#[test]
fn there_are_so_many_topics_and_partitions() {
    let broker = with(&["max.topics=2", "max.partitions=10", "max.partitions.per.request=5", "num.partitions=2"]);
    let mut client = broker.connect();
    // Of the request as a whole: neither of them is made.
    let two =
        CreateTopicsRequest { topics: vec![new_topic("a", 3, &[]), new_topic("b", 3, &[])], ..Default::default() };
    for topic in client.call(7, two).topics {
        assert_eq!(topic.error_code, ErrorCode::POLICY_VIOLATION);
        assert!(topic.error_message.unwrap().contains("max.partitions.per.request"));
    }
    assert_said(&broker, "max.partitions.per.request");
    client.create("a", 5);
    client.create("b", 4);
    let grow = |client: &mut Client, name: &str, count| {
        let topic = CreatePartitionsTopic { name: name.to_string(), count, assignments: None };
        let request = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
        client.call(3, request).results.remove(0)
    };
    let grown = grow(&mut client, "b", 6);
    assert_eq!(grown.error_code, ErrorCode::POLICY_VIOLATION);
    assert!(grown.error_message.unwrap().contains("max.partitions"));
    broker.wait_for_line("limit=max.partitions ");
    assert_eq!(hits(&broker, "max.partitions"), 1.0);
    assert_eq!(grow(&mut client, "b", 5).error_code, ErrorCode::NONE);
    let third = client.create_with("c", 1, &[]);
    assert_eq!(third.error_code, ErrorCode::POLICY_VIOLATION);
    assert!(third.error_message.unwrap().contains("max.topics"));
    assert_said(&broker, "max.topics");
    // Asking for one that is not there makes none either.
    client.metadata_that_creates("d");
    assert_eq!(client.topic("d").error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    // A name that is taken is told as such, and a topic that goes makes room.
    assert_eq!(client.create_with("a", 1, &[]).error_code, ErrorCode::TOPIC_ALREADY_EXISTS);
    assert_eq!(client.delete("a"), ErrorCode::NONE);
    client.create("c", 1);
}

#[test]
fn there_are_so_many_groups() {
    let broker = with(&["max.groups=2"]);
    let mut client = broker.connect();
    client.create("demo", 1);
    let mut commit = |group: &str| {
        let answer = client.call(8, commit_request(group, &[("demo", 0, 0)]));
        answer.topics[0].partitions[0].error_code
    };
    assert_eq!((commit("a"), commit("b"), commit("a")), (ErrorCode::NONE, ErrorCode::NONE, ErrorCode::NONE));
    assert_eq!(commit("c"), ErrorCode::POLICY_VIOLATION);
    assert_said(&broker, "max.groups");
    assert_eq!(Member::new(broker.connect(), "d").join(5), ErrorCode::POLICY_VIOLATION);
    let mut member = Member::new(broker.connect(), "b");
    assert_eq!(member.join_twice(5), ErrorCode::NONE, "one that is there");
}

#[test]
fn members_say_so_much_and_have_names_so_long() {
    let broker = with(&["group.max.bytes=2000", "group.name.max.bytes=100", "group.max.size=1"]);
    let member = |group: &str, metadata: usize| {
        let mut member = Member::new(broker.connect(), group);
        member.metadata = vec![7; metadata];
        member
    };
    let mut small = member("readers", 900);
    assert_eq!(small.join_twice(5), ErrorCode::NONE);
    assert!(small.sync(3).error_code.is_none());
    let mut large = member("readers", 1200);
    large.group = "writers".to_string();
    large.metadata = vec![7; 2001];
    assert_eq!(large.join_twice(5), ErrorCode::POLICY_VIOLATION);
    assert_eq!(small.beat(), ErrorCode::NONE, "the one that is there goes on");
    broker.wait_for_line("group.max.bytes");
    assert_eq!(member(&"g".repeat(101), 10).join(5), ErrorCode::INVALID_GROUP_ID);
    let mut named = member("readers", 10);
    named.instance = Some("i".repeat(101));
    assert_eq!(named.join(5), ErrorCode::INVALID_REQUEST);
    broker.wait_for_line("group.name.max.bytes");
    assert_eq!(hits(&broker, "group.name.max.bytes"), 2.0);
    assert_eq!(member("readers", 10).join(3), ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_said(&broker, "group.max.size");
}

#[test]
fn what_is_beyond_the_budget_waits_and_is_told() {
    let broker = with(&["queued.max.request.bytes=1048576", "socket.request.max.bytes=1048576"]);
    let mut silent: Vec<_> = (0..8).map(|_| broker.connect()).collect();
    silent
        .iter_mut()
        .for_each(|client| client.send_bytes(&[&1_000_000_i32.to_be_bytes()[..], &[0; 100]].concat()));
    broker.wait_for_line("queued.max.request.bytes");
    assert!(hits(&broker, "queued.max.request.bytes") > 0.0);
    drop(silent);
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch_of_size(900_000));
}

#[test]
fn who_waits_for_the_budget_and_vanishes_frees_its_place() {
    let small = ["queued.max.request.bytes=1048576", "socket.request.max.bytes=1048576"];
    let broker = with(&[small[0], small[1], "request.body.grace.ms=60000"]);
    let claim = |_| {
        let mut client = broker.connect();
        client.send_bytes(&[&1_000_000_i32.to_be_bytes()[..], &[0; 100]].concat());
        client
    };
    // Two of them fill it, and keep it.
    let holders: Vec<_> = (0..2).map(claim).collect();
    let mut other = broker.connect();
    (0..20).for_each(|_| assert!(is_served(&mut other)));
    let crowd: Vec<_> = (0..20).map(claim).collect();
    until("all others wait", || (hits(&broker, "queued.max.request.bytes") == 20.0).then_some(()));
    let open = || Metrics::scrape(address(&broker)).sum("sendlog_connections", &[]);
    drop(crowd);
    until("their places are free", || (open() == 3.0).then_some(()));
    drop(holders);
}

#[test]
fn metadata_beside_an_offset_has_its_length() {
    let broker = with(&["offset.metadata.max.bytes=10"]);
    let mut client = broker.connect();
    client.create("demo", 1);
    let mut request = commit_request("readers", &[("demo", 0, 0)]);
    request.topics[0].partitions[0].committed_metadata = Some("x".repeat(11));
    let answer = client.call(8, request);
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::OFFSET_METADATA_TOO_LARGE);
    assert_said(&broker, "offset.metadata.max.bytes");
}

#[test]
fn large_requests_leave_no_memory_behind() {
    let broker = with(&[]);
    let mut clients: Vec<_> = (0..8).map(|_| broker.connect()).collect();
    let unknown = frame(9, 1, &mut produce_request(1, "none", 0, &batch_of_size(40_000_000)));
    for client in &mut clients {
        client.call(3, ApiVersionsRequest::default());
        client.send_bytes(&unknown);
        assert!(client.read_frame().is_some());
    }
    let kb = broker.memory_kb();
    assert!(kb < 64 << 10, "eight idle connections hold {kb} kB");
}

#[test]
fn refusals_do_not_fill_the_log() {
    let broker = with(&["max.connections=1", "log.repeat.max=3"]);
    let mut client = broker.connect();
    client.create("demo", 1);
    for _ in 0..20 {
        broker.connect().assert_closed();
    }
    assert_eq!(hits(&broker, "max.connections"), 20.0);
    let said = broker.log().iter().filter(|line| line.contains("connection_refused client=")).count();
    assert_eq!(said, 3);
}
