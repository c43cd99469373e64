//! Locks that outlive a panic.
//!
//! When a thread panics with a lock held, the standard library marks it and has everybody else who takes it panic too: a
//! broker would fall over piece by piece. Here it is decided for each lock, once:
//!
//! * what is *whole at every step* (a number, a table with one entry more or less, a place that one value stands in) goes on:
//!   [`Hold`];
//! * what may be *half changed* does not: a partition goes offline, a group is out of service, the registry takes no more
//!   changes, until a start reads from the disk what is true (`Partition::lock`, `group::Entry`, `TopicRegistry`).
//!
//! Always true: nobody waits for a lock's holder that has panicked, and no panic is passed on by a lock.
//! Not done: no order of locks is kept here; each lock's comment says its place.

use std::sync::PoisonError;
use std::time::Duration;

use crate::base::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Takes a lock whose data is whole at every step.
pub trait Hold<T> {
    fn hold(&self) -> MutexGuard<'_, T>;
}

impl<T> Hold<T> for Mutex<T> {
    fn hold(&self) -> MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same for many readers or one writer.
pub trait HoldShared<T> {
    fn hold_read(&self) -> RwLockReadGuard<'_, T>;
    fn hold_write(&self) -> RwLockWriteGuard<'_, T>;
}

impl<T> HoldShared<T> for RwLock<T> {
    fn hold_read(&self) -> RwLockReadGuard<'_, T> {
        self.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold_write(&self) -> RwLockWriteGuard<'_, T> {
        self.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits with such a lock.
pub trait Sleep {
    fn sleep<'a, T>(&self, held: MutexGuard<'a, T>) -> MutexGuard<'a, T>;
    fn sleep_for<'a, T>(&self, held: MutexGuard<'a, T>, most: Duration) -> MutexGuard<'a, T>;
}

impl Sleep for Condvar {
    fn sleep<'a, T>(&self, held: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.wait(held).unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep_for<'a, T>(&self, held: MutexGuard<'a, T>, most: Duration) -> MutexGuard<'a, T> {
        self.wait_timeout(held, most).unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_under_a_lock_is_not_passed_on() {
        let counted = Mutex::new(1);
        let panicked = std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                *counted.hold() += 1;
                let _held = counted.hold();
                panic!("seeded: while the lock is held");
            });
            holder.join().is_err()
        });
        assert!(panicked && counted.lock().is_err());
        assert_eq!(*counted.hold(), 2);
    }
}
