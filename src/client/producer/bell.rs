//! A bell that wakes a broker's sender out of `poll(2)`, with the broker's address on it: a byte through a socket pair.
//!
//! Always true: whoever rings after a change is noticed by the look that follows the next hush; rings in between are one.
//! Not done: it says that something changed, not what.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
pub struct Bell {
    is_rung: AtomicBool,
    hammer: UnixStream,
    ear: UnixStream,
    address: Mutex<String>,
}

impl Bell {
    pub fn new(address: String) -> std::io::Result<Bell> {
        let (hammer, ear) = UnixStream::pair()?;
        hammer.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        Ok(Bell { is_rung: AtomicBool::new(false), hammer, ear, address: Mutex::new(address) })
    }

    pub fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::AcqRel) {
            // A pair that is full has bytes enough to wake anybody.
            let _ = (&self.hammer).write(&[1]);
        }
    }

    /// Makes it silent; work is looked for after that. In this order: a ring in between leaves a byte too many, which
    /// wakes once in vain; the other way around it could take the byte and leave the bell rung.
    pub fn hush(&self) {
        let _ = (&self.ear).read(&mut [0; 16]);
        self.is_rung.store(false, Ordering::Release);
    }

    pub fn address(&self) -> String {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn moved_to(&self, address: String) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Readable when it is rung.
    pub fn ear(&self) -> BorrowedFd<'_> {
        self.ear.as_fd()
    }
}
