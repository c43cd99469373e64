//! `sendlog consume`: prints records, of chosen partitions or as a member of a group.
//!
//! Always true: a group's offset is committed for what was printed and for nothing else, whether a count, the end, a signal
//! or a reader that has closed the pipe ended it; that is exit code 0.
//! Not done: nothing is decoded; keys and values are bytes.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use getopts::Matches;

use crate::base::TopicPartition;
use crate::cli::flags::{Flag, Takes};
use crate::cli::format::RecordFormat;
use crate::cli::place::{partitions, Place};
use crate::cli::remote::{end, names, number, reach, settings, usage, watch_signals, Done, Failure, BROKER};
use crate::cli::Command;
use crate::client::{Admin, Batch, Consumer, ConsumerSettings, OffsetReset, OffsetSpec};

pub const COMMAND: Command = Command {
    name: "consume",
    what: "print records",
    operands: "TOPIC[:PARTITION,...]...",
    about: "Prints the records of topics, or of some of their partitions, and waits for more until it is stopped (SIGINT, SIGTERM). With
--group it is a member of that group, which shares the partitions out and remembers what was printed.

A place for --from is start, end, an OFFSET, -N (N records before the end of each partition), @MS since 1970, or a date such as
2026-01-01 or 2026-01-01T12:00:00 (UTC).

A format string for --format has %t topic, %p partition, %o offset, %T timestamp in ms, %k key, %s value, %h headers, %K and %S
their lengths (-1: null), %% a percent sign, and \\n, \\t, \\r, \\0, \\\\ and \\x00. Without one it is %s\\n.",
    flags: &[FLAGS, BROKER],
    examples: &[
        "sendlog consume orders --from start --exit",
        "sendlog consume orders -o -10 -e -f '%p %o %T %k: %s\\n'",
        "sendlog consume orders:0 --from 2026-01-01T12:00:00 --count 5 --format json --exit",
        "sendlog consume orders payments --group billing --from start --count 1",
    ],
    subcommands: &[],
    main: |matches| end(consume(matches)),
};

const FLAGS: &[Flag] = &[
    Flag {
        short: "o",
        name: "from",
        takes: Takes::One("PLACE"),
        doc: "begin there; without it at the end. In a group start or end, for partitions without a committed offset",
    },
    Flag { short: "c", name: "count", takes: Takes::One("N"), doc: "end after so many records" },
    Flag {
        short: "e",
        name: "exit",
        takes: Takes::Nothing,
        doc: "end where the partitions ended when the command began",
    },
    Flag {
        short: "",
        name: "timeout-ms",
        takes: Takes::One("N"),
        doc: "end when nothing has come for so many milliseconds",
    },
    Flag { short: "p", name: "partition", takes: Takes::Each("N"), doc: "this one alone; may be given several times" },
    Flag { short: "g", name: "group", takes: Takes::One("GROUP"), doc: "read as a member of this group" },
    Flag {
        short: "f",
        name: "format",
        takes: Takes::One("FORMAT|json"),
        doc: "what is printed of each record; json: an object on each line",
    },
];

/// How soon a signal is seen.
const POLL: Duration = Duration::from_millis(100);

/// When it is enough.
struct Limits {
    records_left: u64,
    /// With `--exit`: where partitions ended.
    ends: Option<BTreeMap<TopicPartition, i64>>,
    patience: Option<Duration>,
    /// When a record came.
    last: Instant,
}

fn consume(matches: &Matches) -> Done {
    let specs = specs(matches)?;
    let format = RecordFormat::parse(&matches.opt_str("format").unwrap_or_else(|| String::from("%s\\n")))
        .map_err(|why| usage(format!("--format: {why}"), "--help lists what a format string may have"))?;
    let from = matches.opt_str("from").map(|text| Place::of("from", &text)).transpose()?;
    let group = matches.opt_str("group").unwrap_or_default();
    let mut wanted = ConsumerSettings::default().group_id(group.as_str());
    wanted = wanted.auto_offset_reset(reset(from, !group.is_empty())?);
    settings(matches, |pair| wanted.set_pair(pair))?;
    let asked = Asked {
        specs,
        group,
        from: from.unwrap_or(Place::End),
        count: number(matches, "count")?.unwrap_or(u64::MAX),
        to_end: matches.opt_present("exit"),
        patience: number(matches, "timeout-ms")?.map(Duration::from_millis),
    };
    asked.print(wanted, &format).map(drop)
}

/// What is to be read.
pub struct Asked {
    /// Topics, or for no group also some partitions of them.
    pub specs: Vec<String>,
    /// Empty: none.
    pub group: String,
    pub from: Place,
    pub count: u64,
    pub to_end: bool,
    /// For so long nothing may come.
    pub patience: Option<Duration>,
}

impl Asked {
    /// Prints it; how many records there were.
    pub fn print(self, wanted: ConsumerSettings, format: &RecordFormat) -> Result<u64, Failure> {
        let stop = watch_signals()?;
        let mut admin = reach(wanted.client.clone())?;
        let mut chosen = Vec::new();
        for spec in &self.specs {
            chosen.extend(partitions(&mut admin, spec)?);
        }
        let ends = self.to_end.then(|| ends(&mut admin, &chosen)).transpose()?;
        let mut limits = Limits { records_left: self.count, ends, patience: self.patience, last: Instant::now() };
        let mut consumer = Consumer::new(wanted)?;
        match self.group.is_empty() {
            true => {
                let places = self.from.find(&mut admin, &chosen)?;
                consumer.assign(&chosen)?;
                places.into_iter().try_for_each(|(partition, at)| consumer.seek(partition, at?))?;
            }
            false => consumer.subscribe(&self.specs)?,
        }
        drop(admin);
        let printed = print_all(&mut consumer, format, &mut limits, &stop)?;
        consumer.close()?;
        Ok(printed)
    }
}

/// The operands, with what `--partition` and `--group` make of them.
fn specs(matches: &Matches) -> Result<Vec<String>, Failure> {
    let mut specs: Vec<String> = names(matches, "topic")?.into_iter().map(str::to_string).collect();
    let numbers = matches.opt_strs("partition");
    if !numbers.is_empty() {
        match &mut specs[..] {
            [topic] if !topic.contains(':') => *topic += &format!(":{}", numbers.join(",")),
            _ => return Err(usage("--partition is for one topic", "write TOPIC:0,2 for each of them")),
        }
    }
    match specs.iter().find(|spec| spec.contains(':') && matches.opt_present("group")) {
        Some(spec) => Err(usage(format!("{spec}: a group chooses partitions itself"), "leave out either of them")),
        None => Ok(specs),
    }
}

/// Where reading begins without an offset of its own, or if that is gone by then.
fn reset(from: Option<Place>, in_group: bool) -> Result<OffsetReset, Failure> {
    match from {
        None | Some(Place::End) => Ok(OffsetReset::Latest),
        Some(place) if in_group && place != Place::Start => {
            let mend = "write --from start or end, or have `sendlog groups reset-offsets` choose the place";
            Err(usage("--from: a group goes on where it has committed", mend))
        }
        Some(_) => Ok(OffsetReset::Earliest),
    }
}

/// Where partitions end now.
pub fn ends(admin: &mut Admin, chosen: &[TopicPartition]) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let listed = admin.list_offsets(chosen, OffsetSpec::Latest)?;
    listed.into_iter().map(|(partition, end)| Ok((partition, end?.offset))).collect()
}

fn print_all(
    consumer: &mut Consumer,
    format: &RecordFormat,
    limits: &mut Limits,
    stop: &AtomicBool,
) -> Result<u64, Failure> {
    let mut out = Vec::new();
    let mut printed = 0;
    while !limits.are_reached(consumer) && !stop.load(Ordering::Relaxed) {
        let batches = consumer.poll(POLL)?;
        if !batches.is_empty() {
            limits.last = Instant::now();
        }
        // The first offset of each partition that was given and is not printed.
        let mut left: BTreeMap<&TopicPartition, i64> = BTreeMap::new();
        for batch in &batches {
            out.clear();
            let left_before = limits.records_left;
            let mut next = print(batch, format, limits, &mut out)?;
            printed += left_before - limits.records_left;
            let mut stdout = std::io::stdout().lock();
            if stdout.write_all(&out).and_then(|()| stdout.flush()).is_err() {
                // Nobody reads on.
                limits.records_left = 0;
                next = batch.records().flatten().next().map_or(next, |record| record.offset);
            }
            if next < batch.end_offset() {
                left.entry(batch.topic_partition()).or_insert(next);
            }
        }
        for (partition, offset) in left {
            consumer.seek(partition, offset)?;
            consumer.pause(&[partition]);
        }
    }
    Ok(printed)
}

/// Adds records to what is printed, as far as the limits go; the offset of the first one that is left.
fn print(batch: &Batch, format: &RecordFormat, limits: &mut Limits, out: &mut Vec<u8>) -> Result<i64, Failure> {
    let end = limits.ends.as_ref().and_then(|ends| ends.get(batch.topic_partition()).copied());
    for record in batch.records() {
        let torn = |_| Failure::Failed(format!("{}: bytes that are no records", batch.topic_partition()));
        let record = record.map_err(torn)?;
        if limits.records_left == 0 || end.is_some_and(|end| record.offset >= end) {
            return Ok(record.offset);
        }
        limits.records_left -= 1;
        format.print(out, batch, &record);
    }
    Ok(batch.end_offset())
}

impl Limits {
    fn are_reached(&self, consumer: &Consumer) -> bool {
        let is_tired = self.patience.is_some_and(|patience| self.last.elapsed() >= patience);
        self.records_left == 0 || is_tired || self.ends.as_ref().is_some_and(|ends| is_at(ends, consumer))
    }
}

/// Whether a consumer has read its partitions as far as that.
pub fn is_at(ends: &BTreeMap<TopicPartition, i64>, consumer: &Consumer) -> bool {
    let assigned = consumer.assignment();
    let is_at_end = |partition: &TopicPartition| {
        let end = ends.get(partition).copied().unwrap_or(0);
        consumer.position(partition).is_some_and(|at| at >= end)
    };
    !assigned.is_empty() && assigned.iter().all(is_at_end)
}
