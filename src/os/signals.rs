//! SIGTERM and SIGINT as something a thread can wait for (`sigwait(3)`), not a handler that interrupts one.
//!
//! Always true: [`block`] runs before the first thread starts, so that all of them inherit the mask.
//! Not done: no other signals: SIGHUP and the rest do what they always do.

use std::mem::MaybeUninit;

fn stop_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set before sigaddset and assume_init read it; both signals exist.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGTERM);
        libc::sigaddset(set.as_mut_ptr(), libc::SIGINT);
        set.assume_init()
    }
}

/// Keeps SIGTERM and SIGINT pending for [`wait`], in this thread and in those it starts.
pub fn block() {
    let set = stop_signals();
    // SAFETY: `set` is initialised; a null pointer says that the old mask is not wanted.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
}

/// Waits for SIGTERM or SIGINT.
pub fn wait() {
    let set = stop_signals();
    let mut signal = 0;
    // SAFETY: `set` is initialised and `signal` is a valid place for the answer.
    unsafe { libc::sigwait(&set, &mut signal) };
}

/// Takes the signals that came already, so that [`wait`] waits for another.
pub fn forget_pending() {
    let set = stop_signals();
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `set` and `at_once` are initialised; a null pointer says that nothing more is asked about the signal.
    while unsafe { libc::sigtimedwait(&set, std::ptr::null_mut(), &at_once) } > 0 {}
}
