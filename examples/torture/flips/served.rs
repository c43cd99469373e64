//! A sample of the harmed directories, served by the real broker and read by a client that checks every CRC.

use std::panic::{catch_unwind, AssertUnwindSafe};
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

/// Tries so many cases; how many of them a broker served.
pub fn try_some(image: &Image, cases: &[Case], count: usize, random: &mut Random) -> Result<usize, String> {
    let mut served = 0;
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
        served += 1;
        let seen = (0..PARTITIONS).try_for_each(|partition| read(&broker, partition));
        let path = path.display();
        seen.map_err(|why| format!("{}, {path}, {harm:?}, served: {why}; {:#?}", image.what, broker.log()))?;
        broker.kill();
    }
    Ok(served)
}

/// Reads a partition to its end. Every acked record comes at its offset, or its batch's CRC is wrong, or the log says that
/// something is.
fn read(broker: &Broker, partition: i32) -> Result<(), String> {
    let mut client = broker.connect();
    let told = |what: String| match broker.warnings().iter().all(|line| line.contains("the last stop was not clean")) {
        true => Err(format!("{what}, and no line says why")),
        false => Ok(()),
    };
    let error = |client: &mut Client, timestamp| client.list_offset("demo", partition, timestamp);
    let (start, end) = (error(&mut client, EARLIEST), error(&mut client, LATEST));
    if !start.error_code.is_none() || !end.error_code.is_none() {
        return told(format!("partition {partition}: {}", start.error_code));
    }
    let (mut next, mut expected) = (start.offset, if partition == 2 { 9 } else { 0 });
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
                return Ok(()); // as they lie: the client's CRC has judged
            }
            for record in Records::new(&batch[61..]) {
                let record = record.map_err(|_| "a torn record under a good CRC")?;
                let offset = header.base_offset.0 + i64::from(record.offset_delta);
                let value = format!("{partition}:{offset}:");
                if !record.value.is_some_and(|found| found.starts_with(value.as_bytes())) {
                    // The base offset lies outside the CRC.
                    return Ok(());
                }
                expected = if offset == expected { expected + 1 } else { expected };
            }
            (next, rest) = (header.last_offset().0 + 1, behind);
        }
        if next <= before {
            return Ok(()); // a length that is none: outside the CRC too
        }
    }
    if expected >= 48 {
        Ok(())
    } else {
        told(format!("partition {partition} ends at {expected}, not at 48"))
    }
}
