//! What was acknowledged survives `kill -9`, at its offset, with everything before it; and what a kill left half
//! written is cut off, kept aside, and the log goes on.

mod broker;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use broker::client::{batch, fetch_request, frame, produce_request, Client};
use broker::{scratch, Broker};
use sendlog::wire::frame::decode_response;
use sendlog::wire::messages::{FetchRequest, ProduceRequest};
use tempfile::TempDir;

/// Every record of a partition.
fn read_all(client: &mut Client, topic: &str, partition: i32) -> Vec<(i64, String)> {
    let mut all: Vec<(i64, String)> = Vec::new();
    loop {
        let next = all.last().map_or(0, |(offset, _)| offset + 1);
        let request = FetchRequest { max_bytes: 1 << 20, ..fetch_request(&[(topic, partition, next)]) };
        let fetched = client.fetch_with(12, request).remove(0);
        assert!(fetched.error().is_none(), "{:?}", fetched.data);
        match fetched.read() {
            read if read.is_empty() => return all,
            read => all.extend(read),
        }
    }
}

/// Produces as fast as it can until the connection ends, and returns what was acknowledged: offsets and values.
fn produce_until_killed(mut client: Client, acks: i16, name: String, has_answers: impl Fn()) -> Vec<(i64, String)> {
    let value = |id: i32, i: i32| format!("{name} {id} {i} {}", "x".repeat((id % 50) as usize * 40));
    let values = |id: i32| (0..3).map(|i| value(id, i)).collect::<Vec<_>>();
    let mut sender = client.socket.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for id in 0.. {
                let values = values(id);
                let batch = batch(&values.iter().map(String::as_str).collect::<Vec<_>>());
                let request = frame(9, id, &mut produce_request(acks, "demo", i32::from(acks == 1), &batch));
                if sender.write_all(&request).is_err() {
                    return;
                }
            }
        });
        let mut acknowledged = Vec::new();
        while let Some(answer) = client.read_frame_or_end() {
            let (id, answer) = decode_response::<ProduceRequest>(&answer, 9).unwrap();
            let result = &answer.responses[0].partition_responses[0];
            assert!(result.error_code.is_none(), "{result:?}");
            acknowledged.extend((result.base_offset..).zip(values(id)));
            if id == 300 {
                has_answers();
            }
        }
        if acknowledged.len() <= 3 * 300 {
            has_answers(); // it has ended early: nobody is to wait for it
        }
        // The other thread may wait for room that nobody makes any more.
        let _ = client.socket.shutdown(std::net::Shutdown::Both);
        acknowledged
    })
}

#[test]
fn kill_9_in_the_middle_of_producing_loses_nothing_that_was_acknowledged() {
    let mut data: Arc<TempDir> = Arc::new(scratch());
    let mut acknowledged = [Vec::new(), Vec::new()];
    for round in 0..4 {
        let broker = Broker::on(data, &["--set", "log.segment.bytes=1048576"]);
        if round == 0 {
            broker.connect().create("demo", 2);
        }
        let (broker_ref, waited_for) = (&broker, AtomicUsize::new(2));
        let kill = || {
            // Whoever comes last kills: both have answers, and requests on their way.
            if waited_for.fetch_sub(1, Ordering::SeqCst) == 1 {
                broker_ref.signal("KILL");
            }
        };
        let clients = [(-1, broker.connect()), (1, broker.connect())];
        std::thread::scope(|scope| {
            let threads = clients.map(|(acks, client)| {
                scope.spawn(move || produce_until_killed(client, acks, format!("{round}/{acks}"), kill))
            });
            for (all, thread) in acknowledged.iter_mut().zip(threads) {
                all.extend(thread.join().unwrap());
            }
        });
        data = broker.ended().data;
        let broker = Broker::on(data, &[]);
        let mut client = broker.connect();
        for (partition, acknowledged) in (0..).zip(&acknowledged) {
            let found = read_all(&mut client, "demo", partition);
            assert!(found.iter().map(|(offset, _)| *offset).eq(0..found.len() as i64), "offsets without a gap");
            for (offset, value) in acknowledged {
                assert_eq!(found.get(*offset as usize), Some(&(*offset, value.clone())), "round {round}");
            }
            assert_eq!(client.bounds("demo", partition).1, found.len() as i64);
        }
        data = if round % 2 == 0 { broker.kill() } else { broker.stop() };
    }
    assert!(acknowledged.iter().all(|all| all.len() > 3000), "every round had acknowledged something");
}

/// A killed broker's data: three batches in `demo-0`, five records.
fn killed() -> Arc<TempDir> {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    [&["a", "b"][..], &["c"], &["d", "e"]]
        .into_iter()
        .for_each(|values| drop(client.try_produce(9, 1, "demo", 0, &batch(values))));
    broker.kill()
}

fn log_of(data: &TempDir) -> PathBuf {
    data.path().join("data/demo-0/00000000000000000000.log")
}

/// What was cut off the log, by the file it is kept in.
fn kept_aside(log: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(log.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let mut cut: Vec<_> = entries.filter(|path| path.to_str().unwrap().contains(".cut-")).collect();
    cut.sort();
    cut.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn a_torn_tail_is_cut_off_and_kept_aside_and_the_log_goes_on() {
    let mut next = batch(&["torn"]);
    sendlog::record::header::stamp(&mut next, sendlog::base::Offset(5), 0);
    let mut tails: Vec<Vec<u8>> = vec![b"garbage that is no batch".to_vec(), (0..200).collect()];
    tails.extend([1, 12, 60, 61, next.len() - 1].map(|length| next[..length].to_vec()));
    tails.extend([1, 60, 61, 4096, 8192].map(|zeros| vec![0; zeros]));
    let mut wrong_crc = next.clone();
    *wrong_crc.last_mut().unwrap() ^= 1;
    tails.push(wrong_crc);
    let mut data = killed();
    let log = log_of(&data);
    let mut expected = 5;
    for tail in tails {
        let whole = std::fs::read(&log).unwrap();
        std::fs::write(&log, [&whole[..], &tail].concat()).unwrap();
        let broker = Broker::on(data, &[]);
        let line = broker.wait_for_line("partition_recovered partition=demo-0");
        assert!(line.contains(&format!("cut {} bytes", tail.len())) && line.contains("kept"), "{line}");
        assert!(kept_aside(&log).contains(&tail), "{line}");
        assert_eq!(std::fs::read(&log).unwrap(), whole);
        let mut client = broker.connect();
        assert_eq!(client.produce("demo", 0, &batch(&["next"])), expected, "{line}");
        expected += 1;
        assert_eq!(read_all(&mut client, "demo", 0).len() as i64, expected);
        data = broker.kill();
    }
    let broker = Broker::on(Broker::on(data, &[]).stop(), &[]);
    assert_eq!(broker.connect().bounds("demo", 0), (0, expected));
}

#[test]
fn good_batches_behind_a_bad_one_are_kept_aside_loudly() {
    let data = killed();
    let log = log_of(&data);
    let mut bytes = std::fs::read(&log).unwrap();
    let first = batch(&["a", "b"]).len();
    let second = first + batch(&["c"]).len();
    bytes[second - 1] ^= 1; // in the second batch's record
    std::fs::write(&log, &bytes).unwrap();
    let broker = Broker::on(data, &[]);
    let line = broker.wait_for_line("partition_recovered partition=demo-0");
    assert!(line.contains("GOOD BATCHES"), "{line}");
    assert_eq!(kept_aside(&log), [&bytes[first..]]);
    assert_eq!(broker.connect().bounds("demo", 0), (0, 2));
}

#[test]
fn a_torn_record_of_the_registry_is_dropped_loudly_and_kept_aside() {
    let data = killed();
    let registry = data.path().join("data/sendlog.registry");
    let whole = std::fs::read(&registry).unwrap();
    std::fs::write(&registry, [&whole[..], b"000061 0badc0de topic ha"].concat()).unwrap();
    let broker = Broker::on(data, &[]);
    let line = broker.wait_for_line("TORN");
    assert!(line.contains("sendlog.registry") && line.contains("24 bytes"), "{line}");
    assert_eq!(std::fs::read(broker.folder().join("sendlog.registry.cut")).unwrap(), b"000061 0badc0de topic ha");
    assert_eq!(broker.connect().bounds("demo", 0), (0, 5));
}

#[test]
fn a_folder_that_no_topic_owns_is_set_aside_and_never_adopted() {
    let data = killed();
    let root = data.path().join("data");
    let ghost = root.join("ghost-0");
    std::fs::create_dir(&ghost).unwrap();
    std::fs::write(ghost.join("partition.metadata"), "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ").unwrap();
    std::fs::copy(log_of(&data), ghost.join("00000000000000000000.log")).unwrap();
    let broker = Broker::on(data, &[]);
    let line = broker.wait_for_line("it belongs to no registered topic");
    let stray = root.join("ghost-0.00000000000000000000000000000001-stray");
    assert!(line.contains(stray.to_str().unwrap()), "{line}");
    assert!(stray.join("00000000000000000000.log").exists() && !ghost.exists());
    let mut client = broker.connect();
    client.create("ghost", 1);
    assert_eq!(client.bounds("ghost", 0), (0, 0));
    let broker = Broker::on(broker.stop(), &[]);
    assert!(stray.exists(), "kept for whoever owns it");
    assert_eq!(broker.connect().bounds("ghost", 0), (0, 0));
}
