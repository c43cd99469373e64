//! What lies beside segments: the state of producers, and transactions that were aborted.
//!
//! `.snapshot` is drawn in [`crate::partition::snapshot`]. `.txnindex` has 34 bytes for each aborted transaction: i16 version 0,
//! i64 producer id, i64 first offset, i64 last offset, i64 last stable offset.
//!
//! Always true: a snapshot that is torn is told of on stderr and is no error, as with Kafka.
//! Not done: an entry is not held against the segments.

use std::path::Path;

use super::log::{failed, size};
use super::Out;
use crate::base::write_line;
use crate::cli::remote::{Done, Failure};
use crate::os::fs;
use crate::record::crc32c;

const ENTRY_SIZE: usize = 46;
/// i16 version, u32 CRC, i32 count.
const HEAD_SIZE: usize = 10;
const CRC_END: usize = 6;

pub fn dump_producers(path: &Path, out: &mut Out) -> Done {
    size(path)?;
    let bytes = fs::read(path).map_err(failed)?.unwrap_or_default();
    match entries(&bytes) {
        Ok(entries) => entries.iter().for_each(|entry| out.line(&producer(entry))),
        Err(why) => {
            out.write();
            write_line(&format!("{}: {why}", path.display()));
        }
    }
    Ok(())
}

fn entries(bytes: &[u8]) -> Result<&[[u8; ENTRY_SIZE]], &'static str> {
    let (head, rest) = bytes.split_at_checked(HEAD_SIZE).ok_or("Snapshot is torn")?;
    if head[..2] != [0, 1] {
        return Err("Snapshot contained an unknown file version");
    }
    if crc32c(&bytes[CRC_END..]).to_be_bytes() != head[2..CRC_END] {
        return Err("Snapshot is corrupt (CRC is no longer valid)");
    }
    let (entries, torn) = rest.as_chunks();
    let count = u32::from_be_bytes(*head.last_chunk().expect("a head has more bytes"));
    match torn.is_empty() && entries.len() == count as usize {
        true => Ok(entries),
        false => Err("Snapshot is torn"),
    }
}

fn producer(entry: &[u8; ENTRY_SIZE]) -> String {
    let number = |at: usize, size: usize| {
        let sign = if entry[at] & 0x80 == 0 { 0i64 } else { -1 };
        entry[at..at + size].iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))
    };
    let (sequence, offset, delta, timestamp_ms) = (number(10, 4), number(14, 8), number(22, 4), number(26, 8));
    let mut line = format!(
        "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {} lastTimestamp: {timestamp_ms} ",
        number(0, 8),
        number(8, 2),
        number(34, 4),
        match number(38, 8) {
            none if none < 0 => String::from("OptionalLong.empty"),
            first => format!("OptionalLong[{first}]"),
        }
    );
    // -1: only the marker of a transaction is left of it.
    if offset >= 0 {
        let first = if sequence < delta { i64::from(i32::MAX) - (delta - sequence) + 1 } else { sequence - delta };
        line += &format!(
            "firstSequence: {first} lastSequence: {sequence} lastOffset: {offset} offsetDelta: {delta} timestamp: {timestamp_ms}"
        );
    }
    line
}

pub fn dump_transactions(path: &Path, out: &mut Out) -> Done {
    size(path)?;
    let bytes = fs::read(path).map_err(failed)?.unwrap_or_default();
    let (entries, torn) = bytes.as_chunks::<34>();
    for entry in entries {
        let [version_high, version_low, rest @ ..] = *entry;
        let version = i16::from_be_bytes([version_high, version_low]);
        if version != 0 {
            return Err(Failure::Failed(format!("{}: an entry of version {version}, and 0 is known", path.display())));
        }
        let (numbers, _) = rest.as_chunks::<8>();
        let numbers: Vec<i64> = numbers.iter().map(|number| i64::from_be_bytes(*number)).collect();
        out.line(&format!(
            "version: {version} producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
            numbers[0], numbers[1], numbers[2], numbers[3]
        ));
    }
    match torn.is_empty() {
        true => Ok(()),
        false => Err(Failure::Failed(format!("{}: {} bytes behind the last entry", path.display(), torn.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_is_shown_with_its_last_batch_if_it_has_one() {
        let mut entry = [0xff; ENTRY_SIZE];
        entry[..10].copy_from_slice(&[0, 0, 0, 0, 0, 0, 3, 233, 0, 2]);
        entry[26..34].copy_from_slice(&7i64.to_be_bytes());
        let head = "producerId: 1001 producerEpoch: 2 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong.empty lastTimestamp: 7 ";
        assert_eq!(producer(&entry), head);
        entry[10..14].copy_from_slice(&1i32.to_be_bytes());
        entry[14..22].copy_from_slice(&40i64.to_be_bytes());
        entry[22..26].copy_from_slice(&3i32.to_be_bytes());
        let batch = "firstSequence: 2147483646 lastSequence: 1 lastOffset: 40 offsetDelta: 3 timestamp: 7";
        assert_eq!(producer(&entry), format!("{head}{batch}"));
    }
}
