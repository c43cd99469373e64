//! Where the broker is, for clients that lose it, and the history that they write together.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use super::{Link, Plan};
use crate::history::{Event, Span};

/// Correlation ids begin here: other clients of the same broker count from 1.
const IDS_FROM: i32 = 1_000_000;

pub struct Board {
    /// Topic and number for each key.
    pub partitions: Vec<(String, i32)>,
    /// Guards who serves; a leaf.
    now: Mutex<Now>,
    changed: Condvar,
    /// Guards what the clients noted, and what they complain about.
    noted: Mutex<(Vec<Event>, Vec<String>)>,
    began: Instant,
    last_id: AtomicI32,
}

#[derive(Clone, Copy, Default)]
struct Now {
    address: Option<SocketAddr>,
    /// Brokers so far.
    life: u32,
    /// Power cuts so far.
    era: u32,
    is_draining: bool,
}

impl Board {
    pub fn new(plan: &Plan) -> Board {
        Board {
            partitions: plan.partitions(),
            now: Mutex::default(),
            changed: Condvar::new(),
            noted: Mutex::default(),
            began: Instant::now(),
            last_id: AtomicI32::new(IDS_FROM),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Now)) {
        change(&mut self.now.lock().unwrap());
        self.changed.notify_all();
    }

    /// A broker serves there.
    pub fn announce(&self, address: SocketAddr) {
        self.change(|now| (now.address, now.life) = (Some(address), now.life + 1));
    }

    /// It is about to go, by a kill or by a power cut.
    pub fn withdraw(&self, is_power_cut: bool) {
        self.change(|now| (now.address, now.era) = (None, now.era + u32::from(is_power_cut)));
    }

    pub fn era(&self) -> u32 {
        self.now.lock().unwrap().era
    }

    /// Nothing new is to be begun.
    pub fn drain(&self) {
        self.change(|now| now.is_draining = true);
    }

    pub fn is_draining(&self) -> bool {
        self.now.lock().unwrap().is_draining
    }

    /// A connection to the broker that serves now, or to the next one if that is the one that the caller has lost; none
    /// when everybody is to come to an end and the caller `has_nothing_left` to do.
    pub fn connect(&self, lost_life: u32, has_nothing_left: bool) -> Option<Link> {
        let mut lost_life = lost_life;
        loop {
            let now = {
                let serves = |now: &Now| now.address.is_some() && now.life > lost_life;
                let mut now = self.now.lock().unwrap();
                while !(serves(&now) || now.is_draining && has_nothing_left) {
                    now = self.changed.wait(now).unwrap();
                }
                *now
            };
            if now.is_draining && has_nothing_left {
                return None;
            }
            let address = now.address.expect("seen to be there");
            match Link::connect(address, now.life, now.era) {
                Ok(link) => return Some(link),
                Err(_) => lost_life = now.life,
            }
        }
    }

    pub fn note(&self, event: Event) {
        self.noted.lock().unwrap().0.push(event);
    }

    pub fn complain(&self, about: String) {
        self.noted.lock().unwrap().1.push(about);
    }

    /// The first complaint so far.
    pub fn complaint(&self) -> Option<String> {
        self.noted.lock().unwrap().1.first().cloned()
    }

    pub fn take(&self) -> Result<Vec<Event>, String> {
        let (history, complaints) = std::mem::take(&mut *self.noted.lock().unwrap());
        match complaints.first() {
            Some(first) => Err(format!("{} complaints, the first: {first}", complaints.len())),
            None => Ok(history),
        }
    }

    /// ns since the beginning.
    pub fn clock(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    pub fn since(&self, began: u64) -> Span {
        Span { began, ended: self.clock() }
    }

    /// A correlation id that no other request of this load has.
    pub fn next_id(&self) -> i32 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }
}
