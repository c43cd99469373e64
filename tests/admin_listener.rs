//! The admin listener: when there is one, whom it answers, and that nobody holds it up.

mod broker;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use broker::client::fetch_request;
use broker::http::{address, ask, connect, get, Metrics, ON_ANY_PORT};
use broker::{run, scratch, until, Broker};

fn start() -> (Broker, SocketAddr) {
    let broker = Broker::with(&ON_ANY_PORT);
    let admin = address(&broker);
    (broker, admin)
}

/// A port that nobody has, or had a moment ago.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn every_path_has_its_answer() {
    let (_broker, admin) = start();
    for (path, kind, part) in [
        ("/", "text/html; charset=utf-8", "<title>sendlog</title>"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "# HELP sendlog_build_info "),
        ("/health", "text/plain; charset=utf-8", "ok\n"),
        ("/ready", "text/plain; charset=utf-8", "ready\n"),
        ("/ready?verbose", "text/plain; charset=utf-8", "ready\n"),
        ("/state", "application/json", "\"topics\":[]"),
        (
            "/config",
            "application/json",
            r#"{"key":"num.partitions","value":"1","default":"1","source":"default"}"#,
        ),
    ] {
        let answer = get(admin, path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.head.contains(&format!("Content-Type: {kind}\r\n")), "{path}: {}", answer.head);
        assert!(answer.head.contains(&format!("Content-Length: {}\r\n", answer.body.len())), "{path}");
        assert!(answer.body.contains(part), "{path}: {:.300}", answer.body);
    }
    let answer = get(admin, "/nothing");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("/metrics"), "{}", answer.body);
}

#[test]
fn the_page_needs_nothing_from_outside_and_lets_nothing_in() {
    let (_broker, admin) = start();
    let (first, second) = (get(admin, "/"), get(admin, "/"));
    let nonce = |page: &str| page.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_string();
    assert_ne!(nonce(&first.body), nonce(&second.body), "a nonce is used once");
    let policy = first.head.lines().find(|line| line.starts_with("Content-Security-Policy: ")).unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains(&nonce(&first.body)), "{policy}");
    assert!(first.head.contains("X-Content-Type-Options: nosniff"));
    let addresses: Vec<_> = first.body.match_indices("http").map(|(at, _)| &first.body[at..at + 26]).collect();
    assert_eq!(addresses, ["http://www.w3.org/2000/svg"], "only the name of a namespace");
    for banned in ["innerHTML =", "insertAdjacentHTML", "document.write", "eval(", "{{", " style=\""] {
        assert!(!first.body.contains(banned), "{banned}");
    }
}

#[test]
fn only_questions_from_here_are_answered() {
    let (_broker, admin) = start();
    let status = |head: &str| ask(admin, head).status;
    assert_eq!(status("GET /state HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), 403);
    assert_eq!(status("GET /state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), 200);
    assert_eq!(status("POST /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"), 405);
    assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(9000))), 431);
    let head = ask(admin, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let (_broker, admin) = start();
    let head = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut socket = connect(admin);
    socket.write_all(head.repeat(3).as_bytes()).unwrap(); // also when they come at once
    let mut got = String::new();
    while got.matches("\r\n\r\nok\n").count() < 3 {
        let mut bytes = [0; 4096];
        let length = socket.read(&mut bytes).unwrap();
        assert!(length > 0, "closed after {got:?}");
        got += std::str::from_utf8(&bytes[..length]).unwrap();
    }
}

#[test]
fn nobody_who_says_nothing_keeps_others_out() {
    let (_broker, admin) = start();
    let mut half = connect(admin);
    half.write_all(b"GET /metr").unwrap();
    let mut deaf = connect(admin);
    let head = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    deaf.write_all(head.repeat(150).as_bytes()).unwrap(); // and never reads an answer
    let silent: Vec<_> = (0..50).map(|_| connect(admin)).collect();
    assert_eq!(get(admin, "/health").status, 200);
    half.write_all(b"ics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "half a request is finished later: {answer:.50}");
    drop(silent);
}

#[test]
fn a_client_that_never_ends_asking_does_not_keep_others_waiting() {
    let (_broker, admin) = start();
    let greedy = connect(admin);
    let head = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(200);
    let is_over = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| while !is_over.load(Ordering::Relaxed) && (&greedy).write_all(head.as_bytes()).is_ok() {});
        scope.spawn(|| {
            let mut bytes = vec![0; 1 << 16];
            while (&greedy).read(&mut bytes).is_ok_and(|got| got > 0) {}
        });
        (0..20).for_each(|_| assert_eq!(get(admin, "/health").status, 200));
        is_over.store(true, Ordering::Relaxed);
        greedy.shutdown(std::net::Shutdown::Both).unwrap();
    });
}

#[test]
fn an_offline_partition_is_named_as_the_reason_for_not_being_ready() {
    let (broker, _) = start();
    broker.connect().create("demo", 2);
    let data = broker.stop();
    std::fs::remove_dir_all(data.path().join("data/demo-1")).unwrap();
    let broker = Broker::on(data, &ON_ANY_PORT);
    let admin = address(&broker);
    let ready = get(admin, "/ready");
    assert_eq!((ready.status, ready.body.as_str()), (503, "offline: demo-1\n"));
    assert_eq!(get(admin, "/health").status, 200);
    let metrics = Metrics::scrape(admin);
    let online = |partition| metrics.sum("sendlog_partition_online", &[("topic", "demo"), ("partition", partition)]);
    assert_eq!((online("0"), online("1")), (1.0, 0.0));
}

#[test]
fn without_a_word_about_it_there_is_none_beside_ports_that_are_picked() {
    let nothing = |broker: Broker| {
        broker.connect().metadata(&[]);
        let log = broker.log();
        assert!(!log.iter().any(|line| line.contains("page")), "{log:#?}");
    };
    nothing(Broker::start());
    nothing(Broker::run(Arc::new(scratch()), &["--listen", &free_address(), "--ephemeral"]));
    nothing(Broker::with(&["--set", "admin.listener="]));
}

#[test]
fn when_only_the_default_port_is_taken_a_line_says_so_and_the_broker_serves() {
    // Taken by this test, or by whoever has it.
    let _taken = TcpListener::bind("127.0.0.1:9644");
    let data = scratch();
    let folder = data.path().join("data").to_str().unwrap().to_string();
    let broker = Broker::run(Arc::new(data), &["--listen", &free_address(), "--data", &folder]);
    let line = broker.wait_for_line("no page and no metrics");
    assert!(line.contains("127.0.0.1:9644") && line.contains("admin.listener"), "{line}");
    broker.connect().metadata(&[]);
}

#[test]
fn an_address_that_was_asked_for_and_cannot_be_had_refuses_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    for (value, says) in [
        (taken.local_addr().unwrap().to_string(), "empty"),
        ("localhost".to_string(), "port"),
        ("x:y".to_string(), "port"),
    ] {
        let data = scratch();
        let folder = data.path().join("data");
        let key = format!("admin.listener={value}");
        let ended = run(&["--listen", "127.0.0.1:0", "--data", folder.to_str().unwrap(), "--set", &key]);
        assert_eq!((ended.status.code(), ended.stderr.len()), (Some(2), 1), "{value}: {:#?}", ended.stderr);
        assert!(ended.stderr[0].contains(&value) && ended.stderr[0].contains(says), "{:?}", ended.stderr);
        assert!(!folder.exists(), "{value}: nothing on the disk has changed");
    }
}

#[test]
fn whoever_watches_is_told_of_a_stop_for_as_long_as_it_finishes_requests() {
    let (broker, admin) = start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.fill("demo", 0, 32, 500_000);
    // More than the sockets hold: its thread is held up with the answer.
    let mut slow = broker.connect();
    slow.send(11, fetch_request(&[("demo", 0, 0)]));
    slow.socket.read_exact(&mut [0]).unwrap();
    assert_eq!(get(admin, "/ready").status, 200);
    broker.signal("TERM");
    let answer = until("it stops", || Some(get(admin, "/ready")).filter(|answer| answer.status == 503));
    assert_eq!(answer.body, "stopping\n");
    assert_eq!(Metrics::scrape(admin).sum("sendlog_partition_online", &[("topic", "demo")]), 1.0);
    drop(slow);
    assert!(broker.ended().status.success());
}
