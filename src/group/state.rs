//! One consumer group: a state machine without threads, clocks or sockets (Kafka's `ClassicGroup`).
//!
//! ```text
//!           join                 all joined, or time is up        the leader syncs
//! Empty ---------> PreparingRebalance ---------> CompletingRebalance ---------> Stable
//!   ^                 |        ^  ^                     |                         |
//!   +--- no member ---+        |  +-- join, leave, expiry                         |
//!                              +--------- join, leave, expiry, new subscription --+
//! ```
//!
//! | state | what it is | join | sync | heartbeat | commit of a member | goes to |
//! |---|---|---|---|---|---|---|
//! | *Empty* | no member | the first one in | UNKNOWN_MEMBER_ID | UNKNOWN_MEMBER_ID | UNKNOWN_MEMBER_ID; without a generation it is taken | *PreparingRebalance* with a join, *Dead* when it is deleted |
//! | *PreparingRebalance* | collects who is there | waits | REBALANCE_IN_PROGRESS | REBALANCE_IN_PROGRESS, and the session goes on | taken | *CompletingRebalance* when all have joined, also the clients that were just given an id and are still connected, or at the longest rebalance timeout without those that have not; the first time `group.initial.rebalance.delay.ms` decides instead. *Empty* when nobody is left |
//! | *CompletingRebalance* | all know the generation, none its assignment | of a member that says the same: the same answer again; any other: *PreparingRebalance* | waits; the leader's ends it | taken | REBALANCE_IN_PROGRESS | *Stable* with the leader's sync; *PreparingRebalance* when a member comes, goes, expires, or has not synced within the longest rebalance timeout |
//! | *Stable* | everybody has an assignment | of a follower that says the same: the generation again; any other: *PreparingRebalance*; a static member that comes back takes its old place | the assignment | taken | taken | *PreparingRebalance* as above, and with the leader's join |
//! | *Dead* | deleted | COORDINATOR_NOT_AVAILABLE | the same | the same | the same | nowhere; who asks again finds a new group |
//!
//! Before the state decides: an instance id that nobody has, or a member id that is not in the group, is
//! UNKNOWN_MEMBER_ID; another member's instance id FENCED_INSTANCE_ID; another generation ILLEGAL_GENERATION; another
//! protocol INCONSISTENT_GROUP_PROTOCOL; a session outside of the limits INVALID_SESSION_TIMEOUT; one member too many
//! GROUP_MAX_SIZE_REACHED; a new member without an id MEMBER_ID_REQUIRED.
//!
//! A join or a sync that waits gets a [`Ticket`], and its answer by [`Group::take_answer`] after [`Group::woken`]
//! names it.
//!
//! Always true: the generation rises with each rebalance; an answer is for the generation that it names; what is kept
//! of clients that are gone ends with their sessions.
//! Not done: metadata and assignments are opaque bytes.

use std::collections::BTreeMap;

use crate::base::metrics::Counter;
use crate::base::ErrorCode;
use crate::group::member::{Member, Pending, Ticket, Waits};
use crate::group::records::GroupRecord;

/// Rebalances that came to a new generation, of all groups.
pub static REBALANCES: Counter = Counter::new();

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
    /// What the members may say together.
    pub bytes_max: usize,
    /// The longest name of a group, a member, an instance, a client or a protocol.
    pub name_bytes_max: usize,
    pub groups_max: usize,
}

impl Limits {
    /// Any number of groups and members, with whatever they say.
    pub const NONE: Limits = Limits {
        initial_delay_ms: 0,
        session_min_ms: 0,
        session_max_ms: i64::MAX,
        size_max: usize::MAX,
        bytes_max: usize::MAX,
        name_bytes_max: usize::MAX,
        groups_max: usize::MAX,
    };

    pub fn allow_session(&self, timeout_ms: i64) -> bool {
        (self.session_min_ms..=self.session_max_ms).contains(&timeout_ms)
    }
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

/// An answer now, or something to wait with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome<T, W = Ticket> {
    Now(T),
    Wait(W),
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
    pub(super) pending: BTreeMap<String, Pending>,
    /// Answers that wait to be taken, and the member that each is for.
    pub(super) answers: BTreeMap<Ticket, (String, Answer)>,
    /// Requests whose answer is there since the last look.
    pub(super) woken: Vec<Ticket>,
    pub(super) last_ticket: u64,
    /// When the current phase ends, whoever is missing.
    pub(super) phase_ends_ms: i64,
    pub(super) initial: Option<InitialDelay>,
    pub(super) empty_since_ms: i64,
    pub(super) limits: Limits,
}

/// How the first rebalance of a group waits for more members: one delay after the other, for as long as each brings
/// somebody, and not beyond the rebalance timeout of the first member.
#[derive(Debug)]
pub(super) struct InitialDelay {
    delay_ms: i64,
    left_ms: i64,
    pub(super) has_grown: bool,
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
    pub fn new(id: &str, limits: Limits) -> Group {
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
            last_ticket: 0,
            phase_ends_ms: i64::MAX,
            initial: None,
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

    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Whether its client has done nothing but to come: it was given the id, or has joined with it.
    pub fn is_newcomer(&self, id: &str) -> bool {
        self.pending.contains_key(id) || self.members.get(id).is_some_and(|member| member.is_new && !member.is_static())
    }

    /// Whether its last join was answered.
    pub fn has_joined(&self, id: &str) -> bool {
        self.members.get(id).is_some_and(|member| matches!(member.waits, Waits::No))
    }

    pub(super) fn longest_rebalance_ms(&self) -> i64 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// All members have to join again. Those that wait for an assignment of the old generation are told so.
    pub(super) fn prepare_rebalance(&mut self, now_ms: i64) {
        if self.state == State::CompletingRebalance {
            self.members.values_mut().for_each(|member| member.assignment.clear());
            self.end_syncs(ErrorCode::REBALANCE_IN_PROGRESS, now_ms);
        }
        let longest_ms = self.longest_rebalance_ms();
        let delay_ms = self.limits.initial_delay_ms;
        let is_first = self.state == State::Empty;
        let initial = InitialDelay { delay_ms, left_ms: (longest_ms - delay_ms).max(0), has_grown: false };
        self.initial = is_first.then_some(initial);
        self.phase_ends_ms = now_ms + if is_first { delay_ms } else { longest_ms };
        self.state = State::PreparingRebalance;
    }

    /// Whoever waits for an assignment is answered: with an error, or with what it is.
    pub(super) fn end_syncs(&mut self, error: ErrorCode, now_ms: i64) {
        let waits = |member: &&Member| matches!(member.waits, Waits::Sync(_));
        let waiting: Vec<String> = self.members.values().filter(waits).map(|member| member.id.clone()).collect();
        for id in waiting {
            let synced = if error.is_none() { self.assignment_of(&id) } else { synced_error(error) };
            let member = self.members.get_mut(&id).expect("listed");
            member.renew_session(now_ms);
            let waits = std::mem::replace(&mut member.waits, Waits::No);
            self.answer(waits, &id, Answer::Sync(synced));
        }
    }

    // tour: try-complete-join
    /// Begins the next generation if everybody is there, or their time is up.
    pub(super) fn try_complete_join(&mut self, now_ms: i64) {
        if self.state != State::PreparingRebalance {
            return;
        }
        let is_over = now_ms >= self.phase_ends_ms;
        let is_awaited = self.pending.values().any(|pending| pending.is_awaited);
        let all_joined = !is_awaited && self.members.values().all(Member::has_joined);
        match &mut self.initial {
            Some(initial) if is_over && initial.has_grown && initial.left_ms > 0 => {
                let delay_ms = initial.delay_ms.min(initial.left_ms);
                let left_ms = (initial.left_ms - initial.delay_ms).max(0);
                *initial = InitialDelay { delay_ms, left_ms, has_grown: false };
                self.phase_ends_ms += delay_ms;
            }
            Some(_) if is_over => self.complete_join(now_ms),
            None if is_over || all_joined => self.complete_join(now_ms),
            _ => {}
        }
    }
    // end

    /// The next generation begins with those who are here; dynamic members that did not come back are out.
    fn complete_join(&mut self, now_ms: i64) {
        self.members.retain(|_, member| member.has_joined() || member.is_static());
        self.elect_leader();
        self.initial = None;
        self.phase_ends_ms = now_ms + self.longest_rebalance_ms();
        if !self.members.is_empty() && self.leader.is_none() {
            return; // only static members, and none of them has come back: their sessions decide
        }
        self.generation += 1;
        REBALANCES.add(1);
        self.protocol = self.select_protocol();
        let (generation, members) = (self.generation, self.members.len());
        note!(Info, "rebalanced", [group = self.id, generation = generation, members = members], "");
        if self.members.is_empty() {
            self.phase_ends_ms = i64::MAX;
            self.state = State::Empty;
            return;
        }
        self.state = State::CompletingRebalance;
        let everyone: Vec<String> = self.members.keys().cloned().collect();
        for id in everyone {
            let joined = self.current(&id);
            let member = self.members.get_mut(&id).expect("listed");
            member.has_synced = false;
            member.renew_session(now_ms);
            let waits = std::mem::replace(&mut member.waits, Waits::No);
            self.answer(waits, &id, Answer::Join(joined));
        }
    }

    /// The leader stays if it has joined; otherwise it is somebody who has, first of all somebody who listens.
    fn elect_leader(&mut self) {
        let has_joined = |id: &String| self.members.get(id).is_some_and(Member::has_joined);
        if !self.leader.as_ref().is_some_and(has_joined) {
            let joined = || self.members.values().filter(|member| member.has_joined());
            let leader = joined().find(|member| member.waits != Waits::Gone).or_else(|| joined().next());
            self.leader = leader.map(|member| member.id.clone());
        }
    }

    /// How many members support each protocol.
    pub(super) fn support(&self) -> BTreeMap<&str, usize> {
        let mut support = BTreeMap::new();
        for protocol in self.members.values().flat_map(|member| &member.protocols) {
            *support.entry(protocol.name.as_str()).or_default() += 1;
        }
        support
    }

    /// Of the protocols that all support, the one that most members like best.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let support = self.support();
        let is_common = |name: &str| support.get(name) == Some(&self.members.len());
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(best) = member.protocols.iter().find(|protocol| is_common(&protocol.name)) {
                *votes.entry(&best.name).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_string())
    }

    /// A member is out; whoever is left shares what it had.
    pub(super) fn remove(&mut self, id: &str, now_ms: i64) {
        let Some(member) = self.members.remove(id) else { return };
        let error = ErrorCode::UNKNOWN_MEMBER_ID;
        match member.waits {
            Waits::Sync(_) => self.answer(member.waits, id, Answer::Sync(synced_error(error))),
            _ => self.answer(member.waits, id, Answer::Join(joined_error(error, ""))),
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        if matches!(self.state, State::Stable | State::CompletingRebalance) {
            self.prepare_rebalance(now_ms);
        }
        self.try_complete_join(now_ms);
    }

    /// Lets time pass: sessions end, and phases whose patience is over.
    pub fn tick(&mut self, now_ms: i64) {
        self.pending.retain(|_, pending| pending.ends_ms > now_ms);
        let is_silent = |member: &&Member| member.silent_from_ms().is_some_and(|end_ms| end_ms <= now_ms);
        let expired: Vec<String> = self.members.values().filter(is_silent).map(|member| member.id.clone()).collect();
        for id in expired {
            note!(Info, "member_expired", [group = self.id, member = id], "it showed no life in time");
            self.remove(&id, now_ms);
        }
        let waits_for_syncs = matches!(self.state, State::CompletingRebalance | State::Stable);
        if waits_for_syncs && now_ms >= self.phase_ends_ms {
            self.drop_unsynced(now_ms);
        }
        self.try_complete_join(now_ms);
    }

    /// Members that have the generation and never asked for their assignment are out, so that others get it.
    fn drop_unsynced(&mut self, now_ms: i64) {
        let missing: Vec<String> =
            self.members.values().filter(|member| !member.has_synced).map(|member| member.id.clone()).collect();
        for id in missing {
            note!(Info, "member_expired", [group = self.id, member = id], "it did not ask for its assignment in time");
            self.remove(&id, now_ms);
        }
    }

    /// The time at which [`Group::tick`] has something to do.
    pub fn next_tick_ms(&self) -> i64 {
        let sessions = self.members.values().filter_map(Member::silent_from_ms);
        let soonest = sessions.chain(self.pending.values().map(|pending| pending.ends_ms)).min().unwrap_or(i64::MAX);
        soonest.min(self.phase_ends_ms)
    }

    /// What a restart should find, of a group that has just become stable or empty.
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

    /// Goes on where the last life was: members with an assignment carry on without a rebalance, unless there are more
    /// of them than may be by now.
    pub fn restore(&mut self, record: GroupRecord, now_ms: i64) {
        self.generation = record.generation;
        self.protocol_type = Some(record.protocol_type).filter(|known| !known.is_empty());
        self.protocol = record.protocol;
        self.leader = record.leader;
        self.members = record.members.into_iter().map(|member| (member.id.clone(), member)).collect();
        self.empty_since_ms = record.state_since_ms;
        self.state = if self.members.is_empty() { State::Empty } else { State::Stable };
        if self.members.len() > self.limits.size_max {
            self.prepare_rebalance(now_ms);
        }
    }

    /// Nobody is in it, or about to be.
    pub fn is_unused(&self) -> bool {
        self.state == State::Empty && self.pending.is_empty()
    }

    /// When the group became empty, in ms since 1970, as far as that is known.
    pub fn empty_since_ms(&self) -> i64 {
        self.empty_since_ms
    }

    pub fn became_empty(&mut self, wall_ms: i64) {
        self.empty_since_ms = wall_ms;
    }

    /// The group is deleted, if nobody is in it.
    pub fn delete(&mut self) -> Result<(), ErrorCode> {
        match self.state {
            State::Empty => {
                self.pending.clear();
                self.state = State::Dead;
                Ok(())
            }
            State::Dead => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            _ => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }
}
