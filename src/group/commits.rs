//! Committing offsets, and forgetting them: by request, with their topic, or by age.
//!
//! Always true: what a committed offset points past is on the disk before its record is, and its record before anybody
//! is told (`flush.mode`). A key's records are appended under its group's lock, and published in log order.
//! Not done: no transactions: a commit is published or it is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::offsets::Reach;
use super::slots::{Published, SlotKey};
use super::*;
use crate::faults::seeded;
use crate::group::records::{Committed, Record};
use crate::partition::Partition;

type Outcomes = Vec<std::result::Result<(), ErrorCode>>;

/// One offset to commit.
#[derive(Clone, Debug)]
pub struct Commit {
    pub topic: String,
    pub partition: i32,
    pub offset: Offset,
    pub leader_epoch: i32,
    pub metadata: String,
    /// ms since 1970, if the client has said how long it is to be kept.
    pub expires_ms: Option<i64>,
    /// An error that is not the group's: said if the group has no objection.
    pub refused: Option<ErrorCode>,
}

impl GroupCoordinator {
    // tour: commit
    /// Commits offsets: what they point at is flushed, then the offsets, then they are published.
    pub fn commit(&self, topics: &TopicRegistry, id: &str, who: Who, commits: &[Commit], now: Now) -> Outcomes {
        let on_its_way = match self.begin_commit(topics, id, who, commits, now) {
            Ok(on_its_way) => on_its_way,
            Err(refused) => return refused,
        };
        let flushed = on_its_way.end().and_then(|end| self.log.flush_to(id, end));
        on_its_way.publish(flushed)
    }
    // end

    /// As far as the append; or what is wrong with every one of them.
    pub(super) fn begin_commit(
        &self,
        topics: &TopicRegistry,
        id: &str,
        who: Who,
        commits: &[Commit],
        now: Now,
    ) -> std::result::Result<OnItsWay, Outcomes> {
        let ready = self.log.check_writable().and_then(|()| self.log.ensure(topics));
        ready.map_err(|error| vec![Err(code_of(&error)); commits.len()])?;
        let targets: Vec<_> = commits.iter().map(|commit| flush_target(topics, commit)).collect();
        let refuse = |error: ErrorCode| -> Outcomes {
            let code = |target: &Result<_>| Err(target.as_ref().err().map_or(error, |error| error.code()));
            targets.iter().map(code).collect()
        };
        if targets.iter().all(|target| target.is_err()) {
            return Err(refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        }
        let begun = self.with(id, who.generation < 0, |shared, entry| {
            entry.group.check_commit(who, now.monotonic_ms)?;
            Ok(self.append_commits(shared, entry, &targets, commits, now))
        });
        begun.and_then(|begun| begun.unwrap_or(Err(ErrorCode::ILLEGAL_GENERATION))).map_err(refuse)
    }

    /// Under the group's lock: a topic that is deleted from here on takes these offsets with it.
    pub(super) fn append_commits(
        &self,
        shared: &Arc<Mutex<Entry>>,
        entry: &mut Entry,
        targets: &[Result<Arc<Partition>>],
        commits: &[Commit],
        now: Now,
    ) -> OnItsWay {
        let judge = |(target, commit): (&Result<_>, &Commit)| still_lives(target, commit.refused);
        let results: Outcomes = targets.iter().zip(commits).map(judge).collect();
        let good: Vec<&Commit> = commits.iter().zip(&results).filter(|(_, r)| r.is_ok()).map(|(c, _)| c).collect();
        let records: Vec<_> = good.iter().map(|commit| commit.record(&entry.group.id, now)).collect();
        let appended = self.log.append(&entry.group.id, &records, now.wall_ms).map(|first| {
            let placed = good.iter().zip(first.0..);
            placed.map(|(commit, at)| (commit.key(), commit.at(Offset(at), now))).collect::<Vec<_>>()
        });
        seeded::panic_at("panic-in-commit", &entry.group.id);
        for (key, published) in appended.iter().flatten() {
            entry.offsets.append(key.clone(), published.clone());
        }
        OnItsWay { entry: shared.clone(), results, appended }
    }

    /// The published offsets of a group; `stable` ones take in what was committed last and waits for its flush.
    pub fn committed(&self, id: &str, stable: bool) -> Result<BTreeMap<SlotKey, Committed>> {
        self.log.check()?;
        let copy = |(key, published): (&SlotKey, &Published)| (key.clone(), published.clone());
        let found = self.with(id, false, |_, entry| match stable {
            true => entry.offsets.last().map(copy).collect::<Vec<_>>(),
            false => entry.offsets.published().map(copy).collect(),
        });
        let found = found?.unwrap_or_default();
        if let (true, Some(last)) = (stable, found.iter().map(|(_, published)| published.log_offset).max()) {
            self.log.flush_to(id, last + 1).map_err(|error| code_of(&error))?;
        }
        Ok(found.into_iter().map(|(key, published)| (key, published.committed)).collect())
    }

    /// Forgets a group's offsets of these partitions, unless a member reads their topic.
    pub fn delete_offsets(
        &self,
        id: &str,
        keys: &[SlotKey],
        now: Now,
    ) -> std::result::Result<Vec<ErrorCode>, ErrorCode> {
        self.log.check_writable().map_err(|error| error.code())?;
        let deleted = self.with(id, false, |_, entry| {
            if entry.group.state() != State::Empty && !entry.group.is_of_consumers() {
                return Err(ErrorCode::NON_EMPTY_GROUP);
            }
            let is_read = |key: &SlotKey| entry.group.may_read(&key.0);
            let code = |key| if is_read(key) { ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC } else { ErrorCode::NONE };
            let codes: Vec<_> = keys.iter().map(code).collect();
            let free = keys.iter().zip(&codes).filter(|(key, code)| code.is_none() && entry.offsets.contains(key));
            let free: Vec<_> = free.map(|(key, _)| key.clone()).collect();
            let end = self.forget(entry, &free, now).map_err(|error| code_of(&error))?;
            Ok((codes, end))
        });
        let (codes, end) = deleted?.unwrap_or(Err(ErrorCode::GROUP_ID_NOT_FOUND))?;
        self.log.flush_to(id, end).map_err(|error| code_of(&error))?;
        Ok(codes)
    }

    /// Appends tombstones and takes the offsets out of the table; the log offset to flush to.
    fn forget(&self, entry: &mut Entry, keys: &[SlotKey], now: Now) -> Result<Offset> {
        if self.log.is_read_only() {
            keys.iter().for_each(|key| entry.offsets.forget(key));
            return Ok(Offset(0));
        }
        let records: Vec<_> = keys.iter().map(|key| tombstone(&entry.group.id, key)).collect();
        let first = self.log.append(&entry.group.id, &records, now.wall_ms)?;
        keys.iter().for_each(|key| entry.offsets.forget(key));
        Ok(first + records.len() as i64)
    }

    /// A topic is deleted: its offsets get tombstones, on the disk before its name is free again.
    pub fn forget_topic(&self, topic: &Topic, now: Now) -> Result<()> {
        self.log.check()?;
        self.forget_where(now, |name| name == topic.name)
    }

    pub(super) fn forget_deleted_topics(&self, topics: &TopicRegistry, now: Now) -> Result<()> {
        self.forget_where(now, |name| topics.find(name).is_none())
    }

    fn forget_where(&self, now: Now, is_gone: impl Fn(&str) -> bool) -> Result<()> {
        let (mut reach, mut all) = (Reach::default(), Ok(()));
        for entry in self.all() {
            let mut entry = match lock(&entry) {
                Ok(entry) => entry,
                Err(error) => {
                    all = Err(error.into());
                    continue;
                }
            };
            let keys: Vec<_> = entry.offsets.keys().filter(|(topic, _)| is_gone(topic)).cloned().collect();
            reach = reach.and(self.log.home(&entry.group.id), self.forget(&mut entry, &keys, now)?);
        }
        self.log.flush(reach).and(all)
    }

    /// Offsets that nobody has renewed for `offsets.retention.minutes` go, while their group is empty (KIP-211); those
    /// of a client that has said how long, after that time.
    pub fn expire_offsets(&self, now: Now) -> Result<()> {
        let mut reach = Reach::default();
        for entry in self.all() {
            let Ok(mut entry) = lock(&entry) else { continue };
            if entry.group.state() != State::Empty {
                continue;
            }
            let empty_since_ms = entry.group.empty_since_ms();
            let is_old = |committed: &Committed| {
                let unused_since_ms = committed.timestamp_ms.max(empty_since_ms);
                now.wall_ms >= committed.expires_ms.unwrap_or(unused_since_ms.saturating_add(self.retention_ms))
            };
            let old = entry.offsets.last().filter(|(_, last)| is_old(&last.committed));
            let keys: Vec<_> = old.map(|(key, _)| key.clone()).collect();
            reach = reach.and(self.log.home(&entry.group.id), self.forget(&mut entry, &keys, now)?);
        }
        self.log.flush(reach)
    }
}

/// A commit between its append and its flush.
pub(super) struct OnItsWay {
    entry: Arc<Mutex<Entry>>,
    results: Outcomes,
    /// One for each result that is good.
    appended: Result<Vec<(SlotKey, Published)>>,
}

impl OnItsWay {
    /// Up to where the log has to be flushed.
    fn end(&self) -> Result<Offset> {
        let appended = self.appended.as_ref().map_err(|error| error.code())?;
        Ok(appended.last().map_or(Offset(0), |(_, last)| last.log_offset + 1))
    }

    pub(super) fn publish(self, flushed: Result<()>) -> Outcomes {
        let OnItsWay { entry, results, appended } = self;
        match flushed.and(appended) {
            Ok(appended) => {
                let Ok(mut entry) = lock(&entry) else {
                    return refuse_all(results, ErrorCode::COORDINATOR_NOT_AVAILABLE);
                };
                appended.into_iter().for_each(|(key, published)| entry.offsets.publish(&key, published));
            }
            Err(error) => return refuse_all(results, code_of(&error)),
        }
        results
    }
}

/// None of those that were good so far has come true.
fn refuse_all(results: Outcomes, error: ErrorCode) -> Outcomes {
    results.into_iter().map(|result| result.and(Err(error))).collect()
}

impl Commit {
    fn key(&self) -> SlotKey {
        (self.topic.clone(), self.partition)
    }

    fn record(&self, group: &str, now: Now) -> Record {
        let key = Key::Offset { group: group.to_string(), topic: self.topic.clone(), partition: self.partition };
        (key.encode(), Some(self.committed(now).encode()))
    }

    fn at(&self, log_offset: Offset, now: Now) -> Published {
        Published { committed: self.committed(now), log_offset }
    }

    fn committed(&self, now: Now) -> Committed {
        Committed {
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            metadata: self.metadata.clone(),
            timestamp_ms: now.wall_ms,
            expires_ms: self.expires_ms,
        }
    }
}

/// What a committed offset points past is on the disk before the offset is.
pub(super) fn flush_target(topics: &TopicRegistry, commit: &Commit) -> Result<Arc<Partition>> {
    let partition = topics.find_partition(&commit.topic, commit.partition)?;
    let end = partition.bounds()?.log_end;
    let reach = if seeded::is_on("commit-without-data-flush") { Offset(0) } else { commit.offset.min(end) };
    partition.flush_unless_os(reach)?;
    Ok(partition)
}

fn still_lives(target: &Result<Arc<Partition>>, refused: Option<ErrorCode>) -> std::result::Result<(), ErrorCode> {
    let partition = target.as_ref().map_err(|error| error.code())?;
    if !is_on("topic-not-looked-at-again") {
        partition.bounds().map_err(|error| error.code())?;
    }
    refused.map_or(Ok(()), Err)
}
