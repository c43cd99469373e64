//! How much of a file lies in the page cache: `cachestat(2)`, or `mincore(2)` where there is none (before Linux 6.5).
//!
//! Always true: looking brings no page in. What the kernel does not tell is an error or `None`, never a guess.
//! Not done: `mincore` cannot tell dirty pages.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::os::checked;
use crate::os::process::page_bytes;

/// One number on all architectures, as all newer calls have.
const SYS_CACHESTAT: libc::c_long = 451;

/// What is in the page cache of a range of a file.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cached {
    pub bytes: u64,
    /// Of these, what was changed and is not written back yet; `None` where the kernel does not tell.
    pub dirty_bytes: Option<u64>,
}

/// The kernel has no `cachestat`, or a sandbox keeps us from it: not tried again.
static LACKS_CACHESTAT: AtomicBool = AtomicBool::new(false);

/// What of `length` bytes from `position` on is in memory. `position` is at the start of a page.
pub fn cached(file: &File, position: u64, length: u64) -> io::Result<Cached> {
    if length == 0 {
        return Ok(Cached::default());
    }
    if !LACKS_CACHESTAT.load(Relaxed) {
        match cachestat(file, position, length) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                LACKS_CACHESTAT.store(true, Relaxed);
            }
            other => return other,
        }
    }
    mincore(file, position, length)
}

fn cachestat(file: &File, position: u64, length: u64) -> io::Result<Cached> {
    // struct cachestat_range, struct cachestat
    let range = [position, length];
    let mut counts = [0u64; 5];
    // SAFETY: both structs are of u64 alone, 2 and 5 of them, and live through the call; the descriptor is open.
    checked(unsafe { libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), &range, &mut counts, 0) })?;
    let in_length = |pages: u64| (pages * page_bytes()).min(length);
    let [cached, dirty, writeback, ..] = counts;
    Ok(Cached { bytes: in_length(cached), dirty_bytes: Some(in_length(dirty + writeback)) })
}

/// Which pages of `length` bytes from `position` on are in memory. `position` is at the start of a page.
pub fn resident(file: &File, position: u64, length: u64) -> io::Result<Vec<bool>> {
    // SAFETY: geteuid has no arguments and cannot fail.
    let user = unsafe { libc::geteuid() };
    // To others mincore says that everything is in memory.
    if user != 0 && file.metadata()?.uid() != user {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the kernel tells the file's owner alone"));
    }
    let size = usize::try_from(length).map_err(io::Error::other)?;
    if size == 0 {
        return Ok(Vec::new());
    }
    let pages = length.div_ceil(page_bytes()) as usize;
    let mut resident = vec![0u8; pages];
    // SAFETY: a new mapping of an open file that nothing reads through; it is taken away below, before `file` goes.
    let map = unsafe {
        libc::mmap(std::ptr::null_mut(), size, libc::PROT_NONE, libc::MAP_SHARED, file.as_raw_fd(), position as i64)
    };
    if map == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping is `size` bytes long, and `resident` has a byte for each of its pages.
    let looked = checked(unsafe { libc::mincore(map, size, resident.as_mut_ptr().cast()) });
    // SAFETY: the whole mapping that was made above, which nothing refers to.
    unsafe { libc::munmap(map, size) };
    looked.map(|_| resident.iter().map(|page| *page & 1 == 1).collect())
}

fn mincore(file: &File, position: u64, length: u64) -> io::Result<Cached> {
    let count = resident(file, position, length)?.iter().filter(|page| **page).count() as u64;
    Ok(Cached { bytes: (count * page_bytes()).min(length), dirty_bytes: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_was_just_written_is_in_memory_and_a_hole_is_not() {
        let mut file = tempfile::tempfile().unwrap();
        let written = 64 * page_bytes();
        file.write_all(&vec![7; written as usize]).unwrap();
        file.set_len(4 * written).unwrap();
        for look in [cached, mincore] {
            assert_eq!(look(&file, 0, written - 100).unwrap().bytes, written - 100);
            assert_eq!(look(&file, 2 * written, written).unwrap().bytes, 0);
            assert_eq!(look(&file, 0, 2 * written).unwrap().bytes, written);
            assert_eq!(look(&file, 3 * written, written).unwrap().bytes, 0, "looking brought a page in");
        }
    }
}
