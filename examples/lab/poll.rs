//! Waiting for records: asking all the time, asking now and then, or one question that waits for its answer.
//!
//! Always true: producer and consumer share a clock; a record is under way from before it is sent until its answer was
//! read. Not done: one consumer, on one partition.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use sendlog::wire::messages::FetchRequest;

use crate::broker::client::{batch, fetch_request, read_records};
use crate::broker::Broker;
use crate::experiment::{step, time, Experiment, Findings, Lab};
use crate::number::{brief, ratio};
use crate::process::cpu_seconds;
use crate::runs::{broker, in_turns, Figures, Runs};
use crate::table::Table;
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "poll",
    title: "Long poll against busy poll",
    question: "A record comes every 10 ms. One consumer asks for the next record all the time (fetch.max.wait.ms=0), \
               another lets the broker keep its question until there is an answer (500). Who has a record sooner, at \
               the median?",
    choices: &[
        "the busy one, in less than half the time",
        "neither, by that much",
        "the one that waits, in less than half the time",
    ],
    needs_disk: false,
    run,
};

const RECORD_EVERY: Duration = Duration::from_millis(10);

/// How a consumer asks.
struct Asking {
    label: &'static str,
    max_wait_ms: i32,
    min_bytes: i32,
    /// How long it sleeps when there was nothing.
    sleep: Duration,
}

const ROWS: [Asking; 5] = [
    Asking { label: "busy: asks all the time", max_wait_ms: 0, min_bytes: 1, sleep: Duration::ZERO },
    Asking { label: "asks every 5 ms", max_wait_ms: 0, min_bytes: 1, sleep: Duration::from_millis(5) },
    Asking { label: "asks every 100 ms", max_wait_ms: 0, min_bytes: 1, sleep: Duration::from_millis(100) },
    Asking { label: "long poll, 500 ms", max_wait_ms: 500, min_bytes: 1, sleep: Duration::ZERO },
    Asking { label: "long poll, fetch.min.bytes=1000", max_wait_ms: 500, min_bytes: 1000, sleep: Duration::ZERO },
];

fn run(lab: &Lab) -> Result<Findings> {
    let runs = in_turns(lab, &ROWS, |row| row.label.to_string(), |row| consume(lab, row))?;
    let columns = ["p50 us", "p99 us", "fetches for a record", "broker CPU %"];
    let mut table =
        Table::new("latency", "From sending a record until a consumer has it, a record every 10 ms", &columns);
    for (row, runs) in ROWS.iter().zip(&runs) {
        table.row(row.label, runs.cells(&["p50_us", "p99_us", "fetches", "cpu_percent"]));
    }
    let answer = step(runs[3].times(&runs[0], "p50_us"), &[0.5, 2.0]);
    let answer = 2 - answer;
    Ok(Findings {
        tables: vec![table],
        answer: Some(answer),
        why: vec![busy(&runs, answer), now_and_then(&runs)],
        ..Findings::default()
    })
}

fn consume(lab: &Lab, asking: &Asking) -> Result<Figures> {
    let records = lab.pick(150, 20);
    let broker = broker(&[]);
    let mut producer = broker.connect();
    producer.create("poll", 1);
    producer.produce("poll", 0, &batch(&["the first one makes the files"]));
    let sent = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let consumer = scope.spawn(|| read(&broker, asking, records, &sent));
        let (began, cpu_before) = (Instant::now(), cpu_seconds(broker.pid())?);
        let value = "x".repeat(100);
        for number in 1..=records {
            std::thread::sleep((began + RECORD_EVERY * number).saturating_duration_since(Instant::now()));
            let request_for = batch(&[&value]);
            sent.lock().expect("no panic").push(Instant::now());
            let produced = producer.try_produce(9, 1, "poll", 0, &request_for);
            assert!(produced.error_code.is_none(), "{produced:?}");
        }
        let cpu = (cpu_seconds(broker.pid())? - cpu_before) / began.elapsed().as_secs_f64() * 100.0;
        let (mut latencies, fetches) = consumer.join().expect("no panic");
        latencies.sort();
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        let figures = Figures::default().with("p50_us", at(0.5)).with("p99_us", at(0.99));
        Ok(figures.with("fetches", fetches as f64 / f64::from(records)).with("cpu_percent", cpu))
    })
}

/// Reads so many records; how long each was under way, and how often it asked.
fn read(broker: &Broker, asking: &Asking, records: u32, sent: &Mutex<Vec<Instant>>) -> (Vec<Duration>, u64) {
    let mut client = broker.connect();
    let (mut offset, mut latencies, mut fetches) = (1, Vec::new(), 0);
    while latencies.len() < records as usize {
        let (max_wait_ms, min_bytes) = (asking.max_wait_ms, asking.min_bytes);
        let request = FetchRequest { max_wait_ms, min_bytes, ..fetch_request(&[("poll", 0, offset)]) };
        let fetched = client.fetch_with(12, request).remove(0);
        let now = Instant::now();
        fetches += 1;
        let found = read_records(&fetched.records);
        for (at, _) in &found {
            latencies.push(now - sent.lock().expect("no panic")[*at as usize - 1]);
        }
        offset += found.len() as i64;
        if found.is_empty() {
            std::thread::sleep(asking.sleep);
        }
    }
    (latencies, fetches)
}

fn busy(runs: &[Runs], answer: usize) -> String {
    let (busy, long) = (&runs[0], &runs[3]);
    let (p50_busy, p50_long) = (time(busy.median("p50_us")), time(long.median("p50_us")));
    let seen = match answer {
        0 => format!(
            "Asking all the time is sooner, {p50_busy} against {p50_long}: neither side ever goes to sleep, \
                      so no wake-up is in the way"
        ),
        1 => format!(
            "Neither is much sooner ({p50_busy} busy, {p50_long} with one question that waits): the append \
                      wakes the waiting fetch at once"
        ),
        _ => format!(
            "The one that waits is sooner, {p50_long} against {p50_busy}: the busy one keeps the processors \
                      from those who have work to do"
        ),
    };
    let (more, fetches) = (busy.times(long, "cpu_percent"), busy.median("fetches"));
    format!(
        "{seen}. But it asked {} times for each record, and the broker spent {} the processor time on saying \
         \"nothing yet\" ({} % of a core against {} %), not counting the client's. A fetch that waits costs a thread \
         that sleeps on a condition; the next append fires it (src/server/wait.rs).",
        brief(fetches),
        ratio(more),
        brief(busy.median("cpu_percent")),
        brief(long.median("cpu_percent"))
    )
}

fn now_and_then(runs: &[Runs]) -> String {
    let (often, rare, long, more) = (&runs[1], &runs[2], &runs[3], &runs[4]);
    let batched = match more.median("fetches") {
        fetches if fetches < 0.5 => "Several records come with each answer",
        _ => "It saves no answers here",
    };
    format!(
        "Sleeping between questions trades one for the other: {} with a question every 5 ms, {} every 100, where the \
         long poll has {} without any trade. fetch.min.bytes goes the other way on purpose: the broker keeps the \
         question until 1,000 bytes are there ({}). {batched} ({} fetches for a record), which is a batch again, seen \
         from the consumer.",
        time(often.median("p50_us")),
        time(rare.median("p50_us")),
        time(long.median("p50_us")),
        time(more.median("p50_us")),
        brief(more.median("fetches"))
    )
}
