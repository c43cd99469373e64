//! The client's `Consumer` against the broker: by hand, in a group, and over a bad network.

mod broker;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use broker::client::batch;
use broker::proxy::{random, Fault, Proxy};
use broker::{Broker, HANG};
use sendlog::base::{ErrorCode, TopicPartition};
use sendlog::client::{
    Admin, ClientSettings, Consumer, ConsumerSettings, Isolation, OffsetReset, OffsetSpec, Rebalance,
};
use sendlog::record::header::stamp_crc;

const SOON: Duration = Duration::from_millis(100);

fn settings(broker: &Broker) -> ConsumerSettings {
    let settings = ConsumerSettings::new(broker.address.to_string()).auto_offset_reset(OffsetReset::Earliest);
    settings.enable_auto_commit(false).fetch_max_wait_ms(50)
}

fn values(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("v{i}")).collect()
}

fn fill(broker: &Broker, topic: &str, partition: i32, batches: usize, records: usize) {
    let values = values(records);
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for _ in 0..batches {
        broker.connect().produce(topic, partition, &batch(&values));
    }
}

/// Polls until this many records have come: partition, offset and value of each.
fn read(consumer: &mut Consumer, count: usize) -> Vec<(i32, i64, String)> {
    let deadline = Instant::now() + HANG;
    let mut found = Vec::new();
    while found.len() < count {
        assert!(Instant::now() < deadline, "only {} of {count} records came", found.len());
        for batch in consumer.poll(SOON).unwrap() {
            let records = batch.records().map(Result::unwrap);
            found.extend(records.map(|r| {
                (batch.partition(), r.offset, String::from_utf8_lossy(r.value.unwrap_or_default()).into_owned())
            }));
        }
    }
    assert_eq!(found.len(), count);
    found
}

fn offsets(found: &[(i32, i64, String)]) -> Vec<i64> {
    found.iter().map(|(_, offset, _)| *offset).collect()
}

#[test]
fn assigned_partitions_are_read_from_the_offset_that_is_wanted() {
    let broker = Broker::start();
    broker.connect().create("demo", 2);
    fill(&broker, "demo", 0, 3, 4);
    fill(&broker, "demo", 1, 1, 2);
    let mut consumer = Consumer::new(settings(&broker)).unwrap();
    consumer.assign(&[("demo", 0), ("demo", 1)]).unwrap();
    let mut all = read(&mut consumer, 14);
    all.sort();
    assert_eq!(offsets(&all), (0..12).chain(0..2).collect::<Vec<_>>());
    assert_eq!((all[5].2.as_str(), consumer.position(("demo", 0))), ("v1", Some(12)));
    assert_eq!(consumer.high_watermark(("demo", 0)), Some(12));
    assert!(consumer.poll(SOON).unwrap().is_empty());
    consumer.seek(("demo", 0), 6).unwrap();
    assert_eq!(offsets(&read(&mut consumer, 6)), (6..12).collect::<Vec<_>>(), "from the middle of a batch");
    consumer.seek_by(("demo", 0), OffsetSpec::Timestamp(1003)).unwrap();
    assert_eq!(offsets(&read(&mut consumer, 9)), (3..12).collect::<Vec<_>>());
    consumer.seek_by(("demo", 0), OffsetSpec::Latest).unwrap();
    assert!(consumer.poll(SOON).unwrap().is_empty());
    fill(&broker, "demo", 0, 1, 1);
    assert_eq!(offsets(&read(&mut consumer, 1)), [12]);
    let wrong = consumer.seek(("demo", 7), 0).unwrap_err().to_string();
    assert_eq!(wrong, "seeking in demo-7: the consumer does not read it");
    consumer.close().unwrap();
}

#[test]
fn records_have_keys_headers_and_timestamps() {
    use sendlog::client::{Header, Producer, ProducerSettings, Record};
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let producer = Producer::new(ProducerSettings::new(broker.address.to_string())).unwrap();
    let headers = [Header { name: "a", value: Some(b"1") }, Header { name: "b", value: None }];
    producer.send(&Record::to("demo").key("k").timestamp_ms(77).headers(&headers)).unwrap();
    producer.close().unwrap();
    let mut consumer = Consumer::new(settings(&broker)).unwrap();
    consumer.assign(&[("demo", 0)]).unwrap();
    let batches = consumer.poll(HANG).unwrap();
    let record = batches[0].records().next().unwrap().unwrap();
    assert_eq!((record.timestamp_ms, record.key, record.value), (77, Some(&b"k"[..]), None));
    assert_eq!(record.headers.collect::<Vec<_>>(), [(&b"a"[..], Some(&b"1"[..])), (b"b", None)]);
}

#[test]
fn paused_partitions_give_nothing() {
    let broker = Broker::start();
    broker.connect().create("demo", 2);
    fill(&broker, "demo", 0, 1, 3);
    fill(&broker, "demo", 1, 1, 3);
    let mut consumer = Consumer::new(settings(&broker)).unwrap();
    consumer.assign(&[("demo", 0), ("demo", 1)]).unwrap();
    consumer.pause(&[("demo", 0)]);
    assert!(read(&mut consumer, 3).iter().all(|(partition, ..)| *partition == 1));
    assert!(consumer.poll(SOON).unwrap().is_empty());
    consumer.resume(&[("demo", 0)]);
    assert!(read(&mut consumer, 3).iter().all(|(partition, ..)| *partition == 0));
}

#[test]
fn what_the_log_does_not_have_is_reset_or_told() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    fill(&broker, "demo", 0, 2, 5);
    let admin = &mut Admin::connect(ClientSettings::new(broker.address.to_string())).unwrap();
    admin.delete_records(&[(("demo", 0), 7)]).unwrap();
    let mut consumer = Consumer::new(settings(&broker)).unwrap();
    consumer.assign(&[("demo", 0)]).unwrap();
    consumer.seek(("demo", 0), 2).unwrap();
    assert_eq!(offsets(&read(&mut consumer, 3)), [7, 8, 9]);
    let mut strict = Consumer::new(settings(&broker).auto_offset_reset(OffsetReset::None)).unwrap();
    strict.assign(&[("demo", 0)]).unwrap();
    let error = strict.poll(HANG).unwrap_err().to_string();
    assert!(error.contains("demo-0") && error.contains("auto.offset.reset=none"), "{error}");
    strict.seek(("demo", 0), 99).unwrap();
    let error = strict.poll(HANG).unwrap_err();
    assert!(
        error.code() == Some(ErrorCode::OFFSET_OUT_OF_RANGE) && error.to_string().contains("offset 99"),
        "{error}"
    );
}

#[test]
fn what_is_committed_is_where_the_next_one_begins() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    fill(&broker, "demo", 0, 3, 2);
    let with_group = settings(&broker).group_id("g");
    let mut first = Consumer::new(with_group.clone()).unwrap();
    first.assign(&[("demo", 0)]).unwrap();
    read(&mut first, 6);
    first.commit_offsets(&[(("demo", 0), 4)]).unwrap();
    first.close().unwrap();
    let mut second = Consumer::new(with_group.enable_auto_commit(true)).unwrap();
    second.assign(&[("demo", 0)]).unwrap();
    assert_eq!(offsets(&read(&mut second, 2)), [4, 5]);
    second.close().unwrap();
    let mut third = Consumer::new(settings(&broker).group_id("g")).unwrap();
    let committed = third.committed(&[("demo", 0)]).unwrap();
    assert_eq!(committed[0].1.offset, 6, "committed by itself at the end");
}

/// Polls consumers until they read these numbers of partitions: each in a thread of its own, as joining waits for all.
fn until_shared(consumers: &mut [&mut Consumer], shares: &[usize]) {
    let (is_done, counts) = (AtomicBool::new(false), Mutex::new(vec![0; consumers.len()]));
    let poll = |place: usize, consumer: &mut Consumer| {
        while !is_done.load(Ordering::SeqCst) {
            consumer.poll(SOON).unwrap();
            counts.lock().unwrap()[place] = consumer.assignment().len();
        }
    };
    let poll = &poll;
    std::thread::scope(|scope| {
        for (place, consumer) in consumers.iter_mut().enumerate() {
            scope.spawn(move || poll(place, consumer));
        }
        let deadline = Instant::now() + HANG;
        let mut found = Vec::new();
        while found != shares && Instant::now() < deadline {
            found.clone_from(&counts.lock().unwrap());
            found.sort_unstable();
            std::thread::yield_now();
        }
        is_done.store(true, Ordering::SeqCst);
        assert_eq!(found, shares, "how the partitions are shared out");
    });
}

#[test]
fn a_group_shares_partitions_out_as_members_come_and_go() {
    let broker = Broker::start();
    broker.connect().create("demo", 5);
    let member = || settings(&broker).group_id("g").heartbeat_interval_ms(20);
    let mut first = Consumer::new(member()).unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let ours = events.clone();
    first.on_rebalance(move |event| {
        ours.lock().unwrap().push(match event {
            Rebalance::Revoked(partitions) => format!("revoked {}", partitions.len()),
            Rebalance::Assigned(partitions) => format!("assigned {}", partitions.len()),
        });
    });
    first.subscribe(&["demo"]).unwrap();
    until_shared(&mut [&mut first], &[5]);
    let mut second = Consumer::new(member()).unwrap();
    second.subscribe(&["demo"]).unwrap();
    until_shared(&mut [&mut first, &mut second], &[2, 3]);
    let all: BTreeSet<TopicPartition> = first.assignment().into_iter().chain(second.assignment()).collect();
    assert_eq!(all.len(), 5, "each partition has one reader");
    fill(&broker, "demo", second.assignment()[0].partition, 1, 3);
    assert_eq!(read(&mut second, 3).len(), 3);
    second.commit().unwrap();
    second.close().unwrap();
    until_shared(&mut [&mut first], &[5]);
    assert!(first.poll(SOON).unwrap().is_empty(), "it goes on behind what the other one committed");
    let seen = events.lock().unwrap().clone();
    assert!(
        seen.starts_with(&["assigned 5".into(), "revoked 5".into()]) && seen.ends_with(&["assigned 5".into()]),
        "{seen:?}"
    );
}

#[test]
fn a_member_that_does_not_poll_loses_its_partitions_and_comes_back() {
    let broker = Broker::with(&["--set", "group.min.session.timeout.ms=100"]);
    broker.connect().create("demo", 2);
    let member = || settings(&broker).group_id("g").heartbeat_interval_ms(20);
    let mut lazy = Consumer::new(member().max_poll_interval_ms(300)).unwrap();
    lazy.subscribe(&["demo"]).unwrap();
    until_shared(&mut [&mut lazy], &[2]);
    let mut other = Consumer::new(member()).unwrap();
    other.subscribe(&["demo"]).unwrap();
    until_shared(&mut [&mut other], &[2]);
    let error = lazy.commit_offsets(&[(("demo", 0), 0)]).unwrap_err();
    assert!(
        [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION].contains(&error.code().unwrap()),
        "{error}"
    );
    until_shared(&mut [&mut lazy, &mut other], &[1, 1]);
}

#[test]
fn a_topic_that_comes_later_is_found() {
    let broker = Broker::with(&["--set", "auto.create.topics.enable=false"]);
    let mut consumer = Consumer::new(settings(&broker).group_id("g")).unwrap();
    consumer.subscribe(&["later"]).unwrap();
    assert!(consumer.poll(SOON).unwrap().is_empty() && consumer.assignment().is_empty());
    broker.connect().create("later", 1);
    fill(&broker, "later", 0, 1, 2);
    assert_eq!(read(&mut consumer, 2).len(), 2);
}

#[test]
fn a_group_is_asked_for_where_one_is_needed() {
    let broker = Broker::start();
    let mut consumer = Consumer::new(settings(&broker)).unwrap();
    let error = consumer.subscribe(&["demo"]).unwrap_err().to_string();
    assert_eq!(error, "a consumer without a group: set group.id for it");
    assert!(consumer.commit_offsets(&[(("demo", 0), 1)]).is_err());
    let mut member = Consumer::new(settings(&broker).group_id("g")).unwrap();
    member.subscribe(&["demo"]).unwrap();
    assert!(member.assign(&[("demo", 0)]).unwrap_err().to_string().contains("use another one"));
}

#[test]
fn damage_on_the_way_is_noticed() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    fill(&broker, "demo", 0, 1, 1);
    // A bit of the value changes on the disk, below the page cache's notice.
    let log = broker.folder().join("demo-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let at = bytes.len() - 2;
    bytes[at] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let mut consumer = Consumer::new(settings(&broker)).unwrap();
    consumer.assign(&[("demo", 0)]).unwrap();
    let error = consumer.poll(HANG).unwrap_err().to_string();
    assert!(error.contains("demo-0 at offset 0") && error.contains("CRC-32C"), "{error}");
    let mut trusting = Consumer::new(settings(&broker).check_crcs(false)).unwrap();
    trusting.assign(&[("demo", 0)]).unwrap();
    assert_eq!(read(&mut trusting, 1)[0].2, "v1", "0 with its last bit flipped");
}

#[cfg(not(feature = "codecs"))]
#[test]
fn a_codec_that_is_not_there_is_named() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let mut compressed = batch(&["x"]);
    compressed[22] = 3;
    stamp_crc(&mut compressed);
    broker.connect().produce("demo", 0, &compressed);
    let mut consumer = Consumer::new(settings(&broker).isolation_level(Isolation::ReadCommitted)).unwrap();
    consumer.assign(&[("demo", 0)]).unwrap();
    let error = consumer.poll(HANG).unwrap_err().to_string();
    assert!(error.contains("lz4") && error.contains("--features codecs"), "{error}");
}

#[test]
fn nothing_is_left_out_or_read_twice_when_connections_are_cut() {
    let proxy = Proxy::start(|number| match number {
        80.. => Fault::None,
        _ => Fault::CutAnswers(1_000 + random(number) % 60_000),
    });
    let broker = Broker::with(&["--set", &proxy.advertised()]);
    proxy.to(broker.address);
    broker.connect().create("demo", 2);
    fill(&broker, "demo", 0, 40, 500);
    fill(&broker, "demo", 1, 40, 500);
    let mut settings = settings(&broker).max_partition_fetch_bytes(20_000);
    settings.client = ClientSettings::new(proxy.address.to_string()).retry_backoff_ms(5).retry_backoff_max_ms(20);
    let mut consumer = Consumer::new(settings).unwrap();
    consumer.assign(&[("demo", 0), ("demo", 1)]).unwrap();
    let mut found = read(&mut consumer, 40_000);
    found.sort_by_key(|(partition, ..)| *partition);
    assert_eq!(offsets(&found), (0..20_000).chain(0..20_000).collect::<Vec<_>>(), "in order, each once");
    assert!(proxy.connections() > 10, "{}", proxy.connections());
}
