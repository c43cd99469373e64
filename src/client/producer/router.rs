//! The router: learns which topics there are and which broker leads each partition, and gives each such broker a sender.
//!
//! It sleeps until somebody asks for a topic, a sender doubts the leaders, a partition with records has no leader, or what is
//! known is old. What has no leader has no sender that could fail it in time, so it does that too.
//!
//! Always true: it ends when the producer is closed and nothing is left to be answered, and ends after all senders.
//! Not done: no batch is touched but one that has waited too long without a leader.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::accumulator::{Accumulator, State};
use super::bell::Bell;
use super::sender::Sender;
use crate::client::cluster::{Backoff, Cluster};
use crate::client::error::{check, Error};
use crate::wire::messages::metadata::MetadataResponseTopic;

/// A new topic's leaders may take a while.
const RETRY: Duration = Duration::from_millis(50);

pub struct Router {
    pub accumulator: Arc<Accumulator>,
    pub cluster: Cluster,
    pub senders: Vec<JoinHandle<()>>,
}

impl Router {
    pub fn run(mut self) {
        let mut backoff = Backoff::new(self.cluster.settings());
        let mut not_before = Instant::now();
        let mut old = Instant::now() + self.max_age();
        while let Some(topics) = self.errand(not_before, old) {
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            match self.cluster.metadata(Some(&names), true) {
                Ok(found) => {
                    self.start_senders();
                    self.learn(&found);
                    backoff = Backoff::new(self.cluster.settings());
                    not_before = Instant::now() + RETRY;
                    old = Instant::now() + self.max_age();
                }
                Err(error) => {
                    self.fail(&error);
                    not_before = Instant::now() + backoff.next();
                }
            }
        }
        self.senders.into_iter().for_each(|sender| drop(sender.join()));
    }

    fn max_age(&self) -> Duration {
        Duration::from_millis(self.cluster.settings().metadata_max_age_ms.max(1))
    }

    /// Waits until there is something to ask, and says about which topics; none when all is over.
    fn errand(&self, not_before: Instant, old: Instant) -> Option<Vec<String>> {
        let mut state = self.accumulator.lock();
        loop {
            let now = Instant::now();
            self.accumulator.expire(&mut state, now, |queue| queue.leader.is_none());
            if state.is_over() {
                return None;
            }
            let is_homeless = has_homeless(&state);
            let is_asked = state.is_stale || is_homeless || !state.wanted.is_empty();
            if (is_asked && now >= not_before) || now >= old {
                state.is_stale = false;
                let known = state.topics.iter().map(|topic| topic.name.to_string());
                return Some(known.chain(state.wanted.keys().cloned()).collect());
            }
            let until = if is_asked { old.min(not_before) } else { old };
            state = self.sleep(state, until.saturating_duration_since(now));
        }
    }

    fn sleep<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.accumulator.errands.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// A sender for each broker that has none yet.
    fn start_senders(&mut self) {
        let mut state = self.accumulator.lock();
        for node in self.cluster.nodes() {
            let address = node.address();
            if let Some(bell) = state.bells.get(&node.id) {
                bell.moved_to(address);
                continue;
            }
            let Ok(bell) = Bell::new(address).map(Arc::new) else { continue };
            let sender = Sender::new(self.accumulator.clone(), node.id, bell.clone());
            let name = format!("sendlog-send-{}", node.id);
            if let Ok(handle) = Builder::new().name(name).spawn(move || sender.run()) {
                state.bells.insert(node.id, bell);
                self.senders.push(handle);
            }
        }
    }

    fn learn(&self, found: &[MetadataResponseTopic]) {
        let mut state = self.accumulator.lock();
        for topic in found {
            let name = topic.name.as_deref().unwrap_or_default();
            let checked = check(|| format!("topic {name}"), topic.error_code, None);
            let known = self.cluster.known(name).filter(|_| checked.is_ok());
            let leaders: Vec<Option<i32>> = match known {
                Some(topic) => topic.partitions.iter().map(|partition| partition.leader).collect(),
                None => Vec::new(),
            };
            // A topic without partitions is one that is being created.
            if !leaders.is_empty() {
                state.learn(name, &leaders);
                state.wanted.remove(name);
                continue;
            }
            let error =
                checked.err().unwrap_or_else(|| Error::invalid(format!("topic {name}"), "it has no partitions yet"));
            if let Some(last_error) = state.wanted.get_mut(name) {
                *last_error = Some(error.clone());
            }
            for queue in
                state.topics.iter_mut().filter(|topic| *topic.name == *name).flat_map(|topic| &mut topic.queues)
            {
                queue.leader = None;
                queue.failed(error.clone());
            }
        }
        self.accumulator.tell();
    }

    fn fail(&self, error: &Error) {
        let mut state = self.accumulator.lock();
        state.is_stale = true;
        for last_error in state.wanted.values_mut() {
            *last_error = Some(error.clone());
        }
        for queue in state.topics.iter_mut().flat_map(|topic| &mut topic.queues).filter(|queue| queue.leader.is_none())
        {
            queue.failed(error.clone());
        }
        self.accumulator.tell();
    }
}

/// Whether records wait for a partition that nobody leads.
fn has_homeless(state: &State) -> bool {
    state
        .topics
        .iter()
        .flat_map(|topic| &topic.queues)
        .any(|queue| queue.leader.is_none() && queue.has_unsent())
}
