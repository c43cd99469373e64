//! The bytes of every small file: the registry, checkpoints, snapshots, records of the offsets log, properties.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sendlog::config::Config;
use sendlog::group::records::{Committed, GroupRecord, Key};
use sendlog::log::checkpoint;
use sendlog::partition::snapshot;
use sendlog::record::crc32c;
use sendlog::topic::registry_file;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 8 {
        0 => registry(rest),
        1 => drop(checkpoint::parse_offsets(rest)),
        2 => drop(checkpoint::parse_epochs(rest)),
        3 => drop(snapshot::decode(&with_crc(rest, 2))),
        4 => drop(snapshot::decode_batches(&with_crc(rest, 0))),
        5 => drop(Key::decode(rest)),
        6 => {
            if let Some(committed) = Committed::decode(rest) {
                assert_eq!(Committed::decode(&committed.encode()), Some(committed));
            }
            if let Some(group) = GroupRecord::decode(rest, 5) {
                drop(group.encode());
            }
        }
        _ => drop(Config::default().set_from_properties(&String::from_utf8_lossy(rest))),
    }
});

/// The same with a checksum that fits, at this place.
fn with_crc(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() >= at + 4 {
        let crc = crc32c(&bytes[at + 4..]);
        bytes[at..at + 4].copy_from_slice(&crc.to_be_bytes());
    }
    bytes
}

/// Each line is a payload; it gets the head that belongs to it.
fn registry(bytes: &[u8]) {
    let mut file = Vec::new();
    for line in bytes.split(|c| *c == b'\n') {
        if line.first() == Some(&b'!') {
            file.extend_from_slice(&line[1..]);
        } else {
            let crc = crc_32(line);
            file.extend_from_slice(format!("{:06} {crc:08x} ", line.len()).as_bytes());
            file.extend_from_slice(line);
        }
        file.push(b'\n');
    }
    let (_, end) = registry_file::parse(&file);
    let lines: Vec<_> = registry_file::lines(&file).collect();
    assert!(end <= file.len() && lines.iter().take_while(|line| line.is_record).all(|line| line.at < end));
}

/// CRC-32 as zlib has it, bit by bit.
fn crc_32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
