//! Making a thread, which the system may refuse; a fault point stands before it.
//!
//! Always true: a thread that cannot be made is an error for the caller, never a panic.
//! Not done: no pool; the server has one for its connections.

use std::io;
use std::path::Path;
use std::thread::{Builder, JoinHandle};

use crate::faults::{self, Operation};

/// The stack of a thread that is one of few.
pub const STACK_BYTES: usize = 2 << 20;

/// Runs this in a thread of its own.
pub fn start<T: Send + 'static>(
    name: &str,
    stack_bytes: usize,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    may_start(name)?;
    Builder::new().name(name.to_string()).stack_size(stack_bytes).spawn(run)
}

/// The fault point alone, for threads that are made in another way.
pub fn may_start(name: &str) -> io::Result<bool> {
    faults::pass(Operation::Thread, Path::new(name))
}
