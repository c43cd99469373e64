//! The entries of a segment's indexes, as Kafka prints them.
//!
//! `.index`: u32 relative offset of a batch's last record, u32 position; `.timeindex`: i64 timestamp in ms, u32 relative offset.
//!
//! Always true: entries of zeros behind the first one, which Kafka leaves in the file of its active segment, end the file.
//! Not done: a timestamp is held against the largest one in the batch's header, where Kafka's tool asks its records.

use std::path::{Path, PathBuf};

use super::log::{batch_at, failed, size};
use super::{absolute, base_offset, Asked, Out, Wrong};
use crate::cli::remote::{Done, Failure};
use crate::os::fs;

const OFFSET_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;

/// All entries of a file; Kafka's are at most 10 MiB by default.
fn entries<const N: usize>(path: &Path) -> Result<(Vec<[u8; N]>, bool), Failure> {
    size(path)?;
    let bytes = fs::read(path).map_err(failed)?.unwrap_or_default();
    let (entries, torn) = bytes.as_chunks::<N>();
    Ok((entries.to_vec(), !torn.is_empty()))
}

fn offset_entry(base: i64, entry: &[u8; OFFSET_ENTRY]) -> (i64, u64) {
    let [a, b, c, d, e, f, g, h] = *entry;
    let (relative, position) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    (base.wrapping_add(i64::from(relative)), u64::from(position))
}

fn time_entry(base: i64, entry: &[u8; TIME_ENTRY]) -> (i64, i64) {
    let (timestamp, relative) = entry.split_first_chunk::<8>().expect("an entry has more bytes");
    let relative = u32::from_be_bytes(*relative.first_chunk().expect("four are left"));
    (i64::from_be_bytes(*timestamp), base.wrapping_add(i64::from(relative)))
}

/// The file of the same segment with another ending.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.with_file_name(format!("{}.{suffix}", name.split('.').next().unwrap_or_default()))
}

/// What a start would say of an index.
fn corrupt(path: &Path, why: &str) -> Failure {
    Failure::Failed(format!("{}: the index is corrupt: {why}", path.display()))
}

pub fn dump_offsets(path: &Path, asked: &Asked, out: &mut Out, wrong: &mut Wrong) -> Done {
    let base = base_offset(path)?;
    let log = beside(path, "log");
    let end = size(&log)?;
    let file = fs::open_read(&log).map_err(failed)?;
    let (entries, is_torn) = entries::<OFFSET_ENTRY>(path)?;
    let Some(last) = entries.last() else {
        out.line(&format!("{} is empty.", path.display()));
        return Ok(());
    };
    if asked.is_sanity_only {
        if is_torn || offset_entry(base, last).0 < base {
            return Err(corrupt(
                path,
                if is_torn { "its size is not one of whole entries" } else { "its last offset" },
            ));
        }
        out.line(&format!("{} passed sanity check.", path.display()));
        return Ok(());
    }
    for (number, entry) in entries.iter().enumerate() {
        let (offset, position) = offset_entry(base, entry);
        if offset == base && number > 0 {
            return Ok(());
        }
        let until = end.min(position.saturating_add(asked.batch_bytes_max));
        let Some(batch) = batch_at(&file, &log, position, until)? else {
            return Err(Failure::Failed(format!(
                "{}: no batch lies at {position}, where an entry points to",
                log.display()
            )));
        };
        let found = batch.header.last_offset().0;
        if found != offset {
            let line = format!("Index offset: {offset}, log offset: {found}");
            wrong.mismatches.entry(absolute(path)).or_default().insert(0, line);
        }
        if !asked.verifies_only {
            out.line(&format!("offset: {offset} position: {position}"));
        }
    }
    Ok(())
}

pub fn dump_times(path: &Path, asked: &Asked, out: &mut Out, wrong: &mut Wrong) -> Done {
    let base = base_offset(path)?;
    let (log, index) = (beside(path, "log"), beside(path, "index"));
    let end = size(&log)?;
    let file = fs::open_read(&log).map_err(failed)?;
    let (places, _) = entries::<OFFSET_ENTRY>(&index)?;
    let places: Vec<(i64, u64)> = places.iter().map(|entry| offset_entry(base, entry)).collect();
    let (entries, is_torn) = entries::<TIME_ENTRY>(path)?;
    if asked.is_sanity_only {
        let ends = entries
            .first()
            .zip(entries.last())
            .map(|(first, last)| (time_entry(base, first), time_entry(base, last)));
        let goes_back = ends.is_some_and(|(first, last)| last.0 < first.0 || last.1 < base);
        if is_torn || goes_back {
            return Err(corrupt(path, if is_torn { "its size is not one of whole entries" } else { "its last entry" }));
        }
        out.line(&format!("{} passed sanity check.", path.display()));
        return Ok(());
    }
    let mut before_ms = -1;
    for (number, entry) in entries.iter().enumerate() {
        let (timestamp_ms, offset) = time_entry(base, entry);
        if offset == base && number > 0 {
            return Ok(());
        }
        // The last place at or before it; zeros at the end are none.
        let known = places.iter().enumerate().take_while(|(number, (at, _))| *number == 0 || *at != base);
        let place = known.map(|(_, place)| place).take_while(|(at, _)| *at <= offset).last();
        let mut at = place.map_or(0, |(_, position)| *position);
        let found = loop {
            match batch_at(&file, &log, at, end)? {
                Some(batch) if batch.header.last_offset().0 < offset => at += batch.bytes.len() as u64,
                found => break found.map(|batch| batch.header),
            }
        };
        match found {
            Some(header) if header.last_offset().0 == offset => {
                if header.max_timestamp_ms != timestamp_ms {
                    let line = format!("Index timestamp: {timestamp_ms}, log timestamp: {}", header.max_timestamp_ms);
                    wrong.timestamps.entry(absolute(path)).or_default().push(line);
                }
                if before_ms >= timestamp_ms {
                    let line = format!("Index timestamp: {timestamp_ms}, Previously indexed timestamp: {before_ms}");
                    wrong.out_of_order.entry(absolute(path)).or_default().push(line);
                }
            }
            other => {
                let found = other.map_or(-1, |header| header.last_offset().0);
                wrong.not_found.push(format!("Indexed offset: {offset}, found log offset: {found}"));
            }
        }
        if !asked.verifies_only {
            out.line(&format!("timestamp: {timestamp_ms} offset: {offset}"));
        }
        before_ms = timestamp_ms;
    }
    Ok(())
}
