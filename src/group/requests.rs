//! What members ask of the group that they are in: sync, heartbeat, leave, and whether they may commit.
//!
//! Always true: a request under an old generation, an old member id or a fenced instance id changes nothing.

use crate::base::ErrorCode;
use crate::group::member::Waits;
use crate::group::state::{synced_error, Answer, Group, Outcome, State, Synced, Who};

impl Group {
    /// Whether a request comes from a member of the current generation.
    pub fn check(&self, who: Who) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        if let Some(instance_id) = who.instance_id {
            match self.find_instance(instance_id) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(known) if known != who.member_id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        match self.members.contains_key(who.member_id) {
            false => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            true if who.generation != self.generation => Err(ErrorCode::ILLEGAL_GENERATION),
            true => Ok(()),
        }
    }

    /// A sync; the leader's brings everybody's assignment.
    pub fn sync(
        &mut self,
        who: Who,
        protocol_type: Option<&str>,
        protocol: Option<&str>,
        assignments: Vec<(String, Vec<u8>)>,
        now_ms: i64,
    ) -> Outcome<Synced> {
        let checked = self.check(who).and_then(|()| match self.state {
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            _ if protocol_type.is_some_and(|named| self.protocol_type() != Some(named)) => {
                Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
            }
            _ if protocol.is_some_and(|named| self.protocol() != Some(named)) => {
                Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
            }
            _ => Ok(()),
        });
        if let Err(error) = checked {
            return Outcome::Now(synced_error(error));
        }
        let member = self.members.get_mut(who.member_id).expect("checked");
        member.shows_life(now_ms);
        if self.state == State::Stable {
            return Outcome::Now(self.assignment_of(who.member_id));
        }
        member.waits = Waits::Sync;
        if self.leader.as_deref() != Some(who.member_id) {
            return Outcome::Wait(who.member_id.to_string());
        }
        for (member_id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&member_id) {
                member.assignment = assignment;
            }
        }
        self.enter(State::Stable, now_ms);
        self.phase_ends_ms = i64::MAX;
        let waiting: Vec<String> =
            self.members.values().filter(|m| m.waits == Waits::Sync).map(|m| m.id.clone()).collect();
        for id in waiting {
            let member = self.members.get_mut(&id).expect("listed");
            member.waits = Waits::No;
            member.shows_life(now_ms);
            let synced = self.assignment_of(&id);
            if id != who.member_id {
                self.answer(&id, Answer::Sync(synced));
            }
        }
        Outcome::Now(self.assignment_of(who.member_id))
    }

    pub(super) fn assignment_of(&self, member_id: &str) -> Synced {
        Synced {
            error: ErrorCode::NONE,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members[member_id].assignment.clone(),
        }
    }

    pub fn heartbeat(&mut self, who: Who, now_ms: i64) -> Result<(), ErrorCode> {
        self.check(who)?;
        self.members.get_mut(who.member_id).expect("checked").shows_life(now_ms);
        match self.state {
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            _ => Ok(()),
        }
    }

    /// A commit with a generation comes from a member, one without (-1) from outside of any group life.
    pub fn check_commit(&mut self, who: Who, now_ms: i64) -> Result<(), ErrorCode> {
        if who.generation < 0 && who.member_id.is_empty() && self.state == State::Empty {
            return Ok(());
        }
        self.check(who)?;
        self.members.get_mut(who.member_id).expect("checked").shows_life(now_ms);
        match self.state {
            State::CompletingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            _ => Ok(()),
        }
    }

    /// A member goes, by its id or, if it is static, by its instance id.
    pub fn leave(&mut self, member_id: &str, instance_id: Option<&str>, now_ms: i64) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        let id = match instance_id {
            None => member_id.to_string(),
            Some(instance_id) => match self.find_instance(instance_id) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(known) if !member_id.is_empty() && known != member_id => {
                    return Err(ErrorCode::FENCED_INSTANCE_ID);
                }
                Some(known) => known,
            },
        };
        if self.pending.remove(&id).is_some() {
            self.complete_join_if_all_are_here(now_ms);
            return Ok(());
        }
        match self.members.contains_key(&id) {
            true => {
                self.remove(&id, now_ms);
                Ok(())
            }
            false => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        }
    }
}
