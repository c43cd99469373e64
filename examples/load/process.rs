//! What the broker's process has used, as Linux tells it in /proc (`proc_pid_stat(5)`, `proc_pid_status(5)`).
//!
//! Always true: processor time is user and system time of all threads, those that have ended included, in ticks of
//! 10 ms. Not done: children; no broker here has any.

use crate::Result;

/// Ticks in a second: what Linux has told every program since 2.6, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

pub struct Memory {
    /// Resident now, and at most since the process began, in bytes.
    pub rss: u64,
    pub rss_max: u64,
}

/// Seconds of processor time so far.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The second field is the program's name in brackets, and may have anything in it; the third follows.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let times = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks = times.sum::<std::result::Result<u64, _>>()?;
    Ok(ticks as f64 / TICKS)
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
