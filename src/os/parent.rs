//! The process that started this one, and its end (`getppid(2)`, `pidfd_open(2)`).
//!
//! A pidfd tells of the end of the whole process. `PR_SET_PDEATHSIG` would tell of the end of the thread that started
//! us, and what Go, Java or Node start processes from are threads that come and go.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The process that this one would be waited for by.
pub fn id() -> u32 {
    std::os::unix::process::parent_id()
}

/// Waits until the parent `pid` has ended; an error where the kernel has no pidfds (before Linux 5.3).
pub fn wait_for_end(pid: u32) -> io::Result<()> {
    // SAFETY: a syscall of two numbers; no memory is passed.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just returned this descriptor, and nobody else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(raw as i32) };
    if id() != pid {
        // It ended before the pidfd was opened, which may be that of another process with its number.
        return Ok(());
    }
    let mut polled = libc::pollfd { fd: pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    loop {
        // SAFETY: one valid pollfd, for the kernel to read and fill.
        match unsafe { libc::poll(&mut polled, 1, -1) } {
            1.. => return Ok(()),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
}
