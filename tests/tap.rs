//! `sendlog tap` and `/tap`: requests and answers of a running broker, decoded; and what a reader must not be able to do.

mod broker;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::Child;

use broker::client::{batch, fetch_request, frame, produce_request, Client};
use broker::http::{address, ask, connect, get, ON_ANY_PORT};
use broker::lines::Lines;
use broker::{command, scratch, Broker};
use sendlog::wire::messages::{ApiVersionsRequest, MetadataRequest};

/// A reader of the tap, whose lines come without times and ports.
struct Tap(BufReader<std::net::TcpStream>);

impl Tap {
    fn open(admin: SocketAddr, query: &str) -> Tap {
        let mut socket = connect(admin);
        write!(socket, "GET /tap?{query} HTTP/1.1\r\nHost: {admin}\r\n\r\n").unwrap();
        let mut lines = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("Content-Length"), "{head}");
        Tap(lines)
    }

    fn whole_line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    fn line(&mut self) -> String {
        shown(&self.whole_line())
    }
}

/// Without the time and the port.
fn shown(line: &str) -> String {
    let mut words = line.splitn(3, ' ');
    let (time, peer) = (words.next().unwrap(), words.next().unwrap());
    let is_time = time.len() == "03:51:47.123456".len() && time.chars().all(|c| c.is_ascii_digit() || ":.".contains(c));
    assert!(is_time && peer.starts_with("127.0.0.1:"), "{line}");
    words.next().unwrap().to_string()
}

/// What a stock client might do.
fn produce_and_fetch(client: &mut Client) {
    client.call(3, ApiVersionsRequest::default());
    client.call(7, produce_request(-1, "orders", 0, &batch(&["apples", "pears"])));
    client.fetch_with(11, fetch_request(&[("orders", 0, 0)]));
    client.call(1, MetadataRequest { topics: Some(vec![]), ..Default::default() });
}

#[test]
fn requests_and_answers_are_shown_in_order() {
    let broker = Broker::with(&[&ON_ANY_PORT[..], &["--topic", "orders:1"]].concat());
    let mut tap = Tap::open(address(&broker), "");
    let mut placed = Tap::open(address(&broker), "places&api=fetch");
    produce_and_fetch(&mut broker.connect());
    let mut lines: Vec<String> = (0..8).map(|_| tap.line()).collect();
    assert!(
        lines[1].starts_with(r#""test" #1 < "#) && lines[1].contains(" bytes ApiVersions v3 NONE [[0 0 9] [1 4 12] "),
        "{}",
        lines[1]
    );
    assert!(
        lines[7].starts_with(r#""test" #4 < "#) && lines[7].contains(" bytes Metadata v1 [[1 "),
        "{}",
        lines[7]
    );
    lines[1] = String::from("...");
    lines[7] = String::from("...");
    lines.extend([placed.line(), placed.line()]);
    let golden = include_str!("scripts/tap/lines.txt");
    let text = lines.join("\n") + "\n";
    assert_eq!(text, golden, "REWRITE: tests/scripts/tap/lines.txt is to be\n{text}");
}

#[test]
fn a_reader_gets_what_it_asks_for() {
    let broker = Broker::with(&[&ON_ANY_PORT[..], &["--topic", "orders:1", "--topic", "other:1"]].concat());
    let admin = address(&broker);
    let (mut one, mut other) = (broker.connect(), broker.connect());
    let mut by_api = Tap::open(admin, "api=metadata");
    let mut by_topic = Tap::open(admin, "topic=other");
    let mut by_client = Tap::open(admin, &format!("client={}", other.name()));
    let mut by_id = Tap::open(admin, "client=%74est&api=Produce");
    one.produce("orders", 0, &batch(&["a"]));
    one.produce("other", 0, &batch(&["b"]));
    other.metadata(&["orders"]);
    let line = by_api.line();
    assert!(line.contains(" > ") && line.contains(" Metadata "), "{line}");
    for arrow in [" > ", " < "] {
        let line = by_topic.line();
        assert!(
            line.contains(arrow) && line.contains(r#" Produce v"#) && line.contains(r#"["other" [[0 "#),
            "{line}"
        );
    }
    assert!(by_client.whole_line().split(' ').nth(1).unwrap() == other.name());
    assert!(by_id.line().contains(r#"["orders" [[0 "#));
    let refused = get(admin, "/tap");
    assert_eq!((refused.status, refused.body.as_str()), (503, "4 others look already: end one of them first\n"));
    drop(by_api);
    broker::until("room for another", || (get_head(admin) == 200).then_some(()));
    for (query, says) in
        [("api=Produces", "there is no API \"Produces\" here"), ("colour=red", "\"colour\" is not known")]
    {
        let refused = get(admin, &format!("/tap?{query}"));
        assert!(refused.status == 400 && refused.body.contains(says), "{refused:?}");
    }
}

/// Opens a tap and leaves it; the status.
fn get_head(admin: SocketAddr) -> u16 {
    let mut socket = connect(admin);
    write!(socket, "GET /tap HTTP/1.1\r\nHost: {admin}\r\n\r\n").unwrap();
    let mut status = [0; 12];
    socket.read_exact(&mut status).unwrap();
    std::str::from_utf8(&status[9..]).unwrap().parse().unwrap()
}

#[test]
fn a_reader_that_does_not_read_stops_nobody_and_is_told_what_it_missed() {
    let broker = Broker::with(&[&ON_ANY_PORT[..], &["--topic", "orders:1"]].concat());
    let mut tap = Tap::open(address(&broker), "");
    let mut client = broker.connect();
    client.metadata(&["orders"]);
    // Twice 30 kB for each round, 60 MB in all: more than sockets and the tap hold.
    let names: Vec<String> = (0..1000).map(|n| format!("no-such-topic-of-a-long-name-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let before = broker.memory_kb();
    for _ in 0..300 {
        client.metadata(&names);
    }
    let grown = broker.memory_kb().saturating_sub(before);
    assert!(grown < 16_000, "{grown} kB more");
    let missing = loop {
        let line = tap.whole_line();
        assert!(!line.is_empty(), "the tap has ended");
        if let Some(rest) = line.strip_prefix("-- ") {
            break rest.to_string();
        }
    };
    let count: u64 = missing.split(' ').next().unwrap().parse().unwrap();
    assert!(
        count > 0 && missing.ends_with("messages are missing here: they came faster than they were read"),
        "{missing}"
    );
}

#[test]
fn nobody_from_elsewhere_may_look() {
    let Some(own) = own_address() else { return };
    let broker = Broker::with(&["--set", "admin.listener=0.0.0.0:0"]);
    let port = address(&broker).port();
    let elsewhere = SocketAddr::new(own, port);
    let refused = get(elsewhere, "/tap");
    assert!(refused.status == 403 && refused.body.contains("come over its loopback"), "{refused:?}");
    assert_eq!(get(elsewhere, "/health").status, 200);
    assert_eq!(get_head(SocketAddr::new("127.0.0.1".parse().unwrap(), port)), 200);
    let evil = ask(
        SocketAddr::new("127.0.0.1".parse().unwrap(), port),
        "GET /tap HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    );
    assert_eq!(evil.status, 403, "a page from elsewhere whose name points here");
}

/// An address of this machine that is no loopback, if it has one; nothing is sent.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

fn tap_command(admin: SocketAddr, arguments: &[&str]) -> (Child, Lines, Lines) {
    let folder = scratch();
    let admin = admin.to_string();
    let mut child = command(&folder, &[&["tap", "--admin", &admin], arguments].concat()).spawn().unwrap();
    let out = Lines::collect(child.stdout.take().unwrap());
    let err = Lines::collect(child.stderr.take().unwrap());
    (child, out, err)
}

#[test]
fn the_command_prints_what_comes_and_says_why_nothing_does() {
    let broker = Broker::with(&[&ON_ANY_PORT[..], &["--topic", "orders:1"]].concat());
    let admin = address(&broker);
    let (mut child, out, err) =
        tap_command(admin, &["--api", "produce", "--topic", "orders", "--offsets", "--count", "2"]);
    err.wait_for("sendlog: tapping the broker at ").unwrap();
    broker.connect().produce("orders", 0, &batch(&["a"]));
    assert!(child.wait().unwrap().success());
    let lines: Vec<String> = out.all().iter().map(|line| shown(line)).collect();
    assert!(lines.len() == 2 && lines[0].contains(r#":"orders" "#) && lines[1].contains(" < "), "{lines:#?}");
    for (arguments, code, says) in [
        (&["--api", "none"][..], 1, "answers: there is no API \"none\" here; docs/protocol.md lists"),
        (&["--count", "x"], 2, "--count x: that is no number"),
    ] {
        let (mut child, _, err) = tap_command(admin, arguments);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let said = err.all().join("\n");
        assert!(said.contains(says), "{said}");
    }
    let (mut child, _, err) = tap_command(admin, &[]);
    err.wait_for("sendlog: tapping the broker at ").unwrap();
    broker.stop();
    assert!(child.wait().unwrap().success());
    assert!(err.all().join("\n").contains("has ended"));
    let (mut child, _, err) = tap_command(admin, &[]);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let said = err.all().join("\n");
    assert!(said.contains("no admin listener answers at") && said.contains("name with --admin"), "{said}");
}

#[test]
fn a_request_that_makes_no_sense_ends_its_connection_and_not_the_tap() {
    let broker = Broker::with(&[&ON_ANY_PORT[..], &["--topic", "orders:1"]].concat());
    let mut tap = Tap::open(address(&broker), "places");
    let mut client = broker.connect();
    let mut torn = frame(7, 1, &mut produce_request(1, "orders", 0, &batch(&["a"])));
    torn.truncate(torn.len() - 20);
    let size = (torn.len() as u32 - 4).to_be_bytes();
    torn[..4].copy_from_slice(&size);
    client.send_bytes(&torn);
    client.assert_closed();
    broker.connect().metadata(&["orders"]);
    assert!(tap.line().contains(" Metadata v"), "what does not decode is not shown");
}
