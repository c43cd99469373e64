//! What the broker's process has used, as Linux tells it (`clock_getcpuclockid(3)`, `proc_pid_status(5)`).
//!
//! Always true: processor time is user and system time of all threads, those that have ended included, in nanoseconds.
//! Not done: children; no broker here has any.

use std::io::Error;

use crate::Result;

pub struct Memory {
    /// Resident now, and at most since the process began, in bytes.
    pub rss: u64,
    pub rss_max: u64,
}

/// Seconds of processor time so far.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let mut clock = 0;
    // SAFETY: the call writes one clock id, which outlives it.
    let code = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) };
    if code != 0 {
        return Err(format!("process {pid}: {}", Error::from_raw_os_error(code)).into());
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec, which outlives it.
    match unsafe { libc::clock_gettime(clock, &mut time) } {
        0 => Ok(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9),
        _ => Err(format!("process {pid}: {}", Error::last_os_error()).into()),
    }
}

pub fn memory(pid: u32) -> Result<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (rss, rss_max) = kib("VmRSS:").zip(kib("VmHWM:")).ok_or("no VmRSS, no VmHWM: is this Linux?")?;
    Ok(Memory { rss: rss << 10, rss_max: rss_max << 10 })
}
