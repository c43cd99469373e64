//! A consumer's settings, under Kafka's names.
//!
//! Always true: a name and a default that Kafka's consumer has mean here what they mean there; a name that is not known
//! is refused.
//! Not done: what is about the connection alone is in [`crate::client::ClientSettings`].

use crate::client::error::{Error, Result};
use crate::client::settings::{itself, settings, ClientSettings, Value};

/// Where reading begins in a partition for which nothing is committed, or whose log has nothing at the offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetReset {
    Earliest,
    Latest,
    /// `poll` gives an error.
    None,
}

impl Value for OffsetReset {
    itself!();
    const WANTED: &'static str = "earliest, latest or none";
    fn parse(text: &str) -> Option<OffsetReset> {
        match text {
            "earliest" => Some(OffsetReset::Earliest),
            "latest" => Some(OffsetReset::Latest),
            "none" => Some(OffsetReset::None),
            _ => None,
        }
    }
}

/// Which records are read where producers write in transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
}

impl Value for Isolation {
    itself!();
    const WANTED: &'static str = "read_uncommitted or read_committed";
    fn parse(text: &str) -> Option<Isolation> {
        match text {
            "read_uncommitted" => Some(Isolation::ReadUncommitted),
            "read_committed" => Some(Isolation::ReadCommitted),
            _ => None,
        }
    }
}

settings! {
    /// What a consumer reads, how far ahead, and as whose member.
    ConsumerSettings, and client: ClientSettings;
    /// the group, for `subscribe` and `commit`.
    group_id: String = String::new(), "group.id";
    /// a name that a member keeps over a restart, so that its partitions wait for it; empty: none.
    group_instance_id: String = String::new(), "group.instance.id";
    /// where reading begins without a committed offset.
    auto_offset_reset: OffsetReset = OffsetReset::Latest, "auto.offset.reset";
    /// commit by itself what earlier polls gave.
    enable_auto_commit: bool = true, "enable.auto.commit";
    /// how often that is done.
    auto_commit_interval_ms: u64 = 5_000, "auto.commit.interval.ms";
    /// check each batch's checksum.
    check_crcs: bool = true, "check.crcs";
    /// which records of transactions are read.
    isolation_level: Isolation = Isolation::ReadUncommitted, "isolation.level";
    /// bytes that a broker waits for before it answers.
    fetch_min_bytes: i32 = 1, "fetch.min.bytes";
    /// how long it waits for them.
    fetch_max_wait_ms: u64 = 500, "fetch.max.wait.ms";
    /// bytes of an answer; a larger batch comes alone.
    fetch_max_bytes: i32 = 50 << 20, "fetch.max.bytes";
    /// bytes of an answer for one partition, and of what is fetched ahead for it.
    max_partition_fetch_bytes: i32 = 1 << 20, "max.partition.fetch.bytes";
    /// how long the group does without a sign of life.
    session_timeout_ms: u64 = 45_000, "session.timeout.ms";
    /// how often signs of life are sent.
    heartbeat_interval_ms: u64 = 3_000, "heartbeat.interval.ms";
    /// how long the group waits for the next `poll`.
    max_poll_interval_ms: u64 = 300_000, "max.poll.interval.ms";
}

impl ConsumerSettings {
    pub fn new(bootstrap_servers: impl Into<String>) -> ConsumerSettings {
        let client = ClientSettings::new(bootstrap_servers);
        ConsumerSettings { client, ..Default::default() }
    }

    pub(super) fn group(&self) -> Result<&str> {
        match self.group_id.as_str() {
            "" => Err(Error::invalid("a consumer without a group", "set group.id for it")),
            group => Ok(group),
        }
    }

    pub(super) fn instance(&self) -> Option<String> {
        Some(self.group_instance_id.clone()).filter(|id| !id.is_empty())
    }

    pub(super) fn isolation(&self) -> i8 {
        i8::from(self.isolation_level == Isolation::ReadCommitted)
    }
}
