//! What a copy promises over kills and power cuts: gaps and epochs as they were, and nothing lost but an end that comes again.

use super::tests::{config, partition};
use super::*;
use crate::log::recovery::{Opening, Recovered};
use crate::log::{gaps, Checked};
use crate::record::BatchBuilder;

/// Batches with gaps between them, of epochs that rise now and then; offsets, epochs and sizes follow from the seed.
fn batches(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let (mut state, mut offset, mut epoch) = (seed, 7, 2);
    let mut random = |below: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    let batch = |_| {
        let mut builder = BatchBuilder::new();
        let records = 1 + random(3) as i64;
        let value = vec![b'v'; 20 + random(150) as usize];
        (0..records).for_each(|n| builder.push(1000 + n, None, Some(&value)));
        let mut batch = builder.build();
        header::stamp(&mut batch, Offset(offset), epoch);
        offset += records + random(3) as i64 * random(40) as i64;
        epoch += i32::from(random(10) == 0);
        batch
    };
    (0..count).map(batch).collect()
}

fn copy(partition: &Partition, batches: &[Vec<u8>]) {
    let mut batches: Vec<Vec<u8>> = batches.to_vec();
    let checked = |bytes: &mut Vec<u8>| BatchHeader::parse(bytes).unwrap();
    let headers: Vec<BatchHeader> = batches.iter_mut().map(checked).collect();
    let checked: Vec<Checked> =
        batches.iter_mut().zip(headers).map(|(bytes, header)| Checked { bytes, header }).collect();
    partition.append_copied(&checked).unwrap();
}

fn reopen(folder: &tempfile::TempDir, recovery_point: Offset) -> (Partition, Recovered) {
    let opening = Opening { recovery_point, epoch: 9, ..Opening::default() };
    let name = TopicPartition { topic: "demo".to_string(), partition: 0 };
    Partition::open(name, folder.path().to_path_buf(), config(FlushMode::Acks), opening).unwrap()
}

fn logs(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let mut logs: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    logs.retain(|path| path.extension().is_some_and(|suffix| suffix == "log"));
    logs.sort();
    logs
}

fn bytes(folder: &tempfile::TempDir) -> Vec<u8> {
    logs(folder).iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn gaps_and_epochs_survive_a_kill_at_any_batch() {
    let folder = tempfile::tempdir().unwrap();
    let all = batches(1, 60);
    let mut copied = partition(&folder, config(FlushMode::Acks));
    for (count, batch) in (1..).zip(&all) {
        copy(&copied, std::slice::from_ref(batch));
        // What a power cut may take is the end of the last segment.
        let last: i64 = logs(&folder).last().unwrap().file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let headers = all[..count].iter().map(|batch| BatchHeader::parse(batch).unwrap());
        let closed = headers.filter(|header| header.base_offset < Offset(last)).map(|header| header.last_offset() + 1);
        assert!(closed.max() <= Some(copied.checkpoint().unwrap().0), "a closed segment is not flushed");
        let flushed = copied.checkpoint().unwrap().0;
        let end = copied.copied_end().unwrap();
        for recovery_point in [Offset(0), flushed] {
            drop(copied);
            let (again, recovered) = reopen(&folder, recovery_point);
            assert_eq!((again.copied_end().unwrap(), recovered.bytes_cut), (end, 0), "{count} batches");
            copied = again;
        }
        assert_eq!(bytes(&folder), all[..count].concat(), "{count} batches");
    }
    assert!(logs(&folder).len() > 5);
    let epochs: Vec<i32> = all.iter().map(|batch| BatchHeader::parse(batch).unwrap().leader_epoch).collect();
    assert_eq!(copied.copied_end().unwrap().epoch, *epochs.last().unwrap());
    for batch in &all {
        let header = BatchHeader::parse(batch).unwrap();
        assert_eq!(copied.leader_epoch_at(header.base_offset).unwrap(), header.leader_epoch);
        let found = copied.fetch(header.base_offset, 1, true).unwrap().range.unwrap();
        assert_eq!(found.length, batch.len() as u64, "found at offset {}", header.base_offset);
    }
}

#[test]
fn a_torn_end_of_a_copy_is_cut_at_a_batch_and_comes_again() {
    let all = batches(2, 12);
    let whole = tempfile::tempdir().unwrap();
    copy(&partition(&whole, config(FlushMode::Acks)), &all);
    let last = std::fs::read(logs(&whole).last().unwrap()).unwrap();
    for left in (0..last.len()).step_by(7) {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(whole.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let path = logs(&folder).pop().unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(left as u64).unwrap();
        let (copied, _) = reopen(&folder, Offset(0));
        let end = copied.copied_end().unwrap().offset;
        let rest: Vec<_> =
            all.iter().filter(|batch| BatchHeader::parse(batch).unwrap().base_offset >= end).cloned().collect();
        copy(&copied, &rest);
        assert_eq!(bytes(&folder), bytes(&whole), "{left} bytes of the last segment were left");
    }
}

#[test]
fn a_gap_is_a_loss_where_nothing_was_copied_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let all = batches(3, 20);
    let copied = partition(&folder, config(FlushMode::Acks));
    copy(&copied, &all);
    let end = copied.copied_end().unwrap().offset;
    copied.flush_to(end).unwrap();
    copied.end_gaps().unwrap();
    assert_eq!(gaps::read(folder.path()).unwrap(), end);
    let mut own = BatchBuilder::new().record(1, None, Some(b"own")).build();
    assert_eq!(copied.append(&mut own, 9, 0).unwrap().first, end);
    header::stamp(&mut own, end + 5, 50);
    let path = logs(&folder).pop().unwrap();
    let with_gap = [std::fs::read(&path).unwrap(), own].concat();
    std::fs::write(&path, with_gap).unwrap();
    drop(copied);
    let (opened, recovered) = reopen(&folder, Offset(0));
    assert_eq!(opened.copied_end().unwrap().offset, end + 1);
    assert!(recovered.has_batches_behind_cut);
}

#[test]
fn a_copy_goes_on_behind_what_its_source_has_lost() {
    let folder = tempfile::tempdir().unwrap();
    let copied = partition(&folder, config(FlushMode::Acks));
    copied.skip_to(Offset(1 << 40)).unwrap();
    let (copied, recovered) = {
        drop(copied);
        reopen(&folder, Offset(0))
    };
    assert_eq!((copied.copied_end().unwrap().offset, recovered.bytes_cut), (Offset(1 << 40), 0));
    let mut batch = batches(4, 1).remove(0);
    // Too far for the 32 bits of an index, in an empty segment and in one that is not.
    for offset in [(1 << 40) + 5, 1 << 42] {
        header::stamp(&mut batch, Offset(offset), 3);
        copy(&copied, std::slice::from_ref(&batch));
        assert!(copied.fetch(Offset(offset), 1, true).unwrap().range.is_some());
    }
    assert_eq!(logs(&folder).len(), 3);
    let end = copied.copied_end().unwrap();
    drop(copied);
    assert_eq!(reopen(&folder, Offset(0)).0.copied_end().unwrap(), end);
}
