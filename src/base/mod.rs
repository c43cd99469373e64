//! The vocabulary below everything: errors and Kafka's codes, offsets, ids, file ranges, counters and limits.
//!
//! Always true: nothing here uses another module; whatever a client or a file says becomes an [`Error`] that tells the
//! caller what to do.
//! Not done: nothing here opens a file, asks a clock or knows a thread; every other module may use it.

mod error;
#[macro_use]
mod note;
pub mod limits;
pub mod lock;
pub mod metrics;
pub mod sync;
mod types;
mod utc;
mod uuid;

pub use error::{Error, ErrorCode, Result};
pub use note::{end_note_bursts, one_line, quoted, set_note_writer, write_line, write_note, Level, Note, NoteWriter};
pub use types::{FileRange, Offset, Position, TopicPartition};
pub use utc::{date, day, utc};
pub use uuid::Uuid;
