//! The server: sockets, threads, waits and clocks; what keeps the data is called with time as an argument.
//!
//! One acceptor for each listener, one blocking thread for each connection, taken from a pool of idle ones, and one thread
//! in the background that flushes and tidies up.
//!
//! Always true: memory is reserved before it is read into ([`budget`]); requests of one connection are executed and
//! answered in order ([`connection`]); a stop finishes what has arrived, then flushes.
//! Not done: no TLS, no authentication, no async runtime.
//!
//! Reading order: [`connection`], [`frames`], [`dispatch`], [`handlers::produce`], [`handlers::fetch`], [`response`].

mod background;
pub(crate) mod budget;
mod call;
mod connection;
mod connections;
pub(crate) mod copy_path;
pub(crate) mod counters;
mod dispatch;
mod frames;
mod handlers;
mod listener;
mod pool;
mod response;
mod stranded;
mod tap;
pub(crate) mod wait;

use std::net::TcpListener;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::base::metrics::set_clock;
use crate::base::Result;
use crate::config::address::Address;
use crate::config::sites::{self, Site};
use crate::config::Config;
use crate::group::state::Limits;
use crate::group::{GroupCoordinator, Now};
use crate::mirror::{Mirror, Target};
use crate::os::{fs, panics};
use crate::tap::Taps;
use crate::topic::wanted::WantedTopic;
use crate::topic::{graduate, TopicRegistry};

use background::Background;
use budget::Budget;
use connections::Connections;
use listener::Listener;
use response::FetchPath;
use stranded::Stranded;

/// How long a stop waits for requests that are being served.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Descriptors for whatever is neither a connection nor a log's file: listeners, the registry, the admin listener.
const OWN_FILES: usize = 64;

/// Partitions that a stop flushes at once: the kernel makes one flush of the disk out of several that wait for it.
const SYNCS_AT_ONCE: usize = 32;

/// What every thread of the server shares.
pub struct Broker {
    pub(crate) topics: Arc<TopicRegistry>,
    pub(crate) groups: Arc<GroupCoordinator>,
    settings: Settings,
    budget: Budget,
    pub(crate) connections: Connections,
    stranded: Stranded,
    pub(crate) mirror: Mirror,
    pub(crate) taps: Arc<Taps>,
}

/// The server's part of the configuration, parsed once.
struct Settings {
    node_id: i32,
    is_strict: bool,
    auto_creates_topics: bool,
    request_bytes_max: usize,
    frames: frames::Limits,
    write_timeout: Duration,
    fetch_bytes_max: u64,
    offset_metadata_max: usize,
    fetch_wait_max: Duration,
    fetch_path: FetchPath,
    prints_requests: bool,
    flushes_always: bool,
    flush_interval: Duration,
    checkpoint_interval: Duration,
    retention_interval: Duration,
}

/// Listeners that are bound, and nobody is accepted yet.
pub struct Bound {
    sockets: Vec<(TcpListener, Arc<Site>)>,
    /// Addresses that are a controller's.
    controllers: Vec<Address>,
}

/// A broker that serves.
pub struct Server {
    broker: Arc<Broker>,
    listeners: Vec<Listener>,
    background: Option<Background>,
}

impl Bound {
    /// Opens the data directory and starts to serve, in this order: nobody is accepted before everything is open.
    pub fn serve(self, config: Config, wanted: &[WantedTopic]) -> Result<Server> {
        set_clock(now_ns);
        panics::install();
        let settings = Settings::new(&config);
        let descriptors = share_open_files(config.int("max.connections"));
        let budget = Budget::new(config.int("queued.max.request.bytes"), settings.request_bytes_max);
        let topics = Arc::new(open_topics(config)?);
        // Offsets of topics that are gone go before a topic can have such a name again.
        let groups = Arc::new(open_groups(&topics)?);
        if let Err(error) = wanted.iter().try_for_each(|wanted| topics.provide(wanted)) {
            topics.close()?;
            return Err(error);
        }
        let mirror = Mirror::new(Target { topics: topics.clone(), groups: groups.clone(), now });
        let broker = Arc::new(Broker {
            topics,
            groups,
            settings,
            budget,
            connections: Connections::new(descriptors),
            stranded: Stranded::default(),
            mirror,
            taps: Arc::default(),
        });
        let background = Some(Background::start(broker.clone())?);
        let pool = pool::Pool::new();
        let listeners: Vec<_> = self
            .sockets
            .into_iter()
            .map(|(socket, site)| Listener::start(socket, site, &broker, &pool))
            .collect::<Result<_>>()?;
        for address in self.controllers {
            note!(Info, "not_listening", [address = address], "one broker needs no controller");
        }
        Ok(Server { broker, listeners, background })
    }
}

impl Server {
    /// Binds the listeners: a busy port is said before anything on the disk changes.
    pub fn bind(config: &Config) -> Result<Bound> {
        let (sites, controllers) = sites::parse(config)?;
        Ok(Bound { sockets: listener::bind_all(config, sites)?, controllers })
    }

    /// Binds, opens, serves; without the page, which the command line adds.
    pub fn start(config: Config, wanted: &[WantedTopic]) -> Result<Server> {
        Server::bind(&config)?.serve(config, wanted)
    }

    /// For those who show it.
    pub(crate) fn broker(&self) -> Arc<Broker> {
        self.broker.clone()
    }

    /// The first listener's address, with the port that was picked.
    pub fn address(&self) -> std::net::SocketAddr {
        self.listeners[0].address()
    }

    /// The other listeners' addresses, with the names of the listeners.
    pub fn more_addresses(&self) -> impl Iterator<Item = String> + '_ {
        self.listeners
            .iter()
            .skip(1)
            .map(|listener| format!("{}://{}", listener.name(), listener.address()))
    }

    /// Finishes what is in flight, once, and waits for that as long as [`STOP_GRACE`]; all is still open.
    pub(crate) fn finish(&mut self) {
        let Some(background) = self.background.take() else { return };
        self.listeners.drain(..).for_each(Listener::stop);
        self.broker.connections.stop(STOP_GRACE);
        background.stop();
        self.broker.mirror.halt();
    }

    /// The same, then flushes, and writes the clean-shutdown marker if all of that worked.
    pub fn stop(mut self) -> Result<()> {
        self.finish();
        self.broker.topics.close_with(&|jobs| pool::run_on(SYNCS_AT_ONCE, jobs))
    }
}

/// Does something to a data directory that nobody is served from: opened as for a start, and closed cleanly afterwards.
pub fn with_data<T>(config: Config, act: impl FnOnce(&TopicRegistry, &GroupCoordinator) -> Result<T>) -> Result<T> {
    set_clock(now_ns);
    share_open_files(0);
    let topics = TopicRegistry::open_with(config, &pool::run_all)?;
    let done = open_groups(&topics).and_then(|groups| act(&topics, &groups));
    let closed = topics.close_with(&|jobs| pool::run_on(SYNCS_AT_ONCE, jobs));
    done.and_then(|done| closed.map(|()| done))
}

/// Opens the data directory, to change it or not.
fn open_topics(config: Config) -> Result<TopicRegistry> {
    if config.flag("read.only") {
        fs::forbid_changes();
        return TopicRegistry::look_with(config, &pool::run_all);
    }
    let topics = TopicRegistry::open_with(config, &pool::run_all)?;
    graduate::warn_of_stale_metadata(topics.root());
    Ok(topics)
}

fn open_groups(topics: &TopicRegistry) -> Result<GroupCoordinator> {
    let (limits, retention_ms) = group_limits(&topics.config());
    GroupCoordinator::open(topics, limits, retention_ms, now())
}

impl Broker {
    pub(crate) fn is_stopping(&self) -> bool {
        self.connections.is_stopping()
    }
}

impl Settings {
    fn new(config: &Config) -> Settings {
        let ms = |name| Duration::from_millis(config.int(name).unsigned_abs());
        let number = |name| usize::try_from(config.int(name)).expect("checked when it was set");
        Settings {
            node_id: i32::try_from(config.int("node.id")).expect("checked when it was set"),
            is_strict: config.flag("strict"),
            auto_creates_topics: config.flag("auto.create.topics.enable") && !config.flag("read.only"),
            request_bytes_max: number("socket.request.max.bytes"),
            frames: frames::Limits {
                size_max: number("socket.request.max.bytes"),
                first_size_max: number("first.request.max.bytes"),
                idle_max: ms("connections.max.idle.ms"),
                bytes_per_second_min: number("request.body.min.bytes.per.second") as u64,
                grace: ms("request.body.grace.ms"),
            },
            write_timeout: ms("socket.write.timeout.ms"),
            fetch_bytes_max: number("fetch.max.bytes") as u64,
            offset_metadata_max: number("offset.metadata.max.bytes"),
            fetch_wait_max: ms("fetch.max.wait.ms.limit"),
            fetch_path: if config.text("fetch.path") == "copy" { FetchPath::Copy } else { FetchPath::Sendfile },
            prints_requests: config.flag("log.requests"),
            flushes_always: config.text("flush.mode") == "always",
            flush_interval: ms("flush.interval.ms"),
            retention_interval: ms("log.retention.check.interval.ms"),
            checkpoint_interval: ms("log.flush.offset.checkpoint.interval.ms"),
        }
    }
}

fn group_limits(config: &Config) -> (Limits, i64) {
    let number = |name| usize::try_from(config.int(name)).expect("checked when it was set");
    let limits = Limits {
        initial_delay_ms: config.int("group.initial.rebalance.delay.ms"),
        session_min_ms: config.int("group.min.session.timeout.ms"),
        session_max_ms: config.int("group.max.session.timeout.ms"),
        size_max: number("group.max.size"),
        bytes_max: number("group.max.bytes"),
        name_bytes_max: number("group.name.max.bytes"),
        groups_max: number("max.groups"),
    };
    (limits, config.int("offsets.retention.minutes") * 60_000)
}

/// Raises the limit of open files as far as it goes, and shares them out between the log's files and connections; how many
/// connections that leaves room for.
fn share_open_files(connections_max: i64) -> usize {
    let connections_max = usize::try_from(connections_max).expect("checked when it was set");
    let all = usize::try_from(crate::os::limits::raise_open_files()).unwrap_or(usize::MAX);
    // Half of what is left for the log's files at the most; a fetch may hold files beyond the cap for a moment.
    let for_files = (all.saturating_sub(connections_max).max(all / 4) / 2).max(64);
    crate::log::set_open_files_max(for_files);
    let left = all.saturating_sub(for_files + for_files / 2 + OWN_FILES).max(1);
    if left < connections_max {
        let key = "max.connections";
        note!(
            Info,
            "few_open_files",
            [limit = all],
            "{left} connections at the most, and not the {connections_max} of {key}"
        );
    }
    left
}

/// The broker's clock, for timestamps that it sets itself; ms since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// When the broker first looked at a clock.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Both clocks, for groups.
pub(crate) fn now() -> Now {
    Now { monotonic_ms: START.elapsed().as_millis() as i64, wall_ms: now_ms() }
}

/// ns on a clock that never goes back, for how long things take.
fn now_ns() -> u64 {
    START.elapsed().as_nanos() as u64
}
