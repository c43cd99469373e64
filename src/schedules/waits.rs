//! Nobody sleeps over what he waits for: fetches that wait, and requests that wait for room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shuttle::thread;

use super::{append, explore, partition, scratch};
use crate::base::{ErrorCode, Offset};
use crate::partition::Partition;
use crate::server::budget::Budget;
use crate::server::wait::{WaitCell, Waiting};

/// As a fetch waits: on the list first, then a look, then the wait. The explorer's waits have no deadline.
fn wait_for(partition: &Arc<Partition>, end: i64) -> Result<(), ErrorCode> {
    let wake = Arc::<WaitCell>::default();
    let waiting = Waiting::begin(vec![partition.clone()], &wake);
    let far = Instant::now() + Duration::from_secs(3600);
    loop {
        let fetched = partition.fetch(Offset(end - 1), 1, true);
        match fetched {
            Ok(fetched) if fetched.range.is_some() => return Ok(()),
            Ok(_) => waiting.until(far),
            Err(error) if error.code() == ErrorCode::OFFSET_OUT_OF_RANGE => waiting.until(far),
            Err(error) => return Err(error.code()),
        }
    }
}

#[test]
fn a_fetch_that_waits_is_woken_by_the_append_it_waits_for() {
    explore(|| {
        let folder = scratch();
        let shared = Arc::new(partition(folder.path(), Offset(0), Offset(0)));
        let consumer = |end| {
            let partition = shared.clone();
            thread::spawn(move || wait_for(&partition, end).unwrap())
        };
        let consumers = [consumer(1), consumer(2)];
        let producer = || {
            let partition = shared.clone();
            thread::spawn(move || append(&partition, 1))
        };
        let producers = [producer(), producer()];
        consumers.into_iter().chain(producers).for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_fetch_that_waits_is_told_that_its_topic_is_deleted() {
    explore(|| {
        let folder = scratch();
        let shared = Arc::new(partition(folder.path(), Offset(0), Offset(0)));
        let (waiter, deleter) = (shared.clone(), shared.clone());
        let consumer = thread::spawn(move || wait_for(&waiter, 1));
        let deleter = thread::spawn(move || deleter.mark_deleted());
        deleter.join().unwrap();
        assert_eq!(consumer.join().unwrap(), Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    });
}

#[test]
fn everybody_who_waits_for_room_gets_it_when_others_leave() {
    explore(|| {
        const MIB: usize = 1 << 20;
        let budget = Arc::new(Budget::new(8 * MIB as i64, 2 * MIB));
        let request = |bytes: usize| {
            let budget = budget.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    drop(budget.reserve(bytes));
                }
            })
        };
        let requests = [request(2 * MIB), request(5 * MIB), request(MIB), request(6 * MIB)];
        requests.into_iter().for_each(|request| request.join().unwrap());
        assert!(budget.try_reserve(6 * MIB).is_some(), "all of it is free again");
    });
}
