//! How fast the client library is: records into the accumulator, records to the broker, records out of it.
//!
//! ```text
//! client_speed produce|consume --bootstrap HOST:PORT [--topic T] [--records N] [--record-bytes N] [KEY=VALUE...]
//! ```
//!
//! The line that it prints: `sent_records/s` is the rate of the loop over `send`, `records/s` the rate until the last answer.
//! KEY=VALUE are settings of the producer or consumer, such as `batch.size=1000000`.
//!
//! Always true: one thread calls `send`, once for each record, and every record's Delivery is asked for at the end by batch.

use std::time::{Duration, Instant};

use sendlog::base::ErrorCode;
use sendlog::client::{
    Admin, ClientSettings, Consumer, ConsumerSettings, NewTopic, OffsetReset, Producer, ProducerSettings, Record,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

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
    let producer = Producer::new(settings)?;
    let value = vec![b'x'; plan.record_bytes];
    let record = Record::to(&plan.topic).value(&value);
    producer.send(&record)?.wait()?;
    let began = Instant::now();
    for _ in 1..plan.records {
        producer.send(&record)?;
    }
    let sent = began.elapsed().as_secs_f64();
    producer.flush()?;
    let done = began.elapsed().as_secs_f64();
    producer.close()?;
    let cpu = cpu_seconds()?;
    let peak = peak_memory()?;
    let records = plan.records as f64;
    println!(
        "sent_records/s={:.0} records/s={:.0} MB/s={:.1} seconds={done:.3} cpu_ns/record={:.1} peak_memory={peak}",
        records / sent,
        records / done,
        records * plan.record_bytes as f64 / 1e6 / done,
        cpu / records * 1e9
    );
    Ok(())
}

/// Reads what `produce` wrote, each record's offset and value.
fn consume(plan: &Plan) -> Result<()> {
    let mut settings = ConsumerSettings::new(&plan.bootstrap).auto_offset_reset(OffsetReset::Earliest);
    plan.settings.iter().try_for_each(|pair| settings.set_pair(pair))?;
    let mut consumer = Consumer::new(settings)?;
    let partitions: Vec<_> = (0..plan.partitions).map(|partition| (&plan.topic, partition)).collect();
    let began = Instant::now();
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
    let done = began.elapsed().as_secs_f64();
    let cpu = cpu_seconds()?;
    consumer.close()?;
    println!(
        "records/s={:.0} MB/s={:.1} seconds={done:.3} cpu_ns/record={:.1} peak_memory={}",
        records as f64 / done,
        bytes as f64 / 1e6 / done,
        cpu / records as f64 * 1e9,
        peak_memory()?
    );
    Ok(())
}

/// As the kernel says it.
fn peak_memory() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(peak.trim().replace(' ', "_"))
}

/// Processor time of all threads so far, user and system.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // The kernel counts ticks of 1/100 s for its users, whatever its own are.
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}
