//! What a partition remembers of idempotent producers, to append each of their batches exactly once (KIP-98).
//!
//! For each producer id: its epoch and its last five batches, by their sequence numbers. A batch that is one of them
//! was sent again; any other must carry on where the last one ended. Errors are those of Kafka 4
//! (`ProducerStateManager`, `ProducerAppendInfo`).
//!
//! Always true: a producer that nothing is known of may start at any sequence; a new epoch starts at 0; what is known
//! goes by age alone (`producer.id.expiration.ms`), not with the segments it came from.
//! Not done: no transactions.

use std::collections::{HashMap, VecDeque};

use crate::base::{Error, ErrorCode, Offset, Result};
use crate::record::header::BatchHeader;

/// Batches that are remembered of each producer: as many as it may have in flight.
pub const BATCHES_KEPT: usize = 5;

/// One batch of a producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sequenced {
    pub first_sequence: i32,
    pub last_sequence: i32,
    pub first: Offset,
    pub last: Offset,
    pub timestamp_ms: i64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Producer {
    pub epoch: i16,
    /// Oldest first, never empty.
    pub batches: VecDeque<Sequenced>,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ProducerState {
    producers: HashMap<i64, Producer>,
}

/// What a batch is to this partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    New,
    /// It lies here already.
    Duplicate(Sequenced),
}

impl Sequenced {
    /// A batch of `delta` + 1 records that ends so.
    pub fn ending(last_sequence: i32, last: Offset, delta: i32, timestamp_ms: i64) -> Sequenced {
        let first_sequence = add_sequence(last_sequence, -delta);
        Sequenced { first_sequence, last_sequence, first: last - i64::from(delta), last, timestamp_ms }
    }

    /// A batch of `header`, which starts at `first` in the log.
    fn of(header: &BatchHeader, first: Offset) -> Sequenced {
        Sequenced {
            first_sequence: header.base_sequence,
            last_sequence: add_sequence(header.base_sequence, header.last_offset_delta),
            first,
            last: first + i64::from(header.last_offset_delta),
            timestamp_ms: header.max_timestamp_ms,
        }
    }
}

/// Sequence numbers go from 0 to 2^31-1 and begin again.
fn add_sequence(sequence: i32, records: i32) -> i32 {
    (i64::from(sequence) + i64::from(records)).rem_euclid(i64::from(i32::MAX) + 1) as i32
}

impl ProducerState {
    /// Judges a batch before it is appended.
    pub fn check(&self, header: &BatchHeader) -> Result<Verdict> {
        if header.producer_id >= 0 && header.base_sequence < 0 {
            let why = format!("producer {} sent sequence {}", header.producer_id, header.base_sequence);
            return Err(Error::rejected(ErrorCode::INVALID_RECORD, why));
        }
        let Some(producer) = self.producers.get(&header.producer_id).filter(|_| header.producer_id >= 0) else {
            return Ok(Verdict::New);
        };
        let refuse = |code, why: String| Err(Error::rejected(code, why));
        let id = header.producer_id;
        if header.producer_epoch < producer.epoch {
            let why = format!("producer {id} has epoch {}, not {}", producer.epoch, header.producer_epoch);
            return refuse(ErrorCode::INVALID_PRODUCER_EPOCH, why);
        }
        if header.producer_epoch > producer.epoch {
            return match header.base_sequence {
                0 => Ok(Verdict::New),
                other => {
                    let why = format!("producer {id} begins epoch {} at sequence {other}", header.producer_epoch);
                    refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, why)
                }
            };
        }
        // tour: duplicate
        let batch = Sequenced::of(header, Offset(0));
        let is_same = |known: &&Sequenced| {
            known.first_sequence == batch.first_sequence && known.last_sequence == batch.last_sequence
        };
        if let Some(known) = producer.batches.iter().find(is_same) {
            return Ok(Verdict::Duplicate(*known));
        }
        match add_sequence(producer.last().last_sequence, 1) {
            next if next == header.base_sequence => Ok(Verdict::New),
            next => {
                let why = format!("producer {id} sent sequence {}, expected is {next}", header.base_sequence);
                refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, why)
            }
        }
        // end
    }

    /// Takes in a batch that lies in the log at `first`.
    pub fn note(&mut self, header: &BatchHeader, first: Offset) {
        if header.producer_id < 0 || header.is_control() {
            return;
        }
        let batch = Sequenced::of(header, first);
        let fresh = || Producer { epoch: header.producer_epoch, batches: VecDeque::new() };
        let producer = self.producers.entry(header.producer_id).or_insert_with(fresh);
        if producer.epoch != header.producer_epoch {
            *producer = fresh();
        }
        producer.batches.push_back(batch);
        if producer.batches.len() > BATCHES_KEPT {
            producer.batches.pop_front();
        }
    }

    /// What is known of these producers, to be put back with [`ProducerState::restore_entries`].
    pub fn entries(&self, ids: impl Iterator<Item = i64>) -> Vec<(i64, Option<Producer>)> {
        ids.filter(|id| *id >= 0).map(|id| (id, self.producers.get(&id).cloned())).collect()
    }

    pub fn restore_entries(&mut self, entries: Vec<(i64, Option<Producer>)>) {
        for (id, known) in entries {
            match known {
                Some(producer) => drop(self.producers.insert(id, producer)),
                None => drop(self.producers.remove(&id)),
            }
        }
    }

    /// Forgets producers whose last batch is of that time or older.
    pub fn expire(&mut self, until_ms: i64) {
        self.producers.retain(|_, producer| producer.last().timestamp_ms > until_ms);
    }

    /// Takes over the batches before the last one, where `walked`, which was read from the log up to the same offset, has
    /// them.
    pub fn complete(&mut self, mut walked: ProducerState) {
        for (id, producer) in &mut self.producers {
            if let Some(found) = walked.producers.remove(id) {
                *producer = found;
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.producers.iter().map(|(id, producer)| (*id, producer))
    }

    pub(super) fn len(&self) -> usize {
        self.producers.len()
    }

    /// Puts back what a snapshot held.
    pub fn restore(&mut self, id: i64, producer: Producer) {
        assert!(!producer.batches.is_empty(), "a producer is known by a batch");
        self.producers.insert(id, producer);
    }
}

impl Producer {
    pub fn last(&self) -> &Sequenced {
        self.batches.back().expect("never empty")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchBuilder;

    fn header(id: i64, epoch: i16, sequence: i32, count: i32) -> BatchHeader {
        let mut header = BatchHeader::parse(&BatchBuilder::new().record(9, None, None).build()).unwrap();
        (header.producer_id, header.producer_epoch, header.base_sequence) = (id, epoch, sequence);
        (header.last_offset_delta, header.record_count) = (count - 1, count);
        header
    }

    /// Checks and, if it is new, appends; what came of it.
    fn send(state: &mut ProducerState, end: &mut i64, header: BatchHeader) -> std::result::Result<i64, ErrorCode> {
        match state.check(&header).map_err(|error| error.code())? {
            Verdict::Duplicate(known) => Ok(known.first.0),
            Verdict::New => {
                state.note(&header, Offset(*end));
                *end += i64::from(header.record_count);
                Ok(*end - i64::from(header.record_count))
            }
        }
    }

    #[test]
    fn a_batch_that_comes_again_is_answered_with_its_offset() {
        let (mut state, mut end) = (ProducerState::default(), 0);
        for i in 0..7 {
            assert_eq!(send(&mut state, &mut end, header(1, 0, i * 2, 2)), Ok(i64::from(i) * 2));
        }
        for i in 2..7 {
            assert_eq!(send(&mut state, &mut end, header(1, 0, i * 2, 2)), Ok(i64::from(i) * 2), "batch {i}");
        }
        let old = send(&mut state, &mut end, header(1, 0, 2, 2));
        assert_eq!(old, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER), "older than the last five");
        assert_eq!(end, 14);
    }

    #[test]
    fn sequences_carry_on_epochs_rise_and_strangers_start_anywhere() {
        let (mut state, mut end) = (ProducerState::default(), 0);
        assert_eq!(send(&mut state, &mut end, header(1, 3, 100, 1)), Ok(0));
        for (epoch, sequence, expected) in [
            (3, 102, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)),
            (3, 101, Ok(1)),
            (2, 102, Err(ErrorCode::INVALID_PRODUCER_EPOCH)),
            (4, 5, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)),
            (4, 0, Ok(2)),
            (4, 1, Ok(3)),
            (3, 102, Err(ErrorCode::INVALID_PRODUCER_EPOCH)),
        ] {
            assert_eq!(send(&mut state, &mut end, header(1, epoch, sequence, 1)), expected, "{epoch} {sequence}");
        }
        assert_eq!(send(&mut state, &mut end, header(-1, -1, -1, 1)), Ok(4), "without an id nothing is judged");
        assert_eq!(send(&mut state, &mut end, header(2, 0, -1, 1)), Err(ErrorCode::INVALID_RECORD));
    }

    #[test]
    fn sequences_begin_again_after_the_largest() {
        let (mut state, mut end) = (ProducerState::default(), 0);
        send(&mut state, &mut end, header(1, 0, i32::MAX - 1, 4)).unwrap();
        assert_eq!(send(&mut state, &mut end, header(1, 0, 2, 1)), Ok(4));
        assert_eq!(send(&mut state, &mut end, header(1, 0, i32::MAX - 1, 4)), Ok(0), "the same batch again");
    }

    #[test]
    fn producers_expire_by_time_alone() {
        let (mut state, mut end) = (ProducerState::default(), 0);
        send(&mut state, &mut end, header(1, 0, 0, 1)).unwrap();
        state.expire(8);
        assert_eq!(state.len(), 1);
        state.expire(9);
        assert_eq!(state.len(), 0);
    }
}
