//! How long it took, how much was moved, and what the thread that asks has spent on it.
//!
//! Always true: processor time is the thread's own, in nanoseconds (`/proc/thread-self/schedstat`, first figure).

use std::time::Instant;

use crate::Result;

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
        let cpu_per_gb = (cpu_ns()? - self.cpu_before) as f64 / self.bytes as f64;
        let (mb_s, pieces_s) = (self.bytes as f64 / 1e6 / seconds, self.pieces as f64 / seconds);
        Ok(format!("wire_MB/s={mb_s:.2} pieces/s={pieces_s:.0} cpu_s/GB={cpu_per_gb:.3} seconds={seconds:.3}"))
    }
}

fn cpu_ns() -> Result<u64> {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(figures.split_whitespace().next().ok_or("an empty schedstat")?.parse()?)
}
