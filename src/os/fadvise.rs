//! Asks the kernel to drop a file's clean pages from the page cache (`posix_fadvise(2)`, `POSIX_FADV_DONTNEED`).
//!
//! Always true: only advice; dirty pages stay, and no error matters to the caller.
//! Not done: no advice for reading: the kernel reads ahead by itself.

use std::fs::File;
use std::os::fd::AsRawFd;

/// Drops the clean pages of the whole file.
pub fn drop_pages(file: &File) {
    // SAFETY: the descriptor is open for as long as `file` is borrowed; no memory is passed.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
}
