//! `sendlog dump-log` on what a broker really left: all of it is well, what is damaged is named, and the exit code says so.

mod broker;

use broker::client::batch;
use broker::member::Member;
use broker::{run, tree, Broker};
use sendlog::record::BatchBuilder;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Two partitions, one of them of several segments; a producer that numbers its batches, a group that commits.
fn data() -> Arc<TempDir> {
    let broker = Broker::start();
    let mut client = broker.connect();
    assert!(client.create_with("demo", 2, &[("segment.ms", "1000")]).error_code.is_none());
    client.fill("demo", 0, 10, 1000);
    for timestamp_ms in (10_000..40_000).step_by(1000) {
        client.produce("demo", 0, &BatchBuilder::new().record(timestamp_ms, None, Some(b"later")).build());
    }
    client.produce("demo", 1, &batch(&["a", "b"]));
    let numbered = BatchBuilder::new().producer(4, 0, 0).record(2000, Some(b"key"), Some(b"value")).build();
    client.produce("demo", 1, &numbered);
    let mut member = Member::new(broker.connect(), "g");
    assert!(member.join(3).is_none() && member.sync(3).error_code.is_none());
    assert!(member.commit(3).is_none());
    broker.stop()
}

/// Exit code and lines.
fn dump(arguments: &[&str]) -> (i32, Vec<String>) {
    let ended = run(&[&["dump-log"], arguments].concat());
    (ended.status.code().unwrap(), ended.stdout)
}

#[test]
fn all_of_a_data_directory_is_well_and_every_record_is_shown() {
    let data = data();
    let folder = data.path().join("data");
    let (code, lines) = dump(&["--records", folder.to_str().unwrap()]);
    assert_eq!(code, 0, "{lines:#?}");
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert!(count("| offset ") >= 43 && count("gzip") == 0, "{lines:#?}");
    assert_eq!(count(r#"| offset 1  1970-01-01T00:00:01.001Z  key null  value "b""#), 1, "{lines:#?}");
    assert_eq!(count("producer 4 epoch 0: sequences 0..=0 at offsets 2..=2"), 2, "snapshot and batches");
    for file in
        ["sendlog.registry", "leader-epoch-checkpoint", "partition.metadata", "recovery-point-offset-checkpoint"]
    {
        assert!(count(file) >= 1, "{file}");
    }
    let segments = |name: &Path| name.extension().is_some_and(|suffix| suffix == "log");
    let found = tree(&folder).iter().filter(|path| segments(path)).count();
    assert!(found > 4 && count(".log") == found, "{found} segments");
}

#[test]
fn damage_is_named_and_makes_the_exit_code_1() {
    let data = data();
    let folder = data.path().join("data/demo-0");
    let log = folder.join("00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[3500] ^= 4;
    std::fs::write(&log, bytes).unwrap();
    let (code, lines) = dump(&["--damage", folder.to_str().unwrap()]);
    assert_eq!(code, 1, "{lines:#?}");
    let damaged: Vec<_> = lines.iter().filter(|line| line.contains("CRC-32C")).collect();
    assert_eq!(damaged.len(), 1, "{lines:#?}");
    assert!(damaged[0].contains("the next good batch begins at 4000 with offset 4"), "{}", damaged[0]);
    let (code, lines) = dump(&["--format", "json", log.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(lines.iter().any(|line| line.contains(r#""position":3000,"#) && line.contains(r#""damaged":true"#)));
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    for (arguments, says) in [
        (&[][..], "no file"),
        (&["nowhere.log"][..], "nowhere.log"),
        (&["--format", "xml", "x.log"][..], "xml"),
        (&["Cargo.toml"][..], "Cargo.toml"),
    ] {
        let ended = run(&[&["dump-log"], arguments].concat());
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        assert!(ended.stderr[0].contains(says), "{:?}", ended.stderr);
    }
}
