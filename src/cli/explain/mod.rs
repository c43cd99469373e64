//! `sendlog explain`: how one record is found, where it lies, and whether it is in memory and on the disk.
//!
//! It goes the way of a fetch: the segment, the entry of its index, the batch's header; then that of a consumer, to the record
//! inside. [`text`] and [`json`] print what it found.
//!
//! Always true: it only looks, beside a running broker as well. What the files do not say is said to be unknown.
//! Not done: a running broker is not asked, so entries of an index that it has in memory alone are not seen.

mod json;
mod pages;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use getopts::Matches;

use crate::base::{utc, Error, Offset, TopicPartition};
use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::place::Place;
use crate::cli::remote::{self, end, usage, Failure};
use crate::cli::table::Format;
use crate::cli::{options, say, Command};
use crate::client::consumer::codecs::decompress;
use crate::log::SegmentView;
use crate::os::fs;
use crate::record::crc32c;
use crate::record::header::{BatchHeader, CRC_RANGE_START, HEADER_SIZE};
use crate::record::records::{Record, Records};
use crate::record::Codec;
use crate::topic::inspect::{inspect, Inspected};
use crate::topic::on_disk::{LookUp, TimeLookUp};
use pages::{Pages, Residents};

pub const COMMAND: Command = Command {
    name: "explain",
    what: "one record's way: segment, index, batch, page cache, disk",
    operands: "TOPIC/PARTITION@OFFSET",
    about: "Follows one record through the files of a data directory: which segment and which index entry lead to it, where its batch
lies and what the header says, where in the batch the record is, whether its pages are in the page cache, and whether it is known
to be on the disk. Behind the @ stands an offset, start, -1 for the last record, or a time for the first record at or
after it: @MS since 1970, or a date such as 2026-01-01T12:00:00 (UTC). It changes nothing; a broker may be running.",
    flags: &[
        options::CONFIG,
        &[
            Flag { short: "", name: "format", takes: Takes::One("text|json"), doc: "json: all of it as one object" },
            HELP,
        ],
    ],
    examples: &[
        "sendlog explain orders/0@42 --data data",
        "sendlog explain orders/0@-1 --data data",
        "sendlog explain orders/0@2026-01-01T12:00:00 --data data --format json",
    ],
    subcommands: &[],
    main,
};

const OPERAND: &str = "write TOPIC/PARTITION@OFFSET, such as orders/0@42";

/// Bytes of a batch that is read whole.
const BATCH_MAX: u64 = 64 << 20;

/// How often is looked again when files went away meanwhile.
const ATTEMPTS: usize = 3;

/// All that was found out about one record.
struct Explained {
    name: TopicPartition,
    offset: Offset,
    /// What was asked for, if it was a time: ms since 1970.
    by_time: Option<(i64, TimeLookUp)>,
    inspected: Inspected,
    /// Which of the log's segments.
    segment: usize,
    look_up: LookUp,
    position: u64,
    header: BatchHeader,
    batch: Vec<u8>,
    /// What lies behind the header, decompressed; or why that is not known.
    records: Result<Vec<u8>, String>,
    pages: std::io::Result<Pages>,
}

/// Where in its batch a record lies.
struct InBatch<'a> {
    /// From 1 on.
    number: usize,
    /// Where it begins in the records, behind the header.
    at: usize,
    size: usize,
    record: Record<'a>,
}

fn main(matches: &Matches) -> ExitCode {
    end(run(matches))
}

fn run(matches: &Matches) -> remote::Done {
    let format = remote::format(matches)?;
    let (name, place) = parse(remote::name(matches, "record")?)?;
    let config = options::config(matches).map_err(|error| Failure::Usage(error.to_string()))?;
    let root = PathBuf::from(config.text("log.dirs"));
    let mut explained = explain(&root, &name, place);
    // A running broker may delete a segment between two looks.
    for _ in 1..ATTEMPTS {
        if matches!(explained, Err(Error::Storage { .. })) {
            explained = explain(&root, &name, place);
        }
    }
    let explained = explained.map_err(|error| Failure::Failed(error.to_string()))?;
    say(&match format {
        Format::Text => text::print(&explained),
        Format::Json => json::print(&explained),
    });
    Ok(())
}

/// `orders/0@42`
fn parse(text: &str) -> Result<(TopicPartition, Place), Failure> {
    let parts = text.split_once('@').and_then(|(name, place)| Some((name.rsplit_once('/')?, place)));
    let Some(((topic, number), place)) = parts else {
        return Err(usage(format!("{text} names no record"), OPERAND));
    };
    let partition = number.parse().ok().filter(|number: &i32| *number >= 0);
    let Some(partition) = partition.filter(|_| !topic.is_empty()) else {
        return Err(usage(format!("{topic}/{number} is no partition"), OPERAND));
    };
    let place = Place::parse(place).filter(|place| *place != Place::End).ok_or_else(|| {
        let mend = "write an OFFSET, start, -1 for the last one, @MS since 1970, or 2026-01-01T12:00:00 (UTC)";
        usage(format!("@{place} is no place where a record is"), mend)
    })?;
    Ok((TopicPartition { topic: topic.to_string(), partition }, place))
}

fn explain(root: &std::path::Path, name: &TopicPartition, place: Place) -> Result<Explained, Error> {
    let residents = Residents::of_last_segment(&root.join(name.to_string()));
    let inspected = inspect(root, name)?;
    let (offset, by_time) = find_place(name, &inspected, place)?;
    let views = &inspected.log.views;
    let segment = views.partition_point(|view| view.base_offset <= offset).saturating_sub(1);
    let view = &views[segment];
    let residents = residents.or_of(view);
    let look_up = view.look_up(offset)?;
    let Some(found) = &look_up.batch else {
        // Kafka's compaction may have taken all that lay there.
        let cause = format!("{name}: no batch of segment {} reaches offset {offset}", view.base_offset);
        return Err(Error::unusable(cause, "sendlog dump-log shows the segment's batches"));
    };
    let (position, header, size) = (found.position.0, found.header, found.size());
    let mut batch = vec![0; size.min(BATCH_MAX) as usize];
    let got = fs::read_at(&*view.log.get()?, view.log.path(), &mut batch, position)?;
    batch.truncate(got);
    let records = records(&header, &batch, size);
    let pages = residents.pages(view, position, size);
    let name = name.clone();
    Ok(Explained { name, offset, by_time, inspected, segment, look_up, position, header, batch, records, pages })
}

/// The offset that is meant; an error where no record is.
fn find_place(
    name: &TopicPartition,
    inspected: &Inspected,
    place: Place,
) -> Result<(Offset, Option<(i64, TimeLookUp)>), Error> {
    let log = &inspected.log;
    let last = log.end - 1;
    if log.end <= log.start {
        let cause = format!("{name} holds no record, its next one gets offset {}", log.end);
        return Err(Error::unusable(cause, "produce one, or give another partition"));
    }
    let offset = match place {
        Place::Start | Place::End => log.start,
        Place::Offset(offset) => Offset(offset),
        Place::BeforeEnd(count) => Offset(log.end.0.saturating_sub(count)).max(log.start),
        Place::Time(ms) => {
            let looked = |view: &SegmentView| view.look_up_time(ms, log.start).transpose();
            return match log.views.iter().find_map(looked).transpose()? {
                Some(found) => Ok((found.found.offset, Some((ms, found)))),
                None => {
                    let cause = format!("{name} has no record at or after {}", utc(ms));
                    Err(Error::unusable(cause, "write an earlier time, or -1 for the last record"))
                }
            };
        }
    };
    let mend = format!("write an offset from {} to {last}", log.start);
    if offset < log.start {
        let cause = format!("{name} starts at offset {}: {offset} is deleted", log.start);
        return Err(Error::unusable(cause, mend));
    }
    if offset > last {
        let cause = format!("{name} ends with offset {last}: {offset} is not written yet");
        return Err(Error::unusable(cause, mend));
    }
    Ok((offset, None))
}

fn records(header: &BatchHeader, batch: &[u8], size: u64) -> Result<Vec<u8>, String> {
    if batch.len() as u64 != size {
        return Err(format!("a batch of {size} bytes is not read here"));
    }
    let behind = &batch[HEADER_SIZE..];
    match header.codec() {
        Some(Codec::None) => Ok(behind.to_vec()),
        Some(codec) => decompress(codec, behind).map_err(|error| error.to_string()),
        None => Err("its attributes name a codec that does not exist".to_string()),
    }
}

impl Explained {
    fn view(&self) -> &SegmentView {
        &self.inspected.log.views[self.segment]
    }

    fn size(&self) -> u64 {
        self.header.size().expect("a batch that was found has a size")
    }

    /// What its bytes give, if they were all read.
    fn crc(&self) -> Option<u32> {
        (self.batch.len() as u64 == self.size()).then(|| crc32c(&self.batch[CRC_RANGE_START..]))
    }

    fn is_compressed(&self) -> bool {
        self.header.codec() != Some(Codec::None)
    }

    /// The record, or the next one where it is gone; or why it cannot be shown.
    fn record(&self) -> Result<InBatch<'_>, String> {
        let bytes = self.records.as_ref().map_err(String::clone)?;
        let mut records = Records::new(bytes);
        let mut number = 0;
        loop {
            let left = records.bytes_left();
            let Some(record) = records.next() else {
                return Err(format!("no record of the batch has offset {} or a later one: compacted", self.offset));
            };
            let record = record.map_err(|torn| torn.to_string())?;
            number += 1;
            if self.header.base_offset + i64::from(record.offset_delta) >= self.offset {
                return Ok(InBatch { number, at: bytes.len() - left, size: left - records.bytes_left(), record });
            }
        }
    }

    fn timestamp_ms(&self, record: &Record) -> i64 {
        match self.header.is_log_append_time() {
            true => self.header.max_timestamp_ms,
            false => self.header.base_timestamp_ms.saturating_add(record.timestamp_delta_ms),
        }
    }

    /// Whether the record is on the disk, as far as the files say it, and the reason.
    fn durable(&self) -> (bool, Vec<String>) {
        let Inspected { recovery_point, is_clean, .. } = &self.inspected;
        let lines = |lines: &[&str]| lines.iter().map(|line| line.to_string()).collect();
        let says = match recovery_point {
            _ if *is_clean => {
                let why = [
                    "the last stop was clean: everything was synced before .kafka_cleanshutdown was written,",
                    "and nothing was written since",
                ];
                return (true, lines(&why));
            }
            Some(point) if self.offset < *point => {
                let why = format!("recovery-point-offset-checkpoint says {point} for this partition:");
                return (true, lines(&[&why, "everything below was synced before that line was written"]));
            }
            Some(point) => format!("recovery-point-offset-checkpoint says {point} for this partition:"),
            None => "recovery-point-offset-checkpoint has no line for this partition yet:".to_string(),
        };
        let why = [
            says.as_str(),
            "everything below that is on the disk, and this offset is not below. A running broker knows more:",
            "it moves the recovery point with each flush, and writes it into that file now and then.",
            "What was answered with acks=all is on the disk, whatever the file says",
        ];
        (false, lines(&why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_topic_partition_and_place() {
        let named = |text: &str| parse(text).map(|(name, place)| (name.to_string(), place)).ok();
        assert_eq!(named("a-b/12@7"), Some(("a-b-12".to_string(), Place::Offset(7))));
        assert_eq!(named("a/0@start"), Some(("a-0".to_string(), Place::Start)));
        assert_eq!(named("a/0@-1"), Some(("a-0".to_string(), Place::BeforeEnd(1))));
        assert_eq!(named("a/0@@1767225600000"), Some(("a-0".to_string(), Place::Time(1_767_225_600_000))));
        for text in ["a", "a/0", "a@0", "/0@0", "a/x@0", "a/-1@0", "a/0@", "a/0@end", "a/0@soon"] {
            assert_eq!(named(text), None, "{text}");
        }
    }
}
