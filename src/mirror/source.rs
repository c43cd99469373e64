//! What a mirror asks of its source, beside records: whom it talks to, and whether a copy is still one.
//!
//! Always true: nothing that is asked changes the source; no topic is made there by asking for it.
//! Not done: the errors of partitions are handed on, and judged in [`super::follow`].

use std::time::Duration;

use super::shared::{Registration, Wanted};
use crate::base::{ErrorCode, Offset};
use crate::client::connection::Connection;
use crate::client::{ClientSettings, Error, Result};
use crate::partition::CopiedEnd;
use crate::wire::messages::fetch::{FetchPartition, FetchTopic};
use crate::wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic, EARLIEST, LATEST};
use crate::wire::messages::metadata::MetadataRequestTopic;
use crate::wire::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use crate::wire::messages::{FetchRequest, ListOffsetsRequest, MetadataRequest, OffsetForLeaderEpochRequest};

/// How long the source may hold a fetch back while there is nothing new.
pub const FETCH_WAIT: Duration = Duration::from_millis(500);
/// bytes of an answer, unless a single batch is larger: they bound the memory of a copier, and are read twice and written once
/// while the processor still has most of them in its cache.
const FETCH_BYTES: i32 = 4 << 20;
/// bytes of a partition in an answer: the others are not to wait for it.
const PARTITION_BYTES: i32 = 1 << 20;

pub fn settings(registration: &Registration) -> ClientSettings {
    // A stop waits for whoever asks without a socket at hand; what fails is tried again anyway.
    ClientSettings::new(registration.from.as_str())
        .client_id("sendlog-mirror")
        .request_timeout_ms(5_000)
        .default_api_timeout_ms(5_000)
        .socket_connection_setup_timeout_ms(3_000)
}

pub fn fetch_request(asked: &[(Wanted, Offset)]) -> FetchRequest {
    let topic = |(wanted, offset): &(Wanted, Offset)| FetchTopic {
        topic: wanted.partition.topic.clone(),
        partitions: vec![FetchPartition {
            partition: wanted.partition.partition,
            fetch_offset: offset.0,
            partition_max_bytes: PARTITION_BYTES,
            ..Default::default()
        }],
    };
    let mut topics: Vec<FetchTopic> = Vec::new();
    for asked in asked {
        let FetchTopic { topic, partitions } = topic(asked);
        match topics.last_mut().filter(|last| last.topic == topic) {
            Some(last) => last.partitions.extend(partitions),
            None => topics.push(FetchTopic { topic, partitions }),
        }
    }
    FetchRequest {
        max_wait_ms: FETCH_WAIT.as_millis() as i32,
        min_bytes: 1,
        max_bytes: FETCH_BYTES,
        topics,
        ..Default::default()
    }
}

/// Asks for these topics; none is to be made.
pub fn metadata_request<'a>(topics: impl Iterator<Item = &'a str>) -> MetadataRequest {
    let mut names: Vec<&str> = topics.collect();
    names.sort_unstable();
    names.dedup();
    let named = |name: &str| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() };
    let topics = Some(names.into_iter().map(named).collect());
    MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() }
}

/// Where the source's log begins and ends.
pub fn bounds(connection: &mut Connection, wanted: &Wanted) -> Result<(Offset, Offset)> {
    let mut offset = |timestamp| {
        let asked =
            ListOffsetsPartition { partition_index: wanted.partition.partition, timestamp, ..Default::default() };
        let topics = vec![ListOffsetsTopic { name: wanted.partition.topic.clone(), partitions: vec![asked] }];
        let answer = connection.call(&mut ListOffsetsRequest { topics, ..Default::default() })?;
        let found = answer.topics.into_iter().flat_map(|topic| topic.partitions).next();
        let what = || format!("the bounds of {}", wanted.partition);
        let found = found.ok_or_else(|| Error::refused(what(), ErrorCode::UNKNOWN_SERVER_ERROR, None))?;
        match found.error_code.is_none() {
            true => Ok(Offset(found.offset)),
            false => Err(Error::refused(what(), found.error_code, None)),
        }
    };
    Ok((offset(EARLIEST)?, offset(LATEST)?))
}

/// Whether the source's log still has what was copied: why not, if it does not. Asked on each new connection, since a source
/// whose log was cut has lost its connections before.
pub fn check_history(connection: &mut Connection, wanted: &Wanted, end: CopiedEnd) -> Result<Option<String>> {
    if end.epoch < 0 {
        return Ok(None); // nothing was copied yet
    }
    let partition = OffsetForLeaderPartition {
        partition: wanted.partition.partition,
        current_leader_epoch: -1,
        leader_epoch: end.epoch,
    };
    let topic = OffsetForLeaderTopic { topic: wanted.partition.topic.clone(), partitions: vec![partition] };
    let mut request = OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic] };
    let answer = connection.call(&mut request)?;
    let what = || format!("the leader epochs of {}", wanted.partition);
    let found = answer.topics.into_iter().flat_map(|topic| topic.partitions).next();
    let found = found.ok_or_else(|| Error::refused(what(), ErrorCode::UNKNOWN_SERVER_ERROR, None))?;
    if !found.error_code.is_none() {
        return Err(Error::refused(what(), found.error_code, None));
    }
    let CopiedEnd { offset, epoch, .. } = end;
    Ok(match (found.leader_epoch, found.end_offset) {
        (-1, _) => Some(format!("the source went back in time: it knows nothing of leader epoch {epoch}, with which the copy ends")),
        (known, ends) if known < epoch || ends < offset.0 => Some(format!(
            "the source went back in time: its leader epoch {known} ends at offset {ends}, and the copy, which ends with epoch \
             {epoch}, at offset {offset}"
        )),
        _ => None,
    })
}
