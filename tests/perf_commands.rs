//! `sendlog perf` and Kafka's tools of that kind: what they do to a topic, and the lines that they print. How fast it
//! was is nobody's business here.

mod broker;

use std::process::{Command, Stdio};

use broker::lines::Lines;
use broker::shell::{fails, finish, ok, run, run_tool, Ran, OPEN};
use broker::{command, scratch, Broker};

/// A line with `N` for each number, as those of times and rates are never the same.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' | '.' if shape.ends_with('N') => {}
            '0'..='9' => shape.push('N'),
            // Numbers stand in columns.
            ' ' if shape.ends_with(' ') => {}
            c => shape.push(c),
        }
    }
    shape
}

/// The number behind a name in a line of JSON.
fn member(json: &str, name: &str) -> f64 {
    let (_, rest) = json.split_once(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}: {json}"));
    rest.split([',', '}']).next().unwrap().parse().unwrap()
}

/// How many records a topic has.
fn count(broker: &Broker, topic: &str) -> u64 {
    let json = ok(broker, &format!("offsets {topic} --format json"), "");
    json.lines().map(|line| member(line, "between") as u64).sum()
}

#[test]
fn what_is_sent_is_there_and_is_counted() {
    let broker = Broker::with(OPEN);
    let text = ok(&broker, "perf produce orders --num-records 20000 --record-size 30", "");
    let lines: Vec<String> = text.lines().map(shape).collect();
    assert_eq!(
        lines[lines.len() - 2..],
        ["N records, N MiB in N s: N records/s, N MiB/s", "latency in ms: average N, pN N, pN N, pN N, pN N, max N",],
        "{text}"
    );
    assert!(
        text.contains("20000 records, 0.6 MiB in ") && text.contains("p50 ") && text.contains("p99.9 "),
        "{text}"
    );
    assert_eq!(count(&broker, "orders"), 20_000);
    let values = ok(&broker, "consume orders -o start -e", "");
    assert!(values.lines().all(|value| value.len() == 30 && value.bytes().all(|c| c.is_ascii_uppercase())));
}

#[test]
fn a_warm_up_is_sent_and_not_counted() {
    let broker = Broker::with(OPEN);
    let json = ok(
        &broker,
        "perf produce payments -n 5000 -s 10 --warmup-records 3999 --acks 1 --format json -X batch.size=1000",
        "",
    );
    let total = json.lines().last().unwrap();
    assert!(total.starts_with("{\"row\":\"total\",") && total.ends_with("}}"), "{total}");
    assert_eq!((member(total, "records"), member(total, "bytes")), (1001.0, 10_010.0));
    let percentiles = ["p50", "p95", "p99", "p99.9", "max"].map(|name| member(total, name));
    assert!(percentiles.is_sorted() && percentiles[0] > 0.0, "{total}");
    assert_eq!(count(&broker, "payments"), 5000);
}

#[test]
fn a_throughput_that_is_asked_for_is_not_exceeded() {
    let broker = Broker::with(OPEN);
    let json = ok(&broker, "perf produce payments -n 300 -t 1000 --reporting-interval 100 --format json", "");
    assert!(member(json.lines().last().unwrap(), "seconds") >= 0.299, "the last one is due after 299 ms: {json}");
    assert!(json.starts_with("{\"row\":\"window\","), "{json}");
    let told: f64 = json.lines().filter(|line| line.contains("\"window\"")).map(|line| member(line, "records")).sum();
    assert!((1.0..=300.0).contains(&told), "{json}");
}

#[test]
fn payloads_come_from_a_file() {
    let broker = Broker::with(OPEN);
    let folder = scratch();
    let path = folder.path().join("payloads");
    std::fs::write(&path, "one--two--three").unwrap();
    let path = path.to_str().unwrap();
    ok(&broker, &format!("perf produce payments -n 100 --payload-file {path} --payload-delimiter --"), "");
    let values = ok(&broker, "consume payments -o start -e", "");
    let mut values: Vec<&str> = values.lines().collect();
    values.sort_unstable();
    assert_eq!(values.len(), 100);
    values.dedup();
    assert_eq!(values, ["one", "three", "two"]);
}

#[test]
fn a_record_that_is_refused_ends_it() {
    let broker = Broker::with(&["--topic", "small:1", "--set", "auto.create.topics.enable=false"]);
    ok(&broker, "topics alter small -c max.message.bytes=100", "");
    let Ran { code, out, err } = run(&broker, "perf produce small -n 1000000000 -s 500", "");
    assert_eq!(code, 1);
    assert!(err.starts_with("sendlog: ") && err.contains("MESSAGE_TOO_LARGE"), "{err}");
    assert!(out.contains("0 records, 0.0 MiB in 0.000 s: 0 records/s, 0.00 MiB/s\n"), "{out}");
    let ran = run(&broker, "perf produce nowhere -n 10 -X max.block.ms=50", "");
    assert!(ran.code == 1 && ran.err.contains("nowhere"), "{}", ran.err);
}

#[test]
fn a_signal_ends_it_with_what_was_sent() {
    let broker = Broker::with(OPEN);
    let folder = scratch();
    let address = broker.address.to_string();
    let words = ["perf", "produce", "payments", "-t", "500", "--reporting-interval", "50", "-b", &address];
    let mut child = command(&folder, &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, err) = (Lines::collect(child.stdout.take().unwrap()), Lines::collect(child.stderr.take().unwrap()));
    out.wait_for("records/s").unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(
        err.all().iter().map(|line| shape(line)).collect::<Vec<_>>(),
        ["sendlog: stopped after N of N records"]
    );
    let total = out.all().into_iter().find(|line| line.contains(" records, ")).unwrap();
    let sent: u64 = total.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(count(&broker, "payments"), sent);
}

#[test]
fn what_is_read_is_counted() {
    let broker = Broker::with(OPEN);
    ok(&broker, "perf produce orders -n 9000 -s 20", "");
    let text = ok(&broker, "perf consume orders", "");
    assert!(text.contains("9000 records, 0.2 MiB in "), "{text}");
    assert_eq!(
        shape(text.lines().last().unwrap()),
        "poll in ms: average N, pN N, pN N, pN N, pN N, max N",
        "{text}"
    );
    let json = ok(&broker, "perf consume orders --messages 9000 --group g --format json", "");
    let total = json.lines().last().unwrap();
    assert_eq!((member(total, "records"), member(total, "bytes")), (9000.0, 180_000.0));
    let described = ok(&broker, "groups describe g --format json", "");
    assert!(described.lines().all(|line| member(line, "lag") == 0.0), "{described}");
    let Ran { code, out, err } = run(&broker, "perf consume orders --messages 9001 --timeout 300", "");
    assert_eq!(code, 1);
    assert_eq!(err, "sendlog: 9000 of 9001 records were read, and no more came within 300 ms\n");
    assert!(out.contains("9000 records, "), "{out}");
}

#[test]
fn records_that_come_while_it_reads_have_an_age() {
    let broker = Broker::with(OPEN);
    let folder = scratch();
    let address = broker.address.to_string();
    ok(&broker, "produce payments", "before\n");
    let words = ["perf", "consume", "payments", "--from", "end", "-n", "5", "--format", "json", "-b", &address];
    let reader = command(&folder, &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let reader = std::thread::spawn(move || reader.wait_with_output().unwrap());
    // It does not say from when on it reads: what comes too early is not read, and more is sent.
    while !reader.is_finished() {
        ok(&broker, "produce payments", "a\nb\n");
    }
    let output = reader.join().unwrap();
    let json = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let total = json.lines().last().unwrap();
    let (_, ages) = total.split_once("\"age_ms\":").unwrap();
    assert!(member(ages, "max") < 60_000.0 && member(total, "records") >= 5.0, "{json}");
}

#[test]
fn what_cannot_be_measured_is_told() {
    let broker = Broker::with(OPEN);
    for (line, code, says) in [
        ("perf produce", 2, "no topic is named"),
        ("perf produce orders -n 0", 2, "--num-records 0"),
        ("perf produce orders -s 0", 2, "--record-size 0"),
        ("perf produce orders -n 5 --warmup-records 5", 2, "--warmup-records 5"),
        ("perf produce orders -t -1", 2, "--throughput"),
        ("perf produce orders --payload-file /nowhere", 2, "/nowhere"),
        ("perf produce orders --payload-file x -s 1", 2, "exclude each other"),
        ("perf produce orders --reporting-interval 0", 2, "--reporting-interval 0"),
        ("perf consume orders --from 5", 2, "--from"),
        ("perf consume nowhere", 1, "UNKNOWN_TOPIC_OR_PARTITION"),
        ("perf consume orders --fetch-size big", 2, "max.partition.fetch.bytes=big"),
    ] {
        let said = fails(&broker, line, code);
        assert!(said.contains(says), "{line}: {said}");
    }
}

const TOTAL: &str = "N records sent, N records/sec (N MB/sec), N ms avg latency, N ms max latency, \
                     N ms Nth, N ms Nth, N ms Nth, N ms Nth.";
const COLUMNS: &str =
    "data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, \
                       fetch.MB.sec, fetch.nMsg.sec";

/// Runs Kafka's tool for producers, which has no `--bootstrap-server`.
fn run_producer(broker: &Broker, line: &str) -> Ran {
    let folder = scratch();
    let link = folder.path().join("kafka-producer-perf-test.sh");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sendlog"), &link).unwrap();
    let mut command = Command::new(link);
    command
        .args(line.replace("BROKER", &broker.address.to_string()).split(' '))
        .current_dir(folder.path());
    finish(command, "")
}

#[test]
fn kafkas_producer_test_prints_kafkas_lines() {
    let broker = Broker::with(OPEN);
    let props = "--producer-props bootstrap.servers=BROKER acks=1 linger.ms=1";
    let ran =
        run_producer(&broker, &format!("--topic orders --num-records 5000 --record-size 9 --throughput -1 {props}"));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(shape(ran.out.trim_end()), TOTAL);
    assert!(ran.out.starts_with("5000 records sent, ") && ran.out.ends_with(" ms 99.9th.\n"), "{}", ran.out);
    let ran = run_producer(
        &broker,
        &format!("--topic payments --num-records 3 --payload-monotonic {props} --throughput 1e6"),
    );
    assert_eq!((ran.code, shape(ran.out.trim_end()).as_str()), (0, TOTAL), "{}", ran.err);
    assert_eq!(ok(&broker, "consume payments -o start -e", ""), "0\n1\n2\n");
    for (line, says) in [
        (
            "--topic orders --num-records 0 --record-size 9 --throughput -1",
            "--num-records should be greater than zero",
        ),
        (
            "--topic orders --num-records 1 --record-size 9 --throughput -1",
            "--producer-props or --producer.config",
        ),
        ("--topic orders --num-records 1 --record-size 9", "[throughput]"),
        (
            "--topic orders --num-records 1 --throughput -1 --producer-props bootstrap.servers=BROKER",
            "exactly one of",
        ),
        (
            "--topic orders --num-records 1 --record-size 9 --throughput 1 --producer-props compression.type=lz4",
            "compression.type",
        ),
        ("--topic orders --print-metrics", "print-metrics"),
    ] {
        let ran = run_producer(&broker, line);
        assert!(ran.code == 1 && ran.out.is_empty() && ran.err.contains(says), "{line}: {} {}", ran.out, ran.err);
    }
}

#[test]
fn kafkas_consumer_test_prints_kafkas_lines() {
    let broker = Broker::with(OPEN);
    ok(&broker, "perf produce orders -n 4000 -s 1048", "");
    let tool = "kafka-consumer-perf-test.sh --topic orders";
    let ran = run_tool(&broker, &format!("{tool} --messages 4000"), "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], format!("start.time, end.time, {COLUMNS}"));
    assert_eq!(shape(lines[1]), "N-N-N N:N:N:N, N-N-N N:N:N:N, N, N, N, N, N, N, N, N");
    let cells: Vec<&str> = lines[1].split(", ").collect();
    assert_eq!((cells.len(), cells[2], cells[4]), (10, "3.9978", "4000"), "{}", ran.out);
    let detailed =
        format!("{tool} --messages 4000 --show-detailed-stats --reporting-interval 1 --group g --date-format HH:mm");
    let ran = run_tool(&broker, &detailed, "");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], format!("time, threadId, {COLUMNS}"));
    let shapes: Vec<String> = lines[1..].iter().map(|line| shape(line).replace('-', "")).collect();
    assert!(
        !shapes.is_empty() && shapes.iter().all(|line| line == "N:N, N, N, N, N, N, N, N, N, N"),
        "{}",
        ran.out
    );
    let ran = run_tool(&broker, &format!("{tool} --messages 1 --group g --timeout 100 --hide-header"), "");
    let warning = "WARNING: Exiting before consuming the expected number of messages: timeout (100 ms) exceeded. You can use the \
                   --timeout option to increase the timeout.\n";
    assert!(ran.code == 0 && ran.out.starts_with(warning), "{} {}", ran.out, ran.err);
    for (line, says) in [("", "[messages]"), (" --messages 1 --date-format EEE", "'E'")] {
        let ran = run_tool(&broker, &format!("{tool}{line}"), "");
        assert!(ran.code == 1 && ran.err.contains(says), "{line}: {}", ran.err);
    }
}
