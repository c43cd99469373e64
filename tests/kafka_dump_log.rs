//! The binary under the name `kafka-dump-log.sh`: on these files it prints what Kafka 4.1's tool printed on the same bytes.
//! `tests/clients/run names` compares the two on what brokers have left.

mod broker;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use broker::scratch;
use broker::shell::{finish, Ran};
use sendlog::base::Offset;
use sendlog::record::header::stamp;
use sendlog::record::{crc32c, BatchBuilder};

const NAME: &str = "00000000000000000010";

/// A segment from offset 10 on: two records, an idempotent producer whose numbers begin anew, the mark of a commit, a batch
/// with a flipped bit, and behind a gap the first half of one; and what lies beside it.
fn write_files(folder: &Path) {
    let batches = [
        (10, BatchBuilder::new().record(1000, Some(b"k"), Some("ä".as_bytes())).record(1007, None, None)),
        (
            12,
            BatchBuilder::new().producer(7, 2, i32::MAX).record(2000, Some(b""), Some(b"")).record(
                2001,
                None,
                Some(b"v"),
            ),
        ),
        (
            14,
            BatchBuilder::new().producer(7, 2, -1).control().record(
                3000,
                Some(&[0, 0, 0, 1]),
                Some(&[0, 0, 0, 0, 0, 5]),
            ),
        ),
        (15, BatchBuilder::new().record(4000, Some(b"nine"), Some(b"flipped"))),
        (20, BatchBuilder::new().record(5000, None, Some(b"behind a gap"))),
    ];
    let mut log = Vec::new();
    let mut places = Vec::new();
    for (offset, builder) in batches {
        let mut batch = builder.build();
        stamp(&mut batch, Offset(offset), 3);
        places.push(log.len() as u32);
        log.extend(batch);
    }
    log[places[4] as usize - 2] ^= 1;
    log.extend_from_within(places[4] as usize..log.len() - 4);
    let offsets = [(3u32, places[1]), (6, places[3])];
    let offsets: Vec<u8> =
        offsets.iter().flat_map(|(offset, at)| [offset.to_be_bytes(), at.to_be_bytes()].concat()).collect();
    let times = [(2001i64, 3u32), (1999, 4), (4000, 5)];
    let times: Vec<u8> = times
        .iter()
        .flat_map(|(ms, offset)| [&ms.to_be_bytes()[..], &offset.to_be_bytes()].concat())
        .collect();
    let aborted = [7i64, 10, 12, 13];
    let aborted: Vec<u8> = [0, 0].into_iter().chain(aborted.iter().flat_map(|number| number.to_be_bytes())).collect();
    let snapshot = [&[0, 0, 0, 1][..], &7i64.to_be_bytes(), &[0, 2, 0, 0, 0, 0], &13i64.to_be_bytes(), &[0, 0, 0, 1]];
    let snapshot = [&snapshot.concat()[..], &2001i64.to_be_bytes(), &[0xff; 4], &10i64.to_be_bytes()].concat();
    let snapshot = [&[0, 1][..], &crc32c(&snapshot).to_be_bytes(), &snapshot].concat();
    for (suffix, bytes) in
        [("log", log), ("index", offsets), ("timeindex", times), ("txnindex", aborted), ("snapshot", snapshot)]
    {
        std::fs::write(folder.join(format!("{NAME}.{suffix}")), bytes).unwrap();
    }
}

/// Asks for files, each by its ending.
fn dump(folder: &Path, endings: &str, options: &[&str]) -> Ran {
    let link = folder.join("kafka-dump-log.sh");
    if !link.exists() {
        symlink(env!("CARGO_BIN_EXE_sendlog"), &link).unwrap();
    }
    let files: Vec<String> = endings.split(',').map(|ending| format!("{NAME}.{ending}")).collect();
    let mut command = Command::new(link);
    command.args(["--files", &files.join(",")]).args(options).current_dir(folder);
    finish(command, "")
}

/// The texts in `tests/scripts/kafka_dump_log/` are Kafka's.
#[test]
fn it_prints_what_kafkas_tool_printed() {
    let folder = scratch();
    write_files(folder.path());
    for (name, endings, options) in [
        ("records", "log", &["--print-data-log"][..]),
        ("few", "log", &["--skip-record-metadata", "--print-data-log", "--max-bytes", "200"]),
        ("beside", "index,timeindex,txnindex,snapshot,other", &["--deep-iteration"]),
        ("verified", "index,timeindex", &["--verify-index-only"]),
    ] {
        let Ran { code, out, err } = dump(folder.path(), endings, options);
        let printed = format!("{out}--- stderr\n{err}").replace(folder.path().to_str().unwrap(), "FOLDER");
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/scripts/kafka_dump_log")
            .join(format!("{name}.txt"));
        assert_eq!((code, printed), (0, std::fs::read_to_string(path).unwrap()), "{name}");
    }
}

/// Where Kafka's tool ends with a stack, this one ends with a line.
#[test]
fn what_cannot_be_shown_is_told_in_a_line() {
    let folder = scratch();
    write_files(folder.path());
    let log = folder.path().join(format!("{NAME}.log"));
    let whole = std::fs::read(&log).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut damaged = whole.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&log, damaged).unwrap();
    };
    for (at, bytes, says) in [
        (78 + 8, &[0, 0, 0, 5][..], " at 78: a record size of 5, smaller than"),
        (78 + 16, &[1], " at 78: magic 1: formats before v2"),
        (78 + 57, &[0, 0, 0, 9], " at 78: incorrect declared batch size, premature EOF"),
        (78 + 57, &[0, 0, 0, 1], " at 78: incorrect declared batch size, records still"),
        (78 + 61, &[0x7e], " at 78: a record of the batch cannot be read"),
        (78 + 22, &[4], "zstd"),
        (78 + 22, &[7], "no codec"),
    ] {
        with(at, bytes);
        let Ran { code, out, err } = dump(folder.path(), "log", &["--deep-iteration"]);
        assert!(code == 1 && err.contains(says) && err.lines().count() == 1, "{says}: {err}");
        assert!(
            out.contains("baseOffset: 10 ") && !out.contains("baseOffset: 14 "),
            "what comes before is shown: {out}"
        );
    }
    std::fs::remove_file(&log).unwrap();
    for (endings, options, says) in [
        ("log", &["--deep-iteration"][..], "there is no such file"),
        ("index", &[], "there is no such file"),
        ("snapshot", &["--key-decoder-class", "my.own.Decoder"], "my.own.Decoder"),
        ("snapshot", &["--cluster-metadata-decoder"], "cluster-metadata-decoder"),
    ] {
        let Ran { code, err, .. } = dump(folder.path(), endings, options);
        assert!(code == 1 && err.contains(says), "{endings} {options:?}: {err}");
    }
}
