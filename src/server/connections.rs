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

use crate::base::limits;
use crate::base::lock::{Hold, Sleep};
use crate::base::sync::{Condvar, Mutex};
use crate::config::sites::Site;
use crate::config::{counts, Config};
use crate::partition::Wake;
use crate::server::wait::WaitCell;
use crate::server::Broker;

/// The connections that are open, so that a stop can reach them.
#[derive(Default)]
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
        Connections { descriptors, ..Connections::default() }
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
struct Handle {
    socket: Arc<TcpStream>,
    wake: Arc<WaitCell>,
}

/// A client that was let in, and over which socket. Its place in the table goes with it, also when its thread panics.
pub struct Client {
    id: u64,
    pub socket: Arc<TcpStream>,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    /// The listener that it came in by.
    pub site: Arc<Site>,
    /// What wakes this connection out of a wait.
    pub wake: Arc<WaitCell>,
    pub broker: Arc<Broker>,
}

impl Client {
    /// Takes a place, if there is one left.
    pub fn enter(broker: &Arc<Broker>, socket: TcpStream, peer: SocketAddr, site: &Arc<Site>) -> Option<Client> {
        let connections = &broker.connections;
        broker.stranded.came_back(peer);
        let local = socket.local_addr().expect("a socket that is open has an address");
        let address = peer.ip().to_canonical();
        let (all_max, of_address_max) = most(&broker.topics.config(), address);
        let mut open = connections.open.hold();
        let (all, of_address) = (open.all.len(), open.of_address.get(&address).copied().unwrap_or(0));
        let limits = [
            (&limits::CONNECTIONS, all, all_max),
            (&limits::OPEN_FILES, all, connections.descriptors),
            (&limits::CONNECTIONS_PER_ADDRESS, of_address, of_address_max),
        ];
        if let Some((limit, count, _)) = limits.iter().find(|(_, now, most)| now >= most) {
            drop(open);
            limit.hit();
            let key = limit.key;
            note!(Warn, "connection_refused", [client = peer], "{count} are open, as many as {key} allows");
            return None;
        }
        let id = connections.next_id.fetch_add(1, Ordering::Relaxed);
        let (socket, wake) = (Arc::new(socket), Arc::<WaitCell>::default());
        open.all.insert(id, Handle { socket: socket.clone(), wake: wake.clone() });
        *open.of_address.entry(address).or_default() += 1;
        Some(Client { id, socket, peer, local, site: site.clone(), wake, broker: broker.clone() })
    }
}

impl Drop for Client {
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

/// How many connections there may be: of all clients, and of this address.
fn most(config: &Config, address: IpAddr) -> (usize, usize) {
    let most = |key| usize::try_from(config.int(key)).expect("checked when it was set");
    let overrides = counts(config.text("max.connections.per.ip.overrides")).expect("checked when it was set");
    let own = overrides.iter().find(|(known, _)| *known == address).map(|(_, count)| *count as usize);
    (most("max.connections"), own.unwrap_or_else(|| most("max.connections.per.ip")))
}
