//! The table of open connections: it counts them, and lets a stop reach them.
//!
//! Always true: a connection is in the table from before its thread starts until that thread has ended, also by a
//! panic. Beyond `max.connections` none is let in.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::partition::Wake;
use crate::server::counters::REFUSED;
use crate::server::sites::Site;
use crate::server::wait::WaitCell;
use crate::server::Broker;

/// The connections that are open, so that a stop can reach them.
#[derive(Default)]
pub struct Connections {
    /// Guards the table; a leaf.
    open: Mutex<HashMap<u64, Handle>>,
    closed: Condvar,
    next_id: AtomicU64,
    stopping: AtomicBool,
}

impl Connections {
    /// How many are open, and how many have ever been.
    pub fn counts(&self) -> (usize, u64) {
        (self.open.lock().unwrap().len(), self.next_id.load(Ordering::Relaxed))
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Wakes every wait, lets requests that have arrived finish within `grace`, then closes what is left.
    pub fn stop(&self, grace: Duration) {
        self.stopping.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + grace;
        let mut open = self.open.lock().unwrap();
        for handle in open.values() {
            let _ = handle.socket.shutdown(Shutdown::Read);
            handle.wake.wake();
        }
        while !open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                note!(Warn, "connections_cut", [count = open.len()], "they did not finish in time and are closed");
                open.values().for_each(|handle| drop(handle.socket.shutdown(Shutdown::Both)));
                return;
            }
            open = self.closed.wait_timeout(open, left).unwrap().0;
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
        let most = broker.topics.config().int("max.connections");
        let mut open = connections.open.lock().unwrap();
        let count = open.len();
        if count as i64 >= most {
            drop(open);
            REFUSED.add(1);
            note!(Warn, "connection_refused", [client = peer], "{count} are open, as many as max.connections allows");
            return None;
        }
        let id = connections.next_id.fetch_add(1, Ordering::Relaxed);
        let handle = Handle { socket: Arc::new(socket), wake: Arc::default() };
        open.insert(id, handle.clone());
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
        connections.open.lock().unwrap().remove(&self.id);
        connections.closed.notify_all();
    }
}
