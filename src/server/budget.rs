//! One budget for the requests of all connections (`queued.max.request.bytes`).
//!
//! Always true: a request's whole claimed size is reserved before its body is read, so that half-read bodies never
//! wait for memory that each other hold. A reservation ends when its request has been answered.

use std::sync::{Condvar, Mutex};

use crate::base::Error;

pub struct Budget {
    /// bytes left; guards nothing else
    left: Mutex<usize>,
    freed: Condvar,
}

/// Bytes that are ours until this is dropped.
pub struct Reserved<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of `total` bytes, and at least one request of the largest size.
    pub fn new(total: i64, request_bytes_max: usize) -> Budget {
        let total = usize::try_from(total).unwrap_or(usize::MAX).max(request_bytes_max);
        Budget { left: Mutex::new(total), freed: Condvar::new() }
    }

    /// Waits until that much is free. Whoever holds a part must finish reading within a deadline, so this ends.
    pub fn reserve(&self, bytes: usize) -> Reserved<'_> {
        let mut left = self.left.lock().unwrap();
        while *left < bytes {
            left = self.freed.wait(left).unwrap();
        }
        *left -= bytes;
        Reserved { budget: self, bytes }
    }

    /// Reserves that much if it is free now.
    pub fn try_reserve(&self, bytes: usize) -> Option<Reserved<'_>> {
        let mut left = self.left.lock().unwrap();
        *left = left.checked_sub(bytes)?;
        Some(Reserved { budget: self, bytes })
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        *self.budget.left.lock().unwrap() += self.bytes;
        self.budget.freed.notify_all();
    }
}

/// A frame's size that no request can have.
pub fn check_size(size: i32, max: usize) -> Result<usize, Error> {
    let what = match usize::try_from(size) {
        Ok(size) if size > max => "a request size above socket.request.max.bytes",
        Ok(0..8) => "a request size below that of a header",
        Ok(size) => return Ok(size),
        Err(_) => "a negative request size",
    };
    Err(Error::Malformed { what, at: 0 })
}
