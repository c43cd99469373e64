//! Acknowledged means flushed: every order of appends, rolls and flushes.

use std::sync::Arc;

use shuttle::rand::{thread_rng, Rng};
use shuttle::thread;

use super::{append, batch, explore, partition, scratch};
use crate::base::sync::Mutex;
use crate::base::{ErrorCode, Offset, Position};
use crate::faults;
use crate::log::flush::Flush;
use crate::log::{FlushPlan, LogEnd};

/// Group commit alone, with a disk that is told how far a flush reached when it began.
#[test]
fn whoever_is_answered_is_covered_by_a_flush_that_began_after_the_write() {
    explore(|| {
        let flush = Arc::new(Flush::new(Offset(0)));
        let (written, synced) = (Arc::new(Mutex::new(0_i64)), Arc::new(Mutex::new(0_i64)));
        let writer = || {
            let (flush, written, synced) = (flush.clone(), written.clone(), synced.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    let mine = {
                        let mut written = written.lock().unwrap();
                        *written += 1;
                        *written
                    };
                    let began = Mutex::new(0);
                    let plan = || {
                        let end = *written.lock().unwrap();
                        *began.lock().unwrap() = end;
                        let end = LogEnd { offset: Offset(end), segment: Offset(0), position: Position(0) };
                        Ok(FlushPlan { end, ..FlushPlan::default() })
                    };
                    let flushed = |_| {
                        let mut synced = synced.lock().unwrap();
                        *synced = (*synced).max(*began.lock().unwrap());
                    };
                    flush.wait_for(Offset(mine), plan, flushed).unwrap();
                    assert!(*synced.lock().unwrap() >= mine, "answered, and not on the disk: {mine}");
                }
            })
        };
        let writers = [writer(), writer(), writer()];
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
}

/// What was done to the disk, in order, with a mark where an answer was given.
fn check_trace(trace: &[String]) {
    let mut appends: Vec<(String, usize)> = Vec::new();
    for (at, step) in trace.iter().enumerate() {
        if let Some(file) = step.strip_prefix("append ").filter(|file| file.ends_with(".log")) {
            appends.push((file.to_string(), at));
        }
        if let Some(offset) = step.strip_prefix("acked ") {
            let (file, from) = &appends[offset.parse::<usize>().unwrap()];
            let is_synced = trace[*from..at].contains(&format!("sync {file}"));
            assert!(is_synced, "offset {offset} was answered before a sync of {file}: {trace:?}");
            let created = trace.iter().position(|step| *step == format!("create {file}"));
            if let Some(created) = created.filter(|created| created < from) {
                let is_named = trace[created..*from].iter().any(|step| step.starts_with("sync folder"));
                assert!(is_named, "{file} was written before its name was on the disk: {trace:?}");
            }
        }
    }
}

#[test]
fn an_append_that_is_answered_is_synced_also_over_rolls() {
    explore(|| {
        let folder = scratch();
        let shared = Arc::new(partition(folder.path(), Offset(0), Offset(0)));
        append(&shared, 1);
        shared.flush_to(Offset(1)).unwrap();
        let ((), trace) = faults::record(|| {
            let producer = || {
                let partition = shared.clone();
                thread::spawn(move || {
                    for _ in 0..2 {
                        let appended = partition.append(&mut batch(), 9, 0).unwrap();
                        partition.flush_to(appended.last + 1).unwrap();
                        faults::mark(format!("acked {}", appended.last.0 - 1));
                    }
                })
            };
            let flusher = {
                let partition = shared.clone();
                thread::spawn(move || partition.flush_all().unwrap())
            };
            let threads = [producer(), producer(), flusher];
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        check_trace(&trace);
        assert_eq!(trace.iter().filter(|step| step.starts_with("acked")).count(), 4);
        let (recovery_point, _) = shared.checkpoint().unwrap();
        drop(shared);
        let again = partition(folder.path(), recovery_point, Offset(0));
        assert_eq!(again.bounds().unwrap().log_end, Offset(5));
    });
}

/// The sync that fails may be anybody's: nobody whose bytes it was to cover is answered, and nobody waits for ever.
#[test]
fn a_sync_that_fails_answers_nobody_and_ends_every_wait() {
    explore(|| {
        let folder = scratch();
        let shared = Arc::new(partition(folder.path(), Offset(0), Offset(0)));
        let producer = || {
            let partition = shared.clone();
            thread::spawn(move || match partition.append(&mut batch(), 9, 0) {
                Ok(appended) => partition.flush_to(appended.last + 1).map_err(|error| error.code()),
                Err(error) => Err(error.code()),
            })
        };
        let steps = thread_rng().gen_range(0..14);
        let results: Vec<_> = faults::fail_once_after(steps, || {
            let threads = [producer(), producer(), producer()];
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let errors = results.iter().filter_map(|result| result.err());
        assert!(errors.clone().all(|code| code == ErrorCode::KAFKA_STORAGE_ERROR), "{results:?}");
        let again = partition(folder.path(), Offset(0), Offset(0));
        let acked = results.iter().filter(|result| result.is_ok()).count() as i64;
        assert!(again.bounds().unwrap().log_end >= Offset(acked), "{results:?}");
    });
}
