//! The cap of the whole broker, `log.dirs.max.bytes`: the data directory stays below it while producers run, and what may
//! not be deleted is not.

mod broker;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use broker::client::{batch_of_size, produce_request, Client};
use broker::{run, until, Broker};
use sendlog::base::ErrorCode;
use sendlog::record::BatchBuilder;
use sendlog::wire::messages::describe_configs::BROKER;
use sendlog::wire::messages::{DescribeLogDirsRequest, ProduceRequest};

const MIB: u64 = 1 << 20;
/// `du` takes its time: what it has summed in one folder may be gone before it sums what came in another.
const WALK: u64 = MIB / 2;

/// As `du` counts: the blocks of all files and folders.
fn du(path: &Path) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else { return 0 };
    let below = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| du(&entry.path()));
    metadata.blocks() * 512 + below.sum::<u64>()
}

fn cap(bytes: u64) -> String {
    format!("log.dirs.max.bytes={bytes}")
}

/// Appends batches as fast as answers come, a few at a time; returns how many.
fn run_flat_out(mut client: Client, topic: &str, partition: i32, batches: usize, size: usize) {
    let batch = batch_of_size(size);
    let mut sent = 0;
    for _ in 0..batches {
        client.send(9, produce_request(1, topic, partition, &batch));
        sent += 1;
        if sent > 4 {
            receive(&mut client);
            sent -= 1;
        }
    }
    (0..sent).for_each(|_| receive(&mut client));
}

fn receive(client: &mut Client) {
    let (_, answer, _) = client.receive::<ProduceRequest>(9);
    let result = &answer.responses[0].partition_responses[0];
    assert!(result.error_code.is_none(), "{result:?}");
}

/// The most that `du` saw of the folder while `work` went on.
fn watch(folder: &Path, work: impl FnOnce()) -> u64 {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::SeqCst) {
                most = du(folder).max(most);
            }
            most
        });
        work();
        done.store(true, Ordering::SeqCst);
        watcher.join().unwrap()
    })
}

#[test]
fn the_directory_stays_below_the_cap_while_producers_run_flat_out() {
    for (sync, size) in [("acks", 100_000), ("os", 5_000), ("always", 100_000)] {
        let cap_bytes = 24 * MIB;
        let broker = Broker::with(&["--set", &cap(cap_bytes), "--set", &format!("flush.mode={sync}")]);
        let mut client = broker.connect();
        client.create("one", 1);
        client.create("three", 3);
        let total = 100 * MIB as usize;
        let most = watch(&broker.folder(), || {
            std::thread::scope(|scope| {
                for (topic, partition) in [("one", 0), ("three", 0), ("three", 1), ("three", 2)] {
                    let client = broker.connect();
                    scope.spawn(move || run_flat_out(client, topic, partition, total / 4 / size, size));
                }
            });
        });
        assert!(most <= cap_bytes + WALK, "flush.mode={sync}: {most} bytes, over {cap_bytes}");
        assert!(most > cap_bytes * 3 / 4, "flush.mode={sync}: no more than {most} bytes were kept of {cap_bytes}");
        let (start, end) = client.bounds("one", 0);
        assert!(0 < start && start < end, "flush.mode={sync}: {start}..{end}");
        assert_eq!(end as usize, total / 4 / size);
        assert_eq!(client.fetch("one", 0, start - 1).error(), ErrorCode::OFFSET_OUT_OF_RANGE);
        assert_eq!(client.fetch("one", 0, start).read()[0].0, start);
        broker.wait_for_line("room_made");
    }
}

#[test]
fn one_partition_keeps_most_of_the_cap_also_with_large_segments() {
    let broker = Broker::with(&["--set", &cap(64_400_000)]);
    let mut client = broker.connect();
    client.create("demo", 1);
    run_flat_out(broker.connect(), "demo", 0, 200, 1_000_000);
    let (start, end) = client.bounds("demo", 0);
    assert!((58..67).contains(&(end - start)), "segments of 1 GiB, and {start}..{end} are kept of 64 MiB");
    let described = client.call(4, DescribeLogDirsRequest { topics: None });
    let sizes = described.results[0].topics.iter().flat_map(|topic| &topic.partitions);
    let logs = std::fs::read_dir(broker.folder().join("demo-0")).unwrap().flatten();
    let logs = logs.filter(|entry| entry.path().extension().is_some_and(|suffix| suffix == "log"));
    let on_disk: u64 = logs.map(|entry| entry.metadata().unwrap().len()).sum();
    assert_eq!(sizes.map(|partition| partition.partition_size as u64).sum::<u64>(), on_disk);
}

#[test]
fn more_partitions_than_segments_fit_give_up_their_active_ones() {
    // 20 active segments of 1 MiB at the most do not fit, so some are closed for it.
    let broker = Broker::with(&["--set", &cap(8 * MIB), "--set", "message.max.bytes=100000"]);
    let mut client = broker.connect();
    client.create("demo", 20);
    let most = watch(&broker.folder(), || {
        for _ in 0..10 {
            (0..20).for_each(|partition| client.fill("demo", partition, 1, 100_000));
        }
    });
    assert!(most <= 8 * MIB + WALK, "{most} bytes");
    let bounds: Vec<(i64, i64)> = (0..20).map(|partition| client.bounds("demo", partition)).collect();
    assert!(bounds.iter().all(|(_, end)| *end == 10), "{bounds:?}");
    let kept: i64 = bounds.iter().map(|(start, end)| end - start).sum();
    assert!((40..84).contains(&kept), "{kept} of 200 batches are left: {bounds:?}");
}

#[test]
fn what_may_not_be_deleted_stays_and_the_log_says_so_once() {
    let broker = Broker::with(&["--set", &cap(8 * MIB)]);
    let mut client = broker.connect();
    client.create_with("kept", 1, &[("cleanup.policy", "compact"), ("segment.bytes", "1048576")]);
    client.create("demo", 1);
    let keyed = BatchBuilder::new().record(1000, Some(b"k"), Some(&vec![b'x'; 500_000])).build();
    (0..30).for_each(|_| assert!(client.produce("kept", 0, &keyed) >= 0));
    client.fill("demo", 0, 10, 500_000);
    assert_eq!(client.bounds("kept", 0), (0, 30), "all of it");
    broker.wait_for_line("WHAT IS NEVER DELETED TAKES");
    let count = broker.log().iter().filter(|line| line.contains("NEVER DELETED")).count();
    assert_eq!(count, 1, "{:#?}", broker.log());
    assert_eq!(client.bounds("demo", 0).1, 10, "appends go on");
}

#[test]
fn a_cap_that_the_partitions_do_not_fit_is_refused_with_the_arithmetic() {
    let sum = "3 x (1048588 + 32768) + 131072 = 3375140 bytes";
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 3);
    let (code, why) = client.set_config(BROKER, "1", "log.dirs.max.bytes", "3375139");
    assert_eq!(code, ErrorCode::INVALID_CONFIG);
    assert!(why.contains(sum) && why.contains("at least 3375140"), "{why}");
    let data = broker.stop();
    let folder = data.path().join("data");
    let folder = folder.to_str().unwrap();
    let refused = run(&["--listen", "127.0.0.1:0", "--data", folder, "--set", &cap(3_375_139)]);
    assert_eq!((refused.status.code(), refused.stderr.len()), (Some(2), 1), "{:#?}", refused.stderr);
    assert!(
        refused.stderr[0].contains(sum) && refused.stderr[0].contains("at least 3375140"),
        "{:#?}",
        refused.stderr
    );
    // The refused start changed nothing: this one is clean.
    let broker = Broker::on(data, &["--set", &cap(4_400_000)]);
    assert!(broker.warnings().is_empty(), "{:#?}", broker.log());
    let mut client = broker.connect();
    let refused = client.create_with("more", 1, &[]);
    assert_eq!(refused.error_code, ErrorCode::POLICY_VIOLATION);
    assert!(refused.error_message.unwrap().contains("4 x (1048588 + 32768)"));
    // The broker's own topics come when they are needed, and leave the sum as it is.
    client.call(2, broker::member::commit_request("readers", &[("demo", 0, 0)]));
    assert!(client.create_with("small", 2, &[("max.message.bytes", "100000")]).error_code.is_none());
    let (code, why) =
        client.set_config(sendlog::wire::messages::describe_configs::TOPIC, "small", "max.message.bytes", "900000");
    assert_eq!(code, ErrorCode::INVALID_CONFIG, "{why}");
    // What fits to the byte, fits at the next start.
    assert_eq!(client.delete("small"), ErrorCode::NONE);
    Broker::on(broker.stop(), &["--set", &cap(3_375_140)]);
}

#[test]
fn a_cap_that_is_set_while_the_broker_runs_holds_at_once_and_after_a_kill() {
    let broker = Broker::with(&["--set", "log.segment.bytes=1048576"]);
    let mut client = broker.connect();
    client.create("demo", 2);
    (0..2).for_each(|partition| client.fill("demo", partition, 40, 500_000));
    assert!(du(&broker.folder()) > 35 * MIB);
    assert_eq!(client.set_config(BROKER, "1", "log.dirs.max.bytes", "16777216").0, ErrorCode::NONE);
    assert!(du(&broker.folder()) <= 16 * MIB, "{}", du(&broker.folder()));
    let bounds = [client.bounds("demo", 0), client.bounds("demo", 1)];
    assert!(bounds.iter().all(|(start, end)| *start > 10 && *end == 40), "both gave: {bounds:?}");
    let broker = Broker::on(broker.kill(), &[]);
    let mut client = broker.connect();
    assert_eq!([client.bounds("demo", 0), client.bounds("demo", 1)], bounds);
    run_flat_out(broker.connect(), "demo", 0, 60, 500_000);
    assert!(du(&broker.folder()) <= 16 * MIB, "{}", du(&broker.folder()));
}

#[test]
fn a_kill_while_space_is_made_loses_nothing_that_was_kept() {
    let broker = Broker::with(&["--set", &cap(16 * MIB)]);
    broker.connect().create("demo", 2);
    let mut data = None;
    let mut broker = Some(broker);
    for round in 0..4 {
        let running = broker.take().unwrap_or_else(|| Broker::on(data.take().unwrap(), &["--set", &cap(16 * MIB)]));
        let mut client = running.connect();
        let before = [client.bounds("demo", 0), client.bounds("demo", 1)];
        // Sent and not waited for: the kill comes in the middle of what they make go.
        let batch = batch_of_size(200_000);
        for turn in 0..400 {
            client.send(9, produce_request(1, "demo", turn % 2, &batch));
            if turn % 8 == 7 {
                (0..8).for_each(|_| receive(&mut client));
            }
            if turn == 97 + round * 61 {
                break;
            }
        }
        let killed = running.kill();
        assert!(du(&killed.path().join("data")) <= 16 * MIB);
        let again = Broker::on(Arc::clone(&killed), &["--set", &cap(16 * MIB)]);
        let mut client = again.connect();
        for (partition, (start_before, end_before)) in (0..).zip(before) {
            let (start, end) = client.bounds("demo", partition);
            assert!(start >= start_before && end > end_before && start < end, "{start}..{end}, before {before:?}");
            assert_eq!(client.fetch("demo", partition, start).read()[0].0, start);
        }
        data = Some(again.kill());
    }
}

#[test]
fn files_that_wait_for_their_deletion_go_first_when_space_is_needed() {
    let broker = Broker::with(&["--set", &cap(16 * MIB), "--set", "log.segment.delete.delay.ms=86400000"]);
    let mut client = broker.connect();
    client.create("gone", 1);
    client.create("demo", 1);
    client.fill("gone", 0, 16, 500_000);
    assert!(client.delete("gone").is_none());
    assert!(du(&broker.folder()) > 7 * MIB, "the files wait");
    client.fill("demo", 0, 20, 500_000);
    until("the files of the deleted topic are gone", || {
        let names = std::fs::read_dir(broker.folder()).unwrap().flatten();
        (!names.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().ends_with("-delete"))).then_some(())
    });
    assert_eq!(client.bounds("demo", 0), (0, 20), "nothing that lives had to go");
}
