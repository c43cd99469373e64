//! Bugs that can be switched on, so that the checks can be seen to catch them.
//!
//! A check that has never failed proves nothing: each bug here stands where a careless hand would put it, and
//! docs/reliability.md names the test that catches it.
//!
//! Always true: in a build without the feature `faults`, tests aside, [`is_on`] is `false` at compile time, and nothing of
//! a bug is in the binary. In one with it, `SENDLOG_BUG=name` switches one on for the process.
//! Not done: no random faults; those are in [`crate::faults`].

/// Whether the bug of this name is on.
#[cfg(not(any(test, feature = "faults")))]
#[inline(always)]
pub const fn is_on(_bug: &str) -> bool {
    false
}

/// Panics here if that bug is on, and `name` is the one that is to suffer.
pub fn panic_at(bug: &str, name: &str) {
    assert!(!(is_on(bug) && name == VICTIM), "seeded: {bug}");
}

/// Loses some memory if that bug is on.
pub fn leak_at(bug: &str) {
    if is_on(bug) {
        std::mem::forget(std::hint::black_box(vec![1_u8; 4096]));
    }
}

/// The topic, or the group, that seeded panics strike; all others go on.
pub const VICTIM: &str = "victim";

#[cfg(any(test, feature = "faults"))]
pub use switch::{is_on, with};

#[cfg(any(test, feature = "faults"))]
mod switch {
    use std::cell::Cell;
    use std::sync::OnceLock;

    thread_local!(static HERE: Cell<Option<&'static str>> = const { Cell::new(None) });

    pub fn is_on(bug: &str) -> bool {
        static EVERYWHERE: OnceLock<Option<String>> = OnceLock::new();
        let everywhere = EVERYWHERE.get_or_init(|| std::env::var("SENDLOG_BUG").ok());
        everywhere.as_deref() == Some(bug) || HERE.get() == Some(bug)
    }

    /// Runs `scenario` with the bug on for this thread.
    pub fn with<T>(bug: &'static str, scenario: impl FnOnce() -> T) -> T {
        HERE.set(Some(bug));
        let result = scenario();
        HERE.set(None);
        result
    }
}

/// The bugs that are caught without a fault of the machine: name, what is wrong, and the test that catches it. Those under
/// `schedules` need the schedule explorer (`make schedules`).
#[cfg(test)]
const CAUGHT_BY_TESTS: &[(&str, &str, &str)] = &[
    (
        "cut-off-by-one",
        "the cut of a torn tail takes a byte of the last good batch",
        "log::tests::a_log_cut_at_any_byte_keeps_the_whole_batches_before",
    ),
    (
        "cut-not-kept",
        "what is cut off is not copied aside",
        "log::tests::a_flipped_bit_above_the_recovery_point_ends_the_log_and_loses_no_byte",
    ),
    (
        "index-trusted",
        "a start goes on from an index whose last entries it did not check",
        "log::tests::damaged_indexes_cost_time_and_never_an_answer",
    ),
    (
        "unknown-removed",
        "a start removes temporary files of others",
        "log::recovery_tests::leftovers_of_ours_go_and_unknown_files_stay_as_they_are",
    ),
    (
        "retention-truncates",
        "a segment is emptied before it is unlinked",
        "log::tests::a_reader_keeps_its_bytes_when_the_segment_goes",
    ),
    (
        "failed-sync-retried",
        "a sync that failed is tried again, and believed",
        "partition::tests::a_failed_sync_is_final_for_the_partition",
    ),
    (
        "undo-forgotten",
        "what could not be written is remembered of its producer",
        "partition::tests::a_batch_that_failed_to_be_written_may_be_sent_again",
    ),
    (
        "snapshot-not-bound",
        "a snapshot of a log that went further is kept",
        "partition::producer_tests::a_snapshot_of_a_log_that_went_further_is_not_believed_when_this_one_gets_there",
    ),
    (
        "epoch-not-synced",
        "a power cut may bring back the epochs as they were",
        "topic::order_tests::a_later_epoch_is_on_the_disk_before_anything_is_appended_under_it",
    ),
    (
        "marker-kept",
        "the clean-shutdown marker outlives the start",
        "topic::tests::the_leader_epoch_rises_with_each_unclean_start_and_stays_with_a_clean_one",
    ),
    (
        "registry-before-folders",
        "a topic is registered before its folders are there",
        "topic::tests::a_topic_is_created_whole_or_not_at_all",
    ),
    (
        "stray-left",
        "a folder that is nobody's stays where a topic of that name looks for its own",
        "topic::tests::what_does_not_belong_here_is_taken_out_of_the_way_and_kept",
    ),
    (
        "start-before-checkpoint",
        "segments go before the log start is written down",
        "topic::retention_tests::retention_is_done_or_not_wherever_it_is_stopped",
    ),
    (
        "tombstones-late",
        "a start does not forget the offsets of a topic whose deletion was half done",
        "group::crash_tests::offsets_go_with_their_topic_before_its_name_is_free",
    ),
    (
        "topic-not-looked-at-again",
        "a commit does not see that its topic was deleted while it waited",
        "group::race_tests::a_topic_that_is_deleted_while_a_commit_flushes_its_data_gets_no_offset",
    ),
    (
        "wakeup-lost",
        "a wake-up that comes before the wait is forgotten",
        "schedules::waits::a_fetch_that_waits_is_woken_by_the_append_it_waits_for",
    ),
    (
        "lock-dropped-early",
        "two writers of a checkpoint take each other's entries out",
        "schedules::checkpoints::a_log_start_that_was_acknowledged_is_in_the_checkpoint_whoever_else_writes_it",
    ),
];

#[cfg(test)]
mod tests {
    use super::CAUGHT_BY_TESTS;
    use std::process::Command;

    /// Runs each named test, in a process with the bug on: it has to fail.
    #[test]
    fn each_bug_is_caught_by_the_test_that_is_named_for_it() {
        let has_schedules = cfg!(sendlog_shuttle);
        let mine = CAUGHT_BY_TESTS.iter().filter(|(.., test)| test.starts_with("schedules::") == has_schedules);
        for (bug, what, test) in mine {
            let mut command = Command::new(std::env::current_exe().unwrap());
            let ran = command.args([test, "--exact", "--quiet"]).env("SENDLOG_BUG", bug).output().unwrap();
            let text = String::from_utf8_lossy(&ran.stdout);
            assert!(text.contains("running 1 test"), "{bug}: there is no test {test}");
            assert_eq!(ran.status.code(), Some(101), "{bug} ({what}) is not caught by {test}");
        }
    }
}
