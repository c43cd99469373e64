//! The wall clock as of the kernel's last tick: for timestamps that are taken millions of times a second.
//!
//! `clock_gettime(2)` with `CLOCK_REALTIME_COARSE` reads a number that the kernel keeps up to date with each tick (1 to 10
//! ms, `CONFIG_HZ`), in a tenth of the time that the exact clock takes.
//!
//! Always true: it is behind the exact clock by a tick at most.
//! Not done: no monotonic clock; the server has one.

/// ms since 1970 at the last tick.
pub fn tick_ms() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is that of a valid timespec. The clock exists since Linux 2.6.32; if it did not, 1970 is told.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut time) };
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_last_tick_is_not_long_ago() {
        let exact = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        let tick = super::tick_ms();
        assert!((exact - 1000..=exact + 1000).contains(&tick), "{tick} and {exact}");
    }
}
