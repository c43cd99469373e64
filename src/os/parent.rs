//! The process that started this one, and its end (`getppid(2)`, `pidfd_open(2)`).
//!
//! A pidfd tells of the end of the whole process. `PR_SET_PDEATHSIG` would tell of the end of the thread that started
//! us, and what Go, Java or Node start processes from are threads that come and go.
//!
//! Always true: a process that has taken the parent's number is never waited for.
//! Not done: no other process than the one that started us.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use crate::os::checked;
use crate::os::poll::{self, Interest};

/// The process that this one would be waited for by.
pub fn id() -> u32 {
    std::os::unix::process::parent_id()
}

/// Waits until the parent `pid` has ended; an error where the kernel has no pidfds (before Linux 5.3).
pub fn wait_for_end(pid: u32) -> io::Result<()> {
    // SAFETY: a syscall of two numbers; no memory is passed.
    let raw = checked(unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) })?;
    // SAFETY: the kernel has just returned this descriptor, and nobody else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(raw as i32) };
    if id() != pid {
        // It ended before the pidfd was opened, which may be that of another process with its number.
        return Ok(());
    }
    while !poll::wait(&[(pidfd.as_fd(), Interest::Read)], None)?[0] {}
    Ok(())
}
