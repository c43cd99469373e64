//! The walk over a produced batch's records, which the broker does without (idea 1): `batch.check=records` does it for
//! every uncompressed batch, and a compacted topic to see that each record has a key.
//!
//! Always true: a batch that passes has as many whole records as its header counts, with offset deltas 0, 1, 2, ...
//! Not done: compressed records are not looked at, nor are timestamps ([`crate::record::check_timestamps`]).

use crate::base::{Error, ErrorCode, Result};
use crate::record::check::{invalid, Rules};
use crate::record::check_timestamps::NAMED_MAX;
use crate::record::header::{self, BatchHeader};
use crate::record::records::Records;

/// In Kafka's words, but for the partition.
const KEYLESS: &str = "Compacted topic cannot accept message without key";

/// Whether the records are those that the header counts.
pub fn check_records(batch: &[u8], header: &BatchHeader, rules: &Rules) -> Result<()> {
    let (mut count, mut keyless) = (0, Vec::new());
    for record in Records::new(&batch[header::HEADER_SIZE..]) {
        let Ok(record) = record else { return invalid("a record of the batch is torn") };
        if record.offset_delta != count {
            return invalid("the offset deltas of the batch's records are not 0, 1, 2, ...");
        }
        if rules.keys_required && record.key.is_none() && keyless.len() < NAMED_MAX {
            keyless.push((count, KEYLESS.to_string()));
        }
        count += 1;
    }
    if count != header.record_count {
        return invalid("the batch does not hold as many records as it counts");
    }
    match keyless.is_empty() {
        true => Ok(()),
        false => Err(Error::RejectedRecords { code: ErrorCode::INVALID_RECORD, why: KEYLESS, records: keyless }),
    }
}
