//! What is known of a record, for people: a paragraph for each step of its way.
//!
//! Always true: the header's fields are shown in their order in the file, each with its place.
//! Not done: nothing is cut to the width of a terminal.

use super::{Explained, InBatch};
use crate::base::{quoted, utc};
use crate::cli::dump_log::segment::{codec_name, shown, time};
use crate::record::header::{BatchHeader, HEADER_SIZE};
use crate::topic::on_disk::{EntryUsed, TimeLookUp};

/// Where the sentences begin.
const INDENT: usize = 12;

pub fn print(explained: &Explained) -> String {
    let mut text = format!("{}/{}@{}\n", explained.name.topic, explained.name.partition, explained.offset);
    if let Some((ms, look_up)) = &explained.by_time {
        text += &paragraph("time", &by_time(*ms, look_up));
    }
    text += &paragraph("segment", &segment(explained));
    text += &paragraph("index", &index(explained));
    text += &paragraph("batch", &batch(explained));
    text += &paragraph("record", &record(explained));
    text += &paragraph("page cache", &pages(explained));
    let (is_durable, why) = explained.durable();
    let verdict = if is_durable { "yes" } else { "not known from the files" };
    text += &paragraph("durable", &[vec![verdict.to_string()], why].concat());
    text
}

fn paragraph(name: &str, lines: &[String]) -> String {
    let mut text = String::from("\n");
    for (number, line) in lines.iter().enumerate() {
        text += &format!("{:<INDENT$}{line}\n", if number == 0 { name } else { "" });
    }
    text
}

fn by_time(ms: i64, TimeLookUp { found, largest_ms, entries, used }: &TimeLookUp) -> Vec<String> {
    let begin = match used {
        Some((number, entry)) => format!(
            "entry {number} of its .timeindex ({entries} entries of 12 bytes) says that up to offset {} nothing is later than {}: \
             the scan begins there",
            entry.last_offset,
            utc(entry.timestamp_ms)
        ),
        None => format!("none of the {entries} entries of its .timeindex is at or before it: the scan begins with the segment"),
    };
    vec![
        format!(
            "asked for {}: the first segment whose largest timestamp is at or after it, {}",
            utc(ms),
            utc(*largest_ms)
        ),
        begin,
        format!("the first record at or after it has offset {}, {}", found.offset, time(found.timestamp_ms)),
    ]
}

fn segment(explained: &Explained) -> Vec<String> {
    let view = explained.view();
    let count = explained.inspected.log.views.len();
    let state = if explained.segment + 1 == count { "the active one, appended to" } else { "closed" };
    vec![
        format!("{}, {} bytes", view.log.path().display(), view.size),
        format!(
            "segment {} of {count}, {state}: the last one whose name is not above {}",
            explained.segment + 1,
            explained.offset
        ),
    ]
}

fn index(explained: &Explained) -> Vec<String> {
    let look_up = &explained.look_up;
    let headers = match look_up.headers {
        1 => "1 header is read".to_string(),
        count => format!("{count} headers are read, each says where the next one is"),
    };
    let file = explained.view().log.path().with_extension("index");
    let mut lines = vec![format!("{}, entries of 8 bytes: {}", file.display(), look_up.entries)];
    lines.push(match &look_up.used {
        None => format!("none is at or below {}: from the segment's start, {headers}", explained.offset),
        Some(EntryUsed { number, last_offset, position, is_right }) => {
            let says = format!(
                "entry {number}, at byte {}: the batch at {position} ends with offset {last_offset}",
                u64::from(*number) * 8
            );
            match is_right {
                false => format!("{says}, which is WRONG: from the segment's start, {headers}"),
                true if *last_offset >= explained.offset => format!("{says}, and it is the one: {headers}"),
                true => format!("{says}, the last one below {}: from there, {headers}", explained.offset),
            }
        }
    });
    lines
}

fn batch(explained: &Explained) -> Vec<String> {
    let (header, position) = (&explained.header, explained.position);
    let mut lines = vec![
        format!(
            "bytes {position} to {}: {} bytes, offsets {} to {}",
            position + explained.size() - 1,
            explained.size(),
            header.base_offset,
            header.last_offset()
        ),
        "byte  field              value".to_string(),
    ];
    let rows = header_rows(header, explained.crc());
    lines.extend(
        rows.into_iter()
            .map(|(at, name, value, note)| format!("{at:>4}  {name:<17}  {value:<15}  {note}").trim_end().to_string()),
    );
    let before = explained.offset - header.base_offset;
    lines.push(format!("{HEADER_SIZE:>4}  records            {} bytes", explained.size() - HEADER_SIZE as u64));
    lines.push(match before {
        0 => format!("a fetch from offset {} is answered with the file from byte {position} on, unread", explained.offset),
        _ => format!(
            "a fetch from offset {} is answered with the file from byte {position} on, unread; the consumer skips what lies before it",
            explained.offset
        ),
    });
    lines
}

type Row = (usize, &'static str, String, String);

fn header_rows(header: &BatchHeader, crc: Option<u32>) -> Vec<Row> {
    let row = |at, name, value: &dyn std::fmt::Display, note: &str| (at, name, value.to_string(), note.to_string());
    let checked = match crc {
        Some(crc) if crc == header.crc => "matches the bytes from 21 on".to_string(),
        Some(crc) => format!("DAMAGED: the bytes from 21 on give {crc:08x}"),
        None => "not checked".to_string(),
    };
    let mut means = vec![format!("codec {}", codec_name(header))];
    means.push(if header.is_log_append_time() { "the broker's time" } else { "the producer's time" }.to_string());
    means.extend(header.is_transactional().then(|| "transactional".to_string()));
    means.extend(header.is_control().then(|| "control".to_string()));
    let idempotent = if header.producer_id < 0 { "not idempotent" } else { "" };
    vec![
        row(0, "base offset", &header.base_offset, "stamped by the broker"),
        row(8, "batch length", &header.batch_length, "bytes behind this field"),
        row(12, "leader epoch", &header.leader_epoch, "stamped by the broker"),
        row(16, "magic", &header.magic, "the format"),
        row(17, "CRC-32C", &format!("{:08x}", header.crc), &checked),
        row(21, "attributes", &format!("{:#06x}", header.attributes), &means.join(", ")),
        row(23, "last offset delta", &header.last_offset_delta, ""),
        row(27, "base timestamp", &header.base_timestamp_ms, &time(header.base_timestamp_ms)),
        row(35, "max timestamp", &header.max_timestamp_ms, &time(header.max_timestamp_ms)),
        row(43, "producer id", &header.producer_id, idempotent),
        row(51, "producer epoch", &header.producer_epoch, ""),
        row(53, "base sequence", &header.base_sequence, ""),
        row(57, "record count", &header.record_count, ""),
    ]
}

fn record(explained: &Explained) -> Vec<String> {
    let InBatch { number, at, size, record } = match explained.record() {
        Ok(found) => found,
        Err(why) => return vec![format!("not shown: {why}")],
    };
    let header = &explained.header;
    let of = format!("record {number} of {}, {size} bytes", header.record_count);
    let place = match explained.is_compressed() {
        true => format!("{of} at byte {at} of the records once they are decompressed, which is the consumer's work"),
        false => {
            let at = at + HEADER_SIZE;
            format!("{of} at byte {at} of the batch, byte {} of the file", explained.position + at as u64)
        }
    };
    let delta = i64::from(record.offset_delta);
    let offset = header.base_offset + delta;
    let mut lines = vec![place];
    if offset > explained.offset {
        lines.push(format!(
            "offset {} itself is gone, compacted by Kafka perhaps: this is the next one",
            explained.offset
        ));
    }
    let timestamp = match header.is_log_append_time() {
        true => "the batch's max timestamp".to_string(),
        false => format!("{} + {}", header.base_timestamp_ms, record.timestamp_delta_ms),
    };
    lines.push(format!("offset     {offset} = {} + {delta}", header.base_offset));
    lines.push(format!("timestamp  {} = {timestamp}", time(explained.timestamp_ms(&record))));
    lines.push(format!("key        {}", shown(record.key)));
    lines.push(format!("value      {}", shown(record.value)));
    let headers = record
        .headers
        .map(|(name, value)| format!("{}={}", quoted(&String::from_utf8_lossy(name)), shown(value)));
    let headers: Vec<String> = headers.collect();
    if !headers.is_empty() {
        lines.push(format!("headers    {}", headers.join(", ")));
    }
    lines
}

fn pages(explained: &Explained) -> Vec<String> {
    let pages = match &explained.pages {
        Ok(pages) => pages,
        Err(error) => return vec![format!("not known: {error}")],
    };
    let dirty = match pages.dirty {
        None => "which of them are dirty this kernel does not tell".to_string(),
        Some(0) => "none of them is dirty: the kernel has written back all that it was given".to_string(),
        Some(1) => "1 of them is dirty: changed, by this batch or a neighbour, and not written back yet".to_string(),
        Some(count) => {
            format!("{count} of them are dirty: changed, by this batch or a neighbour, and not written back yet")
        }
    };
    vec![
        format!(
            "{} of the batch's {} pages are in memory, from byte {} of the file on",
            pages.in_memory, pages.count, pages.position
        ),
        dirty,
    ]
}
