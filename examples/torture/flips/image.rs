//! The data directories whose bytes are flipped: what a real broker left, after a kill or after a clean stop.
//!
//! Three partitions of one topic (segments that have rolled, a numbered producer, a log start that has moved), the offsets
//! of two groups, and all files beside them: about 64 KiB.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use sendlog::record::BatchBuilder;

use crate::broker::client::Client;
use crate::broker::member::commit_request;
use crate::broker::{tree, until, Broker};

pub const PARTITIONS: i32 = 3;
pub const GROUPS: [&str; 2] = ["group-a", "group-b"];
/// Batches of each partition; those behind `FLUSHED` lie above the recovery point when the broker is killed.
const BATCHES: i64 = 24;
const FLUSHED: i64 = 16;
/// Batches of a segment, and its offsets: the timestamps have it roll then.
const SEGMENT_BATCHES: i64 = 12;
pub const SEGMENT_OFFSETS: i64 = 2 * SEGMENT_BATCHES;

/// A data directory in memory.
pub struct Image {
    pub what: &'static str,
    /// Paths below the data directory, sorted.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

impl Image {
    /// Lets a broker write it.
    pub fn make(is_clean: bool) -> Image {
        let broker = Broker::with(&["--set", "log.flush.offset.checkpoint.interval.ms=1000"]);
        let mut client = broker.connect();
        let configs = [("segment.ms", "1000"), ("index.interval.bytes", "1500")];
        assert!(client.create_with("demo", PARTITIONS, &configs).error_code.is_none());
        (0..FLUSHED).for_each(|number| produce(&mut client, number));
        assert!(client.delete_records("demo", 2, 9).0.is_none());
        commit(&mut client, 7);
        let checkpoint = broker.folder().join("recovery-point-offset-checkpoint");
        let flushed = format!("demo 0 {}\n", 2 * FLUSHED);
        until("the checkpoint names what is flushed", || {
            fs::read_to_string(&checkpoint)
                .ok()
                .filter(|text| text.contains(&flushed) && text.contains("__consumer"))
        });
        (FLUSHED..BATCHES).for_each(|number| produce(&mut client, number));
        commit(&mut client, 11);
        let data = if is_clean { broker.stop() } else { broker.kill() };
        let what = if is_clean { "clean" } else { "killed" };
        Image { what, files: read(&data.path().join("data")) }
    }

    pub fn bytes(&self) -> usize {
        self.files.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Writes it, whatever is there.
    pub fn restore(&self, root: &Path) {
        self.restore_but(root, &HashSet::new());
    }

    /// The same, but for the files that are known to be right.
    pub fn restore_but(&self, root: &Path, right: &HashSet<PathBuf>) {
        let wanted: HashSet<PathBuf> = self.files.iter().map(|(path, _)| root.join(path)).collect();
        let folders: HashSet<&Path> = wanted.iter().filter_map(|path| path.parent()).collect();
        remove_others(root, &wanted, &folders);
        for (path, bytes) in self.files.iter().filter(|(path, _)| !right.contains(path)) {
            let full = root.join(path);
            if fs::read(&full).ok().as_ref() != Some(bytes) {
                fs::create_dir_all(full.parent().unwrap()).unwrap();
                fs::write(&full, bytes).unwrap();
            }
        }
    }
}

fn remove_others(folder: &Path, wanted: &HashSet<PathBuf>, folders: &HashSet<&Path>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match entry.file_type().unwrap().is_dir() {
            true if folders.contains(path.as_path()) => remove_others(&path, wanted, folders),
            true => fs::remove_dir_all(path).unwrap(),
            false if !wanted.contains(&path) => fs::remove_file(path).unwrap(),
            false => {}
        }
    }
}

fn read(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = tree(root).into_iter().filter(|path| root.join(path).is_file());
    files.map(|path| (path.clone(), fs::read(root.join(path)).unwrap())).collect()
}

/// A batch of two records for each partition; after some the segments roll.
fn produce(client: &mut Client, number: i64) {
    let timestamp_ms = 1_700_000_000_000 + number / SEGMENT_BATCHES * 5000 + number;
    for partition in 0..PARTITIONS {
        let builder = match partition {
            1 => BatchBuilder::new().producer(5, 0, 2 * number as i32),
            _ => BatchBuilder::new(),
        };
        let value = |n: i64| format!("{partition}:{}:{}", 2 * number + n, "v".repeat(390));
        let batch = builder
            .record(timestamp_ms, Some(b"key"), Some(value(0).as_bytes()))
            .record(timestamp_ms, None, Some(value(1).as_bytes()))
            .build();
        assert_eq!(client.produce("demo", partition, &batch), 2 * number);
    }
}

fn commit(client: &mut Client, offset: i64) {
    for (number, group) in GROUPS.iter().enumerate() {
        let offsets = [("demo", 0, offset), ("demo", 1, offset + number as i64)];
        let answer = client.call(8, commit_request(group, &offsets));
        assert!(answer.topics[0].partitions.iter().all(|partition| partition.error_code.is_none()), "{answer:?}");
    }
}
