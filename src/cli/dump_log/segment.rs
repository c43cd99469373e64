//! A segment's batches and, if asked, their records.
//!
//! Always true: every damaged place is a row of its own, and says where the next good batch begins. Offsets that are
//! missing between two good batches are told of, and are no damage: Kafka's compaction leaves such gaps.
//! Not done: the broker has no codec, so a compressed batch's records stay unseen; nor are those of a batch above 64 MiB shown.

use std::path::Path;

use crate::base::{quoted, utc, Offset, Result};
use crate::cli::dump_log::batches::{Batch, Damage, Part, Walk};
use crate::cli::dump_log::out::{Fields, Out};
use crate::cli::units;
use crate::record::header::{BatchHeader, Codec, HEADER_SIZE};
use crate::record::records::{Record, Records};

const COLUMNS: &str = "  position  offsets                 records      bytes  epoch  producer:epoch:sequence  codec   first and largest timestamp";

/// Bytes of records that are read at once.
const RECORDS_MAX: u64 = 64 << 20;

/// Bytes of a key or a value that are shown.
const SHOWN_MAX: usize = 60;

#[derive(Default)]
struct Totals {
    batches: u64,
    records: u64,
    first: Option<Offset>,
    largest_ms: Option<i64>,
}

/// Shows a segment; the offset behind its last batch.
pub fn dump(path: &Path, base: Option<Offset>, with_records: bool, out: &mut Out) -> Result<Option<Offset>> {
    let mut walk = Walk::open(path, base)?;
    let damages_before = out.damages();
    let mut totals = Totals::default();
    if walk.size() > 0 {
        out.columns(COLUMNS);
    }
    while let Some(part) = walk.next_part()?.filter(|_| !out.is_closed()) {
        match part {
            Part::Batch(batch) => {
                totals.add(&batch.header);
                show_batch(&batch, out);
                if with_records {
                    show_records(&mut walk, &batch, out)?;
                }
            }
            Part::Damage(damage) => show_damage(&damage, out),
        }
    }
    let damages = out.damages() - damages_before;
    totals.show(walk.size(), walk.expected(), damages, out);
    Ok(walk.expected())
}

/// A segment begins where the one before it ends.
pub fn check_follows(base: Offset, end: Offset, out: &mut Out) {
    let fields = || Fields::new().number("from", end).number("to", base);
    if base > end {
        let sentence = format!("  GAP: the segment before ends at offset {end}, this one begins at {base}");
        out.row("gap", fields(), &sentence);
    } else if base < end {
        let sentence = format!("  DAMAGED: the segment before reaches offset {end}, and this one begins at {base}");
        out.damage("overlap", fields(), &sentence);
    }
}

impl Totals {
    fn add(&mut self, header: &BatchHeader) {
        self.batches += 1;
        self.records = self.records.saturating_add(header.record_count.max(0) as u64);
        self.first.get_or_insert(header.base_offset);
        self.largest_ms = self.largest_ms.max(Some(header.max_timestamp_ms));
    }

    fn show(&self, size: u64, end: Option<Offset>, damages: u64, out: &mut Out) {
        let last = end.map_or(-1, |end| end.0 - 1);
        let mut sentence = match self.first {
            Some(first) => format!(
                "  {} batches, {} records, offsets {first} to {last}, {}, largest timestamp {}",
                self.batches,
                self.records,
                units::bytes(size),
                time(self.largest_ms.unwrap_or(-1)),
            ),
            None => format!("  no batch in {size} bytes"),
        };
        if damages > 0 {
            sentence += &format!("; DAMAGED in {damages} places");
        }
        let fields = Fields::new()
            .number("bytes", size)
            .number("batches", self.batches)
            .number("records", self.records)
            .number("first_offset", self.first.map_or(-1, |first| first.0))
            .number("last_offset", last)
            .number("damages", damages);
        out.summary(fields, &sentence);
    }
}

fn show_batch(Batch { position, header, expected }: &Batch, out: &mut Out) {
    let sentence = line(*position, header);
    let fields = batch_fields(*position, header).text("crc", "ok");
    match *expected {
        Some(expected) if header.base_offset > expected => {
            let last = header.base_offset - 1;
            let gap = format!("            GAP: offsets {expected} to {last} are missing, compacted by Kafka perhaps");
            out.row("gap", Fields::new().number("from", expected).number("to", header.base_offset), &gap);
            out.row("batch", fields, &sentence);
        }
        Some(expected) if header.base_offset < expected => {
            let why = format!("it begins before offset {expected}, where the batch before it ends");
            out.damage("batch", fields.text("why", &why), &format!("{sentence}  DAMAGED: {why}"));
        }
        _ => out.row("batch", fields, &sentence),
    }
}

fn show_damage(damage: &Damage, out: &mut Out) {
    let Damage { position, end, why, header, expected, next, gave_up } = damage;
    let mut sentence = match header {
        Some(header) => format!("{}\n            DAMAGED: {why}", line(*position, header)),
        None => format!("{position:>10}  DAMAGED: {why}"),
    };
    sentence += &format!("; {} bytes", end - position);
    sentence += &match (next, gave_up) {
        (Some(next), _) => format!(", the next good batch begins at {end} with offset {next}"),
        (None, false) => " to the end of the file, and no good batch in them".to_string(),
        (None, true) => " to the end of the file, too odd to look for more".to_string(),
    };
    let missing = expected.zip(*next).filter(|(expected, next)| expected < next);
    if let Some((expected, next)) = missing {
        sentence += &format!("; offsets {expected} to {} cannot be read", next - 1);
    }
    let fields = match header {
        Some(header) => batch_fields(*position, header),
        None => Fields::new().number("position", position),
    };
    let next = next.map_or(-1, |next| next.0);
    out.damage("damage", fields.text("why", why).number("end", end).number("next_offset", next), &sentence);
}

fn line(position: u64, header: &BatchHeader) -> String {
    let offsets = format!("{}..={}", header.base_offset, header.last_offset());
    let producer = match header.producer_id {
        -1 => "-".to_string(),
        id => format!("{id}:{}:{}", header.producer_epoch, header.base_sequence),
    };
    let mut marks = String::new();
    for (is_so, mark) in [
        (header.is_log_append_time(), "log-append-time"),
        (header.is_transactional(), "transactional"),
        (header.is_control(), "control"),
    ] {
        marks += &if is_so { format!("  {mark}") } else { String::new() };
    }
    format!(
        "{position:>10}  {offsets:<22} {:>8} {:>10} {:>6}  {producer:<23}  {:<6}  {} {}{marks}",
        header.record_count,
        header.size().unwrap_or(0),
        header.leader_epoch,
        codec_name(header),
        time(header.base_timestamp_ms),
        time(header.max_timestamp_ms),
    )
}

pub fn batch_fields(position: u64, header: &BatchHeader) -> Fields {
    Fields::new()
        .number("position", position)
        .number("base_offset", header.base_offset)
        .number("last_offset", header.last_offset())
        .number("records", header.record_count)
        .number("bytes", header.size().unwrap_or(0))
        .number("leader_epoch", header.leader_epoch)
        .number("producer_id", header.producer_id)
        .number("producer_epoch", header.producer_epoch)
        .number("base_sequence", header.base_sequence)
        .text("codec", codec_name(header))
        .number("base_timestamp_ms", header.base_timestamp_ms)
        .number("max_timestamp_ms", header.max_timestamp_ms)
        .number("is_log_append_time", header.is_log_append_time())
        .number("is_transactional", header.is_transactional())
        .number("is_control", header.is_control())
}

pub fn codec_name(header: &BatchHeader) -> &'static str {
    match header.codec() {
        Some(Codec::None) => "none",
        Some(Codec::Gzip) => "gzip",
        Some(Codec::Snappy) => "snappy",
        Some(Codec::Lz4) => "lz4",
        Some(Codec::Zstd) => "zstd",
        None => "?",
    }
}

/// Kafka's -1 means that there is none.
pub fn time(ms: i64) -> String {
    if ms < 0 {
        "-".to_string()
    } else {
        utc(ms)
    }
}

fn show_records(walk: &mut Walk, batch: &Batch, out: &mut Out) -> Result<()> {
    let header = &batch.header;
    let size = header.size().expect("a good batch has a size");
    let unseen = match header.codec() {
        Some(Codec::None) if size > RECORDS_MAX => format!("a batch of {size} bytes, its records are not shown"),
        Some(Codec::None) => String::new(),
        _ => format!("compressed with {}, which this build does not unpack", codec_name(header)),
    };
    if !unseen.is_empty() {
        let fields = Fields::new().number("position", batch.position).text("why", &unseen);
        out.row("records_not_shown", fields, &format!("            | {unseen}"));
        return Ok(());
    }
    let bytes = walk.records_of(batch)?;
    let mut records = Records::new(&bytes);
    let mut count = 0;
    loop {
        let in_batch = bytes.len() - records.bytes_left();
        let position = batch.position + (HEADER_SIZE + in_batch) as u64;
        match records.next() {
            Some(Ok(record)) => show_record(position, header, &record, out),
            Some(Err(_)) => {
                let sentence = format!("{position:>10}  | DAMAGED: no record, though the batch's CRC is right");
                out.damage("record", Fields::new().number("position", position), &sentence);
                return Ok(());
            }
            None => break,
        }
        count += 1;
    }
    if count != header.record_count {
        let why = format!("the header counts {} records, and there are {count}", header.record_count);
        let fields = Fields::new().number("position", batch.position).text("why", &why);
        out.damage("records", fields, &format!("            | DAMAGED: {why}"));
    }
    Ok(())
}

fn show_record(position: u64, header: &BatchHeader, record: &Record, out: &mut Out) {
    let offset = header.base_offset.0.saturating_add(i64::from(record.offset_delta));
    let timestamp_ms = match header.is_log_append_time() {
        true => header.max_timestamp_ms,
        false => header.base_timestamp_ms.saturating_add(record.timestamp_delta_ms),
    };
    let (key, value) = (shown(record.key), shown(record.value));
    let fields = Fields::new()
        .number("position", position)
        .number("offset", offset)
        .number("timestamp_ms", timestamp_ms)
        .number("key_bytes", record.key.map_or(-1, |key| key.len() as i64))
        .number("value_bytes", record.value.map_or(-1, |value| value.len() as i64))
        .text("key", &key)
        .text("value", &value);
    let sentence = format!("{position:>10}  | offset {offset}  {}  key {key}  value {value}", time(timestamp_ms));
    out.row("record", fields, &sentence);
}

/// The first bytes: as text where they are text, as hex digits where not.
pub fn shown(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "null".to_string() };
    let head = &bytes[..bytes.len().min(SHOWN_MAX)];
    let more = if head.len() < bytes.len() { format!("... ({} bytes)", bytes.len()) } else { String::new() };
    let text = match std::str::from_utf8(head) {
        Ok(text) => Some(text),
        // The last character may go on behind the head.
        Err(error) if error.error_len().is_none() && !more.is_empty() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    match text {
        Some(text) => format!("{}{more}", quoted(text)),
        None => format!("0x{}{more}", head.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}
