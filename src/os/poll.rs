//! Waiting for several descriptors at once (`poll(2)`).
//!
//! Always true: a descriptor is borrowed for as long as it is waited for. A signal is no event: nothing is ready then.
//! Not done: no epoll: those that are waited for are a few.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    Read,
    Write,
}

/// Waits until one of these is ready, its peer is gone or it is broken; for each whether it is. `None` waits for ever.
pub fn wait(wanted: &[(BorrowedFd, Interest)], timeout: Option<Duration>) -> io::Result<Vec<bool>> {
    let event = |interest| if interest == Interest::Read { libc::POLLIN } else { libc::POLLOUT };
    let poll = |(fd, interest): &(BorrowedFd, Interest)| libc::pollfd {
        fd: fd.as_raw_fd(),
        events: event(*interest),
        revents: 0,
    };
    let mut fds: Vec<_> = wanted.iter().map(poll).collect();
    // Rounded up: a wait that ends a moment early would be made again at once.
    let timeout_ms = timeout.map_or(-1, |timeout| i32::try_from(timeout.as_millis() + 1).unwrap_or(i32::MAX));
    // SAFETY: the pointer and the count are those of `fds`, whose descriptors are borrowed.
    match unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) } {
        n if n >= 0 => Ok(fds.iter().map(|fd| fd.revents != 0).collect()),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(vec![false; fds.len()]),
            error => Err(error),
        },
    }
}
