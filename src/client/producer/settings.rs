//! A producer's settings, under Kafka's names.
//!
//! Always true: a name and a default that Kafka's producer has mean here what they mean there; a name that is not known
//! is refused.
//! Not done: no transactions; compression is left to producers that have codecs.

use crate::client::error::{Error, Result};
use crate::client::settings::{itself, out_of_range, settings, ClientSettings, Value};

/// When a record counts as sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acks {
    /// When it has left; nobody answers, and what is lost is not noticed.
    None,
    /// When the leader has written it.
    Leader,
    /// When it is durable: flushed, or on all replicas that are in sync.
    All,
}

impl Value for Acks {
    itself!();
    const WANTED: &'static str = "0, 1 or all";
    fn parse(text: &str) -> Option<Acks> {
        match text {
            "0" => Some(Acks::None),
            "1" => Some(Acks::Leader),
            "all" | "-1" => Some(Acks::All),
            _ => None,
        }
    }
}

impl Acks {
    pub(super) fn number(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

settings! {
    /// How a producer batches, waits and tries again.
    ProducerSettings, and client: ClientSettings;
    /// when a record counts as sent. Anything but `all` turns idempotence off.
    acks: Acks = Acks::All, "acks";
    /// bytes of a batch, header included; a larger record gets a batch of its own.
    batch_size: usize = 16_384, "batch.size";
    /// how long a batch waits for more records before it leaves, if it is not full.
    linger_ms: u64 = 5, "linger.ms";
    /// bytes of all batches that have not been answered; `send` waits while they are used up.
    buffer_memory: usize = 32 << 20, "buffer.memory";
    /// how long `send` may wait for memory, or for the partitions of a topic that it has not seen before.
    max_block_ms: u64 = 60_000, "max.block.ms";
    /// bytes of a request; a larger record is refused.
    max_request_size: usize = 1 << 20, "max.request.size";
    /// requests that a broker may owe answers for.
    max_in_flight: usize = 5, "max.in.flight.requests.per.connection";
    /// how long a record may take from `send` to its answer, with all that is tried again.
    delivery_timeout_ms: u64 = 120_000, "delivery.timeout.ms";
    /// how often a batch is sent again; the time above usually ends it first.
    retries: i32 = i32::MAX, "retries";
    /// let the broker notice batches that come twice or out of order.
    enable_idempotence: bool = true, "enable.idempotence";
}

/// Batches of a partition in flight whose order a broker can check: it remembers as many.
pub(super) const IDEMPOTENT_IN_FLIGHT_MAX: usize = 5;

impl ProducerSettings {
    pub fn new(bootstrap_servers: impl Into<String>) -> ProducerSettings {
        let client = ClientSettings::new(bootstrap_servers);
        ProducerSettings { client, ..Default::default() }
    }

    pub(super) fn is_idempotent(&self) -> bool {
        self.enable_idempotence && self.acks == Acks::All
    }

    pub(super) fn check(&self) -> Result<()> {
        let in_flight = self.max_in_flight;
        if in_flight == 0 || (self.is_idempotent() && in_flight > IDEMPOTENT_IN_FLIGHT_MAX) {
            let why = "it must be 1 to 5; more only with enable.idempotence=false";
            return Err(out_of_range("max.in.flight.requests.per.connection", in_flight, why));
        }
        if self.max_request_size > i32::MAX as usize / 2 {
            return Err(out_of_range("max.request.size", self.max_request_size, "it must be 1 GiB or less"));
        }
        if self.buffer_memory < self.batch_bytes() {
            let why = format!("it must hold a batch of {} bytes at least", self.batch_bytes());
            return Err(Error::invalid(format!("buffer.memory={}", self.buffer_memory), why));
        }
        Ok(())
    }

    /// Bytes that a batch may grow to: no batch needs more than a request may have.
    pub(super) fn batch_bytes(&self) -> usize {
        self.batch_size.min(self.max_request_size)
    }
}
