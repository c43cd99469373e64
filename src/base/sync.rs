//! The locks of what is shared between threads: the standard library's, or those of a schedule explorer.
//!
//! Built with `--cfg sendlog_shuttle` (`make schedules`) the tests take shuttle's, which let one thread at a time run and
//! decide at each lock, wait and wake-up which; so a test can go through one order after the other, and a wait that
//! nobody ends is a failure.
//!
//! Always true: in every other build these are the standard library's own types. Counters and what is set once stay with
//! the standard library: nobody waits for them.
//! Not done: nothing is added to the locks; [`super::lock`] says what a panic under one means.

#[cfg(all(test, sendlog_shuttle))]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(all(test, sendlog_shuttle)))]
pub use std::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
