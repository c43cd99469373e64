//! Part `restart`: a thousand partitions, killed while none of what they got was flushed; how long the next start takes.
//!
//! Always true: after each start every partition ends where the answers said, and its last record can be read.
//! Not done: what is read at the start is in the page cache still, as it is after a kill; after a power cut the disk comes
//! on top. A start that takes longer than [`WISHED`] is said, and breaks nothing: machines differ.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::broker::client::{batch_of_size, produce_many};
use crate::broker::{scratch, Broker, Client};
use crate::trial::{Outcome, Part, Trial};

pub const PART: Part = Part {
    name: "restart",
    what: "1,000 partitions, killed with so much unflushed in each, started again",
    unit: "kB in each partition",
    short: 100,
    long: 10_000,
    is_beside: false,
    run,
};

const PARTITIONS: i32 = 1000;
const BATCH_BYTES: usize = 100_000;
/// How many partitions get a batch with one request.
const AT_ONCE: i32 = 50;
/// How often it is killed and started.
const STARTS: usize = 5;
const WISHED: Duration = Duration::from_secs(5);
/// Nothing is flushed before the kill.
const UNFLUSHED: [&str; 2] = ["--set", "flush.mode=os"];

fn run(trial: &Trial) -> Outcome {
    let data = Arc::new(scratch());
    let broker = Broker::on(Arc::clone(&data), &UNFLUSHED);
    let mut client = broker.connect();
    client.create("many", PARTITIONS);
    let batch = batch_of_size(BATCH_BYTES);
    let mut batches = 0;
    fill(&mut client, &batch, (trial.amount as usize * 1000 / BATCH_BYTES).max(1), &mut batches);
    broker.kill();
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let broker = Broker::on(Arc::clone(&data), &UNFLUSHED);
        took.push(began.elapsed());
        let mut client = broker.connect();
        check(&mut client, batches)?;
        // One more batch in each, so that every start has something to recover.
        fill(&mut client, &batch, 1, &mut batches);
        broker.kill();
    }
    let slow = if took.iter().max() > Some(&WISHED) {
        format!(", more than the {WISHED:?} wished for")
    } else {
        String::new()
    };
    let seconds = |took: &Duration| format!("{:.2}", took.as_secs_f64());
    let all = took.iter().map(seconds).collect::<Vec<_>>().join(", ");
    let megabytes = batches * BATCH_BYTES / 1_000_000 * PARTITIONS as usize;
    Ok(format!(
        "{all} s from the start of the process to `listening`{slow}; {megabytes} MB in all at the end, all there"
    ))
}

/// The same number of batches into each partition.
fn fill(client: &mut Client, batch: &[u8], count: usize, batches: &mut usize) {
    for _ in 0..count {
        for first in (0..PARTITIONS).step_by(AT_ONCE as usize) {
            let part: Vec<_> = (first..first + AT_ONCE).map(|index| ("many", index, batch)).collect();
            let answer = client.call(9, produce_many(1, &part));
            let mut partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
            assert!(partitions.all(|one| one.error_code.is_none() && one.base_offset == *batches as i64), "{answer:?}");
        }
        *batches += 1;
    }
}

fn check(client: &mut Client, batches: usize) -> Result<(), String> {
    let last = batches as i64 - 1;
    for partition in 0..PARTITIONS {
        let ends = client.bounds("many", partition);
        let found = client.fetch("many", partition, last).read();
        if ends != (0, last + 1) || found.len() != 1 {
            return Err(format!("partition {partition} is {ends:?} with {} records at {last}", found.len()));
        }
    }
    Ok(())
}
