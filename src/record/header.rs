//! The header of a record batch (message format v2, KIP-98): all that the broker ever reads of it.
//!
//! 61 bytes, big endian, drawn below as constants; the records follow, compressed together or not at all.
//!
//! Always true: the base offset and the leader epoch lie before the CRC's range, so the broker stamps them
//! without touching the checksum that the producer computed.
//! Not done: formats v0 and v1; a batch with another magic is refused.

use crate::base::Offset;
use crate::record::crc32c;

// tour: batch-header
const BASE_OFFSET: usize = 0; //        i64, stamped by the broker
const BATCH_LENGTH: usize = 8; //       i32, bytes that follow this field
const LEADER_EPOCH: usize = 12; //      i32, stamped by the broker
const MAGIC: usize = 16; //             i8, always 2
const CRC: usize = 17; //               u32, CRC-32C of everything from ATTRIBUTES on
const ATTRIBUTES: usize = 21; //        i16, see the bits below
const LAST_OFFSET_DELTA: usize = 23; // i32, last offset - base offset
const BASE_TIMESTAMP: usize = 27; //    i64, ms: the first record's
const MAX_TIMESTAMP: usize = 35; //     i64, ms: the largest of all records
const PRODUCER_ID: usize = 43; //       i64, -1 without idempotence
const PRODUCER_EPOCH: usize = 51; //    i16
const BASE_SEQUENCE: usize = 53; //     i32
const RECORD_COUNT: usize = 57; //      i32
                                // end
/// Where the bytes begin that the CRC is computed over, to the batch's end.
pub const CRC_RANGE_START: usize = ATTRIBUTES;
/// Bytes of the header; the records start here.
pub const HEADER_SIZE: usize = 61;
/// Bytes of the two fields that [`BatchHeader::batch_length`] does not count.
pub const LOG_OVERHEAD: usize = 12;

const _: () = assert!(ATTRIBUTES == CRC + 4);
const _: () = assert!(HEADER_SIZE == RECORD_COUNT + 4);
const _: () = assert!(LOG_OVERHEAD == LEADER_EPOCH);

const CODEC_BITS: i16 = 0x07;
const LOG_APPEND_TIME_BIT: i16 = 0x08;
const TRANSACTIONAL_BIT: i16 = 0x10;
pub(super) const CONTROL_BIT: i16 = 0x20;

/// How the records of a batch are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// A batch's header, parsed; the fields are named in the drawing above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    pub base_offset: Offset,
    pub batch_length: i32,
    pub leader_epoch: i32,
    pub magic: i8,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub record_count: i32,
}

impl BatchHeader {
    /// Parses the first [`HEADER_SIZE`] bytes; `None` when there are fewer. Nothing is checked.
    pub fn parse(bytes: &[u8]) -> Option<BatchHeader> {
        let header: &[u8; HEADER_SIZE] = bytes.first_chunk()?;
        Some(BatchHeader {
            base_offset: Offset(i64::from_be_bytes(field(header, BASE_OFFSET))),
            batch_length: i32::from_be_bytes(field(header, BATCH_LENGTH)),
            leader_epoch: i32::from_be_bytes(field(header, LEADER_EPOCH)),
            magic: i8::from_be_bytes(field(header, MAGIC)),
            crc: u32::from_be_bytes(field(header, CRC)),
            attributes: i16::from_be_bytes(field(header, ATTRIBUTES)),
            last_offset_delta: i32::from_be_bytes(field(header, LAST_OFFSET_DELTA)),
            base_timestamp_ms: i64::from_be_bytes(field(header, BASE_TIMESTAMP)),
            max_timestamp_ms: i64::from_be_bytes(field(header, MAX_TIMESTAMP)),
            producer_id: i64::from_be_bytes(field(header, PRODUCER_ID)),
            producer_epoch: i16::from_be_bytes(field(header, PRODUCER_EPOCH)),
            base_sequence: i32::from_be_bytes(field(header, BASE_SEQUENCE)),
            record_count: i32::from_be_bytes(field(header, RECORD_COUNT)),
        })
    }

    /// Bytes of the whole batch in the log; `None` when the length cannot be that of a batch.
    pub fn size(&self) -> Option<u64> {
        let size = i64::from(self.batch_length) + LOG_OVERHEAD as i64;
        (size >= HEADER_SIZE as i64).then_some(size as u64)
    }

    /// Offsets that the batch takes.
    pub fn offset_count(&self) -> i64 {
        i64::from(self.last_offset_delta) + 1
    }

    pub fn last_offset(&self) -> Offset {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// `None` for the three numbers that no codec has.
    pub fn codec(&self) -> Option<Codec> {
        const BY_NUMBER: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
        BY_NUMBER.get((self.attributes & CODEC_BITS) as usize).copied()
    }

    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME_BIT != 0
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// Whether this can be the header of a batch in a log whose next offset is `expected` or, where
    /// compaction left a gap, a later one.
    pub fn is_plausible_at(&self, expected: Offset) -> bool {
        self.magic == 2
            && self.size().is_some()
            && self.last_offset_delta >= 0
            && self.base_offset >= expected
            && self.base_offset.0 < i64::MAX - i64::from(self.last_offset_delta)
    }
}

fn field<const N: usize>(header: &[u8; HEADER_SIZE], at: usize) -> [u8; N] {
    header[at..at + N].try_into().expect("N bytes of a slice of N bytes")
}

/// Whether the batch's bytes are those that its producer sent; `batch` is one whole batch.
pub fn crc_matches(batch: &[u8], header: &BatchHeader) -> bool {
    crc32c(&batch[ATTRIBUTES..]) == header.crc
}

// tour: stamp
/// Writes what only the broker knows: where the batch lies and under which leader epoch it was appended.
pub fn stamp(batch: &mut [u8], base_offset: Offset, leader_epoch: i32) {
    batch[BASE_OFFSET..BATCH_LENGTH].copy_from_slice(&base_offset.0.to_be_bytes());
    batch[LEADER_EPOCH..MAGIC].copy_from_slice(&leader_epoch.to_be_bytes());
}
// end

/// `message.timestamp.type=LogAppendTime`: the broker's time counts for every record of the batch.
///
/// The one change that lies inside the CRC, so the checksum is computed again; the records stay as they are.
pub fn stamp_log_append_time(batch: &mut [u8], now_ms: i64) {
    let attributes = i16::from_be_bytes([batch[ATTRIBUTES], batch[ATTRIBUTES + 1]]) | LOG_APPEND_TIME_BIT;
    batch[ATTRIBUTES..LAST_OFFSET_DELTA].copy_from_slice(&attributes.to_be_bytes());
    batch[MAX_TIMESTAMP..PRODUCER_ID].copy_from_slice(&now_ms.to_be_bytes());
    stamp_crc(batch);
}

/// Computes the checksum of a batch whose other fields are final.
pub fn stamp_crc(batch: &mut [u8]) {
    let crc = crc32c(&batch[ATTRIBUTES..]);
    batch[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
}
