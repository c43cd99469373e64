//! The mirror: topics of another Kafka-compatible broker are copied into this one, batch for batch, and followed.
//!
//! ```text
//! source  -- Fetch -->  copier: a thread for each broker of the source   --append-->  the copy's log
//!         -- Metadata, configs, offsets -->  watcher: one thread          ---------->  registry, groups
//! ```
//!
//! `mirror.from`, `mirror.topics` and `mirror.groups` say what is copied. They are configs of the broker like others, set by
//! IncrementalAlterConfigs: what `sendlog mirror` does, any admin client can do as well, a restart finds them in the registry,
//! and no API had to be invented. How far the mirror is can be read where configs are read (`mirror.state` and others, read
//! only, there as long as a mirror is) and on `/metrics`. Setting `mirror.from` to nothing ends it: the answer comes when the
//! copies are ordinary topics.
//!
//! Always true: a batch is never unpacked: its header is read and its CRC checked, and it is written byte for byte, at its
//! offset and under its leader epoch. Nothing is kept beside the log about how far a copy is: it goes on where it ends. A
//! partition that cannot go on says why, and the others go on.
//! Not done: one source at a time; no transactions: a batch of one, or a marker, ends the copying of its partition.

mod batches;
mod copier;
mod follow;
mod groups;
mod pattern;
mod shared;
mod source;
mod standing;
mod watcher;

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::base::lock::Hold;
use crate::base::sync::Mutex;
use crate::base::{Error, ErrorCode, Result};
use crate::group::{GroupCoordinator, Now};
use crate::os::threads;
use crate::topic::TopicRegistry;

use shared::{Registration, Shared};
pub use standing::{PartitionStanding, Standing};

/// What is copied into.
#[derive(Clone)]
pub struct Target {
    pub topics: Arc<TopicRegistry>,
    pub groups: Arc<GroupCoordinator>,
    /// The clocks that `groups` goes by.
    pub now: fn() -> Now,
}

/// The mirror of a broker, whether one runs or not.
pub struct Mirror {
    target: Target,
    /// Guards what runs; taken before the registry's locks. Held while threads are waited for.
    running: Mutex<Option<Running>>,
    /// What runs, for those who only look; a leaf.
    shown: Mutex<Option<Arc<Shared>>>,
}

struct Running {
    shared: Arc<Shared>,
    watcher: JoinHandle<()>,
}

impl Mirror {
    pub fn new(target: Target) -> Mirror {
        Mirror { target, running: Mutex::default(), shown: Mutex::default() }
    }

    /// Starts what the configuration asks for; in the background, which waits for nobody here.
    pub fn look_after(&self) {
        let Ok(mut running) = self.running.try_lock() else { return };
        let wanted = Registration::of(&self.target.topics.config());
        match wanted.filter(|_| running.is_none()) {
            Some(registration) => *running = self.start(registration),
            // A stop came between the end of the registration and that of the copies.
            None if running.is_none() => {
                if let Err(error) = self.settle(&mut running) {
                    note!(Error, "mirror_not_ended", [], "trying again: {error}");
                }
            }
            None => {}
        }
    }

    fn start(&self, registration: Registration) -> Option<Running> {
        let shared = Arc::new(Shared::new(registration));
        let (for_thread, target) = (shared.clone(), self.target.clone());
        match threads::start("mirror", threads::STACK_BYTES, move || watcher::run(&target, &for_thread)) {
            Ok(watcher) => {
                let Registration { from, topics, groups, .. } = &shared.registration;
                note!(Info, "mirror_started", [from = from, topics = topics, groups = groups], "");
                *self.shown.hold() = Some(shared.clone());
                Some(Running { shared, watcher })
            }
            Err(error) => {
                note!(Error, "mirror_not_started", [], "trying again: no thread: {error}");
                None
            }
        }
    }

    /// Ends the copying; at a stop of the broker, after which it goes on.
    pub fn halt(&self) {
        self.end(&mut self.running.hold());
    }

    /// After a change of the configuration: ends what is not asked for any more. If no mirror is, the copies are ordinary
    /// topics when this returns.
    pub fn take_config(&self) -> Result<()> {
        self.settle(&mut self.running.hold())
    }

    fn settle(&self, running: &mut Option<Running>) -> Result<()> {
        let topics = &self.target.topics;
        let wanted = Registration::of(&topics.config());
        if running.as_ref().is_some_and(|running| Some(&running.shared.registration) != wanted.as_ref()) {
            self.end(running);
        }
        let count = topics.mirrored().topics.len();
        if wanted.is_none() && count > 0 {
            topics.end_mirrored()?;
            note!(Info, "mirror_ended", [topics = count], "clients may produce to them");
        }
        Ok(())
    }

    fn end(&self, running: &mut Option<Running>) {
        if let Some(Running { shared, watcher }) = running.take() {
            shared.stop();
            let _ = watcher.join();
        }
        *self.shown.hold() = None;
    }

    /// How far it is; none when none runs.
    pub fn standing(&self) -> Option<Standing> {
        let shown = self.shown.hold().clone();
        shown.map(|shared| shared.standing())
    }
}

/// Whether `mirror.from` is an address.
pub fn check_address(from: &str) -> Result<()> {
    let is_good = |one: &str| {
        one.trim()
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match from.is_empty() || from.split(',').all(is_good) {
        true => Ok(()),
        false => {
            let why = format!("mirror.from is HOST:PORT of the broker to copy from, and not '{from}'");
            Err(Error::rejected(ErrorCode::INVALID_REQUEST, why))
        }
    }
}
