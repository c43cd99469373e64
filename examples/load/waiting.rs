//! Connections that each wait in a fetch, woken by one record.
//!
//! Always true: one thread opens them, asks on each, waits for each; so both times are those of the last one.
//! connected_ms ends when each connection has had its first answer, woken_ms when each has had the record.

use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::plan::Plan;
use crate::requests::check_produced;
use crate::tally::memory_words;
use crate::Result;

/// How long it takes until all connections wait.
const SETTLE: Duration = Duration::from_secs(2);

pub fn wait(plan: &Plan) -> Result<String> {
    let batch = plan.batch(0);
    plan.create_topic(batch.len())?;
    let began = Instant::now();
    let open = |index| match began.elapsed() < plan.time {
        true => Connection::with_buffer(&plan.bootstrap, 256),
        false => Err(format!("{index} of {} were connected within {:?}", plan.connections, plan.time).into()),
    };
    let mut connections: Vec<_> = (0..plan.connections).map(open).collect::<Result<_>>()?;
    connections.iter_mut().try_for_each(|connection| connection.send(&plan.small_request()))?;
    connections.iter_mut().try_for_each(|connection| connection.receive().map(drop))?;
    let connected_ms = began.elapsed().as_millis();

    let mut producer = Connection::open(&plan.bootstrap)?;
    let log_end = plan.end_offsets(&mut producer)?[0];
    let request = plan.fetch_request(0, log_end, plan.time);
    connections.iter_mut().try_for_each(|connection| connection.send(&request))?;
    std::thread::sleep(SETTLE);
    let began = Instant::now();
    producer.send(&plan.produce_request(Vec::new(), &[0], |_| batch.clone()))?;
    connections.iter_mut().try_for_each(|connection| connection.receive().map(drop))?;
    let woken_ms = began.elapsed().as_millis();
    check_produced(producer.receive()?, 0)?;
    let memory = if plan.pid > 0 { memory_words(plan.pid)? } else { String::new() };
    Ok(format!("connections={} connected_ms={connected_ms} woken_ms={woken_ms}{memory}", plan.connections))
}
