//! A group's committer: commits the end of a partition, as if everything had been read, and reads back what is committed
//! whenever it meets a new broker.

use std::io;
use std::thread;
use std::time::Duration;

use sendlog::wire::messages::list_offsets::LATEST;
use sendlog::wire::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic};
use sendlog::wire::messages::{OffsetCommitRequest, OffsetFetchRequest};

use super::board::Board;
use super::reader::bound;
use super::{pick, Link};
use crate::broker::member::commit_request;
use crate::history::{Committed, Event, Fate, ReadBack};
use crate::trial::Random;

pub const GROUP: &str = "tortured";
const REST_MAX_US: u64 = 5_000;

pub fn run(board: &Board, mut random: Random) {
    let mut life = 0;
    while let Some(mut link) = board.connect(life, true) {
        if talk(board, &mut link, &mut random).is_ok() {
            return;
        }
        life = link.life;
    }
}

fn talk(board: &Board, link: &mut Link, random: &mut Random) -> io::Result<()> {
    for key in 0..board.partitions.len() {
        read_back(board, link, key)?;
    }
    while !board.is_draining() {
        let (key, topic, partition) = pick(random, board);
        let offset = bound(board, link, key, LATEST)?;
        commit(board, link, key, &topic, partition, offset)?;
        if random.below(10) == 0 {
            read_back(board, link, key)?;
        }
        thread::sleep(Duration::from_micros(random.below(REST_MAX_US)));
    }
    Ok(())
}

fn commit(board: &Board, link: &mut Link, key: usize, topic: &str, partition: i32, offset: i64) -> io::Result<()> {
    let mut event = Committed { key, offset, era: link.era, fate: Fate::Unknown, ..Committed::default() };
    event.span.began = board.clock();
    let answer = link.call::<OffsetCommitRequest>(board, 8, commit_request(GROUP, &[(topic, partition, offset)]));
    event.span.ended = board.clock();
    if let Ok((id, answer)) = &answer {
        let answer = &answer.topics[0].partitions[0];
        (event.id, event.fate) = (*id, Fate::Done);
        if !answer.error_code.is_none() {
            board.complain(format!("partition {key} answered a commit of {offset} with {answer:?}"));
        }
    }
    board.note(Event::Committed(event));
    answer.map(|_| ())
}

fn read_back(board: &Board, link: &mut Link, key: usize) -> io::Result<()> {
    let (name, partition) = board.partitions[key].clone();
    let topics = Some(vec![OffsetFetchRequestTopic { name, partition_indexes: vec![partition] }]);
    let groups = vec![OffsetFetchRequestGroup { group_id: GROUP.to_string(), topics }];
    let began = board.clock();
    let (_, answer) = link.call(board, 8, OffsetFetchRequest { groups, ..Default::default() })?;
    let group = &answer.groups[0];
    if !group.error_code.is_none() {
        board.complain(format!("an OffsetFetch was answered with {group:?}"));
        return Ok(());
    }
    let offset = group.topics[0].partitions[0].committed_offset;
    let span = board.since(began);
    let log_end = bound(board, link, key, LATEST)?;
    board.note(Event::ReadBack(ReadBack { key, offset, span, log_end }));
    Ok(())
}
