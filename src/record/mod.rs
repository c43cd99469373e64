//! The bytes of a record batch (idea 1): what the broker reads of one, and what it never touches.
//!
//! A producer's client packs records into a batch, the broker checks and stamps its 61-byte header, the consumer
//! unpacks it. Reading order: [`header`], [`check`], [`crc32c()`]; then [`records`] and [`builder`], which only
//! clients, look-ups by timestamp and tests need.
//!
//! Always true: nothing here knows a file, a socket or an offset that is not in the bytes.
//! Not done: no compression: the broker has no codec.

pub mod builder;
pub mod check;
mod check_records;
mod check_timestamps;
pub mod crc32c;
pub mod header;
pub mod records;
pub mod varint;

pub use builder::BatchBuilder;
pub use crc32c::crc32c;
pub use header::{BatchHeader, Codec};
