//! Moving the log start up: whole segments below it go, renamed first and unlinked later.
//!
//! Always true: the caller has flushed up to the new start and made its checkpoint durable, so that a start in between
//! finds the same log. Bytes that are being sent stay readable: the sender holds the open file.
//! Not done: no decision how far: retention, the cap or a client says so.

use std::path::PathBuf;

use crate::base::{Offset, Position, Result};
use crate::faults::seeded::is_on;
use crate::log::segment::Segment;
use crate::log::Log;
use crate::os::fs;

impl Log {
    /// Moves the log start up: what lies below is no longer read.
    ///
    /// Whole segments below are renamed to `.deleted`, and returned for unlinking. One that cannot be renamed is tried again
    /// with the next move, or goes with the next start, which knows the log start.
    pub fn advance_start(&mut self, offset: Offset) -> Vec<PathBuf> {
        assert!(offset <= self.end_offset, "log start {offset} beyond the end {}", self.end_offset);
        self.start_offset = self.start_offset.max(offset);
        let mut deleted = Vec::new();
        while self.segments.len() > 1 && self.segments[1].base_offset <= self.start_offset {
            match self.segments[0].rename_deleted() {
                Ok(renamed) => deleted.extend(renamed),
                Err(error) => {
                    note!(Warn, "segment_not_removed", [], "tried again with the next one that goes: {error}");
                    break;
                }
            }
            self.segments.remove(0);
        }
        deleted
    }

    /// Begins a new segment when the log is to start at its very end, so that all of what it holds can go.
    pub fn roll_for_start(&mut self, offset: Offset) -> Result<()> {
        match offset == self.end_offset && self.active().size > Position(0) {
            true => self.roll(),
            false => Ok(()),
        }
    }
}

impl Segment {
    /// Renames the files to `.deleted`, for unlinking later; those that an earlier try has renamed stay so.
    pub fn rename_deleted(&self) -> Result<Vec<PathBuf>> {
        let mut renamed = Vec::new();
        for suffix in ["log", "index", "timeindex"] {
            let from = self.log.path().with_extension(suffix);
            let to = from.with_extension(format!("{suffix}.deleted"));
            if fs::exists(&from) {
                if is_on("retention-truncates") {
                    fs::truncate(&fs::open_append(&from)?, &from, 0)?;
                }
                fs::rename(&from, &to)?;
            }
            renamed.push(to);
        }
        Ok(renamed)
    }
}
