//! How fast a mirror copies, compared with a plain consumer of the same source, and what memory its broker takes.
//!
//! `cargo run --release --example mirror_speed -- [GB]` (10 without a number): one sendlog is filled with so many 10^9 bytes of
//! values in four partitions; a consumer of this crate reads all of it and looks at every record's length; a second, empty
//! sendlog mirrors it. What is copied is the same bytes, or this ends with an error.
//!
//! `mirror_speed --from HOST:PORT BYTES [--set KEY=VALUE ...]` mirrors topic `mirrored` of a broker that runs into one with these
//! settings, and prints a line for `bench.sh mirror`.
//!
//! Always true: both read from the same broker after one another, in rounds, so that neither has the warmer cache alone. The
//! data lies in `$TMPDIR`, twice.
//! Not done: no other network than loopback.

#[path = "../../tests/broker/mod.rs"]
mod broker;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use broker::Broker;
use sendlog::client::{
    Acks, Admin, ClientSettings, ConfigOp, Consumer, ConsumerSettings, NewTopic, OffsetReset, OffsetSpec, Producer,
    ProducerSettings, Record, Resource,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const TOPIC: &str = "mirrored";
const PARTITIONS: i32 = 4;
const VALUE_BYTES: usize = 1_000;
const ROUNDS: usize = 2;
const QUIET: &[&str] = &["--set", "admin.listener="];
const LOOK: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => run(10.0),
        ["--from", address, bytes, ref settings @ ..] => {
            bytes.parse().map_err(Into::into).and_then(|bytes| copy(address, bytes, settings))
        }
        [gigabytes] => gigabytes.parse().map_err(Into::into).and_then(run),
        _ => Err("mirror_speed [GB], or mirror_speed --from HOST:PORT BYTES [--set KEY=VALUE ...]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mirror_speed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One copy of what a broker has, `bytes` in all.
fn copy(address: &str, bytes: u64, settings: &[&str]) -> Result<()> {
    let (took, peak_kb) = mirror(address, bytes, settings)?;
    let rate = bytes as f64 / took.as_secs_f64() / 1e6;
    println!("MB/s={rate:.1} rss_max_MB={:.1}", peak_kb as f64 / 1e3);
    Ok(())
}

fn run(gigabytes: f64) -> Result<()> {
    let records = (gigabytes * 1e9) as usize / VALUE_BYTES;
    let source = Broker::with(QUIET);
    let bytes = fill(&source, records)?;
    println!("filled {:.2} GB of batches, {records} records in {PARTITIONS} partitions", bytes as f64 / 1e9);
    let (mut consumed, mut mirrored) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        consumed.push(bytes as f64 / consume(&source, records)?.as_secs_f64() / 1e6);
        let (took, peak_kb) = mirror(&source.address.to_string(), bytes, &[])?;
        mirrored.push(bytes as f64 / took.as_secs_f64() / 1e6);
        println!(
            "consumer {:.0} MB/s, mirror {:.0} MB/s, {:.2} of it; peak memory of the mirror's broker {:.1} MB",
            consumed.last().unwrap_or(&0.0),
            mirrored.last().unwrap_or(&0.0),
            mirrored.last().unwrap_or(&0.0) / consumed.last().unwrap_or(&1.0),
            peak_kb as f64 / 1e3
        );
    }
    Ok(())
}

fn fill(source: &Broker, records: usize) -> Result<u64> {
    let address = source.address.to_string();
    let mut admin = Admin::connect(ClientSettings::new(&address))?;
    admin.create_topic(&NewTopic::new(TOPIC).partitions(PARTITIONS).config("segment.bytes", "268435456"))?;
    let settings = ProducerSettings::new(&address).acks(Acks::Leader).batch_size(64 << 10);
    let producer = Producer::new(settings)?;
    let mut state = 1_u64;
    let mut value = [0; VALUE_BYTES];
    for number in 0..records {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        value[..8].copy_from_slice(&state.to_be_bytes());
        let record = Record::to(TOPIC).partition(number as i32 % PARTITIONS).value(&value[..]);
        drop(producer.send(&record)?);
    }
    producer.close()?;
    let size = |partition| log_size(source, partition);
    let bytes = (0..PARTITIONS).map(size).sum::<Result<u64>>()?;
    Ok(bytes)
}

fn log_size(broker: &Broker, partition: i32) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(broker.folder().join(format!("{TOPIC}-{partition}")))? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|suffix| suffix == "log") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

fn consume(source: &Broker, records: usize) -> Result<Duration> {
    let settings = ConsumerSettings::new(source.address.to_string()).auto_offset_reset(OffsetReset::Earliest);
    let began = Instant::now();
    let mut consumer = Consumer::new(settings)?;
    let partitions: Vec<_> = (0..PARTITIONS).map(|partition| (TOPIC, partition)).collect();
    consumer.assign(&partitions)?;
    let (mut seen, mut value_bytes) = (0, 0);
    while seen < records {
        for batch in consumer.poll(Duration::from_secs(1))? {
            for record in batch.records() {
                value_bytes += record?.value.map_or(0, |value| value.len());
                seen += 1;
            }
        }
    }
    assert_eq!(value_bytes, records * VALUE_BYTES);
    Ok(began.elapsed())
}

/// How long an empty broker takes until it has everything, and the kB of memory that it took at its peak.
fn mirror(source: &str, bytes: u64, settings: &[&str]) -> Result<(Duration, u64)> {
    let copy = Broker::with(&[QUIET, settings].concat());
    let mut admin = Admin::connect(ClientSettings::new(copy.address.to_string()))?;
    let ends = log_ends(&mut Admin::connect(ClientSettings::new(source))?)?;
    let began = Instant::now();
    let from = ("mirror.from".to_string(), ConfigOp::Set(source.to_string()));
    admin.alter_configs(&Resource::Broker(Some(1)), &[from], false)?;
    while log_ends(&mut admin).ok().as_ref() != Some(&ends) {
        std::thread::sleep(LOOK);
    }
    let took = began.elapsed();
    let copied = (0..PARTITIONS).map(|partition| log_size(&copy, partition)).sum::<Result<u64>>()?;
    assert_eq!(copied, bytes, "the copy is as large as the source");
    Ok((took, copy.peak_memory_kb()))
}

/// By partition: a broker answers in whatever order it likes.
fn log_ends(admin: &mut Admin) -> Result<BTreeMap<i32, i64>> {
    let ends = admin.list_offsets(&partitions(), OffsetSpec::Latest)?;
    ends.into_iter().map(|(of, end)| Ok((of.partition, end?.offset))).collect()
}

fn partitions() -> Vec<(&'static str, i32)> {
    (0..PARTITIONS).map(|partition| (TOPIC, partition)).collect()
}
