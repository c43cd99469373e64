//! Questions about a partition: its bounds, where a timestamp is, which leader epoch began and ended where.
//!
//! Always true: the lock is held to copy what is needed; files are looked into without it.
//! Not done: nothing is changed here.

use super::*;
use crate::log::FoundTimestamp;

impl Partition {
    pub fn bounds(&self) -> Result<Bounds> {
        let state = self.lock();
        Ok(self.bounds_of(&state, state.online()?))
    }

    fn views(&self) -> Result<(Bounds, Vec<SegmentView>)> {
        let state = self.lock();
        let log = state.online()?;
        let views = log.views_from_start().into_iter().map(|view| self.visible(&state, view)).collect();
        Ok((self.bounds_of(&state, log), views))
    }

    /// The first visible record with a timestamp of at least `timestamp_ms`.
    pub fn find_timestamp(&self, timestamp_ms: i64) -> Result<Option<FoundTimestamp>> {
        look(|| self.look_for_timestamp(timestamp_ms))
    }

    fn look_for_timestamp(&self, timestamp_ms: i64) -> Result<Option<FoundTimestamp>> {
        let (bounds, views) = self.views()?;
        for view in views {
            let largest = self.check_read(view.largest_timestamp())?;
            if largest.is_none_or(|largest| largest.timestamp_ms < timestamp_ms) {
                continue;
            }
            let found = self.check_read(view.find_timestamp(timestamp_ms, bounds.log_start))?;
            if found.is_some_and(|found| found.offset < bounds.high_watermark) {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The visible record with the largest timestamp, the first of them if there are several (KIP-734).
    pub fn find_largest_timestamp(&self) -> Result<Option<FoundTimestamp>> {
        look(|| self.look_for_largest_timestamp())
    }

    fn look_for_largest_timestamp(&self) -> Result<Option<FoundTimestamp>> {
        let (_, views) = self.views()?;
        let mut largest: Option<(i64, &SegmentView)> = None;
        for view in &views {
            if let Some(entry) = self.check_read(view.largest_timestamp())? {
                if largest.is_none_or(|(timestamp_ms, _)| entry.timestamp_ms > timestamp_ms) {
                    largest = Some((entry.timestamp_ms, view));
                }
            }
        }
        match largest {
            Some((_, view)) => self.check_read(view.find_largest_timestamp()),
            None => Ok(None),
        }
    }

    /// The leader epoch of the record at `offset`, or of the next one to come.
    pub fn leader_epoch_at(&self, offset: Offset) -> Result<i32> {
        let state = self.lock();
        let log_end = state.online()?.end_offset();
        Ok(if offset < log_end { state.epochs.at(offset) } else { self.leader_epoch })
    }

    /// The producers that are remembered, by id: epoch and last batch.
    pub fn active_producers(&self) -> Result<Vec<(i64, i16, Sequenced)>> {
        let state = self.lock();
        state.online()?;
        let mut active: Vec<_> = state.producers.iter().map(|(id, known)| (id, known.epoch, *known.last())).collect();
        active.sort_by_key(|(id, ..)| *id);
        Ok(active)
    }

    /// Whether a client that names the leader epoch it knows is up to date; -1 names none.
    pub fn check_leader_epoch(&self, client_epoch: i32) -> Result<()> {
        match client_epoch {
            -1 => Ok(()),
            epoch if epoch < self.leader_epoch => Err(ErrorCode::FENCED_LEADER_EPOCH.into()),
            epoch if epoch > self.leader_epoch => Err(ErrorCode::UNKNOWN_LEADER_EPOCH.into()),
            _ => Ok(()),
        }
    }

    /// The end of an epoch's records: the largest known epoch up to it, and where the next one begins.
    pub fn epoch_end(&self, epoch: i32) -> Result<Option<(i32, Offset)>> {
        let state = self.lock();
        let end = state.online()?.end_offset();
        if epoch == self.leader_epoch {
            return Ok(Some((epoch, end)));
        }
        Ok(state.epochs.end_of(epoch, (self.leader_epoch, end)))
    }
}

/// Looks again when the log start has moved past a segment that was being looked into.
fn look<T>(at_all: impl Fn() -> Result<T>) -> Result<T> {
    loop {
        match at_all() {
            Err(error) if error.code() == ErrorCode::OFFSET_OUT_OF_RANGE => {}
            other => return other,
        }
    }
}
