//! One who creates topics, writes into them and deletes them, and sometimes deletes records of the last partition.

use std::io;
use std::thread;
use std::time::Duration;

use sendlog::wire::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use sendlog::wire::messages::list_offsets::{EARLIEST, LATEST};
use sendlog::wire::messages::{CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, ProduceRequest};

use super::board::Board;
use super::reader::bound;
use super::Link;
use crate::broker::client::{batch, new_topic, produce_request};
use crate::history::{Changed, Event, Fate, Trimmed};
use crate::trial::Random;

const REST_MS: u64 = 20;
/// Topics that are there at the same time.
const TOPICS_MAX: u64 = 3;

pub fn run(board: &Board, mut random: Random) {
    let mut life = 0;
    // The next topic to create, and the next one to delete.
    let mut numbers = (0, 0);
    while let Some(mut link) = board.connect(life, true) {
        if talk(board, &mut link, &mut random, &mut numbers).is_ok() {
            return;
        }
        life = link.life;
    }
}

fn talk(board: &Board, link: &mut Link, random: &mut Random, (created, deleted): &mut (u64, u64)) -> io::Result<()> {
    while !board.is_draining() {
        match random.below(4) {
            0 => trim(board, link)?,
            1 if created > deleted => {
                *deleted += 1;
                delete(board, link, format!("passing-{}", *deleted - 1))?;
            }
            _ if *created - *deleted < TOPICS_MAX => {
                *created += 1;
                create(board, link, format!("passing-{}", *created - 1))?;
            }
            _ => {}
        }
        thread::sleep(Duration::from_millis(random.below(REST_MS)));
    }
    Ok(())
}

fn create(board: &Board, link: &mut Link, topic: String) -> io::Result<()> {
    let request = CreateTopicsRequest { topics: vec![new_topic(&topic, 2, &[])], ..Default::default() };
    let answer = link.call(board, 7, request);
    let mut event = Changed { topic: topic.clone(), is_created: true, fate: Fate::Unknown, id: 0 };
    if let Ok((id, answer)) = &answer {
        (event.id, event.fate) = (*id, Fate::Done);
        if !answer.topics[0].error_code.is_none() {
            board.complain(format!("{:?}", answer.topics[0]));
        }
    }
    board.note(Event::Changed(event));
    answer?;
    link.call::<ProduceRequest>(board, 9, produce_request(-1, &topic, 1, &batch(&["0:0"])))?;
    Ok(())
}

/// A topic whose creation was not answered may not be there.
fn delete(board: &Board, link: &mut Link, topic: String) -> io::Result<()> {
    let request = DeleteTopicsRequest { topic_names: vec![topic.clone()], ..Default::default() };
    let answer = link.call(board, 5, request);
    let mut event = Changed { topic, is_created: false, fate: Fate::Unknown, id: 0 };
    if let Ok((id, answer)) = &answer {
        if answer.responses[0].error_code.is_none() {
            (event.id, event.fate) = (*id, Fate::Done);
        }
    }
    board.note(Event::Changed(event));
    answer.map(|_| ())
}

/// Half of the last partition goes.
fn trim(board: &Board, link: &mut Link) -> io::Result<()> {
    let key = board.partitions.len() - 1;
    let (name, partition_index) = board.partitions[key].clone();
    let (start, end) = (bound(board, link, key, EARLIEST)?, bound(board, link, key, LATEST)?);
    let mut event = Trimmed { key, offset: start + (end - start) / 2, fate: Fate::Unknown, ..Trimmed::default() };
    event.span.began = board.clock();
    let partitions = vec![DeleteRecordsPartition { partition_index, offset: event.offset }];
    let topics = vec![DeleteRecordsTopic { name, partitions }];
    let answer = link.call(board, 2, DeleteRecordsRequest { topics, ..Default::default() });
    event.span.ended = board.clock();
    if let Ok((id, answer)) = &answer {
        let answer = &answer.topics[0].partitions[0];
        (event.id, event.fate) = (*id, Fate::Done);
        if !answer.error_code.is_none() {
            board.complain(format!("partition {key} answered DeleteRecords with {answer:?}"));
        }
    }
    board.note(Event::Trimmed(event));
    answer.map(|_| ())
}
