//! The limits of the broker, by the key that sets each, and how often they were hit.
//!
//! Always true: the log is told the key of one that is hit (`limit_hit`, or the event of a connection that ends by it; its
//! lines of one event are limited), and so is the client where the answer has room for a sentence: those to joins, syncs and
//! commits have room for a code only. What is refused takes no memory and changes nothing.
//! Not done: no limit is set here; each is compared where the thing happens.

use std::fmt::Display;

use super::metrics::Counter;
use super::{Error, ErrorCode};

pub struct Limit {
    pub key: &'static str,
    hits: Counter,
}

impl Limit {
    const fn new(key: &'static str) -> Limit {
        Limit { key, hits: Counter::new() }
    }

    /// Somebody was refused, or had to wait; the caller says so in the log.
    pub fn hit(&self) {
        self.hits.add(1);
    }

    pub fn hits(&self) -> u64 {
        self.hits.get()
    }

    /// Counts it, says it in the log, and is what the client is told.
    pub fn refuse(&self, code: ErrorCode, why: impl Display) -> Error {
        self.hit();
        note!(Warn, "limit_hit", [limit = self.key], "{why}");
        Error::rejected(code, format!("{why} ({})", self.key))
    }
}

macro_rules! limits {
    ($($name:ident = $key:literal,)*) => {
        $(pub static $name: Limit = Limit::new($key);)*
        pub static ALL: &[&Limit] = &[$(&$name),*];
    };
}

limits! {
    CONNECTIONS = "max.connections",
    CONNECTIONS_PER_ADDRESS = "max.connections.per.ip",
    OPEN_FILES = "RLIMIT_NOFILE",
    IDLE = "connections.max.idle.ms",
    REQUEST_BYTES = "socket.request.max.bytes",
    FIRST_REQUEST_BYTES = "first.request.max.bytes",
    BUDGET = "queued.max.request.bytes",
    BODY_PACE = "request.body.min.bytes.per.second",
    WRITE_TIMEOUT = "socket.write.timeout.ms",
    TOPICS = "max.topics",
    PARTITIONS = "max.partitions",
    PARTITIONS_PER_REQUEST = "max.partitions.per.request",
    GROUPS = "max.groups",
    GROUP_SIZE = "group.max.size",
    GROUP_BYTES = "group.max.bytes",
    GROUP_NAME_BYTES = "group.name.max.bytes",
    OFFSET_METADATA = "offset.metadata.max.bytes",
}
