//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup: the thin shell around [`crate::group::state`].
//!
//! Always true: a join or a sync that waits is woken by the group, looks at its socket now and then, and gives its
//! place up when the client is gone, also if the answer was there already.
//! Not done: nothing is decided here.

use std::time::{Duration, Instant};

use crate::base::ErrorCode;
use crate::group::member::{Joining, Protocol};
use crate::group::state::{joined_error, synced_error, Answer, Joined, Outcome, Synced, Who};
use crate::group::Waiting;
use crate::os::{random, socket};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::now;
use crate::wire::messages::join_group::JoinGroupResponseMember;
use crate::wire::messages::leave_group::{MemberIdentity, MemberResponse};
use crate::wire::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};

/// Characters of a client's or an instance's name that a member id begins with at most; an id has room for 32767 bytes.
const PREFIX_MAX: usize = 8000;

/// How often a wait looks whether its client is still there: soon, since the others wait for one that is not.
const LOOK_AT_SOCKET: Duration = Duration::from_secs(1);
/// The first version in which a new member is given an id before it may join (KIP-394).
const KNOWN_ID_VERSION: i16 = 4;
/// The first version in which a sync names protocol type and protocol.
const NAMED_PROTOCOL_VERSION: i16 = 5;

pub fn join(call: &Call, request: JoinGroupRequest) -> Result<JoinGroupResponse, Closed> {
    let groups = &call.client.broker.groups;
    if let Err(error) = check_id(&request.group_id) {
        return Ok(join_response(call, joined_error(error, &request.member_id)));
    }
    if let Err(error) = groups.ensure_log(&call.client.broker.topics) {
        return Ok(join_response(call, joined_error(error.code(), &request.member_id)));
    }
    let group_id = request.group_id.clone();
    let joining = joining(call, request);
    let prefix = joining.instance_id.as_deref().unwrap_or(&joining.client_id);
    let prefix: String = prefix.chars().take(PREFIX_MAX).collect();
    let new_id = format!("{prefix}-{:032x}", u128::from_be_bytes(random::sixteen_bytes()));
    let joined = match groups.join(&group_id, &joining, &new_id, call.client.wake.clone(), now()) {
        Outcome::Now(joined) => joined,
        Outcome::Wait(waiting) => match wait(call, &waiting)? {
            Some(Answer::Join(joined)) => joined,
            _ => joined_error(ErrorCode::COORDINATOR_NOT_AVAILABLE, &joining.member_id),
        },
    };
    Ok(join_response(call, joined))
}

fn check_id(group_id: &str) -> Result<(), ErrorCode> {
    if group_id.is_empty() {
        Err(ErrorCode::INVALID_GROUP_ID)
    } else {
        Ok(())
    }
}

fn joining(call: &Call, request: JoinGroupRequest) -> Joining {
    let rebalance_timeout_ms = match request.rebalance_timeout_ms {
        -1 => request.session_timeout_ms,
        ms => ms,
    };
    let protocol = |(name, metadata)| Protocol { name, metadata };
    Joining {
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        client_id: call.client_id.clone(),
        client_host: format!("/{}", call.client.peer.ip().to_canonical()),
        session_timeout_ms: request.session_timeout_ms.into(),
        rebalance_timeout_ms: rebalance_timeout_ms.max(0).into(),
        protocol_type: request.protocol_type,
        protocols: request.protocols.into_iter().map(|p| protocol((p.name, p.metadata))).collect(),
        needs_known_id: call.version >= KNOWN_ID_VERSION,
    }
}

fn join_response(call: &Call, joined: Joined) -> JoinGroupResponse {
    let member =
        |(member_id, group_instance_id, metadata)| JoinGroupResponseMember { member_id, group_instance_id, metadata };
    // Null came with version 7.
    let protocol_name = joined.protocol.or_else(|| (call.version < 7).then(String::new));
    JoinGroupResponse {
        error_code: joined.error,
        generation_id: joined.generation,
        protocol_type: joined.protocol_type,
        protocol_name,
        leader: joined.leader,
        member_id: joined.member_id,
        members: joined.members.into_iter().map(member).collect(),
        ..JoinGroupResponse::default()
    }
}

/// Waits until the group has an answer; `None` when there will be none.
fn wait(call: &Call, waiting: &Waiting) -> Result<Option<Answer>, Closed> {
    let broker = &call.client.broker;
    loop {
        // A stop shuts sockets down; that does not make its clients leave their groups.
        let is_gone = socket::peer_is_gone(&call.client.socket);
        if broker.is_stopping() {
            return Ok(None);
        }
        let at = now();
        if is_gone {
            broker.groups.abandon(waiting, at);
            return Err(Closed::Quietly);
        }
        let Ok((answer, look_again_ms)) = broker.groups.take_answer(waiting, at) else { return Ok(None) };
        if answer.is_some() {
            return Ok(answer);
        }
        let patience = u64::try_from(look_again_ms.saturating_sub(at.monotonic_ms)).unwrap_or(0).max(1);
        call.client.wake.wait_until(Instant::now() + Duration::from_millis(patience).min(LOOK_AT_SOCKET));
    }
}

pub fn sync(call: &Call, request: SyncGroupRequest) -> Result<SyncGroupResponse, Closed> {
    let protocol = (request.protocol_type.as_deref(), request.protocol_name.as_deref());
    if call.version >= NAMED_PROTOCOL_VERSION && (protocol.0.is_none() || protocol.1.is_none()) {
        return Ok(sync_response(synced_error(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)));
    }
    if let Err(error) = check_id(&request.group_id) {
        return Ok(sync_response(synced_error(error)));
    }
    let who = Who {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id,
    };
    let assignments = request.assignments.into_iter().map(|a| (a.member_id, a.assignment)).collect();
    let groups = &call.client.broker.groups;
    let outcome = groups.sync(&request.group_id, who, protocol, assignments, call.client.wake.clone(), now());
    Ok(sync_response(match outcome {
        Outcome::Now(synced) => synced,
        Outcome::Wait(waiting) => match wait(call, &waiting)? {
            Some(Answer::Sync(synced)) => synced,
            _ => synced_error(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        },
    }))
}

fn sync_response(synced: Synced) -> SyncGroupResponse {
    SyncGroupResponse {
        error_code: synced.error,
        protocol_type: synced.protocol_type,
        protocol_name: synced.protocol,
        assignment: synced.assignment,
        ..SyncGroupResponse::default()
    }
}

pub fn heartbeat(call: &Call, request: HeartbeatRequest) -> Result<HeartbeatResponse, Closed> {
    let who = Who {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id,
    };
    let groups = &call.client.broker.groups;
    let beat = check_id(&request.group_id).and_then(|()| groups.heartbeat(&request.group_id, who, now()));
    Ok(HeartbeatResponse { error_code: beat.err().unwrap_or_default(), ..HeartbeatResponse::default() })
}

pub fn leave(call: &Call, request: LeaveGroupRequest) -> Result<LeaveGroupResponse, Closed> {
    let groups = &call.client.broker.groups;
    if let Err(error_code) = check_id(&request.group_id) {
        return Ok(LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() });
    }
    let leave = |member: MemberIdentity| {
        let instance_id = member.group_instance_id.as_deref();
        let left = groups.leave(&request.group_id, &member.member_id, instance_id, now());
        MemberResponse {
            member_id: member.member_id,
            group_instance_id: member.group_instance_id,
            error_code: left.err().unwrap_or_default(),
        }
    };
    if call.version >= 3 {
        let members = request.members.into_iter().map(leave).collect();
        return Ok(LeaveGroupResponse { members, ..LeaveGroupResponse::default() });
    }
    let only = leave(MemberIdentity { member_id: request.member_id, ..MemberIdentity::default() });
    Ok(LeaveGroupResponse { error_code: only.error_code, ..LeaveGroupResponse::default() })
}
