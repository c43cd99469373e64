//! Builds an uncompressed batch, record by record, into one growing buffer.
//!
//! Always true: what [`BatchBuilder::build`] returns passes [`crate::record::check`], a control batch aside.
//! Not done: no compression; the broker has no codec.

use crate::base::Offset;
use crate::record::header::{self, BatchHeader, CONTROL_BIT, HEADER_SIZE, LOG_OVERHEAD};
use crate::record::varint;

#[derive(Default)]
pub struct BatchBuilder {
    records: Vec<u8>,
    /// A record before its length is known.
    scratch: Vec<u8>,
    count: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    producer: Option<(i64, i16, i32)>,
    is_control: bool,
}

impl BatchBuilder {
    pub fn new() -> BatchBuilder {
        BatchBuilder::default()
    }

    /// Makes it a batch of an idempotent producer: its id, its epoch, and the sequence of the first record.
    pub fn producer(mut self, id: i64, epoch: i16, sequence: i32) -> BatchBuilder {
        self.producer = Some((id, epoch, sequence));
        self
    }

    /// Makes it a control batch, as Kafka's metadata has them; no producer may send one.
    pub fn control(mut self) -> BatchBuilder {
        self.is_control = true;
        self
    }

    /// Adds a record without headers.
    pub fn record(mut self, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> BatchBuilder {
        self.push(timestamp_ms, key, value);
        self
    }

    /// Adds a record without headers, in a loop.
    pub fn push(&mut self, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        if self.count == 0 {
            self.base_timestamp_ms = timestamp_ms;
            self.max_timestamp_ms = timestamp_ms;
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        self.scratch.clear();
        self.scratch.push(0); // attributes
        varint::write(&mut self.scratch, timestamp_ms - self.base_timestamp_ms);
        varint::write(&mut self.scratch, i64::from(self.count));
        write_bytes(&mut self.scratch, key);
        write_bytes(&mut self.scratch, value);
        varint::write(&mut self.scratch, 0); // headers
        write_bytes(&mut self.records, Some(&self.scratch));
        self.count += 1;
    }

    /// The finished batch, with base offset 0 and leader epoch -1.
    ///
    /// # Panics
    /// Without a record: no such batch exists.
    pub fn build(self) -> Vec<u8> {
        assert!(self.count > 0, "a batch holds at least one record");
        let size = HEADER_SIZE + self.records.len();
        let (producer_id, producer_epoch, base_sequence) = self.producer.unwrap_or((-1, -1, -1));
        let header = BatchHeader {
            base_offset: Offset(0),
            batch_length: i32::try_from(size - LOG_OVERHEAD).expect("a batch is smaller than 2 GiB"),
            leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: if self.is_control { CONTROL_BIT } else { 0 },
            last_offset_delta: self.count - 1,
            base_timestamp_ms: self.base_timestamp_ms,
            max_timestamp_ms: self.max_timestamp_ms,
            producer_id,
            producer_epoch,
            base_sequence,
            record_count: self.count,
        };
        let mut batch = Vec::with_capacity(size);
        write_header(&header, &mut batch);
        batch.extend_from_slice(&self.records);
        header::stamp_crc(&mut batch);
        batch
    }
}

/// A header's 61 bytes; the CRC is still to be stamped.
pub fn write_header(header: &BatchHeader, into: &mut Vec<u8>) {
    into.extend_from_slice(&header.base_offset.0.to_be_bytes());
    into.extend_from_slice(&header.batch_length.to_be_bytes());
    into.extend_from_slice(&header.leader_epoch.to_be_bytes());
    into.extend_from_slice(&header.magic.to_be_bytes());
    into.extend_from_slice(&header.crc.to_be_bytes());
    into.extend_from_slice(&header.attributes.to_be_bytes());
    into.extend_from_slice(&header.last_offset_delta.to_be_bytes());
    into.extend_from_slice(&header.base_timestamp_ms.to_be_bytes());
    into.extend_from_slice(&header.max_timestamp_ms.to_be_bytes());
    into.extend_from_slice(&header.producer_id.to_be_bytes());
    into.extend_from_slice(&header.producer_epoch.to_be_bytes());
    into.extend_from_slice(&header.base_sequence.to_be_bytes());
    into.extend_from_slice(&header.record_count.to_be_bytes());
}

fn write_bytes(into: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::write(into, -1),
        Some(bytes) => {
            varint::write(into, bytes.len() as i64);
            into.extend_from_slice(bytes);
        }
    }
}
