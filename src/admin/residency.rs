//! How much of which segment lies in the page cache (idea 3), for the page's strips.
//!
//! A segment is looked at in [`CELLS_MAX`] pieces or fewer, so that a strip shows where it is cached and where not.
//!
//! Always true: a look costs [`PATIENCE`] at most, however much there is; what is not looked at this time keeps what
//! was seen last, and is first in line the next time. Nobody looks while nobody asks.
//! Not done: a segment that is being written is seen as it was at the look, not now.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::os::page_cache::{self, Cached};
use crate::os::{fs, process};
use crate::partition::SegmentShape;

/// Pieces of a segment.
const CELLS_MAX: u64 = 24;
/// Bytes of a piece at least.
const CELL_BYTES_MIN: u64 = 64 << 10;
/// A hundredth of a core, when it is looked at each second.
const PATIENCE: Duration = Duration::from_millis(10);

/// A piece of a segment: percent of it in the page cache, and percent that is not on the disk yet.
pub type Cell = (u8, u8);

#[derive(Default)]
pub struct Residency {
    seen: HashMap<PathBuf, Seen>,
    looks: u64,
}

struct Seen {
    cells: Vec<Cell>,
    bytes: u64,
    /// In which look.
    look: u64,
}

impl Residency {
    /// Looks at these segments, those first that were not looked at for longest, for as long as patience lasts.
    pub fn look(&mut self, segments: &[SegmentShape]) {
        self.looks += 1;
        let age = |shape: &&SegmentShape| self.seen.get(&shape.path).map_or(0, |seen| seen.look);
        let mut in_turn: Vec<_> = segments.iter().collect();
        in_turn.sort_by_key(age);
        let mut fresh: HashMap<PathBuf, Seen> = HashMap::with_capacity(segments.len());
        let began = Instant::now();
        for shape in in_turn {
            let before = self.seen.remove(&shape.path);
            let seen = if began.elapsed() < PATIENCE { look_at(shape, self.looks) } else { before };
            if let Some(seen) = seen {
                fresh.insert(shape.path.clone(), seen);
            }
        }
        self.seen = fresh;
    }

    /// What was seen of a segment: its pieces, and the bytes that are cached; nothing if nobody has looked yet.
    pub fn of(&self, shape: &SegmentShape) -> Option<(&[Cell], u64)> {
        self.seen.get(&shape.path).map(|seen| (seen.cells.as_slice(), seen.bytes))
    }
}

/// Not through the log's own descriptor: those are closed when they are not used, and this is no use.
fn look_at(shape: &SegmentShape, look: u64) -> Option<Seen> {
    let file = fs::open_read(&shape.path).ok()?;
    let piece = piece_bytes(shape.size);
    let mut seen = Seen { cells: Vec::new(), bytes: 0, look };
    let mut position = 0;
    while position < shape.size {
        let length = piece.min(shape.size - position);
        let Cached { bytes, dirty_bytes } = cached(&file, position, length)?;
        seen.cells.push((percent(bytes, length), percent(dirty_bytes.unwrap_or(0), length)));
        seen.bytes += bytes;
        position += length;
    }
    Some(seen)
}

fn cached(file: &File, position: u64, length: u64) -> Option<Cached> {
    page_cache::cached(file, position, length).ok()
}

/// Whole pages.
fn piece_bytes(size: u64) -> u64 {
    size.div_ceil(CELLS_MAX).max(CELL_BYTES_MIN).next_multiple_of(process::page_bytes())
}

fn percent(part: u64, whole: u64) -> u8 {
    (part * 100 / whole.max(1)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Offset;

    #[test]
    fn a_segment_is_seen_in_pieces_and_forgotten_when_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        let written = vec![1u8; 10 << 20];
        std::fs::write(&path, &written).unwrap();
        let shape = SegmentShape { base_offset: Offset(0), path: path.clone(), size: written.len() as u64 };
        let mut residency = Residency::default();
        assert!(residency.of(&shape).is_none(), "nobody has looked");
        residency.look(std::slice::from_ref(&shape));
        let (cells, bytes) = residency.of(&shape).unwrap();
        assert_eq!((cells.len() as u64, bytes), (CELLS_MAX, shape.size));
        assert!(cells.iter().all(|(cached, _)| *cached == 100), "{cells:?}");
        residency.look(&[]);
        assert!(residency.of(&shape).is_none());
        std::fs::remove_file(path).unwrap();
        residency.look(std::slice::from_ref(&shape));
        assert!(residency.of(&shape).is_none(), "no file, nothing seen");
    }

    #[test]
    fn pieces_are_whole_pages_and_few() {
        for size in [1, 100, 64 << 10, 1 << 20, (1 << 30) + 1, 5 << 30] {
            let piece = piece_bytes(size);
            assert_eq!(piece % process::page_bytes(), 0);
            assert!(size.div_ceil(piece) <= CELLS_MAX, "{size}");
        }
    }
}
