//! The partition's lock, and what a panic under it means.
//!
//! Always true: a partition whose lock was held by a thread that panicked is offline from the next look at it on, which the
//! background takes twice a second: its state in memory may be half changed, and nothing of that reaches the disk. A start
//! reads from the disk what is true.
//! Not done: no way back online while the process runs.

use std::borrow::Borrow;

use crate::base::sync::MutexGuard;

use super::*;

/// Held while something is done that leaves open what a start will find of these partitions, if it ends by a panic: then
/// they go offline, though nobody holds their locks.
pub struct OfflineAfterPanic<'a, P: Borrow<Partition>>(pub &'a [P]);

impl<P: Borrow<Partition>> Drop for OfflineAfterPanic<'_, P> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for partition in self.0.iter().map(Borrow::borrow) {
                let what = "a thread panicked, and nobody knows what a start will find of this partition";
                partition.go_offline(&Error::corrupt(partition.name.to_string(), what));
            }
        }
    }
}

impl Partition {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            let mut state = poisoned.into_inner();
            let what = "a thread panicked while it held this partition, whose state may be half changed";
            self.take_offline(&mut state, &Error::corrupt(self.name.to_string(), what));
            self.state.clear_poison();
            state
        })
    }
}
