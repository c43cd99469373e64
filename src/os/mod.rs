//! Where every `unsafe` line and every raw syscall lives: one syscall, one safe function, the reason why it is sound; and
//! what the standard library asks the system for, where a test makes it fail ([`fs`], [`threads`]). Beside them, what contains a
//! panic in one thread ([`panics`]).
//!
//! What is Linux alone (sendfile's signature, `MSG_MORE`, `POLLRDHUP`, `getrandom`) stays in here.
//! Always true: no other module has an `unsafe` line or a raw syscall; `tests/layering.rs` looks.
//! Not done: no policy. Which file, how often, what to do on an error: the callers know.

#![allow(unsafe_code)]

pub mod clock;
pub mod crc;
pub mod fadvise;
pub mod fs;
pub mod journal;
pub mod limits;
pub mod memory;
pub mod page_cache;
pub mod panics;
pub mod parent;
pub mod poll;
pub mod process;
pub mod random;
pub mod sendfile;
pub mod signals;
pub mod socket;
pub mod threads;

/// What a system call returned, or below zero the error that it left behind.
fn checked<T: PartialOrd + Default>(returned: T) -> std::io::Result<T> {
    if returned < T::default() {
        return Err(std::io::Error::last_os_error());
    }
    Ok(returned)
}
