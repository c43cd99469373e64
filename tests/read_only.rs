//! `--read-only`: a data directory is served as it is, and not a byte of it is changed.

mod broker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use broker::client::{batch, Client};
use broker::member::{commit_request, committed, Member};
use broker::{run, tree, Broker};
use sendlog::base::ErrorCode;
use sendlog::wire::messages::{InitProducerIdRequest, OffsetCommitRequest};
use tempfile::TempDir;

const POLICY: ErrorCode = ErrorCode::POLICY_VIOLATION;

/// A topic of two partitions, rolled segments in one of them, and a group that has read some of it.
fn filled() -> Broker {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("demo", 2, &[("segment.bytes", "1048576")]);
    client.fill("demo", 0, 30, 100_000);
    assert_eq!(client.produce("demo", 1, &batch(&["a", "b"])), 0);
    let answer = client.call::<OffsetCommitRequest>(8, commit_request("readers", &[("demo", 0, 7)]));
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
    broker
}

type Contents = BTreeMap<PathBuf, (SystemTime, Option<Vec<u8>>)>;

/// Every file with its bytes, every folder, and when each was last changed.
fn contents(root: &Path) -> Contents {
    let of = |path: PathBuf| {
        let full = root.join(&path);
        let changed = full.symlink_metadata().unwrap().modified().unwrap();
        (path, (changed, std::fs::read(full).ok()))
    };
    tree(root).into_iter().map(of).collect()
}

/// Serves the directory read-only to `look`; nothing in it changes, whatever is asked.
fn looked_at(data: Arc<TempDir>, look: impl FnOnce(&Broker, &mut Client)) -> Arc<TempDir> {
    let root = data.path().join("data");
    let before = contents(&root);
    let broker = Broker::on(data, &["--read-only"]);
    look(&broker, &mut broker.connect());
    assert!(contents(&root) == before, "while it serves");
    let data = broker.stop();
    let after = contents(&root);
    let changed: Vec<_> =
        before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
    assert_eq!(changed, Vec::<&PathBuf>::new(), "when it has stopped");
    data
}

fn reads_all(client: &mut Client) {
    assert_eq!((client.bounds("demo", 0), client.bounds("demo", 1)), ((0, 30), (0, 2)));
    assert_eq!(client.fetch("demo", 1, 0).read().len(), 2);
    for offset in [0, 13, 29] {
        assert_eq!(client.fetch("demo", 0, offset).read()[0].0, offset);
    }
    assert_eq!(committed(client, &["readers".to_string()]), [7]);
}

#[test]
fn a_directory_is_served_and_stays_as_it_is() {
    let data = looked_at(filled().stop(), |_, client| reads_all(client));
    std::fs::remove_file(data.path().join("data/.lock")).unwrap();
    let data = looked_at(data, |_, client| reads_all(client));
    assert!(!data.path().join("data/.lock").exists(), "no lock is made");
    reads_all(&mut Broker::on(data, &[]).connect());
}

#[test]
fn whatever_would_change_it_is_refused_for_good() {
    looked_at(filled().stop(), |_, client| {
        let produced = client.try_produce(9, -1, "demo", 1, &batch(&["c"]));
        assert_eq!(produced.error_code, POLICY);
        assert_eq!(client.create_with("new", 1, &[]).error_code, POLICY);
        assert_eq!(client.metadata_that_creates("new").topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!(client.delete("demo"), POLICY);
        assert_eq!(client.delete_records("demo", 0, 3).0, POLICY);
        assert_eq!(client.set_config(2, "demo", "retention.ms", "1").0, POLICY);
        let commit = client.call::<OffsetCommitRequest>(8, commit_request("readers", &[("demo", 0, 9)]));
        assert_eq!(commit.topics[0].partitions[0].error_code, POLICY);
        let id = client.call::<InitProducerIdRequest>(4, InitProducerIdRequest::default());
        assert_eq!(id.error_code, ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
        reads_all(client);
    });
}

#[test]
fn members_join_a_group_in_memory_and_find_what_it_has_committed() {
    looked_at(filled().stop(), |broker, client| {
        let mut member = Member::new(broker.connect(), "readers");
        assert_eq!(member.join_twice(5), ErrorCode::NONE);
        member.sync(3);
        assert_eq!(member.beat(), ErrorCode::NONE);
        assert_eq!(committed(client, &["readers".to_string()]), [7]);
        assert_eq!(member.commit(9), POLICY);
        assert_eq!(member.leave(), ErrorCode::NONE);
    });
}

#[test]
fn after_a_kill_what_is_whole_is_served_and_nothing_is_repaired() {
    use std::io::Write;
    let data = filled().kill();
    let folder = data.path().join("data/demo-1");
    let log = folder.join("00000000000000000000.log");
    let whole = std::fs::read(&log).unwrap();
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(&whole[..70]).unwrap();
    // Indexes as Kafka leaves them: room that was made ahead, full of zeros.
    for (name, size) in [("index", 10_485_760), ("timeindex", 10_485_756)] {
        let index = std::fs::OpenOptions::new().write(true).open(folder.join(format!("00000000000000000000.{name}")));
        index.unwrap().set_len(size).unwrap();
    }
    std::fs::remove_file(data.path().join("data/demo-0/00000000000000000000.timeindex")).unwrap();
    let data = looked_at(data, |_, client| {
        reads_all(client);
        assert!(client.list_offset("demo", 0, 0).offset >= 0);
    });
    reads_all(&mut Broker::on(data, &[]).connect());
}

#[test]
fn whoever_holds_the_directory_keeps_it_out_and_readers_share_it() {
    let broker = filled();
    let root = broker.folder();
    let ended = run(&["--read-only", "--listen", "127.0.0.1:0", "--data", root.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.join("\n").contains("another process holds"), "{:?}", ended.stderr);
    let data = broker.stop();
    let (first, second) = (Broker::on(data.clone(), &["--read-only"]), Broker::on(data.clone(), &["--read-only"]));
    reads_all(&mut first.connect());
    reads_all(&mut second.connect());
    let ended = run(&["--listen", "127.0.0.1:0", "--data", root.to_str().unwrap()]);
    assert!(ended.stderr.join("\n").contains("another process holds"), "{:?}", ended.stderr);
}

#[test]
fn a_directory_that_is_none_is_refused_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&["--read-only", "--listen", "127.0.0.1:0", "--data", folder.path().to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.join("\n").contains("meta.properties"), "{:?}", ended.stderr);
    assert_eq!(tree(folder.path()), Vec::<PathBuf>::new());
}
