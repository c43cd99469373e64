//! What members ask of the group that they are in: sync, heartbeat, leave, and whether they may commit.
//!
//! Always true: a request under an old generation, an old member id or a fenced instance id changes nothing.
//! Not done: joining, which is in [`super::join`].

use crate::base::ErrorCode;
use crate::group::member::{self, Waits};
use crate::group::state::{synced_error, Group, Outcome, State, Synced, Who};

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
        let differs = |named: Option<&str>, known: Option<&str>| named.zip(known).is_some_and(|(a, b)| a != b);
        let checked = self.check(who).and_then(|()| match self.state {
            _ if differs(protocol_type, self.protocol_type()) || differs(protocol, self.protocol()) => {
                Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
            }
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            _ => Ok(()),
        });
        if let Err(error) = checked {
            return Outcome::Now(synced_error(error));
        }
        let member = self.members.get_mut(who.member_id).expect("checked");
        member.shows_life(now_ms);
        member.has_synced = true;
        if self.state == State::CompletingRebalance {
            if self.leader.as_deref() != Some(who.member_id) {
                return Outcome::Wait(self.begin_wait(who.member_id, Waits::Sync));
            }
            let said: usize = self.members.values().map(|member| member::bytes_of(&member.protocols)).sum();
            let assigned: usize = assignments.iter().map(|(_, assignment)| assignment.len()).sum();
            if let Err(error) = self.check_bytes(said + assigned) {
                return Outcome::Now(synced_error(error.code()));
            }
            self.assign(assignments, now_ms);
        }
        if self.members.values().all(|member| member.has_synced) {
            self.phase_ends_ms = i64::MAX;
        }
        Outcome::Now(self.assignment_of(who.member_id))
    }

    /// The leader has said who does what: a member that it left out has nothing to do.
    fn assign(&mut self, assignments: Vec<(String, Vec<u8>)>, now_ms: i64) {
        self.members.values_mut().for_each(|member| member.assignment.clear());
        for (member_id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&member_id) {
                member.assignment = assignment;
            }
        }
        self.state = State::Stable;
        self.end_syncs(ErrorCode::NONE, now_ms);
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

    /// A commit of a member; or, with generation -1, of a tool or of a consumer that chose its partitions itself, which
    /// an empty group takes.
    pub fn check_commit(&mut self, who: Who, now_ms: i64) -> Result<(), ErrorCode> {
        if self.state == State::Empty && who.generation < 0 {
            return Ok(());
        }
        self.check(who)?;
        if self.state == State::CompletingRebalance {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.members.get_mut(who.member_id).expect("checked").shows_life(now_ms);
        Ok(())
    }

    /// A member goes, by its id or, if it is static, by its instance id.
    pub fn leave(&mut self, member_id: &str, instance_id: Option<&str>, now_ms: i64) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        if !member_id.is_empty() && self.pending.remove(member_id).is_some() {
            self.try_complete_join(now_ms);
            return Ok(());
        }
        let id = match instance_id.map(|instance_id| self.find_instance(instance_id)) {
            None => member_id.to_string(),
            Some(None) => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Some(Some(known)) if !member_id.is_empty() && known != member_id => {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
            Some(Some(known)) => known,
        };
        if !self.members.contains_key(&id) {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.remove(&id, now_ms);
        Ok(())
    }
}
