//! What metrics are made of: counters, histograms of durations, and a tally for each thread.
//!
//! A histogram's buckets end at powers of two: 4 us, 8 us, and so on to 17.2 s; what takes longer is counted beyond. So
//! a duration finds its bucket with one instruction, and each is at most twice the one before it.
//!
//! Always true: plain atomics without an order, so a reader may see one counter move before another; nothing is ever
//! decided by them. Each layer counts where the thing happens, and `admin` reads.
//! Not done: no names, no labels, no clock of its own: whoever serves the numbers hands one in ([`set_clock`]).

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::OnceLock;

/// A number that only rises.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    pub const fn new() -> Counter {
        Counter(AtomicU64::new(0))
    }

    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Buckets with an end, and one without.
pub const BUCKETS: usize = 24;
/// The first bucket ends at 2 to this power, in ns: 4.1 us.
const FIRST_POWER: u32 = 12;

/// How long things took, by size.
#[derive(Default, Debug)]
pub struct Histogram {
    buckets: [Counter; BUCKETS],
    sum_ns: Counter,
}

/// What a histogram held at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Durations {
    /// How many fell into each bucket, the last one without an end.
    pub buckets: [u64; BUCKETS],
    pub sum_ns: u64,
}

impl Histogram {
    pub const fn new() -> Histogram {
        Histogram { buckets: [const { Counter::new() }; BUCKETS], sum_ns: Counter::new() }
    }

    /// `count` things took this long each.
    pub fn note(&self, duration_ns: u64, count: u64) {
        self.buckets[bucket_of(duration_ns)].add(count);
        self.sum_ns.add(duration_ns.saturating_mul(count));
    }

    pub fn get(&self) -> Durations {
        Durations { buckets: std::array::from_fn(|i| self.buckets[i].get()), sum_ns: self.sum_ns.get() }
    }
}

impl Durations {
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// Where a bucket ends, in ns; the end belongs to it. `None` for the last one.
pub fn bucket_end_ns(bucket: usize) -> Option<u64> {
    (bucket + 1 < BUCKETS).then(|| 1 << (FIRST_POWER as usize + bucket))
}

fn bucket_of(duration_ns: u64) -> usize {
    let power = u64::BITS - duration_ns.saturating_sub(1).leading_zeros();
    (power.saturating_sub(FIRST_POWER) as usize).min(BUCKETS - 1)
}

/// The clock that durations below the server are measured with.
static CLOCK: OnceLock<fn() -> u64> = OnceLock::new();

/// Hands in a clock of ns that never goes back; the first one stays.
pub fn set_clock(clock: fn() -> u64) {
    let _ = CLOCK.set(clock);
}

/// ns on the clock that was handed in; 0 for ever without one.
pub fn clock_ns() -> u64 {
    CLOCK.get().map_or(0, |clock| clock())
}

/// What one thread has done since [`take_tally`] was called last.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// System calls on sockets and files. Looks that found nothing, and what locks and memory need, are not counted.
    pub calls: u64,
    /// Error codes that were written into answers.
    pub errors: u64,
    /// Time spent waiting for something that others do: a record to come, a member to join.
    pub waited_ns: u64,
}

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { calls: 0, errors: 0, waited_ns: 0 }) };
}

/// This thread has made a system call.
pub fn note_call() {
    TALLY.with(|tally| tally.set(Tally { calls: tally.get().calls + 1, ..tally.get() }));
}

/// This thread answers with an error code.
pub fn note_error() {
    TALLY.with(|tally| tally.set(Tally { errors: tally.get().errors + 1, ..tally.get() }));
}

/// This thread has waited for others.
pub fn note_wait(waited_ns: u64) {
    TALLY.with(|tally| tally.set(Tally { waited_ns: tally.get().waited_ns + waited_ns, ..tally.get() }));
}

/// What this thread has done; from now on it begins at nothing.
pub fn take_tally() -> Tally {
    TALLY.with(Cell::take)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_ends_at_or_above_it() {
        let durations = [0, 1, 4095, 4096, 4097, 1_000_000, 1 << 34, (1 << 34) + 1, u64::MAX];
        for duration_ns in durations {
            let expected = (0..BUCKETS).find(|i| bucket_end_ns(*i).is_none_or(|end| duration_ns <= end)).unwrap();
            assert_eq!(bucket_of(duration_ns), expected, "{duration_ns} ns");
        }
        assert_eq!(bucket_end_ns(BUCKETS - 2), Some(1 << 34), "17.2 s");
    }

    #[test]
    fn a_histogram_counts_and_adds_up() {
        let histogram = Histogram::new();
        histogram.note(5000, 3);
        histogram.note(4000, 1);
        let held = histogram.get();
        assert_eq!((held.count(), held.sum_ns), (4, 19_000));
        assert_eq!(held.buckets[..3], [1, 3, 0]);
    }

    #[test]
    fn a_tally_is_taken_once() {
        take_tally();
        note_call();
        note_call();
        note_error();
        note_wait(7);
        assert_eq!(take_tally(), Tally { calls: 2, errors: 1, waited_ns: 7 });
        assert_eq!(take_tally(), Tally::default());
    }
}
