//! Waiting without spinning: a cell that a partition wakes, and a place on the lists of those it waits for.
//!
//! Always true: a wake that comes before the wait is not lost; a waiter looks again after each wake.
//! Not done: no timers: a wait ends by a wake or at its deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::lock::{Hold, Sleep};
use crate::base::metrics::note_wait;
use crate::base::sync::{Condvar, Mutex};
use crate::faults::seeded::is_on;
use crate::partition::{Partition, Wake};
use crate::server::now_ns;

#[derive(Default)]
pub struct WaitCell {
    /// Whether something has changed since the last look; a leaf.
    woken: Mutex<bool>,
    changed: Condvar,
}

impl WaitCell {
    /// Waits for a wake until `deadline`; false when that passed first.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        let began_ns = now_ns();
        let is_woken = self.wait(deadline);
        note_wait(now_ns() - began_ns);
        is_woken
    }

    // tour: wait
    fn wait(&self, deadline: Instant) -> bool {
        let mut woken = self.woken.hold();
        *woken &= !is_on("wakeup-lost");
        while !*woken {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return false;
            }
            woken = self.changed.sleep_for(woken, left);
        }
        *woken = false;
        true
    }
    // end
}

impl Wake for WaitCell {
    fn wake(&self) {
        *self.woken.hold() = true;
        self.changed.notify_one();
    }
}

/// A connection on the lists of wakers of all the partitions it waits for, until dropped.
pub struct Waiting<'a> {
    partitions: Vec<Arc<Partition>>,
    wake: &'a Arc<WaitCell>,
}

impl<'a> Waiting<'a> {
    pub fn begin(partitions: Vec<Arc<Partition>>, wake: &'a Arc<WaitCell>) -> Waiting<'a> {
        partitions.iter().for_each(|partition| partition.add_waker(wake.clone()));
        Waiting { partitions, wake }
    }

    pub fn until(&self, deadline: Instant) {
        self.wake.wait_until(deadline);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waker: Arc<dyn Wake> = self.wake.clone();
        self.partitions.iter().for_each(|partition| partition.remove_waker(&waker));
    }
}
