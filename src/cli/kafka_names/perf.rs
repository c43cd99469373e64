//! `kafka-producer-perf-test.sh` and `kafka-consumer-perf-test.sh`: Kafka's flags and lines, for what `sendlog perf` does.
//!
//! Always true: lines have Kafka's fields in Kafka's order; counts are exact, latencies are measured in microseconds.
//! Not done: transactions and `--print-metrics`, which shows counters of the Java client. A record that is refused ends the
//! producer with exit code 1, where Kafka's goes on. Times are UTC.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use getopts::Matches;

use super::java::{float, DateFormat};
use super::{config_file, end_as_kafka, nothing, one, required, several, BROKER};
use crate::cli::flags::HELP;
use crate::cli::perf::load::{Load, Sent};
use crate::cli::perf::payload::Payloads;
use crate::cli::perf::reading::Limits;
use crate::cli::perf::{Window, MIB};
use crate::cli::produce::MAX_BLOCK_MS;
use crate::cli::remote::{number, reach, watch_signals, Done, Failure};
use crate::cli::{say, Command};
use crate::client::{Consumer, ConsumerSettings, OffsetReset, ProducerSettings, Rebalance};
use crate::os::fs;

pub const PRODUCER: Command = Command {
    name: "kafka-producer-perf-test",
    what: "Kafka's tool that measures a producer",
    operands: "[NAME=VALUE...]",
    about: "Sends records and says how fast they were answered, with Kafka's flags and Kafka's lines.",
    flags: &[
        &[
            one("topic", "TOPIC", "into this topic"),
            one("num-records", "N", "so many records"),
            one("record-size", "BYTES", "bytes of each"),
            one("payload-file", "FILE", "records are lines of this file, chosen by chance"),
            one("payload-delimiter", "TEXT", "what stands between two of them, if it is not the end of a line"),
            nothing("payload-monotonic", "records are their own numbers"),
            one("throughput", "N", "so many records a second; -1: as many as go"),
            several("producer-props", "NAME=VALUE", "settings of the client; more may follow behind a blank"),
            one("producer.config", "FILE", "a file of such settings"),
        ],
        &[HELP],
    ],
    examples: &["kafka-producer-perf-test.sh --topic orders --num-records 100000 --record-size 100 --throughput -1 --producer-props bootstrap.servers=127.0.0.1:9092 acks=1 linger.ms=5"],
    subcommands: &[],
    main: |matches| end_as_kafka(produce(matches)),
};

pub const CONSUMER: Command = Command {
    name: "kafka-consumer-perf-test",
    what: "Kafka's tool that measures a consumer",
    operands: "",
    about: "Reads records as a member of a group and says how fast they came, with Kafka's flags and Kafka's lines.",
    flags: &[
        &[
            one("topic", "TOPIC", "of this topic"),
            one("messages", "N", "so many records at least"),
            one("group", "GROUP", "as a member of this group; of one of its own if left out"),
            one("fetch-size", "BYTES", "bytes of a partition that are asked for at once; 1048576 if left out"),
            nothing("from-latest", "only what comes from now on"),
            one("timeout", "MS", "give up when nothing has come for so long; 10000 if left out"),
            nothing("show-detailed-stats", "a line for each interval"),
            one("reporting-interval", "MS", "how long that is; 5000 if left out"),
            nothing("hide-header", "no names of the columns"),
            one("date-format", "PATTERN", "how times are written: yyyy-MM-dd HH:mm:ss:SSS if left out"),
            one("consumer.config", "FILE", "a file with settings of the client"),
            one("socket-buffer-size", "BYTES", "without effect: the kernel chooses the size"),
        ],
        BROKER,
    ],
    examples: &["kafka-consumer-perf-test.sh --bootstrap-server 127.0.0.1:9092 --topic orders --messages 30"],
    subcommands: &[],
    main: |matches| end_as_kafka(consume(matches)),
};

/// How often Kafka's producer says how fast it is.
const EVERY: Duration = Duration::from_secs(5);

fn produce(matches: &Matches) -> Done {
    let topic = required(matches, "topic")?;
    required(matches, "num-records")?;
    required(matches, "throughput")?;
    let records = number(matches, "num-records")?.unwrap_or(0);
    if records == 0 {
        return Err(Failure::Usage(String::from("--num-records should be greater than zero")));
    }
    let throughput = number::<f64>(matches, "throughput")?.filter(|rate| *rate >= 0.0);
    let mut wanted = ProducerSettings::default().max_block_ms(MAX_BLOCK_MS);
    wanted.client = wanted.client.client_id("perf-producer-client");
    if !["producer-props", "producer.config"].iter().any(|flag| matches.opt_present(flag)) {
        return Err(Failure::Usage(String::from("Either --producer-props or --producer.config must be specified.")));
    }
    config_file(matches, "producer.config", |name, value| wanted.set(name, value))?;
    let pairs = matches.opt_strs("producer-props").into_iter().chain(matches.free.iter().cloned());
    pairs.into_iter().try_for_each(|pair| wanted.set_pair(&pair))?;
    let payloads = payloads(matches)?;
    let stop = watch_signals()?;
    drop(reach(wanted.client.clone())?);
    let load = Load { topic: &topic, records, payloads, throughput, warmup: 0, every: EVERY };
    let Sent { all, failure, .. } = load.send(wanted, &stop, |window| {
        if window.records > 0 {
            say(&format!(
                "{}, {:.1} ms avg latency, {:.1} ms max latency.\n",
                sent(window, 1),
                window.latencies.average_ms(),
                window.latencies.max_ms()
            ));
        }
    })?;
    let latencies = &all.latencies;
    let percentile = |share: f64| latencies.percentile_ms(share) as u64;
    say(&format!(
        "{}, {:.2} ms avg latency, {:.2} ms max latency, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.\n",
        sent(&all, 6),
        latencies.average_ms(),
        latencies.max_ms(),
        percentile(0.5),
        percentile(0.95),
        percentile(0.99),
        percentile(0.999)
    ));
    failure.map_or(Ok(()), Err)
}

fn sent(window: &Window, digits: usize) -> String {
    let rate = float(window.records_per_second(), digits);
    format!("{} records sent, {rate} records/sec ({:.2} MB/sec)", window.records, window.mib_per_second())
}

fn payloads(matches: &Matches) -> Result<Payloads, Failure> {
    let size: Option<usize> = number(matches, "record-size")?;
    let is_monotonic = matches.opt_present("payload-monotonic");
    let one_is_enough = "exactly one of --record-size, --payload-file and --payload-monotonic is to be given";
    match (size, matches.opt_str("payload-file"), is_monotonic) {
        (Some(0), None, false) => Err(Failure::Usage(String::from("--record-size should be greater than zero"))),
        (Some(size), None, false) if size > 1 << 30 => {
            Err(Failure::Usage(format!("--record-size {size}: no request holds that")))
        }
        (Some(size), None, false) => Ok(Payloads::letters(size)),
        (None, None, true) => Ok(Payloads::numbers()),
        (None, Some(path), false) => {
            let delimiter = matches.opt_str("payload-delimiter").unwrap_or_else(|| String::from("\n"));
            let whole = fs::canonical(Path::new(&path)).map_or(path.clone(), |path| path.display().to_string());
            say(&format!("Reading payloads from: {whole}\n"));
            let payloads = Payloads::file(&path, &delimiter.replace("\\n", "\n"))?;
            say(&format!("Number of messages read: {}\n", payloads.count().unwrap_or(0)));
            Ok(payloads)
        }
        _ => Err(Failure::Usage(String::from(one_is_enough))),
    }
}

/// How long joining the group took.
#[derive(Default)]
struct Joins {
    /// When it began; none while there are partitions.
    since: Option<Instant>,
    all: Duration,
    in_window: Duration,
}

impl Joins {
    fn hear(&mut self, rebalance: Rebalance) {
        match rebalance {
            Rebalance::Revoked(_) => self.since = Some(Instant::now()),
            Rebalance::Assigned(_) => {
                let took = self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
                self.all += took;
                self.in_window += took;
            }
        }
    }
}

fn consume(matches: &Matches) -> Done {
    let topic = required(matches, "topic")?;
    required(matches, "messages")?;
    let wants_lines = matches.opt_present("show-detailed-stats");
    let format = matches.opt_str("date-format").unwrap_or_else(|| String::from("yyyy-MM-dd HH:mm:ss:SSS"));
    let format = DateFormat::parse(&format)?;
    let limits = Limits {
        records: number(matches, "messages")?.unwrap_or(0),
        ends: None,
        patience: Duration::from_millis(number(matches, "timeout")?.unwrap_or(10_000)),
        every: Duration::from_millis(number(matches, "reporting-interval")?.unwrap_or(5000)),
        ages: false,
    };
    if limits.every.is_zero() {
        return Err(Failure::Usage(String::from("Reporting interval must be greater than 0.")));
    }
    let wanted = consumer_settings(matches)?;
    drop(reach(wanted.client.clone())?);
    if !matches.opt_present("hide-header") {
        let first = if wants_lines { "time, threadId" } else { "start.time, end.time" };
        say(&format!("{first}, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n"));
    }
    let start = SystemTime::now();
    let joins = Arc::new(Mutex::new(Joins { since: Some(Instant::now()), ..Joins::default() }));
    let heard = joins.clone();
    let mut consumer = Consumer::new(wanted)?;
    consumer.on_rebalance(move |rebalance| heard.lock().unwrap_or_else(PoisonError::into_inner).hear(rebalance));
    consumer.subscribe(&[topic])?;
    let stop: Arc<AtomicBool> = watch_signals()?;
    let read = limits.read(&mut consumer, &stop, |window, all| {
        let joined = std::mem::take(&mut joins.lock().unwrap_or_else(PoisonError::into_inner).in_window);
        if wants_lines {
            say(&line(&format.format(ms_of(SystemTime::now())), "0", window, all, joined));
        }
    })?;
    if read.gave_up {
        let ms = limits.patience.as_millis();
        say(&format!("WARNING: Exiting before consuming the expected number of messages: timeout ({ms} ms) exceeded. You can use the --timeout option to increase the timeout.\n"));
    }
    let mut all = read.all;
    all.ended = Instant::now();
    let end = SystemTime::now();
    consumer.close()?;
    if !wants_lines {
        let joined = joins.lock().unwrap_or_else(PoisonError::into_inner).all;
        let (start, end) = (format.format(ms_of(start)), format.format(ms_of(end)));
        say(&line(&start, &end, &all, &all, joined));
    }
    Ok(())
}

fn consumer_settings(matches: &Matches) -> Result<ConsumerSettings, Failure> {
    let mut wanted = ConsumerSettings::default();
    wanted.client = wanted.client.client_id("perf-consumer-client");
    config_file(matches, "consumer.config", |name, value| wanted.set(name, value))?;
    wanted.set("bootstrap.servers", &required(matches, "bootstrap-server")?)?;
    // Kafka's takes a number by chance, for the same reason: it shall be nobody else's.
    let group = matches.opt_str("group").unwrap_or_else(|| format!("perf-consumer-{}", std::process::id()));
    let bytes = matches.opt_str("fetch-size").unwrap_or_else(|| String::from("1048576"));
    wanted.set("max.partition.fetch.bytes", &bytes)?;
    let reset = if matches.opt_present("from-latest") { OffsetReset::Latest } else { OffsetReset::Earliest };
    // Kafka's tool does not look at checksums either.
    Ok(wanted.group_id(&group).auto_offset_reset(reset).check_crcs(false))
}

/// A row of the table: of a window, with what all of it comes to by then.
fn line(first: &str, second: &str, window: &Window, all: &Window, joined: Duration) -> String {
    let lasted_ms = (window.seconds() * 1e3) as i64;
    let fetch_ms = lasted_ms - joined.as_millis() as i64;
    let per_fetch = |amount: f64| if fetch_ms <= 0 { 0.0 } else { amount * 1e3 / fetch_ms as f64 };
    let mb = |window: &Window| window.bytes as f64 / MIB;
    format!(
        "{first}, {second}, {}, {}, {}, {}, {}, {fetch_ms}, {}, {}\n",
        float(mb(all), 4),
        float(window.mib_per_second(), 4),
        all.records,
        float(window.records_per_second(), 4),
        joined.as_millis(),
        float(per_fetch(mb(window)), 4),
        float(per_fetch(window.records as f64), 4)
    )
}

fn ms_of(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
