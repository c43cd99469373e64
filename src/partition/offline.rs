//! The partition's lock, and what a panic under it means.
//!
//! Always true: a partition whose lock was held by a thread that panicked is offline from the next look at it on, which the
//! background takes twice a second: its state in memory may be half changed, and nothing of that reaches the disk. A start
//! reads from the disk what is true.

use crate::base::sync::MutexGuard;

use super::*;

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
