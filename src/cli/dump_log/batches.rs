//! Walks the batches of a segment file, checks each one's CRC, and goes on behind what is damaged.
//!
//! Behind damage the next good batch is looked for: first where the damaged one says that it ends, since a batch may
//! lie inside a record's value, then at every byte.
//!
//! Always true: every byte of the file belongs to one batch or to one damaged part, in order. Memory is a window of the
//! file, however long a batch claims to be; the work is bounded as well, whatever the bytes are.
//! Not done: records are not walked here; [`super::segment`] does.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::base::{Offset, Result};
use crate::os::fs;
use crate::record::crc32c::Crc32c;
use crate::record::header::{BatchHeader, CRC_RANGE_START, HEADER_SIZE};

/// Bytes of the file in memory.
const WINDOW: usize = 256 << 10;

/// How often the file's bytes may be read again in the search for a good batch.
const SEARCH_TIMES: u64 = 16;

/// A part of the file, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    Batch(Batch),
    Damage(Damage),
}

/// A batch whose CRC matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch {
    pub position: u64,
    pub header: BatchHeader,
    /// The offset that was expected here; `None` for the first one of a file that is only a part.
    pub expected: Option<Offset>,
}

/// Bytes that are no batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    pub position: u64,
    /// Where the next good batch begins, or the file ends.
    pub end: u64,
    pub why: String,
    /// What the header says, if it says something that can be.
    pub header: Option<BatchHeader>,
    /// The offset that was expected here.
    pub expected: Option<Offset>,
    /// With which offset the good batch begins that follows; `None` when none does.
    pub next: Option<Offset>,
    /// The search was given up: batches may lie behind this.
    pub gave_up: bool,
}

pub struct Walk {
    file: File,
    path: PathBuf,
    size: u64,
    at: u64,
    expected: Option<Offset>,
    /// Bytes that may still be read in the search for good batches.
    work_left: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl Walk {
    pub fn open(path: &Path, expected: Option<Offset>) -> Result<Walk> {
        let file = fs::open_read(path)?;
        let size = fs::size(path)?.unwrap_or(0);
        let (window, window_start) = (Vec::new(), 0);
        let work_left = size * SEARCH_TIMES + (1 << 20);
        Ok(Walk { file, path: path.to_path_buf(), size, at: 0, expected, work_left, window, window_start })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// The offset behind the last batch; `None` when that is not known, behind damage.
    pub fn expected(&self) -> Option<Offset> {
        self.expected
    }

    pub fn next_part(&mut self) -> Result<Option<Part>> {
        if self.at >= self.size {
            return Ok(None);
        }
        let (position, expected) = (self.at, self.expected);
        match self.batch_at(position)? {
            Ok(header) => {
                self.at += header.size().expect("a good batch has a size");
                self.expected = Some(header.last_offset() + 1);
                Ok(Some(Part::Batch(Batch { position, header, expected })))
            }
            Err(flaw) => {
                let found = self.search(position, flaw.header)?;
                let (end, gave_up) = (found.unwrap_or(self.size), found.is_none());
                let next = BatchHeader::parse(self.read(end, HEADER_SIZE)?).map(|header| header.base_offset);
                (self.at, self.expected) = (end, None);
                let Flaw { why, header } = flaw;
                Ok(Some(Part::Damage(Damage { position, end, why, header, expected, next, gave_up })))
            }
        }
    }

    /// The bytes behind a batch's header.
    pub fn records_of(&mut self, batch: &Batch) -> Result<Vec<u8>> {
        let size = batch.header.size().expect("a good batch has a size") as usize - HEADER_SIZE;
        let mut bytes = vec![0; size];
        let got = fs::read_at(&self.file, &self.path, &mut bytes, batch.position + HEADER_SIZE as u64)?;
        bytes.truncate(got);
        Ok(bytes)
    }

    /// Whether a batch lies here, and if not, why; its order is not looked at.
    fn batch_at(&mut self, position: u64) -> Result<std::result::Result<BatchHeader, Flaw>> {
        let left = self.size - position;
        let bytes = self.read(position, HEADER_SIZE)?;
        let Some(header) = BatchHeader::parse(bytes) else {
            return flaw(format!("{} bytes are left, and a batch's header has {HEADER_SIZE}", bytes.len()), None);
        };
        if bytes[..HEADER_SIZE].iter().all(|byte| *byte == 0) {
            return flaw("zeros, which are no batch".to_string(), None);
        }
        if header.magic != 2 {
            return flaw(format!("magic {}, and a batch of this format has 2", header.magic), None);
        }
        let Some(size) = header.size() else {
            return flaw(format!("a batch length of {}, below that of a header", header.batch_length), None);
        };
        if !header.is_plausible_at(Offset(0)) {
            let (base, delta) = (header.base_offset, header.last_offset_delta);
            return flaw(format!("base offset {base} and last offset delta {delta}, which no batch has"), None);
        }
        if size > left {
            return flaw(format!("a batch of {size} bytes, and {left} are left in the file"), Some(header));
        }
        let crc = self.crc_of(position, size)?;
        match crc == header.crc {
            true => Ok(Ok(header)),
            false => flaw(format!("its CRC-32C is {:08x}, and its bytes give {crc:08x}", header.crc), Some(header)),
        }
    }

    fn crc_of(&mut self, position: u64, size: u64) -> Result<u32> {
        let mut crc = Crc32c::new();
        let (mut at, end) = (position + CRC_RANGE_START as u64, position + size);
        while at < end {
            let bytes = self.read(at, (end - at).min(WINDOW as u64) as usize)?;
            if bytes.is_empty() {
                break; // The file became shorter while we looked: the CRC will say so.
            }
            crc.update(bytes);
            at += bytes.len() as u64;
        }
        Ok(crc.finish())
    }

    /// Where the next good batch begins; the file's end when there is none, `None` when that took too long to find out.
    fn search(&mut self, position: u64, damaged: Option<BatchHeader>) -> Result<Option<u64>> {
        let claimed = damaged.and_then(|header| header.size()).map(|size| position + size);
        if let Some(claimed) = claimed.filter(|claimed| *claimed <= self.size) {
            if claimed == self.size || self.batch_at(claimed)?.is_ok() {
                return Ok(Some(claimed));
            }
        }
        for at in position + 1..self.size {
            let left = self.size - at;
            let Some(header) = BatchHeader::parse(self.read(at, HEADER_SIZE)?) else { break };
            let size = header.size().filter(|size| *size <= left && header.is_plausible_at(Offset(0)));
            let Some(size) = size else { continue };
            let Some(rest) = self.work_left.checked_sub(size) else { return Ok(None) };
            self.work_left = rest;
            if self.crc_of(at, size)? == header.crc {
                return Ok(Some(at));
            }
        }
        Ok(Some(self.size))
    }

    /// Up to `length` bytes from `position` on; fewer where the file ends.
    fn read(&mut self, position: u64, length: usize) -> Result<&[u8]> {
        let holds = |walk: &Walk| {
            let end = walk.window_start + walk.window.len() as u64;
            position >= walk.window_start && position + length as u64 <= end
        };
        if !holds(self) {
            self.window.resize(WINDOW, 0);
            let got = fs::read_at(&self.file, &self.path, &mut self.window, position)?;
            self.window.truncate(got);
            self.window_start = position;
        }
        let from = (position - self.window_start) as usize;
        let to = (from + length).min(self.window.len());
        Ok(&self.window[from..to])
    }
}

struct Flaw {
    why: String,
    header: Option<BatchHeader>,
}

fn flaw<T>(why: String, header: Option<BatchHeader>) -> Result<std::result::Result<T, Flaw>> {
    Ok(Err(Flaw { why, header }))
}
