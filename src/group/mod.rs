//! Consumer groups: who is in them, and which offsets they have committed.
//!
//! [`state::Group`] is the state machine of one group, [`offsets`] its committed offsets and the log that both survive
//! in. This file joins them: one lock for each group, and wakers for requests that wait.
//!
//! Always true: an offset is published when its record is on the disk (`flush.mode`), and what it points at was flushed
//! before, so that no durable offset points past data that a power cut may take. No lock is held across a flush.
//! Not done: no clock; times are arguments, monotonic for sessions, since 1970 for what is stored.

mod commits;
#[cfg(test)]
mod crash_tests;
mod join;
pub mod member;
pub mod offsets;
pub mod records;
mod requests;
pub mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use crate::base::{ErrorCode, Offset, Result};
use crate::partition::Wake;
use crate::topic::{Topic, TopicRegistry};

use commits::tombstones;
pub use commits::Commit;
use member::Joining;
use offsets::{OffsetsLog, Published};
use records::{Committed, Key};
use state::{Answer, Group, Joined, Limits, Outcome, State, Synced, Who};

/// The two clocks of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// ms, never goes back: sessions and patience
    pub monotonic_ms: i64,
    /// ms since 1970: what is stored
    pub wall_ms: i64,
}

pub struct GroupCoordinator {
    limits: Limits,
    /// Committed offsets of a group that is empty for this long expire.
    retention_ms: i64,
    log: OffsetsLog,
    /// Guards the table; a group's own lock is taken after it, or without it.
    groups: Mutex<HashMap<String, Arc<Mutex<Entry>>>>,
}

/// A group, its offsets, and the requests that wait for it.
///
/// Lock order: registry, group, partition. Never held during a socket write, nor while a flush is waited for.
struct Entry {
    group: Group,
    offsets: BTreeMap<(String, i32), Published>,
    /// Appended, and not known to be on the disk yet: what a snapshot has to repeat.
    unflushed: BTreeMap<(String, i32), Published>,
    waiting: HashMap<String, Arc<dyn Wake>>,
}

/// A group as the calls of tools describe it.
#[derive(Clone, Debug)]
pub struct Described {
    pub state: State,
    pub protocol_type: String,
    pub protocol: String,
    pub members: Vec<member::Member>,
}

impl GroupCoordinator {
    /// Reads back what groups there are.
    pub fn open(topics: &TopicRegistry, limits: Limits, retention_ms: i64, now: Now) -> Result<GroupCoordinator> {
        let (log, contents) = OffsetsLog::open(topics, now.monotonic_ms);
        let mut groups: HashMap<String, Arc<Mutex<Entry>>> = HashMap::new();
        let mut entry = |id: &str| {
            let fresh = || Arc::new(Mutex::new(Entry::new(id, limits, now)));
            groups.entry(id.to_string()).or_insert_with(fresh).clone()
        };
        for (key, published) in contents.offsets {
            if let Key::Offset { group, topic, partition } = key {
                entry(&group).lock().unwrap().offsets.insert((topic, partition), published);
            }
        }
        for (id, record) in contents.groups {
            entry(&id).lock().unwrap().group.restore(record, now.monotonic_ms);
        }
        let coordinator = GroupCoordinator { limits, retention_ms, log, groups: Mutex::new(groups) };
        coordinator.forget_deleted_topics(topics, now)?;
        Ok(coordinator)
    }

    fn find(&self, id: &str) -> Option<Arc<Mutex<Entry>>> {
        self.groups.lock().unwrap().get(id).cloned()
    }

    fn find_or_create(&self, id: &str, now: Now) -> Arc<Mutex<Entry>> {
        let mut groups = self.groups.lock().unwrap();
        let fresh = || Arc::new(Mutex::new(Entry::new(id, self.limits, now)));
        groups.entry(id.to_string()).or_insert_with(fresh).clone()
    }

    fn all(&self) -> Vec<Arc<Mutex<Entry>>> {
        self.groups.lock().unwrap().values().cloned().collect()
    }

    /// Makes the offsets topic, when groups are used for the first time. Called without any lock.
    pub fn ensure_log(&self, topics: &TopicRegistry) -> Result<()> {
        self.log.ensure(topics)
    }

    /// A join; if it has to wait, `waker` is called when [`GroupCoordinator::take_answer`] has something.
    pub fn join(&self, id: &str, joining: &Joining, new_id: &str, waker: Arc<dyn Wake>, now: Now) -> Outcome<Joined> {
        let entry = self.find_or_create(id, now);
        let mut entry = entry.lock().unwrap();
        let outcome = entry.group.join(joining, new_id, now.monotonic_ms);
        if entry.group.state() == State::Stable && joining.instance_id.is_some() && joining.member_id.is_empty() {
            self.save(&entry.group, now); // a static member has a new id, which a restart must not fence
        }
        entry.wait_if_needed(&outcome, waker);
        outcome
    }

    /// A sync. The leader's makes the group stable, which is written down before anybody is told.
    pub fn sync(
        &self,
        id: &str,
        who: Who,
        protocol: (Option<&str>, Option<&str>),
        assignments: Vec<(String, Vec<u8>)>,
        waker: Arc<dyn Wake>,
        now: Now,
    ) -> Outcome<Synced> {
        let Some(entry) = self.find(id) else {
            return Outcome::Now(state::synced_error(ErrorCode::UNKNOWN_MEMBER_ID));
        };
        let mut entry = entry.lock().unwrap();
        let was_stable = entry.group.state() == State::Stable;
        let outcome = entry.group.sync(who, protocol.0, protocol.1, assignments, now.monotonic_ms);
        if entry.group.state() == State::Stable && !was_stable {
            self.save(&entry.group, now);
        }
        entry.wait_if_needed(&outcome, waker);
        outcome
    }

    /// Writes a group down; one that cannot be written lives on, and rebalances after a restart.
    fn save(&self, group: &Group, now: Now) {
        let key = Key::Group { group: group.id.clone() };
        let value = group.record(now.wall_ms).encode();
        if let Err(error) = self.log.append(&[(key.encode(), Some(value))], now.wall_ms) {
            note!("group {}: not written down: {error}", group.id);
        }
    }

    /// The answer to a request that waited, if it is there, and when to look again; `None` for a group that is gone.
    pub fn take_answer(&self, id: &str, member_id: &str, now: Now) -> Option<(Option<Answer>, i64)> {
        let entry = self.find(id)?;
        let mut entry = entry.lock().unwrap();
        self.tick_entry(&mut entry, now);
        let answer = entry.group.take_answer(member_id);
        if answer.is_some() {
            entry.waiting.remove(member_id);
        }
        Some((answer, entry.group.next_tick_ms()))
    }

    /// The client of a request that waits is gone.
    pub fn abandon(&self, id: &str, member_id: &str, now: Now) {
        if let Some(entry) = self.find(id) {
            let mut entry = entry.lock().unwrap();
            entry.group.abandon(member_id, now.monotonic_ms);
            entry.waiting.remove(member_id);
        }
    }

    pub fn heartbeat(&self, id: &str, who: Who, now: Now) -> std::result::Result<(), ErrorCode> {
        let entry = self.find(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let mut entry = entry.lock().unwrap();
        entry.group.heartbeat(who, now.monotonic_ms)
    }

    pub fn leave(
        &self,
        id: &str,
        member_id: &str,
        instance_id: Option<&str>,
        now: Now,
    ) -> std::result::Result<(), ErrorCode> {
        let entry = self.find(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let mut entry = entry.lock().unwrap();
        let left = entry.group.leave(member_id, instance_id, now.monotonic_ms);
        self.after_change(&mut entry, State::Stable, now);
        left
    }

    fn tick_entry(&self, entry: &mut Entry, now: Now) {
        let before = entry.group.state();
        entry.group.tick(now.monotonic_ms);
        self.after_change(entry, before, now);
    }

    /// Wakes who has an answer, and writes down that a group has become empty.
    fn after_change(&self, entry: &mut Entry, before: State, now: Now) {
        if entry.group.state() == State::Empty && before != State::Empty {
            entry.group.became_empty(now.wall_ms);
            self.save(&entry.group, now);
        }
        entry.wake();
    }

    /// Lets time pass for every group: sessions, patience, offsets that expire.
    pub fn tick(&self, now: Now) {
        for entry in self.all() {
            let mut entry = entry.lock().unwrap();
            if entry.group.next_tick_ms() <= now.monotonic_ms {
                self.tick_entry(&mut entry, now);
            }
        }
        self.groups.lock().unwrap().retain(|_, entry| Arc::strong_count(entry) > 1 || !is_idle(entry));
    }

    pub fn describe(&self, id: &str) -> Option<Described> {
        let entry = self.find(id)?;
        let entry = entry.lock().unwrap();
        let group = &entry.group;
        Some(Described {
            state: group.state(),
            protocol_type: group.protocol_type().unwrap_or_default().to_string(),
            protocol: group.protocol().unwrap_or_default().to_string(),
            members: group.members().cloned().collect(),
        })
    }

    /// All groups by name, with state and protocol type.
    pub fn list(&self) -> Vec<(String, State, String)> {
        let mut listed: Vec<_> = self
            .all()
            .iter()
            .map(|entry| {
                let entry = entry.lock().unwrap();
                let protocol_type = entry.group.protocol_type().unwrap_or_default().to_string();
                (entry.group.id.clone(), entry.group.state(), protocol_type)
            })
            .collect();
        listed.sort_by(|a, b| a.0.cmp(&b.0));
        listed
    }

    /// Deletes a group that nobody is in, with its offsets.
    pub fn delete(&self, id: &str, now: Now) -> std::result::Result<(), ErrorCode> {
        let entry = self.find(id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        let mut guard = entry.lock().unwrap();
        self.tick_entry(&mut guard, now);
        if guard.group.state() != State::Empty {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        let keys: Vec<_> = guard.offsets.keys().cloned().collect();
        let mut records = tombstones(id, keys.iter());
        records.push((Key::Group { group: id.to_string() }.encode(), None));
        let end = self.log.append(&records, now.wall_ms).map(|first| first + records.len() as i64);
        let end = end.map_err(|error| error.code())?;
        guard.group.delete(now.monotonic_ms)?;
        guard.offsets.clear();
        drop(guard);
        self.groups.lock().unwrap().remove(id);
        self.log.flush_to(end).map_err(|error| error.code())
    }
}

impl Entry {
    fn new(id: &str, limits: Limits, now: Now) -> Entry {
        let group = Group::new(id, limits, now.monotonic_ms);
        Entry { group, offsets: BTreeMap::new(), unflushed: BTreeMap::new(), waiting: HashMap::new() }
    }

    fn wait_if_needed<T>(&mut self, outcome: &Outcome<T>, waker: Arc<dyn Wake>) {
        if let Outcome::Wait(member_id) = outcome {
            self.waiting.insert(member_id.clone(), waker);
        }
        self.wake();
    }

    fn wake(&mut self) {
        for member_id in self.group.woken() {
            if let Some(waker) = self.waiting.get(&member_id) {
                waker.wake();
            }
        }
    }
}

/// Nothing would be missed: no member, no offset. The table's lock keeps others from finding it meanwhile.
fn is_idle(entry: &Mutex<Entry>) -> bool {
    let entry = entry.lock().unwrap();
    entry.group.is_unused() && entry.offsets.is_empty() && entry.unflushed.is_empty()
}
