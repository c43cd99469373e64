//! The fields of a flexible message, read one behind the other: the inverse of [`super::fields`].
//!
//! Always true: nothing is read past the bytes given, whatever their lengths claim; `None` is a torn message.
//! Not done: no reserve is made for what a count claims; elements are read one by one.

use crate::base::Uuid;

pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.array::<1>()?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub fn i8(&mut self) -> Option<i8> {
        self.array().map(i8::from_be_bytes)
    }

    pub fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    pub fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub fn uuid(&mut self) -> Option<Uuid> {
        self.array().map(Uuid)
    }

    /// The outer `None` is torn, the inner one null.
    pub fn nullable_text(&mut self) -> Option<Option<String>> {
        let Some(length) = self.unsigned()?.checked_sub(1) else { return Some(None) };
        let bytes = self.take(usize::try_from(length).ok()?)?;
        Some(Some(String::from_utf8(bytes.to_vec()).ok()?))
    }

    pub fn text(&mut self) -> Option<String> {
        self.nullable_text()?
    }

    /// An array, each element read by `one`.
    pub fn list<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.unsigned()?.checked_sub(1)?;
        (0..count).map(|_| one(self)).collect()
    }

    /// The tagged fields at the end of a structure: each tag with its bytes.
    pub fn tags(&mut self) -> Option<Vec<(u64, Reader<'a>)>> {
        let count = self.unsigned()?;
        let mut tags = Vec::new();
        for _ in 0..count {
            let tag = self.unsigned()?;
            let size = usize::try_from(self.unsigned()?).ok()?;
            tags.push((tag, Reader(self.take(size)?)));
        }
        Some(tags)
    }
}
