//! A partition's batches, from the growing one to those that wait for an answer, and their sequence numbers.
//!
//! ```text
//!   ready (oldest first)                  growing
//!   | 4, again | 5, again | 7 | 8 |       | 9 ... |        in flight: 6
//! ```
//!
//! An idempotent producer numbers the records that it sends to a partition. The broker takes a batch only if its first
//! number follows the last one that it has, and answers one that it has already with the offset it gave it then. So a
//! batch whose answer was lost is sent again, with its numbers, and is in the log once; and batches that overtook one that
//! failed are refused (OUT_OF_ORDER_SEQUENCE_NUMBER), and sent again after it.
//!
//! If the very first of those that are out is refused so, what was before it is gone for good: given up by us, or lost by
//! the broker. Then the epoch is raised and counting begins anew, when nothing is in flight any more (KIP-360): the broker
//! refuses whatever may still be under way with the old epoch.
//!
//! Always true: `ready` is in the order in which the records came, whatever is sent again. A batch that was sent keeps its
//! numbers until the epoch is raised.
//! Not done: nothing is sent and no clock is asked: time comes in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::batch::{Batch, Identity};
use super::settings::{ProducerSettings, IDEMPOTENT_IN_FLIGHT_MAX};
use crate::base::ErrorCode;
use crate::client::error::Error;

#[derive(Debug, Default)]
pub struct Queue {
    /// The broker that leads the partition; none: not known, or there is none.
    pub leader: Option<i32>,
    pub growing: Option<Batch>,
    ready: VecDeque<Batch>,
    /// The numbers of the batches that wait for an answer.
    in_flight: Vec<u64>,
    next_number: u64,
    /// Id and epoch that the partition's batches are sent under.
    producer: Option<(i64, i16)>,
    next_sequence: i32,
    /// The epoch is to be raised.
    restarts: bool,
    /// Nothing is sent before.
    not_before: Option<Instant>,
    /// Why the last attempt failed.
    last_error: Option<Error>,
}

/// Why a growing batch leaves before it is full and old.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hurry(pub bool);

/// What a queue has for a sender.
pub enum Next {
    Batch(Batch),
    /// Nothing before this time, if nothing else happens.
    Later(Option<Instant>),
}

impl Queue {
    pub fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// The growing batch grows no more.
    pub fn close(&mut self) {
        self.ready.extend(self.growing.take());
    }

    pub fn has_unsent(&self) -> bool {
        self.growing.is_some() || !self.ready.is_empty()
    }

    /// The next batch, if one may leave now. `producer` is what a partition without an id of its own is sent under.
    pub fn next(
        &mut self,
        settings: &ProducerSettings,
        now: Instant,
        hurry: Hurry,
        producer: Option<(i64, i16)>,
    ) -> Next {
        let in_flight_max = match (settings.max_in_flight, settings.is_idempotent()) {
            (1, _) => 1,
            (_, true) => IDEMPOTENT_IN_FLIGHT_MAX,
            _ => usize::MAX,
        };
        if self.restarts || self.in_flight.len() >= in_flight_max {
            return Next::Later(None);
        }
        if let Some(not_before) = self.not_before.filter(|not_before| *not_before > now && self.has_unsent()) {
            return Next::Later(Some(not_before));
        }
        if self.lacks_producer() && producer.is_none() && settings.is_idempotent() {
            // Another sender found that the id is used up; the next look brings a new one.
            return Next::Later(Some(now));
        }
        if self.ready.is_empty() {
            let Some(growing) = &self.growing else { return Next::Later(None) };
            let leaves = growing.born + Duration::from_millis(settings.linger_ms);
            if leaves > now && !hurry.0 {
                return Next::Later(Some(leaves));
            }
            self.close();
        }
        let mut batch = self.ready.pop_front().expect("it was not empty, or was just given one");
        if batch.identity.is_none() && settings.is_idempotent() {
            if self.producer.is_none() {
                self.producer = producer;
            }
            batch.identity = self.identify(batch.count());
        }
        self.in_flight.push(batch.number);
        Next::Batch(batch)
    }

    fn identify(&mut self, count: i32) -> Option<Identity> {
        let (producer_id, epoch) = self.producer?;
        let base_sequence = self.next_sequence;
        // They go on at 0 behind the largest.
        self.next_sequence = ((i64::from(base_sequence) + i64::from(count)) % (1 << 31)) as i32;
        Some(Identity { producer_id, epoch, base_sequence })
    }

    /// The batch is done with, one way or the other.
    pub fn answered(&mut self, batch: &Batch, worked: bool) {
        self.in_flight.retain(|number| *number != batch.number);
        if worked {
            self.last_error = None;
        }
        self.restart();
    }

    /// The batch shall be sent again, not before this time.
    pub fn again(&mut self, batch: Batch, error: Error, not_before: Instant) {
        self.in_flight.retain(|number| *number != batch.number);
        let is_first = self.in_flight.iter().all(|number| *number > batch.number)
            && self.ready.front().is_none_or(|ready| ready.number > batch.number);
        let is_current = batch.identity.is_some_and(|id| Some((id.producer_id, id.epoch)) == self.producer);
        self.restarts |= is_first && is_current && error.code().is_some_and(is_about_sequences);
        let place = self.ready.iter().position(|ready| ready.number > batch.number).unwrap_or(self.ready.len());
        self.ready.insert(place, batch);
        self.not_before = self.not_before.max(Some(not_before));
        self.last_error = Some(error);
        self.restart();
    }

    /// Raises the epoch, if that is due and nothing is in flight, and numbers what waits anew.
    fn restart(&mut self) {
        if !self.restarts || !self.in_flight.is_empty() {
            return;
        }
        self.restarts = false;
        // Behind the last epoch of an id only another id is left, which is asked for as the first one was.
        self.producer = self.producer.and_then(|(id, epoch)| Some((id, epoch.checked_add(1)?)));
        self.next_sequence = 0;
        for i in 0..self.ready.len() {
            if self.ready[i].identity.is_some() {
                self.ready[i].identity = self.identify(self.ready[i].count());
            }
        }
    }

    /// Whether an epoch was the last one, so that another producer id is needed.
    pub fn lacks_producer(&self) -> bool {
        self.producer.is_none() && self.has_unsent()
    }

    /// Takes out what has waited for too long.
    pub fn expired(&mut self, settings: &ProducerSettings, now: Instant) -> Vec<Batch> {
        let timeout = Duration::from_millis(settings.delivery_timeout_ms);
        let is_old = |batch: &Batch| batch.born + timeout <= now;
        if self.growing.as_ref().is_some_and(is_old) {
            self.close();
        }
        let count = self.ready.iter().take_while(|batch| is_old(batch)).count();
        self.ready.drain(..count).collect()
    }

    /// When the oldest that waits has waited for too long.
    pub fn expires(&self, settings: &ProducerSettings) -> Option<Instant> {
        let oldest = self.ready.front().or(self.growing.as_ref())?;
        Some(oldest.born + Duration::from_millis(settings.delivery_timeout_ms))
    }

    pub fn last_error(&self) -> String {
        self.last_error.as_ref().map_or(String::from("no broker leads the partition"), Error::to_string)
    }

    pub fn failed(&mut self, error: Error) {
        self.last_error = Some(error);
    }
}

/// Codes that say that the broker's last number is not the one before ours.
pub fn is_about_sequences(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::UNKNOWN_PRODUCER_ID | ErrorCode::INVALID_PRODUCER_EPOCH
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::client::producer::delivery::Outcome;
    use crate::client::producer::record::Record;

    struct Trial {
        queue: Queue,
        settings: ProducerSettings,
        now: Instant,
    }

    impl Trial {
        fn new() -> Trial {
            Trial { queue: Queue::default(), settings: ProducerSettings::default().linger_ms(0), now: Instant::now() }
        }

        /// A batch of so many records.
        fn add(&mut self, records: usize) {
            let number = self.queue.number();
            let mut batch = Batch::new(Vec::new(), 4096, Outcome::new(Arc::from("demo"), 0), self.now, number);
            (0..records).for_each(|i| assert_eq!(batch.push(0, &Record::to("demo")), Some(i as u32)));
            self.queue.growing = Some(batch);
            self.queue.close();
        }

        fn next(&mut self) -> Batch {
            match self.queue.next(&self.settings, self.now, Hurry(false), Some((7, 0))) {
                Next::Batch(batch) => batch,
                Next::Later(until) => panic!("nothing before {until:?}"),
            }
        }

        fn again(&mut self, batch: Batch, code: ErrorCode) {
            self.queue.again(batch, Error::refused("producing", code, None), self.now);
        }
    }

    fn epoch_and_sequence(batch: &Batch) -> (i16, i32) {
        let identity = batch.identity.unwrap();
        (identity.epoch, identity.base_sequence)
    }

    #[test]
    fn what_is_sent_again_keeps_its_place_and_its_numbers() {
        let mut trial = Trial::new();
        (1..=3).for_each(|records| trial.add(records));
        let (first, second) = (trial.next(), trial.next());
        assert_eq!((epoch_and_sequence(&first), epoch_and_sequence(&second)), ((0, 0), (0, 1)));
        // The second one overtook the first, which the network lost.
        trial.again(second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        trial.again(first, ErrorCode::NETWORK_EXCEPTION);
        let sent: Vec<_> = (0..3).map(|_| epoch_and_sequence(&trial.next())).collect();
        assert_eq!(sent, [(0, 0), (0, 1), (0, 3)]);
    }

    #[test]
    fn a_gap_before_the_first_raises_the_epoch_when_nothing_is_in_flight() {
        let mut trial = Trial::new();
        (1..=3).for_each(|records| trial.add(records));
        let (first, second) = (trial.next(), trial.next());
        trial.again(first, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        let stands_still = |trial: &mut Trial| {
            let next = trial.queue.next(&trial.settings, trial.now, Hurry(true), None);
            matches!(next, Next::Later(None))
        };
        assert!(stands_still(&mut trial), "the second one is still out under the old epoch");
        trial.again(second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        let sent: Vec<_> = (0..3).map(|_| epoch_and_sequence(&trial.next())).collect();
        assert_eq!(sent, [(1, 0), (1, 1), (1, 3)]);
    }

    #[test]
    fn a_batch_that_failed_for_good_leaves_a_gap_that_is_closed() {
        let mut trial = Trial::new();
        (1..=2).for_each(|records| trial.add(records));
        let (first, second) = (trial.next(), trial.next());
        trial.queue.answered(&first, false);
        trial.again(second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        assert_eq!(epoch_and_sequence(&trial.next()), (1, 0));
    }

    #[test]
    fn behind_the_last_epoch_comes_another_producer_id() {
        let mut trial = Trial::new();
        trial.queue.producer = Some((6, i16::MAX));
        trial.add(1);
        let first = trial.next();
        trial.again(first, ErrorCode::UNKNOWN_PRODUCER_ID);
        assert!(trial.queue.lacks_producer());
        let again = trial.next();
        assert_eq!((again.identity.unwrap().producer_id, epoch_and_sequence(&again)), (7, (0, 0)));
    }

    #[test]
    fn sequences_wrap_and_a_broker_remembers_five_batches() {
        let mut trial = Trial::new();
        trial.queue.next_sequence = i32::MAX;
        (0..6).for_each(|_| trial.add(1));
        let sequences: Vec<_> = (0..5).map(|_| epoch_and_sequence(&trial.next()).1).collect();
        assert_eq!(sequences, [i32::MAX, 0, 1, 2, 3]);
        assert!(matches!(trial.queue.next(&trial.settings, trial.now, Hurry(true), None), Next::Later(None)));
    }

    #[test]
    fn the_oldest_expire() {
        let mut trial = Trial::new();
        trial.add(1);
        let later = trial.queue.expires(&trial.settings).unwrap();
        assert!(trial.queue.expired(&trial.settings, trial.now).is_empty());
        assert_eq!(trial.queue.expired(&trial.settings, later).len(), 1);
        assert!(!trial.queue.has_unsent());
    }
}
