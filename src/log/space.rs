//! What a log takes on the disk, and which of its segments go when a cap asks for space (`log.dirs.max.bytes`).
//!
//! The oldest closed segment of the largest log goes first, then again of the largest that is left. When no log has a
//! closed segment, the largest active one is next: its log rolls, so that it is closed.
//!
//! Always true: files are counted as the disk gives room to them, in whole blocks; a log's order is kept, the oldest
//! segment goes first.
//! Not done: nothing is deleted here; the answer is how many segments of each log go.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::base::Offset;
use crate::log::segment::Segment;
use crate::log::{Log, SegmentView};

/// What file systems give room in, bytes.
pub const BLOCK: u64 = 4096;

/// The room that a file of this many bytes takes.
pub const fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK) * BLOCK
}

/// The segments of one log, oldest first; the last one is active.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Holding {
    pub segments: Vec<Held>,
}

/// A segment with its indexes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// bytes on the disk
    pub bytes: u64,
    /// Where the next segment begins, or for the active one the log end.
    pub end: Offset,
}

impl Holding {
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|held| held.bytes).sum()
    }

    fn closed(&self) -> &[Held] {
        self.segments.split_last().map_or(&[], |(_, closed)| closed)
    }
}

/// How many of the oldest closed segments of each log go, so that `bytes` are freed, or as many as there are.
pub fn closed_that_go(logs: &[Holding], bytes: u64) -> Vec<usize> {
    let mut going = vec![0; logs.len()];
    let sizes = logs.iter().enumerate().filter(|(_, log)| !log.closed().is_empty());
    let mut largest: BinaryHeap<_> = sizes.map(|(index, log)| (log.bytes(), Reverse(index))).collect();
    let mut freed = 0;
    while freed < bytes {
        let Some((size, Reverse(index))) = largest.pop() else { break };
        let oldest = logs[index].closed()[going[index]].bytes;
        going[index] += 1;
        freed += oldest;
        if going[index] < logs[index].closed().len() {
            largest.push((size - oldest, Reverse(index)));
        }
    }
    going
}

/// The log whose active segment is the largest, if any holds something.
pub fn largest_active(logs: &[Holding]) -> Option<usize> {
    let bytes = |log: &Holding| log.segments.last().map_or(0, |held| held.bytes);
    let largest = (0..logs.len()).max_by_key(|index| (bytes(&logs[*index]), Reverse(*index)))?;
    (bytes(&logs[largest]) > 0).then_some(largest)
}

impl Log {
    /// Bytes that the segments and their indexes take.
    pub fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(Segment::disk_bytes).sum()
    }

    pub fn holding(&self) -> Holding {
        let ends = self.segments.iter().skip(1).map(|segment| segment.base_offset).chain([self.end_offset]);
        let held = |(segment, end): (&Segment, Offset)| Held { bytes: segment.disk_bytes(), end };
        Holding { segments: self.segments.iter().zip(ends).map(held).collect() }
    }
}

impl Segment {
    fn disk_bytes(&self) -> u64 {
        blocks(self.size.0) + blocks(self.offset_index.view().bytes()) + blocks(self.time_index.view().bytes())
    }
}

impl SegmentView {
    /// Bytes that the segment and its indexes take.
    pub fn disk_bytes(&self) -> u64 {
        blocks(self.size.0) + blocks(self.offset_index.bytes()) + blocks(self.time_index.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(sizes: &[u64]) -> Holding {
        Holding { segments: (1..).zip(sizes).map(|(end, bytes)| Held { bytes: *bytes, end: Offset(end) }).collect() }
    }

    #[test]
    fn the_oldest_closed_segments_of_the_largest_log_go_first() {
        let logs = [log(&[10, 10, 10, 1]), log(&[40, 5, 1]), log(&[500]), log(&[])];
        for (bytes, going) in [
            (0, [0, 0, 0, 0]),
            (1, [0, 1, 0, 0]),
            (40, [0, 1, 0, 0]),
            (41, [1, 1, 0, 0]),
            (70, [3, 1, 0, 0]),
            (71, [3, 2, 0, 0]),
            (1000, [3, 2, 0, 0]),
        ] {
            assert_eq!(closed_that_go(&logs, bytes), going, "{bytes} bytes");
        }
    }

    #[test]
    fn the_largest_active_segment_is_next() {
        assert_eq!(largest_active(&[log(&[900, 1]), log(&[7]), log(&[7])]), Some(1));
        assert_eq!(largest_active(&[log(&[900, 0]), log(&[])]), None);
        assert_eq!(largest_active(&[]), None);
    }

    #[test]
    fn a_file_takes_whole_blocks() {
        assert_eq!([0, 1, 4096, 4097].map(blocks), [0, 4096, 4096, 8192]);
    }
}
