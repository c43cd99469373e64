//! What becomes of a record: known for its whole batch at once.
//!
//! The records of a batch share one outcome; a [`Delivery`] is that and the record's place in the batch. So `send` gives
//! one out without allocating anything.
//!
//! Always true: each outcome is completed exactly once, with offsets or with an error, `delivery.timeout.ms` (and a
//! request's timeout) after the batch began at the latest.
//! Not done: no callbacks: who wants to know waits or asks.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::client::error::Result;

/// Where a record ended up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivered {
    pub partition: i32,
    /// -1: nobody said (`acks=0`, or a batch that had come twice long ago).
    pub offset: i64,
    /// The record's own, or the broker's if the topic says LogAppendTime.
    pub timestamp_ms: i64,
}

/// A promise to say what becomes of one record. It may be dropped.
#[derive(Clone, Debug)]
pub struct Delivery {
    outcome: Arc<Outcome>,
    index: u32,
    timestamp_ms: i64,
}

/// What becomes of a batch.
#[derive(Debug)]
pub(super) struct Outcome {
    pub topic: Arc<str>,
    pub partition: i32,
    done: Mutex<Option<(Result<Acked>, Instant)>>,
    completed: Condvar,
}

/// What the broker says of a batch that it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acked {
    pub base_offset: i64,
    /// -1: the records keep their own timestamps.
    pub log_append_time_ms: i64,
}

impl Acked {
    pub const UNKNOWN: Acked = Acked { base_offset: -1, log_append_time_ms: -1 };
}

impl Outcome {
    pub fn new(topic: Arc<str>, partition: i32) -> Arc<Outcome> {
        Arc::new(Outcome { topic, partition, done: Mutex::new(None), completed: Condvar::new() })
    }

    pub fn complete(&self, result: Result<Acked>) {
        *self.lock() = Some((result, Instant::now()));
        self.completed.notify_all();
    }

    pub fn is_done(&self) -> bool {
        self.lock().is_some()
    }

    pub fn wait(&self) -> Result<Acked> {
        let mut done = self.lock();
        loop {
            match &*done {
                Some((result, _)) => return result.clone(),
                None => done = self.completed.wait(done).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Result<Acked>, Instant)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery {
    pub(super) fn new(outcome: Arc<Outcome>, index: u32, timestamp_ms: i64) -> Delivery {
        Delivery { outcome, index, timestamp_ms }
    }

    /// Waits until it is known.
    pub fn wait(&self) -> Result<Delivered> {
        self.outcome.wait().map(|acked| self.delivered(acked))
    }

    /// The same for so long at the most; none if it is not known by then.
    pub fn wait_for(&self, time: Duration) -> Option<Result<Delivered>> {
        let deadline = Instant::now() + time;
        let mut done = self.outcome.lock();
        loop {
            if let Some((result, _)) = &*done {
                return Some(result.clone().map(|acked| self.delivered(acked)));
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            done = self.outcome.completed.wait_timeout(done, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What is known by now.
    pub fn now(&self) -> Option<Result<Delivered>> {
        self.outcome.lock().clone().map(|(result, _)| result.map(|acked| self.delivered(acked)))
    }

    /// When it became known; none if it is not known yet.
    pub fn known_at(&self) -> Option<Instant> {
        self.outcome.lock().as_ref().map(|(_, at)| *at)
    }

    /// Whether both records are in the same batch, so that the same becomes of them at the same moment.
    #[inline]
    pub fn shares_batch_with(&self, other: &Delivery) -> bool {
        Arc::ptr_eq(&self.outcome, &other.outcome)
    }

    pub fn topic(&self) -> &str {
        &self.outcome.topic
    }

    pub fn partition(&self) -> i32 {
        self.outcome.partition
    }

    fn delivered(&self, acked: Acked) -> Delivered {
        let offset = if acked.base_offset < 0 { -1 } else { acked.base_offset + i64::from(self.index) };
        let timestamp_ms = if acked.log_append_time_ms < 0 { self.timestamp_ms } else { acked.log_append_time_ms };
        Delivered { partition: self.outcome.partition, offset, timestamp_ms }
    }
}
