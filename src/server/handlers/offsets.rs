//! OffsetCommit, OffsetFetch and OffsetDelete: what a group remembers of how far it has read.
//!
//! Always true: each partition has its own result; a commit is answered when it is durable, as far as `flush.mode`
//! asks.
//! Not done: whether the topic's log reaches as far as the offset is not asked, as in Kafka.

use std::collections::BTreeMap;

use crate::base::{limits, ErrorCode, Offset};
use crate::group::records::Committed;
use crate::group::state::Who;
use crate::group::Commit;
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::now;
use crate::wire::messages::offset_commit::{
    OffsetCommitRequestPartition, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::wire::messages::offset_delete::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use crate::wire::messages::offset_fetch::{
    OffsetFetchRequestTopic, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use crate::wire::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};

pub fn commit(call: &Call, request: OffsetCommitRequest) -> Result<OffsetCommitResponse, Closed> {
    let broker = &call.client.broker;
    let who = Who {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id_or_member_epoch,
    };
    let at = now();
    let expires_ms = (request.retention_time_ms != -1).then(|| at.wall_ms.saturating_add(request.retention_time_ms));
    let mut commits = Vec::new();
    for topic in &request.topics {
        commits.extend(topic.partitions.iter().map(|partition| Commit {
            topic: topic.name.clone(),
            partition: partition.partition_index,
            offset: Offset(partition.committed_offset),
            leader_epoch: partition.committed_leader_epoch,
            metadata: partition.committed_metadata.clone().unwrap_or_default(),
            expires_ms,
            refused: is_too_long(partition, broker.settings.offset_metadata_max),
        }));
    }
    let mut results = broker.groups.commit(&broker.topics, &request.group_id, who, &commits, at).into_iter();
    let topics = request.topics.into_iter().map(|topic| {
        let answer = |(index, result): (i32, Result<(), ErrorCode>)| OffsetCommitResponsePartition {
            partition_index: index,
            error_code: result.err().unwrap_or_default(),
        };
        let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
        let partitions = indexes.zip(results.by_ref()).map(answer).collect();
        OffsetCommitResponseTopic { name: topic.name, partitions }
    });
    Ok(OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() })
}

/// Kafka counts UTF-16 units.
fn is_too_long(partition: &OffsetCommitRequestPartition, length_max: usize) -> Option<ErrorCode> {
    let length = partition.committed_metadata.iter().flat_map(|metadata| metadata.encode_utf16()).count();
    (length > length_max).then(|| {
        let why = format!("a commit brings {length} characters beside an offset");
        limits::OFFSET_METADATA.refuse(ErrorCode::OFFSET_METADATA_TOO_LARGE, why).code()
    })
}

pub fn fetch(call: &Call, request: OffsetFetchRequest) -> Result<OffsetFetchResponse, Closed> {
    if call.version < 8 {
        let (topics, error_code) = fetch_group(call, &request.group_id, request.topics, request.require_stable);
        return Ok(OffsetFetchResponse { topics, error_code, ..OffsetFetchResponse::default() });
    }
    let groups = request.groups.into_iter().map(|group| {
        let (topics, error_code) = fetch_group(call, &group.group_id, group.topics, request.require_stable);
        OffsetFetchResponseGroup { group_id: group.group_id, topics, error_code }
    });
    Ok(OffsetFetchResponse { groups: groups.collect(), ..OffsetFetchResponse::default() })
}

/// The offsets that are asked for, and the group's error, which each partition repeats for clients of version 1.
fn fetch_group(
    call: &Call,
    group_id: &str,
    asked: Option<Vec<OffsetFetchRequestTopic>>,
    stable: bool,
) -> (Vec<OffsetFetchResponseTopic>, ErrorCode) {
    let (committed, error_code) = match call.client.broker.groups.committed(group_id, stable) {
        Ok(committed) => (committed, ErrorCode::NONE),
        Err(error) => (BTreeMap::new(), error.code()),
    };
    let asked = asked.unwrap_or_else(|| all_of(&committed));
    let answer = |topic: OffsetFetchRequestTopic| {
        let one = |partition: i32| OffsetFetchResponsePartition {
            error_code,
            ..describe(partition, committed.get(&(topic.name.clone(), partition)))
        };
        let partitions = topic.partition_indexes.iter().copied().map(one).collect();
        OffsetFetchResponseTopic { name: topic.name, partitions }
    };
    (asked.into_iter().map(answer).collect(), error_code)
}

fn all_of(committed: &BTreeMap<(String, i32), Committed>) -> Vec<OffsetFetchRequestTopic> {
    let mut topics: Vec<OffsetFetchRequestTopic> = Vec::new();
    for (topic, partition) in committed.keys() {
        match topics.last_mut().filter(|last| last.name == *topic) {
            Some(last) => last.partition_indexes.push(*partition),
            None => {
                let partition_indexes = vec![*partition];
                topics.push(OffsetFetchRequestTopic { name: topic.clone(), partition_indexes });
            }
        }
    }
    topics
}

/// No commit is offset -1, and no error.
fn describe(partition_index: i32, committed: Option<&Committed>) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index,
        committed_offset: committed.map_or(-1, |committed| committed.offset.0),
        committed_leader_epoch: committed.map_or(-1, |committed| committed.leader_epoch),
        metadata: Some(committed.map_or_else(String::new, |committed| committed.metadata.clone())),
        error_code: ErrorCode::NONE,
    }
}

pub fn delete(call: &Call, request: OffsetDeleteRequest) -> Result<OffsetDeleteResponse, Closed> {
    let broker = &call.client.broker;
    let mut keys = Vec::new();
    for topic in &request.topics {
        keys.extend(topic.partitions.iter().map(|partition| (topic.name.clone(), partition.partition_index)));
    }
    let exists: Vec<_> = keys.iter().map(|(topic, index)| broker.topics.find_partition(topic, *index)).collect();
    let known: Vec<_> =
        keys.iter().zip(&exists).filter(|(_, found)| found.is_ok()).map(|(key, _)| key.clone()).collect();
    let deleted = match request.group_id.is_empty() {
        true => Err(ErrorCode::INVALID_GROUP_ID),
        false => broker.groups.delete_offsets(&request.group_id, &known, now()),
    };
    let mut deleted = match deleted {
        Ok(codes) => codes.into_iter(),
        Err(error_code) => return Ok(OffsetDeleteResponse { error_code, ..OffsetDeleteResponse::default() }),
    };
    let mut codes = exists.into_iter().map(|found| match found {
        Ok(_) => deleted.next().expect("a code for each partition that is known"),
        Err(error) => error.code(),
    });
    let topics = request.topics.into_iter().map(|topic| {
        let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
        let answer = |(partition_index, error_code)| OffsetDeleteResponsePartition { partition_index, error_code };
        let partitions = indexes.zip(codes.by_ref()).map(answer).collect();
        OffsetDeleteResponseTopic { name: topic.name, partitions }
    });
    Ok(OffsetDeleteResponse { topics: topics.collect(), ..OffsetDeleteResponse::default() })
}
