//! How many arenas the allocator keeps (`mallopt(3)`).
//!
//! glibc gives threads up to eight arenas for each processor, and what a thread frees stays with its arena. A broker has
//! threads by the thousand that come and go, so each arena grows to what its busiest moment took. With one for each
//! processor, what is free is used again.
//!
//! Always true: whoever sets `MALLOC_ARENA_MAX` decides.
//! Not done: other allocators (musl's) have no arenas; there nothing happens.

/// One arena for each processor, unless the environment says how many.
pub fn limit_arenas() {
    #[cfg(target_env = "gnu")]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        // SAFETY: sysconf and mallopt take numbers alone, and the allocator changes its settings under its own lock.
        unsafe {
            let processors = libc::sysconf(libc::_SC_NPROCESSORS_ONLN);
            libc::mallopt(libc::M_ARENA_MAX, i32::try_from(processors).unwrap_or(i32::MAX).max(2));
        }
    }
}
