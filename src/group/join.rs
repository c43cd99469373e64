//! Joining a group: new members, static ones that come back, and members that join again (KIP-345, KIP-394).
//!
//! Always true: a member that waits in a join is in the table of members; its answer names the generation it is part of.
//! Not done: no clock and no thread: [`super::waits`] answers, the server waits.

use crate::base::{limits, ErrorCode, Result};
use crate::group::member::{self, Joining, Member, Pending, Waits};
use crate::group::state::{joined_error, synced_error, Answer, Group, Joined, Outcome, State};

impl Group {
    /// A join; `new_id` names the member if it has no id yet.
    pub fn join(&mut self, joining: &Joining, new_id: &str, now_ms: i64) -> Outcome<Joined> {
        let refuse = |error| Outcome::Now(joined_error(error, &joining.member_id));
        if !self.limits.allow_session(joining.session_timeout_ms) {
            return refuse(ErrorCode::INVALID_SESSION_TIMEOUT);
        }
        if self.state == State::Dead {
            return refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        if !self.has_room_for(joining) {
            self.pending.remove(&joining.member_id);
            self.remove(&joining.member_id, now_ms);
            let why = format!("a member of group {} is refused: it is full", self.id);
            let full = limits::GROUP_SIZE.refuse(ErrorCode::GROUP_MAX_SIZE_REACHED, why);
            return Outcome::Now(joined_error(full.code(), ""));
        }
        let others = self.members.values().filter(|member| member.id != joining.member_id);
        let held: usize = others.map(Member::bytes).sum();
        if let Err(error) = self.check_bytes(held + member::bytes_of(&joining.protocols)) {
            return refuse(error.code());
        }
        if !self.fits(joining) {
            return refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        match &joining.instance_id {
            Some(instance_id) => self.join_static(joining, instance_id, new_id, now_ms),
            None if joining.member_id.is_empty() && joining.needs_known_id => self.hand_out(joining, new_id, now_ms),
            None if joining.member_id.is_empty() => self.add(joining, new_id, now_ms),
            None if self.pending.remove(&joining.member_id).is_some() => self.add(joining, &joining.member_id, now_ms),
            None => self.rejoin(joining, now_ms),
        }
    }

    /// Whether the members may say that much together.
    pub(super) fn check_bytes(&self, bytes: usize) -> Result<()> {
        if bytes <= self.limits.bytes_max {
            return Ok(());
        }
        let why = format!("the members of group {} would say {bytes} bytes together", self.id);
        Err(limits::GROUP_BYTES.refuse(ErrorCode::POLICY_VIOLATION, why))
    }

    /// Whether `group.max.size` lets it in. In a rebalance those count that have joined it: when the limit was lowered,
    /// the last ones to come are out.
    fn has_room_for(&self, joining: &Joining) -> bool {
        let comes_back = joining.member_id.is_empty()
            && joining.instance_id.as_deref().is_some_and(|instance_id| self.find_instance(instance_id).is_some());
        let known = self.members.get(&joining.member_id);
        let size_max = self.limits.size_max;
        comes_back
            || match self.state {
                State::Empty | State::Dead => true,
                State::PreparingRebalance => {
                    let joined = self.members.values().filter(|member| member.has_joined()).count();
                    known.is_some_and(Member::has_joined) || joined < size_max
                }
                State::CompletingRebalance | State::Stable => known.is_some() || self.members.len() < size_max,
            }
    }

    /// The protocol type is the group's, and every member supports one of the protocols.
    fn fits(&self, joining: &Joining) -> bool {
        if self.state == State::Empty {
            return !joining.protocol_type.is_empty() && !joining.protocols.is_empty();
        }
        let support = self.support();
        let is_common = |name: &str| support.get(name).copied().unwrap_or(0) == self.members.len();
        self.protocol_type() == Some(&joining.protocol_type)
            && joining.protocols.iter().any(|protocol| is_common(&protocol.name))
    }

    /// KIP-394: a new member is given an id, and its session to come back with it. Only so many are remembered: of
    /// more, the one whose time is up first has to ask again.
    fn hand_out(&mut self, joining: &Joining, new_id: &str, now_ms: i64) -> Outcome<Joined> {
        if self.pending.len() >= self.limits.size_max {
            let oldest = self.pending.iter().min_by_key(|(_, pending)| pending.ends_ms).map(|(id, _)| id.clone());
            self.pending.remove(&oldest.unwrap_or_default());
        }
        let ends_ms = now_ms + joining.session_timeout_ms;
        self.pending.insert(new_id.to_string(), Pending { ends_ms, is_awaited: true });
        Outcome::Now(joined_error(ErrorCode::MEMBER_ID_REQUIRED, new_id))
    }

    fn join_static(&mut self, joining: &Joining, instance_id: &str, new_id: &str, now_ms: i64) -> Outcome<Joined> {
        let known = self.find_instance(instance_id);
        match known {
            None if joining.member_id.is_empty() => self.add(joining, new_id, now_ms),
            None => Outcome::Now(joined_error(ErrorCode::UNKNOWN_MEMBER_ID, &joining.member_id)),
            Some(known) if joining.member_id.is_empty() => self.replace_static(joining, &known, new_id, now_ms),
            Some(known) if known != joining.member_id => {
                Outcome::Now(joined_error(ErrorCode::FENCED_INSTANCE_ID, &joining.member_id))
            }
            Some(_) => self.rejoin(joining, now_ms),
        }
    }

    pub(super) fn find_instance(&self, instance_id: &str) -> Option<String> {
        let mut members = self.members.values();
        members
            .find(|member| member.instance_id.as_deref() == Some(instance_id))
            .map(|member| member.id.clone())
    }

    /// A static member came back under a new id: the old one is fenced, and a stable group does not notice (KIP-345).
    fn replace_static(&mut self, joining: &Joining, old_id: &str, new_id: &str, now_ms: i64) -> Outcome<Joined> {
        let mut member = self.members.remove(old_id).expect("found by its instance id");
        self.fence(old_id, member.waits);
        let old_leader = self.leader.clone().unwrap_or_default();
        if self.leader.as_deref() == Some(old_id) {
            self.leader = Some(new_id.to_string());
        }
        member.id = new_id.to_string();
        member.waits = Waits::No;
        member.update(joining);
        member.shows_life(now_ms);
        self.members.insert(new_id.to_string(), member);
        let protocol_stays = self.select_protocol() == self.protocol;
        if self.state == State::Stable && protocol_stays {
            // Named with the old leader's id, so that a returning leader does not hand out assignments that nobody
            // would get.
            return Outcome::Now(Joined { leader: old_leader, ..self.current(new_id) });
        }
        self.wait_for_rebalance(new_id, now_ms)
    }

    /// Whoever waits under the old id of a static member is told that another took its place.
    fn fence(&mut self, old_id: &str, waits: Waits) {
        let error = ErrorCode::FENCED_INSTANCE_ID;
        match waits {
            Waits::Sync(_) => self.answer(waits, old_id, Answer::Sync(synced_error(error))),
            _ => self.answer(waits, old_id, Answer::Join(joined_error(error, old_id))),
        }
    }

    fn add(&mut self, joining: &Joining, id: &str, now_ms: i64) -> Outcome<Joined> {
        if self.members.is_empty() {
            self.protocol_type = Some(joining.protocol_type.clone());
        }
        self.members.insert(id.to_string(), Member::new(id.to_string(), joining, now_ms));
        self.leader.get_or_insert_with(|| id.to_string());
        if let Some(initial) = &mut self.initial {
            initial.has_grown = true;
        }
        self.wait_for_rebalance(id, now_ms)
    }

    fn rejoin(&mut self, joining: &Joining, now_ms: i64) -> Outcome<Joined> {
        let id = &joining.member_id;
        let Some(member) = self.members.get_mut(id) else {
            return Outcome::Now(joined_error(ErrorCode::UNKNOWN_MEMBER_ID, id));
        };
        member.shows_life(now_ms);
        let says_the_same = member.protocols == joining.protocols;
        let is_leader = self.leader.as_ref() == Some(id);
        match self.state {
            // The answer to an earlier join was lost on its way, or a follower makes sure.
            State::CompletingRebalance if says_the_same => Outcome::Now(self.current(id)),
            State::Stable if says_the_same && !is_leader => Outcome::Now(self.current(id)),
            _ => {
                member.update(joining);
                self.wait_for_rebalance(id, now_ms)
            }
        }
    }

    /// What a member is told of the current generation.
    pub(super) fn current(&self, member_id: &str) -> Joined {
        let leader = self.leader.clone().unwrap_or_default();
        let protocol = self.protocol.clone().unwrap_or_default();
        let is_leader = leader == member_id && self.state == State::CompletingRebalance;
        let everyone = self
            .members
            .values()
            .map(|member| (member.id.clone(), member.instance_id.clone(), member.metadata(&protocol)));
        Joined {
            error: ErrorCode::NONE,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            members: if is_leader { everyone.collect() } else { Vec::new() },
            leader,
            member_id: member_id.to_string(),
        }
    }

    fn wait_for_rebalance(&mut self, member_id: &str, now_ms: i64) -> Outcome<Joined> {
        if self.state != State::PreparingRebalance {
            self.prepare_rebalance(now_ms);
        }
        let ticket = self.begin_wait(member_id, Waits::Join);
        self.try_complete_join(now_ms);
        match self.take_answer(ticket) {
            Some(Answer::Join(joined)) => {
                self.woken.retain(|woken| *woken != ticket);
                Outcome::Now(joined)
            }
            _ => Outcome::Wait(ticket),
        }
    }
}
