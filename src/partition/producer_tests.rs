//! Idempotent producers over stops, kills, lost and damaged snapshots, and the end of the segments that they wrote.

use std::path::Path;

use super::tests::{config, sequenced};
use super::*;
use crate::faults;
use crate::log::recovery::Opening;

/// A producer has sent so many batches of one record, with the sequences from 0 on.
const SENT: i64 = 30;

fn open(folder: &Path, is_clean: bool, log_start: i64) -> Partition {
    let name = TopicPartition { topic: "demo".to_string(), partition: 0 };
    let recovery_point = if is_clean { Offset(SENT) } else { Offset(0) };
    let opening = Opening { is_clean, recovery_point, log_start: Offset(log_start), epoch: 0, ..Opening::default() };
    Partition::open(name, folder.to_path_buf(), config(FlushMode::Acks), opening).unwrap().0
}

/// A partition that took all of them: over several segments, with a snapshot after some of the rolls.
fn sent(folder: &Path) -> Partition {
    let partition = open(folder, false, 0);
    for sequence in 0..SENT {
        partition.append(&mut sequenced(sequence as i32), 9, 0).unwrap();
        if sequence % 12 == 11 {
            partition.flush_all().unwrap();
        }
    }
    partition
}

fn stop(partition: Partition) {
    partition.flush_all().unwrap();
    partition.finish().unwrap();
}

/// Any of the last five batches lies there already, an older one or a later one is out of order, and the next is taken.
fn assert_remembered(partition: &Partition, why: &str) {
    assert_last_is_remembered(partition, why);
    for sequence in SENT - 5..SENT - 1 {
        let again = partition.append(&mut sequenced(sequence as i32), 9, 0).unwrap();
        assert_eq!((again.first, again.last), (Offset(sequence), Offset(sequence)), "{why}");
    }
    let old = partition.append(&mut sequenced(SENT as i32 - 6), 9, 0).unwrap_err();
    assert_eq!(old.code(), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "{why}");
    assert_eq!(partition.append(&mut sequenced(SENT as i32), 9, 0).unwrap().first, Offset(SENT), "{why}");
}

fn assert_last_is_remembered(partition: &Partition, why: &str) {
    let again = partition.append(&mut sequenced(SENT as i32 - 1), 9, 0).unwrap();
    assert_eq!(again.first, Offset(SENT - 1), "{why}");
    let gap = partition.append(&mut sequenced(SENT as i32 + 1), 9, 0).unwrap_err();
    assert_eq!(gap.code(), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "{why}");
    assert_eq!(partition.bounds().unwrap().log_end, Offset(SENT), "{why}");
}

/// The snapshot files, by suffix.
fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == suffix)).collect()
}

#[test]
fn one_snapshot_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let partition = sent(folder.path());
    assert_eq!(files(folder.path(), "snapshot").len(), 1, "however many rolls there were");
    stop(partition);
    for suffix in ["snapshot", "batches"] {
        let name = format!("000000000000000000{SENT}.{suffix}");
        assert_eq!(files(folder.path(), suffix), [folder.path().join(name)]);
    }
}

#[test]
fn batches_are_remembered_whatever_becomes_of_the_snapshot() {
    for is_clean in [true, false] {
        for suffixes in [&["batches"][..], &["snapshot"], &["batches", "snapshot"]] {
            for is_lost in [true, false] {
                let folder = tempfile::tempdir().unwrap();
                let partition = sent(folder.path());
                if is_clean {
                    stop(partition);
                }
                for suffix in suffixes {
                    let [path] = &files(folder.path(), suffix)[..] else { panic!("one file .{suffix}") };
                    match is_lost {
                        true => std::fs::remove_file(path).unwrap(),
                        false => std::fs::write(path, b"nonsense").unwrap(),
                    }
                }
                let why = format!("clean: {is_clean}, lost: {is_lost}, {suffixes:?}");
                assert_remembered(&open(folder.path(), is_clean, 0), &why);
            }
        }
    }
}

#[test]
fn what_is_known_of_a_producer_outlives_the_segments_it_came_from() {
    let end = Offset(SENT);
    let folder = tempfile::tempdir().unwrap();
    let partition = sent(folder.path());
    let (prepared, to_prepare) = faults::record(|| partition.prepare_start(end));
    let (advanced, to_advance) = faults::record(|| partition.advance_start(end));
    prepared.unwrap();
    advanced.unwrap();
    // Between the two lies the checkpoint of the log start.
    for stop in 0..=to_prepare.len() + to_advance.len() {
        let folder = tempfile::tempdir().unwrap();
        let partition = sent(folder.path());
        let _ = faults::stop_after(stop, || partition.prepare_start(end).and_then(|()| partition.advance_start(end)));
        drop(partition);
        let log_start = if stop < to_prepare.len() { 0 } else { SENT };
        assert_remembered(&open(folder.path(), false, log_start), &format!("stopped after {stop} steps"));
    }
}

#[test]
fn a_log_start_within_the_only_segment_hides_no_producer() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path(), false, 0);
    (0..3).for_each(|sequence| drop(partition.append(&mut sequenced(sequence), 9, 0)));
    partition.prepare_start(Offset(3)).unwrap();
    partition.advance_start(Offset(3)).unwrap();
    drop(partition);
    let partition = open(folder.path(), false, 3);
    assert_eq!(partition.append(&mut sequenced(2), 9, 0).unwrap().first, Offset(2));
    assert_eq!(partition.append(&mut sequenced(3), 9, 0).unwrap().first, Offset(3));
}

#[test]
fn without_its_batches_the_last_one_is_known_from_kafkas_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let partition = sent(folder.path());
    // Others write until a segment begins in which nothing of the producer lies.
    let others = || partition.append(&mut super::tests::batch(&[b'v'; 400]), 9, 0).unwrap().first;
    let end = [others(), others(), others()][2] + 1;
    partition.prepare_start(end).unwrap();
    partition.advance_start(end).unwrap();
    stop(partition);
    std::fs::remove_file(&files(folder.path(), "batches")[0]).unwrap();
    let partition = open(folder.path(), false, end.0);
    assert_eq!(partition.append(&mut sequenced(SENT as i32 - 1), 9, 0).unwrap().first, Offset(SENT - 1));
    let gap = partition.append(&mut sequenced(SENT as i32 + 1), 9, 0).unwrap_err();
    assert_eq!(gap.code(), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(partition.append(&mut sequenced(SENT as i32), 9, 0).unwrap().first, end);
}

#[test]
fn producers_go_by_age_alone_and_stay_gone() {
    let folder = tempfile::tempdir().unwrap();
    let partition = sent(folder.path());
    partition.expire_producers(999);
    assert_last_is_remembered(&partition, "its last batch is of 1000");
    partition.expire_producers(1000);
    stop(partition);
    let partition = open(folder.path(), true, 0);
    let anew = partition.append(&mut sequenced(77), 9, 0).unwrap();
    assert_eq!(anew.first, Offset(SENT), "one that nothing is known of may begin anywhere");
}

#[test]
fn sequences_begin_again_after_the_largest_also_over_a_kill() {
    let batch = |sequence: i32| {
        let records = 0..4;
        let mut builder = crate::record::BatchBuilder::new().producer(7, 0, sequence);
        records.for_each(|_| builder.push(1000, None, Some(b"v")));
        builder.build()
    };
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path(), false, 0);
    for (sequence, first) in [(i32::MAX - 5, 0), (i32::MAX - 1, 4), (2, 8)] {
        assert_eq!(partition.append(&mut batch(sequence), 9, 0).unwrap().first, Offset(first));
    }
    drop(partition);
    let partition = open(folder.path(), false, 0);
    for (sequence, first) in [(i32::MAX - 5, 0), (i32::MAX - 1, 4), (2, 8), (6, 12)] {
        assert_eq!(partition.append(&mut batch(sequence), 9, 0).unwrap().first, Offset(first), "{sequence}");
    }
}

#[test]
fn a_snapshot_of_a_log_that_went_further_is_not_believed_when_this_one_gets_there() {
    let other = || crate::record::BatchBuilder::new().producer(8, 0, 0).record(1000, None, Some(b"v")).build();
    // What this log was before a power cut took its end: with a batch of another producer.
    let longer = tempfile::tempdir().unwrap();
    let partition = sent(longer.path());
    partition.append(&mut other(), 9, 0).unwrap();
    stop(partition);
    let folder = tempfile::tempdir().unwrap();
    drop(sent(folder.path()));
    for suffix in ["snapshot", "batches"] {
        let [path] = &files(longer.path(), suffix)[..] else { panic!("one file .{suffix}") };
        std::fs::copy(path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let partition = open(folder.path(), false, 0);
    for sequence in SENT..SENT + 4 {
        partition.append(&mut sequenced(sequence as i32), 9, 0).unwrap();
    }
    drop(partition);
    let partition = open(folder.path(), false, 0);
    let next = partition.append(&mut sequenced(SENT as i32 + 4), 9, 0).unwrap();
    assert_eq!(next.first, Offset(SENT + 4));
    let lost = partition.append(&mut other(), 9, 0).unwrap();
    assert_eq!(lost.first, Offset(SENT + 5), "it is not taken for the one that was lost");
}
