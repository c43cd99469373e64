//! A disk that fails, or is full: producers get errors, consumers read on, and a full one is over when space returns.
//!
//! Not here: faults at the n-th call of each kind. `src/group/sweep_tests.rs` tries those without sockets, `examples/torture`
//! (part `sweep`) against a real broker.

mod broker;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use broker::client::{batch_of_size, Client};
use broker::{run, scratch, tree, until, Broker};
use sendlog::base::ErrorCode;

/// A small file system in memory, unmounted when it is dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// `None`, with a message, where only root could.
    fn mount(path: &Path, size: &str) -> Option<Tmpfs> {
        std::fs::create_dir(path).unwrap();
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path).output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Tmpfs(path.to_path_buf()));
        }
        eprintln!("SKIPPED: no tmpfs can be mounted, which takes root: {mounted:?}");
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a broker that a failed test leaves behind may still be there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Produces until that is refused; how many batches went in.
fn fill(client: &mut Client, topic: &str, acks: i16) -> i64 {
    for count in 0.. {
        let answer = client.try_produce(9, acks, topic, 0, &batch_of_size(20_000));
        if !answer.error_code.is_none() {
            assert_eq!(answer.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
            return count;
        }
    }
    unreachable!()
}

fn read_all(client: &mut Client, topic: &str) -> i64 {
    let mut next = 0;
    while let Some((last, value)) = client.fetch(topic, 0, next).read().pop() {
        assert!(value.bytes().all(|byte| byte == b'x'));
        next = last + 1;
    }
    next
}

#[test]
fn a_full_disk_answers_errors_lets_consumers_read_and_is_over_when_space_returns() {
    let data = Arc::new(scratch());
    let folder = data.path().join("data");
    let Some(_mounted) = Tmpfs::mount(&folder, "3m") else { return };
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    let broker = Broker::on(data, &["--set", "log.segment.delete.delay.ms=0"]);
    let mut client = broker.connect();
    client.create("demo", 1);
    client.create("other", 1);
    let mut count = fill(&mut client, "demo", -1);
    assert!(count > 10, "{count} batches went in");
    for acks in [1, -1] {
        let refused = client.try_produce(9, acks, "other", 0, &batch_of_size(20_000)).error_code;
        assert_eq!(refused, ErrorCode::KAFKA_STORAGE_ERROR);
    }
    assert_eq!((read_all(&mut client, "demo"), read_all(&mut client, "other")), (count, 0), "consumers read on");
    broker.wait_for_line("append_failed partition=demo-0");
    let refused = client.create_with("new", 50, &[]).error_code;
    assert_eq!(refused, ErrorCode::KAFKA_STORAGE_ERROR, "no room for the files of a topic");
    std::fs::remove_file(&ballast).unwrap();
    client.create("new", 1);
    count += fill(&mut client, "demo", 1);
    let end = read_all(&mut client, "demo");
    assert_eq!(end, count, "what was acknowledged, and nothing that was refused");
    broker.wait_for_line("append_works_again partition=demo-0");
    let offline: Vec<_> = broker.warnings().into_iter().filter(|line| line.contains("partition_offline")).collect();
    assert!(offline.is_empty(), "{offline:?}");
    let is_deleted = |path: &PathBuf| path.to_string_lossy().contains("-delete");
    until("what the refused topic left is gone", || (!tree(&folder).iter().any(is_deleted)).then_some(()));
    let data = broker.kill();
    // A start writes the registry anew: with no room at all it says so, and changes nothing.
    std::fs::write(&ballast, vec![0; 1 << 20]).unwrap_err();
    let refused = run(&["--listen", "127.0.0.1:0", "--data", folder.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2), "{:?}", refused.stderr);
    assert!(refused.stderr.iter().any(|line| line.contains("No space left")), "{:?}", refused.stderr);
    std::fs::remove_file(&ballast).unwrap();
    let broker = Broker::on(data, &[]);
    assert_eq!(read_all(&mut broker.connect(), "demo"), count);
    drop(broker);
}

/// What tests switch on is in no other build.
#[test]
#[cfg(not(feature = "faults"))]
fn nothing_of_fault_points_is_in_the_binary_of_a_usual_build() {
    let bytes = std::fs::read(env!("CARGO_BIN_EXE_sendlog")).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("sendlog.registry"), "does this still read the binary?");
    for text in ["SENDLOG_FAULT", "SENDLOG_BUG", "EMFILE"] {
        assert!(!holds(text), "{text} is in it");
    }
}
