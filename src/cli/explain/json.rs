//! What is known of a record as one JSON object: the same facts as [`super::text`], without its sentences.
//!
//! Always true: what is not known is null. Keys and values are cut after 60 bytes, as `dump-log` has them.
//! Not done: a record's headers are not in it.

use super::{Explained, InBatch};
use crate::cli::dump_log::out::Fields;
use crate::cli::dump_log::segment::{batch_fields, shown};
use crate::record::header::HEADER_SIZE;

pub fn print(explained: &Explained) -> String {
    let (is_durable, why) = explained.durable();
    let named = Fields::new()
        .text("topic", &explained.name.topic)
        .number("partition", explained.name.partition)
        .number("offset", explained.offset);
    let all = match &explained.by_time {
        None => named,
        Some((ms, look_up)) => {
            let entry = look_up.used.map(|(number, entry)| {
                Fields::new()
                    .number("number", number)
                    .number("timestamp_ms", entry.timestamp_ms)
                    .number("last_offset", entry.last_offset)
            });
            let time = Fields::new()
                .number("asked_ms", ms)
                .number("segment_largest_ms", look_up.largest_ms)
                .number("entries", look_up.entries)
                .object("entry", entry);
            named.object("time", Some(time))
        }
    };
    let all = all
        .object("segment", Some(segment(explained)))
        .object("index", Some(index(explained)))
        .object("batch", Some(batch(explained)))
        .object("record", record(explained))
        .object("page_cache", pages(explained))
        .text("durable", if is_durable { "yes" } else { "unknown" })
        .text("durable_because", &why.join(" "));
    format!("{}\n", all.into_object())
}

fn segment(explained: &Explained) -> Fields {
    let view = explained.view();
    Fields::new()
        .text("file", &view.log.path().display().to_string())
        .number("base_offset", view.base_offset)
        .number("bytes", view.size)
        .number("number", explained.segment + 1)
        .number("of", explained.inspected.log.views.len())
}

fn index(explained: &Explained) -> Fields {
    let entry = explained.look_up.used.as_ref().map(|used| {
        Fields::new()
            .number("number", used.number)
            .number("last_offset", used.last_offset)
            .number("position", used.position)
            .number("is_right", used.is_right)
    });
    Fields::new()
        .number("entries", explained.look_up.entries)
        .object("entry", entry)
        .number("headers_read", explained.look_up.headers)
}

fn batch(explained: &Explained) -> Fields {
    let crc_matches = explained.crc().map_or("null".to_string(), |crc| (crc == explained.header.crc).to_string());
    batch_fields(explained.position, &explained.header).number("crc_matches", crc_matches)
}

fn record(explained: &Explained) -> Option<Fields> {
    let InBatch { number, at, size, record } = explained.record().ok()?;
    let place = match explained.is_compressed() {
        true => "null".to_string(),
        false => (explained.position + (HEADER_SIZE + at) as u64).to_string(),
    };
    let fields = Fields::new()
        .number("offset", explained.header.base_offset + i64::from(record.offset_delta))
        .number("number", number)
        .number("of", explained.header.record_count)
        .number("position", place)
        .number("bytes", size)
        .number("timestamp_ms", explained.timestamp_ms(&record))
        .text("key", &shown(record.key))
        .text("value", &shown(record.value));
    Some(fields)
}

fn pages(explained: &Explained) -> Option<Fields> {
    let pages = explained.pages.as_ref().ok()?;
    let fields = Fields::new()
        .number("position", pages.position)
        .number("pages", pages.count)
        .number("pages_in_memory", pages.in_memory)
        .number("pages_dirty", pages.dirty.map_or("null".to_string(), |dirty| dirty.to_string()));
    Some(fields)
}
