//! Committing offsets, and forgetting them: by request, with their topic, or by age.
//!
//! Always true: what a committed offset points past is on the disk before its record is, and its record before anybody
//! is told (`flush.mode`). A key's records are appended under its group's lock, and published in log order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::partition::Partition;

/// One offset to commit.
#[derive(Clone, Debug)]
pub struct Commit {
    pub topic: String,
    pub partition: i32,
    pub offset: Offset,
    pub leader_epoch: i32,
    pub metadata: String,
}

impl GroupCoordinator {
    /// Commits offsets: what they point at is flushed, then the offsets, then they are published.
    pub fn commit(
        &self,
        topics: &TopicRegistry,
        id: &str,
        who: Who,
        commits: &[Commit],
        now: Now,
    ) -> Vec<std::result::Result<(), ErrorCode>> {
        if let Err(error) = self.log.ensure(topics) {
            return vec![Err(error.code()); commits.len()];
        }
        let targets: Vec<_> = commits.iter().map(|commit| flush_target(topics, commit)).collect();
        let is_member = who.generation >= 0 || !who.member_id.is_empty();
        let entry = match self.find(id) {
            Some(entry) => entry,
            None if is_member => return vec![Err(ErrorCode::ILLEGAL_GENERATION); commits.len()],
            None => self.find_or_create(id, now),
        };
        let mut guard = entry.lock().unwrap();
        if let Err(error) = guard.group.check_commit(who, now.monotonic_ms) {
            return vec![Err(error); commits.len()];
        }
        // Under the group's lock: a topic that is deleted from here on takes these offsets with it.
        let mut results: Vec<_> = targets.into_iter().map(still_lives).collect();
        let good: Vec<usize> = (0..commits.len()).filter(|index| results[*index].is_ok()).collect();
        let record = |index: &usize| commits[*index].record(id, now.wall_ms);
        let records: Vec<_> = good.iter().map(record).collect();
        let appended = self.log.append(&records, now.wall_ms);
        if let Ok(first) = appended {
            good.iter()
                .zip(first.0..)
                .for_each(|(index, at)| guard.append(&commits[*index], now.wall_ms, Offset(at)));
        }
        drop(guard);
        let flushed = appended.and_then(|first| {
            self.log.flush_to(first + good.len() as i64)?;
            Ok(first)
        });
        let mut guard = entry.lock().unwrap();
        for (index, position) in good.into_iter().zip(0..) {
            match &flushed {
                Ok(first) => guard.publish(&commits[index], now.wall_ms, *first + position),
                Err(error) => results[index] = Err(error.code()),
            }
        }
        results
    }

    /// The published offsets of a group.
    pub fn committed(&self, id: &str) -> Result<BTreeMap<(String, i32), Committed>> {
        self.log.check()?;
        let Some(entry) = self.find(id) else { return Ok(BTreeMap::new()) };
        let entry = entry.lock().unwrap();
        Ok(entry.offsets.iter().map(|(key, published)| (key.clone(), published.committed.clone())).collect())
    }

    /// Forgets a group's offsets of these partitions, unless a member may be subscribed to their topic.
    pub fn delete_offsets(
        &self,
        id: &str,
        keys: &[(String, i32)],
        now: Now,
    ) -> std::result::Result<Vec<ErrorCode>, ErrorCode> {
        let entry = self.find(id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        let mut guard = entry.lock().unwrap();
        if guard.group.state() != State::Empty {
            // Subscriptions are opaque here, so every topic may be one of them.
            return Ok(vec![ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC; keys.len()]);
        }
        let known: Vec<_> = keys.iter().filter(|key| guard.offsets.contains_key(key)).cloned().collect();
        let end = self.forget(&mut guard, &known, now).map_err(|error| error.code())?;
        drop(guard);
        self.log.flush_to(end).map_err(|error| error.code())?;
        Ok(vec![ErrorCode::NONE; keys.len()])
    }

    /// Appends tombstones and takes the offsets out of the table; the log offset to flush to.
    pub(super) fn forget(&self, entry: &mut Entry, keys: &[(String, i32)], now: Now) -> Result<Offset> {
        if keys.is_empty() {
            return Ok(Offset(0));
        }
        let records = tombstones(&entry.group.id, keys.iter());
        let first = self.log.append(&records, now.wall_ms)?;
        keys.iter().for_each(|key| {
            entry.offsets.remove(key);
            entry.unflushed.remove(key);
        });
        Ok(first + records.len() as i64)
    }

    /// A topic is deleted: its offsets get tombstones, on the disk before its name is free again.
    pub fn forget_topic(&self, topic: &Topic, now: Now) -> Result<()> {
        self.forget_where(now, |name| name == topic.name)
    }

    pub(super) fn forget_deleted_topics(&self, topics: &TopicRegistry, now: Now) -> Result<()> {
        self.forget_where(now, |name| topics.find(name).is_none())
    }

    pub(super) fn forget_where(&self, now: Now, is_gone: impl Fn(&str) -> bool) -> Result<()> {
        let mut end = Offset(0);
        for entry in self.all() {
            let mut entry = entry.lock().unwrap();
            let keys: Vec<_> = entry.offsets.keys().filter(|(topic, _)| is_gone(topic)).cloned().collect();
            end = end.max(self.forget(&mut entry, &keys, now)?);
        }
        self.log.flush_to(end)
    }

    /// Offsets that nobody has renewed for `offsets.retention.minutes` go, while their group is empty (KIP-211).
    pub fn expire_offsets(&self, now: Now) -> Result<()> {
        let mut end = Offset(0);
        for entry in self.all() {
            let mut entry = entry.lock().unwrap();
            if entry.group.state() != State::Empty {
                continue;
            }
            let since = now.wall_ms - self.retention_ms;
            let is_old =
                |published: &Published| published.committed.timestamp_ms.max(entry.group.empty_since_ms()) < since;
            let keys: Vec<_> = entry.offsets.iter().filter(|(_, p)| is_old(p)).map(|(key, _)| key.clone()).collect();
            end = end.max(self.forget(&mut entry, &keys, now)?);
        }
        self.log.flush_to(end)
    }

    /// Keeps the offsets log small: what lives is appended again, and the log starts there.
    ///
    /// Each group is written under its lock, so no commit falls between its snapshot and the new start.
    pub fn compact(&self, topics: &TopicRegistry, now: Now) -> Result<()> {
        if !self.log.is_large() {
            return Ok(());
        }
        self.compact_now(topics, now)
    }

    pub(super) fn compact_now(&self, topics: &TopicRegistry, now: Now) -> Result<()> {
        let mut start = None;
        for entry in self.all() {
            let entry = entry.lock().unwrap();
            let records = entry.snapshot(now);
            if !records.is_empty() {
                let first = self.log.append(&records, now.wall_ms)?;
                start.get_or_insert(first);
            }
        }
        let end = self.log.end()?;
        self.log.flush_to(end)?;
        self.log.start_at(topics, start.unwrap_or(end))
    }
}

impl Entry {
    fn append(&mut self, commit: &Commit, wall_ms: i64, log_offset: Offset) {
        let published = Published { committed: commit.committed(wall_ms), log_offset };
        self.unflushed.insert((commit.topic.clone(), commit.partition), published);
    }

    /// The record at `log_offset` is on the disk; an older one that was flushed later changes nothing.
    fn publish(&mut self, commit: &Commit, wall_ms: i64, log_offset: Offset) {
        let key = (commit.topic.clone(), commit.partition);
        if self.unflushed.get(&key).is_some_and(|known| known.log_offset <= log_offset) {
            self.unflushed.remove(&key);
        }
        if self.offsets.get(&key).is_none_or(|known| known.log_offset < log_offset) {
            self.offsets.insert(key, Published { committed: commit.committed(wall_ms), log_offset });
        }
    }

    fn snapshot(&self, now: Now) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let group = &self.group.id;
        let mut last_appended = self.offsets.clone();
        last_appended.extend(self.unflushed.clone());
        let mut records: Vec<_> = last_appended
            .iter()
            .map(|((topic, partition), published)| {
                let key = Key::Offset { group: group.clone(), topic: topic.clone(), partition: *partition };
                (key.encode(), Some(published.committed.encode()))
            })
            .collect();
        if self.group.members().next().is_some() {
            let key = Key::Group { group: group.clone() };
            records.push((key.encode(), Some(self.group.record(now.wall_ms).encode())));
        }
        records
    }
}

impl Commit {
    fn record(&self, group: &str, wall_ms: i64) -> (Vec<u8>, Option<Vec<u8>>) {
        let key = Key::Offset { group: group.to_string(), topic: self.topic.clone(), partition: self.partition };
        (key.encode(), Some(self.committed(wall_ms).encode()))
    }

    fn committed(&self, wall_ms: i64) -> Committed {
        let (offset, leader_epoch) = (self.offset, self.leader_epoch);
        Committed { offset, leader_epoch, metadata: self.metadata.clone(), timestamp_ms: wall_ms }
    }
}

pub(super) fn tombstones<'a>(
    group: &str,
    keys: impl Iterator<Item = &'a (String, i32)>,
) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    keys.map(|(topic, partition)| {
        let key = Key::Offset { group: group.to_string(), topic: topic.clone(), partition: *partition };
        (key.encode(), None)
    })
    .collect()
}

/// What a committed offset points past is on the disk before the offset is.
fn flush_target(topics: &TopicRegistry, commit: &Commit) -> Result<Arc<Partition>> {
    let partition = topics.find_partition(&commit.topic, commit.partition)?;
    let end = partition.bounds()?.log_end;
    partition.flush_unless_os(commit.offset.min(end))?;
    Ok(partition)
}

fn still_lives(target: Result<Arc<Partition>>) -> std::result::Result<(), ErrorCode> {
    target.and_then(|partition| partition.bounds().map(drop)).map_err(|error| error.code())
}
