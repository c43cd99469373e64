//! Clients of a broker that may go away at any moment: senders, a reader, a committer, and one who creates and deletes.
//!
//! Each is a thread with one connection. When that ends it waits on the [`Board`] until the next broker is announced, and
//! goes on there. What each knows goes into one [history](crate::history).
//!
//! Always true: an idempotent sender repeats what was not answered, byte for byte, until it is; a plain one never does.
//! An answer that is an error is a complaint: nothing that is done to the broker here is a reason for one.
//! Not done: no group protocol; offsets are committed from outside of one.

pub mod board;
mod changer;
mod committer;
mod finish;
mod link;
mod reader;
mod sender;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::broker::Client;
use crate::history::Key;
use crate::trial::Random;
use board::Board;
pub use committer::GROUP;
pub use link::Link;

/// What the clients do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Topics, each with a number of partitions.
    pub topics: Vec<(String, i32)>,
    /// Configs of all of them.
    pub configs: Vec<(&'static str, &'static str)>,
    /// For each sender, whether it is idempotent, and whether it asks for acks=all.
    pub senders: Vec<(bool, bool)>,
    /// Bytes of a record at most.
    pub record_bytes_max: u64,
    /// Bytes that each record of one batch in some has more, so that segments fill up.
    pub large_bytes: usize,
    /// How long a sender rests at most after what it has sent ahead was answered.
    pub rest_max: Duration,
}

impl Plan {
    /// A partition for each key.
    pub fn partitions(&self) -> Vec<(String, i32)> {
        let partitions = self.topics.iter().flat_map(|(name, count)| (0..*count).map(move |n| (name.clone(), n)));
        partitions.collect()
    }

    pub fn create(&self, client: &mut Client) {
        for (name, count) in &self.topics {
            let created = client.create_with(name, *count, &self.configs);
            assert!(created.error_code.is_none(), "{created:?}");
        }
    }
}

/// What the thread of a client does.
type Work = Box<dyn FnOnce(&Board, Random) + Send>;

/// Clients at work.
pub struct Load {
    pub board: Arc<Board>,
    plan: Plan,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// The clients begin when the board names a broker.
    pub fn start(plan: &Plan, seed: u64) -> Load {
        let board = Arc::new(Board::new(plan));
        let mut threads = Vec::new();
        let mut begin = |work: Work| {
            let (board, random) = (board.clone(), Random::new(seed.wrapping_mul(100) + threads.len() as u64));
            threads.push(thread::spawn(move || work(&board, random)));
        };
        for (number, (is_idempotent, is_durable)) in plan.senders.iter().copied().enumerate() {
            let plan = plan.clone();
            begin(Box::new(move |board, random| {
                sender::run(board, random, &plan, number as u32, is_idempotent, is_durable);
            }));
        }
        begin(Box::new(|board, _| reader::run(board)));
        begin(Box::new(committer::run));
        begin(Box::new(changer::run));
        Load { board, plan: plan.clone(), threads }
    }

    /// Lets the clients bring to an end what they have begun, reads everything, and hands the history over; or the first
    /// complaint.
    pub fn finish(self, client: &mut Client) -> Result<Vec<crate::history::Event>, String> {
        self.board.drain();
        for thread in self.threads {
            thread.join().map_err(|_| "a client panicked".to_string())?;
        }
        let mut history = self.board.take()?;
        for (key, (topic, partition)) in self.plan.partitions().iter().enumerate() {
            history.push(finish::read_all(client, self.board.era(), key, topic, *partition)?);
        }
        history.push(finish::list_topics(client));
        Ok(history)
    }
}

/// A partition that chance decides.
fn pick(random: &mut Random, board: &Board) -> (Key, String, i32) {
    let key = random.below(board.partitions.len() as u64) as Key;
    let (topic, partition) = &board.partitions[key];
    (key, topic.clone(), *partition)
}
