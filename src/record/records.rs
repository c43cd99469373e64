//! The records inside an uncompressed batch, read one after another without copying.
//!
//! A record: varint length of the rest; i8 attributes (unused); varint timestamp delta; varint offset delta;
//! varint key length (-1: none) and key; the same for the value; varint header count and headers.
//!
//! Always true: no record reaches past the bytes given, whatever its lengths claim.
//! Not done: nothing is decompressed; the broker has no codec.

use crate::record::varint;

/// One record; timestamps and offsets are relative to its batch's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    pub timestamp_delta_ms: i64,
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// A record's headers: name and value of each, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        // Torn ones were found when the record was read.
        let name = read_bytes(&mut self.rest)??;
        Some((name, read_bytes(&mut self.rest)?))
    }
}

/// The record's bytes cannot be a record; whatever follows them is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Torn;

impl std::fmt::Display for Torn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record of the batch is torn")
    }
}

impl std::error::Error for Torn {}

/// Iterates over the bytes after a batch's header.
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub fn new(bytes: &'a [u8]) -> Records<'a> {
        Records { rest: bytes }
    }

    /// Bytes behind the records that were read.
    pub fn bytes_left(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Torn>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = read_record(&mut self.rest);
        if record.is_none() {
            self.rest = &[];
        }
        Some(record.ok_or(Torn))
    }
}

fn read_record<'a>(bytes: &mut &'a [u8]) -> Option<Record<'a>> {
    let mut body = read_bytes(bytes)??;
    let (_attributes, rest) = body.split_first()?;
    body = rest;
    let timestamp_delta_ms = varint::read(&mut body)?;
    let offset_delta = i32::try_from(varint::read(&mut body)?).ok()?;
    let key = read_bytes(&mut body)?;
    let value = read_bytes(&mut body)?;
    let count = varint::read(&mut body)?;
    let headers = Headers { rest: body };
    for _ in 0..count {
        read_bytes(&mut body)??; // a header's key is never null
        read_bytes(&mut body)?;
    }
    body.is_empty().then_some(Record { timestamp_delta_ms, offset_delta, key, value, headers })
}

/// The outer `None` is torn, the inner one null.
fn read_bytes<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint::read(bytes)?;
    if length == -1 {
        return Some(None);
    }
    let (field, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(field))
}
