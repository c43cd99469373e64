//! Membership in a group: joining it, and the thread that says "still here".
//!
//! ```text
//! poll:       JoinGroup (waits until all have joined) -> the leader assigns -> SyncGroup -> this member's partitions
//! heartbeat:  each heartbeat.interval.ms; an answer may be "the group rebalances": poll joins again
//! ```
//!
//! Always true: a rebalance happens inside `poll` alone. Who does not poll for `max.poll.interval.ms` leaves the group.
//! Not done: neither cooperative rebalances (KIP-429) nor the newer protocol (KIP-848); the range assignor alone.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::assignor::{assign, read_subscription, write_assignment, write_subscription, RANGE};
use super::fetcher::{Ahead, State};
use crate::base::{ErrorCode, TopicPartition};
use crate::client::admin::read_assignment;
use crate::client::cluster::Cluster;
use crate::client::connection::Connection;
use crate::client::error::{check, Error, Result};
use crate::wire::messages::join_group::JoinGroupRequestProtocol;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::sync_group::SyncGroupRequestAssignment;
use crate::wire::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};

const CONSUMER: &str = "consumer";

/// What a consumer is in its group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Empty: none yet.
    pub id: String,
    /// -1: it is in no generation.
    pub generation: i32,
    /// Where its coordinator is.
    address: String,
    /// It is to join again.
    pub must_join: bool,
    pub last_poll: Instant,
}

impl Default for Member {
    fn default() -> Member {
        Member { id: String::new(), generation: -1, address: String::new(), must_join: true, last_poll: Instant::now() }
    }
}

/// What came of joining.
pub struct Joined {
    pub partitions: Vec<TopicPartition>,
    /// The leader's: the topics of all members and how many partitions each had. Empty for others.
    pub counts: BTreeMap<String, usize>,
}

/// One attempt to join and to learn this member's partitions; none: try again at once.
pub fn join(ahead: &Ahead, cluster: &mut Cluster, topics: &[String]) -> Result<Option<Joined>> {
    let settings = &ahead.settings;
    let group = settings.group()?;
    let member = {
        let mut state = ahead.lock();
        // Until it has joined there is nothing to say "still here" for.
        state.member.generation = -1;
        state.member.clone()
    };
    let ms = |ms: u64| i32::try_from(ms).unwrap_or(i32::MAX);
    let protocol = JoinGroupRequestProtocol { name: RANGE.to_string(), metadata: write_subscription(topics) };
    let mut request = JoinGroupRequest {
        group_id: group.to_string(),
        session_timeout_ms: ms(settings.session_timeout_ms),
        rebalance_timeout_ms: ms(settings.max_poll_interval_ms),
        member_id: member.id,
        group_instance_id: settings.instance(),
        protocol_type: CONSUMER.to_string(),
        protocols: vec![protocol],
    };
    let node = cluster.coordinator(group)?;
    let joined = cluster.ask_patiently(node, &mut request, Duration::from_millis(settings.max_poll_interval_ms));
    let joined = joined.inspect_err(|_| cluster.forget_coordinator(group))?;
    if !joined.member_id.is_empty() {
        ahead.lock().member.id.clone_from(&joined.member_id);
    }
    if !is_settled(ahead, cluster, joined.error_code, "joining")? {
        return Ok(None);
    }
    let (assignments, counts) = match joined.leader == joined.member_id {
        true => share_out(cluster, &joined)?,
        false => Default::default(),
    };
    let mut request = SyncGroupRequest {
        group_id: group.to_string(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        group_instance_id: settings.instance(),
        protocol_type: Some(CONSUMER.to_string()),
        protocol_name: joined.protocol_name.or(Some(RANGE.to_string())),
        assignments,
    };
    let synced = cluster.ask_patiently(node, &mut request, Duration::from_millis(settings.max_poll_interval_ms));
    let synced = synced.inspect_err(|_| cluster.forget_coordinator(group))?;
    if !is_settled(ahead, cluster, synced.error_code, "syncing with")? {
        return Ok(None);
    }
    let partitions = read_assignment(&synced.assignment).unwrap_or_default();
    let mut state = ahead.lock();
    let address = cluster.address_of(node).unwrap_or_default();
    let last_poll = Instant::now();
    let generation = joined.generation_id;
    state.member = Member { id: joined.member_id, generation, address, must_join: false, last_poll };
    ahead.wanted.notify_all();
    Ok(Some(Joined { partitions, counts }))
}

/// Whether it worked; false: it may if it is tried again.
fn is_settled(ahead: &Ahead, cluster: &mut Cluster, code: ErrorCode, what: &str) -> Result<bool> {
    match code {
        ErrorCode::NONE => return Ok(true),
        // The id that was given is to be sent along.
        ErrorCode::MEMBER_ID_REQUIRED => {}
        ErrorCode::UNKNOWN_MEMBER_ID => ahead.lock().member.id.clear(),
        ErrorCode::ILLEGAL_GENERATION | ErrorCode::REBALANCE_IN_PROGRESS => {}
        _ => {
            cluster.forget_coordinator(&ahead.settings.group_id);
            return Err(Error::refused(format!("{what} group {}", ahead.settings.group_id), code, None));
        }
    }
    Ok(false)
}

/// The leader's work: who reads what.
#[allow(clippy::type_complexity)]
fn share_out(
    cluster: &mut Cluster,
    joined: &JoinGroupResponse,
) -> Result<(Vec<SyncGroupRequestAssignment>, BTreeMap<String, usize>)> {
    let topics = |metadata: &[u8]| read_subscription(metadata).unwrap_or_default();
    // Static members keep their order over restarts.
    let members: Vec<(String, Vec<String>)> =
        joined.members.iter().map(|member| (member.member_id.clone(), topics(&member.metadata))).collect();
    let counts = count_partitions(cluster, members.iter().flat_map(|(_, topics)| topics.iter().cloned()))?;
    let assignments = assign(&members, &counts).into_iter().map(|(member_id, partitions)| SyncGroupRequestAssignment {
        member_id,
        assignment: write_assignment(&partitions),
    });
    Ok((assignments.collect(), counts))
}

/// How many partitions each of these topics has; 0: it does not exist.
pub fn count_partitions(
    cluster: &mut Cluster,
    topics: impl Iterator<Item = String>,
) -> Result<BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, usize> = topics.map(|topic| (topic, 0)).collect();
    let names: Vec<&str> = counts.keys().map(String::as_str).collect();
    let found = cluster.metadata(Some(&names), false)?;
    for topic in found.into_iter().filter(|topic| topic.error_code.is_none()) {
        counts.insert(topic.name.unwrap_or_default(), topic.partitions.len());
    }
    Ok(counts)
}

/// The thread of heartbeats.
pub struct Heart {
    pub ahead: Arc<Ahead>,
}

impl Heart {
    pub fn run(self) {
        let mut connection: Option<Connection> = None;
        let mut last_answer = Instant::now();
        while let Some(member) = self.wait() {
            let settings = &self.ahead.settings;
            if member.last_poll.elapsed() > Duration::from_millis(settings.max_poll_interval_ms) {
                // What hangs must not keep others from its partitions.
                let _ = connection.as_mut().map(|connection| leave(connection, settings.group_id.clone(), &member.id));
                self.lose(&member, |member| *member = Member { last_poll: member.last_poll, ..Member::default() });
                continue;
            }
            if connection.as_ref().is_some_and(|connection| connection.address() != member.address) {
                connection = None;
            }
            match self.beat(&mut connection, &member) {
                Ok(ErrorCode::NONE) => last_answer = Instant::now(),
                Ok(ErrorCode::REBALANCE_IN_PROGRESS) => {
                    last_answer = Instant::now();
                    self.lose(&member, |_| {});
                }
                Ok(ErrorCode::UNKNOWN_MEMBER_ID) => self.lose(&member, |member| {
                    (member.id, member.generation) = (String::new(), -1);
                }),
                Ok(_) => self.lose(&member, |_| {}),
                Err(_) => {
                    connection = None;
                    if last_answer.elapsed() > Duration::from_millis(settings.session_timeout_ms) {
                        self.lose(&member, |_| {});
                    }
                }
            }
        }
    }

    /// Waits until it is time; none when it is over.
    fn wait(&self) -> Option<Member> {
        let interval = Duration::from_millis(self.ahead.settings.heartbeat_interval_ms.max(1));
        let due = Instant::now() + interval;
        let mut state = self.ahead.lock();
        loop {
            let left = due.saturating_duration_since(Instant::now());
            // A member that is to join again lives on until it does: the others wait for it, up to max.poll.interval.ms.
            let is_member = |state: &State| state.member.generation >= 0;
            match left.is_zero() {
                _ if state.is_closing => return None,
                true if is_member(&state) => return Some(state.member.clone()),
                true => state = self.ahead.wanted.wait(state).unwrap_or_else(PoisonError::into_inner),
                false => {
                    state = self.ahead.wanted.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn beat(&self, connection: &mut Option<Connection>, member: &Member) -> Result<ErrorCode> {
        let settings = &self.ahead.settings;
        if connection.is_none() {
            *connection = Some(Connection::open(&member.address, &settings.client)?);
        }
        let mut request = HeartbeatRequest {
            group_id: settings.group_id.clone(),
            generation_id: member.generation,
            member_id: member.id.clone(),
            group_instance_id: settings.instance(),
        };
        Ok(connection.as_mut().expect("just made").call(&mut request)?.error_code)
    }

    /// The member has to join again, unless it has done so meanwhile.
    fn lose(&self, member: &Member, change: impl FnOnce(&mut Member)) {
        let mut state = self.ahead.lock();
        if state.member.generation == member.generation {
            state.member.must_join = true;
            change(&mut state.member);
            self.ahead.arrived.notify_all();
        }
    }
}

fn leave_request(group_id: String, member_id: &str) -> LeaveGroupRequest {
    // Versions up to 2 have the one field, later ones the other.
    let member = MemberIdentity { member_id: member_id.to_string(), ..Default::default() };
    LeaveGroupRequest { group_id, member_id: member_id.to_string(), members: vec![member] }
}

fn leave(connection: &mut Connection, group_id: String, member_id: &str) -> Result<()> {
    connection.call(&mut leave_request(group_id, member_id)).map(drop)
}

/// Leaves the group, so that the others need not wait for the session to end.
pub fn leave_for_good(cluster: &mut Cluster, group: &str, member_id: &str) -> Result<()> {
    let answer = cluster.ask_coordinator(group, &mut leave_request(group.to_string(), member_id))?;
    check(|| format!("leaving group {group}"), answer.error_code, None)
}
