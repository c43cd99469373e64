//! Clients that were told an advertised address and did not come back: the commonest fault of a configuration, which
//! clients themselves report as a timeout at best.
//!
//! A client asks for metadata on a first connection and then opens another, to the address that it was told. If that
//! address leads nowhere from where the client is, the first connection stays open and idle. So a client is stranded
//! when, 10 s after it was told an address that is not the one it dialled, that connection is still open, and nobody
//! has connected from its host or asked for anything but metadata since.
//!
//! Always true: one line an hour for each listener and client host at the most, none for a host that came back, and
//! none for a client that only looks around and goes (`kcat -L`). Costs nothing while no such client is waited for but
//! the look at a counter. At most 1,024 hosts are remembered.
//! Not done: a client that gives up its first connection is missed, and so is one whose dialled address something on
//! the way translated without anything being advertised: from here it looks like one that has nothing to do.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::base::lock::Hold;
use crate::base::sync::Mutex;
use crate::config::address::Endpoint;
use crate::server::connections::Client;
use crate::server::wait::WaitCell;
use crate::wire::ApiKey;

/// How long a client has to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing more is said of a host.
const SILENCE: Duration = Duration::from_secs(3600);
const HOSTS_MAX: usize = 1024;

/// What a client asks before it knows where to go, on whatever connection it has.
const ASKED_ANYWHERE: &[ApiKey] = &[
    ApiKey::API_VERSIONS,
    ApiKey::METADATA,
    ApiKey::FIND_COORDINATOR,
    ApiKey::INIT_PRODUCER_ID,
    ApiKey::DESCRIBE_CLUSTER,
];

#[derive(Default)]
pub struct Stranded {
    /// How many hosts are waited for.
    waiting: AtomicUsize,
    /// A leaf.
    hosts: Mutex<Hosts>,
}

#[derive(Default)]
struct Hosts {
    /// By host and listener: who was told where to go.
    told: HashMap<Key, Told>,
    /// Those that came back, or of whom it was said that they did not, and when.
    settled: HashMap<Key, Instant>,
}

type Key = (IpAddr, String);

struct Told {
    at: Instant,
    dialled: SocketAddr,
    advertised: Endpoint,
    /// Lives as long as the connection.
    connection: Weak<WaitCell>,
}

impl Client {
    /// The address that this client is told to come back to: the one it dialled, unless the configuration knows better.
    pub fn advertised(&self) -> Endpoint {
        let dialled = Endpoint::from(self.local);
        let Some(advertised) = self.site.advertised.clone() else { return dialled };
        if advertised != dialled {
            let listener = &self.site.address.listener;
            let told = Told {
                at: Instant::now(),
                dialled: self.local,
                advertised: advertised.clone(),
                connection: Arc::downgrade(&self.wake),
            };
            self.broker.stranded.tell((host(self.peer), listener.clone()), told);
        }
        advertised
    }

    /// Notes a request: one that goes to a broker the client knows shows that it came back.
    pub fn note_request(&self, api: ApiKey) {
        if self.broker.stranded.is_waiting() && !ASKED_ANYWHERE.contains(&api) {
            self.broker.stranded.came_back(self.peer);
        }
    }
}

fn host(peer: SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}

impl Stranded {
    fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn tell(&self, key: Key, told: Told) {
        let mut hosts = self.hosts.hold();
        let is_full = hosts.told.len() + hosts.settled.len() >= HOSTS_MAX;
        if !is_full && !hosts.settled.contains_key(&key) && !hosts.told.contains_key(&key) {
            hosts.told.insert(key, told);
            self.waiting.store(hosts.told.len(), Ordering::Relaxed);
        }
    }

    /// Somebody connected from there, or asked for something that only a broker it knows is asked for.
    pub fn came_back(&self, peer: SocketAddr) {
        if !self.is_waiting() {
            return;
        }
        let (host, mut hosts) = (host(peer), self.hosts.hold());
        let Hosts { told, settled } = &mut *hosts;
        let back = told.extract_if(|(from, _), _| *from == host);
        settled.extend(back.map(|(key, told)| (key, told.at)));
        self.waiting.store(told.len(), Ordering::Relaxed);
    }

    /// What is to be said of those whose time is up.
    pub fn overdue(&self, now: Instant) -> Vec<String> {
        let mut hosts = self.hosts.hold();
        hosts.settled.retain(|_, at| now.saturating_duration_since(*at) < SILENCE);
        let is_due = |_: &Key, told: &mut Told| now.saturating_duration_since(told.at) >= PATIENCE;
        let due: Vec<_> = hosts.told.extract_if(is_due).collect();
        self.waiting.store(hosts.told.len(), Ordering::Relaxed);
        let mut lines = Vec::new();
        for (key, told) in due.into_iter().filter(|(_, told)| told.connection.strong_count() > 0) {
            let ((host, listener), Told { dialled, advertised, .. }) = (&key, &told);
            lines.push(format!(
                "a client at {host} dialled {dialled} (listener {listener}), was told to come back to {advertised}, and did \
                 not: if it cannot reach that address, change advertised.listeners"
            ));
            hosts.settled.insert(key, now);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "192.0.2.7:50000";

    fn tell(stranded: &Stranded, peer: &str, at: Instant) -> Arc<WaitCell> {
        let connection = Arc::<WaitCell>::default();
        let told = Told {
            at,
            dialled: "192.0.2.1:9092".parse().unwrap(),
            advertised: Endpoint { host: "broker.example".to_string(), port: 9092 },
            connection: Arc::downgrade(&connection),
        };
        stranded.tell((host(peer.parse().unwrap()), "PLAINTEXT".to_string()), told);
        connection
    }

    #[test]
    fn who_stays_and_does_not_come_back_is_told_of_once_an_hour() {
        let (stranded, start) = (Stranded::default(), Instant::now());
        let connection = tell(&stranded, PEER, start);
        assert!(stranded.overdue(start + PATIENCE / 2).is_empty());
        let lines = stranded.overdue(start + PATIENCE);
        assert_eq!(lines.len(), 1);
        for part in ["192.0.2.7 ", "192.0.2.1:9092", "PLAINTEXT", "broker.example:9092", "advertised.listeners"] {
            assert!(lines[0].contains(part), "no {part:?} in {lines:?}");
        }
        let again = tell(&stranded, "192.0.2.7:50001", start + PATIENCE);
        assert!(stranded.overdue(start + PATIENCE * 3).is_empty(), "one line an hour");
        assert!(!stranded.is_waiting());
        stranded.overdue(start + PATIENCE + SILENCE);
        let later = tell(&stranded, PEER, start + PATIENCE + SILENCE);
        assert_eq!(stranded.overdue(start + PATIENCE * 2 + SILENCE).len(), 1);
        drop((connection, again, later));
    }

    #[test]
    fn who_comes_back_or_leaves_is_not_told_of() {
        let (stranded, start) = (Stranded::default(), Instant::now());
        let back = tell(&stranded, PEER, start);
        stranded.came_back("[::ffff:192.0.2.7]:50001".parse().unwrap());
        drop(tell(&stranded, "192.0.2.8:50000", start));
        let other = tell(&stranded, "192.0.2.9:50000", start);
        stranded.came_back("192.0.2.10:1".parse().unwrap());
        let lines = stranded.overdue(start + PATIENCE);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("192.0.2.9"), "{lines:?}");
        drop((back, other));
    }

    #[test]
    fn only_so_many_hosts_are_remembered() {
        let (stranded, start) = (Stranded::default(), Instant::now());
        let tell = |i: usize| tell(&stranded, &format!("10.0.{}.{}:1", i / 256, i % 256), start);
        let connections: Vec<_> = (0..HOSTS_MAX * 2).map(tell).collect();
        assert_eq!(stranded.overdue(start + PATIENCE).len(), HOSTS_MAX);
        assert_eq!(stranded.hosts.lock().unwrap().settled.len(), HOSTS_MAX);
        drop(connections);
    }
}
