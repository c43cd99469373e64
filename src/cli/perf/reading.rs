//! Reads records as fast as they come, every key and value of them, and notes how long each poll took.
//!
//! Always true: what is counted was unpacked: each record's key and value were found in its batch.
//! Not done: records of one poll are counted when all of them were looked at, so that a window may be a poll too long.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Window;
use crate::base::TopicPartition;
use crate::cli::consume::is_at;
use crate::cli::remote::Failure;
use crate::client::{Batch, Consumer};

/// The longest time in which nobody looks whether it is over.
const POLL: Duration = Duration::from_millis(100);

/// When it is enough.
pub struct Limits {
    pub records: u64,
    /// Where partitions end, if that is the end.
    pub ends: Option<BTreeMap<TopicPartition, i64>>,
    /// For so long nothing may come.
    pub patience: Duration,
    /// How often a rate is told.
    pub every: Duration,
    /// Whether the age of each record is noted.
    pub ages: bool,
}

/// What it came to.
pub struct Read {
    pub all: Window,
    /// Nothing came any more, and it was not enough.
    pub gave_up: bool,
}

impl Limits {
    /// Reads what a consumer was told to read, until it is enough or `stop` is set, and tells of each window as it ends.
    pub fn read(
        &self,
        consumer: &mut Consumer,
        stop: &AtomicBool,
        mut tell: impl FnMut(&Window, &Window),
    ) -> Result<Read, Failure> {
        let start = Instant::now();
        let mut all = Window::from(start);
        let mut window = Window::from(start);
        let mut last = start;
        loop {
            let is_enough = all.records >= self.records || self.ends.as_ref().is_some_and(|ends| is_at(ends, consumer));
            let gave_up = !is_enough && last.elapsed() > self.patience;
            if is_enough || gave_up || stop.load(Ordering::Relaxed) {
                return Ok(Read { all, gave_up });
            }
            let asked = Instant::now();
            let batches = consumer.poll(POLL)?;
            let now = Instant::now();
            let mut polled = Window::from(asked);
            for batch in &batches {
                polled.read(batch, self.ages)?;
            }
            if polled.records > 0 {
                polled.latencies.note(now - asked, 1);
                last = now;
                all.add_all(&polled);
                window.add_all(&polled);
            }
            let now = Instant::now();
            (all.ended, window.ended) = (if polled.records > 0 { now } else { all.ended }, now);
            if now - window.began >= self.every {
                tell(&window, &all);
                window = Window::from(now);
            }
        }
    }
}

impl Window {
    fn read(&mut self, batch: &Batch, with_ages: bool) -> Result<(), Failure> {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        for record in batch.records() {
            let torn = |_| Failure::Failed(format!("{}: bytes that are no records", batch.topic_partition()));
            let record = record.map_err(torn)?;
            self.records += 1;
            self.bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
            if with_ages {
                let age_ms = now_ms.saturating_sub(record.timestamp_ms).max(0);
                self.ages.note(Duration::from_millis(age_ms.unsigned_abs()), 1);
            }
        }
        Ok(())
    }

    fn add_all(&mut self, other: &Window) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.latencies.add(&other.latencies);
        self.ages.add(&other.ages);
    }
}
