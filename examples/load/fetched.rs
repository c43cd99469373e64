//! The answer to a fetch of one partition, counted while it streams by.
//!
//! ```text
//! correlation id  i32      in front of the topic's name
//! throttle time   i32
//! error code      i16
//! session id      i32
//! topics          i32      1
//! name            i16 length, bytes
//! partitions      i32      1, the rest is counted from here
//! index           i32
//! error code      i16
//! high watermark  i64
//! last stable     i64
//! log start       i64
//! aborted         i32      -1 or 0
//! preferred       i32
//! records         i32 length, batches; the last one is usually cut off
//! ```
//!
//! Always true: of a batch only the header is looked at, and it counts when its last byte has arrived.

use sendlog::base::ErrorCode;
use sendlog::record::header::HEADER_SIZE;
use sendlog::record::BatchHeader;

use crate::requests::check;
use crate::Result;

const ERROR: usize = 8; // i16, in front of the name
const NAME: usize = 18; // i16 length, bytes
const PARTITION_ERROR: usize = 8; //  i16, from here on behind the name
const HIGH_WATERMARK: usize = 10; //  i64
const LOG_START: usize = 26; //       i64
const ABORTED: usize = 34; //         i32
const RECORDS: usize = 46; //         behind their length
const _: () = assert!(RECORDS == ABORTED + 4 + 4 + 4);

/// What the answer to a fetch of this topic has in front of the first batch.
pub fn head_bytes(topic: &str) -> usize {
    NAME + 2 + topic.len() + RECORDS
}

#[derive(Default)]
pub struct Fetched {
    pub log_start: i64,
    pub high_watermark: i64,
    /// The offset behind the last whole batch.
    pub next_offset: Option<i64>,
    pub records: u64,
    /// Of whole batches.
    pub bytes: u64,
    head_seen: bool,
    /// Bytes of the current batch that are still to come, and what it adds when they are there.
    left: u64,
    pending: Option<(BatchHeader, u64)>,
    /// The first bytes of a batch whose header is not whole yet.
    header: Vec<u8>,
}

impl Fetched {
    /// The first piece is the head, or all of a shorter answer.
    pub fn see(&mut self, piece: &[u8], topic: &str) -> Result<()> {
        match self.head_seen {
            true => self.see_log(piece),
            false => {
                self.head_seen = true;
                let log = self.see_head(piece, topic)?;
                self.see_log(&piece[log..])
            }
        }
    }

    /// Returns where the log begins.
    fn see_head(&mut self, head: &[u8], topic: &str) -> Result<usize> {
        let error = head.get(ERROR..).and_then(|bytes| bytes.first_chunk()).ok_or("an answer without an error code")?;
        check("fetch", ErrorCode(i16::from_be_bytes(*error)))?;
        let at = |field: usize| NAME + 2 + topic.len() + field;
        let long = |field: usize| head[at(field)..].first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
        if head.len() < at(RECORDS) {
            return Err("an answer without a partition".into());
        }
        check("fetch", ErrorCode(i16::from_be_bytes([head[at(PARTITION_ERROR)], head[at(PARTITION_ERROR) + 1]])))?;
        if head[at(ABORTED)..at(ABORTED) + 4] != [0xff; 4] && head[at(ABORTED)..at(ABORTED) + 4] != [0; 4] {
            return Err("an answer with aborted transactions".into());
        }
        self.high_watermark = long(HIGH_WATERMARK);
        self.log_start = long(LOG_START);
        Ok(at(RECORDS))
    }

    fn see_log(&mut self, mut piece: &[u8]) -> Result<()> {
        loop {
            let here = self.left.min(piece.len() as u64);
            self.left -= here;
            piece = &piece[here as usize..];
            if self.left > 0 {
                return Ok(());
            }
            self.count_whole_batch();
            let (header, rest) = piece.split_at(piece.len().min(HEADER_SIZE - self.header.len()));
            self.header.extend_from_slice(header);
            piece = rest;
            if self.header.len() < HEADER_SIZE {
                return Ok(());
            }
            let header = BatchHeader::parse(&self.header).ok_or("no batch header where one should be")?;
            let size = header.size().filter(|size| *size >= HEADER_SIZE as u64).ok_or("a batch without a size")?;
            self.header.clear();
            self.left = size - HEADER_SIZE as u64;
            self.pending = Some((header, size));
        }
    }

    fn count_whole_batch(&mut self) {
        if let Some((header, size)) = self.pending.take() {
            self.records += header.record_count as u64;
            self.bytes += size;
            self.next_offset = Some(header.last_offset().0 + 1);
        }
    }
}
