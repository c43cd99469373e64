//! The client: what sends to a broker and reads from it, for programs and for the command line.
//!
//! Half of idea 1 lives here: a program hands over one record at a time, and what leaves is a batch.
//!
//! * [`Producer`]: takes records, sends batches; the accumulator is where they become that
//! * [`Consumer`]: fetches ahead, gives batches whose records are borrowed, shares topics out in a group
//! * [`Admin`]: topics, configs, groups, offsets
//!
//! Reading order: [`connection`], [`cluster`], [`admin`], [`producer`], [`consumer`].
//!
//! Always true: it speaks to any broker of Kafka's protocol, and takes the highest version of each request that both know;
//! an error says what was asked of whom and what to do.
//! Not done: no TLS, no SASL, no transactions.

pub mod admin;
pub(crate) mod cluster;
pub(crate) mod connection;
pub mod consumer;
mod error;
pub mod producer;
mod settings;

pub use admin::{
    Admin, AsPartition, ClusterDescription, Committed, ConfigEntry, ConfigOp, ConfigSource, Each, GroupDescription,
    GroupListing, GroupMember, ListedOffset, LogDir, LogDirPartition, NewTopic, OffsetSpec, PartitionDescription,
    Resource, TopicDescription,
};
pub use cluster::Node;
pub use consumer::{Batch, Consumer, ConsumerRecord, ConsumerSettings, Isolation, OffsetReset, Rebalance};
pub use error::{Error, Result};
pub use producer::{Acks, Delivered, Delivery, Header, Producer, ProducerSettings, Record};
pub use settings::ClientSettings;
