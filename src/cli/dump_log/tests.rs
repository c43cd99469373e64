//! Every flip is found, and any bytes are told of.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use crate::record::header::{stamp, CRC_RANGE_START};
use crate::record::BatchBuilder;

/// What was printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What dumping a file or folder prints, and how many damaged things it finds.
fn dump(path: &Path, format: Format) -> (String, u64) {
    let printed = Printed::default();
    let mut out = Out::into(format, false, Box::new(printed.clone()));
    dump_path(path, &Asked { records: true }, &mut out).unwrap();
    let damages = out.finish();
    let bytes = printed.0.lock().unwrap().clone();
    (String::from_utf8(bytes).unwrap(), damages)
}

const BATCHES: usize = 6;
const LOG: &str = "00000000000000000100.log";
const INDEX: &str = "00000000000000000100.index";
const TIME_INDEX: &str = "00000000000000000100.timeindex";

/// A segment of batches with two records each, and indexes with an entry for each batch but the first.
fn segment() -> tempfile::TempDir {
    let (mut log, mut index, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..BATCHES {
        let timestamp_ms = 1000 * n as i64;
        let mut batch = BatchBuilder::new()
            .producer(7, 0, 2 * n as i32)
            .record(timestamp_ms, Some(b"key"), Some(b"value"))
            .record(timestamp_ms + 1, None, Some(&[0xff, 0]))
            .build();
        stamp(&mut batch, Offset(100 + 2 * n as i64), 0);
        if n > 0 {
            index.extend((2 * n as u32 + 1).to_be_bytes());
            index.extend((log.len() as u32).to_be_bytes());
            times.extend((timestamp_ms + 1).to_be_bytes());
            times.extend((2 * n as u32 + 1).to_be_bytes());
        }
        log.extend(batch);
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [(LOG, log), (INDEX, index), (TIME_INDEX, times)] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

#[test]
fn what_is_well_is_shown_and_nothing_is_damaged() {
    let folder = segment();
    let (text, damages) = dump(folder.path(), Format::Text);
    assert_eq!(damages, 0, "{text}");
    for part in [
        "  6 batches, 12 records, offsets 100 to 111,",
        "| offset 101  1970-01-01T00:00:00.001Z  key null  value 0xff00",
        "| offset 110  1970-01-01T00:00:05.000Z  key \"key\"  value \"value\"",
        " 7:0:10 ",
        "  5 entries in 40 bytes",
        "  5 entries in 60 bytes",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let (json, _) = dump(folder.path(), Format::Json);
    assert_eq!(json.lines().filter(|line| line.contains(r#""row":"batch""#)).count(), BATCHES);
    assert!(json.lines().all(|line| line.starts_with("{\"file\":") && line.ends_with('}')), "{json}");
}

#[test]
fn every_flipped_bit_of_a_batch_is_found_and_the_other_batches_are_shown() {
    let folder = segment();
    let path = folder.path().join(LOG);
    let good = std::fs::read(&path).unwrap();
    let size = good.len() / BATCHES;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            std::fs::write(&path, &bytes).unwrap();
            let (text, damages) = dump(&path, Format::Text);
            let shown = text.lines().filter(|line| line.contains("7:0:") && !line.contains("DAMAGED")).count();
            match at % size {
                // The base offset lies outside the CRC: a wrong one does not follow, or is not followed.
                0..8 => assert!(damages > 0 || text.contains("GAP"), "byte {at} bit {bit}: {text}"),
                // So does the leader epoch, and nothing tells whether it is right.
                12..16 => assert_eq!(damages, 0, "byte {at} bit {bit}: {text}"),
                _ => {
                    assert_eq!(damages, 1, "byte {at} bit {bit}: {text}");
                    assert!(shown >= BATCHES - 1, "byte {at} bit {bit}: {text}");
                }
            }
        }
    }
}

#[test]
fn behind_a_damaged_batch_it_says_where_the_next_one_begins_and_what_is_missing() {
    let folder = segment();
    let path = folder.path().join(LOG);
    let mut bytes = std::fs::read(&path).unwrap();
    let size = bytes.len() / BATCHES;
    bytes[size + 8] = 0x7f; // the second batch's length
    std::fs::write(&path, &bytes).unwrap();
    let (text, _) = dump(&path, Format::Text);
    let says = format!("the next good batch begins at {} with offset 104; offsets 102 to 103 cannot be read", 2 * size);
    assert!(text.contains(&says), "{text}");
    bytes.truncate(2 * size + 70);
    std::fs::write(&path, &bytes).unwrap();
    let (text, _) = dump(&path, Format::Text);
    assert!(text.contains("to the end of the file, and no good batch in them"), "{text}");
}

#[test]
fn a_batch_inside_a_record_is_not_taken_for_one_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00000000000000000000.log");
    let inner = BatchBuilder::new().record(1, None, Some(b"inner")).build();
    let outer = BatchBuilder::new().record(1, None, Some(&inner)).build();
    let mut next = BatchBuilder::new().record(1, None, Some(b"next")).build();
    stamp(&mut next, Offset(1), 0);
    let mut bytes = [outer.clone(), next].concat();
    bytes[CRC_RANGE_START + 2] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let (text, damages) = dump(&path, Format::Text);
    assert_eq!(damages, 1);
    assert!(text.contains(&format!("the next good batch begins at {} with offset 1", outer.len())), "{text}");
}

#[test]
fn every_flipped_bit_of_an_index_is_found() {
    for name in [INDEX, TIME_INDEX] {
        let folder = segment();
        let path = folder.path().join(name);
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << bit;
                std::fs::write(&path, &bytes).unwrap();
                let (text, damages) = dump(&path, Format::Text);
                // Kafka's time index may name any record of the batch.
                let is_same_batch = name == TIME_INDEX && at % 12 == 11 && bit == 0;
                assert!(damages > 0 || is_same_batch, "{name} byte {at} bit {bit}: {text}");
            }
        }
        for length in 0..good.len() {
            std::fs::write(&path, &good[..length]).unwrap();
            let is_torn = length % (good.len() / (BATCHES - 1)) > 0;
            assert_eq!(dump(&path, Format::Text).1, u64::from(is_torn), "{name} cut to {length} bytes");
        }
        let padded = [&good[..], &[0; 240]].concat();
        std::fs::write(&path, padded).unwrap();
        let (text, damages) = dump(&path, Format::Text);
        assert!(damages == 0 && text.contains("entries of zeros behind them"), "{text}");
    }
}

#[test]
fn bytes_that_look_like_batches_everywhere_are_given_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00000000000000000000.log");
    // At every fifth byte magic 2, and a length that the file has.
    let bytes: Vec<u8> = [0, 2, 0, 0, 2].iter().cycle().take(1 << 20).copied().collect();
    std::fs::write(&path, bytes).unwrap();
    let (text, damages) = dump(&path, Format::Text);
    assert!(damages == 1 && text.contains("too odd"), "{text}");
}

/// Files of each kind that hold `bytes`.
fn files_of(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "00000000000000000000.log",
        "9223372036854775807.log",
        "9223372036854775807.index",
        "9223372036854775807.timeindex",
        "00000000000000000000.index",
        "00000000000000000000.timeindex",
        "00000000000000000000.log.cut-3",
        "00000000000000000000.cut-3",
        "00000000000000000005.snapshot",
        "00000000000000000005.batches",
        "leader-epoch-checkpoint",
        "recovery-point-offset-checkpoint",
        "partition.metadata",
        "sendlog.registry",
        "something else",
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn any_bytes_in_any_file_are_told_of(bytes: Vec<u8>, at in 0usize..600, value: u8) {
        for format in [Format::Text, Format::Json] {
            dump(files_of(&bytes).path(), format);
        }
        let mut log = std::fs::read(segment().path().join(LOG)).unwrap();
        let at = at % log.len();
        log[at] = value;
        let size = log.len() / BATCHES;
        crate::record::header::stamp_crc(&mut log[..size]);
        dump(files_of(&log).path(), Format::Text);
    }
}
