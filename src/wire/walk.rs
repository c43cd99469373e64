//! The one walk over a message's fields, and the versions in which each field exists.
//!
//! Kafka's messages have no field names on the wire: a message is its fields one after the other, and which of them
//! are there depends on the version of the API. So each message says its fields once, in wire order, each with its
//! versions, and three walkers go over that one list: [`Decoder`](super::decoder::Decoder) fills the fields,
//! [`Encoder`](super::encoder::Encoder) writes them, and the printer of [`tap`](crate::tap) shows them.
//!
//! Always true: a field that a version does not have keeps the value it had, so each struct's `Default` is Kafka's;
//! every struct's walk ends with [`Walk::tags`], as every flexible struct ends with tagged fields.
//! Not done: the encoder only reads, yet takes `&mut`: that is the price of one walk instead of three.

use super::records::Records;
use crate::base::{ErrorCode, Result, Uuid};

/// The versions of an API in which a field exists, or may be null.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Versions {
    pub low: i16,
    pub high: i16,
}

/// Every version.
pub const ALL: Versions = between(0, i16::MAX);

/// This version and all later ones.
pub const fn since(low: i16) -> Versions {
    between(low, i16::MAX)
}

/// All versions up to and with this one.
pub const fn until(high: i16) -> Versions {
    between(0, high)
}

/// Both ends included.
pub const fn between(low: i16, high: i16) -> Versions {
    Versions { low, high }
}

impl Versions {
    pub const fn contain(self, version: i16) -> bool {
        self.low <= version && version <= self.high
    }
}

/// A struct of the protocol: a request, a response, or an element of an array in one.
pub trait Message {
    /// Visits every field in wire order. Fails only when the walker does.
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()>;
}

/// Something that goes over a message's fields. Each method visits one field, if the walker's version has it.
///
/// How a field looks in a flexible version (KIP-482: compact lengths, tagged fields) is the walker's business.
pub trait Walk: Sized {
    fn bool(&mut self, versions: Versions, value: &mut bool) -> Result<()>;
    fn i8(&mut self, versions: Versions, value: &mut i8) -> Result<()>;
    fn i16(&mut self, versions: Versions, value: &mut i16) -> Result<()>;
    fn i32(&mut self, versions: Versions, value: &mut i32) -> Result<()>;
    fn i64(&mut self, versions: Versions, value: &mut i64) -> Result<()>;

    /// IEEE 754, 8 bytes.
    fn f64(&mut self, versions: Versions, value: &mut f64) -> Result<()>;

    /// 16 bytes, no length in front.
    fn uuid(&mut self, versions: Versions, value: &mut Uuid) -> Result<()>;

    /// An i16.
    fn error(&mut self, versions: Versions, code: &mut ErrorCode) -> Result<()>;

    fn string(&mut self, versions: Versions, value: &mut String) -> Result<()>;

    /// `null`: the versions in which the string may be null.
    fn nullable_string(&mut self, versions: Versions, null: Versions, value: &mut Option<String>) -> Result<()>;

    /// Bytes that only clients understand: a group's metadata and assignments.
    fn bytes(&mut self, versions: Versions, value: &mut Vec<u8>) -> Result<()>;

    /// The bytes of record batches, which no walker looks into.
    fn records(&mut self, versions: Versions, value: &mut Records) -> Result<()>;

    /// A struct in a field of its own, not in an array: an i8 in front, -1 for null and 1 for a struct. May be null
    /// wherever the field exists.
    fn nullable_struct<T: Message + Default>(&mut self, versions: Versions, value: &mut Option<T>) -> Result<()>;

    fn array<T: Element>(&mut self, versions: Versions, values: &mut Vec<T>) -> Result<()>;

    /// `null`: the versions in which the array may be null.
    fn nullable_array<T: Element>(
        &mut self,
        versions: Versions,
        null: Versions,
        values: &mut Option<Vec<T>>,
    ) -> Result<()>;

    /// A struct that is an element of an array.
    fn element<T: Message>(&mut self, value: &mut T) -> Result<()> {
        value.walk(self)
    }

    /// The tagged fields that end every struct of a flexible version: skipped when read, none when written.
    fn tags(&mut self) -> Result<()>;
}

/// What an array holds: structs, numbers or strings.
pub trait Element: Default {
    /// bytes of the smallest
    const SIZE_MIN: usize = 1;

    fn visit<W: Walk>(&mut self, w: &mut W) -> Result<()>;
}

impl<T: Message + Default> Element for T {
    fn visit<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.element(self)
    }
}

impl Element for i32 {
    const SIZE_MIN: usize = size_of::<i32>();

    fn visit<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, self)
    }
}

impl Element for String {
    fn visit<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.string(ALL, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_include_both_ends() {
        assert!(ALL.contain(0) && ALL.contain(i16::MAX));
        assert!(!since(4).contain(3) && since(4).contain(4));
        assert!(until(4).contain(4) && !until(4).contain(5));
        assert!([2, 3].iter().all(|v| between(2, 3).contain(*v)));
        assert!([1, 4].iter().all(|v| !between(2, 3).contain(*v)));
    }
}
