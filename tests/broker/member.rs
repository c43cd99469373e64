//! A member of a group over a raw client: each request it makes, in any version, and what it has been told.

use sendlog::base::ErrorCode;
use sendlog::wire::messages::join_group::JoinGroupRequestProtocol;
use sendlog::wire::messages::leave_group::MemberIdentity;
use sendlog::wire::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use sendlog::wire::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic};
use sendlog::wire::messages::sync_group::SyncGroupRequestAssignment;
use sendlog::wire::messages::*;

use super::Client;

pub struct Member {
    pub client: Client,
    pub group: String,
    pub id: String,
    pub instance: Option<String>,
    /// What it says of itself: that it wants to read topic "demo".
    pub metadata: Vec<u8>,
    pub generation: i32,
    /// What the leader was told: who is in the group.
    pub others: Vec<String>,
}

impl Member {
    pub fn new(client: Client, group: &str) -> Member {
        let (id, group) = (String::new(), group.to_string());
        let metadata = b"\0\0\0\0\0\x01\0\x04demo".to_vec();
        Member { client, group, id, instance: None, metadata, generation: -1, others: Vec::new() }
    }

    /// A consumer of topic "demo".
    pub fn join_request(&self) -> JoinGroupRequest {
        JoinGroupRequest {
            group_id: self.group.clone(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 300_000,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: "consumer".to_string(),
            protocols: vec![JoinGroupRequestProtocol { name: "range".to_string(), metadata: self.metadata.clone() }],
        }
    }

    pub fn send_join(&mut self, version: i16) {
        let request = self.join_request();
        self.client.send(version, request);
    }

    pub fn receive_joined(&mut self, version: i16) -> ErrorCode {
        let (_, joined, _) = self.client.receive::<JoinGroupRequest>(version);
        if !joined.member_id.is_empty() {
            self.id = joined.member_id;
        }
        if joined.error_code.is_none() {
            self.generation = joined.generation_id;
            self.others = joined.members.into_iter().map(|member| member.member_id).collect();
        }
        joined.error_code
    }

    pub fn join(&mut self, version: i16) -> ErrorCode {
        self.send_join(version);
        self.receive_joined(version)
    }

    /// Joins, with a second try for who has to have an id first.
    pub fn join_twice(&mut self, version: i16) -> ErrorCode {
        match self.join(version) {
            ErrorCode::MEMBER_ID_REQUIRED => self.join(version),
            other => other,
        }
    }

    pub fn sync_request(&self) -> SyncGroupRequest {
        let assign =
            |id: &String| SyncGroupRequestAssignment { member_id: id.clone(), assignment: id.clone().into_bytes() };
        SyncGroupRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: Some("consumer".to_string()),
            protocol_name: Some("range".to_string()),
            assignments: self.others.iter().map(assign).collect(),
        }
    }

    /// The leader says that everybody is assigned its own id.
    pub fn sync(&mut self, version: i16) -> SyncGroupResponse {
        let request = self.sync_request();
        self.client.call(version, request)
    }

    pub fn beat(&mut self) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
        };
        self.client.call(4, request).error_code
    }

    pub fn leave(&mut self) -> ErrorCode {
        let member = MemberIdentity { member_id: self.id.clone(), ..Default::default() };
        let request = LeaveGroupRequest { group_id: self.group.clone(), members: vec![member], ..Default::default() };
        self.client.call(5, request).members[0].error_code
    }

    /// Commits an offset of partition 0 of "demo".
    pub fn commit(&mut self, offset: i64) -> ErrorCode {
        let request = OffsetCommitRequest {
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            ..commit_request(&self.group, &[("demo", 0, offset)])
        };
        self.client.call(8, request).topics[0].partitions[0].error_code
    }
}

/// A commit from outside of any group life.
pub fn commit_request(group: &str, offsets: &[(&str, i32, i64)]) -> OffsetCommitRequest {
    let topic = |(topic, partition_index, committed_offset): &(&str, i32, i64)| OffsetCommitRequestTopic {
        name: topic.to_string(),
        partitions: vec![OffsetCommitRequestPartition {
            partition_index: *partition_index,
            committed_offset: *committed_offset,
            ..Default::default()
        }],
    };
    OffsetCommitRequest {
        group_id: group.to_string(),
        topics: offsets.iter().map(topic).collect(),
        ..Default::default()
    }
}

/// What these groups have committed for partition 0 of "demo"; -1 where that is nothing.
pub fn committed(client: &mut Client, groups: &[String]) -> Vec<i64> {
    let demo = || OffsetFetchRequestTopic { name: "demo".to_string(), partition_indexes: vec![0] };
    let asked = |group: &String| OffsetFetchRequestGroup { group_id: group.clone(), topics: Some(vec![demo()]) };
    let request = OffsetFetchRequest { groups: groups.iter().map(asked).collect(), ..Default::default() };
    let answer = client.call(8, request);
    let offset = |group: &offset_fetch::OffsetFetchResponseGroup| {
        assert!(group.error_code.is_none(), "{group:?}");
        group.topics[0].partitions[0].committed_offset
    };
    answer.groups.iter().map(offset).collect()
}
