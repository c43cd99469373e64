//! No symlink is followed inside the data directory, whatever it stands for: nothing outside is read as ours, written or
//! removed. What cannot be used because of that is said, and the rest goes on.

mod broker;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker::client::batch;
use broker::{until, Broker};
use sendlog::base::ErrorCode;
use tempfile::TempDir;

/// A data directory with topics "moved" and "here", a record in each.
fn with_two_topics() -> Arc<TempDir> {
    let broker = Broker::start();
    let mut client = broker.connect();
    for topic in ["moved", "here"] {
        client.create(topic, 1);
        client.produce(topic, 0, &batch(&["value"]));
    }
    broker.stop()
}

/// Moves something out of the data directory and puts a symlink in its place; where it is now.
fn move_out(data: &TempDir, name: &str) -> PathBuf {
    let (inside, outside) = (data.path().join("data").join(name), data.path().join("outside"));
    fs::rename(&inside, &outside).unwrap();
    symlink(&outside, &inside).unwrap();
    outside
}

/// Every file below, with what is in it.
fn contents(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    match path.is_dir() {
        true => broker::tree(path)
            .into_iter()
            .map(|name| (name.clone(), fs::read(path.join(name)).unwrap()))
            .collect(),
        false => vec![(path.to_path_buf(), fs::read(path).unwrap())],
    }
}

#[test]
fn a_partition_behind_a_symlink_is_offline_and_what_it_points_at_is_not_touched() {
    for name in ["moved-0", "moved-0/00000000000000000000.log"] {
        let data = with_two_topics();
        let outside = move_out(&data, name);
        let before = contents(&outside);
        let broker = Broker::on(data.clone(), &["--set", "log.retention.check.interval.ms=50"]);
        let line = broker.wait_for_line("partition_offline");
        assert!(line.contains("partition=moved-0"), "{name}: {line}");
        let mut client = broker.connect();
        let refused = client.try_produce(9, 1, "moved", 0, &batch(&["another"]));
        assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR, "{name}");
        assert_eq!(client.fetch("moved", 0, 0).error(), ErrorCode::KAFKA_STORAGE_ERROR, "{name}");
        client.produce("here", 0, &batch(&["another"]));
        assert_eq!(contents(&outside), before, "{name}");
        // Its topic can be deleted: the link goes, and nothing else.
        let _ = client.delete("moved");
        let folder = broker.folder();
        until("nothing is left inside", || (!folder.join("moved-0").exists()).then_some(()));
        broker.signal("TERM");
        broker.ended();
        assert_eq!(contents(&outside), before, "{name}, after its end");
    }
}

#[test]
fn a_topic_is_not_made_behind_a_symlink() {
    let data = with_two_topics();
    let outside = data.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, data.path().join("data/new-0")).unwrap();
    let broker = Broker::on(data.clone(), &[]);
    let mut client = broker.connect();
    assert_eq!(client.create_with("new", 1, &[]).error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    client.produce("here", 0, &batch(&["another"]));
    broker.stop();
    assert!(broker::tree(&outside).is_empty());
}

#[test]
fn a_start_that_would_follow_one_is_refused() {
    for name in ["sendlog.registry", "meta.properties", ".lock"] {
        let data = with_two_topics();
        let outside = move_out(&data, name);
        let before = contents(&outside);
        let folder = data.path().join("data");
        let ended = broker::run(&["--listen", "127.0.0.1:0", "--data", folder.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(2), "{name}: {:#?}", ended.stderr);
        assert!(ended.stderr.iter().any(|line| line.contains(name)), "{name}: {:#?}", ended.stderr);
        assert_eq!(contents(&outside), before, "{name}");
    }
}

#[test]
fn a_folder_that_is_to_be_removed_is_not_looked_for_behind_a_symlink() {
    let data = with_two_topics();
    let outside = data.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), "bytes").unwrap();
    let deleted = format!("gone-0.{}-delete", "0123456789abcdef".repeat(2));
    symlink(&outside, data.path().join("data").join(&deleted)).unwrap();
    Broker::on(data.clone(), &[]).stop();
    assert_eq!(contents(&outside), [(PathBuf::from("precious"), b"bytes".to_vec())]);
}
