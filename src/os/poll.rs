//! Waiting for several descriptors at once (`poll(2)`).
//!
//! Always true: a descriptor is borrowed for as long as it is waited for. A signal is no event: nothing is ready then.
//! Not done: no epoll: those that are waited for are a few.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use crate::os::checked;

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    Read,
    Write,
}

/// Waits until one of these is ready, its peer is gone or it is broken; for each whether it is. `None` waits for ever.
pub fn wait(wanted: &[(BorrowedFd, Interest)], timeout: Option<Duration>) -> io::Result<Vec<bool>> {
    let event = |interest| if interest == Interest::Read { libc::POLLIN } else { libc::POLLOUT };
    let asked = |(fd, interest): &(BorrowedFd, Interest)| libc::pollfd {
        fd: fd.as_raw_fd(),
        events: event(*interest),
        revents: 0,
    };
    let mut fds: Vec<_> = wanted.iter().map(asked).collect();
    // Rounded up: a wait that ends a moment early would be made again at once.
    let timeout_ms = timeout.map_or(-1, |timeout| i32::try_from(timeout.as_millis() + 1).unwrap_or(i32::MAX));
    poll(&mut fds, timeout_ms)?;
    Ok(fds.iter().map(|fd| fd.revents != 0).collect())
}

/// Fills in what has happened to each; the caller has borrowed the descriptors.
pub(super) fn poll(fds: &mut [libc::pollfd], timeout_ms: i32) -> io::Result<()> {
    // SAFETY: the pointer and the count are those of `fds`.
    match checked(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}
