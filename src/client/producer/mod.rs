//! `Producer`: takes single records, sends batches.
//!
//! ```
//! use sendlog::client::{Producer, ProducerSettings, Record};
//! # let home = tempfile::tempdir()?;
//! # let mut config = sendlog::config::Config::default();
//! # for (key, value) in [("listeners", "PLAINTEXT://127.0.0.1:0"), ("log.dirs", home.path().join("data").to_str().unwrap())] {
//! #     config.set(key, value, sendlog::config::Source::CommandLine)?;
//! # }
//! # let server = sendlog::server::Server::start(config, &[])?;
//! # let bootstrap = server.address().to_string();
//!
//! let producer = Producer::new(ProducerSettings::new(bootstrap).linger_ms(20))?;
//! let delivery = producer.send(&Record::to("orders").key("customer-7").value("3 apples"))?;
//! for number in 0..10_000 {
//!     producer.send(&Record::to("orders").value(&format!("order {number}")))?;
//! }
//! producer.flush()?;
//! let delivered = delivery.wait()?;
//! println!("partition {}, offset {}", delivered.partition, delivered.offset);
//! producer.close()?;
//! # server.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `send` writes the record into its partition's batch and returns; it waits only for a topic's first record, until the
//! topic's partitions are known, and while all memory is used up. Threads may share a producer.
//!
//! Reading order: [`accumulator`], [`batch`], [`queue`], [`sender`], [`router`]; [`partitioner`] and [`delivery`] beside them.
//!
//! Always true: with idempotence, which is the default, each record is in the log once and in order, or its delivery is an
//! error; with an error it may be there or not.
//! Not done: no transactions, no compression.

mod accumulator;
mod batch;
mod bell;
mod delivery;
mod memory;
mod partitioner;
mod queue;
mod record;
mod router;
mod sender;
mod settings;

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::cluster::Cluster;
use super::error::{Error, Result};
use accumulator::Accumulator;
use router::Router;

pub use delivery::{Delivered, Delivery};
pub use partitioner::partition_of_key;
pub use record::{Header, Record};
pub use settings::{Acks, ProducerSettings};

pub struct Producer {
    accumulator: Arc<Accumulator>,
    router: Option<JoinHandle<()>>,
}

impl Producer {
    /// Checks the settings; brokers are asked when there is something to send.
    pub fn new(settings: ProducerSettings) -> Result<Producer> {
        settings.check()?;
        let cluster = Cluster::new(settings.client.clone())?;
        let accumulator = Arc::new(Accumulator::new(settings));
        let router = Router { accumulator: accumulator.clone(), cluster, senders: Vec::new() };
        let router = Builder::new().name(String::from("sendlog-route")).spawn(move || router.run());
        let router = router.map_err(|error| Error::invalid("starting a thread", error.to_string()))?;
        Ok(Producer { accumulator, router: Some(router) })
    }

    /// Takes a record, to be sent with others. An error means that it was not taken: it is too large, its partition does
    /// not exist, or `max.block.ms` passed before there was memory or the topic was found.
    #[inline]
    pub fn send(&self, record: &Record) -> Result<Delivery> {
        self.accumulator.append(record)
    }

    /// Sends what was taken so far without waiting for more, and waits for all answers. The error is the first of those
    /// that batches among them ended with.
    pub fn flush(&self) -> Result<()> {
        self.accumulator.flush()
    }

    /// Flushes, and ends the threads. A producer that is dropped does the same, and says nothing of errors.
    pub fn close(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let Some(router) = self.router.take() else { return Ok(()) };
        let flushed = self.accumulator.flush();
        self.accumulator.start_closing();
        let _ = router.join();
        flushed
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
