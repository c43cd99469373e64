//! Bugs that can be switched on, so that the checks can be seen to catch them.
//!
//! A check that has never failed proves nothing: each bug here stands where a careless hand would put it, and
//! docs/reliability.md names the test that catches it.
//!
//! Always true: in a build without the feature `faults`, tests aside, [`is_on`] is `false` at compile time, and nothing of
//! a bug is in the binary. In one with it, `SENDLOG_BUG=name` switches one on for the process.

/// Whether the bug of this name is on.
#[cfg(not(any(test, feature = "faults")))]
#[inline(always)]
pub const fn is_on(_bug: &str) -> bool {
    false
}

/// Panics here if that bug is on, and `name` is the one that is to suffer.
pub fn panic_at(bug: &str, name: &str) {
    assert!(!(is_on(bug) && name == VICTIM), "seeded: {bug}");
}

/// Loses some memory if that bug is on.
pub fn leak_at(bug: &str) {
    if is_on(bug) {
        std::mem::forget(std::hint::black_box(vec![1_u8; 4096]));
    }
}

/// The topic, or the group, that seeded panics strike; all others go on.
pub const VICTIM: &str = "victim";

#[cfg(any(test, feature = "faults"))]
pub use switch::{is_on, with};

#[cfg(any(test, feature = "faults"))]
mod switch {
    use std::cell::Cell;
    use std::sync::OnceLock;

    thread_local!(static HERE: Cell<Option<&'static str>> = const { Cell::new(None) });

    pub fn is_on(bug: &str) -> bool {
        static EVERYWHERE: OnceLock<Option<String>> = OnceLock::new();
        let everywhere = EVERYWHERE.get_or_init(|| std::env::var("SENDLOG_BUG").ok());
        everywhere.as_deref() == Some(bug) || HERE.get() == Some(bug)
    }

    /// Runs `scenario` with the bug on for this thread.
    pub fn with<T>(bug: &'static str, scenario: impl FnOnce() -> T) -> T {
        HERE.set(Some(bug));
        let result = scenario();
        HERE.set(None);
        result
    }
}
