//! DeleteRecords: the log start moves up; it has survived a crash by the time of the answer, the files go later.
//!
//! Always true: a partition's answer is its log start after the call, or an error of its own.
//! Not done: no file is removed before the answer.

use crate::base::{Offset, Result};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsTopicResult, HIGH_WATERMARK,
};
use crate::wire::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

pub fn handle(call: &Call, request: DeleteRecordsRequest) -> std::result::Result<DeleteRecordsResponse, Closed> {
    let mut response = DeleteRecordsResponse::default();
    for topic in request.topics {
        let answer = |asked: &DeleteRecordsPartition| {
            let (low_watermark, error_code) = match delete(call, &topic.name, asked) {
                Ok(log_start) => (log_start.0, Default::default()),
                Err(error) => (-1, error.code()),
            };
            DeleteRecordsPartitionResult { partition_index: asked.partition_index, low_watermark, error_code }
        };
        let partitions = topic.partitions.iter().map(answer).collect();
        response.topics.push(DeleteRecordsTopicResult { name: topic.name, partitions });
    }
    Ok(response)
}

fn delete(call: &Call, topic: &str, asked: &DeleteRecordsPartition) -> Result<Offset> {
    let topics = &call.client.broker.topics;
    let partition = topics.find_writable(topic, asked.partition_index)?;
    let offset = match asked.offset {
        HIGH_WATERMARK => partition.bounds()?.high_watermark,
        offset => Offset(offset),
    };
    topics.delete_records(&partition, offset)
}
