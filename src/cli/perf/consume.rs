//! `sendlog perf consume`.
//!
//! Always true: the exit code is 0 when all that was asked for was read, or a signal ended it.
//! Not done: no choice of partitions.

use std::time::Duration;

use getopts::Matches;

use super::reading::Limits;
use super::{every, Printer, EVERY};
use crate::cli::consume::ends;
use crate::cli::flags::{Flag, Takes};
use crate::cli::place::{partitions, Place};
use crate::cli::remote::{
    end, format, name, number, reach, settings, usage, watch_signals, Done, Failure, BROKER, FORMAT,
};
use crate::cli::Command;
use crate::client::{Consumer, ConsumerSettings, OffsetReset};

pub const COMMAND: Command = Command {
    name: "perf consume",
    what: "how fast a broker gives records",
    operands: "TOPIC",
    about: "Reads the records that a topic has, or so many as --messages says, and says each second how fast they came and how long a poll took
that gave some. The last lines have the percentiles. SIGINT and SIGTERM end it early.

With --from end it waits for records that are sent from now on, and says how old each one was when it was read: as exactly as
its timestamp, which is that of the producer's clock, in ms. -X has the consumer's settings: fetch.min.bytes, check.crcs and others.",
    flags: &[FLAGS, &[EVERY], FORMAT, BROKER],
    examples: &[
        "sendlog perf consume orders",
        "sendlog perf consume orders --messages 20 --group readers --format json",
        "sendlog perf consume orders --fetch-size 4000000 -X check.crcs=false",
    ],
    subcommands: &[],
    main: |matches| end(consume(matches)),
};

const FLAGS: &[Flag] = &[
    Flag {
        short: "n",
        name: "messages",
        takes: Takes::One("N"),
        doc: "read so many at least; without it up to where the topic ends when the command begins",
    },
    Flag {
        short: "o",
        name: "from",
        takes: Takes::One("start|end"),
        doc: "begin there; start if left out. In a group for partitions without a committed offset",
    },
    Flag { short: "g", name: "group", takes: Takes::One("GROUP"), doc: "read as a member of this group" },
    Flag {
        short: "",
        name: "fetch-size",
        takes: Takes::One("BYTES"),
        doc: "bytes of a partition that are asked for at once; 1048576 if left out",
    },
    Flag {
        short: "",
        name: "timeout",
        takes: Takes::One("MS"),
        doc: "give up when nothing has come for so long; 10000 if left out",
    },
];

fn consume(matches: &Matches) -> Done {
    let topic = name(matches, "topic")?;
    let format = format(matches)?;
    let from = match matches.opt_str("from").map(|text| Place::of("from", &text)).transpose()? {
        None | Some(Place::Start) => Place::Start,
        Some(Place::End) => Place::End,
        Some(_) => return Err(usage("--from: it is start or end here", "have `sendlog consume` read from a place")),
    };
    let records = number(matches, "messages")?;
    let group = matches.opt_str("group").unwrap_or_default();
    let reset = if from == Place::End { OffsetReset::Latest } else { OffsetReset::Earliest };
    let mut wanted = ConsumerSettings::default().group_id(group.as_str()).auto_offset_reset(reset);
    if let Some(bytes) = matches.opt_str("fetch-size") {
        wanted.set("max.partition.fetch.bytes", &bytes).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    settings(matches, |pair| wanted.set_pair(pair))?;
    let mut limits = Limits {
        records: records.unwrap_or(u64::MAX),
        ends: None,
        patience: Duration::from_millis(number(matches, "timeout")?.unwrap_or(10_000)),
        every: every(matches)?,
        ages: from == Place::End,
    };
    let stop = watch_signals()?;
    let mut admin = reach(wanted.client.clone())?;
    let chosen = partitions(&mut admin, topic)?;
    if records.is_none() && from == Place::Start {
        limits.ends = Some(ends(&mut admin, &chosen)?);
    }
    let mut consumer = Consumer::new(wanted)?;
    match group.is_empty() {
        true => {
            consumer.assign(&chosen)?;
            let places = from.find(&mut admin, &chosen)?;
            places.into_iter().try_for_each(|(partition, at)| consumer.seek(partition, at?))?;
        }
        false => consumer.subscribe(&[topic])?,
    }
    drop(admin);
    let printer = Printer::new(format, "poll");
    let read = limits.read(&mut consumer, &stop, |window, _| printer.window(window))?;
    printer.total(&read.all);
    consumer.close()?;
    match read.gave_up {
        true => {
            let (count, wanted) = (read.all.records, records.map_or(String::new(), |wanted| format!(" of {wanted}")));
            let ms = limits.patience.as_millis();
            Err(Failure::Failed(format!("{count}{wanted} records were read, and no more came within {ms} ms")))
        }
        false => Ok(()),
    }
}
