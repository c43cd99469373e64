//! The memory that answers lie in: taken for an answer, given back when the last batch in it is dropped, and used again.
//!
//! ```text
//! socket --> | frame | --> batches, borrowed by the program --> dropped --> kept: | oldest | .. | newest |
//!                ^------------------------------------------------------------------'
//! ```
//!
//! The program has read a frame on another core than the one that receives the next answer into it. Written while it still lies
//! in that core's cache, each line has to be fetched from there: receiving takes 1.5 times as long (AMD EPYC). So
//! [`ROTATION`] bytes go around, more than such a cache holds, and the frame that was given back first is taken first.
//!
//! Always true: frames that are kept and frames that are out are [`ROTATION`] bytes together at the most, or what is out alone
//! and one more. Small answers do not take part: they cost a usual allocation.
//! Not done: what is kept stays with the consumer, however little comes later.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// bytes that go around.
const ROTATION: usize = 16 << 20;
/// Frames are so many bytes, or a multiple: answers of nearly the same size find room in each other's.
const UNIT: usize = 256 << 10;

#[derive(Debug, Default)]
pub struct Frames {
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Oldest first.
    kept: VecDeque<Vec<u8>>,
    /// bytes of those that are kept and those that are out.
    bytes: usize,
}

/// An answer's bytes.
#[derive(Debug)]
pub struct Frame {
    bytes: Vec<u8>,
    /// Where they came from, and their capacity then; none: simply allocated.
    home: Option<(Arc<Frames>, usize)>,
}

impl Frames {
    /// An empty frame for an answer of this many bytes.
    pub fn take(self: &Arc<Frames>, size: usize) -> Frame {
        if size < UNIT {
            return Frame::from(Vec::with_capacity(size));
        }
        let size = size.next_multiple_of(UNIT);
        let mut shelf = self.lock();
        while shelf.bytes + size > ROTATION {
            let Some(oldest) = shelf.kept.pop_front() else { break };
            if oldest.capacity() >= size {
                return self.lend(oldest);
            }
            shelf.bytes -= oldest.capacity();
        }
        let bytes = Vec::with_capacity(size);
        shelf.bytes += bytes.capacity();
        self.lend(bytes)
    }

    fn lend(self: &Arc<Frames>, mut bytes: Vec<u8>) -> Frame {
        bytes.clear();
        let home = Some((self.clone(), bytes.capacity()));
        Frame { bytes, home }
    }

    fn give_back(&self, bytes: Vec<u8>, capacity_before: usize) {
        let mut shelf = self.lock();
        shelf.bytes -= capacity_before;
        if shelf.bytes + bytes.capacity() <= ROTATION || shelf.kept.is_empty() {
            shelf.bytes += bytes.capacity();
            shelf.kept.push_back(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some((home, capacity)) = self.home.take() {
            home.give_back(std::mem::take(&mut self.bytes), capacity);
        }
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Frame {
        Frame { bytes, home: None }
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// To receive into.
impl AsMut<Vec<u8>> for Frame {
    fn as_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_used_again_when_enough_go_around() {
        let frames = Arc::new(Frames::default());
        let size = ROTATION / 4 - 10;
        let mut allocations = Vec::new();
        for _ in 0..8 {
            let frame = frames.take(size);
            allocations.push(frame.bytes.as_ptr());
        }
        assert_eq!(allocations[..4], allocations[4..]);
        let first = &allocations[..4];
        assert!(first.iter().all(|one| first.iter().filter(|other| *other == one).count() == 1), "{first:?}");
    }

    /// How many are kept, their bytes, and those of all.
    fn books(frames: &Frames) -> (usize, usize, usize) {
        let shelf = frames.lock();
        (shelf.kept.len(), shelf.kept.iter().map(Vec::capacity).sum(), shelf.bytes)
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let frames = Arc::new(Frames::default());
        let out: Vec<Frame> = (0..10).map(|_| frames.take(ROTATION / 4)).collect();
        drop(out);
        assert_eq!(books(&frames), (4, ROTATION, ROTATION));
        // One that is larger than all of it takes their place, and is used again alone.
        let mut large = frames.take(3 * ROTATION);
        // Its answer was larger than it had promised.
        large.as_mut().reserve_exact(5 * ROTATION);
        let allocation = large.bytes.as_ptr();
        drop(large);
        assert_eq!(books(&frames), (1, 5 * ROTATION, 5 * ROTATION));
        assert_eq!(frames.take(2 * ROTATION).bytes.as_ptr(), allocation);
    }

    #[test]
    fn a_small_one_is_forgotten() {
        let frames = Arc::new(Frames::default());
        drop(frames.take(UNIT - 1));
        assert_eq!(books(&frames), (0, 0, 0));
    }
}
