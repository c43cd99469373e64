//! One budget for the requests of all connections (`queued.max.request.bytes`).
//!
//! Always true: a request's whole claimed size is reserved before its body is read, so that half-read bodies never
//! wait for memory that each other hold. A reservation ends when its request has been executed, and that of
//! a small one when it has been decoded.
//! Not done: answers, and what a group or a topic keeps, have limits of their own.

use std::time::{Duration, Instant};

use crate::base::limits;
use crate::base::lock::{Hold, Sleep};
use crate::base::sync::{Condvar, Mutex};
use crate::base::Error;

pub struct Budget {
    total: usize,
    /// Guards what is left; a leaf, and no system call is made under it.
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    /// bytes
    left: usize,
    /// Requests that wait. Mostly none, and waking nobody would be a system call for each request.
    waiting: usize,
}

/// Requests above this size leave a quarter of the budget to the others, so that a few large claims stop nobody.
const LARGE_BYTES: usize = 1 << 20;

/// How often a wait looks whether its client is still there.
const LOOK_AT_SOCKET: Duration = Duration::from_secs(1);

/// Bytes that are ours until this is dropped.
pub struct Reserved<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of `total` bytes, and at least room for one request of the largest size.
    pub fn new(total: i64, request_bytes_max: usize) -> Budget {
        let total = usize::try_from(total).unwrap_or(usize::MAX).max(request_bytes_max.saturating_mul(2));
        Budget { total, state: Mutex::new(State { left: total, waiting: 0 }), freed: Condvar::new() }
    }

    /// What has to be free for a request of this size.
    fn needed(&self, bytes: usize) -> usize {
        bytes + if bytes > LARGE_BYTES { self.total / 4 } else { 0 }
    }

    /// Waits until that much is free; `None` if the client `is_gone` before. Whoever holds a part keeps reading at a
    /// pace, and then waits no longer than a request may wait for its answer, so this ends.
    pub fn reserve(&self, bytes: usize, is_gone: impl Fn() -> bool) -> Option<Reserved<'_>> {
        if let Some(reserved) = self.try_reserve(bytes) {
            return Some(reserved);
        }
        limits::BUDGET.hit();
        let total = self.total;
        note!(
            Warn,
            "limit_hit",
            [limit = limits::BUDGET.key],
            "a request of {bytes} bytes waits for others, which hold the {total}"
        );
        let mut state = self.state.hold();
        state.waiting += 1;
        let mut look_at = Instant::now() + LOOK_AT_SOCKET;
        while state.left < self.needed(bytes) {
            state = self.freed.sleep_for(state, look_at.saturating_duration_since(Instant::now()));
            if Instant::now() >= look_at {
                // A system call: not under the one lock of all connections.
                drop(state);
                let is_gone = is_gone();
                state = self.state.hold();
                look_at = Instant::now() + LOOK_AT_SOCKET;
                if is_gone {
                    break;
                }
            }
        }
        state.waiting -= 1;
        self.take(&mut state, bytes)
    }

    /// Reserves that much if it is free now.
    pub fn try_reserve(&self, bytes: usize) -> Option<Reserved<'_>> {
        self.take(&mut self.state.hold(), bytes)
    }

    fn take(&self, state: &mut State, bytes: usize) -> Option<Reserved<'_>> {
        (state.left >= self.needed(bytes)).then(|| {
            state.left -= bytes;
            Reserved { budget: self, bytes }
        })
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.state.hold();
        state.left += self.bytes;
        if state.waiting > 0 {
            self.budget.freed.notify_all();
        }
    }
}

const TOO_LARGE: &str = "a request size above socket.request.max.bytes";
const TOO_LARGE_AT_FIRST: &str = "a first request above first.request.max.bytes";

/// A frame's size that no request can have, or none that a connection may begin with. Looked at as often as the frame is:
/// it is counted where the connection closes for it, by [`count_refused_size`].
pub fn check_size(size: i32, max: usize, first_max: usize) -> Result<usize, Error> {
    let what = match usize::try_from(size) {
        Ok(size) if size > max => TOO_LARGE,
        Ok(size) if size > first_max => TOO_LARGE_AT_FIRST,
        Ok(0..8) => "a request size below that of a header",
        Ok(size) => return Ok(size),
        Err(_) => "a negative request size",
    };
    Err(Error::Malformed { what, at: 0 })
}

/// Counts the limit that a frame's size was refused by, if this is such an error.
pub fn count_refused_size(error: &Error) {
    match error {
        Error::Malformed { what: TOO_LARGE, .. } => limits::REQUEST_BYTES.hit(),
        Error::Malformed { what: TOO_LARGE_AT_FIRST, .. } => limits::FIRST_REQUEST_BYTES.hit(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_claims_leave_room_for_small_requests() {
        let budget = Budget::new(100 << 20, 10 << 20);
        let mut large = Vec::new();
        while let Some(reserved) = budget.try_reserve(10 << 20) {
            large.push(reserved);
        }
        assert_eq!(large.len(), 7, "a quarter stays free");
        assert!(budget.try_reserve(1 << 20).is_some());
        large.pop();
        assert!(budget.try_reserve(10 << 20).is_some());
    }

    #[test]
    fn a_client_is_looked_at_without_the_lock_and_only_after_a_while() {
        let budget = Budget::new(1 << 20, 1000);
        let all = budget.try_reserve(1 << 20).unwrap();
        let looks = std::cell::Cell::new(0);
        let is_gone = || {
            assert!(budget.state.try_lock().is_ok(), "others may go on meanwhile");
            looks.set(looks.get() + 1);
            looks.get() == 2
        };
        let began = Instant::now();
        assert!(budget.reserve(8, is_gone).is_none());
        assert_eq!(looks.get(), 2);
        assert!(began.elapsed() >= LOOK_AT_SOCKET * 2, "each look comes after a wait");
        drop(all);
        assert!(budget.reserve(8, || unreachable!("there is room")).is_some());
        assert_eq!(budget.state.hold().waiting, 0);
    }

    #[test]
    fn sizes_are_checked_before_anything_is_reserved() {
        for (size, good) in
            [(8, true), (1000, true), (1001, false), (7, false), (0, false), (-1, false), (i32::MAX, false)]
        {
            assert_eq!(check_size(size, 1000, 1000).is_ok(), good, "{size}");
        }
    }
}
