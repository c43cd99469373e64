//! `sendlog perf produce`.
//!
//! Always true: the exit code is 0 when every record was taken, or a signal ended it.
//! Not done: no keys, no choice of partitions.

use getopts::Matches;

use super::load::Load;
use super::payload::Payloads;
use super::{every, Printer, EVERY};
use crate::cli::flags::{Flag, Takes};
use crate::cli::produce::MAX_BLOCK_MS;
use crate::cli::remote::{
    end, format, name, number, reach, settings, usage, watch_signals, Done, Failure, BROKER, FORMAT,
};
use crate::cli::{complain, Command};
use crate::client::ProducerSettings;

pub const COMMAND: Command = Command {
    name: "perf produce",
    what: "how fast a broker takes records",
    operands: "TOPIC",
    about: "Sends records as fast as they are taken, or as many a second as --throughput says, and says each second how many were answered and
how long that took: from the call of send to the broker's answer. The last lines have the percentiles. SIGINT and SIGTERM end it early.

Without --payload-file a record is letters by chance. -X has the producer's settings: batch.size, linger.ms, buffer.memory and others.",
    flags: &[FLAGS, &[EVERY], FORMAT, BROKER],
    examples: &[
        "sendlog perf produce orders --num-records 100000 --record-size 30",
        "sendlog perf produce orders --num-records 3000 --throughput 2000 --acks 1 --format json",
        "sendlog perf produce orders --num-records 200000 --warmup-records 50000 -X batch.size=1000000 -X linger.ms=20",
    ],
    subcommands: &[],
    main: |matches| end(produce(matches)),
};

const FLAGS: &[Flag] = &[
    Flag { short: "n", name: "num-records", takes: Takes::One("N"), doc: "send so many; 1000000 if left out" },
    Flag {
        short: "s",
        name: "record-size",
        takes: Takes::One("BYTES"),
        doc: "bytes of each record's value; 100 if left out",
    },
    Flag {
        short: "",
        name: "payload-file",
        takes: Takes::One("FILE"),
        doc: "values are lines of this file, chosen by chance",
    },
    Flag {
        short: "",
        name: "payload-delimiter",
        takes: Takes::One("TEXT"),
        doc: "what stands between two values in that file, if it is not the end of a line",
    },
    Flag {
        short: "t",
        name: "throughput",
        takes: Takes::One("N"),
        doc: "records per second; as many as go if left out",
    },
    Flag {
        short: "a",
        name: "acks",
        takes: Takes::One("0|1|all"),
        doc: "when a record counts as sent: when it has left, is written, or is durable; all if left out",
    },
    Flag { short: "", name: "warmup-records", takes: Takes::One("N"), doc: "leave the first N out of the last lines" },
];

fn produce(matches: &Matches) -> Done {
    let format = format(matches)?;
    let load = load(matches)?;
    let mut wanted = ProducerSettings::default().max_block_ms(MAX_BLOCK_MS);
    if let Some(acks) = matches.opt_str("acks") {
        wanted.set("acks", &acks).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    settings(matches, |pair| wanted.set_pair(pair))?;
    let stop = watch_signals()?;
    drop(reach(wanted.client.clone())?);
    let (records, warmup) = (load.records, load.warmup);
    let printer = Printer::new(format, "latency");
    let sent = load.send(wanted, &stop, |window| printer.window(window))?;
    printer.total(if warmup > 0 { &sent.steady } else { &sent.all });
    match sent.failure {
        Some(failure) => Err(failure),
        None => {
            if sent.all.records < records {
                complain(&format!("stopped after {} of {records} records", sent.all.records));
            }
            Ok(())
        }
    }
}

fn load(matches: &Matches) -> Result<Load<'_>, Failure> {
    let records = number(matches, "num-records")?.unwrap_or(1_000_000);
    if records == 0 {
        return Err(usage("--num-records 0: there is nothing to send", "write 1 or more"));
    }
    let warmup = number(matches, "warmup-records")?.unwrap_or(0);
    if warmup >= records {
        return Err(usage(format!("--warmup-records {warmup}: of {records} records none is left"), "write fewer"));
    }
    let throughput = number::<f64>(matches, "throughput")?;
    if throughput.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err(usage("--throughput: no such rate", "write records per second, more than 0"));
    }
    let size = number(matches, "record-size")?;
    let payloads = match (matches.opt_str("payload-file"), size) {
        (Some(_), Some(_)) => {
            return Err(usage("--record-size and --payload-file exclude each other", "leave out one"))
        }
        (Some(path), None) => {
            let delimiter = matches.opt_str("payload-delimiter").unwrap_or_else(|| String::from("\n"));
            Payloads::file(&path, &delimiter.replace("\\n", "\n").replace("\\t", "\t"))?
        }
        (None, size) => Payloads::letters(record_size(size.unwrap_or(100))?),
    };
    Ok(Load { topic: name(matches, "topic")?, records, payloads, throughput, warmup, every: every(matches)? })
}

/// No request holds more; letters for it would fill the memory.
fn record_size(size: usize) -> Result<usize, Failure> {
    match size {
        0 => Err(usage("--record-size 0: records without bytes are not sent here", "write 1 or more")),
        size if size > 1 << 30 => {
            Err(usage(format!("--record-size {size}: no request holds that"), "write 1 GiB or less"))
        }
        size => Ok(size),
    }
}
