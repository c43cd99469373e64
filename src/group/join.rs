//! Joining a group: new members, static ones that come back, and members that join again (KIP-345, KIP-394).
//!
//! Always true: a member that waits in a join is in the table of members; its answer names the generation it is part of.

use crate::base::ErrorCode;
use crate::group::member::{Joining, Member, Waits};
use crate::group::state::{joined_error, synced_error, Answer, Group, Joined, Outcome, State};

impl Group {
    /// A join; `new_id` names the member if it has no id yet.
    pub fn join(&mut self, joining: &Joining, new_id: &str, now_ms: i64) -> Outcome<Joined> {
        let refuse = |error| Outcome::Now(joined_error(error, &joining.member_id));
        if self.state == State::Dead {
            return refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        if !(self.limits.session_min_ms..=self.limits.session_max_ms).contains(&joining.session_timeout_ms) {
            return refuse(ErrorCode::INVALID_SESSION_TIMEOUT);
        }
        if !self.fits(joining) {
            return refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        let is_known = self.members.contains_key(&joining.member_id) || self.pending.contains_key(&joining.member_id);
        if !is_known && self.members.len() >= self.limits.size_max {
            return refuse(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        match &joining.instance_id {
            Some(instance_id) => self.join_static(joining, instance_id, new_id, now_ms),
            None if joining.member_id.is_empty() && joining.needs_known_id => {
                self.pending.insert(new_id.to_string(), now_ms + joining.session_timeout_ms);
                Outcome::Now(joined_error(ErrorCode::MEMBER_ID_REQUIRED, new_id))
            }
            None if joining.member_id.is_empty() => self.add(joining, new_id, now_ms),
            None if self.pending.remove(&joining.member_id).is_some() => self.add(joining, &joining.member_id, now_ms),
            None => self.rejoin(joining, now_ms),
        }
    }

    /// The protocol type is the group's, and some protocol is supported by every member.
    pub(super) fn fits(&self, joining: &Joining) -> bool {
        if joining.protocols.is_empty() || joining.protocol_type.is_empty() {
            return false;
        }
        let others: Vec<&Member> = self.members.values().filter(|member| member.id != joining.member_id).collect();
        others.is_empty()
            || self.protocol_type.as_ref().is_none_or(|known| *known == joining.protocol_type)
                && joining.protocols.iter().any(|protocol| others.iter().all(|other| other.supports(&protocol.name)))
    }

    pub(super) fn join_static(
        &mut self,
        joining: &Joining,
        instance_id: &str,
        new_id: &str,
        now_ms: i64,
    ) -> Outcome<Joined> {
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
    pub(super) fn replace_static(
        &mut self,
        joining: &Joining,
        old_id: &str,
        new_id: &str,
        now_ms: i64,
    ) -> Outcome<Joined> {
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
    pub(super) fn fence(&mut self, old_id: &str, waits: Waits) {
        let error = ErrorCode::FENCED_INSTANCE_ID;
        match waits {
            Waits::No => {}
            Waits::Join => self.answer(old_id, Answer::Join(joined_error(error, old_id))),
            Waits::Sync => self.answer(old_id, Answer::Sync(synced_error(error))),
        }
    }

    pub(super) fn add(&mut self, joining: &Joining, id: &str, now_ms: i64) -> Outcome<Joined> {
        if self.members.is_empty() {
            self.protocol_type = Some(joining.protocol_type.clone());
        }
        self.members.insert(id.to_string(), Member::new(id.to_string(), joining, now_ms));
        self.leader.get_or_insert_with(|| id.to_string());
        if let (State::PreparingRebalance, Some(end)) = (self.state, self.delay_ends_ms) {
            self.phase_ends_ms = (now_ms + self.limits.initial_delay_ms).min(end);
        }
        self.wait_for_rebalance(id, now_ms)
    }

    pub(super) fn rejoin(&mut self, joining: &Joining, now_ms: i64) -> Outcome<Joined> {
        let Some(member) = self.members.get_mut(&joining.member_id) else {
            return Outcome::Now(joined_error(ErrorCode::UNKNOWN_MEMBER_ID, &joining.member_id));
        };
        let says_the_same = member.protocols == joining.protocols;
        let is_leader = self.leader.as_ref() == Some(&joining.member_id);
        member.update(joining);
        member.shows_life(now_ms);
        match self.state {
            // The answer to an earlier join was lost on its way, or a follower makes sure.
            State::CompletingRebalance if says_the_same => Outcome::Now(self.current(&joining.member_id)),
            State::Stable if says_the_same && !is_leader => Outcome::Now(self.current(&joining.member_id)),
            State::Empty | State::Dead => Outcome::Now(joined_error(ErrorCode::UNKNOWN_MEMBER_ID, &joining.member_id)),
            _ => self.wait_for_rebalance(&joining.member_id, now_ms),
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

    pub(super) fn wait_for_rebalance(&mut self, member_id: &str, now_ms: i64) -> Outcome<Joined> {
        self.members.get_mut(member_id).expect("just joined").waits = Waits::Join;
        if self.state != State::PreparingRebalance {
            self.prepare_rebalance(now_ms);
        }
        self.complete_join_if_all_are_here(now_ms);
        match self.answers.remove(member_id) {
            Some(Answer::Join(joined)) => {
                self.woken.retain(|woken| woken != member_id);
                Outcome::Now(joined)
            }
            _ => Outcome::Wait(member_id.to_string()),
        }
    }
}
