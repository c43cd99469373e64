//! Waiting without spinning: a cell that a partition wakes, and the deadline of a request.
//!
//! Always true: a wake that comes before the wait is not lost; a waiter looks again after each wake.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::partition::Wake;

#[derive(Default)]
pub struct WaitCell {
    /// Whether something has changed since the last look; a leaf.
    woken: Mutex<bool>,
    changed: Condvar,
}

impl WaitCell {
    /// Waits for a wake until `deadline`; false when that passed first.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return false;
            }
            woken = self.changed.wait_timeout(woken, left).unwrap().0;
        }
        *woken = false;
        true
    }
}

impl Wake for WaitCell {
    fn wake(&self) {
        *self.woken.lock().unwrap() = true;
        self.changed.notify_one();
    }
}
