//! What test suites need of a broker that they start: topics that are there, data that is gone, no broker left behind.

mod broker;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use broker::{run, scratch, tree, until, Broker, Ended};
use tempfile::TempDir;

#[test]
fn topics_are_there_when_the_broker_is_ready() {
    let broker = Broker::with(&["--topic", "orders:3", "--topic", "a.b:1"]);
    let mut client = broker.connect();
    assert_eq!(client.topic("orders").partitions.len(), 3);
    assert_eq!(client.topic("a.b").partitions.len(), 1);
    let data = broker.stop();
    // They stay, and fewer partitions than there are is fine.
    let broker = Broker::on(data, &["--topic", "orders:2"]);
    assert_eq!(broker.connect().topic("orders").partitions.len(), 3);
    let data = broker.stop();
    let folder = data.path().join("data");
    let ended = run(&["--listen", "127.0.0.1:0", "--data", folder.to_str().unwrap(), "--topic", "orders:4"]);
    assert_refused(&ended, &["orders", "3 partitions, not 4", "--alter"]);
    assert_eq!(Broker::on(data, &[]).warnings(), Vec::<String>::new(), "the refused start left everything clean");
}

fn assert_refused(ended: &Ended, says: &[&str]) {
    let errors: Vec<_> = ended.stderr.iter().filter(|line| !line.contains(" INFO ")).collect();
    assert_eq!((ended.status.code(), errors.len()), (Some(2), 1), "{:#?}", ended.stderr);
    says.iter().for_each(|part| assert!(errors[0].contains(part), "no {part:?} in {:?}", errors[0]));
    assert_eq!(ended.stdout, Vec::<String>::new());
}

#[test]
fn a_topic_that_cannot_be_is_refused_and_leaves_nothing() {
    for (topic, says) in [
        ("orders", "NAME:PARTITIONS"),
        ("orders:x", "'x'"),
        ("or ders:1", "letters"),
        ("orders:0", "not 0"),
        ("orders:-1", "not -1"),
        ("__consumer_offsets:1", "belongs to the broker"),
    ] {
        let ended = run(&["--ephemeral", "--listen", "127.0.0.1:0", "--topic", topic]);
        assert_refused(&ended, &[topic.split(':').next().unwrap(), says]);
        assert_eq!(tree(ended.data.path()), Vec::<std::path::PathBuf>::new(), "{topic}");
    }
    let twins = run(&["--ephemeral", "--listen", "127.0.0.1:0", "--topic", "a.b:1", "--topic", "a_b:1"]);
    assert_refused(&twins, &["a_b", "collides"]);
}

#[test]
fn a_second_signal_leaves_no_data_either() {
    let data = Arc::new(scratch());
    let broker = Broker::run(data.clone(), &["--ephemeral", "--listen", "127.0.0.1:0", "--topic", "demo:1"]);
    assert_eq!(broker.stop_twice("demo").status.code(), Some(1));
    assert_eq!(scratch_folders(data.path()), 0);
}

/// A shell that starts a broker, says its pid and address, and goes on until its stdin ends.
fn parent_with_broker(data: &TempDir) -> (Child, u32) {
    let script = format!(
        "{} --ephemeral --exit-with-parent --listen 127.0.0.1:0 --topic demo:1 2>log & echo $!; read line; exit 0",
        env!("CARGO_BIN_EXE_sendlog")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(data.path()).env("TMPDIR", data.path());
    let mut parent = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let pid = lines.next().unwrap().unwrap().parse().unwrap();
    assert!(lines.next().unwrap().unwrap().starts_with("listening on "));
    (parent, pid)
}

fn is_running(pid: u32) -> bool {
    // A zombie that nobody waits for has ended too.
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn scratch_folders(data: &Path) -> usize {
    let entries = std::fs::read_dir(data).unwrap();
    entries
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("sendlog-"))
        .count()
}

#[test]
fn the_broker_ends_with_its_parent_and_its_data_goes_too() {
    for is_killed in [true, false] {
        let data = scratch();
        let (mut parent, pid) = parent_with_broker(&data);
        assert_eq!((is_running(pid), scratch_folders(data.path())), (true, 1));
        match is_killed {
            true => parent.kill().unwrap(),
            false => drop(parent.stdin.take()),
        }
        parent.wait().unwrap();
        until("the broker has ended", || (!is_running(pid)).then_some(()));
        assert_eq!(scratch_folders(data.path()), 0);
        let log = std::fs::read_to_string(data.path().join("log")).unwrap();
        assert!(log.contains(" parent_ended ") && log.contains(" a clean stop"), "{log}");
    }
}

#[test]
fn a_thread_of_the_parent_that_ends_is_not_the_parent() {
    let data = Arc::new(scratch());
    let start = move || {
        Broker::run(data, &["--ephemeral", "--exit-with-parent", "--listen", "127.0.0.1:0", "--topic", "demo:1"])
    };
    let broker = std::thread::spawn(start).join().unwrap();
    let mut client = broker.connect();
    client.fill("demo", 0, 1, 1000);
    assert_eq!(client.bounds("demo", 0), (0, 1));
    broker.stop();
}
