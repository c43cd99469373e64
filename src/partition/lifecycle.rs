//! A partition's life: opened or found offline, flushed in the background, closed cleanly or deleted.
//!
//! Always true: a clean stop of a partition that is offline is an error, so that no clean-shutdown marker is written.

use super::*;
use crate::log::recovery::{self, Opening, Recovered};

/// Unflushed bytes from which on a flush in the background is due: they bound what the next recovery reads.
const UNFLUSHED_BYTES_MAX: u64 = 256 << 20;

impl Partition {
    /// Opens the partition that lies in `folder`.
    pub fn open(
        name: TopicPartition,
        folder: PathBuf,
        config: PartitionConfig,
        opening: Opening,
    ) -> Result<(Partition, Recovered)> {
        let mut epochs = LeaderEpochs::load(&folder)?;
        let known = epochs.is_some();
        let mut seen = LeaderEpochs::empty(&folder);
        let mut on_batch = |header: &BatchHeader| seen.note(header.leader_epoch, header.base_offset);
        let (log, recovered) = recovery::open(&folder, config.log.clone(), opening, &mut on_batch)?;
        if !known {
            seen = LeaderEpochs::empty(&folder);
            read_all_epochs(&log, &mut seen)?;
        }
        let epochs = match epochs.take() {
            Some(mut epochs) => {
                epochs.merge(&seen);
                epochs
            }
            None => seen,
        };
        Ok((Partition::new(name, config, opening.epoch, Storage::Online(log), epochs), recovered))
    }

    /// A partition that is registered and cannot be read: it answers errors, and nothing touches its folder.
    pub fn offline(name: TopicPartition, config: PartitionConfig, leader_epoch: i32) -> Partition {
        Partition::new(name, config, leader_epoch, Storage::Offline, LeaderEpochs::empty(&PathBuf::new()))
    }

    fn new(
        name: TopicPartition,
        config: PartitionConfig,
        leader_epoch: i32,
        log: Storage,
        mut epochs: LeaderEpochs,
    ) -> Partition {
        let (durable, recovery_point) = match &log {
            Storage::Online(log) => {
                epochs.cut_to(log.end_offset());
                (LogEnd { offset: log.recovery_point(), ..log.end() }, log.recovery_point())
            }
            _ => (LogEnd::default(), Offset(0)),
        };
        let state = State { log, epochs, durable, wants_flush: false, wakers: Vec::new() };
        Partition { name, config, leader_epoch, state: Mutex::new(state), flush: Flush::new(recovery_point) }
    }

    /// Flushes what there is; used by the flusher and at a clean stop.
    pub fn flush_all(&self) -> Result<()> {
        let end = {
            let mut state = self.state.lock().unwrap();
            state.wants_flush = false;
            match &state.log {
                Storage::Online(log) => log.end_offset(),
                _ => return Ok(()),
            }
        };
        self.flush_to(end)
    }

    /// Whether the flusher should look after this partition before its regular turn.
    pub fn wants_flush(&self) -> bool {
        let state = self.state.lock().unwrap();
        let is_large = || state.online().is_ok_and(|log| log.unflushed_bytes() > UNFLUSHED_BYTES_MAX);
        state.wants_flush || is_large()
    }

    /// Recovery point and log start, for the checkpoints; `None` while offline.
    pub fn checkpoint(&self) -> Option<(Offset, Offset)> {
        let state = self.state.lock().unwrap();
        state.online().ok().map(|log| (log.recovery_point(), log.start_offset()))
    }

    /// The last step of a clean stop, after a flush: nothing is appended any more.
    ///
    /// A request that outlived the stop's patience may have appended after the flush: then the stop is not clean.
    pub fn finish(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        let State { log, epochs, .. } = &mut *state;
        match log {
            Storage::Online(online) if online.recovery_point() == online.end_offset() => {
                epochs.sync()?;
                online.finish()?;
                *log = Storage::Offline;
                Ok(())
            }
            Storage::Online(_) => Err(Error::rejected(ErrorCode::KAFKA_STORAGE_ERROR, "appended to during the stop")),
            Storage::Offline => Err(ErrorCode::KAFKA_STORAGE_ERROR.into()),
            Storage::Deleted => Ok(()),
        }
    }

    /// Flushes, unless the broker never promises that: what a log start or a committed offset points past has to be on
    /// the disk first.
    pub fn flush_unless_os(&self, offset: Offset) -> Result<()> {
        match self.config.flush_mode {
            FlushMode::Os => Ok(()),
            _ => self.flush_to(offset),
        }
    }

    /// Moves the log start up, after its checkpoint: the log start, and the files to unlink.
    pub fn advance_start(&self, offset: Offset) -> Result<(Offset, Vec<PathBuf>)> {
        let mut state = self.state.lock().unwrap();
        state.online()?;
        let Storage::Online(log) = &mut state.log else { unreachable!("seen to be online") };
        let deleted = log.advance_start(offset)?;
        Ok((log.start_offset(), deleted))
    }

    /// Bytes of all its segments.
    pub fn size_bytes(&self) -> u64 {
        self.state.lock().unwrap().online().map_or(0, Log::size)
    }

    pub fn is_offline(&self) -> bool {
        matches!(self.state.lock().unwrap().log, Storage::Offline)
    }

    /// Ends the partition's life: appends, flushes and fetches that wait get UNKNOWN_TOPIC_OR_PARTITION.
    pub fn mark_deleted(&self) {
        let mut state = self.state.lock().unwrap();
        state.log = Storage::Deleted;
        state.wake_all();
        drop(state);
        self.flush.close(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}

fn read_all_epochs(log: &Log, epochs: &mut LeaderEpochs) -> Result<()> {
    for view in log.views() {
        view.for_each_header(|header| epochs.note(header.leader_epoch, header.base_offset))?;
    }
    Ok(())
}
