//! What a run is asked to do: the command line.
//!
//! Always true: a number that makes no sense (no records in a batch, no connections) counts as one.

use std::collections::HashMap;
use std::time::Duration;

use crate::Result;

pub const USAGE: &str = "Usage: load produce|fetch|wait|create|delete|ready|port [options]

produce   creates the topic if need be, and sends batches to its partitions in turn
fetch     reads a topic that was produced before
wait      opens connections that wait in a fetch each, and wakes them with one record
create    only creates the topic
delete    deletes the topic
ready     waits until the broker has answered a request
port      prints a port that is free";

/// Name, default, what it is.
const OPTIONS: &[(&str, &str, &str)] = &[
    ("bootstrap", "127.0.0.1:9092", "the broker"),
    ("topic", "load", "the topic's name"),
    ("partitions", "1", "partitions of the topic"),
    ("connections", "1", "connections, each with its own share of the partitions"),
    ("record-bytes", "100", "bytes of a record's value"),
    ("batch-records", "1000", "records in a batch"),
    ("request-batches", "1", "batches in a request, each for another partition"),
    ("in-flight", "5", "requests that a connection sends ahead of the answers"),
    ("acks", "1", "0, 1 or all"),
    ("fetch-bytes", "1048576", "the most that one fetch asks for"),
    ("bytes", "500000000", "stop after this many bytes of batches"),
    ("seconds", "60", "stop earlier, after this long"),
    ("pid", "0", "the broker's process, to report its CPU time and memory"),
];

pub struct Plan {
    pub work: String,
    pub bootstrap: String,
    pub topic: String,
    /// Configs of the topic, `KEY=VALUE`.
    pub topic_configs: Vec<String>,
    pub partitions: i32,
    pub connections: i32,
    pub record_bytes: usize,
    pub batch_records: usize,
    pub request_batches: usize,
    /// Build the batches of each request while the clock runs.
    pub fresh: bool,
    /// Count the first batch of each partition too, which makes files.
    pub at_once: bool,
    pub in_flight: usize,
    pub acks: i16,
    pub fetch_bytes: i32,
    /// Fetch at random offsets instead of one after the other.
    pub random: bool,
    pub bytes: u64,
    pub time: Duration,
    pub pid: u32,
}

impl Plan {
    pub fn from_command_line() -> Result<Plan> {
        let mut options = getopts::Options::new();
        for (name, default, what) in OPTIONS {
            options.optopt("", name, &format!("{what} ({default})"), "");
        }
        options.optmulti("", "topic-config", "a config of the topic, when it is created", "KEY=VALUE");
        options.optflag("", "fresh", "build the batches of each request while the clock runs");
        options.optflag("", "at-once", "start the clock before the first batch of each partition");
        options.optflag("", "random", "fetch at random offsets");
        let found = options.parse(std::env::args().skip(1))?;
        let defaults: HashMap<_, _> = OPTIONS.iter().map(|(name, default, _)| (*name, *default)).collect();
        let text = |name: &str| found.opt_str(name).unwrap_or(defaults[name].to_string());
        let number =
            |name: &str| text(name).parse::<i32>().map_err(|_| format!("--{name} {}: not a number", text(name)));
        let count = |name: &str| number(name).map(|number| number.max(1) as usize);
        Ok(Plan {
            work: found.free.first().cloned().ok_or_else(|| options.usage(USAGE))?,
            bootstrap: text("bootstrap"),
            topic: text("topic"),
            topic_configs: found.opt_strs("topic-config"),
            partitions: number("partitions")?.max(1),
            connections: number("connections")?.max(1),
            record_bytes: count("record-bytes")?,
            batch_records: count("batch-records")?,
            request_batches: count("request-batches")?,
            fresh: found.opt_present("fresh"),
            in_flight: count("in-flight")?,
            acks: if text("acks") == "all" { -1 } else { number("acks")? as i16 },
            fetch_bytes: number("fetch-bytes")?,
            at_once: found.opt_present("at-once"),
            random: found.opt_present("random"),
            bytes: text("bytes").parse()?,
            time: Duration::from_secs(number("seconds")?.max(1) as u64),
            pid: number("pid")?.max(0) as u32,
        })
    }
}
