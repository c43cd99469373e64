//! The decoder: fills a message from the bytes of one frame.
//!
//! Numbers are big-endian. A length is an i16 (string) or i32 (array, bytes, records), -1 for null; in flexible
//! versions all are an unsigned varint of the length plus one, 0 for null. A struct that may be null has an i8 in front,
//! negative for null. Tagged fields: a varint count, then for each a varint tag, a varint size and that many bytes.
//!
//! Always true: whatever the bytes are, the answer is a message or [`Error::Malformed`], never a panic; memory is
//! bounded by the frame, as nothing is allocated from a length that it claims: a length is compared with the bytes
//! left, vectors grow as elements are decoded, and a frame may hold [`ELEMENTS_MAX`] elements.
//! Not done: values are not judged; a topic name may be any text here.

use super::records::Records;
use super::walk::{Element, Message, Versions, Walk};
use crate::base::{Error, ErrorCode, Result, Uuid};
use std::ops::Range;

/// Elements of all arrays of one request, since an element takes more memory than bytes of the frame.
pub const ELEMENTS_MAX: usize = 1 << 15;

/// The same of a response, which a broker has measured out that the client chose: the partitions of a large cluster.
pub(crate) const RESPONSE_ELEMENTS_MAX: usize = 1 << 24;

/// Bytes of a string. Kafka keeps the limit of the i16 in flexible versions too.
pub const STRING_MAX: usize = i16::MAX as usize;

/// Elements for which memory is taken before they are decoded: what a frame usually holds, in one allocation.
const CAPACITY_MAX: usize = 16;

/// Bytes of a varint that hold 32 bits.
const VARINT_MAX: usize = 5;

const NULL: &str = "null where the version allows none";

/// Reads one frame, without its size, from the front.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    frame: &'a [u8],
    at: usize,
    version: i16,
    flexible: bool,
    elements_left: usize,
}

impl<'a> Decoder<'a> {
    pub fn new(frame: &'a [u8], version: i16, flexible: bool) -> Decoder<'a> {
        Decoder { frame, at: 0, version, flexible, elements_left: ELEMENTS_MAX }
    }

    /// Allows another number of elements than [`ELEMENTS_MAX`].
    pub(crate) fn set_elements_max(&mut self, elements_max: usize) {
        self.elements_left = elements_max;
    }

    /// The message that the rest of the frame begins with. Bytes behind it are ignored, as Kafka ignores them:
    /// librdkafka 2.16 sends one too many when it asks for the metadata of all topics in version 12.
    pub fn message<T: Message + Default>(mut self) -> Result<T> {
        let mut message = T::default();
        message.walk(&mut self)?;
        Ok(message)
    }

    /// From here on, fields are those of this version: a header is read to learn it.
    pub(super) fn set_version(&mut self, version: i16, flexible: bool) {
        self.version = version;
        self.flexible = flexible;
    }

    /// A header's client id: bytes with an i16 length in all versions.
    pub(super) fn header_string(&mut self) -> Result<Option<&'a [u8]>> {
        self.length_i16()?.map(|length| self.take(length)).transpose()
    }

    fn malformed(&self, what: &'static str) -> Error {
        Error::Malformed { what, at: self.at }
    }

    fn has(&self, versions: Versions) -> bool {
        versions.contain(self.version)
    }

    fn left(&self) -> usize {
        self.frame.len() - self.at
    }

    /// Bytes of the whole frame, without its size.
    pub fn frame_len(&self) -> usize {
        self.frame.len()
    }

    /// How many bytes of the frame are read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        if length > self.left() {
            return Err(self.malformed("the frame ends inside a field"));
        }
        let bytes = &self.frame[self.at..][..length];
        self.at += length;
        Ok(bytes)
    }

    /// The next `N` bytes, for a number.
    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(*self.take(N)?.first_chunk().expect("take gives as many bytes as asked for"))
    }

    /// A field of as many bytes as it takes to make one, if the version has it.
    fn number<T, const N: usize>(
        &mut self,
        versions: Versions,
        value: &mut T,
        make: impl Fn([u8; N]) -> T,
    ) -> Result<()> {
        if self.has(versions) {
            *value = make(self.fixed()?);
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u32> {
        let mut value = 0;
        for i in 0..VARINT_MAX {
            let [byte] = self.fixed()?;
            value |= u32::from(byte & 0x7f) << (7 * i);
            // The fifth byte has room for 4 bits, and no sixth may follow.
            if i == VARINT_MAX - 1 && byte > 0x0f {
                break;
            }
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.malformed("a varint of more than 32 bits"))
    }

    fn length_i16(&mut self) -> Result<Option<usize>> {
        let length = i16::from_be_bytes(self.fixed()?);
        self.length(i32::from(length))
    }

    /// A length as it is written in front of arrays, bytes and records; none for null.
    pub(crate) fn length_i32(&mut self) -> Result<Option<usize>> {
        if self.flexible {
            return self.compact_length();
        }
        let length = i32::from_be_bytes(self.fixed()?);
        self.length(length)
    }

    fn compact_length(&mut self) -> Result<Option<usize>> {
        Ok((self.varint()? as usize).checked_sub(1))
    }

    fn length(&self, length: i32) -> Result<Option<usize>> {
        match length {
            -1 => Ok(None),
            _ => usize::try_from(length).map(Some).map_err(|_| self.malformed("a negative length")),
        }
    }

    /// The count of an array whose elements are at least `smallest` bytes each.
    fn count(&mut self, smallest: usize) -> Result<Option<usize>> {
        let Some(count) = self.length_i32()? else {
            return Ok(None);
        };
        if count > self.left() / smallest {
            return Err(self.malformed("an array of more elements than the frame has bytes for"));
        }
        match self.elements_left.checked_sub(count) {
            Some(left) => self.elements_left = left,
            None => return Err(self.malformed("more array elements than a frame may hold")),
        }
        Ok(Some(count))
    }

    /// Bytes behind their length, where they lie; none for null.
    pub(crate) fn block(&mut self) -> Result<Option<Range<usize>>> {
        let Some(length) = self.length_i32()? else {
            return Ok(None);
        };
        let start = self.at;
        self.take(length)?;
        Ok(Some(Range { start, end: self.at }))
    }

    pub(crate) fn text(&mut self) -> Result<Option<String>> {
        let length = if self.flexible { self.compact_length()? } else { self.length_i16()? };
        match length {
            None => Ok(None),
            Some(length) if length > STRING_MAX => Err(self.malformed("a string of more than 32767 bytes")),
            // What is no UTF-8 is replaced, as Kafka does: a client may put anything into a group's name.
            Some(length) => match String::from_utf8_lossy(self.take(length)?).into_owned() {
                text if text.len() > STRING_MAX => Err(self.malformed("a string that is too long as UTF-8")),
                text => Ok(Some(text)),
            },
        }
    }

    fn elements<T: Element>(&mut self) -> Result<Option<Vec<T>>> {
        let Some(count) = self.count(T::SIZE_MIN)? else {
            return Ok(None);
        };
        let mut values = Vec::with_capacity(count.min(CAPACITY_MAX));
        for _ in 0..count {
            let mut value = T::default();
            value.visit(self)?;
            values.push(value);
        }
        Ok(Some(values))
    }
}

impl Walk for Decoder<'_> {
    fn bool(&mut self, versions: Versions, value: &mut bool) -> Result<()> {
        self.number(versions, value, |[byte]| byte != 0)
    }

    fn i8(&mut self, versions: Versions, value: &mut i8) -> Result<()> {
        self.number(versions, value, i8::from_be_bytes)
    }

    fn i16(&mut self, versions: Versions, value: &mut i16) -> Result<()> {
        self.number(versions, value, i16::from_be_bytes)
    }

    fn i32(&mut self, versions: Versions, value: &mut i32) -> Result<()> {
        self.number(versions, value, i32::from_be_bytes)
    }

    fn i64(&mut self, versions: Versions, value: &mut i64) -> Result<()> {
        self.number(versions, value, i64::from_be_bytes)
    }

    fn f64(&mut self, versions: Versions, value: &mut f64) -> Result<()> {
        self.number(versions, value, f64::from_be_bytes)
    }

    fn uuid(&mut self, versions: Versions, value: &mut Uuid) -> Result<()> {
        self.number(versions, value, Uuid)
    }

    fn error(&mut self, versions: Versions, code: &mut ErrorCode) -> Result<()> {
        self.i16(versions, &mut code.0)
    }

    fn string(&mut self, versions: Versions, value: &mut String) -> Result<()> {
        if self.has(versions) {
            *value = self.text()?.ok_or_else(|| self.malformed(NULL))?;
        }
        Ok(())
    }

    fn nullable_string(&mut self, versions: Versions, null: Versions, value: &mut Option<String>) -> Result<()> {
        if self.has(versions) {
            *value = self.text()?;
            if value.is_none() && !self.has(null) {
                return Err(self.malformed(NULL));
            }
        }
        Ok(())
    }

    fn bytes(&mut self, versions: Versions, value: &mut Vec<u8>) -> Result<()> {
        if self.has(versions) {
            let bytes = self.block()?.ok_or_else(|| self.malformed(NULL))?;
            *value = self.frame[bytes].to_vec();
        }
        Ok(())
    }

    fn records(&mut self, versions: Versions, value: &mut Records) -> Result<()> {
        if self.has(versions) {
            *value = self.block()?.map_or(Records::Null, Records::InFrame);
        }
        Ok(())
    }

    fn nullable_struct<T: Message + Default>(&mut self, versions: Versions, value: &mut Option<T>) -> Result<()> {
        if self.has(versions) {
            *value = None;
            if i8::from_be_bytes(self.fixed()?) >= 0 {
                value.insert(T::default()).walk(self)?;
            }
        }
        Ok(())
    }

    fn array<T: Element>(&mut self, versions: Versions, values: &mut Vec<T>) -> Result<()> {
        if self.has(versions) {
            *values = self.elements()?.ok_or_else(|| self.malformed(NULL))?;
        }
        Ok(())
    }

    fn nullable_array<T: Element>(
        &mut self,
        versions: Versions,
        null: Versions,
        values: &mut Option<Vec<T>>,
    ) -> Result<()> {
        if self.has(versions) {
            *values = self.elements()?;
            if values.is_none() && !self.has(null) {
                return Err(self.malformed(NULL));
            }
        }
        Ok(())
    }

    fn tags(&mut self) -> Result<()> {
        if self.flexible {
            // No need to compare the count with the bytes left: each round takes at least two of them.
            for _ in 0..self.varint()? {
                let _tag = self.varint()?;
                let size = self.varint()? as usize;
                self.take(size)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::walk::{since, ALL};

    fn compact(bytes: &[u8]) -> Decoder<'_> {
        Decoder::new(bytes, 0, true)
    }

    fn classic(bytes: &[u8]) -> Decoder<'_> {
        Decoder::new(bytes, 0, false)
    }

    fn what<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
        match result {
            Err(Error::Malformed { what, .. }) => what,
            other => panic!("expected Malformed, got {other:?}"),
        }
    }

    #[test]
    fn varints_hold_32_bits_and_no_more() {
        let good: [(&[u8], u32); 7] = [
            (&[0], 0),
            (&[0x7f], 127),
            (&[0x80, 1], 128),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], u32::MAX),
            (&[0x80, 0x80, 0x80, 0x80, 0x08], 1 << 31),
            (&[0x80, 0x80, 0x80, 0x80, 0x00], 0),
            (&[0x81, 0x00], 1),
        ];
        for (bytes, value) in good {
            assert_eq!(compact(bytes).varint().unwrap(), value, "{bytes:x?}");
        }
        let large: [&[u8]; 2] = [&[0xff, 0xff, 0xff, 0xff, 0x10], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]];
        for bytes in large {
            assert_eq!(what(compact(bytes).varint()), "a varint of more than 32 bits", "{bytes:x?}");
        }
        assert_eq!(what(compact(&[0x80, 0x80]).varint()), "the frame ends inside a field");
    }

    #[test]
    fn tagged_fields_are_skipped() {
        // Two fields: tag 0 of 2 bytes, tag 300 of none.
        let mut decoder = compact(&[2, 0, 2, 0xaa, 0xbb, 0xac, 2, 0, 42]);
        decoder.tags().unwrap();
        assert_eq!(decoder.fixed().unwrap(), [42]);
        // Not flexible: there are none.
        classic(&[]).tags().unwrap();
        assert_eq!(what(compact(&[1, 0, 3, 0xaa, 0xbb]).tags()), "the frame ends inside a field");
        assert_eq!(what(compact(&[0xff, 0xff, 0xff, 0xff, 0x0f]).tags()), "the frame ends inside a field");
    }

    #[test]
    fn null_is_refused_where_the_version_allows_none() {
        let null = "null where the version allows none";
        for (flexible, bytes) in [(true, &[0u8, 0, 0, 0][..]), (false, &[0xff; 4])] {
            let decoder = |version| Decoder::new(bytes, version, flexible);
            assert_eq!(what(decoder(0).string(ALL, &mut String::new())), null);
            assert_eq!(what(decoder(0).bytes(ALL, &mut Vec::new())), null);
            assert_eq!(what(decoder(0).array(ALL, &mut Vec::<i32>::new())), null);
            assert_eq!(what(decoder(0).array(ALL, &mut Vec::<String>::new())), null);
            let mut text = Some(String::new());
            assert_eq!(what(decoder(3).nullable_string(ALL, since(4), &mut text)), null);
            decoder(4).nullable_string(ALL, since(4), &mut text).unwrap();
            assert_eq!(text, None);
            let mut records = Records::EMPTY;
            decoder(0).records(ALL, &mut records).unwrap();
            assert!(matches!(records, Records::Null));
        }
    }

    #[test]
    fn a_field_that_the_version_lacks_keeps_its_value() {
        let mut number = -1;
        Decoder::new(&[], 3, false).i32(since(4), &mut number).unwrap();
        assert_eq!(number, -1);
    }

    #[test]
    fn lengths_are_neither_negative_nor_beyond_the_frame() {
        let mut text = String::new();
        assert_eq!(what(classic(&[0xff, 0xfe]).string(ALL, &mut text)), "a negative length");
        assert_eq!(what(classic(&[0x7f, 0xff, b'a']).string(ALL, &mut text)), "the frame ends inside a field");
        let mut bytes = Vec::new();
        assert_eq!(what(classic(&[0x7f, 0xff, 0xff, 0xff, 1]).bytes(ALL, &mut bytes)), "the frame ends inside a field");
        assert_eq!(what(classic(&[0xff, 0xff, 0xff, 0xfe]).bytes(ALL, &mut bytes)), "a negative length");
        assert_eq!(what(compact(&[3, 1]).bytes(ALL, &mut bytes)), "the frame ends inside a field");
        let mut numbers = Vec::<i32>::new();
        // Two numbers are claimed, one and a half are there.
        assert!(what(classic(&[0, 0, 0, 2, 0, 0, 0, 1, 0, 0]).array(ALL, &mut numbers)).starts_with("an array of more"));
        assert_eq!(what(classic(&[0x80, 0, 0, 0]).array(ALL, &mut numbers)), "a negative length");
    }

    #[test]
    fn a_string_is_limited_in_flexible_versions_too() {
        let mut text = String::new();
        // The length plus one, as a varint: 32767, then 32768.
        let longest = [&[0x80, 0x80, 2][..], &[b'a'; STRING_MAX]].concat();
        compact(&longest).string(ALL, &mut text).unwrap();
        assert_eq!(text.len(), STRING_MAX);
        let longer = [&[0x81, 0x80, 2][..], &[b'a'; STRING_MAX + 1]].concat();
        assert_eq!(what(compact(&longer).string(ALL, &mut text)), "a string of more than 32767 bytes");
    }

    #[test]
    fn the_elements_of_a_frame_are_limited_in_sum() {
        // A compact array of half as many empty strings as a frame may hold, twice, then one of one.
        let half = ELEMENTS_MAX / 2;
        let array = [&[0x81, 0x80, 0x01][..], &vec![1; half]].concat();
        let bytes = [&array[..], &array, &[2, 1]].concat();
        let mut decoder = compact(&bytes);
        let mut texts = Vec::<String>::new();
        for _ in 0..2 {
            decoder.array(ALL, &mut texts).unwrap();
            assert_eq!(texts.len(), half);
        }
        assert_eq!(what(decoder.array(ALL, &mut texts)), "more array elements than a frame may hold");
    }

    #[test]
    fn what_is_no_utf8_is_replaced() {
        let mut text = String::new();
        classic(&[0, 3, b'a', 0xff, b'b']).string(ALL, &mut text).unwrap();
        assert_eq!(text, "a\u{fffd}b");
    }
}
