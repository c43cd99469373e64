//! How long it took, how much was moved, and what the thread that asks has spent on it.
//!
//! Always true: processor time is the thread's own, in nanoseconds (`/proc/thread-self/schedstat`, first figure).

use std::time::Instant;

use crate::Result;

/// Of smaller pieces the number counts, not the bytes.
const SMALL: u64 = 4096;

pub struct Clock {
    began: Instant,
    cpu_before: u64,
    bytes: u64,
    pieces: u64,
}

impl Clock {
    pub fn start() -> Result<Clock> {
        Ok(Clock { began: Instant::now(), cpu_before: cpu_ns()?, bytes: 0, pieces: 0 })
    }

    pub fn moved(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.pieces += 1;
    }

    pub fn goes_on(&self, bytes: u64, seconds: f64) -> bool {
        self.bytes < bytes && self.began.elapsed().as_secs_f64() < seconds
    }

    pub fn line(&self) -> Result<String> {
        let seconds = self.began.elapsed().as_secs_f64();
        let cpu_ns = cpu_ns()? - self.cpu_before;
        let pieces_s = self.pieces as f64 / seconds;
        if self.bytes < self.pieces * SMALL {
            let cpu_us = cpu_ns as f64 / 1e3 / self.pieces as f64;
            return Ok(format!("pieces/s={pieces_s:.0} cpu_us/piece={cpu_us:.2} seconds={seconds:.3}"));
        }
        let (mb_s, cpu_per_gb) = (self.bytes as f64 / 1e6 / seconds, cpu_ns as f64 / self.bytes as f64);
        Ok(format!("wire_MB/s={mb_s:.2} pieces/s={pieces_s:.0} cpu_s/GB={cpu_per_gb:.3} seconds={seconds:.3}"))
    }
}

fn cpu_ns() -> Result<u64> {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(figures.split_whitespace().next().ok_or("an empty schedstat")?.parse()?)
}
