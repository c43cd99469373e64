//! A partition's life: opened or found offline, flushed in the background, closed cleanly or deleted.
//!
//! Always true: a clean stop of a partition that is offline is an error, so that no clean-shutdown marker is written.
//! Not done: no thread and no clock: the server says when.

use std::path::Path;

use super::append::Place;
use super::*;
use crate::log::recovery::{self, Opening, Recovered};
use crate::log::retention::{self, Retention};
use crate::os::{fadvise, fs};

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
        let names = fs::list(&folder)?;
        let mut epochs = LeaderEpochs::load(&folder)?;
        let known = epochs.is_some();
        let mut seen = LeaderEpochs::empty(&folder);
        let mut on_batch = |header: &BatchHeader| seen.note(header.leader_epoch, header.base_offset);
        let (log, recovered) = recovery::open(&folder, &names, config.log, opening, &mut on_batch)?;
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
        if !opening.is_read_only {
            snapshot::remove_beyond(&folder, &names, log.end_offset())?;
        }
        let producers = read_producers(&folder, &names, &log)?;
        let partition = Partition::new(name, config, opening.epoch, Storage::Online(log), epochs, producers);
        partition.lock().has_changed = !opening.is_clean && !opening.is_read_only;
        Ok((partition, recovered))
    }

    /// Writes this run's leader epoch down, which the first append under it does otherwise: making that file is part of
    /// making a partition, as with Kafka (`Partition.makeLeader`).
    pub fn begin_epoch(&self) -> Result<()> {
        let mut state = self.lock();
        let end = state.online()?.end_offset();
        state.epochs.begin(self.leader_epoch(), end)
    }

    /// A partition that is registered and cannot be read: it answers errors, and nothing touches its folder.
    pub fn offline(name: TopicPartition, config: PartitionConfig, leader_epoch: i32) -> Partition {
        let epochs = LeaderEpochs::empty(&PathBuf::new());
        Partition::new(name, config, leader_epoch, Storage::Offline, epochs, ProducerState::default())
    }

    fn new(
        name: TopicPartition,
        config: PartitionConfig,
        leader_epoch: i32,
        log: Storage,
        mut epochs: LeaderEpochs,
        producers: ProducerState,
    ) -> Partition {
        let (durable, recovery_point) = match &log {
            Storage::Online(log) => {
                epochs.cut_to(log.end_offset());
                (LogEnd { offset: log.recovery_point(), ..log.end() }, log.recovery_point())
            }
            _ => (LogEnd::default(), Offset(0)),
        };
        let state = State {
            log,
            epochs,
            producers,
            durable,
            wants_flush: false,
            is_failing: false,
            has_changed: false,
            taken: Taken::default(),
            wakers: Vec::new(),
        };
        let (config, flush) = (RwLock::new(config), Flush::new(recovery_point));
        let (state, snapshots, given) = (Mutex::new(state), Mutex::default(), Given::default());
        let (leader_epoch, is_mirrored) = (AtomicI32::new(leader_epoch), AtomicBool::new(false));
        Partition { name, config, leader_epoch, is_mirrored, state, flush, snapshots, given }
    }

    /// Takes another configuration into use; the next append goes by it.
    pub fn configure(&self, config: PartitionConfig) {
        *self.config.hold_write() = config;
        if let Storage::Online(log) = &mut self.lock().log {
            log.configure(config.log);
        }
    }

    /// Flushes what there is; used by the flusher and at a clean stop. After a roll the producer state is written down,
    /// so that a start after a kill reads the headers of the last segments only.
    pub fn flush_all(&self) -> Result<()> {
        let (end, snapshot) = {
            let mut state = self.lock();
            let has_rolled = std::mem::take(&mut state.wants_flush);
            match &state.log {
                Storage::Online(log) => {
                    let snapshot = has_rolled.then(|| (log.folder().to_path_buf(), state.producers.clone()));
                    (log.end_offset(), snapshot)
                }
                _ => return Ok(()),
            }
        };
        let has_rolled = snapshot.is_some();
        let written = self.flush_to(end).and_then(|()| match snapshot {
            Some((folder, producers)) => self.write_snapshot(&folder, end, &producers),
            None => Ok(()),
        });
        if written.is_err() && has_rolled {
            self.lock().wants_flush = true; // not done yet
        }
        written
    }

    fn write_snapshot(&self, folder: &Path, end: Offset, producers: &ProducerState) -> Result<()> {
        let _one_writer = self.snapshots.hold();
        snapshot::write(folder, end, producers)
    }

    /// Forgets producers that have not written since then.
    pub fn expire_producers(&self, before_ms: i64) {
        self.lock().producers.expire(before_ms);
    }

    /// Whether the flusher should look after this partition before its regular turn.
    pub fn wants_flush(&self) -> bool {
        let state = self.lock();
        let Ok(log) = state.online() else { return false };
        let end = log.end();
        let unflushed = match end.segment == state.durable.segment {
            true => end.position.0.saturating_sub(state.durable.position.0),
            false => end.position.0,
        };
        state.wants_flush || unflushed > UNFLUSHED_BYTES_MAX
    }

    /// Recovery point and log start, for the checkpoints; `None` while offline.
    pub fn checkpoint(&self) -> Option<(Offset, Offset)> {
        let state = self.lock();
        state.online().ok().map(|log| (log.recovery_point(), log.start_offset()))
    }

    /// The last step of a clean stop, after a flush: nothing is appended any more. A partition that did not change in
    /// this life has nothing to write.
    ///
    /// A request that outlived the stop's patience may have appended after the flush: then the stop is not clean.
    pub fn finish(&self) -> Result<()> {
        let mut state = self.lock();
        let State { log, producers, epochs, has_changed, .. } = &mut *state;
        match log {
            Storage::Online(online) if online.recovery_point() == online.end_offset() => {
                if *has_changed {
                    epochs.sync()?;
                    online.finish()?;
                    snapshot::write(online.folder(), online.end_offset(), producers)?;
                }
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
        match self.config().flush_mode {
            FlushMode::Os => Ok(()),
            _ => self.flush_to(offset),
        }
    }

    /// `log.page.cache=drop`: the append goes to the disk at once, and no page of it stays in memory (idea 3 off).
    pub(super) fn drop_pages(&self, place: Place) -> Result<Place> {
        let file = self.view_of(place.1)?.log;
        self.flush_to(place.1 + 1)?;
        fadvise::drop_pages(&*file.get()?);
        Ok(place)
    }

    /// Where the log starts when what retention lets go is gone; `None` while nothing goes.
    pub fn start_after(&self, retention: Retention, now_ms: i64) -> Result<Option<Offset>> {
        let (views, log_end) = {
            let state = self.lock();
            let log = state.online()?;
            (log.views_from_start(), log.end_offset())
        };
        self.check_read(retention::start_after(&views, log_end, retention, now_ms))
    }

    /// Before a log start that retention asks for: at the very end of the log a new segment begins.
    pub fn roll_for_start(&self, offset: Offset) -> Result<()> {
        let mut state = self.lock();
        state.online()?;
        let Storage::Online(log) = &mut state.log else { unreachable!("seen to be online") };
        let rolled = log.roll_for_start(offset);
        self.check_storage(&mut state, rolled)
    }

    /// Before the log start moves up to `offset`, and its checkpoint says so: what lies below is on the disk, and what is
    /// known of producers does not go with the segments that it came from.
    pub fn prepare_start(&self, offset: Offset) -> Result<()> {
        let known = {
            let state = self.lock();
            let log = state.online()?;
            let segments_go = log.views().get(1).is_some_and(|second| second.base_offset <= offset);
            let known = || (log.folder().to_path_buf(), log.end_offset(), state.producers.clone());
            (segments_go && state.producers.len() > 0).then(known)
        };
        let Some((folder, end, producers)) = known else { return self.flush_unless_os(offset) };
        self.flush_unless_os(end)?;
        self.write_snapshot(&folder, end, &producers)
    }

    /// Moves the log start up, after its checkpoint: the log start, and the files to unlink.
    pub fn advance_start(&self, offset: Offset) -> Result<(Offset, Vec<PathBuf>)> {
        let mut state = self.lock();
        state.online()?;
        let Storage::Online(log) = &mut state.log else { unreachable!("seen to be online") };
        let deleted = log.advance_start(offset);
        Ok((log.start_offset(), deleted))
    }

    /// Bytes of all its segments.
    pub fn size_bytes(&self) -> u64 {
        self.lock().online().map_or(0, Log::size)
    }

    pub fn is_offline(&self) -> bool {
        matches!(self.lock().log, Storage::Offline)
    }

    /// Ends the partition's life: appends, flushes and fetches that wait get UNKNOWN_TOPIC_OR_PARTITION.
    pub fn mark_deleted(&self) {
        let mut state = self.lock();
        state.log = Storage::Deleted;
        state.wake_all();
        drop(state);
        self.flush.close(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}

/// What an error of the storage means.
impl Partition {
    /// An append that failed is said once, until one succeeds; one that left something behind takes the partition
    /// offline.
    pub(super) fn check_storage<T>(&self, state: &mut State, result: Result<T>) -> Result<T> {
        match &result {
            Err(error @ Error::Corrupt { .. }) => self.take_offline(state, error),
            Err(error @ Error::Storage { .. }) if !std::mem::replace(&mut state.is_failing, true) => {
                note!(Error, "append_failed", [partition = self.name], "and says so to its producers: {error}");
            }
            Ok(_) if std::mem::take(&mut state.is_failing) => {
                note!(Info, "append_works_again", [partition = self.name], "appends work again");
            }
            _ => {}
        }
        result
    }

    /// A read that meets bytes which cannot be a batch takes the partition offline; nothing on the disk changes. One that
    /// the log start has overtaken is out of range.
    pub(super) fn check_read<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            let mut state = self.lock();
            let log = state.online()?; // a deleted partition's files went away: say that instead
            if log.has_let_go(error) {
                let why = format!("the log starts at offset {} meanwhile", log.start_offset());
                return Err(Error::rejected(ErrorCode::OFFSET_OUT_OF_RANGE, why));
            }
            if matches!(error, Error::Corrupt { .. }) {
                self.take_offline(&mut state, error);
            }
        }
        result
    }

    /// For an error elsewhere that leaves it open what a start will find of this partition.
    pub fn go_offline(&self, error: &Error) {
        self.take_offline(&mut self.lock(), error);
    }

    pub(super) fn take_offline(&self, state: &mut State, error: &Error) {
        if matches!(state.log, Storage::Online(_)) {
            say_offline(&self.name, error);
            state.log = Storage::Offline;
            state.wake_all();
            self.flush.close(ErrorCode::KAFKA_STORAGE_ERROR);
        }
    }
}

/// The one line about a partition that goes offline: which, why, where, and what shows more.
pub fn say_offline(name: &TopicPartition, error: &Error) {
    let more = match error {
        Error::Corrupt { path, .. } if path.extension().is_some_and(|suffix| suffix == "log") => {
            format!("; nothing was changed, `sendlog dump-log {}` shows more", path.display())
        }
        _ => String::new(),
    };
    note!(
        Error,
        "partition_offline",
        [partition = name],
        "OFFLINE until the broker starts again: {error}{more}"
    );
}

fn read_all_epochs(log: &Log, epochs: &mut LeaderEpochs) -> Result<()> {
    let from = log.start_offset();
    log.for_each_header(from, |header| epochs.note(header.leader_epoch, header.base_offset))
}

/// The newest snapshot, and the headers behind it; without one, or with one that is not whole, all headers there are,
/// also below the log start.
fn read_producers(folder: &Path, names: &[fs::Entry], log: &Log) -> Result<ProducerState> {
    let first = log.views().first().map_or(Offset(0), |view| view.base_offset);
    let found = snapshot::read(folder, names, log.end_offset())?;
    let (from, mut producers) = match found {
        None => (first, ProducerState::default()),
        Some(snapshot::Found { offset, state, is_whole }) if is_whole || state.len() == 0 => (offset, state),
        Some(snapshot::Found { offset, mut state, .. }) => {
            let mut walked = ProducerState::default();
            log.for_each_header(first, |header| {
                if header.base_offset < offset {
                    walked.note(header, header.base_offset);
                }
            })?;
            state.complete(walked);
            (offset, state)
        }
    };
    log.for_each_header(from, |header| producers.note(header, header.base_offset))?;
    Ok(producers)
}
