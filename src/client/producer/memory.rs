//! `buffer.memory`: the buffers of all batches that have not been answered, and some that wait to be used again.
//!
//! Always true: buffers in use and buffers kept are never more than `buffer.memory` together. A buffer that is used again
//! has its pages already: a fresh megabyte costs 256 page faults. The one that was given back first is used first: by then
//! it has left the cache of the core that sent it.
//! Not done: nothing waits here; the accumulator does, with its lock let go.

use std::collections::VecDeque;

#[derive(Debug)]
pub struct Memory {
    /// bytes that no batch uses.
    left: usize,
    /// bytes of a usual buffer; only such are kept.
    usual: usize,
    kept: VecDeque<Vec<u8>>,
}

impl Memory {
    pub fn new(bytes: usize, usual: usize) -> Memory {
        Memory { left: bytes, usual, kept: VecDeque::new() }
    }

    /// A buffer with room for this many bytes, if they are left.
    pub fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(bytes)?;
        if bytes != self.usual {
            // Room for it: what is kept is not in use, and counts as left.
            while self.kept.len() * self.usual > self.left {
                self.kept.pop_back();
            }
            return Some(Vec::with_capacity(bytes));
        }
        Some(self.kept.pop_front().unwrap_or_else(|| Vec::with_capacity(bytes)))
    }

    /// A buffer that was taken for this many bytes.
    pub fn give_back(&mut self, buffer: Vec<u8>, bytes: usize) {
        self.left += bytes;
        if bytes == self.usual {
            self.kept.push_back(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_bounded_and_used_again() {
        let mut memory = Memory::new(100, 40);
        let (a, b) = (memory.take(40).unwrap(), memory.take(40).unwrap());
        assert!(memory.take(40).is_none());
        let allocation = a.as_ptr();
        memory.give_back(a, 40);
        let again = memory.take(40).unwrap();
        assert_eq!(again.as_ptr(), allocation);
        memory.give_back(again, 40);
        memory.give_back(b, 40);
        let large = memory.take(90).unwrap();
        assert!(memory.kept.is_empty(), "kept buffers make room for a large one");
        memory.give_back(large, 90);
        assert_eq!((memory.left, memory.kept.len()), (100, 0));
    }
}
