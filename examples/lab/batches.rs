//! Batches: what size does to throughput and latency, and how long a producer should wait for more (`linger.ms`).
//!
//! Always true: a batch's bytes are built before the clock starts (examples/load); `linger.ms` is tried with the client
//! library, one record at a time. Batches that lingered are counted in the file, not taken from a setting.
//! Not done: no compression, which larger batches would help as well.

use std::cmp::Ordering;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use sendlog::client::{Acks, Producer, ProducerSettings, Record};
use sendlog::record::BatchHeader;

use crate::broker::Broker;
use crate::experiment::{percent, step, time, Experiment, Findings, Lab};
use crate::number::{brief, ratio};
use crate::process::cpu_seconds;
use crate::runs::{broker, compare, in_turns, Figures, Runs, Variant};
use crate::table::Table;
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "batches",
    title: "The size of a batch",
    question: "One producer sends each record of 100 bytes in a request of its own; another packs 1,000 of them into \
               a batch. Both have five requests in flight. How many times as many records does the second one get \
               stored in a second?",
    choices: &["less than 5 times", "5 to 25 times", "25 to 75 times", "more than 75 times"],
    needs_disk: false,
    run,
};

const SIZES: [u32; 5] = [1, 10, 100, 1_000, 10_000];
const LINGERS_MS: [u64; 4] = [0, 5, 20, 100];
/// The off switch: the broker walks through the records of each batch.
const UNPACKED: &str = "batch.check=records";
/// Records that the program hands to the producer in each millisecond.
const RATE: u64 = 20;

fn run(lab: &Lab) -> Result<Findings> {
    let bytes = lab.pick(300_000_000, 5_000_000);
    let variant = |label: String, settings, size| Variant {
        label,
        settings,
        before: None,
        load: format!("produce --batch-records {size} --seconds 1 --bytes {bytes}"),
    };
    let mut variants: Vec<Variant> = SIZES.iter().map(|size| variant(size.to_string(), vec![], *size)).collect();
    variants.push(variant(format!("{}, {UNPACKED}", SIZES[4]), vec![UNPACKED], SIZES[4]));
    let mut runs = compare(lab, &variants)?;
    for figures in runs.iter_mut().flat_map(|runs| &mut runs.0) {
        // s for 10^9 bytes is ns for a byte.
        let cpu_ns = figures.get("cpu_s/GB") * figures.get("wire_bytes") / figures.get("records");
        *figures = std::mem::take(figures).with("cpu_ns", cpu_ns);
    }
    let columns = ["records/s", "MB/s", "p50 us", "p99 us", "broker CPU ns/record"];
    let mut sizes = Table::new("sizes", "Records of 100 bytes, by records in a batch", &columns);
    for (variant, runs) in variants.iter().zip(&runs) {
        sizes.row(&variant.label, runs.cells(&["records/s", "MB/s", "p50_us", "p99_us", "cpu_ns"]));
    }
    let lingered =
        in_turns(lab, &LINGERS_MS, |linger| format!("linger.ms={linger}"), |linger| linger_for(lab, *linger))?;
    let columns = ["p50 ms", "p99 ms", "records in a batch", "batches/s", "broker CPU %"];
    let title = format!("{} records a second, one by one, by how long the producer lingers", RATE * 1000);
    let mut lingers = Table::new("linger", title, &columns);
    for (linger, runs) in LINGERS_MS.iter().zip(&lingered) {
        let cells = runs.cells(&["p50_ms", "p99_ms", "records_in_batch", "batches_s", "cpu_percent"]);
        lingers.row(format!("linger.ms={linger}"), cells);
    }
    let times = runs[3].times(&runs[0], "records/s");
    let why = vec![what_size_does(&runs), what_looking_costs(&runs[4], &runs[5]), what_waiting_does(&lingered)];
    Ok(Findings {
        tables: vec![sizes, lingers],
        answer: Some(step(times, &[5.0, 25.0, 75.0])),
        why,
        ..Findings::default()
    })
}

fn what_size_does(runs: &[Runs]) -> String {
    let times = |larger: usize, smaller: usize| runs[larger].times(&runs[smaller], "records/s");
    let last = match (runs[4].against(&runs[3], "records/s"), times(4, 3)) {
        (Ordering::Less, _) => {
            "makes it slower: a request of a megabyte leaves the caches before it is written, and whoever shares the \
             processors gets in between"
        }
        (Ordering::Equal, _) => {
            "makes no clear difference: what is left is the price of the bytes, which no batch makes smaller"
        }
        (Ordering::Greater, gain) if gain < 2.0 => "adds little: what is left is mostly the price of the bytes",
        _ => "still helps",
    };
    let (p50, p50_large) = (runs[0].median("p50_us"), runs[4].median("p50_us"));
    let wait = match p50_large / p50 {
        factor if factor > 2.0 => format!(
            "The price is latency, {} for half of the requests instead of {}: a request takes as long as its bytes \
             do, and waits for those in front of it.",
            time(p50_large),
            time(p50)
        ),
        _ => "Even the latency of a request hardly suffered, so little do its bytes cost beside the rest.".to_string(),
    };
    format!(
        "Ten records in a batch: {} the records a second; a hundred: {}; a thousand: {}. A request costs system \
         calls, a wake-up on either side, a header with its checksum, a lock and an append, whatever is in it; the \
         broker spent {} ns on a record that came alone and {} on one of a thousand. It never looks at records: \
         of a larger batch it copies and checks more bytes, and everything else is as for one of a single record. Ten times as many once more (10,000) {last}. {wait}",
        ratio(times(1, 0)),
        ratio(times(2, 0)),
        ratio(times(3, 0)),
        brief(runs[0].median("cpu_ns")),
        brief(runs[3].median("cpu_ns"))
    )
}

fn what_looking_costs(header: &Runs, records: &Runs) -> String {
    let (header_ns, records_ns) = (brief(header.median("cpu_ns")), brief(records.median("cpu_ns")));
    let slower = match records.against(header, "records/s") {
        Ordering::Less => format!("and took {} the records a second", ratio(records.times(header, "records/s"))),
        _ => format!(
            "while its throughput was {} of it, {}",
            ratio(records.times(header, "records/s")),
            records.doubt(header, "records/s")
        ),
    };
    format!(
        "That it does not look at them is idea 1 on the broker's side. With `{UNPACKED}`, the off switch, it walks through every record, as \
         Kafka does: it spent {records_ns} ns on a record instead of {header_ns}, {slower}."
    )
}

fn what_waiting_does(lingered: &[Runs]) -> String {
    let (none, five, twenty, hundred) = (&lingered[0], &lingered[1], &lingered[2], &lingered[3]);
    let alone = none.median("records_in_batch");
    let batched = match alone {
        alone if alone < 2.0 => "A producer that does not wait sent nearly each record alone",
        _ => {
            "Even a producer that does not wait sent batches, since records that come while a request is under way \
              leave together"
        }
    };
    let worth = match five.against(none, "cpu_percent") {
        Ordering::Less => {
            format!(
                "the broker's processor time fell to {} of what it was",
                percent(five.times(none, "cpu_percent") * 100.0)
            )
        }
        _ => "the broker's processor time did not clearly fall at this rate".to_string(),
    };
    let longest = match hundred.times(twenty, "records_in_batch") {
        times if times < 1.2 => {
            "With 100 ms instead of 20 nothing changes: at this rate a batch is full (batch.size, \
                                 16 KB) before it is old"
        }
        _ => "100 ms make still larger batches, and later ones",
    };
    format!(
        "{batched} ({} in a batch). Waiting 5 ms made that {}, and {worth}; it cost {} ms at the median instead of \
         {}. A record waits between nothing and the whole time, so half of linger.ms is what most notice. {longest}. \
         A producer under load fills its batches before the time is over, and lingering costs it nothing.",
        brief(alone),
        brief(five.median("records_in_batch")),
        brief(five.median("p50_ms")),
        brief(none.median("p50_ms"))
    )
}

/// A program that sends one record after another through the client library, at a steady rate.
fn linger_for(lab: &Lab, linger_ms: u64) -> Result<Figures> {
    let broker = broker(&[]);
    broker.connect().create("linger", 1);
    let settings = ProducerSettings::new(broker.address.to_string()).linger_ms(linger_ms).acks(Acks::Leader);
    let producer = Producer::new(settings)?;
    let record = Record::to("linger").value(&[b'x'; 100]);
    producer.send(&record)?.wait()?;
    let milliseconds = lab.pick(1500, 200);
    let (sent, watched) = channel::<(Instant, sendlog::client::Delivery)>();
    let watcher = std::thread::spawn(move || {
        let took = |(at, delivery): (Instant, sendlog::client::Delivery)| delivery.wait().map(|_| at.elapsed());
        watched.iter().map(took).collect::<std::result::Result<Vec<Duration>, _>>()
    });
    let (began, cpu_before) = (Instant::now(), cpu_seconds(broker.pid())?);
    for tick in 1..=milliseconds {
        for _ in 0..RATE {
            sent.send((Instant::now(), producer.send(&record)?))?;
        }
        std::thread::sleep((began + Duration::from_millis(tick)).saturating_duration_since(Instant::now()));
    }
    drop(sent);
    let mut latencies = watcher.join().expect("no panic")?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds(broker.pid())? - cpu_before);
    producer.close()?;
    latencies.sort();
    let batches = batches_of(&broker, "linger-0")? as f64;
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let figures = Figures::default().with("p50_ms", at(0.5)).with("p99_ms", at(0.99));
    let figures = figures
        .with("records_in_batch", latencies.len() as f64 / batches)
        .with("batches_s", batches / seconds);
    Ok(figures.with("cpu_percent", cpu / seconds * 100.0))
}

/// Counted in the file: a batch says how long it is, and the next one follows.
fn batches_of(broker: &Broker, partition: &str) -> Result<u64> {
    let bytes = std::fs::read(broker.folder().join(partition).join("00000000000000000000.log"))?;
    let (mut batches, mut rest) = (0, &bytes[..]);
    while let Some(size) = BatchHeader::parse(rest).and_then(|header| header.size()) {
        batches += 1;
        rest = rest.get(size as usize..).unwrap_or_default();
    }
    Ok(batches)
}
