//! The mark of a log that may have gaps: its batches were copied from a log that was compacted, or had lost its beginning.
//!
//! `sendlog.gaps` in the partition's folder, text: a version, then the offset below which offsets may be missing.
//! ```text
//! 0
//! 9223372036854775807
//! ```
//!
//! A start after a kill takes a gap above the recovery point for a loss, and ends the log there. In a marked log a gap below
//! that offset is none: the one who copies has flushed a segment before the next one begins ([`crate::log::Log::append_copied`]),
//! so what is lost in a power cut is the end of the last segment, or bytes that have no right CRC.
//!
//! Always true: the mark is on the disk before the first batch behind a gap is written. Kafka leaves the file alone.
//! Not done: no list of the gaps, of which a compacted log may have as many as batches.

use std::path::Path;

use crate::base::{Error, Offset, Result};
use crate::os::fs;

pub const FILE_NAME: &str = "sendlog.gaps";

/// Below which offset gaps are no loss; 0 in a log without the mark.
pub fn read(folder: &Path) -> Result<Offset> {
    let path = folder.join(FILE_NAME);
    let Some(bytes) = fs::read(&path)? else { return Ok(Offset(0)) };
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let below = text.strip_prefix("0\n").and_then(|rest| rest.strip_suffix('\n')?.parse().ok());
    below
        .map(Offset)
        .ok_or_else(|| Error::corrupt(path, "it is not the mark that the broker writes there"))
}

/// Marks the log; the mark is on the disk when this returns.
pub fn write(folder: &Path, below: Offset) -> Result<()> {
    fs::replace(&folder.join(FILE_NAME), format!("0\n{below}\n").as_bytes())
}
