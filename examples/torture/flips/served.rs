//! A sample of the harmed directories, served by the real broker and read by clients that check every CRC: one of our own,
//! which judges, and kcat where it is there, which must get all of a partition that is whole.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::Command;
use std::sync::Arc;

use sendlog::base::ErrorCode;
use sendlog::record::header::crc_matches;
use sendlog::record::records::Records;
use sendlog::record::BatchHeader;
use sendlog::wire::messages::list_offsets::{EARLIEST, LATEST};

use super::image::{Image, PARTITIONS};
use super::Case;
use crate::broker::{scratch, Broker, Client};
use crate::trial::Random;

/// The log end offset of each partition.
const END: i64 = 48;

/// How many cases a broker served, and how many whole partitions of them kcat read too.
#[derive(Clone, Copy, Default)]
pub struct Served {
    pub cases: usize,
    pub by_kcat: usize,
}

/// Tries so many cases.
pub fn try_some(image: &Image, cases: &[Case], count: usize, random: &mut Random) -> Result<Served, String> {
    let mut served = Served::default();
    for _ in 0..count {
        let (number, harm) = cases[random.below(cases.len() as u64) as usize];
        let data = Arc::new(scratch());
        let root = data.path().join("data");
        std::fs::create_dir(&root).unwrap();
        image.restore(&root);
        let (path, bytes) = &image.files[number];
        let mut bytes = bytes.clone();
        harm.apply(&mut bytes);
        std::fs::write(root.join(path), bytes).unwrap();
        // A start that is refused says why, and that is all.
        let Ok(broker) = catch_unwind(AssertUnwindSafe(|| Broker::on(data.clone(), &[]))) else { continue };
        served.cases += 1;
        let seen: Result<(), String> = (0..PARTITIONS).try_for_each(|partition| {
            if read(&broker, partition)? == Reading::Whole {
                served.by_kcat += usize::from(read_by_kcat(&broker, partition)?);
            }
            Ok(())
        });
        let path = path.display();
        seen.map_err(|why| format!("{}, {path}, {harm:?}, served: {why}; {:#?}", image.what, broker.log()))?;
        broker.kill();
    }
    Ok(served)
}

/// What came of reading a partition.
#[derive(PartialEq)]
enum Reading {
    /// Every record that was acked is at its offset.
    Whole,
    /// The log says that something is wrong, or the client sees it: by a CRC, or in a header's fields outside of it.
    Harmed,
}

/// Reads a partition to its end.
fn read(broker: &Broker, partition: i32) -> Result<Reading, String> {
    let mut client = broker.connect();
    let told = |what: String| match broker.warns_beyond("the last stop was not clean") {
        true => Ok(Reading::Harmed),
        false => Err(format!("{what}, and no line says why")),
    };
    let error = |client: &mut Client, timestamp| client.list_offset("demo", partition, timestamp);
    let (start, end) = (error(&mut client, EARLIEST), error(&mut client, LATEST));
    if !start.error_code.is_none() || !end.error_code.is_none() {
        return told(format!("partition {partition}: {}", start.error_code));
    }
    let (mut next, mut expected) = (start.offset, first_offset(partition));
    while next < end.offset {
        let fetched = client.fetch("demo", partition, next);
        if fetched.error() == ErrorCode::KAFKA_STORAGE_ERROR {
            return told(format!("partition {partition} at {next}: {}", fetched.error()));
        }
        let (before, mut rest) = (next, fetched.records.as_slice());
        while let Some(header) = BatchHeader::parse(rest) {
            let Some((batch, behind)) = header.size().and_then(|size| rest.split_at_checked(size as usize)) else {
                break;
            };
            if !crc_matches(batch, &header) {
                return Ok(Reading::Harmed); // as they lie: the client's CRC has judged
            }
            for record in Records::new(&batch[61..]) {
                let record = record.map_err(|_| "a torn record under a good CRC")?;
                let offset = header.base_offset.0 + i64::from(record.offset_delta);
                let value = format!("{partition}:{offset}:");
                if !record.value.is_some_and(|found| found.starts_with(value.as_bytes())) {
                    // The base offset lies outside the CRC.
                    return Ok(Reading::Harmed);
                }
                expected = if offset == expected { expected + 1 } else { expected };
            }
            (next, rest) = (header.last_offset().0 + 1, behind);
        }
        if next <= before {
            return Ok(Reading::Harmed); // a length that is none: outside the CRC too
        }
    }
    if expected >= END {
        Ok(Reading::Whole)
    } else {
        told(format!("partition {partition} ends at {expected}, not at {END}"))
    }
}

/// The first offset that is left after the deletion of records.
fn first_offset(partition: i32) -> i64 {
    if partition == 2 {
        9
    } else {
        0
    }
}

/// The same with a client that is not ours; whether it is there.
fn read_by_kcat(broker: &Broker, partition: i32) -> Result<bool, String> {
    let mut kcat = Command::new("timeout");
    kcat.args([
        "20",
        "kcat",
        "-C",
        "-e",
        "-q",
        "-t",
        "demo",
        "-o",
        "beginning",
        "-X",
        "check.crcs=true",
        "-f",
        "%o %s\n",
    ]);
    kcat.args(["-b", &broker.address.to_string(), "-p", &partition.to_string()]);
    let output = kcat.output().map_err(|error| format!("timeout: {error}"))?;
    if output.status.code() == Some(127) {
        return Ok(false);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().collect();
    let is_right = |(offset, line): (i64, &&str)| line.starts_with(&format!("{offset} {partition}:{offset}:"));
    let from = END - lines.len() as i64;
    // A log start that is believed lower gives records that were deleted, and that is no loss.
    match from <= first_offset(partition) && (from..).zip(&lines).all(is_right) {
        true => Ok(true),
        false => Err(format!("kcat reads of partition {partition}: {output:?}")),
    }
}
