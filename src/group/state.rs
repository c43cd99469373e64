//! One consumer group: a state machine without threads, clocks or sockets (Kafka's `GroupCoordinator`, classic protocol).
//!
//! ```text
//!           join                 all joined, or time is up        the leader syncs
//! Empty ---------> PreparingRebalance ---------> CompletingRebalance ---------> Stable
//!   ^                 |        ^  ^                     |                         |
//!   +--- no member ---+        |  +-- join, leave, expiry                         |
//!                              +--------- join, leave, expiry, new subscription --+
//! ```
//!
//! * *Empty*: no members; offsets may be committed without one. A join leads to PreparingRebalance.
//! * *PreparingRebalance*: joins wait; heartbeats and syncs answer REBALANCE_IN_PROGRESS.
//! * *CompletingRebalance*: all know the generation; syncs wait for the leader's assignment, commits answer
//!   REBALANCE_IN_PROGRESS.
//! * *Stable*: everybody has an assignment; heartbeats and commits succeed.
//! * *Dead*: deleted; COORDINATOR_NOT_AVAILABLE, and who asks again finds a new group.
//!
//! A join or a sync that waits gets its answer by a call to [`Group::take_answer`], after [`Group::woken`] names it.
//!
//! Always true: the generation rises with each rebalance; an answer is for the generation that it names.
//! Not done: metadata and assignments are opaque bytes.

use std::collections::BTreeMap;

use crate::base::ErrorCode;
use crate::group::member::{Member, Waits};
use crate::group::records::GroupRecord;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
    Dead,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
            State::Dead => "Dead",
        }
    }
}

/// The limits that groups live under.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub initial_delay_ms: i64,
    pub session_min_ms: i64,
    pub session_max_ms: i64,
    pub size_max: usize,
}

/// What a join comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    pub error: ErrorCode,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub leader: String,
    pub member_id: String,
    /// For the leader alone: id, instance id and metadata of each member.
    pub members: Vec<(String, Option<String>, Vec<u8>)>,
}

/// What a sync comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Synced {
    pub error: ErrorCode,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub assignment: Vec<u8>,
}

/// The answer to a request that waited.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Join(Joined),
    Sync(Synced),
}

/// An answer now, or a member id to wait under.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome<T> {
    Now(T),
    Wait(String),
}

#[derive(Debug)]
pub struct Group {
    pub id: String,
    pub(super) state: State,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Ids that were handed out and have not joined yet, with the end of their patience.
    pub(super) pending: BTreeMap<String, i64>,
    pub(super) answers: BTreeMap<String, Answer>,
    /// Members whose answer is there since the last look.
    pub(super) woken: Vec<String>,
    /// When the current phase ends, whoever is missing.
    pub(super) phase_ends_ms: i64,
    /// Joins that came during the initial delay make it start again, up to this time.
    pub(super) delay_ends_ms: Option<i64>,
    pub(super) state_since_ms: i64,
    pub(super) empty_since_ms: i64,
    pub(super) limits: Limits,
}

pub fn joined_error(error: ErrorCode, member_id: &str) -> Joined {
    Joined {
        error,
        generation: -1,
        protocol_type: None,
        protocol: None,
        leader: String::new(),
        member_id: member_id.to_string(),
        members: Vec::new(),
    }
}

pub fn synced_error(error: ErrorCode) -> Synced {
    Synced { error, protocol_type: None, protocol: None, assignment: Vec::new() }
}

/// Who a request says it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    pub member_id: &'a str,
    pub instance_id: Option<&'a str>,
    pub generation: i32,
}

impl Group {
    pub fn new(id: &str, limits: Limits, now_ms: i64) -> Group {
        Group {
            id: id.to_string(),
            state: State::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            pending: BTreeMap::new(),
            answers: BTreeMap::new(),
            woken: Vec::new(),
            phase_ends_ms: i64::MAX,
            delay_ends_ms: None,
            state_since_ms: now_ms,
            empty_since_ms: -1,
            limits,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn generation(&self) -> i32 {
        self.generation
    }

    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    pub fn leader(&self) -> Option<&str> {
        self.leader.as_deref()
    }

    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Members whose requests have an answer now.
    pub fn woken(&mut self) -> Vec<String> {
        std::mem::take(&mut self.woken)
    }

    pub fn take_answer(&mut self, member_id: &str) -> Option<Answer> {
        self.answers.remove(member_id)
    }

    pub(super) fn answer(&mut self, member_id: &str, answer: Answer) {
        self.answers.insert(member_id.to_string(), answer);
        self.woken.push(member_id.to_string());
    }

    pub(super) fn enter(&mut self, state: State, now_ms: i64) {
        self.state = state;
        self.state_since_ms = now_ms;
    }

    pub(super) fn prepare_rebalance(&mut self, now_ms: i64) {
        let was_empty = self.state == State::Empty;
        self.end_syncs(ErrorCode::REBALANCE_IN_PROGRESS);
        let longest_ms = self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0);
        let delays = was_empty && self.limits.initial_delay_ms > 0;
        self.delay_ends_ms = delays.then_some(now_ms + longest_ms);
        let patience_ms = if delays { self.limits.initial_delay_ms.min(longest_ms) } else { longest_ms };
        self.phase_ends_ms = now_ms + patience_ms;
        self.enter(State::PreparingRebalance, now_ms);
    }

    pub(super) fn end_syncs(&mut self, error: ErrorCode) {
        let waiting: Vec<String> =
            self.members.values().filter(|m| m.waits == Waits::Sync).map(|m| m.id.clone()).collect();
        for id in waiting {
            self.members.get_mut(&id).expect("listed").waits = Waits::No;
            self.answer(&id, Answer::Sync(synced_error(error)));
        }
    }

    pub(super) fn complete_join_if_all_are_here(&mut self, now_ms: i64) {
        let all_wait = self.members.values().all(|member| member.waits == Waits::Join);
        if self.state == State::PreparingRebalance
            && self.delay_ends_ms.is_none()
            && all_wait
            && self.pending.is_empty()
        {
            self.complete_join(now_ms);
        }
    }

    /// The next generation begins with those who are here; dynamic members that did not come back are out.
    pub(super) fn complete_join(&mut self, now_ms: i64) {
        self.members.retain(|_, member| member.waits == Waits::Join || member.instance_id.is_some());
        let is_here = |id: &String| self.members.get(id).is_some_and(|member| member.waits == Waits::Join);
        if !self.leader.as_ref().is_some_and(is_here) {
            self.leader =
                self.members.values().find(|member| member.waits == Waits::Join).map(|member| member.id.clone());
        }
        self.delay_ends_ms = None;
        if !self.members.is_empty() && self.leader.is_none() {
            // Only static members, and none of them has come back: their sessions decide.
            let longest_ms = self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0);
            self.phase_ends_ms = now_ms + longest_ms;
            return;
        }
        self.generation += 1;
        if self.members.is_empty() {
            (self.protocol, self.leader) = (None, None);
            self.phase_ends_ms = i64::MAX;
            return self.enter(State::Empty, now_ms);
        }
        self.protocol = self.select_protocol();
        self.enter(State::CompletingRebalance, now_ms);
        let longest_ms = self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0);
        self.phase_ends_ms = now_ms + longest_ms;
        let here: Vec<String> =
            self.members.values().filter(|m| m.waits == Waits::Join).map(|m| m.id.clone()).collect();
        for id in here {
            let joined = self.current(&id);
            let member = self.members.get_mut(&id).expect("listed");
            member.waits = Waits::No;
            member.assignment.clear();
            member.shows_life(now_ms);
            self.answer(&id, Answer::Join(joined));
        }
    }

    /// Of the protocols that all support, the one that most members like best.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let mut common =
                member.protocols.iter().filter(|p| self.members.values().all(|other| other.supports(&p.name)));
            if let Some(best) = common.next() {
                *votes.entry(&best.name).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_string())
    }

    pub(super) fn remove(&mut self, id: &str, now_ms: i64) {
        let Some(member) = self.members.remove(id) else { return };
        match member.waits {
            Waits::No => {}
            Waits::Join => self.answer(id, Answer::Join(joined_error(ErrorCode::UNKNOWN_MEMBER_ID, id))),
            Waits::Sync => self.answer(id, Answer::Sync(synced_error(ErrorCode::UNKNOWN_MEMBER_ID))),
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        match self.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(now_ms),
            _ => {}
        }
        if self.state == State::PreparingRebalance && self.members.is_empty() && self.pending.is_empty() {
            self.delay_ends_ms = None;
        }
        self.complete_join_if_all_are_here(now_ms);
    }

    /// A request that waited lost its client: the member lives on until its session ends.
    pub fn abandon(&mut self, member_id: &str, now_ms: i64) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.waits = Waits::No;
            member.shows_life(now_ms);
        }
        self.answers.remove(member_id);
    }

    /// Lets time pass: sessions end, and phases whose patience is over.
    pub fn tick(&mut self, now_ms: i64) {
        self.pending.retain(|_, ends_ms| *ends_ms > now_ms);
        let silent = |member: &&Member| member.waits == Waits::No && member.session_ends_ms <= now_ms;
        let expired: Vec<String> = self.members.values().filter(silent).map(|member| member.id.clone()).collect();
        for id in expired {
            note!("group {}: member {id} showed no life in time and is out", self.id);
            self.remove(&id, now_ms);
        }
        if now_ms >= self.phase_ends_ms {
            match self.state {
                State::PreparingRebalance => self.complete_join(now_ms),
                State::CompletingRebalance => self.drop_unsynced(now_ms),
                _ => {}
            }
        }
        self.complete_join_if_all_are_here(now_ms);
    }

    /// Members that have the generation and never asked for their assignment hold everybody up: they are out.
    pub(super) fn drop_unsynced(&mut self, now_ms: i64) {
        let missing: Vec<String> =
            self.members.values().filter(|m| m.waits != Waits::Sync).map(|m| m.id.clone()).collect();
        if missing.is_empty() {
            self.prepare_rebalance(now_ms);
        }
        missing.iter().for_each(|id| self.remove(id, now_ms));
    }

    /// The time at which [`Group::tick`] has something to do.
    pub fn next_tick_ms(&self) -> i64 {
        let sessions = self.members.values().filter(|m| m.waits == Waits::No).map(|member| member.session_ends_ms);
        let soonest = sessions.chain(self.pending.values().copied()).min().unwrap_or(i64::MAX);
        soonest.min(self.phase_ends_ms)
    }

    /// What a restart should find.
    pub fn record(&self, wall_ms: i64) -> GroupRecord {
        GroupRecord {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_since_ms: wall_ms,
            members: self.members.values().cloned().collect(),
        }
    }

    /// Goes on where the last life was: members with an assignment carry on without a rebalance.
    pub fn restore(&mut self, record: GroupRecord, now_ms: i64) {
        self.generation = record.generation;
        self.protocol_type = Some(record.protocol_type).filter(|known| !known.is_empty());
        self.protocol = record.protocol;
        self.leader = record.leader;
        self.members = record.members.into_iter().map(|member| (member.id.clone(), member)).collect();
        self.empty_since_ms = record.state_since_ms;
        let state = if self.members.is_empty() { State::Empty } else { State::Stable };
        self.enter(state, now_ms);
    }

    /// Nobody is in it, or about to be.
    pub fn is_unused(&self) -> bool {
        matches!(self.state, State::Empty | State::Dead) && self.members.is_empty() && self.pending.is_empty()
    }

    /// When the group became empty, in ms since 1970, as far as that is known.
    pub fn empty_since_ms(&self) -> i64 {
        self.empty_since_ms
    }

    pub fn became_empty(&mut self, wall_ms: i64) {
        self.empty_since_ms = wall_ms;
    }

    /// The group is deleted, if nobody is in it.
    pub fn delete(&mut self, now_ms: i64) -> Result<(), ErrorCode> {
        match self.state {
            State::Empty => {
                self.enter(State::Dead, now_ms);
                Ok(())
            }
            State::Dead => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            _ => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }
}
