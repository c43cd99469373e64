//! How fast the client library is: records into the accumulator, records to the broker, records out of it.
//!
//! ```text
//! client_speed produce|consume --bootstrap HOST:PORT [--topic T] [--records N] [--record-bytes N] [KEY=VALUE...]
//! ```
//!
//! The line that it prints: `sent_records/s` is the rate of the loop over `send`, `records/s` the rate until the last answer.
//! `caller_ns` is the processor time of the thread that calls `send` or `poll`, for one record: what a busy machine changes
//! least. `beyond_MB` is how much memory there was at most beyond `buffer.memory`. KEY=VALUE are settings of the producer or
//! consumer, such as `batch.size=1000000`.
//!
//! Always true: one thread calls `send`, once for each record, and looks at what became of all at the end, by `flush`.

use std::time::{Duration, Instant};

use sendlog::base::ErrorCode;
use sendlog::client::{
    Admin, ClientSettings, Consumer, ConsumerSettings, NewTopic, OffsetReset, Producer, ProducerSettings, Record,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What `buffer.memory` is by itself.
const BUFFER_MEMORY: f64 = (32 << 20) as f64;

struct Plan {
    bootstrap: String,
    topic: String,
    partitions: i32,
    records: u64,
    record_bytes: usize,
    settings: Vec<String>,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let mut plan = Plan {
        bootstrap: String::from("127.0.0.1:9092"),
        topic: String::from("client-speed"),
        partitions: 1,
        records: 20_000_000,
        record_bytes: 30,
        settings: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--bootstrap" => plan.bootstrap = value()?,
            "--topic" => plan.topic = value()?,
            "--partitions" => plan.partitions = value()?.parse()?,
            "--records" => plan.records = value()?.parse()?,
            "--record-bytes" => plan.record_bytes = value()?.parse()?,
            _ => plan.settings.push(argument),
        }
    }
    match what.as_str() {
        "produce" => produce(&plan),
        "consume" => consume(&plan),
        _ => {
            Err("client_speed produce|consume [--bootstrap HOST:PORT] [--topic T] [--records N] [KEY=VALUE...]".into())
        }
    }
}

fn produce(plan: &Plan) -> Result<()> {
    let mut admin = Admin::connect(ClientSettings::new(&plan.bootstrap))?;
    let topic = NewTopic::new(&plan.topic).partitions(plan.partitions);
    match admin.create_topic(&topic) {
        Err(error) if error.code() != Some(ErrorCode::TOPIC_ALREADY_EXISTS) => return Err(error.into()),
        _ => {}
    }
    let mut settings = ProducerSettings::new(&plan.bootstrap);
    plan.settings.iter().try_for_each(|pair| settings.set_pair(pair))?;
    let named = plan.settings.iter().rev().find_map(|pair| pair.strip_prefix("buffer.memory="));
    let buffer_memory: f64 = named.map_or(Ok(BUFFER_MEMORY), str::parse)?;
    let producer = Producer::new(settings)?;
    let value = vec![b'x'; plan.record_bytes];
    let record = Record::to(&plan.topic).value(&value);
    producer.send(&record)?.wait()?;
    let (began, cpu_before) = (Instant::now(), caller_ns()?);
    for _ in 1..plan.records {
        producer.send(&record)?;
    }
    let (sent, caller_ns) = (began.elapsed().as_secs_f64(), caller_ns()? - cpu_before);
    producer.flush()?;
    let done = began.elapsed().as_secs_f64();
    producer.close()?;
    let records = plan.records as f64;
    let beyond = (peak_memory()? - buffer_memory).max(0.0);
    println!(
        "sent_records/s={:.0} records/s={:.0} MB/s={:.1} caller_ns={:.1} beyond_MB={:.1} records={records}",
        records / sent,
        records / done,
        records * plan.record_bytes as f64 / 1e6 / done,
        caller_ns / records,
        beyond / 1e6
    );
    Ok(())
}

/// Reads what `produce` wrote, each record's offset and value.
fn consume(plan: &Plan) -> Result<()> {
    let mut settings = ConsumerSettings::new(&plan.bootstrap).auto_offset_reset(OffsetReset::Earliest);
    plan.settings.iter().try_for_each(|pair| settings.set_pair(pair))?;
    let mut consumer = Consumer::new(settings)?;
    let partitions: Vec<_> = (0..plan.partitions).map(|partition| (&plan.topic, partition)).collect();
    let (began, cpu_before) = (Instant::now(), caller_ns()?);
    consumer.assign(&partitions)?;
    let (mut records, mut bytes) = (0, 0);
    while records < plan.records {
        for batch in consumer.poll(Duration::from_secs(10))? {
            for record in batch.records() {
                bytes += record?.value.map_or(0, <[u8]>::len);
                records += 1;
            }
        }
    }
    let (done, caller_ns) = (began.elapsed().as_secs_f64(), caller_ns()? - cpu_before);
    consumer.close()?;
    println!(
        "records/s={:.0} MB/s={:.1} caller_ns={:.1} rss_max_MB={:.1} records={records}",
        records as f64 / done,
        bytes as f64 / 1e6 / done,
        caller_ns / records as f64,
        peak_memory()? / 1e6
    );
    Ok(())
}

/// bytes, as the kernel says it.
fn peak_memory() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(peak.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

/// Processor time of this thread so far, user and system.
fn caller_ns() -> Result<f64> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(schedstat.split_whitespace().next().unwrap_or_default().parse()?)
}
