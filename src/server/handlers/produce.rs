//! Produce: each partition's batch is checked, stamped and appended; the answer may wait for a flush.
//!
//! Always true: the batch is never unpacked or copied; it goes from the connection's buffer to the file.
//! With `acks=0` there is no answer, and an error closes the connection, which is the only way to say so.

use std::ops::Range;
use std::sync::Arc;

use crate::base::{Error, ErrorCode, Offset, Result};
use crate::partition::Partition;
use crate::server::call::{Answer, Call};
use crate::server::frames::Closed;
use crate::server::now_ms;
use crate::topic::TopicRegistry;
use crate::wire::frame::encode_response;
use crate::wire::messages::produce::{PartitionProduceResponse, TopicProduceResponse};
use crate::wire::messages::{ProduceRequest, ProduceResponse};
use crate::wire::records::Records;
use crate::wire::{Api, Encoded};

/// A produce that was executed, and the flushes that its answer waits for.
pub struct Unflushed {
    api: &'static Api,
    version: i16,
    correlation_id: i32,
    response: ProduceResponse,
    waits: Vec<Wait>,
}

struct Wait {
    partition: Arc<Partition>,
    /// Everything below is to be on the disk.
    offset: Offset,
    topic_index: usize,
    partition_index: usize,
}

pub fn handle(call: &Call, request: ProduceRequest, frame: &mut [u8]) -> std::result::Result<Answer, Closed> {
    let refusal = check_request(call, &request).err();
    let mut response = ProduceResponse::default();
    let mut waits = Vec::new();
    let mut unsaid: Option<String> = None;
    for (topic_index, topic) in request.topic_data.into_iter().enumerate() {
        let mut results = Vec::with_capacity(topic.partition_data.len().min(1024));
        for (partition_index, data) in topic.partition_data.into_iter().enumerate() {
            let result = match &refusal {
                Some(refusal) => Err(Error::rejected(refusal.code(), refusal.to_string())),
                None => append(call, &topic.name, data.index, data.records, frame),
            };
            results.push(match result {
                Ok((appended, partition)) => {
                    if partition.acks_wait_for_flush(request.acks) {
                        let offset = appended.last + 1;
                        waits.push(Wait { partition, offset, topic_index, partition_index });
                    }
                    PartitionProduceResponse {
                        index: data.index,
                        base_offset: appended.first.0,
                        log_append_time_ms: appended.log_append_time_ms,
                        log_start_offset: appended.log_start.0,
                        ..PartitionProduceResponse::default()
                    }
                }
                Err(error) => {
                    let partition = data.index;
                    unsaid.get_or_insert_with(|| format!("{}-{partition}: {error}", topic.name));
                    failed(partition, &error)
                }
            });
        }
        response.responses.push(TopicProduceResponse { name: topic.name, partition_responses: results });
    }
    match unsaid {
        Some(what) if request.acks == 0 => {
            return Err(Closed::Because(format!("a produce with acks=0 failed on {what}")));
        }
        _ if request.acks == 0 => return Ok(Answer::Nothing),
        _ => {}
    }
    let (api, version, correlation_id) = (call.api, call.version, call.correlation_id);
    Ok(Answer::Produced(Unflushed { api, version, correlation_id, response, waits }))
}

/// What is wrong with the request as a whole; every partition answers it.
fn check_request(call: &Call, request: &ProduceRequest) -> Result<()> {
    if let Some(id) = &request.transactional_id {
        note!("{}: refused transactional id '{id}': transactions are not implemented", call.client.peer);
        let why = "transactions are not implemented";
        return Err(Error::rejected(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, why));
    }
    if !(-1..=1).contains(&request.acks) {
        let why = format!("acks is -1, 0 or 1, not {}", request.acks);
        return Err(Error::rejected(ErrorCode::INVALID_REQUIRED_ACKS, why));
    }
    Ok(())
}

fn append(
    call: &Call,
    topic: &str,
    partition: i32,
    records: Records,
    frame: &mut [u8],
) -> Result<(crate::partition::Appended, Arc<Partition>)> {
    let topics: &TopicRegistry = &call.client.broker.topics;
    let partition = topics.find_writable(topic, partition)?;
    let range: Range<usize> = match records {
        Records::InFrame(range) => range,
        _ => return Err(Error::rejected(ErrorCode::INVALID_RECORD, "no records")),
    };
    let appended = partition.append(&mut frame[range], call.version, now_ms())?;
    Ok((appended, partition))
}

fn failed(index: i32, error: &Error) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: error.code(),
        base_offset: -1,
        error_message: Some(error.for_client()),
        ..PartitionProduceResponse::default()
    }
}

impl Unflushed {
    /// Nothing has to be waited for.
    pub fn is_ready(&self) -> bool {
        self.waits.is_empty()
    }

    /// Waits for the flushes; a partition whose flush failed answers that instead.
    pub fn wait(mut self) -> Result<Encoded> {
        for wait in &self.waits {
            if let Err(error) = wait.partition.flush_to(wait.offset) {
                let results = &mut self.response.responses[wait.topic_index].partition_responses;
                let result = &mut results[wait.partition_index];
                *result = failed(result.index, &error);
            }
        }
        encode_response(Vec::new(), self.api, self.version, self.correlation_id, &mut self.response)
    }
}
