//! Panics: what one is contained by, and how it is said.
//!
//! A panic is a flaw of the broker's own, and ends what it happened in, nothing else:
//!
//! | where | what ends |
//! |---|---|
//! | while a connection is served | that connection; its place, its part of the budget and its waits are given back |
//! | while a partition is locked, or its flush runs | the partition too: offline (KAFKA_STORAGE_ERROR) until the next start, which reads from the disk what is true; the stop is not a clean one |
//! | while a group is locked | the group too: COORDINATOR_NOT_AVAILABLE until the next start |
//! | while topics are changed | every further change of topics and configs, until the next start; what is there goes on, but for a topic that was being deleted: its partitions are offline |
//! | in the background | that step of the round; the others are done, and it is tried again in the next one |
//! | on a page of the admin listener | that page |
//! | at a start, or during a stop | the process, without a clean-shutdown marker |
//!
//! The process goes on, since most of what it holds has nothing to do with the flaw; what may be half changed is taken out
//! of use, since nobody knows what a half changed log would write next. [`crate::base::lock`] says so of each lock.
//!
//! Always true: a panic is one line of the log, whoever contains it. It needs unwinding: no profile may abort.
//! Not done: what a panic left behind is not mended while the process runs.

use std::panic::{catch_unwind, AssertUnwindSafe, PanicHookInfo};

/// From now on a panic is a line of the log; with `RUST_BACKTRACE` its backtrace follows.
pub fn install() {
    let standard = std::panic::take_hook();
    let wants_backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        if wants_backtrace {
            standard(panic);
        }
    }));
}

fn say(panic: &PanicHookInfo) {
    let thread = std::thread::current();
    let place = panic.location().map_or_else(String::new, ToString::to_string);
    let said = panic.payload();
    let text = said.downcast_ref::<&str>().copied().or_else(|| said.downcast_ref::<String>().map(String::as_str));
    let what = text.unwrap_or("something that is no text");
    note!(
        Error,
        "panicked",
        [thread = thread.name().unwrap_or(""), place = place],
        "a flaw of the broker's own: {what}"
    );
}

/// Runs this; `None` if it panics, which the hook has said then.
pub fn contain<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// A step of what is done again and again; the next one comes also after a panic.
pub fn survive(step: impl FnOnce()) {
    let _ = contain(step);
}
