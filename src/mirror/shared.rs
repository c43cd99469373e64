//! What the threads of a mirror share: what is to be copied, which broker leads it, how far it is, what is in the way.
//!
//! Always true: nobody holds the lock while a socket or a file is used.
//! Not done: nothing of this is kept over a restart, which finds out again.

use std::collections::{BTreeMap, HashMap};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::pattern::Patterns;
use super::standing::{PartitionStanding, Standing};
use crate::base::lock::{Hold, Sleep};
use crate::base::sync::{Condvar, Mutex};
use crate::base::{TopicPartition, Uuid};
use crate::config::Config;

/// What is to be copied, as the configuration has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    pub from: String,
    pub topics: String,
    pub groups: String,
    /// `mirror.page.cache=recent`
    pub drops_history: bool,
}

impl Registration {
    /// None: no mirror is wanted.
    pub fn of(config: &Config) -> Option<Registration> {
        let text = |key| config.text(key).to_string();
        let from = text("mirror.from");
        (!from.is_empty()).then(|| Registration {
            from,
            topics: text("mirror.topics"),
            groups: text("mirror.groups"),
            drops_history: config.text("mirror.page.cache") == "recent",
        })
    }
}

pub struct Shared {
    pub registration: Registration,
    pub topics: Patterns,
    pub groups: Patterns,
    stopping: AtomicBool,
    /// bytes of batches that were appended
    pub copied_bytes: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Where the source's brokers are.
    addresses: HashMap<i32, String>,
    followed: BTreeMap<TopicPartition, Followed>,
    /// What keeps the source as a whole, one of its brokers, a topic or a group from being copied, by its name.
    troubles: BTreeMap<String, String>,
    /// The connections of copiers, to end their waits at the end.
    sockets: HashMap<i32, TcpStream>,
    /// The watcher is to look at once.
    is_asked: bool,
    /// It has looked.
    has_looked: bool,
}

/// A partition that is copied.
struct Followed {
    /// The topic's id at the source.
    id: Uuid,
    /// The broker of the source that leads it.
    node: Option<i32>,
    /// Where consumers of the source see its end; none before the first answer.
    source_end: Option<i64>,
    /// Where the copy ends.
    end: i64,
    /// Why it is not copied any further.
    stopped: Option<String>,
    /// What happened last that may pass, and when to try again.
    paused: Option<(String, Instant)>,
}

/// A partition to fetch.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub partition: TopicPartition,
    pub id: Uuid,
}

impl Shared {
    pub fn new(registration: Registration) -> Shared {
        Shared {
            topics: Patterns::parse(&registration.topics),
            groups: Patterns::parse(&registration.groups),
            registration,
            stopping: AtomicBool::new(false),
            copied_bytes: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    /// Ends all waits.
    pub fn stop(&self) {
        let state = self.state.hold();
        self.stopping.store(true, SeqCst);
        state.sockets.values().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
        self.changed.notify_all();
    }

    /// Waits for so long, or until the mirror ends.
    pub fn pause(&self, duration: Duration) {
        self.pause_unless(duration, |_| false);
    }

    /// The same for the watcher, which a copier may ask to look at once.
    pub fn pause_until_asked(&self, duration: Duration) {
        self.pause_unless(duration, |state| std::mem::take(&mut state.is_asked));
    }

    fn pause_unless(&self, duration: Duration, is_over: impl Fn(&mut State) -> bool) {
        let deadline = Instant::now() + duration;
        let mut state = self.state.hold();
        while !self.is_stopping() && !is_over(&mut state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return;
            }
            state = self.changed.sleep_for(state, left);
        }
    }

    /// The source's leaders may be others now.
    pub fn ask_watcher(&self) {
        self.state.hold().is_asked = true;
        self.changed.notify_all();
    }

    pub fn has_looked(&self) {
        self.state.hold().has_looked = true;
    }

    pub fn set_addresses(&self, addresses: HashMap<i32, String>) {
        self.state.hold().addresses = addresses;
    }

    pub fn address_of(&self, node: i32) -> Option<String> {
        self.state.hold().addresses.get(&node).cloned()
    }

    /// Keeps a copier's socket at hand; false when the mirror is ending.
    pub fn register(&self, node: i32, socket: &TcpStream) -> bool {
        let mut state = self.state.hold();
        if let Ok(socket) = socket.try_clone() {
            state.sockets.insert(node, socket);
        }
        !self.is_stopping()
    }

    /// Copies a partition from this broker of the source.
    pub fn follow(&self, partition: TopicPartition, id: Uuid, node: Option<i32>, end: i64) {
        let mut state = self.state.hold();
        let fresh = || Followed { id, node, source_end: None, end, stopped: None, paused: None };
        state.followed.entry(partition).or_insert_with(fresh).node = node;
        self.changed.notify_all();
    }

    /// The brokers of the source that lead something that is copied.
    pub fn nodes(&self) -> Vec<i32> {
        let state = self.state.hold();
        let mut nodes: Vec<i32> = state.followed.values().filter_map(|followed| followed.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// What is to be fetched from a broker now.
    pub fn wanted(&self, node: i32) -> Vec<Wanted> {
        let now = Instant::now();
        let state = self.state.hold();
        let is_wanted = |followed: &Followed| {
            let is_paused = followed.paused.as_ref().is_some_and(|(_, until)| now < *until);
            followed.node == Some(node) && followed.stopped.is_none() && !is_paused
        };
        let wanted = state.followed.iter().filter(|(_, followed)| is_wanted(followed));
        wanted
            .map(|(partition, followed)| Wanted { partition: partition.clone(), id: followed.id })
            .collect()
    }

    /// How far a partition is, at the source and here.
    pub fn progress(&self, partition: &TopicPartition, source_end: i64, end: i64) {
        if let Some(followed) = self.state.hold().followed.get_mut(partition) {
            (followed.source_end, followed.end, followed.paused) = (Some(source_end), end, None);
        }
    }

    /// Copies a partition no further.
    pub fn stop_partition(&self, partition: &TopicPartition, why: String) {
        let mut state = self.state.hold();
        let Some(followed) = state.followed.get_mut(partition).filter(|it| it.stopped.is_none()) else { return };
        note!(
            Error,
            "mirror_partition_stopped",
            [partition = partition],
            "its copying ends, the others go on: {why}"
        );
        followed.stopped = Some(why);
    }

    /// Tries again after a while.
    pub fn pause_partition(&self, partition: &TopicPartition, why: String, pause: Duration) {
        let mut state = self.state.hold();
        let Some(followed) = state.followed.get_mut(partition) else { return };
        if followed.paused.is_none() {
            note!(Warn, "mirror_partition_paused", [partition = partition], "trying again: {why}");
        }
        followed.paused = Some((why, Instant::now() + pause));
    }

    /// Something is in the way: said once, until it is something else.
    pub fn trouble(&self, whom: &str, why: String) {
        let mut state = self.state.hold();
        if state.troubles.get(whom) != Some(&why) && !self.is_stopping() {
            note!(Warn, "mirror_trouble", [what = whom], "{why}");
            state.troubles.insert(whom.to_string(), why);
        }
    }

    pub fn no_trouble(&self, whom: &str) {
        self.state.hold().troubles.remove(whom);
    }

    pub fn standing(&self) -> Standing {
        let state = self.state.hold();
        let partition = |(partition, followed): (&TopicPartition, &Followed)| PartitionStanding {
            partition: partition.clone(),
            lag: followed.source_end.map(|source_end| (source_end - followed.end).max(0)),
            stopped: followed.stopped.clone(),
        };
        let paused = |(partition, followed): (&TopicPartition, &Followed)| {
            let (why, _) = followed.paused.as_ref().filter(|_| followed.stopped.is_none())?;
            Some((partition.to_string(), why.clone()))
        };
        let troubles = state.troubles.iter().map(|(whom, why)| (whom.clone(), why.clone()));
        Standing {
            has_looked: state.has_looked,
            copied_bytes: self.copied_bytes.load(SeqCst),
            partitions: state.followed.iter().map(partition).collect(),
            troubles: troubles.chain(state.followed.iter().filter_map(paused)).collect(),
        }
    }
}
