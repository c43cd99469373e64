//! Asks the kernel to drop a file's clean pages from the page cache (`posix_fadvise(2)`, `POSIX_FADV_DONTNEED`).
//!
//! Always true: only advice; dirty pages stay, and no error matters to the caller.
//! Not done: no advice for reading: the kernel reads ahead by itself.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;

/// bytes of a growing file between two advices
const STRIDE: u64 = 8 << 20;
/// bytes at a growing file's end for whose writing there has not been the time
const BEHIND: u64 = 64 << 20;

/// Drops the clean pages of the whole file.
pub fn drop_pages(file: &File) {
    advise(file, 0..0);
}

/// Lets a file of `size` bytes, the last `appended` of which are new, grow past the page cache: now and then the kernel is asked
/// for the pages behind its end. The first time it begins to write them, the later times it drops them.
pub fn drop_behind(file: &File, size: u64, appended: u64) {
    let (before, now) = (size.saturating_sub(appended) / STRIDE * STRIDE, size / STRIDE * STRIDE);
    if before < now {
        advise(file, before.saturating_sub(BEHIND)..now);
    }
}

/// An empty range ends with the file.
fn advise(file: &File, range: Range<u64>) {
    let (start, length) = (range.start as libc::off_t, (range.end - range.start) as libc::off_t);
    // SAFETY: the descriptor is open for as long as `file` is borrowed; no memory is passed.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), start, length, libc::POSIX_FADV_DONTNEED) };
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::os::page_cache::cached;

    #[test]
    fn what_lies_far_behind_the_end_is_dropped_when_it_is_written() {
        let size = BEHIND + 2 * STRIDE;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![1; size as usize]).unwrap();
        file.sync_data().unwrap();
        let is_in_memory = |range: Range<u64>| cached(&file, range.start, range.end - range.start).unwrap().bytes > 0;
        if !is_in_memory(size - STRIDE..size) {
            return; // a file system over another one, which does not tell
        }
        drop_behind(&file, size - 1, STRIDE - 1);
        assert!(is_in_memory(size - STRIDE..size), "no stride has passed");
        drop_behind(&file, size, 1);
        let in_memory = (is_in_memory(0..STRIDE), is_in_memory(STRIDE..size));
        drop_pages(&file);
        let lives_in_memory = is_in_memory(0..size);
        assert!(lives_in_memory || in_memory == (true, false), "only what lies that far behind: {in_memory:?}");
    }
}
