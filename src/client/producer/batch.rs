//! A batch while it grows: records are encoded behind one another, the header last.
//!
//! ```text
//! 0          61                                                          limit
//! | header   | record 0 | record 1 | record 2 |   room                   |
//!   zeros until it is sealed
//!
//! a record:  length of the rest   varint, known before a byte is written
//!            attributes           0
//!            timestamp delta      varint, to the first record's
//!            offset delta         varint: 0, 1, 2, ...
//!            key, value           varint length (-1: null) and bytes, each
//!            headers              varint count, and each: name, value
//! ```
//!
//! A record begins with its own length, and that length is a varint, whose own size depends on it: whoever writes first
//! and looks afterwards has to move the record, or to write it elsewhere and copy it. Here its size is computed, so the
//! bytes of key and value are copied once: from the caller's memory to where the socket reads them.
//!
//! Always true: what is sealed passes [`crate::record::check`]; the buffer never grows beyond its first allocation.
//! Not done: no compression.

use std::sync::Arc;
use std::time::Instant;

use super::delivery::Outcome;
use super::record::Record;
use crate::base::Offset;
use crate::record::builder::write_header;
use crate::record::header::{stamp_crc, BatchHeader, HEADER_SIZE, LOG_OVERHEAD};

/// Who sends a batch, and how many records it has sent to the partition before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    pub producer_id: i64,
    pub epoch: i16,
    pub base_sequence: i32,
}

#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    limit: usize,
    count: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    pub(super) outcome: Arc<Outcome>,
    pub born: Instant,
    /// Its place among the batches of its partition.
    pub number: u64,
    /// How often it has been sent.
    pub attempts: i32,
    /// Given to it when it is sent for the first time, and kept while it is sent again.
    pub identity: Option<Identity>,
}

impl Batch {
    pub(super) fn new(mut buffer: Vec<u8>, limit: usize, outcome: Arc<Outcome>, born: Instant, number: u64) -> Batch {
        buffer.clear();
        buffer.resize(HEADER_SIZE, 0);
        let (base_timestamp_ms, max_timestamp_ms) = (0, 0);
        Batch {
            bytes: buffer,
            limit,
            count: 0,
            base_timestamp_ms,
            max_timestamp_ms,
            outcome,
            born,
            number,
            attempts: 0,
            identity: None,
        }
    }

    pub fn count(&self) -> i32 {
        self.count
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of its buffer.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Appends a record, if there is room for it; its place in the batch.
    #[inline(always)]
    pub fn push(&mut self, timestamp_ms: i64, record: &Record) -> Option<u32> {
        if self.count == 0 {
            self.base_timestamp_ms = timestamp_ms;
            self.max_timestamp_ms = timestamp_ms;
        }
        let delta_ms = timestamp_ms.wrapping_sub(self.base_timestamp_ms);
        let size = body_size(delta_ms, self.count, record);
        if self.bytes.len() + varint_size(size as i64) + size > self.limit {
            return None;
        }
        let mut fields = Fields::default();
        fields.varint(&mut self.bytes, size as i64);
        fields.put(&mut self.bytes, 0, 1);
        fields.varint(&mut self.bytes, delta_ms);
        fields.varint(&mut self.bytes, i64::from(self.count));
        self.write(&mut fields, record.key);
        self.write(&mut fields, record.value);
        fields.varint(&mut self.bytes, record.headers.len() as i64);
        for header in record.headers {
            self.write(&mut fields, Some(header.name.as_bytes()));
            self.write(&mut fields, header.value);
        }
        fields.flush(&mut self.bytes);
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        self.count += 1;
        Some(self.count as u32 - 1)
    }

    #[inline(always)]
    fn write(&mut self, fields: &mut Fields, bytes: Option<&[u8]>) {
        match bytes {
            None => fields.varint(&mut self.bytes, -1),
            Some(bytes) => {
                fields.varint(&mut self.bytes, bytes.len() as i64);
                fields.flush(&mut self.bytes);
                self.bytes.extend_from_slice(bytes);
            }
        }
    }

    /// Writes the header, and lends the bytes to whoever sends them; [`Batch::take_back`] ends that.
    pub fn seal(&mut self) -> Arc<Vec<u8>> {
        let Identity { producer_id, epoch, base_sequence } =
            self.identity.unwrap_or(Identity { producer_id: -1, epoch: -1, base_sequence: -1 });
        let header = BatchHeader {
            base_offset: Offset(0),
            batch_length: i32::try_from(self.bytes.len() - LOG_OVERHEAD).expect("a request is smaller than 1 GiB"),
            leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: self.count - 1,
            base_timestamp_ms: self.base_timestamp_ms,
            max_timestamp_ms: self.max_timestamp_ms,
            producer_id,
            producer_epoch: epoch,
            base_sequence,
            record_count: self.count,
        };
        let mut head = Vec::with_capacity(HEADER_SIZE);
        write_header(&header, &mut head);
        self.bytes[..HEADER_SIZE].copy_from_slice(&head);
        stamp_crc(&mut self.bytes);
        self.attempts += 1;
        Arc::new(std::mem::take(&mut self.bytes))
    }

    /// The bytes are here again, to be sent another time or to be used for another batch.
    pub fn take_back(&mut self, lent: Arc<Vec<u8>>) {
        self.bytes = Arc::try_unwrap(lent).unwrap_or_else(|lent| lent.to_vec());
    }

    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

/// Bytes that a batch of this record alone takes.
pub fn size_alone(record: &Record) -> usize {
    let body = body_size(0, 0, record);
    HEADER_SIZE + varint_size(body as i64) + body
}

/// Bytes of a record behind its length.
#[inline(always)]
fn body_size(delta_ms: i64, offset_delta: i32, record: &Record) -> usize {
    let mut size = 1 + varint_size(delta_ms) + varint_size(i64::from(offset_delta));
    size += field_size(record.key) + field_size(record.value) + varint_size(record.headers.len() as i64);
    for header in record.headers {
        size += field_size(Some(header.name.as_bytes())) + field_size(header.value);
    }
    size
}

#[inline(always)]
fn field_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint_size(bytes.len() as i64) + bytes.len())
}

#[inline(always)]
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[inline(always)]
fn varint_size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Fast path: small fields of a record are put together in a register, and written with one store of 16 bytes of which some
/// are too many and are cut off again. Written byte by byte they would be read back by the copy before the processor has
/// put them together, and a copy of any other size is a call.
#[derive(Default)]
struct Fields {
    bits: u128,
    /// bytes
    length: usize,
}

impl Fields {
    #[inline(always)]
    fn put(&mut self, batch: &mut Vec<u8>, code: u128, length: usize) {
        if self.length + length > size_of::<u128>() {
            self.flush(batch);
        }
        self.bits |= code << (8 * self.length);
        self.length += length;
    }

    #[inline(always)]
    fn varint(&mut self, batch: &mut Vec<u8>, value: i64) {
        let mut rest = zigzag(value);
        if rest < 0x80 {
            return self.put(batch, rest.into(), 1);
        }
        let (mut code, mut length) = (0, 0);
        while rest >= 0x80 {
            code |= u128::from(rest & 0x7f | 0x80) << (8 * length);
            rest >>= 7;
            length += 1;
        }
        self.put(batch, code | u128::from(rest) << (8 * length), length + 1);
    }

    #[inline(always)]
    fn flush(&mut self, batch: &mut Vec<u8>) {
        let Fields { bits, length } = std::mem::take(self);
        let (bytes, end) = (bits.to_le_bytes(), batch.len() + length);
        if batch.capacity() - batch.len() >= bytes.len() {
            batch.extend_from_slice(&bytes);
            batch.truncate(end);
        } else {
            batch.extend_from_slice(&bytes[..length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::producer::record::Header;
    use crate::record::check::{check, Depth, Rules, Timestamps};
    use crate::record::records::Records;
    use crate::record::varint;

    fn batch(limit: usize) -> Batch {
        let outcome = Outcome::new(Arc::from("demo"), 0);
        Batch::new(Vec::with_capacity(limit), limit, outcome, Instant::now(), 0)
    }

    const RULES: Rules =
        Rules { depth: Depth::Records, size_max: 1 << 20, keys_required: false, timestamps: Timestamps::ANY };

    #[test]
    fn a_batch_passes_the_brokers_check() {
        let mut batch = batch(4096);
        let headers = [Header { name: "trace", value: Some(b"7") }, Header { name: "", value: None }];
        batch.push(1000, &Record::to("demo").key("k").value("v").headers(&headers)).unwrap();
        batch.push(900, &Record::to("demo").value("")).unwrap();
        batch.push(2000, &Record::to("demo")).unwrap();
        batch.identity = Some(Identity { producer_id: 5, epoch: 1, base_sequence: 7 });
        let bytes = batch.seal();
        let header = check(&bytes, &RULES, 9, 0).unwrap();
        assert_eq!((header.base_timestamp_ms, header.max_timestamp_ms, header.record_count), (1000, 2000, 3));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (5, 1, 7));
        let records: Vec<_> = Records::new(&bytes[HEADER_SIZE..]).map(Result::unwrap).collect();
        assert_eq!((records[0].key, records[0].value), (Some(&b"k"[..]), Some(&b"v"[..])));
        assert_eq!((records[1].key, records[1].value, records[1].timestamp_delta_ms), (None, Some(&b""[..]), -100));
        assert_eq!(records[2].value, None);
    }

    #[test]
    fn the_buffer_is_filled_to_its_limit_and_no_further() {
        let mut batch = batch(200);
        let allocation = (batch.bytes.as_ptr(), batch.bytes.capacity());
        let record = Record::to("demo").value("0123456789");
        while batch.push(1000, &record).is_some() {}
        assert!(batch.len() <= 200 && batch.len() + 17 > 200, "{}", batch.len());
        assert_eq!((batch.bytes.as_ptr(), batch.bytes.capacity()), allocation);
    }

    proptest::proptest! {
        #[test]
        fn sizes_are_known_before_anything_is_written(
            number: i64,
            value in proptest::option::of(proptest::collection::vec(0u8.., 0..300)),
            timestamps: [i32; 2],
        ) {
            let mut bytes = Vec::new();
            varint::write(&mut bytes, number);
            proptest::prop_assert_eq!(varint_size(number), bytes.len());
            let mut batch = batch(4096);
            let record = Record { value: value.as_deref(), ..Record::to("demo") };
            batch.push(timestamps[0].into(), &record).unwrap();
            proptest::prop_assert_eq!(batch.len(), size_alone(&record));
            batch.push(timestamps[1].into(), &record).unwrap();
            let bytes = batch.seal();
            let found: Vec<_> = Records::new(&bytes[HEADER_SIZE..]).map(Result::unwrap).collect();
            proptest::prop_assert_eq!(found.len(), 2);
            proptest::prop_assert_eq!(found[1].value, value.as_deref());
        }
    }
}
