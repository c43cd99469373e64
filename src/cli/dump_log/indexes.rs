//! The entries of a segment's indexes, each held against the batch that it speaks of.
//!
//! Always true: an entry is right when it would be believed by a look-up. Entries of zeros behind the last one, which
//! Kafka leaves in the file of its active segment, are told of as one, and are no damage.
//! Not done: an index without its segment is shown, and its entries are not checked.

use std::path::Path;

use crate::base::{utc, Offset, Result};
use crate::cli::dump_log::batches::{Part, Walk};
use crate::cli::dump_log::out::{Fields, Out};
use crate::os::fs;
use crate::record::header::{BatchHeader, HEADER_SIZE};

/// Entries that are read at once.
const ENTRIES: usize = 4 << 10;

/// Reads a file of entries of `N` bytes, bounded pieces at a time.
fn for_each_entry<const N: usize>(path: &Path, mut see: impl FnMut(u64, [u8; N]) -> Result<()>) -> Result<Shape> {
    let file = fs::open_read(path)?;
    let size = fs::size(path)?.unwrap_or(0);
    let mut bytes = vec![0; N * ENTRIES];
    let (mut number, mut zeros) = (0, 0);
    loop {
        let got = fs::read_at(&file, path, &mut bytes, number * N as u64)?;
        let (entries, _) = bytes[..got].as_chunks::<N>();
        for entry in entries {
            // The first entry may well be of zeros: relative offset 0 at position 0.
            let is_zero = number > 0 && entry.iter().all(|byte| *byte == 0);
            zeros = if is_zero { zeros + 1 } else { 0 };
            if !is_zero {
                see(number, *entry)?;
            }
            number += 1;
        }
        if entries.len() < ENTRIES {
            return Ok(Shape { size, entries: number, zeros, torn: size.saturating_sub(number * N as u64) });
        }
    }
}

struct Shape {
    size: u64,
    entries: u64,
    /// Entries of zeros at the end.
    zeros: u64,
    /// Bytes behind the last whole entry.
    torn: u64,
}

impl Shape {
    fn show(&self, wrong: u64, out: &mut Out) {
        let mut wrong = wrong;
        if self.torn > 0 {
            wrong += 1;
            let sentence = format!("      DAMAGED: {} bytes behind the last entry", self.torn);
            out.damage("torn", Fields::new().number("bytes", self.torn), &sentence);
        }
        let mut sentence = format!("  {} entries in {} bytes", self.entries - self.zeros, self.size);
        if self.zeros > 0 {
            sentence += &format!(", {} entries of zeros behind them", self.zeros);
        }
        if wrong > 0 {
            sentence += &format!("; {wrong} WRONG: the broker scans instead, and a start makes the index anew");
        }
        let fields = Fields::new().number("bytes", self.size).number("entries", self.entries - self.zeros);
        out.summary(fields.number("zeros", self.zeros).number("damages", wrong), &sentence);
    }
}

/// `.index`: u32 relative offset of a batch's last record, u32 position where the batch begins.
pub fn dump_offsets(path: &Path, base: Offset, out: &mut Out) -> Result<()> {
    let log = beside(path);
    let size = fs::size(&log)?;
    let file = size.map(|_| fs::open_read(&log)).transpose()?;
    let mut wrong = 0;
    let mut before: Option<(u32, u32)> = None;
    out.columns("     entry  last offset          position");
    let shape = for_each_entry(path, |number, entry: [u8; 8]| {
        let [a, b, c, d, e, f, g, h] = entry;
        let (relative, position) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        let last_offset = i128::from(base.0) + i128::from(relative);
        let rises = before.is_none_or(|(offset, place)| relative > offset && position > place);
        let why = match &file {
            _ if !rises => Some("it does not lie behind the entry before it".to_string()),
            None => None,
            Some(file) => {
                let mut header = [0; HEADER_SIZE];
                let got = fs::read_at(file, &log, &mut header, u64::from(position))?;
                pointed_wrong(&header[..got], last_offset)
            }
        };
        if why.is_none() {
            before = Some((relative, position));
        }
        wrong += u64::from(why.is_some());
        let fields = Fields::new()
            .number("entry", number)
            .number("last_offset", last_offset)
            .number("position", position);
        show("offset_entry", fields, format!("{number:>10}  {last_offset:<19}  {position}"), why, out);
        Ok(())
    })?;
    shape.show(wrong, out);
    Ok(())
}

/// Why no batch with this last offset begins with these bytes.
fn pointed_wrong(bytes: &[u8], last_offset: i128) -> Option<String> {
    let header = BatchHeader::parse(bytes).filter(|header| header.is_plausible_at(Offset(0)));
    let Some(header) = header else { return Some("no batch begins there".to_string()) };
    let found = header.last_offset();
    (i128::from(found.0) != last_offset).then(|| format!("the batch there ends with offset {found}"))
}

/// `.timeindex`: i64 timestamp in ms, u32 relative offset: up to here no timestamp is larger, and here is one that large.
pub fn dump_times(path: &Path, base: Offset, out: &mut Out) -> Result<()> {
    let log = beside(path);
    let mut headers = match fs::exists(&log) {
        true => Some(Headers { walk: Walk::open(&log, Some(base))?, last: None, largest_ms: i64::MIN }),
        false => None,
    };
    let mut wrong = 0;
    let mut before: Option<(i64, u32)> = None;
    out.columns("     entry  offset               largest timestamp up to there");
    let shape = for_each_entry(path, |number, entry: [u8; 12]| {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = entry;
        let timestamp_ms = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let relative = u32::from_be_bytes([i, j, k, l]);
        let offset = i128::from(base.0) + i128::from(relative);
        let rises = before.is_none_or(|(time, place)| timestamp_ms > time && relative > place);
        let why = match &mut headers {
            _ if !rises => Some("it does not lie behind the entry before it".to_string()),
            None => None,
            Some(headers) => headers.timed_wrong(timestamp_ms, offset)?,
        };
        if why.is_none() {
            before = Some((timestamp_ms, relative));
        }
        wrong += u64::from(why.is_some());
        let fields =
            Fields::new().number("entry", number).number("timestamp_ms", timestamp_ms).number("offset", offset);
        show("time_entry", fields, format!("{number:>10}  {offset:<19}  {}", utc(timestamp_ms)), why, out);
        Ok(())
    })?;
    shape.show(wrong, out);
    Ok(())
}

/// The batches of a segment, walked once beside the entries.
struct Headers {
    walk: Walk,
    last: Option<BatchHeader>,
    /// Of all batches up to and including the last one.
    largest_ms: i64,
}

impl Headers {
    /// Why no batch with this offset has that timestamp, or an earlier one a larger.
    fn timed_wrong(&mut self, timestamp_ms: i64, offset: i128) -> Result<Option<String>> {
        let reaches = |header: &BatchHeader| i128::from(header.last_offset().0) >= offset;
        while !self.last.as_ref().is_some_and(reaches) {
            match self.walk.next_part()? {
                Some(Part::Batch(batch)) => {
                    self.largest_ms = self.largest_ms.max(batch.header.max_timestamp_ms);
                    self.last = Some(batch.header);
                }
                Some(Part::Damage(_)) => {}
                None => return Ok(Some("the segment ends before that offset".to_string())),
            }
        }
        let Some(header) = self.last.filter(|header| i128::from(header.base_offset.0) <= offset) else {
            return Ok(Some("no good batch holds that offset".to_string()));
        };
        let found = header.max_timestamp_ms;
        if found != timestamp_ms {
            return Ok(Some(format!("the batch with that offset has {}", utc(found))));
        }
        let is_largest = self.largest_ms <= timestamp_ms;
        Ok((!is_largest).then(|| format!("a batch before it has {}", utc(self.largest_ms))))
    }
}

fn show(row: &str, fields: Fields, line: String, why: Option<String>, out: &mut Out) {
    match why {
        None => out.row(row, fields, &line),
        Some(why) => out.damage(row, fields.text("why", &why), &format!("{line}  WRONG: {why}")),
    }
}

/// The segment of an index: the file beside it of the same name, also while both wait to be unlinked.
fn beside(index: &Path) -> std::path::PathBuf {
    let name = index.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let deleted = if name.ends_with(".deleted") { ".deleted" } else { "" };
    let stem = name.split('.').next().unwrap_or_default();
    index.with_file_name(format!("{stem}.log{deleted}"))
}
