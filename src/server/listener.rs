//! Listeners: they accept connections and hand each to a thread.
//!
//! Always true: an accept that fails (no descriptors left, a client that vanished) is tried again; the listener lives
//! until the stop. Beyond a limit ([`Client::enter`]) a new connection is closed with a log
//! line.
//! Not done: no encryption; and one thread for each listener accepts one connection at a time.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::{limits, Error, Result};
use crate::config::address::Endpoint;
use crate::config::sites::Site;
use crate::config::{Config, Source};
use crate::os::{panics, socket, threads};
use crate::server::connection;
use crate::server::connections::Client;
use crate::server::pool::Pool;
use crate::server::Broker;

/// Connections that the kernel keeps for us until we accept them.
const BACKLOG: i32 = 4096;
/// How long to wait after an accept that failed for want of something.
const PAUSE: Duration = Duration::from_millis(50);

pub struct Listener {
    site: Arc<Site>,
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Binds the addresses of these.
pub fn bind_all(config: &Config, sites: Vec<Arc<Site>>) -> Result<Vec<(TcpListener, Arc<Site>)>> {
    let is_default = config.source("listeners") == Source::Default;
    let mut bound = Vec::new();
    for site in sites {
        let endpoint = &site.address.endpoint;
        match bind(endpoint) {
            Ok(socket) => bound.push((socket, site)),
            // A host without IPv6 is served on its other loopback.
            Err(error) if is_default && !bound.is_empty() && error.kind() != io::ErrorKind::AddrInUse => {
                note!(Warn, "not_listening", [address = endpoint], "{error}");
            }
            Err(error) => {
                let mend = match error.kind() {
                    io::ErrorKind::AddrInUse => "stop what listens there, or choose another with --listen",
                    _ => "choose an address of this machine with --listen",
                };
                return Err(Error::unusable(format!("cannot listen on {endpoint}: {error}"), mend));
            }
        }
    }
    Ok(bound)
}

fn bind(endpoint: &Endpoint) -> io::Result<TcpListener> {
    let listener = match endpoint.host.as_str() {
        // All interfaces: a socket for IPv6 takes IPv4 as well, where there is IPv6.
        "" => TcpListener::bind(("::", endpoint.port)).or_else(|error| match error.kind() {
            io::ErrorKind::AddrInUse => Err(error),
            _ => TcpListener::bind(("0.0.0.0", endpoint.port)),
        })?,
        host => TcpListener::bind((host, endpoint.port))?,
    };
    socket::set_backlog(&listener, BACKLOG)?;
    Ok(listener)
}

impl Listener {
    pub fn start(socket: TcpListener, site: Arc<Site>, broker: &Arc<Broker>, pool: &Arc<Pool>) -> Result<Listener> {
        let failed = |error: io::Error| Error::unusable("cannot start a listener", error.to_string());
        let address = socket.local_addr().map_err(failed)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let (broker, pool, stop, by) = (broker.clone(), pool.clone(), stopping.clone(), site.clone());
        let accept = move || accept_all(&socket, &by, &broker, &pool, &stop);
        let thread = threads::start("acceptor", threads::STACK_BYTES, accept).map_err(failed)?;
        Ok(Listener { site, address, stopping, thread })
    }

    pub fn name(&self) -> &str {
        &self.site.address.listener
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends accepting. A connection to ourselves wakes the thread out of `accept(2)`.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        // To Linux the address of all interfaces means the loopback here.
        if TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok() {
            let _ = self.thread.join();
        }
    }
}

fn accept_all(listener: &TcpListener, site: &Arc<Site>, broker: &Arc<Broker>, pool: &Arc<Pool>, stopping: &AtomicBool) {
    let mut is_failing = false;
    loop {
        let accepted = socket::accept(listener);
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok((socket, peer)) => {
                is_failing = false;
                panics::survive(|| {
                    if let Some(client) = Client::enter(broker, socket, peer, site) {
                        connection::start(client, pool);
                    }
                });
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if socket::is_out_of_descriptors(&error) {
                    limits::OPEN_FILES.hit();
                }
                if !std::mem::replace(&mut is_failing, true) {
                    note!(Error, "accept_failed", [], "cannot accept a connection, trying on: {error}");
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
}
