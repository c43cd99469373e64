//! DescribeProducers: which idempotent producers a partition remembers (KIP-664).
//!
//! Not done: no transactions, so none is open and no coordinator has an epoch.

use crate::base::{Error, ErrorCode, Result};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::wire::messages::describe_producers::{PartitionResponse, ProducerState, TopicRequest, TopicResponse};
use crate::wire::messages::{DescribeProducersRequest, DescribeProducersResponse};

pub fn describe(
    call: &Call,
    request: DescribeProducersRequest,
) -> std::result::Result<DescribeProducersResponse, Closed> {
    let describe = |topic: TopicRequest| TopicResponse {
        partitions: topic.partition_indexes.iter().map(|index| describe_partition(call, &topic.name, *index)).collect(),
        name: topic.name,
    };
    let topics = request.topics.into_iter().map(describe).collect();
    Ok(DescribeProducersResponse { topics, ..DescribeProducersResponse::default() })
}

fn describe_partition(call: &Call, topic: &str, partition_index: i32) -> PartitionResponse {
    let found = active_producers(call, topic, partition_index);
    PartitionResponse {
        partition_index,
        error_code: found.as_ref().err().map_or(ErrorCode::NONE, Error::code),
        error_message: found.as_ref().err().map(Error::for_client),
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
