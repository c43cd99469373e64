//! DescribeTopicPartitions: topics page by page, so that no answer grows without a bound (KIP-966).
//!
//! Always true: topics come sorted by name; where a page ends, its cursor says where the next one begins.
//! Not done: no eligible leader replicas (KIP-966): there are none.

use std::collections::BTreeSet;

use crate::base::ErrorCode;
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::topic::{name, Topic};
use crate::wire::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use crate::wire::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};

/// Partitions in one answer at most (Kafka's `max.request.partition.size.limit`).
const PARTITIONS_MAX: i32 = 2000;

pub fn describe(
    call: &Call,
    request: DescribeTopicPartitionsRequest,
) -> Result<DescribeTopicPartitionsResponse, Closed> {
    let topics = &call.client.broker.topics;
    let names: BTreeSet<String> = match request.topics.is_empty() {
        true => topics.all().iter().map(|topic| topic.name.clone()).collect(),
        false => request.topics.iter().map(|topic| topic.name.clone()).collect(),
    };
    let is_wrong = |cursor: &Cursor| {
        cursor.partition_index < 0 || !(request.topics.is_empty() || names.contains(&cursor.topic_name))
    };
    if request.cursor.as_ref().is_some_and(is_wrong) {
        let topics = request.topics.into_iter().map(|topic| refused(topic.name, ErrorCode::INVALID_REQUEST)).collect();
        return Ok(DescribeTopicPartitionsResponse { topics, ..DescribeTopicPartitionsResponse::default() });
    }
    let mut page = Page {
        response: DescribeTopicPartitionsResponse::default(),
        left: request.response_partition_limit.clamp(1, PARTITIONS_MAX) as usize,
    };
    let cursor = request.cursor.unwrap_or_default();
    for name in names.range(cursor.topic_name.clone()..) {
        let first = if *name == cursor.topic_name { cursor.partition_index as usize } else { 0 };
        if page.left == 0 {
            page.response.next_cursor = Some(Cursor { topic_name: name.clone(), partition_index: first as i32 });
        } else {
            page.add(call, name, first);
        }
        if page.response.next_cursor.is_some() {
            break;
        }
    }
    Ok(page.response)
}

struct Page {
    response: DescribeTopicPartitionsResponse,
    /// Partitions that still have room.
    left: usize,
}

impl Page {
    /// Adds a topic from partition `first` on, as far as there is room.
    fn add(&mut self, call: &Call, name: &str, first: usize) {
        let described = call.client.broker.topics.find_named(name).map(|topic| {
            let end = topic.partitions.len().min(first + self.left);
            if end < topic.partitions.len() {
                let topic_name = name.to_string();
                self.response.next_cursor = Some(Cursor { topic_name, partition_index: end as i32 });
            }
            self.left -= end.saturating_sub(first);
            describe_topic(&topic, first..end.max(first), call.client.broker.settings.node_id)
        });
        self.response.topics.push(described.unwrap_or_else(|error| refused(name.to_string(), error.code())));
    }
}

fn refused(name: String, error_code: ErrorCode) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic { error_code, name: Some(name), ..Default::default() }
}

fn describe_topic(topic: &Topic, range: std::ops::Range<usize>, node_id: i32) -> DescribeTopicPartitionsResponseTopic {
    let partitions = topic.partitions.iter().take(range.end).skip(range.start);
    let partitions = partitions.map(|partition| DescribeTopicPartitionsResponsePartition {
        error_code: ErrorCode::NONE,
        partition_index: partition.name().partition,
        leader_id: node_id,
        leader_epoch: partition.leader_epoch(),
        replica_nodes: vec![node_id],
        isr_nodes: vec![node_id],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: if partition.is_offline() { vec![node_id] } else { Vec::new() },
    });
    DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::NONE,
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: name::RESERVED.contains(&topic.name.as_str()),
        partitions: partitions.collect(),
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}
