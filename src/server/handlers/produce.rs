//! Produce: each partition's batch is checked, stamped and appended; the answer may wait for a flush.
//!
//! Requests that a client has sent ahead are executed together: what goes to one partition, one behind the other, is
//! appended at once.
//!
//! Always true: the batch is never unpacked or copied; it goes from the connection's buffer to the file.
//! With `acks=0` there is no answer, and an error closes the connection, which is the only way to say so.
//! Not done: no transactions and no followers: nobody else has to have it.

use std::sync::Arc;

use crate::base::{Error, ErrorCode, Offset, Result};
use crate::partition::{Appended, Incoming, Partition};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::handlers::produce_answer::{failed, succeeded};
use crate::server::handlers::refuse_transaction;
use crate::server::now_ms;
use crate::wire::messages::produce::TopicProduceResponse;
use crate::wire::messages::{ProduceRequest, ProduceResponse};
use crate::wire::Encoded;

/// A produce that was executed, and the flushes that its answer waits for.
pub struct Unflushed<'c> {
    call: Call<'c>,
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

/// A request that is to be executed.
pub struct Pending<'c> {
    pub call: Call<'c>,
    pub request: ProduceRequest,
    /// Where its frame begins in the connection's buffer.
    pub frame_start: usize,
}

type Found = Result<Arc<Partition>>;
type Done = Result<(Appended, Arc<Partition>)>;
/// None for a request that wants no answer.
pub type Answered<'c> = std::result::Result<Option<Unflushed<'c>>, Closed>;

/// Executes requests in their order.
pub fn handle_all<'c>(pipeline: Vec<Pending<'c>>, buffer: &mut [u8]) -> Vec<Answered<'c>> {
    let (mut rest, mut at) = (buffer, 0);
    let mut batches = Vec::new();
    for Pending { call, request, frame_start } in &pipeline {
        let refusal = check_request(call, request).err();
        for (topic, data) in request.batches() {
            let found = match &refusal {
                Some(refusal) => Err(Error::rejected(refusal.code(), refusal.to_string())),
                None => call.client.broker.topics.find_writable(topic, data.index),
            };
            let range = data.records.range().map_or(at..at, |range| frame_start + range.start..frame_start + range.end);
            let (_, tail) = std::mem::take(&mut rest).split_at_mut(range.start - at);
            let (bytes, tail) = tail.split_at_mut(range.len());
            (rest, at) = (tail, range.end);
            batches.push((found, Incoming { bytes, produce_version: call.version }));
        }
    }
    let topics = pipeline.first().map(|first| &first.call.client.broker.topics);
    let bytes = batches.iter().map(|(_, incoming)| incoming.bytes.len()).sum();
    let _room = topics.and_then(|topics| topics.make_room(batches.len(), bytes));
    let mut done = append_all(batches).into_iter();
    pipeline.into_iter().map(|pending| pending.answer(&mut done)).collect()
}

/// Appends batches in their order; those for the same partition, one behind the other, at once.
fn append_all(batches: Vec<(Found, Incoming)>) -> Vec<Done> {
    let mut done = Vec::with_capacity(batches.len());
    let mut batches = batches.into_iter().peekable();
    while let Some((found, first)) = batches.next() {
        let Ok(partition) = found else {
            done.extend(found.err().map(Err));
            continue;
        };
        let mut run = vec![first];
        let is_same = |next: &(Found, Incoming)| next.0.as_ref().is_ok_and(|other| Arc::ptr_eq(other, &partition));
        while let Some((_, next)) = batches.next_if(is_same) {
            run.push(next);
        }
        let appended = partition.append_all(run, now_ms());
        done.extend(appended.into_iter().map(|appended| Ok((appended?, partition.clone()))));
    }
    done
}

impl<'c> Pending<'c> {
    /// The answer, with what was done of this request taken from the front of `done`.
    fn answer(self, done: &mut impl Iterator<Item = Done>) -> Answered<'c> {
        let mut answer = Unflushed { call: self.call, response: ProduceResponse::default(), waits: vec![] };
        let mut unsaid: Option<String> = None;
        for (topic_index, topic) in self.request.topic_data.into_iter().enumerate() {
            let mut partition_responses = Vec::with_capacity(topic.partition_data.len());
            for (partition_index, data) in topic.partition_data.into_iter().enumerate() {
                partition_responses.push(match done.next().expect("a result for each batch") {
                    Ok((appended, partition)) => {
                        if partition.acks_wait_for_flush(self.request.acks) {
                            let offset = appended.last + 1;
                            answer.waits.push(Wait { partition, offset, topic_index, partition_index });
                        }
                        succeeded(data.index, &appended)
                    }
                    Err(error) => {
                        unsaid.get_or_insert_with(|| format!("{}-{}: {error}", topic.name, data.index));
                        failed(data.index, &error)
                    }
                });
            }
            answer.response.responses.push(TopicProduceResponse { name: topic.name, partition_responses });
        }
        match (self.request.acks, unsaid) {
            (0, Some(what)) => Err(Closed::Because(format!("a produce with acks=0 failed on {what}"))),
            (0, None) => Ok(None),
            _ => Ok(Some(answer)),
        }
    }
}

/// What is wrong with the request as a whole; every partition answers it.
fn check_request(call: &Call, request: &ProduceRequest) -> Result<()> {
    if let Some(id) = &request.transactional_id {
        return Err(refuse_transaction(call, id));
    }
    if !(-1..=1).contains(&request.acks) {
        let why = format!("acks is -1, 0 or 1, not {}", request.acks);
        return Err(Error::rejected(ErrorCode::INVALID_REQUIRED_ACKS, why));
    }
    Ok(())
}

impl Unflushed<'_> {
    /// Nothing has to be waited for.
    pub fn is_ready(&self) -> bool {
        self.waits.is_empty()
    }

    /// Waits for the flushes; a partition whose flush failed answers that instead.
    pub fn wait(mut self) -> std::result::Result<Encoded, Closed> {
        for wait in &self.waits {
            if let Err(error) = wait.partition.flush_to(wait.offset) {
                let results = &mut self.response.responses[wait.topic_index].partition_responses;
                let result = &mut results[wait.partition_index];
                *result = failed(result.index, &error);
            }
        }
        self.call.encode(&mut self.response)
    }
}
