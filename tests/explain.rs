//! `sendlog explain` follows one record through the files, beside a running broker, and changes nothing.

mod broker;

use std::path::{Path, PathBuf};

use broker::client::Client;
use broker::{run, Broker, Ended};
use sendlog::os::{fadvise, page_cache};
use sendlog::record::header::{stamp_crc, HEADER_SIZE};
use sendlog::record::BatchBuilder;

/// 2026-01-01 00:00
const T: i64 = 1_767_225_600_000;

fn explain(folder: &Path, record: &str, more: &[&str]) -> Ended {
    run(&[&["explain", record, "--data", folder.to_str().unwrap()], more].concat())
}

/// What it prints; it has to succeed.
fn explained(folder: &Path, record: &str, more: &[&str]) -> String {
    let ended = explain(folder, record, more);
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{record}: {:#?}", ended.stderr);
    ended.stdout.join("\n").replace(folder.to_str().unwrap(), "data")
}

/// The paragraph that begins with this word.
fn paragraph<'a>(text: &'a str, name: &str) -> &'a str {
    text.split("\n\n")
        .find(|paragraph| paragraph.starts_with(name))
        .unwrap_or_else(|| panic!("no {name}: {text}"))
}

/// Record `n` is of second `n`; offset by batch, `*` has an index entry: 0-2, 3 (300 kB), 4-5*, 6 (300 kB), 7* | 8 (600 kB).
fn fill(client: &mut Client, topic: &str) {
    client.create_with(topic, 1, &[("segment.bytes", "1100000")]);
    let mut produce = |first: i64, values: Vec<Vec<u8>>| {
        let mut batch = BatchBuilder::new();
        for (n, value) in (first..).zip(&values) {
            batch.push(T + 1000 * n, Some(format!("k{n}").as_bytes()), Some(value));
        }
        client.produce(topic, 0, &batch.build());
    };
    let small = |n: i64| format!("apples {n}").into_bytes();
    let large = |size: usize| vec![b'x'; size];
    produce(0, vec![small(0), small(1), small(2)]);
    produce(3, vec![large(300_000)]);
    produce(4, vec![small(4), small(5)]);
    produce(6, vec![large(300_000)]);
    produce(7, vec![small(7)]);
    produce(8, vec![large(600_000)]);
}

#[test]
fn a_record_is_followed_from_the_segments_name_to_its_own_bytes() {
    let broker = Broker::start();
    fill(&mut broker.connect(), "orders");
    let text = explained(&broker.folder(), "orders/0@5", &[]);
    let golden = include_str!("scripts/explain/record.txt");
    let until_cache = text.split("\n\npage cache").next().unwrap();
    assert_eq!(until_cache, golden.trim_end(), "REWRITE: tests/scripts/explain/record.txt is to be\n{until_cache}");
    // What it says of places is so.
    let segment = std::fs::read(broker.folder().join("orders-0/00000000000000000000.log")).unwrap();
    let of = |before: &str| -> usize {
        let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("{before}: {text}"));
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    let (record, batch) = (of("of the batch, byte "), of("batch       bytes "));
    assert_eq!(i64::from_be_bytes(segment[batch..batch + 8].try_into().unwrap()), 4);
    assert!(
        segment[record..].starts_with(&[0x22, 0, 0xd0, 0x0f, 2, 4, b'k', b'5']),
        "{:?}",
        &segment[record..record + 8]
    );
}

#[test]
fn durable_is_what_the_files_vouch_for() {
    let broker = Broker::start();
    fill(&mut broker.connect(), "orders");
    let durable = |folder: &Path, record| paragraph(&explained(folder, record, &[]), "durable").to_string();
    let folder = broker.folder();
    assert!(
        durable(&folder, "orders/0@2").starts_with("durable     not known from the files"),
        "no checkpoint yet"
    );
    let data = broker.stop();
    let said = durable(&folder, "orders/0@8");
    assert!(said.starts_with("durable     yes") && said.contains(".kafka_cleanshutdown"), "{said}");
    // The next life's first batch lies above what the stop has written down.
    let broker = Broker::on(data, &[]);
    broker.connect().produce("orders", 0, &broker::client::batch(&["later"]));
    let said = durable(&folder, "orders/0@8");
    assert!(said.starts_with("durable     yes") && said.contains("says 9 for"), "{said}");
    let said = durable(&folder, "orders/0@9");
    assert!(said.starts_with("durable     not known from the files") && said.contains("says 9 for"), "{said}");
    let _data = broker.kill();
    assert_eq!(durable(&folder, "orders/0@9"), said, "a kill makes nothing durable");
}

#[test]
fn the_page_cache_is_seen_as_it_was_before() {
    let broker = Broker::start();
    fill(&mut broker.connect(), "orders");
    let folder = broker.folder();
    let _data = broker.stop();
    let cache = |record| paragraph(&explained(&folder, record, &[]), "page cache").to_string();
    assert!(cache("orders/0@3").starts_with("page cache  74 of the batch's 74 pages are in memory, from byte 0 "));
    let segment = folder.join("orders-0/00000000000000000000.log");
    for record in ["orders/0@3", "orders/0@8"] {
        for file in [&segment, &folder.join("orders-0/00000000000000000008.log")] {
            fadvise::drop_pages(&std::fs::File::open(file).unwrap());
        }
        // In a file system that lives in memory nothing is dropped.
        let pages = if record.ends_with('3') { 74 } else { 147 };
        if page_cache::cached(&std::fs::File::open(&segment).unwrap(), 0, 4096).unwrap().bytes == 0 {
            let said = cache(record);
            assert!(said.starts_with(&format!("page cache  0 of the batch's {pages} pages")), "{record}: {said}");
            assert!(cache(record).starts_with(&format!("page cache  {pages} of")), "{record}: the look has read it");
        }
    }
}

#[test]
fn a_time_is_found_through_the_time_index() {
    let broker = Broker::start();
    fill(&mut broker.connect(), "orders");
    let folder = broker.folder();
    let _data = broker.stop();
    let text = explained(&folder, "orders/0@2026-01-01T00:00:06.5", &[]);
    assert!(text.starts_with("orders/0@7\n"), "{text}");
    let time = paragraph(&text, "time");
    assert!(time.contains("asked for 2026-01-01T00:00:06.500Z: the first segment whose largest timestamp is at or after it, 2026-01-01T00:00:07.000Z"), "{time}");
    assert!(time.contains("says that up to offset 5 nothing is later than 2026-01-01T00:00:05.000Z"), "{time}");
    assert!(explained(&folder, &format!("orders/0@@{}", T + 8000), &[]).starts_with("orders/0@8\n"));
    assert!(explained(&folder, "orders/0@start", &[]).starts_with("orders/0@0\n"));
    assert!(explained(&folder, "orders/0@-2", &[]).starts_with("orders/0@7\n"));
    assert!(explained(&folder, "orders/0@-99", &[]).starts_with("orders/0@0\n"));
}

#[test]
fn json_has_the_same_facts() {
    let broker = Broker::start();
    fill(&mut broker.connect(), "orders");
    let json = explained(&broker.folder(), "orders/0@5", &["--format", "json"]);
    for part in [
        r#"{"topic":"orders","partition":0,"offset":5,"segment":{"file":"data/orders-0/00000000000000000000.log","base_offset":0,"#,
        r#""index":{"entries":"#,
        r#""base_offset":4,"last_offset":5,"records":2,"#,
        r#""crc_matches":true},"record":{"offset":5,"number":2,"of":2,"#,
        r#""timestamp_ms":1767225605000,"key":"\"k5\"","value":"\"apples 5\""}"#,
        r#""durable":"unknown","#,
    ] {
        assert!(json.contains(part), "{part} in {json}");
    }
}

#[test]
fn a_wrong_index_entry_and_a_damaged_batch_are_told_of() {
    let broker = Broker::start();
    fill(&mut broker.connect(), "orders");
    let folder = broker.folder();
    let _data = broker.stop();
    let damage = |name: &str, at: usize| {
        let path = folder.join("orders-0").join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    damage("00000000000000000000.log", 300_280); // in the last record of the third batch
    let text = explained(&folder, "orders/0@5", &[]);
    assert!(paragraph(&text, "batch").contains("DAMAGED: the bytes from 21 on give"), "{text}");
    damage("00000000000000000000.index", 7);
    let text = explain(&folder, "orders/0@5", &[]).stdout.join("\n");
    assert!(
        paragraph(&text, "index").contains("which is WRONG: from the segment's start, 3 headers are read"),
        "{text}"
    );
}

#[test]
fn a_compressed_batch_is_named() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("orders", 1);
    let mut batch = broker::client::batch(&["a", "b"]);
    batch[22] = 1; // gzip
    batch[HEADER_SIZE..].fill(7);
    stamp_crc(&mut batch);
    client.produce("orders", 0, &batch);
    let text = explained(&broker.folder(), "orders/0@1", &[]);
    assert!(paragraph(&text, "batch").contains("codec gzip"), "{text}");
    let record = paragraph(&text, "record");
    assert!(record.starts_with("record      not shown: ") && record.contains("gzip"), "{record}");
}

#[test]
fn where_no_record_is_the_cause_and_the_mend_are_said() {
    let broker = Broker::with(&["--topic", "empty:1"]);
    let mut client = broker.connect();
    fill(&mut client, "orders");
    client.delete_records("orders", 0, 2);
    let folder = broker.folder();
    for (record, code, says) in [
        ("orders/0@1", 1, "orders-0 starts at offset 2: 1 is deleted: write an offset from 2 to 8"),
        ("orders/0@9", 1, "orders-0 ends with offset 8: 9 is not written yet: write an offset from 2 to 8"),
        ("orders/1@0", 1, "topic orders has no partition 1 in data: write one of 0"),
        ("order/0@0", 1, "there is no topic order in data: write one of empty, orders"),
        ("empty/0@0", 1, "empty-0 holds no record, its next one gets offset 0: produce one"),
        (
            "orders/0@2026-01-02",
            1,
            "orders-0 has no record at or after 2026-01-02T00:00:00.000Z: write an earlier time",
        ),
        ("orders", 2, "orders names no record; write TOPIC/PARTITION@OFFSET"),
        ("orders/x@0", 2, "orders/x is no partition; write TOPIC/PARTITION@OFFSET"),
        ("orders/0@end", 2, "@end is no place where a record is; write an OFFSET"),
    ] {
        let ended = explain(&folder, record, &[]);
        let said = ended.stderr.join("\n").replace(folder.to_str().unwrap(), "data");
        assert!(ended.status.code() == Some(code) && said.contains(says), "{record}: {} {said}", ended.status);
        assert_eq!(ended.stderr.len(), 1, "{said}");
    }
    let ended = explain(Path::new("/no/such/place"), "orders/0@0", &[]);
    assert!(ended.stderr[0].ends_with("give the data directory of a broker with --data"), "{:?}", ended.stderr);
}

#[test]
fn it_only_looks() {
    let broker = Broker::start();
    fill(&mut broker.connect(), "orders");
    let folder = broker.folder();
    let _data = broker.stop();
    let contents = || -> Vec<(PathBuf, std::time::SystemTime, Vec<u8>)> {
        let read = |name: PathBuf| {
            let path = folder.join(&name);
            (name, path.metadata().unwrap().modified().unwrap(), std::fs::read(path).unwrap_or_default())
        };
        broker::tree(&folder).into_iter().map(read).collect()
    };
    let before = contents();
    for record in ["orders/0@0", "orders/0@8", "orders/0@2026-01-01", "orders/0@99"] {
        explain(&folder, record, &[]);
    }
    assert!(before == contents(), "something was changed");
}
