//! Retention, topic by topic: what is old enough, or too much, goes. What was deleted is unlinked after a while
//! (`file.delete.delay.ms`), so that a slow reader finds the pages it is being sent in the cache of a file that lives.
//!
//! Always true: the log start moves as DeleteRecords moves it, durable before anything goes. The broker's own topics are
//! never touched, nor are topics without `delete` in their `cleanup.policy`.
//! Not done: no clock; the caller says when.

use super::*;
use crate::log::retention::Retention;

impl TopicRegistry {
    /// Lets go what each topic's `retention.ms` and `retention.bytes` no longer keep.
    pub fn apply_retention(&self, now_ms: i64) {
        let config = self.config();
        for topic in self.all() {
            let Some(retention) = topic.retention(&config) else { continue };
            for partition in topic.partitions.iter().filter(|partition| !partition.is_offline()) {
                match self.retain(partition, retention, now_ms) {
                    Ok(None) => {}
                    Ok(Some(start)) => {
                        note!(Info, "retention", [partition = partition.name(), log_start = start], "old segments go");
                    }
                    // A topic that went away meanwhile needs no retention.
                    Err(error) if error.code() == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {}
                    Err(error) => {
                        note!(Error, "retention_failed", [partition = partition.name()], "trying again later: {error}");
                    }
                }
            }
        }
    }

    fn retain(&self, partition: &Partition, retention: Retention, now_ms: i64) -> Result<Option<Offset>> {
        let Some(start) = partition.start_after(retention, now_ms)? else { return Ok(None) };
        partition.roll_for_start(start)?;
        // What is not flushed yet, with flush.mode=always, is not to be deleted yet.
        let start = start.min(partition.bounds()?.high_watermark);
        self.delete_records(partition, start).map(Some)
    }
}

/// Files and folders that were renamed, and go later.
impl TopicRegistry {
    pub(super) fn delete_later(&self, paths: Vec<PathBuf>, delay_ms: i64) {
        let deleted = paths.into_iter().map(|path| Deleted { path, delay_ms, bytes: None, due_ms: None });
        self.deleted.hold().extend(deleted);
    }

    /// Removes what is due; the delay of what came since the last call begins now.
    pub fn remove_deleted(&self, now_ms: i64) {
        let is_due =
            |deleted: &mut Deleted| *deleted.due_ms.get_or_insert(now_ms.saturating_add(deleted.delay_ms)) <= now_ms;
        let due: Vec<Deleted> = self.deleted.hold().extract_if(.., is_due).collect();
        for Deleted { path, .. } in due {
            let removed = if path.is_dir() { fs::remove_folder(&path) } else { fs::unlink(&path) };
            if let Err(error) = removed {
                note!(Warn, "not_removed", [], "left for the next start: {error}");
            }
        }
    }
}

/// What a topic keeps; `None`: everything, being the broker's own, or without `delete` in its `cleanup.policy`.
pub(super) fn retention_of(name: &str, config: &Overrides, broker: &Config) -> Option<Retention> {
    let deletes = broker.topic_text(config, "cleanup.policy").contains("delete");
    (deletes && !name::RESERVED.contains(&name)).then(|| Retention {
        ms: broker.topic_int(config, "retention.ms"),
        bytes: broker.topic_int(config, "retention.bytes"),
    })
}

impl Topic {
    /// What this topic keeps; `None`: everything.
    pub(super) fn retention(&self, broker: &Config) -> Option<Retention> {
        retention_of(&self.name, &self.config, broker)
    }

    /// How long its files stay after they were deleted, ms.
    pub(super) fn delete_delay_ms(&self, broker: &Config) -> i64 {
        broker.topic_int(&self.config, "file.delete.delay.ms")
    }
}
