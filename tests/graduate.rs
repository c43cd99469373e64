//! `sendlog graduate`, as far as no Kafka is needed for it: what it refuses, what it writes, and what it leaves alone.
//! tests/clients/harness/graduate.py has Kafka start on the result.

mod broker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker::{run, tree, Broker, Ended};
use tempfile::TempDir;

const WRITTEN: [&str; 3] =
    ["__cluster_metadata-0/00000000000000000000-0000000000.checkpoint", "server.properties", "bootstrap.checkpoint"];

/// A directory with a topic of two partitions, one of them with a record, after a clean stop.
fn filled() -> Arc<TempDir> {
    filled_broker().stop()
}

fn filled_broker() -> Broker {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    client.fill("demo", 0, 1, 1000);
    broker
}

fn root(data: &TempDir) -> PathBuf {
    data.path().join("data")
}

fn graduate(data: &TempDir, arguments: &[&str]) -> Ended {
    let root = root(data);
    let mut all = vec!["graduate", "--data", root.to_str().unwrap()];
    all.extend(arguments);
    run(&all)
}

/// Every file below with its bytes, and every folder.
fn contents(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    tree(root).into_iter().map(|path| (path.clone(), std::fs::read(root.join(path)).ok())).collect()
}

fn assert_graduated(data: &TempDir, arguments: &[&str]) {
    let ended = graduate(data, arguments);
    assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.stderr);
    for path in WRITTEN {
        let path = root(data).join(path);
        assert!(ended.stdout.contains(&format!("wrote {}", path.display())), "{:#?}", ended.stdout);
        assert!(path.exists(), "{}", path.display());
    }
}

/// It does nothing, with one line that says all this; nor does a dry run.
fn assert_refused(data: &TempDir, says: &[&str]) {
    let before = contents(&root(data));
    for arguments in [&["--dry-run"][..], &[]] {
        let ended = graduate(data, arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {:#?}", ended.stdout);
        let line = ended.stderr.join("\n");
        assert_eq!(ended.stderr.len(), 1, "{line}");
        says.iter().for_each(|part| assert!(line.contains(part), "no {part:?} in {line}"));
        assert!(contents(&root(data)) == before, "{arguments:?}: nothing was changed");
    }
}

#[test]
fn what_kafka_would_trip_over_is_refused_and_nothing_is_changed() {
    let data = filled();
    let root = root(&data);
    std::fs::create_dir(root.join("lost+found")).unwrap();
    assert_refused(&data, &["lost+found", "move it"]);
    std::fs::remove_dir(root.join("lost+found")).unwrap();

    let identity = root.join("meta.properties");
    let kept = std::fs::read_to_string(&identity).unwrap();
    let lines = kept.lines().filter(|line| !line.starts_with("directory.id"));
    std::fs::write(&identity, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    assert_refused(&data, &["meta.properties", "directory.id="]);
    std::fs::write(&identity, kept).unwrap();

    std::fs::write(root.join("server.properties"), "num.partitions=3\n").unwrap();
    assert_refused(&data, &["server.properties would be replaced", "move it"]);
    std::fs::remove_file(root.join("server.properties")).unwrap();

    std::fs::rename(root.join("sendlog.registry"), data.path().join("registry")).unwrap();
    assert_refused(&data, &["sendlog.registry", "--data"]);
    std::fs::rename(data.path().join("registry"), root.join("sendlog.registry")).unwrap();
    assert_graduated(&data, &[]);
}

#[test]
fn a_directory_that_a_broker_holds_is_refused() {
    let broker = filled_broker();
    let ended = run(&["graduate", "--data", broker.folder().to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr[0].contains("another process"), "{:?}", ended.stderr);
    let dry = run(&["graduate", "--dry-run", "--data", broker.folder().to_str().unwrap()]);
    assert_eq!((dry.status.code(), dry.stderr), (Some(2), ended.stderr));
    assert!(!broker.folder().join("bootstrap.checkpoint").exists());
}

#[test]
fn a_partition_that_is_offline_is_named_and_nothing_is_written_for_kafka() {
    let data = filled();
    std::fs::rename(root(&data).join("demo-0"), data.path().join("demo-0")).unwrap();
    let ended = graduate(&data, &[]);
    assert_eq!(ended.status.code(), Some(2), "{:#?}", ended.stdout);
    let line = ended.stderr.last().unwrap();
    assert!(line.contains("demo-0 is offline") && line.contains("backup"), "{line}");
    for path in WRITTEN {
        assert!(!root(&data).join(path).exists(), "{path}");
    }
}

#[test]
fn a_dry_run_changes_nothing_after_a_clean_stop_and_after_a_kill() {
    for (data, is_clean) in [(filled(), true), (filled_broker().kill(), false)] {
        let before = contents(&root(&data));
        let ended = graduate(&data, &["--dry-run"]);
        assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.stderr);
        let text = ended.stdout.join("\n");
        assert!(text.contains("1 topics with 2 partitions") && text.contains("nothing was changed"), "{text}");
        assert_eq!(text.contains("not clean"), !is_clean, "{text}");
        assert!(contents(&root(&data)) == before);
    }
}

#[test]
fn it_writes_beside_the_data_and_the_same_bytes_each_time() {
    let data = filled();
    let before = contents(&root(&data));
    assert_graduated(&data, &[]);
    let once = contents(&root(&data));
    let new: Vec<_> = once.keys().filter(|path| !before.contains_key(*path)).collect();
    let mut wanted = WRITTEN.map(PathBuf::from).to_vec();
    wanted.push("__cluster_metadata-0".into());
    wanted.sort();
    assert_eq!(new, wanted.iter().collect::<Vec<_>>());
    let partitions = |contents: &BTreeMap<PathBuf, Option<Vec<u8>>>| {
        let mut kept = contents.clone();
        kept.retain(|path, _| path.starts_with("demo-0") || path.starts_with("demo-1"));
        kept
    };
    let (kept, found) = (partitions(&before), partitions(&once));
    let changed: Vec<_> = kept.keys().chain(found.keys()).filter(|path| kept.get(*path) != found.get(*path)).collect();
    assert_eq!(changed, Vec::<&PathBuf>::new(), "no file of a partition was changed");
    assert_graduated(&data, &[]);
    assert!(contents(&root(&data)) == once);
}

#[test]
fn a_torn_tail_is_kept_aside_and_cut_first() {
    use std::io::Write;
    let broker = filled_broker();
    let log = broker.folder().join("demo-0/00000000000000000000.log");
    let data = broker.kill();
    let whole = std::fs::read(&log).unwrap();
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(&whole[..100]).unwrap();
    assert_graduated(&data, &[]);
    assert_eq!(std::fs::read(&log).unwrap(), whole);
    let kept = tree(&root(&data).join("demo-0")).into_iter().find(|path| path.to_string_lossy().contains(".cut"));
    assert_eq!(std::fs::read(root(&data).join("demo-0").join(kept.unwrap())).unwrap(), whole[..100]);
}

#[test]
fn sendlog_serves_on_until_kafka_has_started_and_says_that_the_metadata_goes_stale() {
    let data = filled();
    assert_graduated(&data, &[]);
    let broker = Broker::on(data, &[]);
    assert!(broker.wait_for_line("metadata_stale").contains("sendlog graduate"));
    broker.connect().create("later", 1);
    let data = broker.stop();
    assert_graduated(&data, &[]);
    let bootstrap = std::fs::read(root(&data).join("bootstrap.checkpoint")).unwrap();
    assert!(bootstrap.windows(5).any(|bytes| bytes == b"later"));
    let plain = Broker::start();
    plain.connect().create("demo", 1);
    assert_eq!(plain.warnings(), Vec::<String>::new(), "no such line on a directory of sendlog's own");
}

/// A metadata log with one record in it, of which the first three bytes are read: frame, key and version.
fn metadata_log(record: &[u8]) -> Vec<u8> {
    sendlog::record::BatchBuilder::new().record(0, None, Some(record)).build()
}

#[test]
fn a_directory_on_which_kafka_has_run_is_refused_and_one_where_only_its_controller_began_is_not() {
    const CONTROLLER: [u8; 3] = [1, 27, 0];
    const BROKER: [u8; 3] = [1, 0, 3];
    let data = filled();
    assert_graduated(&data, &[]);
    let log = root(&data).join("__cluster_metadata-0/00000000000000000000.log");
    std::fs::write(&log, metadata_log(&BROKER)).unwrap();
    std::fs::remove_file(root(&data).join(".lock")).unwrap(); // as Kafka does when it stops
    assert_refused(&data, &["Kafka has already started", "__cluster_metadata-0", "start Kafka", "or sendlog"]);
    std::fs::write(&log, metadata_log(&CONTROLLER)).unwrap();
    assert_graduated(&data, &[]);
    assert!(!log.exists(), "Kafka would go by it, and not by what was written for it");
    let names = tree(&root(&data));
    let aside = names.iter().find(|path| path.to_string_lossy().starts_with("__cluster_metadata-0."));
    assert!(aside.is_some_and(|path| path.to_string_lossy().contains("-stray")), "{names:?}");
    let broker = Broker::on(data, &[]);
    broker.wait_for_line("metadata_stale");
}

#[test]
fn what_was_set_here_and_means_the_same_to_kafka_is_in_its_server_properties() {
    let data = filled();
    let set = ["listeners=PLAINTEXT://127.0.0.1:19092", "log.retention.ms=86400000", "flush.mode=always"];
    let mut arguments: Vec<&str> = set.iter().flat_map(|pair| ["--set", *pair]).collect();
    arguments.extend(["--set", "min.insync.replicas=2", "--controller", "127.0.0.1:19093"]);
    assert_graduated(&data, &arguments);
    let text = std::fs::read_to_string(root(&data).join("server.properties")).unwrap();
    for line in [
        "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093",
        "advertised.listeners=PLAINTEXT://127.0.0.1:19092",
        "inter.broker.listener.name=PLAINTEXT",
        "controller.quorum.bootstrap.servers=127.0.0.1:19093",
        "log.retention.ms=86400000",
        "node.id=1",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in {text}");
    }
    assert!(!text.contains("flush.mode"), "Kafka knows no such key: {text}");
    assert!(!text.contains("min.insync.replicas"), "with it one broker takes no record with acks=all: {text}");
}
