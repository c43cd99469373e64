//! What a start does with a folder in which not all is as it should be: what is ours and half done goes, what is not ours
//! stays, and what is lost is noticed.

use super::tests::{indexed_bench, Bench};
use super::*;

/// Each file with its bytes.
fn files(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    let names = fs::list(bench.folder.path()).unwrap();
    let read = |entry: fs::Entry| {
        let bytes = std::fs::read(bench.folder.path().join(&entry.name)).unwrap();
        (entry.name, bytes)
    };
    names.into_iter().map(read).collect()
}

fn names(bench: &Bench) -> Vec<String> {
    files(bench).into_iter().map(|(name, _)| name).collect()
}

fn write(bench: &Bench, name: &str) {
    std::fs::write(bench.folder.path().join(name), b"whose?").unwrap();
}

#[test]
fn leftovers_of_ours_go_and_unknown_files_stay_as_they_are() {
    let mut bench = indexed_bench();
    let whole = files(&bench);
    let expected = bench.answers(990..1300);
    let leftovers = [
        "00000000000000000000.log.deleted",
        "00000000000000000000.timeindex.deleted",
        "00000000000000000003.snapshot.tmp",
        "00000000000000000003.batches.tmp",
        "leader-epoch-checkpoint.tmp",
        "00000000000000009999.index",
        "00000000000000009999.timeindex",
    ];
    let unknown = ["notes.tmp", "old.deleted", "0.log.deleted", "README", "00000000000000000000.log.bak", "log.tmp"];
    for is_clean in [true, false] {
        leftovers.iter().chain(&unknown).for_each(|name| write(&bench, name));
        match is_clean {
            true => bench.reopen_clean().unwrap(),
            false => bench.reopen(false).unwrap(),
        };
        let mut expected_names: Vec<String> = whole.iter().map(|(name, _)| name.clone()).collect();
        expected_names.extend(unknown.map(str::to_string));
        expected_names.sort();
        assert_eq!(names(&bench), expected_names, "clean: {is_clean}");
        assert_eq!(bench.answers(990..1300), expected, "clean: {is_clean}");
    }
}

/// Kafka believes the indexes of a directory that was stopped cleanly, and answers look-ups by time with them.
#[test]
fn a_start_after_a_clean_stop_leaves_right_indexes_and_mends_others() {
    let mut small = Bench::new(1 << 20, 4096); // no entry for an offset
    small.append(3, 1000, 20).unwrap();
    small.flush();
    for mut bench in [small, indexed_bench()] {
        bench.log().finish().unwrap();
        let stopped = files(&bench);
        bench.reopen(true).unwrap();
        assert!(files(&bench) == stopped, "a log that was only read");
        let time_indexes = stopped.iter().filter(|(name, _)| name.ends_with(".timeindex"));
        let (last, _) = time_indexes.max_by_key(|(name, _)| name.clone()).unwrap();
        for bytes in [Vec::new(), vec![7; 12]] {
            std::fs::write(bench.folder.path().join(last), bytes).unwrap();
            bench.reopen(true).unwrap();
            assert!(files(&bench) == stopped, "made anew");
        }
    }
}

#[test]
fn a_segment_that_is_gone_from_the_middle_takes_the_partition_offline() {
    for is_clean in [true, false] {
        let mut bench = indexed_bench();
        assert!(bench.last_segment() >= 2, "several segments");
        bench.log().finish().unwrap();
        std::fs::remove_file(bench.path(1, "log")).unwrap();
        let before = files(&bench);
        let error = bench.reopen(is_clean).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }) && error.to_string().contains("missing"), "{error}");
        assert!(files(&bench) == before, "nothing was changed");
    }
}

#[test]
fn what_a_log_held_that_ends_below_its_start_is_kept_aside() {
    let mut bench = Bench::new(1000, 100);
    for _ in 0..3 {
        bench.append(3, 1000, 200).unwrap();
    }
    let logs = || files_of(&bench, ".log");
    let held = logs();
    bench.log_start = Offset(20);
    bench.reopen(false).unwrap();
    assert_eq!((bench.log().start_offset(), bench.log().end_offset()), (Offset(20), Offset(20)));
    assert_eq!(files_of(&bench, ".cut-0"), held[held.len() - 1..], "only what lies below its start is deleted");
}

fn files_of(bench: &Bench, suffix: &str) -> Vec<Vec<u8>> {
    files(bench)
        .into_iter()
        .filter(|(name, _)| name.ends_with(suffix))
        .map(|(_, bytes)| bytes)
        .collect()
}

#[test]
fn a_log_that_was_stopped_cleanly_below_its_start_is_offline() {
    let mut bench = Bench::new(1000, 100);
    for _ in 0..3 {
        bench.append(3, 1000, 200).unwrap();
    }
    bench.flush();
    bench.log().finish().unwrap();
    bench.log_start = Offset(20);
    let before = files(&bench);
    assert!(matches!(bench.reopen(true), Err(Error::Corrupt { .. })));
    assert!(files(&bench) == before, "nothing was changed");
}

/// A folder in which every step of a start has something to do: a torn tail, segments behind it and below the start, and
/// leftovers of each kind.
fn untidy() -> Bench {
    let mut bench = indexed_bench();
    bench.recovery_point = Offset(9);
    bench.log_start = Offset(bench.log().views()[1].base_offset.0);
    let path = bench.path(2, "log");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    ["00000000000000000000.log.deleted", "leader-epoch-checkpoint.tmp", "00000000000000009999.index"]
        .iter()
        .for_each(|name| write(&bench, name));
    bench
}

#[test]
fn a_start_that_tidies_up_is_stopped_between_any_two_steps_and_ends_the_same() {
    let mut undisturbed = untidy();
    let (recovered, steps) = crate::faults::record(|| undisturbed.reopen(false).unwrap());
    assert!(recovered.bytes_cut > 0 && steps.len() > 10, "{steps:?}");
    let expected = undisturbed.answers(990..1300);
    for (stop, step) in steps.iter().enumerate() {
        let mut bench = untidy();
        crate::faults::stop_after(stop, || bench.reopen(false).expect_err("stopped"));
        bench.leader_epoch += 1;
        bench.reopen(false).unwrap();
        assert_eq!(bench.answers(990..1300), expected, "stopped before {step}");
        let left: Vec<String> = names(&bench).into_iter().filter(|name| !name.contains(".cut-")).collect();
        let tidy: Vec<String> = names(&undisturbed).into_iter().filter(|name| !name.contains(".cut-")).collect();
        assert_eq!(left, tidy, "stopped before {step}");
    }
}

/// The bytes between its last good batch and the next segment's first may be what was left of one that is lost: that the offsets
/// join proves nothing.
#[test]
fn a_closed_segment_that_is_cut_exactly_where_the_next_begins_is_the_last() {
    let mut bench = indexed_bench();
    bench.recovery_point = Offset(0);
    let next_base = bench.log().views()[1].base_offset;
    let held = files_of(&bench, ".log");
    let path = bench.path(0, "log");
    std::fs::write(&path, [&held[0], &b"torn"[..]].concat()).unwrap();
    for (cut, is_first) in [(4 + held[1..].iter().map(|log| log.len() as u64).sum::<u64>(), true), (0, false)] {
        let recovered = bench.reopen(false).unwrap();
        assert_eq!((recovered.bytes_cut, recovered.has_batches_behind_cut), (cut, is_first));
        assert_eq!((bench.log().end_offset(), bench.last_segment()), (next_base, 0));
        assert_eq!(files_of(&bench, ".cut-0"), [&[b"torn".to_vec()], &held[1..]].concat(), "all of it is kept");
    }
    assert_eq!(bench.append(1, 1000, 20).unwrap().first, next_base);
}

#[test]
fn a_closed_segment_that_lost_its_flushed_end_takes_the_partition_offline() {
    let mut bench = indexed_bench();
    let view = bench.log().views().remove(0);
    bench.recovery_point = view.next_base.unwrap() - 1;
    let first = view.range(Offset(0), 1, true).unwrap().unwrap();
    std::fs::write(bench.path(0, "log"), &files_of(&bench, ".log")[0][..first.length as usize]).unwrap();
    let before = files(&bench);
    let error = bench.reopen(false).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(files(&bench) == before, "nothing was changed: {error}");
}
