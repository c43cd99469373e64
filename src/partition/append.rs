//! Appending: batches are checked without the lock, then placed and written under it.
//!
//! Fast path: the batches that one client's pipeline has brought for a partition go into the log with one `writev(2)`,
//! since the kernel takes 80 KB at once with less work than 16 KB five times.
//!
//! Always true: batches are appended in the order in which they came, and each has its own answer. What could not be
//! written left no trace: neither in the log nor in what is remembered of producers.
//! Not done: no flush: whoever has asked for one waits for it afterwards.

use super::*;
use crate::log::Checked;

/// The batch of one produce request.
pub struct Incoming<'a> {
    pub bytes: &'a mut [u8],
    pub produce_version: i16,
}

/// What was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    pub first: Offset,
    pub last: Offset,
    /// ms since 1970 if the broker's clock counts, -1 if the producer's does
    pub log_append_time_ms: i64,
    pub log_start: Offset,
}

/// The first and the last offset of a batch.
pub(super) type Place = (Offset, Offset);

impl Partition {
    /// Checks, stamps and appends one batch.
    pub fn append(&self, batch: &mut [u8], produce_version: i16, now_ms: i64) -> Result<Appended> {
        self.append_all(vec![Incoming { bytes: batch, produce_version }], now_ms).remove(0)
    }

    // tour: four-ideas
    /// Checks, stamps and appends batches; an answer for each.
    pub fn append_all(&self, batches: Vec<Incoming>, now_ms: i64) -> Vec<Result<Appended>> {
        let config = self.config();
        let checked: Vec<_> = batches.into_iter().map(|batch| check(batch, &config, now_ms)).collect();
        let mut state = self.lock();
        let mut places = state.append_all(checked, self.leader_epoch);
        let log_start = state.online().map_or(Offset(0), Log::start_offset);
        places = places.into_iter().map(|place| self.check_storage(&mut state, place)).collect();
        if config.flush_mode != FlushMode::Always && places.iter().any(Result::is_ok) {
            seeded::panic_at("panic-in-append", &self.name.topic);
            state.wake_all();
        }
        drop(state);
        if config.drops_pages {
            places = places.into_iter().map(|place| place.and_then(|place| self.drop_pages(place))).collect();
        }
        let log_append_time_ms = if config.is_log_append_time { now_ms } else { -1 };
        let appended = |(first, last)| Appended { first, last, log_append_time_ms, log_start };
        places.into_iter().map(|place| place.map(appended)).collect()
    }
    // end
}

fn check<'a>(incoming: Incoming<'a>, config: &PartitionConfig, now_ms: i64) -> Result<Checked<'a>> {
    let Incoming { bytes, produce_version } = incoming;
    let mut header = check::check(bytes, &config.rules, produce_version, now_ms)?;
    if bytes.len() as u64 > config.log.segment_bytes {
        let why = format!("a batch of {} bytes is over segment.bytes", bytes.len());
        return Err(Error::rejected(ErrorCode::RECORD_LIST_TOO_LARGE, why));
    }
    if config.is_log_append_time {
        header::stamp_log_append_time(bytes, now_ms);
        header.max_timestamp_ms = now_ms;
    }
    Ok(Checked { bytes, header })
}

impl State {
    /// Finds each batch its place, then writes those that are new.
    fn append_all<'a>(&mut self, checked: Vec<Result<Checked<'a>>>, leader_epoch: i32) -> Vec<Result<Place>> {
        let mut run: Vec<Checked<'a>> = Vec::with_capacity(checked.len());
        let known = self.producers.entries(checked.iter().flatten().map(|batch| batch.header.producer_id));
        let begin = self.online().map_or(Offset(0), Log::end_offset);
        let mut next = begin;
        let place = |batch: Result<Checked<'a>>| self.place(batch?, &mut next, &mut run);
        let mut places: Vec<Result<Place>> = checked.into_iter().map(place).collect();
        if let Err(error) = self.write(&mut run, leader_epoch) {
            self.take_back(known, &run, begin, &mut places, error);
        }
        places
    }

    // tour: place
    /// The place of a batch; one that is new joins the run of those to be written.
    fn place<'a>(&mut self, batch: Checked<'a>, next: &mut Offset, run: &mut Vec<Checked<'a>>) -> Result<Place> {
        self.online()?;
        if let Verdict::Duplicate(known) = self.producers.check(&batch.header)? {
            return Ok((known.first, known.last));
        }
        let first = *next;
        *next += batch.header.offset_count();
        self.producers.note(&batch.header, first);
        run.push(batch);
        Ok((first, *next - 1))
    }
    // end

    fn write(&mut self, mut run: &mut [Checked], leader_epoch: i32) -> Result<()> {
        while !run.is_empty() {
            self.online()?;
            let Storage::Online(log) = &mut self.log else { unreachable!("seen to be online") };
            self.epochs.begin(leader_epoch, log.end_offset())?;
            let appended = log.append(run, leader_epoch)?;
            self.wants_flush |= appended.rolled;
            self.has_changed = true;
            let (written, rest) = run.split_at_mut(appended.batches);
            self.taken.add(written, appended.last + 1 - appended.first);
            run = rest;
        }
        Ok(())
    }
}
