//! `Admin`: topics, configs, groups and offsets, asked of whichever broker can answer.
//!
//! A call that names several things answers for [`Each`] of them; it fails as a whole only when nobody could be asked. What
//! can be repeated without harm (whatever reads, or sets a state) is tried again while a broker is away or a leader moves.
//!
//! ```
//! use sendlog::client::{Admin, ClientSettings, NewTopic, OffsetSpec};
//! # let home = tempfile::tempdir()?;
//! # let mut config = sendlog::config::Config::default();
//! # for (key, value) in [("listeners", "PLAINTEXT://127.0.0.1:0"), ("log.dirs", home.path().join("data").to_str().unwrap())] {
//! #     config.set(key, value, sendlog::config::Source::CommandLine)?;
//! # }
//! # let server = sendlog::server::Server::start(config, &[])?;
//! # let bootstrap = server.address().to_string();
//!
//! let mut admin = Admin::connect(ClientSettings::new(bootstrap))?;
//! admin.create_topic(&NewTopic::new("orders").partitions(3).config("retention.ms", "86400000"))?;
//! for topic in admin.list_topics()? {
//!     println!("{} has {} partitions", topic.name, topic.partitions.len());
//! }
//! let ends = admin.list_offsets(&[("orders", 0)], OffsetSpec::Latest)?;
//! assert_eq!(ends[0].1.as_ref().unwrap().offset, 0);
//! # server.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Always true: an error names what it is about.
//! Not done: ACLs, quotas and reassignments, which the broker does not have.

mod assignment;
mod brokers;
mod configs;
mod groups;
mod offsets;
mod topics;

use super::cluster::Cluster;
use super::error::{Error, Result};
use super::settings::ClientSettings;
use crate::base::TopicPartition;

pub use assignment::read_assignment;
pub(super) use assignment::{read_i32, read_text};
pub use brokers::{ClusterDescription, LogDir, LogDirPartition};
pub use configs::{ConfigEntry, ConfigOp, ConfigSource, Resource};
pub(super) use groups::{commit_offsets, committed_offsets};
pub use groups::{Committed, GroupDescription, GroupListing, GroupMember};
pub(super) use offsets::list_offsets;
pub use offsets::{ListedOffset, OffsetSpec};
pub use topics::{NewTopic, PartitionDescription, TopicDescription};

/// For each thing that was named, what became of it.
pub type Each<K, T> = Vec<(K, Result<T>)>;

pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// Reaches the first broker that answers.
    pub fn connect(settings: ClientSettings) -> Result<Admin> {
        let mut cluster = Cluster::new(settings)?;
        cluster.anyone()?;
        Ok(Admin { cluster })
    }
}

/// What a partition can be given as: a [`TopicPartition`], or a topic's name and a number.
pub trait AsPartition {
    fn partition(&self) -> TopicPartition;
}

impl AsPartition for TopicPartition {
    fn partition(&self) -> TopicPartition {
        self.clone()
    }
}

impl AsPartition for &TopicPartition {
    fn partition(&self) -> TopicPartition {
        (*self).clone()
    }
}

impl<T: AsRef<str>> AsPartition for (T, i32) {
    fn partition(&self) -> TopicPartition {
        TopicPartition { topic: self.0.as_ref().to_string(), partition: self.1 }
    }
}

/// Partitions by topic, each topic once, as requests have them.
pub(super) fn by_topic<T>(items: impl IntoIterator<Item = (TopicPartition, T)>) -> Vec<(String, Vec<(i32, T)>)> {
    let mut topics: Vec<(String, Vec<(i32, T)>)> = Vec::new();
    for (TopicPartition { topic, partition }, item) in items {
        match topics.iter_mut().find(|(name, _)| *name == topic) {
            Some((_, partitions)) => partitions.push((partition, item)),
            None => topics.push((topic, vec![(partition, item)])),
        }
    }
    topics
}

/// The one answer to a question about one thing.
fn only<K, T>(mut each: Each<K, T>, what: &str) -> Result<T> {
    let nothing = || {
        let (whom, why) = (String::from("the broker"), String::from("it says nothing about what was asked"));
        Error::Garbled { what: what.to_string(), whom, why }
    };
    each.pop().ok_or_else(nothing)?.1
}
