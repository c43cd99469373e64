//! What a produced batch must be before it is appended (idea 1: the header and the checksum, never the records).
//!
//! Always true: a batch that passes fills its field exactly, has the checksum its producer computed, and counts
//! as many records as it takes offsets. Each refusal has the code that Kafka answers (`LogValidator.java`,
//! `ProduceRequest.java`).
//! Not done: nothing is decompressed, so [`Depth::Records`] walks uncompressed batches only.

use crate::base::{Error, ErrorCode, Result};
use crate::record::check_records::check_records;
pub use crate::record::check_timestamps::Timestamps;
use crate::record::header::{self, BatchHeader, Codec};

/// `batch.check`: how far a produced batch is looked into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    Header,
    Records,
}

/// What a topic asks of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub depth: Depth,
    /// bytes, `max.message.bytes`
    pub size_max: u64,
    /// The topic is compacted: every record needs a key.
    pub keys_required: bool,
    pub timestamps: Timestamps,
}

/// Checks one partition's records of a produce request of this version, and returns the batch's header.
pub fn check(batch: &[u8], rules: &Rules, produce_version: i16, now_ms: i64) -> Result<BatchHeader> {
    let header = one_whole_batch(batch)?;
    if batch.len() as u64 > rules.size_max {
        return Err(Error::rejected(
            ErrorCode::MESSAGE_TOO_LARGE,
            format!("a batch of {} bytes is over max.message.bytes {}", batch.len(), rules.size_max),
        ));
    }
    if !header::crc_matches(batch, &header) {
        return Err(Error::rejected(ErrorCode::CORRUPT_MESSAGE, "the batch's CRC-32C does not match its bytes"));
    }
    let codec = check_codec(&header, produce_version)?;
    check_counts(&header)?;
    if header.is_control() {
        return invalid("clients do not write control batches");
    }
    if header.is_transactional() {
        return invalid("a transactional batch, and transactions are not implemented");
    }
    if codec == Codec::None && (rules.depth == Depth::Records || rules.keys_required) {
        check_records(batch, &header, rules)?;
    }
    rules.timestamps.check(batch, &header, rules.depth, now_ms)?;
    Ok(header)
}

pub(super) fn invalid<T>(why: &'static str) -> Result<T> {
    Err(Error::rejected(ErrorCode::INVALID_RECORD, why))
}

fn one_whole_batch(batch: &[u8]) -> Result<BatchHeader> {
    let Some(header) = BatchHeader::parse(batch) else {
        return invalid("the records field holds no whole batch header");
    };
    if header.magic != 2 {
        return invalid("only record batches with magic 2 are accepted");
    }
    match header.size() {
        Some(size) if size == batch.len() as u64 => Ok(header),
        Some(size) if size < batch.len() as u64 => invalid("a produce takes exactly one batch for a partition"),
        _ => Err(Error::rejected(ErrorCode::CORRUPT_MESSAGE, "the batch's length is not that of its bytes")),
    }
}

fn check_codec(header: &BatchHeader, produce_version: i16) -> Result<Codec> {
    match header.codec() {
        Some(Codec::Zstd) if produce_version < 7 => {
            Err(Error::rejected(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "zstd needs Produce version 7"))
        }
        Some(codec) => Ok(codec),
        None => Err(Error::rejected(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "no codec has this number")),
    }
}

fn check_counts(header: &BatchHeader) -> Result<()> {
    if header.record_count <= 0 {
        return invalid("a batch without records");
    }
    if i64::from(header.last_offset_delta) + 1 != i64::from(header.record_count) {
        return invalid("the batch's record count is not its last offset delta + 1");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchBuilder;

    const RULES: Rules =
        Rules { depth: Depth::Header, size_max: 1 << 20, keys_required: false, timestamps: Timestamps::ANY };
    const WALK: Rules = Rules { depth: Depth::Records, ..RULES };

    fn batch() -> Vec<u8> {
        BatchBuilder::new().record(1000, Some(b"k"), Some(b"v")).record(1001, None, Some(b"w")).build()
    }

    /// Changes one byte and makes the checksum right again.
    fn with_byte(at: usize, value: u8) -> Vec<u8> {
        let mut batch = batch();
        batch[at] = value;
        header::stamp_crc(&mut batch);
        batch
    }

    fn code(batch: &[u8], rules: &Rules, version: i16) -> ErrorCode {
        check(batch, rules, version, 0).map_or_else(|error| error.code(), |_| ErrorCode::NONE)
    }

    #[test]
    fn a_good_batch_passes() {
        assert_eq!(code(&batch(), &RULES, 9), ErrorCode::NONE);
        assert_eq!(code(&batch(), &WALK, 9), ErrorCode::NONE);
    }

    #[test]
    fn each_flaw_has_kafkas_code() {
        let two = [batch(), batch()].concat();
        let mut torn = batch();
        torn.pop();
        let mut flipped = batch();
        *flipped.last_mut().unwrap() ^= 1;
        for (flaw, bytes, expected) in [
            ("empty", vec![], ErrorCode::INVALID_RECORD),
            ("half a header", batch()[..60].to_vec(), ErrorCode::INVALID_RECORD),
            ("two batches", two, ErrorCode::INVALID_RECORD),
            ("torn", torn, ErrorCode::CORRUPT_MESSAGE),
            ("flipped bit", flipped, ErrorCode::CORRUPT_MESSAGE),
            ("magic 1", with_byte(16, 1), ErrorCode::INVALID_RECORD),
            ("length -1", with_byte(8, 0xff), ErrorCode::CORRUPT_MESSAGE),
            ("codec 7", with_byte(22, 7), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
            ("transactional", with_byte(22, 0x10), ErrorCode::INVALID_RECORD),
            ("control", with_byte(22, 0x20), ErrorCode::INVALID_RECORD),
            ("count 3", with_byte(60, 3), ErrorCode::INVALID_RECORD),
            ("count -1", with_byte(57, 0xff), ErrorCode::INVALID_RECORD),
            ("last offset delta 5", with_byte(26, 5), ErrorCode::INVALID_RECORD),
        ] {
            assert_eq!(code(&bytes, &RULES, 9), expected, "{flaw}");
        }
    }

    #[test]
    fn zstd_needs_produce_7() {
        let zstd = with_byte(22, 4);
        assert_eq!(code(&zstd, &RULES, 6), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
        assert_eq!(code(&zstd, &RULES, 7), ErrorCode::NONE);
    }

    #[test]
    fn a_batch_over_the_limit_is_too_large() {
        let rules = Rules { size_max: batch().len() as u64 - 1, ..RULES };
        assert_eq!(code(&batch(), &rules, 9), ErrorCode::MESSAGE_TOO_LARGE);
    }

    #[test]
    fn only_the_record_walk_sees_a_wrong_offset_delta() {
        // The first record: length, attributes, timestamp delta, offset delta.
        let wrong = with_byte(header::HEADER_SIZE + 3, 2);
        assert_eq!(code(&wrong, &RULES, 9), ErrorCode::NONE);
        assert_eq!(code(&wrong, &WALK, 9), ErrorCode::INVALID_RECORD);
    }

    #[test]
    fn a_compacted_topic_takes_no_record_without_a_key() {
        let rules = Rules { keys_required: true, ..RULES };
        let mixed = BatchBuilder::new().record(1, Some(b"k"), None).record(2, None, Some(b"v")).build();
        let Err(refused) = check(&mixed, &rules, 9, 0) else { panic!("a record has no key") };
        let named: Vec<i32> = refused.records().iter().map(|(place, _)| *place).collect();
        assert_eq!((refused.code(), named), (ErrorCode::INVALID_RECORD, vec![1]), "that one, and not its neighbour");
        let keyed = BatchBuilder::new().record(1, Some(b"k"), None).build();
        assert_eq!(code(&keyed, &rules, 9), ErrorCode::NONE);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0usize..120, value: u8) {
            let _ = check(&bytes, &WALK, 9, 0);
            let mut batch = batch();
            let at = at % batch.len();
            batch[at] = value;
            header::stamp_crc(&mut batch);
            let _ = check(&batch, &Rules { keys_required: true, ..WALK }, 9, 0);
        }
    }
}
