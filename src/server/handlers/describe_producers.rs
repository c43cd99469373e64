//! DescribeProducers: which idempotent producers a partition remembers (KIP-664).
//!
//! Always true: what is told is what a duplicate would be recognized by.
//! Not done: no transactions, so none is open and no coordinator has an epoch.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Error, ErrorCode, Result};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::wire::messages::describe_producers::{PartitionResponse, ProducerState, TopicRequest, TopicResponse};
use crate::wire::messages::{DescribeProducersRequest, DescribeProducersResponse};

pub fn describe(
    call: &Call,
    request: DescribeProducersRequest,
) -> std::result::Result<DescribeProducersResponse, Closed> {
    // Each partition once: the answer is many times as large as the question.
    let mut asked: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for TopicRequest { name, partition_indexes } in request.topics {
        asked.entry(name).or_default().extend(partition_indexes);
    }
    let describe = |(name, indexes): (String, BTreeSet<i32>)| TopicResponse {
        partitions: indexes.into_iter().map(|index| describe_partition(call, &name, index)).collect(),
        name,
    };
    let topics = asked.into_iter().map(describe).collect();
    Ok(DescribeProducersResponse { topics, ..DescribeProducersResponse::default() })
}

fn describe_partition(call: &Call, topic: &str, partition_index: i32) -> PartitionResponse {
    let found = active_producers(call, topic, partition_index);
    PartitionResponse {
        partition_index,
        error_code: found.as_ref().err().map_or(ErrorCode::NONE, Error::code),
        error_message: found.as_ref().err().and_then(Error::for_client),
        active_producers: found.unwrap_or_default(),
    }
}

fn active_producers(call: &Call, topic: &str, partition: i32) -> Result<Vec<ProducerState>> {
    let partition = call.client.broker.topics.find_partition(topic, partition)?;
    let describe = |(producer_id, epoch, last): (i64, i16, crate::partition::Sequenced)| ProducerState {
        producer_id,
        producer_epoch: i32::from(epoch),
        last_sequence: last.last_sequence,
        last_timestamp: last.timestamp_ms,
        coordinator_epoch: -1,
        current_txn_start_offset: -1,
    };
    Ok(partition.active_producers()?.into_iter().map(describe).collect())
}
