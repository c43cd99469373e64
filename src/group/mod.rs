//! Consumer groups: who is in them, and which offsets they have committed.
//!
//! [`state::Group`] is the state machine of one group, [`offsets`] the log that groups survive in, [`slots`] the
//! offsets of one group. This file joins them: one lock for each group, and wakers for requests that wait.
//!
//! Always true: an offset is published when its record is on the disk (`flush.mode`), and what it points at was flushed
//! before, so that no durable offset points past data that a power cut may take. No lock is held across a flush.
//! What a group was when it was last stable, or empty, is in the log; a restart goes on from there.
//! Not done: no clock; times are arguments, monotonic for sessions, since 1970 for what is stored.

mod commits;
mod compaction;
#[cfg(test)]
pub(crate) mod crash_tests;
mod join;
#[cfg(test)]
mod life_tests;
pub mod member;
pub mod offsets;
#[cfg(test)]
mod race_tests;
pub mod records;
mod requests;
mod slots;
#[cfg(test)]
mod start_tests;
pub mod state;
mod subscription;
#[cfg(test)]
mod sweep_tests;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::base::lock::Hold;
use crate::base::sync::{Mutex, MutexGuard};
use crate::base::{limits, Error, ErrorCode, Offset, Result};
use crate::faults::seeded::{self, is_on};
use crate::partition::Wake;
use crate::topic::{Topic, TopicRegistry};

pub use commits::Commit;
use member::{Joining, Ticket};
use offsets::OffsetsLog;
use records::{tombstone, Key};
use slots::Slots;
use state::{joined_error, synced_error, Answer, Group, Joined, Limits, Outcome, State, Synced, Who};

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
/// Lock order: registry, group, partition. Never held during a socket write, nor while a flush is waited for. Taken by [`lock`].
struct Entry {
    group: Group,
    offsets: Slots,
    /// The group's last record in the log, which a snapshot has to repeat.
    saved: Option<Vec<u8>>,
    waiting: HashMap<Ticket, Arc<dyn Wake>>,
    newcomers: HashMap<String, Newcomer>,
    /// Before that time a tick changes nothing.
    next_tick_ms: i64,
    /// A panic ended what changed it, and that was said.
    is_broken: bool,
}

/// How long one that was told its generation may take to come back over another connection.
const SYNC_PATIENCE_MS: i64 = 2_000;

/// Who has done nothing but to come.
struct Newcomer {
    /// It goes with its connection.
    waker: Weak<dyn Wake>,
    /// When it was first seen to be gone.
    gone_ms: Option<i64>,
}

/// A request that waits for its group.
pub struct Waiting {
    entry: Arc<Mutex<Entry>>,
    ticket: Ticket,
}

/// A group as the calls of tools describe it.
#[derive(Clone, Debug)]
pub struct Described {
    pub state: State,
    pub generation: i32,
    pub protocol_type: String,
    pub protocol: String,
    pub members: Vec<member::Member>,
}

impl GroupCoordinator {
    /// Reads back what groups there are.
    pub fn open(topics: &TopicRegistry, limits: Limits, retention_ms: i64, now: Now) -> Result<GroupCoordinator> {
        let (log, contents) = OffsetsLog::open(topics, now.monotonic_ms);
        let mut groups: HashMap<String, Entry> = HashMap::new();
        for (key, published) in contents.offsets {
            if let Key::Offset { group, topic, partition } = key {
                let entry = groups.entry(group.clone()).or_insert_with(|| Entry::new(&group, limits));
                entry.offsets.restore((topic, partition), published);
            }
        }
        for (id, record) in contents.groups {
            let entry = groups.entry(id.clone()).or_insert_with(|| Entry::new(&id, limits));
            entry.saved = Some(record.encode());
            entry.group.restore(record, now.monotonic_ms);
            entry.next_tick_ms = entry.group.next_tick_ms();
        }
        let groups = groups.into_iter().map(|(id, entry)| (id, Arc::new(Mutex::new(entry)))).collect();
        let coordinator = GroupCoordinator { limits, retention_ms, log, groups: Mutex::new(groups) };
        if !is_on("tombstones-late") {
            coordinator.forget_deleted_topics(topics, now)?;
        }
        Ok(coordinator)
    }

    /// The highest leader epoch that an offset of each topic was committed with.
    pub fn committed_epochs(&self) -> Result<HashMap<String, i32>> {
        self.log.check()?;
        let mut highest = HashMap::new();
        for entry in self.all() {
            for ((topic, _), published) in entry.lock().unwrap().offsets.published() {
                let known = highest.entry(topic.clone()).or_insert(-1);
                *known = published.committed.leader_epoch.max(*known);
            }
        }
        Ok(highest)
    }

    fn find(&self, id: &str) -> Option<Arc<Mutex<Entry>>> {
        self.groups.hold().get(id).cloned()
    }

    fn find_or_create(&self, id: &str) -> Result<Arc<Mutex<Entry>>> {
        let mut groups = self.groups.hold();
        if let Some(entry) = groups.get(id) {
            return Ok(entry.clone());
        }
        if id.len() > self.limits.name_bytes_max {
            let why = format!("a group's name of {} bytes", id.len());
            return Err(limits::GROUP_NAME_BYTES.refuse(ErrorCode::INVALID_GROUP_ID, why));
        }
        if groups.len() >= self.limits.groups_max {
            let why = format!("no group {id}: there are {} already", groups.len());
            return Err(limits::GROUPS.refuse(ErrorCode::POLICY_VIOLATION, why));
        }
        let entry = Arc::new(Mutex::new(Entry::new(id, self.limits)));
        groups.insert(id.to_string(), entry.clone());
        Ok(entry)
    }

    /// Does something to a group, under its lock; `None` if there is no such group, and none is made. One that died in
    /// the meantime is none; one that is out of service is an error.
    fn with<T>(
        &self,
        id: &str,
        makes: bool,
        act: impl FnOnce(&Arc<Mutex<Entry>>, &mut Entry) -> T,
    ) -> std::result::Result<Option<T>, ErrorCode> {
        loop {
            let found =
                if makes { Some(self.find_or_create(id).map_err(|error| error.code())?) } else { self.find(id) };
            let Some(entry) = found else { return Ok(None) };
            let mut guard = lock(&entry)?;
            if guard.group.state() != State::Dead {
                return Ok(Some(act(&entry, &mut guard)));
            }
            drop(guard);
            self.bury(id);
        }
    }

    /// Takes a dead group out of the table.
    fn bury(&self, id: &str) {
        let mut groups = self.groups.hold();
        if groups
            .get(id)
            .is_some_and(|entry| lock(entry).is_ok_and(|entry| entry.group.state() == State::Dead))
        {
            groups.remove(id);
        }
    }

    fn all(&self) -> Vec<Arc<Mutex<Entry>>> {
        self.groups.hold().values().cloned().collect()
    }

    /// Makes the offsets topic, when groups are used for the first time. Called without any lock.
    pub fn ensure_log(&self, topics: &TopicRegistry) -> Result<()> {
        self.log.ensure(topics)
    }

    /// A join; if it has to wait, `waker` is called when [`GroupCoordinator::take_answer`] has something.
    pub fn join(
        &self,
        id: &str,
        joining: &Joining,
        new_id: &str,
        waker: Arc<dyn Wake>,
        now: Now,
    ) -> Outcome<Joined, Waiting> {
        let refuse = |error| Outcome::Now(joined_error(error, &joining.member_id));
        if let Err(error) = joining.check_names(self.limits.name_bytes_max) {
            return refuse(error.code());
        }
        let is_newcomer = joining.member_id.is_empty();
        let joined = self.with(id, is_newcomer, |shared, entry| {
            let outcome = self.change(entry, now, |entry| {
                entry.newcomers.remove(&joining.member_id); // it is here, perhaps over another connection
                entry.look_after_newcomers(now);
                entry.group.join(joining, new_id, now.monotonic_ms)
            });
            let member_id = if is_newcomer { new_id } else { &joining.member_id };
            if entry.group.is_newcomer(member_id) {
                let newcomer = Newcomer { waker: Arc::downgrade(&waker), gone_ms: None };
                entry.newcomers.insert(member_id.to_string(), newcomer);
            }
            let is_back = matches!(&outcome, Outcome::Now(joined) if joined.error.is_none()) && is_newcomer;
            if is_back && entry.group.state() == State::Stable {
                self.save(entry, now); // a static member has a new id, which a restart must not fence
            }
            entry.wait_if_needed(outcome, shared, waker)
        });
        match joined {
            Ok(Some(joined)) => joined,
            Ok(None) if !self.limits.allow_session(joining.session_timeout_ms) => {
                refuse(ErrorCode::INVALID_SESSION_TIMEOUT)
            }
            Ok(None) => refuse(ErrorCode::UNKNOWN_MEMBER_ID),
            Err(error) => refuse(error),
        }
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
    ) -> Outcome<Synced, Waiting> {
        let synced = self.with(id, false, |shared, entry| {
            let was_stable = entry.group.state() == State::Stable;
            let sync = |entry: &mut Entry| entry.group.sync(who, protocol.0, protocol.1, assignments, now.monotonic_ms);
            let outcome = self.change(entry, now, sync);
            if entry.group.state() == State::Stable && !was_stable {
                self.save(entry, now);
            }
            entry.wait_if_needed(outcome, shared, waker)
        });
        match synced {
            Ok(Some(synced)) => synced,
            Ok(None) => Outcome::Now(synced_error(ErrorCode::UNKNOWN_MEMBER_ID)),
            Err(error) => Outcome::Now(synced_error(error)),
        }
    }

    /// Writes a group down; one that cannot be written lives on, and rebalances after a restart.
    fn save(&self, entry: &mut Entry, now: Now) {
        if self.log.is_read_only() {
            return;
        }
        let group = &entry.group;
        let key = Key::Group { group: group.id.clone() };
        let value = group.record(now.wall_ms).encode();
        match self.log.append(&group.id, &[(key.encode(), Some(value.clone()))], now.wall_ms) {
            Ok(_) => entry.saved = Some(value),
            Err(error) => note!(Error, "group_not_written", [group = group.id], "{error}"),
        }
    }

    /// The answer to a request that waited, if it is there, and when to look again; an error if there will be none.
    pub fn take_answer(&self, waiting: &Waiting, now: Now) -> std::result::Result<(Option<Answer>, i64), ErrorCode> {
        let mut entry = lock(&waiting.entry)?;
        if entry.next_tick_ms <= now.monotonic_ms {
            self.tick_entry(&mut entry, now);
        }
        let answer = entry.group.take_answer(waiting.ticket);
        if answer.is_some() {
            entry.waiting.remove(&waiting.ticket);
        }
        Ok((answer, entry.next_tick_ms))
    }

    /// The client of a request that waits is gone.
    pub fn abandon(&self, waiting: &Waiting, now: Now) {
        let Ok(mut entry) = lock(&waiting.entry) else { return };
        self.change(&mut entry, now, |entry| entry.group.abandon(waiting.ticket, now.monotonic_ms));
        entry.waiting.remove(&waiting.ticket);
    }

    pub fn heartbeat(&self, id: &str, who: Who, now: Now) -> std::result::Result<(), ErrorCode> {
        let beat = self.with(id, false, |_, entry| entry.group.heartbeat(who, now.monotonic_ms));
        beat?.unwrap_or(Err(ErrorCode::UNKNOWN_MEMBER_ID))
    }

    pub fn leave(
        &self,
        id: &str,
        member_id: &str,
        instance_id: Option<&str>,
        now: Now,
    ) -> std::result::Result<(), ErrorCode> {
        let left = self.with(id, false, |_, entry| {
            self.change(entry, now, |entry| entry.group.leave(member_id, instance_id, now.monotonic_ms))
        });
        left?.unwrap_or(Err(ErrorCode::UNKNOWN_MEMBER_ID))
    }

    fn tick_entry(&self, entry: &mut Entry, now: Now) {
        self.change(entry, now, |entry| {
            entry.look_after_newcomers(now);
            entry.group.tick(now.monotonic_ms);
        });
    }

    /// Changes a group; wakes who has an answer then, and writes down that it has become empty.
    fn change<T>(&self, entry: &mut Entry, now: Now, change: impl FnOnce(&mut Entry) -> T) -> T {
        let before = entry.group.state();
        let changed = change(entry);
        if entry.group.state() == State::Empty && before != State::Empty {
            entry.group.became_empty(now.wall_ms);
            self.save(entry, now);
        }
        entry.next_tick_ms = entry.group.next_tick_ms();
        entry.wake();
        changed
    }

    /// Lets time pass for every group: sessions, patience; a group of which nothing is left goes.
    pub fn tick(&self, now: Now) {
        seeded::panic_at("panic-in-tick", seeded::VICTIM);
        for entry in self.all() {
            let Ok(mut entry) = lock(&entry) else { continue };
            if entry.next_tick_ms <= now.monotonic_ms || !entry.newcomers.is_empty() {
                self.tick_entry(&mut entry, now);
            }
            let is_idle = entry.group.is_unused() && entry.offsets.is_empty();
            if is_idle && self.end(&mut entry, now).is_ok() {
                let id = entry.group.id.clone();
                drop(entry);
                self.bury(&id);
            }
        }
    }

    /// Ends a group that nobody is in, with its offsets; the log offset to flush to.
    fn end(&self, entry: &mut Entry, now: Now) -> std::result::Result<Offset, ErrorCode> {
        let id = &entry.group.id;
        if self.log.is_read_only() {
            entry.group.delete()?;
            return Ok(Offset(0));
        }
        let mut records: Vec<_> = entry.offsets.keys().map(|key| tombstone(id, key)).collect();
        records.extend(entry.saved.iter().map(|_| (Key::Group { group: id.clone() }.encode(), None)));
        let first = self.log.append(id, &records, now.wall_ms).map_err(|error| code_of(&error))?;
        entry.group.delete()?;
        entry.offsets.clear();
        entry.saved = None;
        Ok(first + records.len() as i64)
    }

    pub fn describe(&self, id: &str) -> Result<Option<Described>> {
        self.log.check()?;
        let described = self.with(id, false, |_, entry| Described {
            state: entry.group.state(),
            generation: entry.group.generation(),
            protocol_type: entry.group.protocol_type().unwrap_or_default().to_string(),
            protocol: entry.group.protocol().unwrap_or_default().to_string(),
            members: entry.group.members().cloned().collect(),
        });
        Ok(described?)
    }

    /// All groups by name, with state and protocol type.
    pub fn list(&self) -> Result<Vec<(String, State, String)>> {
        self.log.check()?;
        let mut listed: Vec<_> = self
            .all()
            .iter()
            .filter_map(|entry| {
                let entry = lock(entry).ok()?;
                let protocol_type = entry.group.protocol_type().unwrap_or_default().to_string();
                Some((entry.group.id.clone(), entry.group.state(), protocol_type))
            })
            .filter(|(_, state, _)| *state != State::Dead)
            .collect();
        listed.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(listed)
    }

    /// Deletes a group that nobody is in, with its offsets.
    pub fn delete(&self, id: &str, now: Now) -> std::result::Result<(), ErrorCode> {
        self.log.check_writable().map_err(|error| error.code())?;
        let ended = self.with(id, false, |_, entry| {
            self.tick_entry(entry, now);
            match entry.group.state() {
                State::Empty => self.end(entry, now),
                _ => Err(ErrorCode::NON_EMPTY_GROUP),
            }
        });
        let end = ended?.unwrap_or(Err(ErrorCode::GROUP_ID_NOT_FOUND))?;
        self.bury(id);
        self.log.flush_to(id, end).map_err(|error| code_of(&error))
    }
}

/// What clients are told when the offsets log fails: something that they try again after.
fn code_of(error: &Error) -> ErrorCode {
    match error.code() {
        ErrorCode::KAFKA_STORAGE_ERROR => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        other => other,
    }
}

/// Locks a group. One that a panic may have left half changed stays out of service until a start reads it back from the log.
fn lock(entry: &Mutex<Entry>) -> std::result::Result<MutexGuard<'_, Entry>, ErrorCode> {
    entry.lock().map_err(|poisoned| {
        let mut entry = poisoned.into_inner();
        if !std::mem::replace(&mut entry.is_broken, true) {
            let what = "a thread panicked while it changed it: out of service until the broker starts again";
            note!(Error, "group_offline", [group = entry.group.id], "{what}");
        }
        ErrorCode::COORDINATOR_NOT_AVAILABLE
    })
}

impl Entry {
    fn new(id: &str, limits: Limits) -> Entry {
        let (waiting, newcomers) = (HashMap::new(), HashMap::new());
        Entry {
            group: Group::new(id, limits),
            offsets: Slots::default(),
            saved: None,
            waiting,
            newcomers,
            next_tick_ms: i64::MAX,
            is_broken: false,
        }
    }

    /// Clients that came and vanished hold nobody up; one that is told its generation may come back to sync.
    fn look_after_newcomers(&mut self, now: Now) {
        let Entry { group, newcomers, .. } = self;
        newcomers.retain(|id, newcomer| {
            if newcomer.waker.strong_count() > 0 {
                return group.is_newcomer(id);
            }
            let gone_ms = *newcomer.gone_ms.get_or_insert(now.monotonic_ms);
            let comes_back = group.has_joined(id) && now.monotonic_ms < gone_ms + SYNC_PATIENCE_MS;
            if !comes_back {
                group.vanish(id, now.monotonic_ms);
            }
            comes_back
        });
    }

    fn wait_if_needed<T>(
        &mut self,
        outcome: Outcome<T>,
        shared: &Arc<Mutex<Entry>>,
        waker: Arc<dyn Wake>,
    ) -> Outcome<T, Waiting> {
        let outcome = match outcome {
            Outcome::Now(answer) => Outcome::Now(answer),
            Outcome::Wait(ticket) => {
                self.waiting.insert(ticket, waker);
                Outcome::Wait(Waiting { entry: shared.clone(), ticket })
            }
        };
        self.wake();
        outcome
    }

    fn wake(&mut self) {
        for ticket in self.group.woken() {
            if let Some(waker) = self.waiting.get(&ticket) {
                waker.wake();
            }
        }
    }
}
