//! sendlog: a message broker for one machine that speaks Apache Kafka's protocol and keeps Kafka's files.
//!
//! It is written to be read. Four ideas make Kafka fast, and each sits in one place:
//!
//! 1. *Batches.* The producer's client packs records into a batch, the consumer's unpacks it; the broker checks and
//!    stamps 61 bytes of header in between: [`record`]. `--set batch.check=records` walks the records as well.
//! 2. *Sequential writes.* A partition is one file that is only appended to, rolled into segments, found again by
//!    sparse indexes: [`log`].
//! 3. *The page cache.* A write ends in memory that the kernel owns, fresh data is read from there, and durability is
//!    an explicit step: [`log::flush`]. `--set log.page.cache=drop` does without.
//! 4. *Zero copy.* A fetch hands pages of that cache to the socket with `sendfile(2)`: [`os::sendfile`], `response` in
//!    [`server`]. `--set fetch.path=copy` does without.
//!
//! From the bottom up, each module using only those before it (`tests/layering.rs` holds the table):
//!
//! * [`base`]: errors, offsets, ids
//! * [`faults`]: what tests make fail; in a usual build, nothing
//! * [`config`]: the table of keys, and the listeners that it asks for
//! * [`os`]: every syscall that the standard library lacks, every file operation, every `unsafe` line
//! * [`record`]: the bytes of a record batch
//! * [`wire`]: Kafka's protocol, one walk over the fields of each message
//! * [`tap`]: requests and answers, shown to whoever looks
//! * [`log`]: segments, indexes, recovery, group commit
//! * [`partition`]: a log, its leader epochs, and those who wait for it
//! * [`topic`]: the registry of topics, and the data directory
//! * [`group`]: consumer groups, and the offsets they commit
//! * [`client`]: the other side of a connection, and idea 1 as a sender sees it
//! * [`mirror`]: the topics of another broker, copied batch for batch
//! * [`server`]: sockets, threads, waits and clocks
//! * [`admin`]: metrics, health, and the page
//! * [`cli`]: the command line
//!
//! The README lists the spine, the files that one produce and one fetch pass through, in reading order.

#![deny(unsafe_code)]
// The documentation is for those who read the source: links to private items are wanted.
#![allow(rustdoc::private_intra_doc_links)]

#[macro_use]
pub mod base;
pub mod admin;
pub mod cli;
pub mod client;
pub mod config;
pub mod faults;
pub mod group;
pub mod log;
pub mod mirror;
pub mod os;
pub mod partition;
pub mod record;
#[cfg(all(test, sendlog_shuttle))]
mod schedules;
pub mod server;
pub mod tap;
pub mod topic;
pub mod wire;
