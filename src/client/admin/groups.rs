//! Consumer groups: listed, described, deleted, and the offsets that they have committed.
//!
//! Always true: a group is asked about at its coordinator, which is looked for again when it has moved.
//! Not done: groups of type `consumer` (KIP-848) are listed by brokers that have them, and not described.

use super::{by_topic, only, read_assignment, Admin, AsPartition, Each};
use crate::base::TopicPartition;
use crate::client::cluster::Cluster;
use crate::client::error::{check, Error, Result};
use crate::wire::messages::describe_groups::{DescribedGroup, DescribedGroupMember};
use crate::wire::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::wire::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use crate::wire::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchResponseTopic};
use crate::wire::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest,
};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupListing {
    pub group: String,
    /// `consumer`; empty for a group that has offsets and never had a member.
    pub protocol_type: String,
    /// Empty from old brokers.
    pub state: String,
    /// `classic` or `consumer`; empty from old brokers.
    pub kind: String,
}

#[derive(Clone, Debug)]
pub struct GroupDescription {
    pub group: String,
    /// `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Empty` or `Dead`, which is what a group is that nobody
    /// knows.
    pub state: String,
    pub protocol_type: String,
    /// The assignor that the members have in common.
    pub assignor: String,
    /// The id of the broker that coordinates it.
    pub coordinator: i32,
    pub members: Vec<GroupMember>,
}

#[derive(Clone, Debug)]
pub struct GroupMember {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    /// With a slash in front, as Kafka has it: `/127.0.0.1`.
    pub host: String,
    pub assignment: Vec<TopicPartition>,
}

/// What a group has committed for a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    pub offset: i64,
    /// -1: not known.
    pub leader_epoch: i32,
    pub metadata: String,
}

impl Committed {
    pub fn at(offset: i64) -> Committed {
        Committed { offset, leader_epoch: -1, metadata: String::new() }
    }
}

impl GroupDescription {
    fn of(found: DescribedGroup, coordinator: i32) -> GroupDescription {
        let member = |found: DescribedGroupMember| GroupMember {
            member_id: found.member_id,
            instance_id: found.group_instance_id,
            client_id: found.client_id,
            host: found.client_host,
            assignment: read_assignment(&found.member_assignment).unwrap_or_default(),
        };
        GroupDescription {
            group: found.group_id,
            state: found.group_state,
            protocol_type: found.protocol_type,
            assignor: found.protocol_data,
            coordinator,
            members: found.members.into_iter().map(member).collect(),
        }
    }
}

impl Admin {
    /// The groups of all brokers, by name.
    pub fn list_groups(&mut self) -> Result<Vec<GroupListing>> {
        let mut groups = self.cluster.persist(|cluster| {
            cluster.refresh(&[])?;
            let nodes: Vec<i32> = cluster.nodes().map(|node| node.id).collect();
            let mut groups = Vec::new();
            for node in nodes {
                let answer = cluster.ask(node, &mut ListGroupsRequest::default())?;
                check(|| format!("listing the groups of broker {node}"), answer.error_code, None)?;
                groups.extend(answer.groups.into_iter().map(|found| GroupListing {
                    group: found.group_id,
                    protocol_type: found.protocol_type,
                    state: found.group_state,
                    kind: found.group_type,
                }));
            }
            Ok(groups)
        })?;
        groups.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(groups)
    }

    /// Members, and what they read. A group that nobody knows is an error for it.
    pub fn describe_groups(&mut self, groups: &[&str]) -> Result<Each<String, GroupDescription>> {
        let mut all = Vec::new();
        for group in groups {
            let (found, coordinator) = self.cluster.persist(|cluster| {
                let mut request = DescribeGroupsRequest { groups: vec![group.to_string()], ..Default::default() };
                let node = cluster.coordinator(group)?;
                let found = cluster.ask_coordinator(group, &mut request)?.groups.into_iter().next();
                let found = found.ok_or_else(|| empty_answer(group))?;
                match is_elsewhere(group, found.error_code) {
                    Some(error) => Err(error),
                    None => Ok((found, node)),
                }
            })?;
            let checked = check(|| format!("group {group}"), found.error_code, found.error_message.clone());
            all.push((group.to_string(), checked.map(|()| GroupDescription::of(found, coordinator))));
        }
        Ok(all)
    }

    pub fn describe_group(&mut self, group: &str) -> Result<GroupDescription> {
        only(self.describe_groups(&[group])?, group)
    }

    /// Deletes groups without members, and what they committed.
    pub fn delete_groups(&mut self, groups: &[&str]) -> Result<Each<String, ()>> {
        let mut all = Vec::new();
        for group in groups {
            let code = self.cluster.persist(|cluster| {
                let mut request = DeleteGroupsRequest { groups_names: vec![group.to_string()] };
                let found = cluster.ask_coordinator(group, &mut request)?.results.into_iter().next();
                let code = found.ok_or_else(|| empty_answer(group))?.error_code;
                is_elsewhere(group, code).map_or(Ok(code), Err)
            })?;
            all.push((group.to_string(), check(|| format!("deleting group {group}"), code, None)));
        }
        Ok(all)
    }

    /// What a group has committed, for all partitions or for these; for a partition without a committed offset, nothing.
    pub fn committed_offsets(
        &mut self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<Vec<(TopicPartition, Committed)>> {
        self.cluster.persist(|cluster| committed_offsets(cluster, group, partitions))
    }

    /// Commits offsets for a group without members.
    pub fn alter_offsets<P: AsPartition>(
        &mut self,
        group: &str,
        offsets: &[(P, Committed)],
    ) -> Result<Each<TopicPartition, ()>> {
        let offsets: Vec<_> = offsets.iter().map(|(partition, at)| (partition.partition(), at.clone())).collect();
        self.cluster.persist(|cluster| {
            let request = OffsetCommitRequest { group_id: group.to_string(), ..Default::default() };
            commit_offsets(cluster, request, &offsets)
        })
    }

    /// Takes back what a group has committed for these partitions.
    pub fn delete_offsets<P: AsPartition>(
        &mut self,
        group: &str,
        partitions: &[P],
    ) -> Result<Each<TopicPartition, ()>> {
        let topics = by_topic(partitions.iter().map(|partition| (partition.partition(), ())));
        self.cluster.persist(|cluster| {
            let topic = |(name, partitions): &(String, Vec<(i32, ())>)| OffsetDeleteRequestTopic {
                name: name.clone(),
                partitions: partitions.iter().map(|p| OffsetDeleteRequestPartition { partition_index: p.0 }).collect(),
            };
            let mut request =
                OffsetDeleteRequest { group_id: group.to_string(), topics: topics.iter().map(topic).collect() };
            let answer = cluster.ask_coordinator(group, &mut request)?;
            check(|| format!("offsets of group {group}"), answer.error_code, None)?;
            let mut all = Vec::new();
            for topic in answer.topics {
                for found in topic.partitions {
                    let partition = (&topic.name, found.partition_index).partition();
                    let what = || format!("offset of group {group} for {partition}");
                    let checked = check(what, found.error_code, None);
                    all.push((partition, checked));
                }
            }
            Ok(all)
        })
    }
}

fn empty_answer(group: &str) -> Error {
    let (what, whom) = (format!("group {group}"), String::from("its coordinator"));
    Error::Garbled { what, whom, why: String::from("it says nothing about the group") }
}

/// The error that makes the attempt be made again, if the group is coordinated by another broker now.
fn is_elsewhere(group: &str, code: crate::base::ErrorCode) -> Option<Error> {
    let error = Error::refused(format!("group {group}"), code, None);
    error.is_retriable().then_some(error)
}

/// One attempt to fetch what a group has committed.
pub(in crate::client) fn committed_offsets(
    cluster: &mut Cluster,
    group: &str,
    partitions: Option<&[TopicPartition]>,
) -> Result<Vec<(TopicPartition, Committed)>> {
    let wanted = || {
        let topics = by_topic(partitions?.iter().map(|partition| (partition.clone(), ())));
        let topic = |(name, partitions): (String, Vec<(i32, ())>)| OffsetFetchRequestTopic {
            name,
            partition_indexes: partitions.into_iter().map(|(partition, ())| partition).collect(),
        };
        Some(topics.into_iter().map(topic).collect::<Vec<_>>())
    };
    // Versions up to 7 have the one layout, later ones the other.
    let mut request = OffsetFetchRequest {
        group_id: group.to_string(),
        topics: wanted(),
        groups: vec![OffsetFetchRequestGroup { group_id: group.to_string(), topics: wanted() }],
        require_stable: true,
    };
    let mut answer = cluster.ask_coordinator(group, &mut request)?;
    let what = || format!("offsets of group {group}");
    check(what, answer.error_code, None)?;
    let mut topics: Vec<OffsetFetchResponseTopic> = answer.topics;
    if let Some(group) = answer.groups.pop() {
        check(what, group.error_code, None)?;
        topics = group.topics;
    }
    let mut all = Vec::new();
    for topic in topics {
        for found in topic.partitions {
            let partition = (&topic.name, found.partition_index).partition();
            check(|| format!("offset of group {group} for {partition}"), found.error_code, None)?;
            if found.committed_offset >= 0 {
                let metadata = found.metadata.unwrap_or_default();
                let leader_epoch = found.committed_leader_epoch;
                all.push((partition, Committed { offset: found.committed_offset, leader_epoch, metadata }));
            }
        }
    }
    Ok(all)
}

/// One attempt to commit offsets; the request says who does.
pub(in crate::client) fn commit_offsets(
    cluster: &mut Cluster,
    mut request: OffsetCommitRequest,
    offsets: &[(TopicPartition, Committed)],
) -> Result<Each<TopicPartition, ()>> {
    let partition = |(partition_index, at): (i32, Committed)| OffsetCommitRequestPartition {
        partition_index,
        committed_offset: at.offset,
        committed_leader_epoch: at.leader_epoch,
        committed_metadata: Some(at.metadata),
    };
    let topic = |(name, partitions): (String, Vec<(i32, Committed)>)| OffsetCommitRequestTopic {
        name,
        partitions: partitions.into_iter().map(partition).collect(),
    };
    request.topics = by_topic(offsets.iter().cloned()).into_iter().map(topic).collect();
    let group = request.group_id.clone();
    let answer = cluster.ask_coordinator(&group, &mut request)?;
    let mut all = Vec::new();
    for topic in answer.topics {
        for found in topic.partitions {
            let partition = (&topic.name, found.partition_index).partition();
            let checked = check(|| format!("committing for group {group} and {partition}"), found.error_code, None);
            match checked {
                Err(error) if error.is_retriable() => {
                    cluster.forget_coordinator(&group);
                    return Err(error);
                }
                other => all.push((partition, other)),
            }
        }
    }
    Ok(all)
}
