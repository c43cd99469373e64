//! Snapshots of the producer state, so that a start need not read the whole log.
//!
//! `<offset>.snapshot` is Kafka's file: i16 version 1, u32 CRC-32C of what follows, i32 count, and 46 bytes for each
//! producer: i64 id, i16 epoch, i32 last sequence, i64 last offset, i32 offset delta of the last batch, i64 timestamp,
//! i32 coordinator epoch (-1), i64 first offset of a transaction (-1). It holds each producer's last batch only.
//! `<offset>.batches` beside it is ours: u32 CRC-32C, then 38 bytes for each of the up to five batches, oldest first:
//! i64 id, i16 epoch, i32 first and i32 last sequence, i64 first offset, i64 timestamp, i32 offset delta.
//!
//! Always true: both hold what lies below the offset in their name, and are durable before the older ones go. One that
//! is torn, or that lies beyond the log's end, counts as missing. Without `.batches` (a directory that Kafka wrote has
//! none) the last batch of each producer is known, and those before it are looked for in the log.
//! Not done: no transactions: those fields are written as "none".

use std::collections::VecDeque;
use std::path::Path;

use crate::base::{Offset, Result};
use crate::faults::seeded::is_on;
use crate::os::fs;
use crate::partition::producer_state::{Producer, Sequenced};
use crate::record::crc32c;

pub use crate::partition::producer_state::ProducerState;

const VERSION: i16 = 1;
const CRC_AT: usize = 2;
const COUNT_AT: usize = 6;
const ENTRY_SIZE: usize = 46;
const BATCH_SIZE: usize = 38;

fn name(offset: Offset, suffix: &str) -> String {
    format!("{:020}.{suffix}", offset.0)
}

/// What a start finds.
#[derive(Debug, PartialEq)]
pub struct Found {
    /// Where reading goes on.
    pub offset: Offset,
    pub state: ProducerState,
    /// Whether all batches that are to be remembered are in it, or each producer's last one only.
    pub is_whole: bool,
}

/// Writes the state as of `offset`, durably, and removes older snapshots.
pub fn write(folder: &Path, offset: Offset, state: &ProducerState) -> Result<()> {
    fs::replace_contents(&folder.join(name(offset, "batches")), &encode_batches(state))?;
    fs::replace(&folder.join(name(offset, "snapshot")), &encode(state))?;
    let names = fs::list(folder)?;
    for suffix in ["snapshot", "batches"] {
        let mut older = offsets(&names, suffix).into_iter().filter(|known| *known < offset);
        older.try_for_each(|known| fs::unlink(&folder.join(name(known, suffix))))?;
    }
    Ok(())
}

/// Removes what speaks of a log that went further than this one: a power cut took its end. `names` is what the folder holds.
pub fn remove_beyond(folder: &Path, names: &[fs::Entry], end: Offset) -> Result<()> {
    for suffix in ["snapshot", "batches"] {
        let mut beyond =
            offsets(names, suffix).into_iter().filter(|known| *known > end && !is_on("snapshot-not-bound"));
        beyond.try_for_each(|known| fs::unlink(&folder.join(name(known, suffix))))?;
    }
    Ok(())
}

/// The newest snapshot at or below `end` that can be read.
pub fn read(folder: &Path, names: &[fs::Entry], end: Offset) -> Result<Option<Found>> {
    for offset in offsets(names, "snapshot").into_iter().rev().filter(|offset| *offset <= end) {
        let read = |suffix| fs::read(&folder.join(name(offset, suffix)));
        if let Some(state) = read("batches")?.as_deref().and_then(decode_batches) {
            return Ok(Some(Found { offset, state, is_whole: true }));
        }
        let file = folder.join(name(offset, "batches"));
        note!(
            Info,
            "snapshot_missing",
            [path = file.display()],
            "no producer state in it, reading batch headers as well"
        );
        if let Some(state) = read("snapshot")?.as_deref().and_then(decode) {
            return Ok(Some(Found { offset, state, is_whole: false }));
        }
    }
    Ok(None)
}

fn offsets(names: &[fs::Entry], suffix: &str) -> Vec<Offset> {
    let parse = |name: &str| name.strip_suffix(suffix)?.strip_suffix('.')?.parse().ok().map(Offset);
    let mut offsets: Vec<Offset> = names.iter().filter_map(|entry| parse(&entry.name)).collect();
    offsets.sort();
    offsets
}

fn encode(state: &ProducerState) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(COUNT_AT + 4 + state.len() * ENTRY_SIZE);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&(state.len() as i32).to_be_bytes());
    for (id, producer) in state.iter() {
        let last = producer.last();
        bytes.extend_from_slice(&id.to_be_bytes());
        bytes.extend_from_slice(&producer.epoch.to_be_bytes());
        bytes.extend_from_slice(&last.last_sequence.to_be_bytes());
        bytes.extend_from_slice(&last.last.0.to_be_bytes());
        bytes.extend_from_slice(&((last.last - last.first) as i32).to_be_bytes());
        bytes.extend_from_slice(&last.timestamp_ms.to_be_bytes());
        bytes.extend_from_slice(&(-1i32).to_be_bytes());
        bytes.extend_from_slice(&(-1i64).to_be_bytes());
    }
    let crc = crc32c(&bytes[COUNT_AT..]);
    bytes[CRC_AT..COUNT_AT].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// What a `.snapshot` says; `None` when it is torn or damaged.
pub fn decode(bytes: &[u8]) -> Option<ProducerState> {
    let (version, rest) = bytes.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    if i16::from_be_bytes(*version) != VERSION || crc32c(rest) != u32::from_be_bytes(*crc) {
        return None;
    }
    let (count, entries) = rest.split_first_chunk()?;
    let (entries, torn) = entries.as_chunks::<ENTRY_SIZE>();
    if !torn.is_empty() || entries.len() != usize::try_from(i32::from_be_bytes(*count)).ok()? {
        return None;
    }
    let mut state = ProducerState::default();
    for entry in entries {
        let (id, rest) = entry.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (last_sequence, rest) = rest.split_first_chunk()?;
        let (last, rest) = rest.split_first_chunk()?;
        let (delta, rest) = rest.split_first_chunk()?;
        let timestamp_ms = i64::from_be_bytes(*rest.first_chunk()?);
        let last = Offset(i64::from_be_bytes(*last));
        // -1: a producer of which only the marker of a transaction is left.
        if last >= Offset(0) {
            let batch =
                Sequenced::ending(i32::from_be_bytes(*last_sequence), last, i32::from_be_bytes(*delta), timestamp_ms);
            let producer = Producer { epoch: i16::from_be_bytes(*epoch), batches: VecDeque::from([batch]) };
            state.restore(i64::from_be_bytes(*id), producer);
        }
    }
    Some(state)
}

fn encode_batches(state: &ProducerState) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    for (id, producer) in state.iter() {
        for batch in &producer.batches {
            bytes.extend_from_slice(&id.to_be_bytes());
            bytes.extend_from_slice(&producer.epoch.to_be_bytes());
            bytes.extend_from_slice(&batch.first_sequence.to_be_bytes());
            bytes.extend_from_slice(&batch.last_sequence.to_be_bytes());
            bytes.extend_from_slice(&batch.first.0.to_be_bytes());
            bytes.extend_from_slice(&batch.timestamp_ms.to_be_bytes());
            bytes.extend_from_slice(&((batch.last - batch.first) as i32).to_be_bytes());
        }
    }
    let crc = crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// What a `.batches` says; `None` when it is torn or damaged.
pub fn decode_batches(bytes: &[u8]) -> Option<ProducerState> {
    let (crc, entries) = bytes.split_first_chunk::<4>()?;
    let (entries, rest) = entries.as_chunks::<BATCH_SIZE>();
    if !rest.is_empty() || crc32c(&bytes[4..]) != u32::from_be_bytes(*crc) {
        return None;
    }
    let mut state = ProducerState::default();
    let mut open: Option<(i64, Producer)> = None;
    for entry in entries {
        let (id, epoch, batch) = decode_batch(entry)?;
        match &mut open {
            Some((known, producer)) if *known == id => producer.batches.push_back(batch),
            _ => {
                let fresh = Producer { epoch, batches: VecDeque::from([batch]) };
                if let Some((id, producer)) = open.replace((id, fresh)) {
                    state.restore(id, producer);
                }
            }
        }
    }
    if let Some((id, producer)) = open {
        state.restore(id, producer);
    }
    Some(state)
}

fn decode_batch(entry: &[u8; BATCH_SIZE]) -> Option<(i64, i16, Sequenced)> {
    let (id, rest) = entry.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (first_sequence, rest) = rest.split_first_chunk()?;
    let (last_sequence, rest) = rest.split_first_chunk()?;
    let (first, rest) = rest.split_first_chunk()?;
    let (timestamp_ms, rest) = rest.split_first_chunk()?;
    let delta = i32::from_be_bytes(*rest.first_chunk()?);
    let first = Offset(i64::from_be_bytes(*first));
    let batch = Sequenced {
        first_sequence: i32::from_be_bytes(*first_sequence),
        last_sequence: i32::from_be_bytes(*last_sequence),
        first,
        last: first + i64::from(delta),
        timestamp_ms: i64::from_be_bytes(*timestamp_ms),
    };
    Some((i64::from_be_bytes(*id), i16::from_be_bytes(*epoch), batch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in(folder: &Path, end: Offset) -> Result<Option<Found>> {
        read(folder, &fs::list(folder)?, end)
    }

    fn state() -> ProducerState {
        let mut state = ProducerState::default();
        for (id, count) in [(1, 1), (7, 5)] {
            let batch = |n: i32| Sequenced {
                first_sequence: n * 2,
                last_sequence: n * 2 + 1,
                first: Offset(i64::from(n) * 10),
                last: Offset(i64::from(n) * 10 + 1),
                timestamp_ms: 99,
            };
            state.restore(id, Producer { epoch: 3, batches: (0..count).map(batch).collect() });
        }
        state
    }

    /// What is left without `.batches`: the last batch of each.
    fn last_batches() -> ProducerState {
        let mut last = ProducerState::default();
        for (id, producer) in state().iter() {
            last.restore(id, Producer { epoch: producer.epoch, batches: VecDeque::from([*producer.last()]) });
        }
        last
    }

    fn found(state: ProducerState, is_whole: bool) -> Option<Found> {
        Some(Found { offset: Offset(50), state, is_whole })
    }

    #[test]
    fn what_was_written_is_read_and_older_snapshots_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        write(folder.path(), Offset(5), &ProducerState::default()).unwrap();
        // A stop between the two files has left one of them.
        std::fs::write(file("00000000000000000007.batches"), b"").unwrap();
        write(folder.path(), Offset(50), &state()).unwrap();
        let names: Vec<_> = fs::list(folder.path()).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["00000000000000000050.batches", "00000000000000000050.snapshot"]);
        assert_eq!(read_in(folder.path(), Offset(50)).unwrap(), found(state(), true));
        assert_eq!(read_in(folder.path(), Offset(49)).unwrap(), None, "beyond the log's end");
    }

    #[test]
    fn an_empty_snapshot_is_kafkas_ten_bytes() {
        let bytes = encode(&ProducerState::default());
        assert_eq!((bytes.len(), &bytes[..2], &bytes[6..]), (10, &[0, 1][..], &[0; 4][..]));
        assert_eq!(encode(&state()).len(), 10 + 2 * ENTRY_SIZE);
    }

    #[test]
    fn a_producer_whose_sequences_begin_again_is_read_from_kafkas_file_too() {
        let batch = Sequenced {
            first_sequence: i32::MAX - 1,
            last_sequence: 2,
            first: Offset(4),
            last: Offset(8),
            timestamp_ms: 99,
        };
        let mut state = ProducerState::default();
        state.restore(7, Producer { epoch: 0, batches: VecDeque::from([batch]) });
        assert_eq!(decode(&encode(&state)), Some(state));
    }

    #[test]
    fn a_producer_with_nothing_but_a_marker_is_not_remembered() {
        let mut bytes = encode(&last_batches());
        let at = COUNT_AT + 4;
        bytes[at + 14..at + 22].copy_from_slice(&(-1i64).to_be_bytes());
        let crc = crc32c(&bytes[COUNT_AT..]);
        bytes[CRC_AT..COUNT_AT].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(decode(&bytes).unwrap().len(), 1);
    }

    #[test]
    fn a_damaged_file_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), Offset(50), &state()).unwrap();
        let [batches, snapshot] = ["batches", "snapshot"].map(|suffix| folder.path().join(name(Offset(50), suffix)));
        let [good_batches, good_snapshot] = [&batches, &snapshot].map(|path| std::fs::read(path).unwrap());
        let damaged = |good: &[u8], at: usize| {
            let mut bytes = good.to_vec();
            bytes[at] ^= 1;
            [bytes, good[..at].to_vec()]
        };
        for at in 0..good_batches.len() {
            for bytes in damaged(&good_batches, at) {
                std::fs::write(&batches, bytes).unwrap();
                assert_eq!(read_in(folder.path(), Offset(50)).unwrap(), found(last_batches(), false), "byte {at}");
            }
        }
        for at in 0..good_snapshot.len() {
            for bytes in damaged(&good_snapshot, at) {
                std::fs::write(&snapshot, bytes).unwrap();
                std::fs::write(&batches, &good_batches).unwrap();
                assert_eq!(read_in(folder.path(), Offset(50)).unwrap(), found(state(), true), "byte {at}");
                std::fs::remove_file(&batches).unwrap();
                assert_eq!(read_in(folder.path(), Offset(50)).unwrap(), None, "byte {at}, and no batches");
            }
        }
    }
}
