//! Batches on their way in: found in a fetch's answer, checked, and unpacked where they lie.
//!
//! ```text
//! an answer's frame, read from the socket once, shared by all batches in it
//! | header .. partition 0: | batch 7..9 | batch 10..10 | half a ba |  partition 1: | batch 3..8 | ...
//!                            ^ 61 bytes, CRC checked; records are read out of it, keys and values borrowed
//! ```
//!
//! Always true: what is given out is whole, of the wanted offsets and, unless `check.crcs=false`, what its producer sent.
//! No byte of an uncompressed batch is copied.
//! Not done: message formats before v2.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::codecs::decompress;
use super::frames::Frame;
use crate::base::TopicPartition;
use crate::client::error::{Error, Result};
use crate::record::header::{crc_matches, HEADER_SIZE};
use crate::record::records::{Headers, Record, Records, Torn};
use crate::record::{BatchHeader, Codec};
use crate::wire::messages::fetch::AbortedTransaction;

/// Some records of one partition, in the order of their offsets.
#[derive(Clone, Debug)]
pub struct Batch {
    partition: Arc<TopicPartition>,
    header: BatchHeader,
    bytes: Arc<Frame>,
    /// Where in these the records lie.
    records: Range<usize>,
    /// Earlier ones were not asked for.
    first_offset: i64,
}

/// A record that lies in its batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerRecord<'a> {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Names and values, to iterate over.
    pub headers: Headers<'a>,
}

impl Batch {
    pub fn topic(&self) -> &str {
        &self.partition.topic
    }

    pub fn partition(&self) -> i32 {
        self.partition.partition
    }

    pub fn topic_partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The offset behind the last record.
    pub fn end_offset(&self) -> i64 {
        self.header.last_offset().0 + 1
    }

    /// The batch's header, as its broker stored it.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// bytes in memory, of all its records.
    pub fn size(&self) -> usize {
        self.records.len()
    }

    /// The records, borrowed from the batch. Bytes that are no records, which a checked batch does not hold, are an error.
    pub fn records(&self) -> impl Iterator<Item = std::result::Result<ConsumerRecord<'_>, Torn>> {
        let (base_offset, base_timestamp_ms) = (self.header.base_offset.0, self.header.base_timestamp_ms);
        let append_time = self.header.is_log_append_time().then_some(self.header.max_timestamp_ms);
        let first_delta = self.first_offset.saturating_sub(base_offset);
        Records::new(&self.bytes[self.records.clone()])
            .filter(move |record| record.as_ref().map_or(true, |record| i64::from(record.offset_delta) >= first_delta))
            .map(move |record| {
                record.map(|Record { timestamp_delta_ms, offset_delta, key, value, headers }| {
                    let timestamp_ms = append_time.unwrap_or(base_timestamp_ms.wrapping_add(timestamp_delta_ms));
                    let offset = base_offset + i64::from(offset_delta);
                    ConsumerRecord { offset, timestamp_ms, key, value, headers }
                })
            })
    }
}

/// What a partition's part of an answer comes to.
pub struct Unpacked {
    pub batches: Vec<Batch>,
    /// Where the next fetch begins.
    pub next_offset: i64,
}

/// How batches are looked at.
pub struct Rules {
    pub check_crcs: bool,
    /// With `read_committed`: the transactions that were taken back.
    pub aborted: Vec<AbortedTransaction>,
}

/// The whole batches in a range of a frame, from an offset on.
pub fn unpack(
    partition: &Arc<TopicPartition>,
    frame: &Arc<Frame>,
    range: Range<usize>,
    offset: i64,
    rules: &Rules,
) -> Result<Unpacked> {
    let mut aborted = Aborted { to_come: rules.aborted.iter().collect(), open: BTreeSet::new() };
    let mut unpacked = Unpacked { batches: Vec::new(), next_offset: offset };
    let mut at = range.start;
    while let Some(header) = BatchHeader::parse(&frame[at..range.end]) {
        let wrong = |why: &str| {
            let (what, whom) =
                (format!("fetching {partition} at offset {}", unpacked.next_offset), String::from("the broker"));
            Error::Garbled { what, whom, why: why.to_string() }
        };
        let size = header.size().ok_or_else(|| wrong("a batch has an impossible length"))?;
        let Some(end) =
            usize::try_from(size).ok().and_then(|size| at.checked_add(size)).filter(|end| *end <= range.end)
        else {
            break;
        };
        if header.magic != 2 {
            return Err(wrong("the batch is of a format before v2, of Kafka 0.10 or older"));
        }
        let batch = &frame[at..end];
        if rules.check_crcs && !crc_matches(batch, &header) {
            return Err(wrong("a batch's CRC-32C does not match its bytes; check.crcs=false reads it all the same"));
        }
        let records = at + HEADER_SIZE..end;
        at = end;
        if header.last_offset().0 < unpacked.next_offset {
            continue;
        }
        if !aborted.hides(&header, batch) {
            let first_offset = unpacked.next_offset;
            let codec = header.codec().ok_or_else(|| wrong("no codec has the batch's number"))?;
            let (bytes, records) = match codec {
                Codec::None => (frame.clone(), records),
                codec => {
                    let bytes = decompress(codec, &frame[records]).map_err(|why| match why {
                        Error::Garbled { why, .. } => wrong(&why),
                        other => other,
                    })?;
                    let all = 0..bytes.len();
                    (Arc::new(Frame::from(bytes)), all)
                }
            };
            unpacked.batches.push(Batch { partition: partition.clone(), header, bytes, records, first_offset });
        }
        unpacked.next_offset = header.last_offset().0 + 1;
    }
    Ok(unpacked)
}

/// The transactions that were taken back, while the batches are gone through in order.
struct Aborted<'a> {
    to_come: Vec<&'a AbortedTransaction>,
    open: BTreeSet<i64>,
}

impl Aborted<'_> {
    /// Whether a batch is nothing for readers: a marker, or of a transaction that was taken back.
    fn hides(&mut self, header: &BatchHeader, batch: &[u8]) -> bool {
        let begun = |transaction: &&AbortedTransaction| transaction.first_offset <= header.last_offset().0;
        self.open
            .extend(self.to_come.iter().filter(|t| begun(t)).map(|transaction| transaction.producer_id));
        self.to_come.retain(|transaction| !begun(transaction));
        if header.is_control() {
            // The key of a marker: i16 version, i16 type, 0 for abort.
            let marker = Records::new(&batch[HEADER_SIZE..]).next().and_then(|record| record.ok()?.key);
            if marker.is_some_and(|key| key.get(2..4) == Some(&[0, 0])) {
                self.open.remove(&header.producer_id);
            }
            return true;
        }
        header.is_transactional() && self.open.contains(&header.producer_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::header::{stamp, stamp_crc};
    use crate::record::BatchBuilder;

    const CHECK: Rules = Rules { check_crcs: true, aborted: Vec::new() };

    fn batch(base_offset: i64, values: &[&str]) -> Vec<u8> {
        let mut builder = BatchBuilder::new().producer(7, 0, 0);
        values.iter().for_each(|value| builder.push(1000, None, Some(value.as_bytes())));
        let mut batch = builder.build();
        stamp(&mut batch, crate::base::Offset(base_offset), 0);
        batch
    }

    fn with_attributes(mut batch: Vec<u8>, attributes: u8) -> Vec<u8> {
        batch[22] = attributes;
        stamp_crc(&mut batch);
        batch
    }

    fn read(bytes: Vec<u8>, offset: i64, rules: &Rules) -> Result<(Vec<(i64, String)>, i64)> {
        let partition = Arc::new(TopicPartition { topic: String::from("demo"), partition: 0 });
        let all = 0..bytes.len();
        let unpacked = unpack(&partition, &Arc::new(Frame::from(bytes)), all, offset, rules)?;
        let mut found = Vec::new();
        for batch in &unpacked.batches {
            let records = batch.records().map(|record| record.unwrap());
            found.extend(records.map(|r| (r.offset, String::from_utf8_lossy(r.value.unwrap()).into_owned())));
        }
        Ok((found, unpacked.next_offset))
    }

    #[test]
    fn whole_batches_are_read_from_the_offset_on() {
        let mut bytes = [batch(3, &["a", "b"]), batch(5, &["c", "d", "e"]), batch(8, &["f"])].concat();
        bytes.truncate(bytes.len() - 1);
        let (found, next) = read(bytes, 6, &CHECK).unwrap();
        assert_eq!(found, [(6, "d".to_string()), (7, "e".to_string())]);
        assert_eq!(next, 8, "the last batch is not whole");
    }

    #[test]
    fn a_flipped_bit_is_an_error_unless_nobody_looks() {
        let mut bytes = batch(0, &["a"]);
        *bytes.last_mut().unwrap() ^= 0;
        let at = bytes.len() - 2;
        bytes[at] ^= 1;
        let error = read(bytes.clone(), 0, &CHECK).unwrap_err().to_string();
        assert!(error.contains("demo-0 at offset 0") && error.contains("CRC-32C"), "{error}");
        let unchecked = Rules { check_crcs: false, aborted: Vec::new() };
        assert_eq!(read(bytes, 0, &unchecked).unwrap().0.len(), 1);
    }

    #[test]
    fn markers_and_what_was_taken_back_are_hidden() {
        let transactional = 0x10;
        let mut marker = BatchBuilder::new().producer(7, 0, 0).record(1, Some(&[0, 0, 0, 0]), Some(b"x")).build();
        stamp(&mut marker, crate::base::Offset(4), 0);
        let bytes = [
            with_attributes(batch(0, &["kept"]), transactional),
            with_attributes(batch(1, &["no", "no", "no"]), transactional),
            with_attributes(marker, transactional | 0x20),
            with_attributes(batch(5, &["again"]), transactional),
        ];
        let aborted = vec![AbortedTransaction { producer_id: 7, first_offset: 1 }];
        let (found, next) = read(bytes.concat(), 0, &Rules { check_crcs: true, aborted }).unwrap();
        assert_eq!(found, [(0, "kept".to_string()), (5, "again".to_string())]);
        assert_eq!(next, 6);
    }

    #[cfg(not(feature = "codecs"))]
    #[test]
    fn a_codec_that_was_not_built_in_is_named() {
        let error = read(with_attributes(batch(0, &["a"]), 4), 0, &CHECK).unwrap_err().to_string();
        assert!(error.contains("zstd") && error.contains("--features codecs"), "{error}");
    }
}
