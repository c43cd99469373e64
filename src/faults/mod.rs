//! What is switched on by tests alone. Fault points, their way to make the n-th file operation fail, come up short or lie, and
//! to stop a process before it; and [bugs](seeded).
//!
//! Every operation of [`crate::os::fs`] passes a point with its kind and path; so do `sendfile(2)`, `accept(2)` and
//! the making of a thread. What happens there is planned for one thread by a unit test (`faults/here.rs`), or for a process by
//! the environment (`faults/board.rs`).
//!
//! Always true: in a build without the feature `faults`, tests aside, a point is an empty function, and nothing of a plan
//! is in the binary (`tests/storage.rs` looks).
//! Not done: reads through `sendfile` of pages that the kernel cannot read; a point stands for those.

#[cfg(feature = "faults")]
mod board;
#[cfg(test)]
mod here;
#[cfg(any(test, feature = "faults"))]
mod plan;
pub mod seeded;

use std::io;
use std::path::Path;

#[cfg(all(test, sendlog_shuttle))]
pub use here::mark;
#[cfg(test)]
pub use here::{fail_once_after, planned, record, stop_after};
#[cfg(any(test, feature = "faults"))]
pub use plan::{Plan, Reached, What};

/// What passes a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    Create,
    Open,
    Read,
    Append,
    /// A small file as a whole, under another name.
    Write,
    Copy,
    Sync,
    SyncFolder,
    Truncate,
    Rename,
    Unlink,
    RemoveFolder,
    MakeFolder,
    List,
    Look,
    Lock,
    Sendfile,
    Accept,
    Thread,
}

/// Passes a point that only lets through or fails; false: the operation is to say that it is done, and do nothing.
#[inline(always)]
pub fn pass(operation: Operation, path: &Path) -> io::Result<bool> {
    room(operation, path, 1).map(|room| room > 0)
}

/// Passes a point where `wanted` bytes are to be moved; how many of them can be.
#[cfg(not(any(test, feature = "faults")))]
#[inline(always)]
pub fn room(_operation: Operation, _path: &Path, wanted: usize) -> io::Result<usize> {
    Ok(wanted)
}

#[cfg(any(test, feature = "faults"))]
pub fn room(operation: Operation, path: &Path, wanted: usize) -> io::Result<usize> {
    #[cfg(test)]
    here::step(operation, path)?;
    let mut fault = None;
    #[cfg(test)]
    fault.clone_from(&here::reach(operation, path));
    #[cfg(feature = "faults")]
    if fault.is_none() {
        fault = board::reach(operation, path);
    }
    match fault {
        None => Ok(wanted),
        Some(What::Fails(errno)) => Err(io::Error::from_raw_os_error(errno)),
        Some(What::Short) => Ok(wanted.div_ceil(2)),
        Some(What::Lie) => Ok(0),
    }
}
