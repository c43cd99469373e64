//! How long many things took: enough of it for percentiles, in little memory.
//!
//! ```text
//! microseconds   0 1 2 .. 255 | 256 258 .. 510 | 512 516 .. 1020 | ...     128 buckets for each power of two above 255
//! ```
//!
//! Always true: a percentile is one of the values that were noted, less than 1 % below it; count, average and largest are exact.
//! Not done: what is shorter than a microsecond counts as 0.

use std::time::Duration;

/// Buckets for each power of two; below twice as many, each value has its own.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();

#[derive(Clone, Default, Debug)]
pub struct Latencies {
    /// How many fell into each bucket; as long as the largest one needs.
    buckets: Vec<u64>,
    count: u64,
    total_us: u128,
    max_us: u64,
}

impl Latencies {
    /// `count` things took this long each.
    #[inline]
    pub fn note(&mut self, duration: Duration, count: u64) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = bucket_of(us);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += count;
        self.count += count;
        self.total_us += u128::from(us) * u128::from(count);
        self.max_us = self.max_us.max(us);
    }

    pub fn add(&mut self, other: &Latencies) {
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(sum, more)| *sum += more);
        self.count += other.count;
        self.total_us += other.total_us;
        self.max_us = self.max_us.max(other.max_us);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// ms; 0 of nothing.
    pub fn average_ms(&self) -> f64 {
        match self.count {
            0 => 0.0,
            count => self.total_us as f64 / count as f64 / 1e3,
        }
    }

    /// ms
    pub fn max_ms(&self) -> f64 {
        self.max_us as f64 / 1e3
    }

    /// ms; a share of 0.99 took less than this, as Kafka counts: of 100 values the largest.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let rank = ((share * self.count as f64) as u64).min(self.count.saturating_sub(1));
        let mut below = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            below += count;
            if below > rank {
                return start_of(bucket) as f64 / 1e3;
            }
        }
        0.0
    }
}

fn bucket_of(us: u64) -> usize {
    let shift = (u64::BITS - us.leading_zeros()).saturating_sub(STEP_BITS + 1);
    (u64::from(shift) * STEPS + (us >> shift)) as usize
}

/// The smallest value of a bucket.
fn start_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    match (bucket / STEPS).checked_sub(1) {
        None | Some(0) => bucket,
        Some(shift) => (bucket - shift * STEPS) << shift,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_into_a_bucket_that_begins_at_most_one_percent_below_it() {
        let mut values: Vec<u64> = (0..5000).collect();
        values.extend((0..64).flat_map(|power| [1u64 << power, (1 << power) - 1, (1 << power) + (1 << power) / 3]));
        values.push(u64::MAX);
        for us in values {
            let start = start_of(bucket_of(us));
            assert!(start <= us && us - start <= us / 100, "{us} is in a bucket from {start} on");
            assert_eq!(bucket_of(start), bucket_of(us));
        }
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values() {
        let mut latencies = Latencies::default();
        (1..=1000).for_each(|ms| latencies.note(Duration::from_millis(1001 - ms), 1));
        for (share, ms) in [(0.0, 1.0), (0.5, 501.0), (0.95, 951.0), (0.99, 991.0), (0.999, 1000.0), (1.0, 1000.0)] {
            let found = latencies.percentile_ms(share);
            assert!(found <= ms && found > ms * 0.99, "{share}: {found}, not {ms}");
        }
        assert_eq!((latencies.average_ms(), latencies.max_ms(), latencies.count()), (500.5, 1000.0, 1000));
        assert_eq!((Latencies::default().percentile_ms(0.5), Latencies::default().average_ms()), (0.0, 0.0));
    }
}
