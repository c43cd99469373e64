//! The table of open connections: it counts them, and lets a stop reach them.
//!
//! Always true: a connection is in the table from before its thread starts until that thread has ended, also by a
//! panic. Beyond `max.connections`, or those that its address may have, none is let in; nor where the log's files would go
//! without descriptors.
//! Not done: nothing is accepted or served here.

use std::collections::HashMap;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::limits::{self, Limit};
use crate::base::lock::{Hold, Sleep};
use crate::base::sync::{Condvar, Mutex};
use crate::config::sites::Site;
use crate::config::{counts, Config};
use crate::partition::Wake;
use crate::server::wait::WaitCell;
use crate::server::Broker;

/// The connections that are open, so that a stop can reach them.
pub struct Connections {
    /// Guards the table; a leaf.
    open: Mutex<Table>,
    /// As many as there are descriptors for, beside those of the log's files.
    descriptors: usize,
    closed: Condvar,
    next_id: AtomicU64,
    stopping: AtomicBool,
}

#[derive(Default)]
struct Table {
    all: HashMap<u64, Handle>,
    /// How many each address has.
    of_address: HashMap<IpAddr, usize>,
}

impl Connections {
    pub fn new(descriptors: usize) -> Connections {
        Connections {
            open: Mutex::default(),
            descriptors,
            closed: Condvar::new(),
            next_id: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        }
    }

    /// How many are open, and how many have ever been.
    pub fn counts(&self) -> (usize, u64) {
        (self.open.hold().all.len(), self.next_id.load(Ordering::Relaxed))
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Wakes every wait, lets requests that have arrived finish within `grace`, then closes what is left.
    pub fn stop(&self, grace: Duration) {
        self.stopping.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + grace;
        let mut open = self.open.hold();
        for handle in open.all.values() {
            let _ = handle.socket.shutdown(Shutdown::Read);
            handle.wake.wake();
        }
        while !open.all.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                note!(Warn, "connections_cut", [count = open.all.len()], "they did not finish in time and are closed");
                open.all.values().for_each(|handle| drop(handle.socket.shutdown(Shutdown::Both)));
                return;
            }
            open = self.closed.sleep_for(open, left);
        }
    }
}

/// What a stop needs of a connection.
#[derive(Clone)]
struct Handle {
    socket: Arc<TcpStream>,
    wake: Arc<WaitCell>,
}

/// A connection's place in the table; leaving it on drop, also when its thread panics.
pub struct Entry {
    id: u64,
    handle: Handle,
    peer: SocketAddr,
    /// The listener that it came in by.
    site: Arc<Site>,
    broker: Arc<Broker>,
}

impl Entry {
    /// Takes a place, if there is one left.
    pub fn enter(broker: &Arc<Broker>, socket: TcpStream, peer: SocketAddr, site: &Arc<Site>) -> Option<Entry> {
        let connections = &broker.connections;
        broker.stranded.came_back(peer);
        let config = broker.topics.config();
        let address = peer.ip().to_canonical();
        let most = Most::of(&config, connections.descriptors, address);
        let mut open = connections.open.hold();
        if let Some((limit, count)) = open.reached(&most, address) {
            drop(open);
            limit.hit();
            let key = limit.key;
            note!(Warn, "connection_refused", [client = peer], "{count} are open, as many as {key} allows");
            return None;
        }
        let id = connections.next_id.fetch_add(1, Ordering::Relaxed);
        let handle = Handle { socket: Arc::new(socket), wake: Arc::default() };
        open.all.insert(id, handle.clone());
        *open.of_address.entry(address).or_default() += 1;
        Some(Entry { id, handle, peer, site: site.clone(), broker: broker.clone() })
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub fn site(&self) -> &Site {
        &self.site
    }

    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    pub fn socket(&self) -> &TcpStream {
        &self.handle.socket
    }

    pub fn wake(&self) -> Arc<WaitCell> {
        self.handle.wake.clone()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let connections = &self.broker.connections;
        let mut open = connections.open.hold();
        open.all.remove(&self.id);
        let address = self.peer.ip().to_canonical();
        if let Some(count) = open.of_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.of_address.remove(&address);
            }
        }
        connections.closed.notify_all();
    }
}

/// How many connections there may be; read before the table is locked.
struct Most {
    all: usize,
    descriptors: usize,
    of_address: usize,
}

impl Most {
    fn of(config: &Config, descriptors: usize, address: IpAddr) -> Most {
        let most = |key| usize::try_from(config.int(key)).expect("checked when it was set");
        let overrides = counts(config.text("max.connections.per.ip.overrides")).expect("checked when it was set");
        let own = overrides.iter().find(|(known, _)| *known == address).map(|(_, count)| *count as usize);
        let of_address = own.unwrap_or_else(|| most("max.connections.per.ip"));
        Most { all: most("max.connections"), descriptors, of_address }
    }
}

impl Table {
    /// The limit that one connection more from this address would pass, and how many are there.
    fn reached(&self, most: &Most, address: IpAddr) -> Option<(&'static Limit, usize)> {
        let mine = self.of_address.get(&address).copied().unwrap_or(0);
        let limits = [
            (&limits::CONNECTIONS, self.all.len(), most.all),
            (&limits::OPEN_FILES, self.all.len(), most.descriptors),
            (&limits::CONNECTIONS_PER_ADDRESS, mine, most.of_address),
        ];
        limits.into_iter().find(|(_, now, most)| now >= most).map(|(limit, now, _)| (limit, now))
    }
}
