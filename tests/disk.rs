//! `sendlog disk` says what each partition keeps and what goes next; that is what then happens; and it changes nothing.

mod broker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use broker::client::{batch_of_size, Client};
use broker::{run, until, Broker, Ended};
use sendlog::record::BatchBuilder;

const DAY: i64 = 86_400_000;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Runs the command on a data directory.
fn disk(folder: &Path, arguments: &[&str]) -> Ended {
    run(&[&["disk", "--data", folder.to_str().unwrap()], arguments].concat())
}

/// The cells of each partition's row, by partition.
fn rows(folder: &Path, arguments: &[&str]) -> BTreeMap<String, Vec<String>> {
    let ended = disk(folder, arguments);
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{:#?}", ended.stderr);
    let lines = ended.stdout.iter().skip_while(|line| !line.starts_with("partition ")).skip(1);
    let cells = lines.map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_string));
    cells.map(Vec::from_iter).map(|mut cells| (cells.remove(0), cells)).collect()
}

/// What is said of what goes next.
fn next(folder: &Path, arguments: &[&str], partition: &str) -> String {
    rows(folder, arguments)[partition].last().unwrap().clone()
}

/// Every file with its size, its time and its bytes.
fn contents(root: &Path) -> Vec<(PathBuf, SystemTime, Vec<u8>)> {
    let read = |name: PathBuf| {
        let path = root.join(&name);
        (name, path.metadata().unwrap().modified().unwrap(), std::fs::read(path).unwrap_or_default())
    };
    broker::tree(root).into_iter().map(read).collect()
}

/// Two segments: two batches of 600 kB in the first, with that timestamp, and one in the second.
fn two_segments(client: &mut Client, topic: &str, timestamp_ms: i64, configs: &[(&str, &str)]) {
    let configs = [&[("segment.bytes", "1300000"), ("segment.ms", "9000000000000")], configs].concat();
    client.create_with(topic, 1, &configs);
    for timestamp_ms in [timestamp_ms, timestamp_ms, timestamp_ms + 1000] {
        client.produce(topic, 0, &BatchBuilder::new().record(timestamp_ms, Some(b"k"), Some(&[b'x'; 600_000])).build());
    }
}

#[test]
fn each_kind_of_partition_is_explained() {
    let broker = Broker::start();
    let mut client = broker.connect();
    let written = 1_792_411_200_000; // 2026-10-19 12:00
    let age = now_ms() - written;
    let (week, day) = ((age + 7 * DAY).to_string(), (age - DAY).to_string());
    two_segments(&mut client, "by-age", written, &[("retention.ms", &week)]);
    two_segments(&mut client, "too-old", written, &[("retention.ms", &day)]);
    two_segments(&mut client, "by-size", written, &[("retention.ms", "-1"), ("retention.bytes", "2000000")]);
    two_segments(&mut client, "too-large", written, &[("retention.ms", "-1"), ("retention.bytes", "600000")]);
    two_segments(&mut client, "both", written, &[("retention.ms", &week), ("retention.bytes", "2000000")]);
    two_segments(&mut client, "unlimited", written, &[("retention.ms", "-1")]);
    two_segments(&mut client, "compacted", written, &[("cleanup.policy", "compact")]);
    client.create("empty", 2);
    client.create_with("one", 1, &[("retention.ms", "-1"), ("segment.ms", "86400000")]);
    client.produce("one", 0, &BatchBuilder::new().record(written, None, Some(b"v")).build());
    client.call(2, broker::member::commit_request("readers", &[("demo", 0, 1)]));
    let first = "segment 00000000000000000000 (1.1 MiB)";
    let found = rows(&broker.folder(), &[]);
    for (partition, sentence) in [
        ("by-age-0", format!("next to go: {first} after 2026-")),
        ("too-old-0", format!("goes with the next look: {first}, older than retention.ms")),
        ("by-size-0", format!("next to go: {first} when 1.3 MiB more have come (retention.bytes)")),
        ("too-large-0", format!("goes with the next look: {first}, the others hold retention.bytes")),
        ("both-0", " (retention.ms) or when 1.3 MiB more have come (retention.bytes)".to_string()),
        ("unlimited-0", format!("nothing goes: {first}, and no limit is set")),
        ("compacted-0", "cleanup.policy=compact: kept for ever".to_string()),
        ("empty-0", "empty".to_string()),
        ("empty-1", "empty".to_string()),
        ("one-0", "nothing goes: the one segment (69 B)".to_string()),
        ("one-0", "until 1.0 GiB (segment.bytes) or 2026-10-20 12:00:00 (segment.ms)".to_string()),
        ("__consumer_offsets-0", "internal".to_string()),
    ] {
        let said = found[partition].last().unwrap();
        assert!(said.contains(&sentence), "{partition}: no {sentence:?} in {said:?}");
    }
    assert_eq!(found["by-age-0"][..4], ["1.7 MiB", "2", "2026-10-19 12:00:00", "0"]);
    assert_eq!(found["empty-0"][..4], ["0 B", "1", "-", "0"]);
    assert_eq!(found.len(), 11, "{found:#?}");
}

#[test]
fn it_says_the_same_of_a_running_broker_and_of_a_stopped_one_and_changes_nothing() {
    let broker = Broker::start();
    let mut client = broker.connect();
    two_segments(&mut client, "demo", now_ms() - DAY, &[]);
    (0..20).for_each(|_| assert!(client.produce("demo", 0, &batch_of_size(10_000)) >= 0));
    assert_eq!(client.delete_records("demo", 0, 1).1, 1);
    client.create("one", 1);
    client.fill("one", 0, 1, 10_000);
    let running = rows(&broker.folder(), &[]);
    let data = broker.kill();
    let root = data.path().join("data");
    let mut registry = std::fs::read(root.join("sendlog.registry")).unwrap();
    registry.extend_from_slice(b"000044 0123");
    std::fs::write(root.join("sendlog.registry"), registry).unwrap();
    // Torn tails, and indexes that a start would make anew: not this command's business.
    for active in ["demo-0/00000000000000000002.log", "one-0/00000000000000000000.log"] {
        let mut bytes = std::fs::read(root.join(active)).unwrap();
        bytes.extend_from_slice(&batch_of_size(10_000)[..5000]);
        std::fs::write(root.join(active), bytes).unwrap();
    }
    std::fs::remove_file(root.join("demo-0/00000000000000000000.index")).unwrap();
    std::fs::remove_file(root.join("demo-0/00000000000000000000.timeindex")).unwrap();
    let before = contents(&root);
    assert_eq!(rows(&root, &[]), running);
    assert_eq!(contents(&root), before, "nothing was changed");
    assert_eq!(running["demo-0"][3], "1", "the log start");
}

#[test]
fn what_it_names_is_what_goes() {
    let configs = [("segment.bytes", "1048576"), ("retention.bytes", "3000000"), ("retention.ms", "-1")];
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("demo", 1, &configs);
    client.fill("demo", 0, 7, 1_000_000);
    // Seven segments of one batch; what goes goes one by one, as each look of the command would have it.
    let data = broker.stop();
    let folder = data.path().join("data");
    assert!(next(&folder, &[], "demo-0").starts_with("goes with the next look: segment 00000000000000000000"));
    let broker = Broker::on(data, &["--set", "log.retention.check.interval.ms=50"]);
    let mut client = broker.connect();
    until("retention has come by", || (client.bounds("demo", 0).0 > 0).then_some(()));
    let (start, _) = client.bounds("demo", 0);
    let said = next(&broker.folder(), &[], "demo-0");
    let named = format!("next to go: segment {start:020} (976.6 KiB) when 976.6 KiB more have come");
    assert!(said.starts_with(&named), "{said}");
    client.fill("demo", 0, 1, 1_000_000);
    until("the segment that was named has gone", || (client.bounds("demo", 0).0 == start + 1).then_some(()));
}

#[test]
fn under_a_cap_the_first_to_go_is_marked_and_it_goes() {
    let cap = ["--set", "log.dirs.max.bytes=16777216"];
    let broker = Broker::with(&cap);
    let mut client = broker.connect();
    ["large", "small"].into_iter().for_each(|topic| client.create(topic, 1));
    client.fill("small", 0, 4, 1_000_000);
    client.fill("large", 0, 9, 1_000_000);
    let found = rows(&broker.folder(), &cap);
    let first = "segment 00000000000000000000 (976.6 KiB)";
    let said = found["large-0"].last().unwrap();
    assert!(said.contains(first) && said.ends_with("the first to go under log.dirs.max.bytes"), "{said}");
    assert!(!found["small-0"].last().unwrap().contains("the first to go"));
    let head = disk(&broker.folder(), &cap).stdout.remove(0);
    assert!(head.contains("of 16.0 MiB (log.dirs.max.bytes)"), "{head}");
    client.fill("small", 0, 3, 1_000_000);
    assert_eq!(client.bounds("small", 0).0, 0);
    until("the background thread has made room", || (client.bounds("large", 0).0 > 0).then_some(()));
}

#[test]
fn what_cannot_be_looked_at_is_said_with_its_mend() {
    let empty = broker::scratch();
    let refused = disk(empty.path(), &[]);
    assert_eq!((refused.status.code(), refused.stdout.len(), refused.stderr.len()), (Some(2), 0, 1));
    assert!(
        refused.stderr[0].contains("sendlog.registry") && refused.stderr[0].contains("--data"),
        "{:?}",
        refused.stderr
    );
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0, "nothing was made");
    for arguments in [&["surplus"][..], &["--no-such"], &["--set", "num.partition=1"]] {
        assert_eq!(disk(empty.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let data = broker.stop();
    let folder = data.path().join("data");
    std::fs::remove_dir_all(folder.join("demo-0")).unwrap();
    assert!(next(&folder, &[], "demo-0").contains("cannot be read: "));
}

#[test]
fn the_help_lists_the_commands() {
    let help = run(&["--help"]).stdout.join("\n");
    assert!(help.contains("    disk ") && help.contains("    server "), "{help}");
    assert!(run(&["disk", "--help"]).stdout.join("\n").contains("Usage: sendlog disk"));
}
