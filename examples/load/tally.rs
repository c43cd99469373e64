//! What the connections of a run did, and the line that says so.
//!
//! ```text
//! records/s=  MB/s=  wire_MB/s=  p50_us=  p99_us=  p99.9_us=  max_us=
//! requests/s=  requests=  records=  wire_bytes=  seconds=
//! and of a broker on this machine, if its process is named:  cpu_s/GB=  own_cpu_s/GB=  rss_MB=  rss_max_MB=
//! ```
//!
//! MB/s is 10^6 bytes of record values in a second. wire_MB/s counts what crosses the wire in the direction of the
//! load: whole requests to produce, whole answers to fetch, sizes included. A GB of cpu_s/GB is 10^9 such bytes;
//! own_cpu_s/GB is the processor time of the load generator.
//!
//! Always true: a request's latency runs from before its first byte is sent until its answer has been read.

use std::time::Instant;

use crate::plan::Plan;
use crate::process::{cpu_seconds, memory};
use crate::Result;

/// What one connection did.
pub struct Tally {
    pub began: Instant,
    pub ended: Instant,
    pub records: u64,
    /// Of whole batches.
    pub batch_bytes: u64,
    pub wire_bytes: u64,
    /// Tenths of a microsecond.
    latencies: Vec<u32>,
}

impl Tally {
    pub fn new() -> Tally {
        let now = Instant::now();
        Tally { began: now, ended: now, records: 0, batch_bytes: 0, wire_bytes: 0, latencies: Vec::new() }
    }

    /// So that no request's latency is that of growing the list of latencies.
    pub fn make_room(&mut self, requests: u64) {
        self.latencies.reserve(requests.min(1_000_000) as usize);
    }

    pub fn goes_on(&self, plan: &Plan) -> bool {
        self.batch_bytes < plan.bytes / plan.connections as u64 && self.began.elapsed() < plan.time
    }

    pub fn add(&mut self, records: u64, batch_bytes: u64, wire_bytes: u64) {
        self.records += records;
        self.batch_bytes += batch_bytes;
        self.wire_bytes += wire_bytes;
    }

    pub fn answered(&mut self, began: Instant) {
        self.latencies.push((began.elapsed().as_nanos() / 100) as u32);
    }
}

/// The broker's process at the start of a run, if there is one on this machine.
pub struct Broker {
    pid: u32,
    cpu_before: f64,
    own_cpu_before: f64,
}

impl Broker {
    pub fn at_start(pid: u32) -> Result<Option<Broker>> {
        match pid {
            0 => Ok(None),
            pid => {
                let (cpu_before, own_cpu_before) = (cpu_seconds(pid)?, cpu_seconds(std::process::id())?);
                Ok(Some(Broker { pid, cpu_before, own_cpu_before }))
            }
        }
    }

    pub fn words(&self, wire_bytes: u64) -> Result<String> {
        let per_gb = |seconds: f64| seconds / wire_bytes as f64 * 1e9;
        let cpu = per_gb(cpu_seconds(self.pid)? - self.cpu_before);
        let own_cpu = per_gb(cpu_seconds(std::process::id())? - self.own_cpu_before);
        Ok(format!(" cpu_s/GB={cpu:.3} own_cpu_s/GB={own_cpu:.3}{}", memory_words(self.pid)?))
    }
}

pub fn memory_words(pid: u32) -> Result<String> {
    let memory = memory(pid)?;
    Ok(format!(" rss_MB={:.1} rss_max_MB={:.1}", memory.rss as f64 / 1e6, memory.rss_max as f64 / 1e6))
}

pub fn line(plan: &Plan, all: &[Tally], broker: Option<Broker>) -> Result<String> {
    let began = all.iter().map(|tally| tally.began).min().ok_or("no connection")?;
    let ended = all.iter().map(|tally| tally.ended).max().ok_or("no connection")?;
    let seconds = (ended - began).as_secs_f64();
    let records: u64 = all.iter().map(|tally| tally.records).sum();
    let wire_bytes: u64 = all.iter().map(|tally| tally.wire_bytes).sum();
    let mb_s = (records * plan.record_bytes as u64) as f64 / 1e6 / seconds;
    let (records_s, wire_mb_s) = (records as f64 / seconds, wire_bytes as f64 / 1e6 / seconds);
    let mut latencies: Vec<u32> = all.iter().flat_map(|tally| &tally.latencies).copied().collect();
    latencies.sort_unstable();
    let requests = latencies.len();
    let at = |share: f64| {
        let place = (requests.max(1) - 1) as f64 * share;
        f64::from(latencies.get(place as usize).copied().unwrap_or(0)) / 10.0
    };
    let requests_s = requests as f64 / seconds;
    let (p50, p99, p999, max) = (at(0.5), at(0.99), at(0.999), at(1.0));
    let broker = broker.map_or(Ok(String::new()), |broker| broker.words(wire_bytes))?;
    Ok(format!(
        "records/s={records_s:.0} MB/s={mb_s:.2} wire_MB/s={wire_mb_s:.2} p50_us={p50} p99_us={p99} p99.9_us={p999} \
         max_us={max} requests/s={requests_s:.0} requests={requests} records={records} wire_bytes={wire_bytes} seconds={seconds:.3}{broker}"
    ))
}
