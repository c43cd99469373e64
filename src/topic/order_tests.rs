//! More of the crash order: appends over rolls, leader epochs, and names that are taken.

use super::tests::{end, folders, open, prepared, produce, stop_everywhere, stop_starts};
use super::*;
use crate::faults;
use crate::record::header::BatchHeader;
use crate::record::BatchBuilder;

/// The headers of all batches of a partition.
fn headers(partition: &Partition) -> Vec<BatchHeader> {
    let (mut next, mut found) = (Offset(0), Vec::new());
    while let Some(range) = partition.fetch(next, 1, true).unwrap().range {
        let mut bytes = vec![0; range.length as usize];
        fs::read_exact_at(&range.file, &mut bytes, range.position.0).unwrap();
        let header = BatchHeader::parse(&bytes).unwrap();
        assert!(crate::record::header::crc_matches(&bytes, &header), "the batch at offset {next}");
        next = header.last_offset() + 1;
        found.push(header);
    }
    found
}

#[test]
fn what_was_appended_over_rolls_is_there_in_order() {
    use std::cell::Cell;
    let acked = Cell::new(0);
    let change = |registry: &TopicRegistry| {
        acked.set(0);
        let mut config = Overrides::new(Scope::Topic);
        config.set("segment.ms", "1").unwrap();
        let rolling = registry.create("rolling", 1, config)?;
        for count in 1..=4 {
            let mut batch =
                BatchBuilder::new().producer(7, 0, count - 1).record(i64::from(count) * 10, None, None).build();
            rolling.partitions[0].append(&mut batch, 9, 1)?;
            acked.set(i64::from(count));
            if count == 3 {
                rolling.partitions[0].flush_all()?;
            }
        }
        assert_eq!(rolling.partitions[0].shape().len(), 4, "each batch in a segment of its own");
        registry.write_checkpoints()
    };
    stop_everywhere(change, |registry, _, before| {
        let Ok(partition) = registry.find_partition("rolling", 0) else {
            return assert_eq!(acked.get(), 0, "acknowledged, and gone: stopped before {before}");
        };
        let found: Vec<_> = headers(&partition).iter().map(|header| header.base_offset.0).collect();
        assert!(
            found.len() as i64 >= acked.get(),
            "{} acknowledged, stopped before {before}: {found:?}",
            acked.get()
        );
        assert!(found.iter().copied().eq(0..found.len() as i64), "stopped before {before}: {found:?}");
        let sequence = found.len() as i32;
        let mut next = BatchBuilder::new().producer(7, 0, sequence).record(50, None, None).build();
        assert_eq!(partition.append(&mut next, 9, 1).unwrap().first, Offset(i64::from(sequence)), "before {before}");
    });
}

#[test]
fn no_two_starts_append_under_the_same_leader_epoch() {
    let folder = prepared();
    drop(open(folder.path()).unwrap()); // killed
    let mut used = vec![0];
    for stop in 0..40 {
        let _ = faults::stop_after(stop, || open(folder.path()).map(drop));
        let registry = open(folder.path()).unwrap();
        let old = registry.find("old").unwrap();
        let epoch = old.partitions[0].leader_epoch();
        assert!(epoch > used[used.len() - 1], "epoch {epoch} after {used:?}");
        assert_eq!(produce(&old, 0, b"w").unwrap(), Offset(used.len() as i64));
        used.push(epoch);
        drop(registry); // killed
    }
    let registry = open(folder.path()).unwrap();
    let old = registry.find_partition("old", 0).unwrap();
    let found: Vec<i32> = headers(&old).iter().map(|header| header.leader_epoch).collect();
    assert_eq!(found, used);
    for (offset, epoch) in used.iter().enumerate() {
        assert_eq!(old.epoch_end(*epoch).unwrap(), Some((*epoch, Offset(offset as i64 + 1))));
    }
}

#[test]
fn a_later_epoch_is_on_the_disk_before_anything_is_appended_under_it() {
    let folder = prepared();
    drop(open(folder.path()).unwrap());
    let registry = open(folder.path()).unwrap();
    let old = registry.find("old").unwrap();
    let (_, steps) = faults::record(|| produce(&old, 0, b"w").unwrap());
    // A power cut may bring back the file as it was: the epoch would seem to begin where a recovery happens to look.
    let at = |step: &str| steps.iter().position(|taken| taken.starts_with(step)).unwrap_or(usize::MAX);
    assert!(at("sync leader-epoch-checkpoint") < at("append"), "{steps:?}");
    assert!(at("sync folder") < at("append 0"), "{steps:?}");
}

#[test]
fn strays_of_one_name_lie_beside_each_other() {
    let folder = prepared();
    for round in 1..4 {
        // Made and not yet written into when the power went.
        std::fs::create_dir(folder.path().join("new-0")).unwrap();
        std::fs::write(folder.path().join("new-0/partition.metadata"), "").unwrap();
        stop_starts(folder.path(), "the folder's id was written");
        drop(open(folder.path()).unwrap());
        let strays = folders(folder.path()).iter().filter(|name| name.ends_with("-stray")).count();
        assert_eq!(strays, round, "{:?}", folders(folder.path()));
    }
}

#[test]
fn a_folder_that_is_in_the_way_of_a_new_topic_stays_as_it_is() {
    let folder = prepared();
    let registry = open(folder.path()).unwrap();
    let in_the_way = folder.path().join("new-1");
    std::fs::create_dir(&in_the_way).unwrap();
    std::fs::write(in_the_way.join("precious"), "data").unwrap();
    let refused = registry.create("new", 3, Overrides::new(Scope::Topic)).map(drop).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(refused.to_string().contains("new-1"), "{refused}");
    registry.remove_deleted(i64::MAX);
    assert_eq!(folders(folder.path()), ["new-1", "old-0", "old-1"]);
    assert_eq!(std::fs::read(in_the_way.join("precious")).unwrap(), b"data");
    std::fs::rename(&in_the_way, folder.path().join("elsewhere")).unwrap();
    registry.create("new", 3, Overrides::new(Scope::Topic)).unwrap();
}

#[test]
fn a_name_is_not_free_before_all_is_forgotten_that_is_known_of_it() {
    let folder = prepared();
    let registry = open(folder.path()).unwrap();
    let old = registry.find("old").unwrap();
    let failed = registry.delete(&old, || Err(ErrorCode::COORDINATOR_NOT_AVAILABLE.into()));
    assert_eq!(failed.unwrap_err().code(), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(produce(&old, 0, b"w").unwrap_err().code(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "it is gone");
    assert!(registry.create("old", 1, Overrides::new(Scope::Topic)).is_err(), "and its name is not free");
    drop(registry);
    let registry = open(folder.path()).unwrap();
    registry.create("old", 1, Overrides::new(Scope::Topic)).unwrap();
    assert_eq!(end(&registry, "old", 0), Offset(0));
}
