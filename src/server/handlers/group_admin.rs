//! DescribeGroups, ListGroups and DeleteGroups: what tools ask.
//!
//! Always true: nothing here counts as a sign of life of a member.
//! Not done: groups of type `consumer` (KIP-848); all groups here are classic.

use crate::base::ErrorCode;
use crate::group::member::Member;
use crate::group::state::State;
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::now;
use crate::wire::messages::delete_groups::DeletableGroupResult;
use crate::wire::messages::describe_groups::{DescribedGroup, DescribedGroupMember};
use crate::wire::messages::list_groups::ListedGroup;
use crate::wire::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest,
    ListGroupsResponse,
};

/// The type of every group: the protocol that makes groups of type `consumer` (KIP-848) is not served.
const CLASSIC: &str = "classic";

pub fn describe(call: &Call, request: DescribeGroupsRequest) -> Result<DescribeGroupsResponse, Closed> {
    let groups = request.groups.into_iter().map(|id| describe_one(call, id)).collect();
    Ok(DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() })
}

/// A group that nobody knows is dead; from version 6 on that is an error (KIP-1043).
fn unknown(group_id: String, version: i16) -> DescribedGroup {
    let group_state = "Dead".to_string();
    if version < 6 {
        return DescribedGroup { group_id, group_state, ..DescribedGroup::default() };
    }
    let error_message = Some(format!("Group {group_id} not found."));
    let error_code = ErrorCode::GROUP_ID_NOT_FOUND;
    DescribedGroup { group_id, group_state, error_code, error_message, ..DescribedGroup::default() }
}

fn describe_one(call: &Call, group_id: String) -> DescribedGroup {
    let group = match call.client.broker.groups.describe(&group_id) {
        Ok(Some(group)) => group,
        Ok(None) => return unknown(group_id, call.version),
        Err(error) => return DescribedGroup { group_id, error_code: error.code(), ..DescribedGroup::default() },
    };
    // What a member brings is settled only in a stable group.
    let is_stable = group.state == State::Stable;
    let member = |member: Member| DescribedGroupMember {
        member_metadata: if is_stable { member.metadata(&group.protocol) } else { Vec::new() },
        member_id: member.id,
        group_instance_id: member.instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        member_assignment: member.assignment,
    };
    DescribedGroup {
        group_id,
        group_state: group.state.name().to_string(),
        protocol_type: group.protocol_type.clone(),
        protocol_data: if is_stable { group.protocol.clone() } else { String::new() },
        members: group.members.clone().into_iter().map(member).collect(),
        ..DescribedGroup::default()
    }
}

pub fn list(call: &Call, request: ListGroupsRequest) -> Result<ListGroupsResponse, Closed> {
    let wanted = |filter: &[String], name: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(name))
    };
    let has_type = wanted(&request.types_filter, CLASSIC);
    let is_wanted = |state: &str| has_type && wanted(&request.states_filter, state);
    let all = match call.client.broker.groups.list() {
        Ok(all) => all.into_iter().filter(|(_, state, _)| is_wanted(state.name())),
        Err(error) => return Ok(ListGroupsResponse { error_code: error.code(), ..ListGroupsResponse::default() }),
    };
    let groups = all.map(|(group_id, state, protocol_type)| ListedGroup {
        group_id,
        protocol_type,
        group_state: state.name().to_string(),
        group_type: CLASSIC.to_string(),
    });
    Ok(ListGroupsResponse { groups: groups.collect(), ..ListGroupsResponse::default() })
}

pub fn delete(call: &Call, request: DeleteGroupsRequest) -> Result<DeleteGroupsResponse, Closed> {
    let delete = |group_id: String| {
        let deleted = call.client.broker.groups.delete(&group_id, now());
        let error_code: ErrorCode = deleted.err().unwrap_or_default();
        DeletableGroupResult { group_id, error_code }
    };
    let results = request.groups_names.into_iter().map(delete).collect();
    Ok(DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() })
}
