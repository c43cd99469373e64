//! ListOffsets and OffsetForLeaderEpoch: questions about where records are, answered from headers and indexes.
//!
//! Always true: a look-up by timestamp skips no record; inside a compressed batch it answers the batch's base offset.
//! Not done: nothing is unpacked.

use crate::base::{Error, ErrorCode, Offset, Result};
use crate::log::FoundTimestamp;
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopicResponse, EARLIEST, LATEST, MAX_TIMESTAMP,
};
use crate::wire::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};
use crate::wire::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

pub fn handle(call: &Call, request: ListOffsetsRequest) -> std::result::Result<ListOffsetsResponse, Closed> {
    let mut response = ListOffsetsResponse::default();
    for topic in request.topics {
        let answer = |asked: &ListOffsetsPartition| {
            look_up(call, &topic.name, asked).unwrap_or_else(|error| ListOffsetsPartitionResponse {
                partition_index: asked.partition_index,
                error_code: error.code(),
                ..ListOffsetsPartitionResponse::default()
            })
        };
        let partitions = topic.partitions.iter().map(answer).collect();
        response.topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    Ok(response)
}

fn look_up(call: &Call, topic: &str, asked: &ListOffsetsPartition) -> Result<ListOffsetsPartitionResponse> {
    let partition = call.client.broker.topics.find_partition(topic, asked.partition_index)?;
    partition.check_leader_epoch(asked.current_leader_epoch)?;
    let bounds = partition.bounds()?;
    let at = |offset: Offset| -> Result<Option<FoundTimestamp>> {
        Ok(Some(FoundTimestamp { timestamp_ms: -1, offset, leader_epoch: partition.leader_epoch_at(offset)? }))
    };
    let found = match asked.timestamp {
        EARLIEST => at(bounds.log_start)?,
        LATEST => at(bounds.high_watermark)?,
        MAX_TIMESTAMP if call.version >= 7 => partition.find_largest_timestamp()?,
        timestamp_ms if timestamp_ms >= 0 => partition.find_timestamp(timestamp_ms)?,
        other => {
            let why = format!("no offset has the timestamp {other} in version {}", call.version);
            return Err(Error::rejected(ErrorCode::UNSUPPORTED_VERSION, why));
        }
    };
    let found = found.unwrap_or(FoundTimestamp { timestamp_ms: -1, offset: Offset(-1), leader_epoch: -1 });
    Ok(ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        error_code: ErrorCode::NONE,
        timestamp: found.timestamp_ms,
        offset: found.offset.0,
        leader_epoch: found.leader_epoch,
    })
}

pub fn for_leader_epoch(
    call: &Call,
    request: OffsetForLeaderEpochRequest,
) -> std::result::Result<OffsetForLeaderEpochResponse, Closed> {
    let mut response = OffsetForLeaderEpochResponse::default();
    for topic in request.topics {
        let answer = |asked: &OffsetForLeaderPartition| {
            epoch_end(call, &topic.topic, asked).unwrap_or_else(|error| EpochEndOffset {
                partition: asked.partition,
                error_code: error.code(),
                ..EpochEndOffset::default()
            })
        };
        let partitions = topic.partitions.iter().map(answer).collect();
        response.topics.push(OffsetForLeaderTopicResult { topic: topic.topic, partitions });
    }
    Ok(response)
}

fn epoch_end(call: &Call, topic: &str, asked: &OffsetForLeaderPartition) -> Result<EpochEndOffset> {
    let partition = call.client.broker.topics.find_partition(topic, asked.partition)?;
    partition.check_leader_epoch(asked.current_leader_epoch)?;
    let (leader_epoch, end) = partition.epoch_end(asked.leader_epoch)?.unwrap_or((-1, Offset(-1)));
    Ok(EpochEndOffset { partition: asked.partition, error_code: ErrorCode::NONE, leader_epoch, end_offset: end.0 })
}
