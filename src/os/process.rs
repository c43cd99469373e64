//! What this process uses: memory and threads as `/proc/self` has them, and processor time (`clock_gettime(2)`).
//!
//! Always true: what the kernel does not tell is 0; only metrics read this.
//! Not done: other processes, and limits of a cgroup.

use std::path::Path;

use crate::os::fs;

/// What the process uses at one moment.
#[derive(Clone, Copy, Default, Debug)]
pub struct Usage {
    /// Memory that is really there (RSS).
    pub resident_bytes: u64,
    /// Processor time since the start, of all threads, in user and kernel mode.
    pub cpu_ns: u64,
    pub threads: u64,
}

pub fn usage() -> Usage {
    Usage {
        resident_bytes: field("/proc/self/statm", 1) * page_bytes(),
        cpu_ns: cpu_ns(),
        // Field 20 of proc_pid_stat(5); the first two are the pid and the name, which stands in brackets.
        threads: field("/proc/self/stat", 17),
    }
}

/// Bytes of a page.
pub fn page_bytes() -> u64 {
    // SAFETY: sysconf takes no memory.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// A number in a line of `/proc`, counted behind a name in brackets if there is one.
fn field(path: &str, index: usize) -> u64 {
    let bytes = fs::read(Path::new(path)).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let fields = text.rsplit(") ").next().unwrap_or_default();
    fields.split_whitespace().nth(index).and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the kernel to fill.
    match unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) } {
        0 => time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_time_and_threads() {
        let held = vec![1u8; 20 << 20];
        let used = usage();
        assert!(used.resident_bytes > 20 << 20, "{used:?}");
        assert!(used.cpu_ns > 0 && (1..10_000).contains(&used.threads), "{used:?}");
        drop(held);
    }
}
