//! A consumer: polls all partitions, each from where it was, and notes what it saw.

use std::io;

use sendlog::base::ErrorCode;
use sendlog::wire::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use sendlog::wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic, EARLIEST, LATEST};
use sendlog::wire::messages::{FetchRequest, ListOffsetsRequest, MetadataRequest};

use super::board::Board;
use super::Link;
use crate::broker::client::read_records;
use crate::history::{Epoch, Event, Polled, Value};

const WAIT_MS: i32 = 20;
const BYTES_MAX: i32 = 256 << 10;

pub fn run(board: &Board) {
    let mut next = vec![0; board.partitions.len()];
    let mut life = 0;
    while let Some(mut link) = board.connect(life, true) {
        if talk(board, &mut link, &mut next).is_ok() {
            return;
        }
        life = link.life;
    }
}

fn talk(board: &Board, link: &mut Link, next: &mut [i64]) -> io::Result<()> {
    let (_, metadata) = link.call(board, 12, MetadataRequest { topics: None, ..Default::default() })?;
    let known = metadata.topics.iter().find(|topic| topic.name.as_deref() == Some(&board.partitions[0].0));
    match known.and_then(|topic| topic.partitions.first()) {
        Some(partition) => board.note(Event::Epoch(Epoch { life: link.life, epoch: partition.leader_epoch })),
        None => board.complain(format!("the topic {} is gone", board.partitions[0].0)),
    }
    while !board.is_draining() {
        let began = board.clock();
        link.send(board, 12, request(board, next))?;
        let (_, response, frame) = link.receive::<FetchRequest>(12)?;
        for topic in &response.responses {
            for data in &topic.partitions {
                let is_here = |known: &(String, i32)| known.0 == topic.topic && known.1 == data.partition_index;
                let key = board.partitions.iter().position(is_here).expect("it was asked for");
                if data.error_code == ErrorCode::OFFSET_OUT_OF_RANGE {
                    // A power cut may take the end, and a trim the beginning.
                    let (start, end) = (bound(board, link, key, EARLIEST)?, bound(board, link, key, LATEST)?);
                    next[key] = next[key].clamp(start, end);
                } else if !data.error_code.is_none() {
                    board.complain(format!("partition {key} answered a fetch with {data:?}"));
                    return Ok(());
                } else {
                    let polled = see(board, link, began, (key, next[key]), data, &frame);
                    next[key] = polled.records.last().map_or(next[key], |(offset, _)| offset + 1);
                    board.note(Event::Polled(polled));
                }
            }
        }
    }
    Ok(())
}

fn see(
    board: &Board,
    link: &Link,
    began: u64,
    (key, from): (usize, i64),
    data: &PartitionData,
    frame: &[u8],
) -> Polled {
    let read = read_records(data.records.range().map(|range| &frame[range]).unwrap_or_default());
    // The first batch may begin before.
    let records = read.into_iter().filter(|(offset, _)| *offset >= from);
    let value = |text: &str| {
        Value::parse(text).unwrap_or_else(|| {
            board.complain(format!("partition {key} gave a record that nobody made: {text:?}"));
            Value::default()
        })
    };
    Polled {
        key,
        from,
        span: board.since(began),
        era: link.era,
        high_watermark: data.high_watermark,
        log_start: data.log_start_offset,
        records: records.map(|(offset, text)| (offset, value(&text))).collect(),
    }
}

fn request(board: &Board, next: &[i64]) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for ((topic, partition), offset) in board.partitions.iter().zip(next) {
        let asked = FetchPartition {
            partition: *partition,
            fetch_offset: *offset,
            partition_max_bytes: BYTES_MAX,
            ..Default::default()
        };
        match topics.last_mut().filter(|last| last.topic == *topic) {
            Some(last) => last.partitions.push(asked),
            None => topics.push(FetchTopic { topic: topic.clone(), partitions: vec![asked] }),
        }
    }
    FetchRequest { topics, max_wait_ms: WAIT_MS, min_bytes: 1, ..Default::default() }
}

/// The earliest or the latest offset of a partition.
pub fn bound(board: &Board, link: &mut Link, key: usize, timestamp: i64) -> io::Result<i64> {
    let (name, partition_index) = board.partitions[key].clone();
    let asked = ListOffsetsPartition { partition_index, timestamp, ..Default::default() };
    let topics = vec![ListOffsetsTopic { name, partitions: vec![asked] }];
    let (_, answer) = link.call(board, 7, ListOffsetsRequest { topics, ..Default::default() })?;
    let found = &answer.topics[0].partitions[0];
    if !found.error_code.is_none() {
        board.complain(format!("partition {key} answered ListOffsets with {found:?}"));
    }
    Ok(found.offset)
}
