//! The batches of a segment and, if asked, their records, as Kafka prints them.
//!
//! Always true: the walk goes by the lengths that headers claim and ends at the first batch that is not whole, as Kafka's;
//! a batch whose CRC is wrong is shown as such, and the walk goes on.
//! Not done: nothing goes on behind a batch that is not whole; the other dump-log does.

use std::fs::File;
use std::path::Path;

use super::offsets::decode;
use super::{absolute, base_offset, Asked, Decoder, Out, Wrong};
use crate::cli::remote::{Done, Failure};
use crate::client::consumer::decompress;
use crate::os::fs;
use crate::record::header::{crc_matches, BatchHeader, Codec, HEADER_SIZE, LOG_OVERHEAD};
use crate::record::records::{Record, Records};

/// Kafka reads no batch out of fewer bytes: offset, length and an old record's header.
const SIZE_MIN: i32 = 14;
/// Bytes up to and with the magic byte.
const UP_TO_MAGIC: u64 = 17;
/// The base timestamp is a time after which a cleaner may delete.
const DELETE_HORIZON_BIT: i16 = 0x40;

/// A batch, all of it.
pub struct Batch {
    pub position: u64,
    pub header: BatchHeader,
    pub bytes: Vec<u8>,
}

pub fn dump(path: &Path, asked: &Asked, out: &mut Out, wrong: &mut Wrong) -> Done {
    out.line(&format!("Log starting offset: {}", base_offset(path)?));
    let size = size(path)?.min(asked.bytes_max);
    let file = fs::open_read(path).map_err(failed)?;
    let mut at = 0;
    let mut last = -1;
    while let Some(batch) = batch_at(&file, path, at, size)? {
        out.line(&heading(&batch));
        if asked.is_deep {
            let mut note = |offset: i64| {
                if last != -1 && offset != last + 1 {
                    let line = format!("{last} is followed by {offset}");
                    wrong.gaps.entry(absolute(path)).or_default().insert(0, line);
                }
                last = offset;
            };
            show_records(&batch, asked, path, out, &mut note)?;
        }
        at += batch.bytes.len() as u64;
        if out.is_closed {
            return Ok(());
        }
    }
    if at < size && asked.bytes_max == i32::MAX as u64 {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        out.line(&format!("Found {} invalid bytes at the end of {name}", size - at));
    }
    Ok(())
}

pub fn failed(error: crate::base::Error) -> Failure {
    Failure::Failed(error.to_string())
}

/// Of a file that has to be there.
pub fn size(path: &Path) -> Result<u64, Failure> {
    let missing = || Failure::Failed(format!("{}: there is no such file", path.display()));
    fs::size(path).map_err(failed)?.ok_or_else(missing)
}

/// The batch at a place, none if the file ends before it does.
pub fn batch_at(file: &File, path: &Path, at: u64, end: u64) -> Result<Option<Batch>, Failure> {
    if at + UP_TO_MAGIC >= end {
        return Ok(None);
    }
    let mut head = [0; HEADER_SIZE];
    fs::read_at(file, path, &mut head, at).map_err(failed)?;
    let header = BatchHeader::parse(&head).expect("as many bytes as a header has");
    let wrong = |why: String| Failure::Failed(format!("{} at {at}: {why}", path.display()));
    if header.batch_length < SIZE_MIN {
        let size = header.batch_length;
        return Err(wrong(format!("a record size of {size}, smaller than the minimum record overhead ({SIZE_MIN})")));
    }
    let size = header.batch_length as u64 + LOG_OVERHEAD as u64;
    if at + size > end {
        return Ok(None);
    }
    if header.magic != 2 {
        return Err(wrong(format!("magic {}: formats before v2 are not shown here", header.magic)));
    }
    if size < HEADER_SIZE as u64 {
        return Err(wrong(format!("a batch of {size} bytes, fewer than a header has")));
    }
    let mut bytes = vec![0; size as usize];
    let got = fs::read_at(file, path, &mut bytes, at).map_err(failed)?;
    bytes.truncate(got);
    // The file may have become shorter meanwhile.
    Ok((got as u64 == size).then_some(Batch { position: at, header, bytes }))
}

fn heading(Batch { position, header, bytes }: &Batch) -> String {
    let BatchHeader { base_offset, record_count, base_sequence, producer_id, producer_epoch, leader_epoch, .. } =
        header;
    let horizon = match header.attributes & DELETE_HORIZON_BIT {
        0 => String::from("OptionalLong.empty"),
        _ => format!("OptionalLong[{}]", header.base_timestamp_ms),
    };
    format!(
        "baseOffset: {base_offset} lastOffset: {} count: {record_count} baseSequence: {base_sequence} lastSequence: {} producerId: \
         {producer_id} producerEpoch: {producer_epoch} partitionLeaderEpoch: {leader_epoch} isTransactional: {} isControl: {} \
         deleteHorizonMs: {horizon} position: {position} {}: {} size: {} magic: {} compresscodec: {} crc: {} isvalid: {}",
        base_offset.0.wrapping_add(i64::from(header.last_offset_delta)),
        sequence(*base_sequence, header.last_offset_delta),
        header.is_transactional(),
        header.is_control(),
        timestamp_type(header),
        header.max_timestamp_ms,
        bytes.len(),
        header.magic,
        codec_name(header).unwrap_or("unknown"),
        header.crc,
        crc_matches(bytes, header),
    )
}

fn timestamp_type(header: &BatchHeader) -> &'static str {
    match header.is_log_append_time() {
        true => "LogAppendTime",
        false => "CreateTime",
    }
}

fn codec_name(header: &BatchHeader) -> Option<&'static str> {
    Some(match header.codec()? {
        Codec::None => "none",
        Codec::Gzip => "gzip",
        Codec::Snappy => "snappy",
        Codec::Lz4 => "lz4",
        Codec::Zstd => "zstd",
    })
}

/// Sequences begin at 0 again behind the largest one; -1 is none.
fn sequence(base: i32, delta: i32) -> i32 {
    match base {
        -1 => -1,
        _ if base > i32::MAX.wrapping_sub(delta) => delta.wrapping_sub(i32::MAX.wrapping_sub(base)).wrapping_sub(1),
        _ => base.wrapping_add(delta),
    }
}

fn show_records(batch: &Batch, asked: &Asked, path: &Path, out: &mut Out, note: &mut impl FnMut(i64)) -> Done {
    let Batch { position, header, bytes } = batch;
    let wrong = |why: &str| Failure::Failed(format!("{} at {position}: {why}", path.display()));
    let packed = &bytes[HEADER_SIZE..];
    let unpacked = match header.codec().ok_or_else(|| wrong("no codec has the batch's number"))? {
        Codec::None => None,
        codec => Some(decompress(codec, packed).map_err(|error| wrong(&error.to_string()))?),
    };
    let mut count = 0;
    for record in Records::new(unpacked.as_deref().unwrap_or(packed)) {
        let record = record.map_err(|_| wrong("a record of the batch cannot be read"))?;
        if count == header.record_count {
            return Err(wrong("incorrect declared batch size, records still remaining in file"));
        }
        let offset = header.base_offset.0.wrapping_add(i64::from(record.offset_delta));
        note(offset);
        count += 1;
        let line = record_line(header, &record, offset, asked)
            .ok_or_else(|| wrong("a key or value is too short for its decoder"))?;
        out.line(&line);
    }
    match count == header.record_count {
        true => Ok(()),
        false => Err(wrong("incorrect declared batch size, premature EOF reached")),
    }
}

/// None: a decoder wants more bytes.
fn record_line(header: &BatchHeader, record: &Record, offset: i64, asked: &Asked) -> Option<String> {
    let mut line = String::new();
    let mut prefix = "| ";
    if !asked.skips_metadata {
        let timestamp_ms = match header.is_log_append_time() {
            true => header.max_timestamp_ms,
            false => header.base_timestamp_ms.wrapping_add(record.timestamp_delta_ms),
        };
        let length = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
        let names: Vec<_> = record.headers.map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        line += &format!(
            "{prefix}offset: {offset} {}: {timestamp_ms} keySize: {} valueSize: {} sequence: {} headerKeys: [{}]",
            timestamp_type(header),
            length(record.key),
            length(record.value),
            sequence(header.base_sequence, record.offset_delta),
            names.join(",")
        );
        if header.is_control() {
            line += &marker(record);
        }
        prefix = " ";
    }
    let Some((of_key, of_value)) = asked.decoders.filter(|_| !header.is_control()) else { return Some(line) };
    let (key, value) = match of_key {
        Decoder::Offsets => decode(record, offset),
        _ => (record.key.map(|key| of_key.show(key)), record.value.map(|value| of_value.show(value))),
    };
    if let Some(key) = key {
        line += &format!("{prefix}key: {}", key?);
    }
    if let Some(value) = value {
        line += &format!(" payload: {}", value?);
    }
    Some(line)
}

/// What a control record is: its key is i16 version, i16 type; an end marker's value i16 version, i32 coordinator epoch.
fn marker(record: &Record) -> String {
    let i16_at = |bytes: Option<&[u8]>, at: usize| bytes.and_then(|bytes| bytes.get(at..)?.first_chunk::<2>().copied());
    let kind = i16_at(record.key, 2).map(i16::from_be_bytes);
    let epoch = record
        .value
        .and_then(|value| value.get(2..)?.first_chunk::<4>().copied())
        .map_or(0, i32::from_be_bytes);
    match kind {
        Some(0) => format!(" endTxnMarker: ABORT coordinatorEpoch: {epoch}"),
        Some(1) => format!(" endTxnMarker: COMMIT coordinatorEpoch: {epoch}"),
        Some(2) => String::from(" controlType: LEADER_CHANGE(2)"),
        Some(3) => String::from(" controlType: SNAPSHOT_HEADER(3)"),
        Some(4) => String::from(" controlType: SNAPSHOT_FOOTER(4)"),
        Some(5) => String::from(" controlType: KRAFT_VERSION(5)"),
        Some(6) => String::from(" controlType: KRAFT_VOTERS(6)"),
        other => format!(" controlType: UNKNOWN({})", other.unwrap_or(-1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_begin_anew_behind_the_largest() {
        for (base, delta, last) in
            [(-1, 4, -1), (0, 0, 0), (5, 4, 9), (i32::MAX, 0, i32::MAX), (i32::MAX, 1, 0), (i32::MAX - 1, 4, 2)]
        {
            assert_eq!(sequence(base, delta), last, "{base} {delta}");
        }
    }
}
