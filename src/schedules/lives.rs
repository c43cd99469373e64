//! The end of segments, of partitions and of the broker, while others read and write.

use std::sync::Arc;

use shuttle::thread;

use super::{append, batch, explore, partition, scratch};
use crate::base::{ErrorCode, Offset};
use crate::os::fs;
use crate::partition::Partition;
use crate::record::header::{crc_matches, BatchHeader};

/// Reads what a fetch was given, twice: no byte of it changes, whatever is deleted meanwhile.
fn read_twice(partition: &Partition, offset: Offset) -> Result<(), ErrorCode> {
    let fetched = partition.fetch(offset, 1 << 20, true).map_err(|error| error.code())?;
    let range = fetched.range.expect("it was appended before");
    let read = || {
        let mut bytes = vec![0; range.length as usize];
        fs::read_exact_at(&range.file, &mut bytes, range.position.0).unwrap();
        bytes
    };
    let first = read();
    partition.bounds().map_err(|error| error.code())?; // a lock: others may go on
    assert_eq!(read(), first, "bytes that were found changed");
    let header = BatchHeader::parse(&first).unwrap();
    assert!(header.base_offset <= offset && offset <= header.last_offset(), "{header:?}");
    assert!(crc_matches(&first[..header.size().unwrap() as usize], &header));
    Ok(())
}

#[test]
fn a_reader_keeps_its_bytes_or_is_told_that_they_are_gone() {
    explore(|| {
        let folder = scratch();
        {
            let filled = partition(folder.path(), Offset(0), Offset(0));
            append(&filled, 5);
        }
        crate::log::set_open_files_max(1); // files are opened when they are needed
        let shared = Arc::new(partition(folder.path(), Offset(0), Offset(0)));
        let reader = |offset| {
            let partition = shared.clone();
            thread::spawn(move || read_twice(&partition, Offset(offset)))
        };
        let readers = [reader(0), reader(3)];
        let (retention, producer) = (shared.clone(), shared.clone());
        let retention = thread::spawn(move || {
            for start in [2, 4] {
                retention.prepare_start(Offset(start)).unwrap();
                let (_, deleted) = retention.advance_start(Offset(start)).unwrap();
                deleted.iter().for_each(|path| fs::unlink(path).unwrap());
            }
        });
        let producer = thread::spawn(move || append(&producer, 1));
        retention.join().unwrap();
        producer.join().unwrap();
        for reader in readers {
            let read = reader.join().unwrap();
            assert!(matches!(read, Ok(()) | Err(ErrorCode::OFFSET_OUT_OF_RANGE)), "{read:?}");
        }
        assert!(!shared.is_offline());
        assert_eq!(shared.bounds().unwrap().log_end, Offset(6));
    });
}

#[test]
fn a_lookup_by_time_finds_a_record_whatever_retention_takes_meanwhile() {
    explore(|| {
        let folder = scratch();
        {
            let filled = partition(folder.path(), Offset(0), Offset(0));
            append(&filled, 5);
        }
        crate::log::set_open_files_max(1);
        let shared = Arc::new(partition(folder.path(), Offset(0), Offset(0)));
        let (retention, reader) = (shared.clone(), shared.clone());
        let retention = thread::spawn(move || {
            retention.prepare_start(Offset(4)).unwrap();
            let (_, deleted) = retention.advance_start(Offset(4)).unwrap();
            deleted.iter().for_each(|path| fs::unlink(path).unwrap());
        });
        let reader = thread::spawn(move || {
            let first = reader.find_timestamp(1000).map(|found| found.map(|found| found.offset));
            let largest = reader.find_largest_timestamp().map(|found| found.map(|found| found.offset));
            (first.map_err(|error| error.code()), largest.map_err(|error| error.code()))
        });
        retention.join().unwrap();
        let (first, largest) = reader.join().unwrap();
        assert!(first.is_ok_and(|found| found.is_some()) && largest.is_ok_and(|found| found.is_some()), "{first:?}");
    });
}

#[test]
fn whoever_appends_to_a_topic_that_is_deleted_is_told_so() {
    explore(|| {
        let folder = scratch();
        let shared = Arc::new(partition(folder.path(), Offset(0), Offset(0)));
        let producer = || {
            let partition = shared.clone();
            thread::spawn(move || {
                let appended = partition.append(&mut batch(), 9, 0).map_err(|error| error.code())?;
                partition.flush_to(appended.last + 1).map_err(|error| error.code())
            })
        };
        let producers = [producer(), producer()];
        let (deleter, flusher) = (shared.clone(), shared.clone());
        let deleter = thread::spawn(move || deleter.mark_deleted());
        let flusher = thread::spawn(move || flusher.flush_all().map_err(|error| error.code()));
        deleter.join().unwrap();
        let unknown = Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        for thread in producers.into_iter().chain([flusher]) {
            let result = thread.join().unwrap();
            assert!(result.is_ok() || result == unknown, "{result:?}");
        }
        assert_eq!(shared.append(&mut batch(), 9, 0).map(drop).map_err(|error| error.code()), unknown);
        assert_eq!(shared.flush_to(Offset(9)).map_err(|error| error.code()), unknown, "nobody waits for it");
    });
}
