//! How far each log is flushed and where it starts, as the data directory's checkpoints say it; and the clean stop.
//!
//! Always true: a log start is in its checkpoint, durably, before anybody is told. A partition that is offline keeps the
//! entries it has.
//! Not done: no thread: the server's background says when.

use super::*;
use crate::topic::open::{Job, RunAll};

impl TopicRegistry {
    /// Deletes the records below `offset`; returns the log start, which is durable by then.
    ///
    /// Order: flush up to the new start (not in `os` mode), checkpoint it, take it into use, unlink segments later. A
    /// start in between finds the checkpoint and does the rest.
    pub fn delete_records(&self, partition: &Partition, offset: Offset) -> Result<Offset> {
        self.check_writable()?;
        let bounds = partition.bounds()?;
        if offset < Offset(0) || offset > bounds.high_watermark {
            let why = format!("offset {offset} is not within 0 to {}", bounds.high_watermark);
            return Err(Error::rejected(ErrorCode::OFFSET_OUT_OF_RANGE, why));
        }
        if offset <= bounds.log_start {
            return Ok(bounds.log_start);
        }
        partition.prepare_start(offset)?;
        let _one_writer = (!is_on("lock-dropped-early")).then(|| self.checkpoints.hold());
        // Its name may belong to another topic by now.
        let topic = self.find(&partition.name().topic).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if !topic.partitions.iter().any(|known| std::ptr::eq(&**known, partition)) {
            return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into());
        }
        let mut log_starts = self.offsets(self.data.log_starts()?, |(_, log_start)| log_start);
        let start = log_starts.entry(partition.name().clone()).or_default();
        *start = offset.max(*start);
        if is_on("start-before-checkpoint") {
            partition.advance_start(offset)?;
        }
        self.data.write_log_starts(&log_starts)?;
        let (log_start, deleted) = partition.advance_start(offset)?;
        self.delete_later(deleted, topic.delete_delay_ms(&self.config()));
        Ok(log_start)
    }

    /// Writes down how far each log is flushed and where it starts.
    pub fn write_checkpoints(&self) -> Result<()> {
        let _one_writer = self.checkpoints.hold();
        let recovery_points = self.offsets(self.data.recovery_points()?, |(recovery_point, _)| recovery_point);
        self.data.write_recovery_points(&recovery_points)?;
        let known = self.data.log_starts()?;
        let log_starts = self.offsets(known.clone(), |(_, log_start)| log_start);
        if log_starts != known {
            self.data.write_log_starts(&log_starts)?;
        }
        Ok(())
    }

    /// Checkpoints go by name: what an earlier topic of this name left in them is not the new one's.
    pub(super) fn forget_checkpoints(&self, topic: &str) -> Result<()> {
        let _one_writer = self.checkpoints.hold();
        let without = |mut offsets: Offsets| {
            let count = offsets.len();
            offsets.retain(|name, _| name.topic != topic);
            (offsets.len() < count).then_some(offsets)
        };
        if let Some(recovery_points) = without(self.data.recovery_points()?) {
            self.data.write_recovery_points(&recovery_points)?;
        }
        if let Some(log_starts) = without(self.data.log_starts()?) {
            self.data.write_log_starts(&log_starts)?;
        }
        Ok(())
    }

    /// What `pick` takes of each partition's recovery point and log start, where it is not 0. A partition that is
    /// offline keeps what is `known`: its next start must not take what was flushed for a torn tail.
    fn offsets(&self, known: Offsets, pick: impl Fn((Offset, Offset)) -> Offset) -> Offsets {
        picked(&self.all(), known, pick)
    }

    /// A clean stop: everything flushed, checkpoints, snapshots, indexes whole, and last the marker, unless a step failed.
    pub fn close(&self) -> Result<()> {
        self.close_with(&|jobs| jobs.into_iter().for_each(|job| job()))
    }

    /// The same, with someone to run the jobs of a stop.
    pub fn close_with(&self, run_all: RunAll) -> Result<()> {
        if self.is_read_only {
            return Ok(());
        }
        self.remove_deleted(i64::MAX);
        let flushed = self.for_each_partition(run_all, |partition| partition.flush_all());
        self.write_checkpoints()?;
        flushed.and(self.for_each_partition(run_all, |partition| partition.finish()))?;
        self.data.write_clean_marker()
    }

    /// Takes a step with every partition, also when it fails with one: the next start has less to recover.
    fn for_each_partition(&self, run_all: RunAll, step: impl Fn(&Partition) -> Result<()> + Sync) -> Result<()> {
        let topics = self.all();
        let failed = Mutex::new(Ok(()));
        let take = &|partition: &Partition| {
            if let Err(error) = step(partition) {
                *failed.hold() = Err(error);
            }
        };
        let partitions = topics.iter().flat_map(|topic| &topic.partitions);
        run_all(partitions.map(|partition| Box::new(move || take(partition)) as Job).collect());
        failed.into_inner().unwrap()
    }
}

/// See [`TopicRegistry::offsets`].
pub(super) fn picked(topics: &[Arc<Topic>], known: Offsets, pick: impl Fn((Offset, Offset)) -> Offset) -> Offsets {
    let partitions = topics.iter().flat_map(|topic| &topic.partitions);
    let offsets = partitions.map(|partition| {
        let name = partition.name();
        let offset = partition.checkpoint().map(&pick).or_else(|| known.get(name).copied());
        (name.clone(), offset.unwrap_or_default())
    });
    offsets.filter(|(_, offset)| *offset > Offset(0)).collect()
}
