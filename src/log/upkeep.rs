//! What a start, a stop, a look-up by time and tools ask of a log as a whole.
//!
//! Always true: what is answered is the log under the caller's lock, at one moment.
//! Not done: no append and no fetch comes through here.

use std::path::Path;

use crate::base::{Error, Offset, Result};
use crate::log::segment::Segment;
use crate::log::{Log, LogConfig, SegmentView};

impl Log {
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    pub fn configure(&mut self, config: LogConfig) {
        self.config = config;
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a file that was not found had belonged to a segment below the log start: whoever looked was overtaken.
    pub fn has_let_go(&self, error: &Error) -> bool {
        let Error::Storage { path, source } = error else { return false };
        let base = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok().map(Offset));
        source.kind() == std::io::ErrorKind::NotFound && base.is_some_and(|base| base < self.segments[0].base_offset)
    }

    /// All segments, oldest first.
    pub fn views(&self) -> Vec<SegmentView> {
        (0..self.segments.len()).map(|index| self.view_at(index)).collect()
    }

    /// Those that hold something that may be read: without what lies below the log start and could not be removed.
    pub fn views_from_start(&self) -> Vec<SegmentView> {
        let is_read = |view: &SegmentView| view.next_base.is_none_or(|next| next > self.start_offset);
        self.views().into_iter().filter(is_read).collect()
    }

    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size.0).sum()
    }

    /// The last steps of a clean stop: indexes complete and on the disk. The data has been flushed.
    pub fn finish(&mut self) -> Result<()> {
        self.active_mut().finish_indexes();
        let below = self.segments.iter().skip(1).take_while(|next| next.base_offset <= self.start_offset).count();
        self.segments[below..].iter().try_for_each(Segment::sync_indexes)
    }
}
