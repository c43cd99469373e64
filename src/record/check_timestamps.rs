//! Which timestamps a topic takes: `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`, as far as a
//! batch's header tells (Kafka's `LogValidator.validateTimestamp`).
//!
//! The header holds the first record's timestamp and the largest one. So what lies too far ahead is seen; of what lies
//! too far back, the first record alone: one behind it may be older. With [`Depth::Records`] the records of an
//! uncompressed batch are looked at one by one, as Kafka does.
//!
//! Always true: -1 is no timestamp, and is never out of range.
//! Not done: of a compressed batch, nobody knows which records are to blame.

use crate::base::{Error, ErrorCode, Result};
use crate::record::check::Depth;
use crate::record::header::{BatchHeader, Codec, HEADER_SIZE};
use crate::record::records::Records;

const NO_TIMESTAMP: i64 = -1;
/// A batch that is refused names no more records than this.
pub(super) const NAMED_MAX: usize = 1000;
/// What Kafka answers for the batch as a whole.
const REFUSED: &str = "One or more records have been rejected due to invalid timestamp";

/// `message.timestamp.type`, and for the producers' timestamps how far they may be off the broker's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timestamps {
    /// LogAppendTime: the broker's clock counts, whatever the records say.
    Appended,
    /// CreateTime, in ms before and ahead of the broker's clock.
    Created { before_max_ms: i64, after_max_ms: i64 },
}

impl Timestamps {
    /// Takes what a clock can say.
    pub const ANY: Timestamps = Timestamps::Created { before_max_ms: i64::MAX, after_max_ms: i64::MAX };

    pub(super) fn check(&self, batch: &[u8], header: &BatchHeader, depth: Depth, now_ms: i64) -> Result<()> {
        let is_typed = header.is_log_append_time();
        let Timestamps::Created { before_max_ms, after_max_ms } = *self else {
            return if is_typed { refuse_type() } else { Ok(()) };
        };
        if is_typed && header.max_timestamp_ms == NO_TIMESTAMP {
            return refuse_type();
        }
        let range = Range { before_max_ms, after_max_ms, now_ms };
        // Under that type, each record has the largest timestamp.
        let base_ms = if is_typed { header.max_timestamp_ms } else { header.base_timestamp_ms };
        let looks_inside = depth == Depth::Records && header.codec() == Some(Codec::None) && !is_typed;
        if !looks_inside && [base_ms, header.max_timestamp_ms].iter().all(|ms| range.holds(*ms)) {
            return Ok(());
        }
        let records = range.refused(batch, header);
        if looks_inside && records.is_empty() {
            return Ok(());
        }
        Err(Error::RejectedRecords { code: ErrorCode::INVALID_TIMESTAMP, why: REFUSED, records })
    }
}

fn refuse_type() -> Result<()> {
    let why = "a producer does not set the timestamp type to LogAppendTime";
    Err(Error::rejected(ErrorCode::INVALID_TIMESTAMP, why))
}

/// What a timestamp may be at this moment.
struct Range {
    before_max_ms: i64,
    after_max_ms: i64,
    now_ms: i64,
}

impl Range {
    /// Wraps around like Kafka's own sum, for timestamps from the end of all numbers.
    fn holds(&self, timestamp_ms: i64) -> bool {
        let age_ms = self.now_ms.wrapping_sub(timestamp_ms);
        timestamp_ms == NO_TIMESTAMP || age_ms <= self.before_max_ms && age_ms.wrapping_neg() <= self.after_max_ms
    }

    /// The records that are out of range; none where the broker cannot look.
    fn refused(&self, batch: &[u8], header: &BatchHeader) -> Vec<(i32, String)> {
        if header.codec() != Some(Codec::None) {
            return Vec::new();
        }
        let times = Records::new(&batch[HEADER_SIZE..]).map_while(|record| {
            let base_ms = if header.is_log_append_time() { header.max_timestamp_ms } else { header.base_timestamp_ms };
            let delta_ms = if header.is_log_append_time() { 0 } else { record.ok()?.timestamp_delta_ms };
            Some(base_ms.wrapping_add(delta_ms))
        });
        let refused = (0..).zip(times).filter(|(_, timestamp_ms)| !self.holds(*timestamp_ms));
        refused
            .take(NAMED_MAX)
            .map(|(place, timestamp_ms)| (place, self.reason(place, timestamp_ms)))
            .collect()
    }

    /// In Kafka's words.
    fn reason(&self, place: i32, timestamp_ms: i64) -> String {
        let (first, last) = (self.now_ms.wrapping_sub(self.before_max_ms), self.now_ms.wrapping_add(self.after_max_ms));
        format!(
            "Timestamp {timestamp_ms} of message with offset {place} is out of range. The timestamp should be within \
             [{first}, {last}]"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{header, BatchBuilder};

    const NOW: i64 = 1_000_000;
    const HOUR: Timestamps = Timestamps::Created { before_max_ms: 3600, after_max_ms: 600 };

    fn batch(timestamps_ms: &[i64]) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        timestamps_ms.iter().for_each(|ms| builder.push(*ms, None, Some(b"v")));
        builder.build()
    }

    /// Of a batch that is refused, the records that are named.
    fn named(rules: Timestamps, batch: &[u8], depth: Depth) -> Option<Vec<i32>> {
        let header = BatchHeader::parse(batch).unwrap();
        let error = rules.check(batch, &header, depth, NOW).err()?;
        assert_eq!(error.code(), ErrorCode::INVALID_TIMESTAMP);
        Some(error.records().iter().map(|(place, _)| *place).collect())
    }

    #[test]
    fn the_header_tells_of_the_first_and_the_largest_timestamp() {
        let (early, late) = (NOW - 3601, NOW + 601);
        for (timestamps, by_header, by_records) in [
            (&[NOW - 3600, NOW, NOW + 600][..], None, None),
            (&[early, NOW], Some(vec![0]), Some(vec![0])),
            (&[NOW, late, NOW, late], Some(vec![1, 3]), Some(vec![1, 3])),
            (&[late, early], Some(vec![0, 1]), Some(vec![0, 1])),
            (&[NOW, early], None, Some(vec![1])),
            (&[-1, -1], None, None),
            (&[-1, late], Some(vec![1]), Some(vec![1])),
            (&[i64::MAX / 2], Some(vec![0]), Some(vec![0])),
        ] {
            let batch = batch(timestamps);
            assert_eq!(named(HOUR, &batch, Depth::Header), by_header, "{timestamps:?} by header");
            assert_eq!(named(HOUR, &batch, Depth::Records), by_records, "{timestamps:?} by records");
            assert_eq!(named(Timestamps::Appended, &batch, Depth::Records), None, "{timestamps:?}: nobody looks");
        }
    }

    #[test]
    fn of_a_compressed_batch_nobody_knows_which_records_are_to_blame() {
        let mut compressed = batch(&[NOW - 3601, NOW]);
        compressed[22] = 2;
        header::stamp_crc(&mut compressed);
        for depth in [Depth::Header, Depth::Records] {
            assert_eq!(named(HOUR, &compressed, depth), Some(vec![]));
        }
    }

    #[test]
    fn a_producer_that_sets_the_type_is_judged_by_the_largest_timestamp() {
        let typed = |timestamps_ms: &[i64]| {
            let mut batch = batch(timestamps_ms);
            batch[22] = 8;
            header::stamp_crc(&mut batch);
            batch
        };
        assert_eq!(named(Timestamps::Appended, &typed(&[NOW]), Depth::Header), Some(vec![]));
        assert_eq!(named(HOUR, &typed(&[-1]), Depth::Header), Some(vec![]));
        assert_eq!(named(HOUR, &typed(&[0, NOW]), Depth::Header), None);
        assert_eq!(named(HOUR, &typed(&[0, NOW + 601]), Depth::Header), Some(vec![0, 1]));
    }

    #[test]
    fn a_batch_that_is_refused_names_so_many_records_and_no_more() {
        assert_eq!(named(HOUR, &batch(&[0; 3000]), Depth::Header).unwrap().len(), NAMED_MAX);
    }
}
