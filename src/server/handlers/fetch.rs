//! Fetch: finds where the asked-for batches lie; if they are fewer than `min_bytes`, waits for appends.
//!
//! Always true: nothing is read here, ranges of files are handed on (idea 4). A wait is woken by the append itself,
//! ends at `max_wait_ms` (capped), and looks at its socket now and then, so that a client that vanished frees its
//! thread. The first batch of a response goes whole, whatever the limits (KIP-74).
//! Not done: no fetch sessions (KIP-227); the session id is always 0.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::{ErrorCode, Offset, Result};
use crate::faults::seeded;
use crate::os::socket;
use crate::partition::{Fetched, Partition};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::wait::Waiting;
use crate::wire::messages::fetch::{FetchPartition, FetchTopic, FetchableTopicResponse, PartitionData};
use crate::wire::messages::{FetchRequest, FetchResponse};
use crate::wire::records::Records;

/// The isolation level that wants to know of aborted transactions; there are none.
const READ_COMMITTED: i8 = 1;
/// How often a wait looks whether its client is still there.
const LOOK_AT_SOCKET: Duration = Duration::from_secs(30);

pub fn handle(call: &Call, request: FetchRequest) -> std::result::Result<FetchResponse, Closed> {
    // A first epoch, 0, or a last one, -1, asks for everything that it names, whatever session it ends.
    if request.session_id != 0 && request.session_epoch > 0 {
        let error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
        return Ok(FetchResponse { error_code, ..FetchResponse::default() });
    }
    let began = Instant::now();
    let first = look(call, &request);
    let wait = Duration::from_millis(request.max_wait_ms.max(0) as u64).min(call.client.broker.settings.fetch_wait_max);
    if first.is_enough(&request) || wait == Duration::ZERO {
        return Ok(first.response(&request));
    }
    let topics = &call.client.broker.topics;
    let found = request.asked().filter_map(|(topic, asked)| topics.find_partition(topic, asked.partition).ok());
    let waiting = Waiting::begin(found.collect(), &call.client.wake);
    wait_for_more(call, &request, &waiting, began + wait)
}

fn wait_for_more(
    call: &Call,
    request: &FetchRequest,
    waiting: &Waiting,
    deadline: Instant,
) -> std::result::Result<FetchResponse, Closed> {
    // tour: wait-for-more
    loop {
        let found = look(call, request);
        if found.is_enough(request) || Instant::now() >= deadline || call.client.broker.is_stopping() {
            return Ok(found.response(request));
        }
        waiting.until(deadline.min(Instant::now() + LOOK_AT_SOCKET));
        if socket::peer_is_gone(&call.client.socket) && !call.client.broker.is_stopping() {
            return Err(Closed::Quietly);
        }
    }
    // end
}

/// What one look at all partitions found.
struct Found {
    partitions: Vec<PartitionData>,
    bytes: u64,
    bytes_max: u64,
    /// What lies in them, and where it was found.
    given: Vec<(Arc<Partition>, Fetched)>,
    /// Something that waiting does not change: an error, or a segment that is full.
    is_final: bool,
}

impl Found {
    fn is_enough(&self, request: &FetchRequest) -> bool {
        let bytes_min = (request.min_bytes.max(0) as u64).min(self.bytes_max);
        self.is_final || self.bytes >= bytes_min || self.partitions.is_empty()
    }

    fn response(self, request: &FetchRequest) -> FetchResponse {
        self.given.iter().for_each(|(partition, fetched)| partition.give(fetched));
        let mut partitions = self.partitions.into_iter();
        let take = |topic: &FetchTopic| FetchableTopicResponse {
            topic: topic.topic.clone(),
            partitions: partitions.by_ref().take(topic.partitions.len()).collect(),
        };
        FetchResponse { responses: request.topics.iter().map(take).collect(), ..FetchResponse::default() }
    }
}

fn look(call: &Call, request: &FetchRequest) -> Found {
    let bytes_max = (request.max_bytes.max(0) as u64).min(call.client.broker.settings.fetch_bytes_max);
    let mut found = Found { partitions: Vec::new(), bytes: 0, bytes_max, given: Vec::new(), is_final: false };
    let aborted_transactions = request.isolation_level == READ_COMMITTED;
    for topic in &request.topics {
        for asked in &topic.partitions {
            let left = bytes_max.saturating_sub(found.bytes);
            let mut answer = match fetch(call, &topic.topic, asked, left, &mut found) {
                Ok(answer) => answer,
                Err(error) => {
                    found.is_final = true;
                    PartitionData { error_code: error.code(), high_watermark: -1, ..PartitionData::default() }
                }
            };
            answer.partition_index = asked.partition;
            answer.aborted_transactions = aborted_transactions.then(Vec::new);
            found.bytes += answer.records.len();
            found.partitions.push(answer);
        }
    }
    found
}

/// One partition's answer.
fn fetch(call: &Call, topic: &str, asked: &FetchPartition, left: u64, found: &mut Found) -> Result<PartitionData> {
    seeded::panic_at("panic-in-fetch", topic);
    let partition = call.client.broker.topics.find_partition(topic, asked.partition)?;
    partition.check_leader_epoch(asked.current_leader_epoch)?;
    let bytes_max = left.min(asked.partition_max_bytes.max(0) as u64);
    let fetched = partition.fetch(Offset(asked.fetch_offset), bytes_max, found.bytes == 0)?;
    found.is_final |= fetched.is_closed;
    let answer = PartitionData {
        high_watermark: fetched.bounds.high_watermark.0,
        last_stable_offset: fetched.bounds.high_watermark.0,
        log_start_offset: fetched.bounds.log_start.0,
        records: fetched.range.clone().map_or(Records::EMPTY, Records::Stored),
        ..PartitionData::default()
    };
    if fetched.range.is_some() {
        found.given.push((partition, fetched));
    }
    Ok(answer)
}
