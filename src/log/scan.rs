//! Walks the batches of a segment file from one header to the next, through a small window of the file.
//!
//! Always true: each header that comes out follows the one before it: magic 2, a size that fits the file, offsets
//! that rise (compaction by Kafka leaves gaps in what it has flushed, never behind). Not done: the records and their checksum are only read by [`Scan::next_checked`].

use std::fs::File;
use std::path::Path;

use crate::base::{Error, Offset, Position, Result};
use crate::os::fs;
use crate::record::header::{self, BatchHeader, HEADER_SIZE};

/// Bytes read at once where only headers matter.
pub const WINDOW: usize = 4 << 10;
/// Bytes read at once where everything is read.
pub const WINDOW_LARGE: usize = 1 << 20;

/// A batch's place and header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch {
    pub position: Position,
    pub header: BatchHeader,
}

impl Batch {
    /// bytes
    pub fn size(&self) -> u64 {
        self.header.size().expect("a scanned header has a plausible size")
    }

    pub fn end(&self) -> Position {
        self.position + self.size()
    }
}

pub struct Scan<'a> {
    file: &'a File,
    path: &'a Path,
    next: Position,
    end: Position,
    expected: Offset,
    window: Window,
    has_gaps: bool,
}

impl<'a> Scan<'a> {
    /// Scans from `start`, where a batch begins, to `end`; its offsets are at least `expected`.
    pub fn new(file: &'a File, path: &'a Path, start: Position, end: Position, expected: Offset) -> Scan<'a> {
        Scan { file, path, next: start, end, expected, window: Window::new(WINDOW), has_gaps: false }
    }

    pub fn with_window(mut self, bytes: usize) -> Scan<'a> {
        self.window = Window::new(bytes);
        self
    }

    /// Also where checksums are checked a batch may begin behind the offset expected.
    pub fn with_gaps(mut self, has_gaps: bool) -> Scan<'a> {
        self.has_gaps = has_gaps;
        self
    }

    /// The offset that the next batch may start with.
    pub fn expected(&self) -> Offset {
        self.expected
    }

    /// The next batch by its header; `None` at the end, `Corrupt` where no batch can be.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        self.advance(false)
    }

    /// The next batch, which begins with the very offset expected; its checksum is checked as well.
    pub fn next_checked(&mut self) -> Result<Option<Batch>> {
        self.advance(true)
    }

    /// The first of the batches ahead that is `wanted`.
    pub fn find_batch(&mut self, wanted: impl Fn(&Batch) -> bool) -> Result<Option<Batch>> {
        loop {
            match self.next_batch()? {
                Some(batch) if !wanted(&batch) => {}
                other => return Ok(other),
            }
        }
    }

    fn advance(&mut self, with_crc: bool) -> Result<Option<Batch>> {
        if self.next == self.end {
            return Ok(None);
        }
        let left = self.end - self.next;
        let bytes = self.window.read(self.file, self.path, self.next, (HEADER_SIZE as u64).min(left), left)?;
        let Some(header) = BatchHeader::parse(bytes) else { return Err(self.corrupt("a torn header")) };
        if !header.is_plausible_at(self.expected) {
            return Err(self.corrupt("no batch header that follows the one before"));
        }
        let batch = Batch { position: self.next, header };
        if batch.size() > left {
            return Err(self.corrupt("a batch that is longer than the rest of the file"));
        }
        if with_crc && !self.has_gaps && header.base_offset != self.expected {
            return Err(self.corrupt("a gap in the offsets"));
        }
        if with_crc {
            let bytes = self.window.read(self.file, self.path, self.next, batch.size(), left)?;
            if bytes.len() as u64 != batch.size() || !header::crc_matches(bytes, &header) {
                return Err(self.corrupt("a batch whose CRC does not match"));
            }
        }
        self.next = batch.end();
        self.expected = header.last_offset() + 1;
        Ok(Some(batch))
    }

    fn corrupt(&self, what: &str) -> Error {
        Error::corrupt(self.path, format!("{what} at byte {}, offset {}", self.next, self.expected))
    }
}

/// The part of the file that is in memory.
struct Window {
    size: usize,
    start: Position,
    bytes: Vec<u8>,
}

impl Window {
    fn new(size: usize) -> Window {
        Window { size, start: Position(0), bytes: Vec::new() }
    }

    /// `length` bytes from `position` on, of `left` that there are; fewer where the file ends.
    fn read(&mut self, file: &File, path: &Path, position: Position, length: u64, left: u64) -> Result<&[u8]> {
        let length = length as usize;
        let holds = |window: &Window| {
            position >= window.start && (position - window.start) as usize + length <= window.bytes.len()
        };
        if !holds(self) {
            self.bytes.resize(self.size.max(length).min(left as usize), 0);
            let got = fs::read_at(file, path, &mut self.bytes, position.0)?;
            self.bytes.truncate(got);
            self.start = position;
        }
        let from = (position - self.start) as usize;
        let to = (from + length).min(self.bytes.len());
        Ok(&self.bytes[from..to])
    }
}
