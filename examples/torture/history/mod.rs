//! A history: what clients sent, saw and were told while the broker was hurt, and what was there in the end.
//!
//! Each client notes an [`Event`] when it knows how something ended. Times are ns on one monotonic clock. An event carries
//! its *era*: how many power cuts the broker that answered it had behind it; a kill begins no era, since the page cache
//! outlives it. [`check::check`] holds a history against what the broker promises.
//!
//! Always true: no two records of a history have the same [`Value`], since nobody sends one again but an idempotent
//! producer, whose second time must not count.
//! Not done: nothing here talks to a broker.

pub mod check;

use std::fmt;

/// A partition, as a number that the load gives it.
pub type Key = usize;

/// What a record holds: its producer, and a number that rises with each record that the producer sends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Value {
    pub producer: u32,
    pub number: u64,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.producer, self.number)
    }
}

impl Value {
    /// Reads what `Display` wrote; whatever follows a blank is filling.
    pub fn parse(text: &str) -> Option<Value> {
        let (producer, number) = text.split(' ').next()?.split_once(':')?;
        Some(Value { producer: producer.parse().ok()?, number: number.parse().ok()? })
    }
}

/// From when to when, in ns; an answer that never came ends when its connection did.
#[derive(Clone, Copy, Default, Debug)]
pub struct Span {
    pub began: u64,
    pub ended: u64,
}

/// How it ended, as far as the client knows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Fate {
    #[default]
    Done,
    /// No answer: it may have happened or not.
    Unknown,
    /// Refused: it must not have happened.
    Refused,
}

#[derive(Clone, Debug)]
pub enum Event {
    Sent(Sent),
    Polled(Polled),
    Committed(Committed),
    ReadBack(ReadBack),
    Trimmed(Trimmed),
    Changed(Changed),
    Epoch(Epoch),
    Final(Final),
    Topics(Vec<String>),
}

/// A batch that was produced.
#[derive(Clone, Default, Debug)]
pub struct Sent {
    pub key: Key,
    /// The first record's; the others' numbers follow.
    pub value: Value,
    pub count: u64,
    pub span: Span,
    pub era: u32,
    pub fate: Fate,
    /// Where it was said to lie.
    pub offset: i64,
    /// acks=all
    pub is_durable: bool,
    pub is_idempotent: bool,
    /// The correlation id under which it was answered.
    pub id: i32,
}

/// What a fetch answered for a partition.
#[derive(Clone, Default, Debug)]
pub struct Polled {
    pub key: Key,
    pub from: i64,
    pub span: Span,
    pub era: u32,
    pub high_watermark: i64,
    pub log_start: i64,
    pub records: Vec<(i64, Value)>,
}

/// A group's offset that was committed.
#[derive(Clone, Default, Debug)]
pub struct Committed {
    pub key: Key,
    pub offset: i64,
    pub span: Span,
    pub era: u32,
    pub fate: Fate,
    pub id: i32,
}

/// A group's offset as it was read back, -1 for none, and the partition's end right after that.
#[derive(Clone, Default, Debug)]
pub struct ReadBack {
    pub key: Key,
    pub offset: i64,
    pub span: Span,
    pub log_end: i64,
}

/// Records below `offset` were deleted.
#[derive(Clone, Default, Debug)]
pub struct Trimmed {
    pub key: Key,
    pub offset: i64,
    pub span: Span,
    pub fate: Fate,
    pub id: i32,
}

/// A topic was created or deleted; no name is used twice.
#[derive(Clone, Default, Debug)]
pub struct Changed {
    pub topic: String,
    pub is_created: bool,
    pub fate: Fate,
    pub id: i32,
}

/// The leader epoch that a broker said, and which of the brokers one after another it was.
#[derive(Clone, Copy, Default, Debug)]
pub struct Epoch {
    pub life: u32,
    pub epoch: i32,
}

/// All of a partition, read when nothing hurts any more.
#[derive(Clone, Default, Debug)]
pub struct Final {
    pub key: Key,
    pub era: u32,
    pub log_start: i64,
    pub log_end: i64,
    pub records: Vec<(i64, Value)>,
}

impl Sent {
    /// The records with the offsets that they were said to have.
    pub fn records(&self) -> impl Iterator<Item = (i64, Value)> + '_ {
        let value = |i: u64| Value { producer: self.value.producer, number: self.value.number + i };
        (0..self.count).map(move |i| (self.offset + i as i64, value(i)))
    }
}

#[cfg(test)]
mod tests;
