//! What the broker's process holds (`proc_pid_status(5)`), over time, and the line that fits it best.
//!
//! Always true: growth is that of the line over the time it was fitted to, so that one large sample is no growth.
//! Not done: what was held between two samples is not seen.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// What was held at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub rss_kb: f64,
    pub threads: f64,
    pub descriptors: f64,
}

impl Held {
    pub fn by(pid: u32) -> Result<Held, String> {
        let folder = Path::new("/proc").join(pid.to_string());
        let failed = |error: std::io::Error| format!("{}: {error}: has the broker ended?", folder.display());
        let status = fs::read_to_string(folder.join("status")).map_err(failed)?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
        };
        let descriptors = fs::read_dir(folder.join("fd")).map_err(failed)?.count() as f64;
        Ok(Held { rss_kb: number("VmRSS:"), threads: number("Threads:"), descriptors })
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} MB, {} threads, {} descriptors", self.rss_kb / 1024.0, self.threads, self.descriptors)
    }
}

/// Samples of a run.
pub struct Samples {
    began: Instant,
    all: Vec<(f64, Held)>,
}

/// By how much what is held may grow over the time that is looked at.
pub struct Bound {
    pub rss_kb: f64,
    pub threads: f64,
    pub descriptors: f64,
}

impl Samples {
    pub fn begin() -> Samples {
        Samples { began: Instant::now(), all: Vec::new() }
    }

    pub fn take(&mut self, pid: u32) -> Result<Held, String> {
        let held = Held::by(pid)?;
        self.all.push((self.began.elapsed().as_secs_f64(), held));
        Ok(held)
    }

    /// The growth of the fitted lines, without the first third, in which pools and tables fill; an error if that is above
    /// the bound.
    pub fn flat(&self, bound: &Bound) -> Result<String, String> {
        let warm = &self.all[self.all.len() / 3..];
        let growth =
            |value: fn(&Held) -> f64| growth(&warm.iter().map(|(at, held)| (*at, value(held))).collect::<Vec<_>>());
        let grown = [
            ("RSS", "kB", growth(|held| held.rss_kb), bound.rss_kb),
            ("threads", "", growth(|held| held.threads), bound.threads),
            ("descriptors", "", growth(|held| held.descriptors), bound.descriptors),
        ];
        let seconds = warm.last().map_or(0.0, |last| last.0) - warm.first().map_or(0.0, |first| first.0);
        let say = |(what, unit, grown, bound): &(&str, &str, f64, f64)| {
            format!("{what} {grown:+.1}{unit} (bound {bound}{unit})")
        };
        let said = grown.iter().map(say).collect::<Vec<_>>().join(", ");
        let said = format!("fitted over {seconds:.0} s and {} samples: {said}", warm.len());
        match grown.iter().all(|(_, _, grown, bound)| grown <= bound) {
            true => Ok(said),
            false => Err(format!("it grows: {said}")),
        }
    }
}

/// How far the line that fits best (least squares) rises from the first point to the last.
fn growth(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if variance > 0.0 => covariance / variance * (last.0 - first.0),
        _ => 0.0,
    }
}
