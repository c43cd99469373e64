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
//! The buffer was last read by another core, on its way to the socket, so its cache lines have to be fetched back before they
//! are written: 90 ns each, one after the other, as each `send` locks, and a lock waits for all stores before it. Zeroing the
//! room for the next records first fetches many lines at once.
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

/// Bytes that are zeroed at once: they stay in the first cache until they are written.
const ROOM_AHEAD: usize = 4096;

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
    /// Where the next record begins; behind it is room, zeroed already.
    end: usize,
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
            end: HEADER_SIZE,
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
        self.end
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
        let body = body_size(delta_ms, self.count, record);
        let end = self.end + varint_size(body as i64) + body;
        if end > self.bytes.len() && !self.make_room(end) {
            return None;
        }
        let mut room = Room { bytes: &mut self.bytes[self.end..end], at: 0 };
        room.varint(body as i64);
        room.byte(0);
        room.varint(delta_ms);
        room.varint(i64::from(self.count));
        room.field(record.key);
        room.field(record.value);
        room.varint(record.headers.len() as i64);
        for header in record.headers {
            room.field(Some(header.name.as_bytes()));
            room.field(header.value);
        }
        self.end = end;
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        self.count += 1;
        Some(self.count as u32 - 1)
    }

    /// Room up to `end` and for some records more; false beyond the limit.
    #[cold]
    fn make_room(&mut self, end: usize) -> bool {
        let fits = end <= self.limit;
        if fits {
            self.bytes.resize((end + ROOM_AHEAD).min(self.limit), 0);
        }
        fits
    }

    /// Writes the header, and lends the bytes to whoever sends them; [`Batch::take_back`] ends that.
    pub fn seal(&mut self) -> Arc<Vec<u8>> {
        let Identity { producer_id, epoch, base_sequence } =
            self.identity.unwrap_or(Identity { producer_id: -1, epoch: -1, base_sequence: -1 });
        self.bytes.truncate(self.end);
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
    // 9 / 64 is a little more than 1 / 7, and right for all of them.
    let bits = 63 - (zigzag(value) | 1).leading_zeros();
    (bits as usize * 9 + 73) / 64
}

/// The bytes of one record, exactly, to be filled from the front.
struct Room<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Room<'_> {
    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        self.bytes[self.at] = byte;
        self.at += 1;
    }

    #[inline(always)]
    fn varint(&mut self, value: i64) {
        let mut rest = zigzag(value);
        while rest >= 0x80 {
            self.byte(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.byte(rest as u8);
    }

    /// A key or a value: -1 or its length, and its bytes.
    #[inline(always)]
    fn field(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.varint(-1),
            Some(bytes) => {
                self.varint(bytes.len() as i64);
                self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
                self.at += bytes.len();
            }
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
