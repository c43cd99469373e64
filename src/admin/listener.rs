//! The admin listener's socket and its one thread, which serves all its connections in turn.
//!
//! Always true: the thread sleeps in one `poll(2)` until a connection, a byte, a deadline or the stop comes, or [`TAP`] is over while somebody taps. At most
//! [`CONNECTIONS_MAX`] are open; for one more the quiet one that would end first makes room, and while none is quiet
//! the next one waits to be accepted.
//! Not done: no answer is made here ([`super::Pages`] makes them), and a slow page keeps the others waiting.

use std::io::{self, PipeReader, PipeWriter};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::admin::connection::{Connection, Next};
use crate::admin::Pages;
use crate::base::{Error, Result};
use crate::config::address::Address;
use crate::config::{Config, Source};
use crate::os::poll::{self, Interest};
use crate::os::threads;
use crate::server::Broker;

const KEY: &str = "admin.listener";
/// A browser opens up to six.
const CONNECTIONS_MAX: usize = 16;
/// How often a tap gets what has come together.
const TAP: Duration = Duration::from_millis(50);
/// How long to wait after an accept that failed for want of something.
const PAUSE: Duration = Duration::from_millis(50);

/// A socket that is bound, and nobody serves yet.
pub struct Bound {
    socket: TcpListener,
    address: SocketAddr,
    /// The host as the configuration names it.
    host: String,
}

/// The thread that serves.
pub struct Admin {
    /// Its end tells the thread to stop.
    stop: PipeWriter,
    thread: JoinHandle<()>,
}

/// Binds what `admin.listener` says; `None` when there is to be no page.
///
/// Without a word about it there is none beside listeners that pick their ports, as tests have them, and none when
/// somebody else has the default port: two brokers on one machine are nothing unusual.
pub fn bind(config: &Config) -> Result<Option<Bound>> {
    let text = config.text(KEY);
    let is_default = config.source(KEY) == Source::Default;
    let picks_ports = config.text("listeners").split(',').all(|listener| listener.trim().ends_with(":0"));
    if text.is_empty() || (is_default && picks_ports) {
        return Ok(None);
    }
    let endpoint = Address::parse(text)?.endpoint;
    let bound = TcpListener::bind((endpoint.host.as_str(), endpoint.port));
    match bound.and_then(|socket| Ok((socket.local_addr()?, socket))) {
        Ok((address, socket)) => Ok(Some(Bound { socket, address, host: endpoint.host })),
        Err(error) if is_default => {
            note!(
                Warn,
                "no_admin_page",
                [address = text],
                "no page and no metrics: {error}; {KEY} chooses another address"
            );
            Ok(None)
        }
        Err(error) => {
            let mend = format!("choose another address with {KEY}, or leave it empty for no page and no metrics");
            Err(Error::unusable(format!("{KEY}: cannot listen on {text}: {error}"), mend))
        }
    }
}

impl Bound {
    /// Starts to serve, and says where.
    /// `bootstrap` is where clients find the broker.
    pub fn serve(self, broker: Arc<Broker>, bootstrap: SocketAddr) -> Result<Admin> {
        let failed = |error: io::Error| Error::unusable(format!("{KEY}: cannot serve"), error.to_string());
        self.socket.set_nonblocking(true).map_err(failed)?;
        let (stopped, stop) = io::pipe().map_err(failed)?;
        let address = self.address;
        let serve = move || self.serve_until(&stopped, Pages::new(broker, bootstrap));
        let thread = threads::start("admin", threads::STACK_BYTES, serve).map_err(failed)?;
        note!(Info, "admin_page", [page = format_args!("http://{address}/")], "metrics are at /metrics");
        Ok(Admin { stop, thread })
    }

    fn serve_until(&self, stopped: &PipeReader, mut pages: Pages) {
        let mut connections: Vec<Connection> = Vec::new();
        loop {
            let accepts = connections.len() < CONNECTIONS_MAX || connections.iter().any(Connection::is_quiet);
            let mut wanted = vec![(stopped.as_fd(), Interest::Read)];
            wanted.extend(connections.iter().map(Connection::interest));
            if accepts {
                wanted.push((self.socket.as_fd(), Interest::Read));
            }
            let soonest = connections.iter().map(Connection::deadline).min();
            let mut timeout = soonest.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if connections.iter().any(Connection::is_tap) {
                timeout = Some(timeout.unwrap_or(TAP).min(TAP));
            }
            let Ok(ready) = poll::wait(&wanted, timeout) else { return };
            if ready[0] {
                return;
            }
            let now = Instant::now();
            let mut ready = ready.into_iter().skip(1);
            connections.retain_mut(|connection| {
                let is_ready = ready.next().unwrap_or(false) || connection.is_tap();
                let mut respond = |request: &_| pages.respond(request);
                let ends = is_ready && connection.go_on(&self.host, &mut respond, now) == Next::End;
                !ends && now < connection.deadline()
            });
            if ready.next().unwrap_or(false) {
                self.accept(&mut connections, now);
            }
        }
    }

    fn accept(&self, connections: &mut Vec<Connection>, now: Instant) {
        match self.socket.accept().and_then(|(socket, _)| Connection::new(socket, now)) {
            Ok(connection) => {
                if connections.len() >= CONNECTIONS_MAX {
                    let quiet = (0..connections.len()).filter(|i| connections[*i].is_quiet());
                    if let Some(first) = quiet.min_by_key(|i| connections[*i].deadline()) {
                        connections.swap_remove(first);
                    }
                }
                connections.push(connection);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted) => {}
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

impl Admin {
    /// Ends serving, whatever is on its way.
    pub fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}
