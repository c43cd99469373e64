//! Requests that wait for their group: their tickets, their answers, and clients that do not wait any longer.
//!
//! Always true: a member has one request that waits at the most; a second one takes its place, and the first is told to
//! join again. Each ticket is answered once, or abandoned.
//! Not done: nobody sleeps here: a ticket is answered, and the server wakes its thread.

use crate::base::ErrorCode;
use crate::group::member::{Ticket, Waits};
use crate::group::state::{joined_error, synced_error, Answer, Group};

/// How long an id that was handed out is good for after the connection that it went to has ended.
const COMES_BACK_MS: i64 = 30_000;

impl Group {
    /// Requests that have an answer now.
    pub fn woken(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.woken)
    }

    pub fn take_answer(&mut self, ticket: Ticket) -> Option<Answer> {
        self.answers.remove(&ticket).map(|(_, answer)| answer)
    }

    /// A request of the member waits from now on.
    pub(super) fn begin_wait(&mut self, member_id: &str, waits: impl FnOnce(Ticket) -> Waits) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let member = self.members.get_mut(member_id).expect("a member waits");
        let before = std::mem::replace(&mut member.waits, waits(ticket));
        let again = ErrorCode::REBALANCE_IN_PROGRESS;
        match before {
            Waits::Sync(_) => self.answer(before, "", Answer::Sync(synced_error(again))),
            _ => self.answer(before, "", Answer::Join(joined_error(again, member_id))),
        }
        ticket
    }

    /// Answers the request that waited so, if one did.
    pub(super) fn answer(&mut self, waited: Waits, member_id: &str, answer: Answer) {
        if let Some(ticket) = waited.ticket() {
            self.answers.insert(ticket, (member_id.to_string(), answer));
            self.woken.push(ticket);
        }
    }

    /// A request lost its client, before its answer was there or after.
    ///
    /// A member that the client knows lives on until its session ends: it may come back over another connection.
    pub fn abandon(&mut self, ticket: Ticket, now_ms: i64) {
        let answered = self.answers.remove(&ticket).map(|(member_id, _)| member_id);
        let mut members = self.members.values();
        let waiting = || members.find(|member| member.waits.ticket() == Some(ticket)).map(|member| member.id.clone());
        let Some(member_id) = answered.or_else(waiting) else { return };
        let Some(member) = self.members.get_mut(&member_id) else { return };
        match member.waits {
            Waits::Join(waiting) if waiting == ticket => member.waits = Waits::Gone,
            Waits::Sync(waiting) if waiting == ticket => member.waits = Waits::No,
            _ => {}
        }
        member.renew_session(now_ms);
        self.vanish(&member_id, now_ms);
    }

    /// The connection over which this one came is gone. A newcomer goes at once, so that clients that join and vanish
    /// hold nobody up and get no share; an id that was handed out is not waited for, though it may be used for a while.
    pub fn vanish(&mut self, member_id: &str, now_ms: i64) {
        if let Some(pending) = self.pending.get_mut(member_id) {
            pending.is_awaited = false;
            pending.ends_ms = pending.ends_ms.min(now_ms + COMES_BACK_MS);
            self.try_complete_join(now_ms);
        } else if self.is_newcomer(member_id) {
            self.remove(member_id, now_ms);
        }
    }
}
