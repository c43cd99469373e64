//! The numbers that must not be swapped, and the range of a file that log and server hand to each other.
//!
//! Always true: an [`Offset`] counts records, a [`Position`] counts bytes of one segment file.
//! Not done: no checks of range: a number from outside is judged where it comes in.

use std::fmt;
use std::fs::File;
use std::ops::{Add, AddAssign, Sub};
use std::sync::Arc;

/// The number of a record in its partition, from 0 on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub i64);

impl Sub<i64> for Offset {
    type Output = Offset;
    fn sub(self, records: i64) -> Offset {
        Offset(self.0 - records)
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

/// A byte's place in a segment's `.log` file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}", self.0)
    }
}

/// A place that is counted: so many more lead to another one, and two of them are so many apart.
macro_rules! counted {
    ($place:ident, $count:ty) => {
        impl Add<$count> for $place {
            type Output = $place;
            fn add(self, more: $count) -> $place {
                $place(self.0 + more)
            }
        }

        impl AddAssign<$count> for $place {
            fn add_assign(&mut self, more: $count) {
                self.0 += more;
            }
        }

        impl Sub for $place {
            type Output = $count;
            fn sub(self, other: $place) -> $count {
                self.0 - other.0
            }
        }

        impl fmt::Display for $place {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counted!(Offset, i64);
counted!(Position, u64);

/// Bytes that lie in a file: what a fetch answers with, without having read them (idea 4).
///
/// The open file keeps the bytes readable when its segment is unlinked meanwhile.
#[derive(Clone, Debug)]
pub struct FileRange {
    pub file: Arc<File>,
    pub position: Position,
    /// bytes
    pub length: u64,
}

/// The name of a partition, printed as Kafka names its folder: `demo-0`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
