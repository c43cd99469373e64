//! What a partition promises to those who append, wait and read at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::faults;
use crate::log::recovery::Opening;
use crate::record::check::{Depth, Timestamps};
use crate::record::BatchBuilder;

const FIRST_START: Opening = Opening {
    is_clean: false,
    recovery_point: Offset(0),
    log_start: Offset(0),
    epoch: 0,
    has_gaps: false,
    is_read_only: false,
};

pub(super) fn config(flush_mode: FlushMode) -> PartitionConfig {
    PartitionConfig {
        log: LogConfig { segment_bytes: 1000, segment_ms: i64::MAX, index_interval_bytes: 100 },
        rules: Rules { depth: Depth::Header, size_max: 1 << 20, keys_required: false, timestamps: Timestamps::ANY },
        is_log_append_time: false,
        flush_mode,
        drops_pages: false,
    }
}

pub(super) fn partition(folder: &tempfile::TempDir, config: PartitionConfig) -> Partition {
    let name = TopicPartition { topic: "demo".to_string(), partition: 0 };
    Partition::open(name, folder.path().to_path_buf(), config, FIRST_START).unwrap().0
}

pub(super) fn batch(value: &[u8]) -> Vec<u8> {
    BatchBuilder::new().record(1000, None, Some(value)).build()
}

#[derive(Default)]
struct CountWakes(AtomicUsize);

impl Wake for CountWakes {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_append_wakes_the_waiting_and_a_removed_waker_rests() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    let wakes = Arc::new(CountWakes::default());
    let waker: Arc<dyn Wake> = wakes.clone();
    partition.add_waker(waker.clone());
    partition.append(&mut batch(b"v"), 9, 0).unwrap();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    partition.remove_waker(&waker);
    partition.append(&mut batch(b"v"), 9, 0).unwrap();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
}

#[test]
fn with_flush_mode_always_consumers_see_flushed_records_only() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Always));
    let wakes = Arc::new(CountWakes::default());
    partition.add_waker(wakes.clone());
    for end in 1..=20 {
        partition.append(&mut batch(&[b'v'; 100]), 9, 0).unwrap();
        let before = partition.fetch(Offset(0), 1 << 20, true).unwrap();
        assert_eq!((before.bounds.high_watermark, before.bounds.log_end), (Offset(end - 1), Offset(end)));
        assert!(partition.fetch(Offset(end - 1), 1 << 20, true).unwrap().range.is_none());
        assert_eq!(partition.find_largest_timestamp().unwrap().is_some(), end > 1, "end {end}");
        assert_eq!(wakes.0.load(Ordering::SeqCst) as i64, end - 1, "woken before the flush");
        partition.flush_to(Offset(end)).unwrap();
        assert!(partition.fetch(Offset(end - 1), 1 << 20, true).unwrap().range.is_some());
    }
}

#[test]
fn a_failed_sync_is_final_for_the_partition() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    partition.append(&mut batch(b"v"), 9, 0).unwrap();
    let flushed = faults::fail_once_after(0, || partition.flush_to(Offset(1)));
    assert_eq!(flushed.unwrap_err().code(), ErrorCode::KAFKA_STORAGE_ERROR);
    let after = partition.flush_to(Offset(1)).unwrap_err();
    assert_eq!(after.code(), ErrorCode::KAFKA_STORAGE_ERROR, "a second sync would say that all is well");
    let append = partition.append(&mut batch(b"v"), 9, 0).unwrap_err();
    assert_eq!(append.code(), ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(partition.is_offline() && partition.finish().is_err(), "and no clean stop");
}

#[test]
fn nobody_syncs_a_file_again_whose_sync_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    partition.append(&mut batch(b"v"), 9, 0).unwrap();
    let ((), reached) = faults::planned("sync:EIO:1", || {
        for _ in 0..3 {
            assert_eq!(partition.flush_to(Offset(1)).unwrap_err().code(), ErrorCode::KAFKA_STORAGE_ERROR);
            assert!(partition.append(&mut batch(b"v"), 9, 0).is_err());
            let _ = (partition.flush_all(), partition.roll(), partition.prepare_start(Offset(1)), partition.finish());
        }
    });
    assert_eq!((reached.calls, reached.faults), (1, 1), "one sync, the one that failed");
}

#[test]
fn a_stop_that_was_appended_to_is_not_clean_and_a_clean_one_takes_no_append() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    partition.append(&mut batch(b"v"), 9, 0).unwrap();
    assert!(partition.finish().is_err(), "not flushed");
    partition.flush_all().unwrap();
    partition.finish().unwrap();
    assert!(partition.append(&mut batch(b"v"), 9, 0).is_err());
}

#[test]
fn a_deleted_partition_is_unknown_to_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    partition.append(&mut batch(b"v"), 9, 0).unwrap();
    let wakes = Arc::new(CountWakes::default());
    partition.add_waker(wakes.clone());
    partition.mark_deleted();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1, "a waiting fetch is told");
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(partition.append(&mut batch(b"v"), 9, 0).unwrap_err().code(), unknown);
    assert_eq!(partition.fetch(Offset(0), 1, true).unwrap_err().code(), unknown);
    assert_eq!(partition.flush_to(Offset(1)).unwrap_err().code(), unknown);
    assert!(partition.finish().is_ok(), "it does not stand in the way of a clean stop");
}

#[test]
fn log_append_time_stamps_the_batch_and_keeps_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, PartitionConfig { is_log_append_time: true, ..config(FlushMode::Acks) });
    let mut sent = batch(b"value");
    let records = sent[header::HEADER_SIZE..].to_vec();
    let appended = partition.append(&mut sent, 9, 5000).unwrap();
    assert_eq!(appended.log_append_time_ms, 5000);
    let stamped = BatchHeader::parse(&sent).unwrap();
    assert!(stamped.is_log_append_time() && header::crc_matches(&sent, &stamped));
    assert_eq!((stamped.max_timestamp_ms, &sent[header::HEADER_SIZE..]), (5000, &records[..]));
    assert_eq!(partition.find_timestamp(4000).unwrap().unwrap().timestamp_ms, 5000);
    assert!(partition.find_timestamp(5001).unwrap().is_none());
}

#[test]
fn torn_records_under_a_right_crc_are_the_clients_and_take_nothing_offline() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    let mut torn = batch(b"value");
    torn[header::HEADER_SIZE] = 0x7f;
    header::stamp_crc(&mut torn);
    partition.append(&mut torn, 9, 0).unwrap();
    assert_eq!(partition.find_timestamp(0).unwrap().unwrap().offset, Offset(0));
    assert!(!partition.is_offline());
}

#[test]
fn a_batch_that_fits_no_segment_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    let error = partition.append(&mut batch(&[b'v'; 1000]), 9, 0).unwrap_err();
    assert_eq!(error.code(), ErrorCode::RECORD_LIST_TOO_LARGE);
}

#[test]
fn damage_met_while_reading_takes_the_partition_offline_and_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    (0..3).for_each(|_| drop(partition.append(&mut batch(b"v"), 9, 0)));
    let path = folder.path().join("00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let second = bytes.len() / 3;
    bytes[second + 16] = 9; // the magic of the second batch
    std::fs::write(&path, &bytes).unwrap();
    assert!(partition.fetch(Offset(0), 1, true).is_ok(), "what lies before it is served");
    let error = partition.fetch(Offset(1), 1, true).unwrap_err();
    assert_eq!(error.code(), ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(partition.is_offline());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

pub(super) fn sequenced(sequence: i32) -> Vec<u8> {
    BatchBuilder::new().producer(7, 0, sequence).record(1000, None, Some(b"v")).build()
}

#[test]
fn a_batch_that_failed_to_be_written_may_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    partition.append(&mut sequenced(0), 9, 0).unwrap();
    let failed = faults::fail_once_after(0, || partition.append(&mut sequenced(1), 9, 0));
    assert_eq!(failed.unwrap_err().code(), ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(partition.append(&mut sequenced(1), 9, 0).unwrap().first, Offset(1));
    assert_eq!(partition.bounds().unwrap().log_end, Offset(2), "taken, not taken for one that lies there");
}

#[test]
fn an_answer_waits_for_a_flush_exactly_where_that_is_promised() {
    for (mode, waits) in [
        (FlushMode::Acks, [true, false, false]),
        (FlushMode::Os, [false, false, false]),
        (FlushMode::Always, [true, false, true]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let partition = partition(&folder, config(mode));
        assert_eq!([-1, 0, 1].map(|acks| partition.acks_wait_for_flush(acks)), waits, "{mode:?}");
    }
}

#[test]
fn a_flush_syncs_every_segment_behind_the_recovery_point() {
    let folder = tempfile::tempdir().unwrap();
    let partition = partition(&folder, config(FlushMode::Acks));
    for _ in 0..12 {
        partition.append(&mut batch(&[b'v'; 150]), 9, 0).unwrap();
    }
    let (flushed, steps) = faults::record(|| partition.flush_to(Offset(12)));
    flushed.unwrap();
    let logs = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|suffix| suffix == "log"));
    let (logs, synced) = (logs.count(), steps.iter().filter(|step| step.starts_with("sync") && step.ends_with(".log")));
    assert!(logs >= 2, "several segments");
    assert_eq!(synced.count(), logs, "{steps:?}");
    let (again, steps) = faults::record(|| partition.flush_to(Offset(12)));
    again.unwrap();
    assert!(steps.is_empty(), "what is on the disk is not synced again: {steps:?}");
}
