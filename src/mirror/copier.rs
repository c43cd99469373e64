//! The thread that copies from one broker of the source: fetches, and appends what comes.
//!
//! ```text
//! Fetch, Metadata -->                         <-- answers: batches; the ids that their topics have afterwards
//!     the next Fetch and Metadata -->         append the batches; meanwhile the source works on the next answer
//! ```
//!
//! A topic that was deleted and made again has another id: since the ids are asked for behind each fetch, on the same
//! connection, no batch of another topic is taken for one of the copied one.
//!
//! Always true: one answer is in memory at a time, in one buffer that is used again and again; it is at most some MiB, or one
//! batch. An answer to a question that was not the right one after all (the append before it failed) is dropped.
//! Not done: no fetch sessions (KIP-227); each request names all its partitions. No thread of its own for the appends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::follow::Follower;
use super::shared::{Shared, Wanted};
use super::source;
use crate::base::{Offset, TopicPartition, Uuid};
use crate::client::connection::Connection;
use crate::client::{Error, Result};
use crate::os::panics;
use crate::topic::TopicRegistry;
use crate::wire::messages::fetch::PartitionData;
use crate::wire::messages::{FetchRequest, MetadataRequest};

/// After a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// While there is nothing to fetch.
const IDLE: Duration = Duration::from_millis(100);

pub struct Copier {
    pub topics: Arc<TopicRegistry>,
    pub shared: Arc<Shared>,
    pub node: i32,
}

/// What was asked and not answered yet.
type Asked = Vec<(Wanted, Offset)>;
/// The partitions whose history was compared over this connection, and the offsets from which on the source has them.
pub type Known = HashMap<TopicPartition, Offset>;

impl Copier {
    pub fn run(self) {
        let whom = format!("broker {} of the source", self.node);
        while !self.shared.is_stopping() {
            panics::survive(|| {
                if let Err(error) = self.copy(&whom) {
                    self.shared.trouble(&whom, error.to_string());
                    self.shared.ask_watcher();
                }
            });
            self.shared.pause(PAUSE);
        }
    }

    /// Copies over one connection, until it breaks.
    fn copy(&self, whom: &str) -> Result<()> {
        let Some(address) = self.shared.address_of(self.node) else { return Ok(()) };
        let mut connection = Connection::open(&address, &source::settings(&self.shared.registration))?;
        if !self.shared.register(self.node, connection.socket()) {
            return Ok(());
        }
        let mut known = HashMap::new();
        let (mut turn, mut spare) = (0, Vec::new());
        let mut asked = self.ask(&mut connection, &mut known, &HashMap::new(), turn)?;
        while !self.shared.is_stopping() {
            if asked.is_empty() {
                self.shared.pause(IDLE);
                asked = self.ask(&mut connection, &mut known, &HashMap::new(), turn)?;
                continue;
            }
            let again = |size| {
                let mut frame = std::mem::take(&mut spare);
                frame.clear();
                frame.reserve(size);
                frame
            };
            let (mut frame, answer) =
                connection.receive_patiently::<FetchRequest, Vec<u8>>(source::FETCH_WAIT, again)?;
            let ids = ids(&mut connection)?;
            self.shared.no_trouble(whom);
            if !answer.error_code.is_none() {
                return Err(Error::refused(format!("fetching from {address}"), answer.error_code, None));
            }
            let came: HashMap<TopicPartition, PartitionData> = answer
                .responses
                .into_iter()
                .flat_map(|topic| {
                    let name = topic.topic;
                    let key = move |partition| TopicPartition { topic: name.clone(), partition };
                    topic.partitions.into_iter().map(move |data| (key(data.partition_index), data))
                })
                .collect();
            let follower = Follower { topics: &self.topics, shared: &self.shared };
            let (answered, next) = (asked, follower.next_offsets(&came, &frame));
            turn += 1;
            // What is behind these batches is on its way while they are written.
            let all_well = follower.all_well(&came);
            asked = if all_well { self.ask(&mut connection, &mut known, &next, turn)? } else { Vec::new() };
            for (wanted, offset) in &answered {
                let Some(data) = came.get(&wanted.partition) else { continue };
                if ids.get(&wanted.partition.topic).is_none_or(|id| *id != wanted.id) {
                    let why = "the source has deleted its topic".to_string();
                    self.shared.pause_partition(&wanted.partition, why, PAUSE);
                    self.shared.ask_watcher();
                    continue;
                }
                let bytes = data.records.range().and_then(|range| frame.get_mut(range)).unwrap_or_default();
                follower.take(wanted, *offset, data, bytes);
            }
            if !all_well {
                follower.settle(&mut connection, &answered, &came, &mut known)?;
            }
            spare = frame;
        }
        Ok(())
    }

    /// Sends the next fetch, for partitions beginning with another one each time, and asks for the ids of their topics.
    /// `next` is where partitions end when what has come for them is written.
    fn ask(
        &self,
        connection: &mut Connection,
        known: &mut Known,
        next: &HashMap<TopicPartition, Offset>,
        turn: usize,
    ) -> Result<Asked> {
        let follower = Follower { topics: &self.topics, shared: &self.shared };
        let mut wanted = self.shared.wanted(self.node);
        let begin = if wanted.is_empty() { 0 } else { turn % wanted.len() };
        wanted.rotate_left(begin);
        let mut asked = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let offset = match next.get(&wanted.partition) {
                Some(offset) => Some(*offset),
                None => follower.begin(connection, &wanted, known)?,
            };
            asked.extend(offset.map(|offset| (wanted, offset)));
        }
        if !asked.is_empty() {
            connection.send(&mut source::fetch_request(&asked))?;
            let names = asked.iter().map(|(wanted, _)| wanted.partition.topic.as_str());
            connection.send(&mut source::metadata_request(names))?;
        }
        Ok(asked)
    }
}

/// The ids of the topics that were asked for.
fn ids(connection: &mut Connection) -> Result<HashMap<String, Uuid>> {
    let answer = connection.receive::<MetadataRequest>()?;
    let topics = answer.topics.into_iter().filter(|topic| topic.error_code.is_none());
    Ok(topics.filter_map(|topic| Some((topic.name?, topic.topic_id))).collect())
}
