//! `sendlog perf`: how fast records go to a broker, and how fast they come back.
//!
//! [`load`] sends and [`reading`] reads, for `sendlog perf` and for Kafka's perf tools alike
//! ([`crate::cli::kafka_names`]): what they tell is printed here for people or as JSON, there as Kafka prints it.
//!
//! Always true: a rate counts what was answered (or read), not what was put into a buffer; times are those of a clock that
//! never goes back.
//! Not done: one producer and one consumer; run the command several times for more.

mod consume;
mod latency;
pub mod load;
pub mod payload;
mod produce;
pub mod reading;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use getopts::Matches;

use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::remote::{number, usage, Failure};
use crate::cli::table::Format;
use crate::cli::{say, Command};
pub use latency::Latencies;

pub const COMMAND: Command = Command {
    name: "perf",
    what: "how fast records go to a broker and come back",
    operands: "",
    about: "Measures how fast a broker, this one or Apache Kafka, takes records and gives them back.",
    flags: &[&[HELP]],
    examples: &[],
    subcommands: &[produce::COMMAND, consume::COMMAND],
    main: |_| ExitCode::SUCCESS,
};

const EVERY: Flag = Flag {
    short: "",
    name: "reporting-interval",
    takes: Takes::One("MS"),
    doc: "say how fast it is so often; 1000 if left out",
};

/// How often a rate is told.
fn every(matches: &Matches) -> Result<Duration, Failure> {
    match number(matches, EVERY.name)?.unwrap_or(1000) {
        0 => Err(usage("--reporting-interval 0: that is never", "write milliseconds, 1 or more")),
        ms => Ok(Duration::from_millis(ms)),
    }
}

/// What happened in some time.
#[derive(Clone, Debug)]
pub struct Window {
    pub began: Instant,
    pub ended: Instant,
    pub records: u64,
    /// Of values and keys.
    pub bytes: u64,
    /// How long answers took: to each record that was sent, or to each poll.
    pub latencies: Latencies,
    /// How old records were when they were read, where that is asked.
    pub ages: Latencies,
}

impl Window {
    pub fn from(began: Instant) -> Window {
        let (latencies, ages) = (Latencies::default(), Latencies::default());
        Window { began, ended: began, records: 0, bytes: 0, latencies, ages }
    }

    pub fn seconds(&self) -> f64 {
        self.ended.saturating_duration_since(self.began).as_secs_f64()
    }

    /// 0 in no time at all.
    fn per_second(&self, amount: u64) -> f64 {
        let seconds = self.seconds();
        if seconds > 0.0 {
            amount as f64 / seconds
        } else {
            0.0
        }
    }

    pub fn records_per_second(&self) -> f64 {
        self.per_second(self.records)
    }

    pub fn mib_per_second(&self) -> f64 {
        self.per_second(self.bytes) / MIB
    }
}

pub const MIB: f64 = 1_048_576.0;

const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

/// Prints windows and what they come to.
struct Printer {
    format: Format,
    /// What the latencies are those of.
    latency: &'static str,
    began: Instant,
}

impl Printer {
    fn new(format: Format, latency: &'static str) -> Printer {
        Printer { format, latency, began: Instant::now() }
    }

    fn window(&self, window: &Window) {
        let at = window.ended.saturating_duration_since(self.began).as_secs_f64();
        let mut line = match self.format {
            Format::Text => format!(
                "{at:>7.1} s {:>12.0} records/s {:>9.2} MiB/s  {} average {:.2} ms, max {:.2} ms",
                window.records_per_second(),
                window.mib_per_second(),
                self.latency,
                window.latencies.average_ms(),
                window.latencies.max_ms()
            ),
            Format::Json => {
                let head = format!("{{\"row\":\"window\",\"at_seconds\":{at:.3},{}", numbers(window));
                format!("{head},{}", ms(self.latency, &window.latencies, &[]))
            }
        };
        if window.ages.count() > 0 {
            line += &match self.format {
                Format::Text => format!("  age average {:.1} ms", window.ages.average_ms()),
                Format::Json => format!(",{}", ms("age", &window.ages, &[])),
            };
        }
        say(&format!("{line}{}\n", self.end()));
    }

    fn total(&self, total: &Window) {
        match self.format {
            Format::Text => {
                say(&format!(
                    "{} records, {:.1} MiB in {:.3} s: {:.0} records/s, {:.2} MiB/s\n",
                    total.records,
                    total.bytes as f64 / MIB,
                    total.seconds(),
                    total.records_per_second(),
                    total.mib_per_second()
                ));
                self.percentiles(self.latency, &total.latencies);
                self.percentiles("age", &total.ages);
            }
            Format::Json => {
                let mut line = format!("{{\"row\":\"total\",{},", numbers(total));
                line += &ms(self.latency, &total.latencies, &PERCENTILES);
                if total.ages.count() > 0 {
                    line += &format!(",{}", ms("age", &total.ages, &PERCENTILES));
                }
                say(&format!("{line}}}\n"));
            }
        }
    }

    fn percentiles(&self, name: &str, latencies: &Latencies) {
        if latencies.count() > 0 {
            let all = PERCENTILES.map(|(word, share)| format!(", {word} {:.2}", latencies.percentile_ms(share)));
            let (average, max) = (latencies.average_ms(), latencies.max_ms());
            say(&format!("{name} in ms: average {average:.2}{}, max {max:.2}\n", all.concat()));
        }
    }

    fn end(&self) -> &'static str {
        match self.format {
            Format::Text => "",
            Format::Json => "}",
        }
    }
}

/// The members of an object that every row has.
fn numbers(window: &Window) -> String {
    format!(
        "\"seconds\":{:.3},\"records\":{},\"bytes\":{},\"records_per_second\":{:.1},\"mib_per_second\":{:.3}",
        window.seconds(),
        window.records,
        window.bytes,
        window.records_per_second(),
        window.mib_per_second()
    )
}

/// `"latency_ms":{"average":1.0,"p50":0.9,"max":2.0}`
fn ms(name: &str, latencies: &Latencies, percentiles: &[(&str, f64)]) -> String {
    let all: String = percentiles
        .iter()
        .map(|(word, share)| format!("\"{word}\":{:.3},", latencies.percentile_ms(*share)))
        .collect();
    format!("\"{name}_ms\":{{\"average\":{:.3},{all}\"max\":{:.3}}}", latencies.average_ms(), latencies.max_ms())
}
