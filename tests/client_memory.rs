//! What the client's memory is bounded by: `buffer.memory`, and 16 MB for all else; and to consume, the frames that go around.
//!
//! A test program of its own, with one test: memory is the whole process's.

mod broker;

use std::time::Duration;

use broker::proxy::{Fault, Proxy};
use broker::Broker;
use sendlog::client::{Acks, Consumer, ConsumerSettings, OffsetReset, Producer, ProducerSettings, Record};

const MB: u64 = 1 << 20;

/// The most that this process had so far, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn memory_stays_within_buffer_memory_and_16_mb() {
    // 8 KB at a time: slower than a producer.
    let proxy = Proxy::start(|_| Fault::Delay(Duration::from_micros(300)));
    let broker = Broker::with(&["--set", &proxy.advertised()]);
    proxy.to(broker.address);
    broker.connect().create("demo", 3);
    let before = peak_memory();

    let settings = ProducerSettings::new(proxy.address.to_string()).acks(Acks::Leader);
    let producer = Producer::new(settings.buffer_memory(8 << 20).batch_size(500_000)).unwrap();
    let value = vec![b'x'; 1000];
    let records = 60_000;
    for _ in 0..records {
        producer.send(&Record::to("demo").value(&value)).unwrap();
    }
    producer.close().unwrap();
    let produced = peak_memory() - before;
    assert!(produced <= (8 + 16) * MB, "{produced} bytes to produce {} MB", records / 1000);

    let settings = ConsumerSettings::new(proxy.address.to_string()).auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = Consumer::new(settings.max_partition_fetch_bytes(1 << 20)).unwrap();
    consumer.assign(&[("demo", 0), ("demo", 1), ("demo", 2)]).unwrap();
    let mut seen = 0;
    while seen < records {
        let batches = consumer.poll(Duration::from_secs(10)).unwrap();
        assert!(!batches.is_empty(), "only {seen} records came");
        seen += batches.iter().flat_map(|batch| batch.records()).filter(|record| record.is_ok()).count();
    }
    consumer.close().unwrap();
    let consumed = peak_memory() - before;
    // Two answers of 3 MB beside those that go around.
    assert!(consumed <= (8 + 16 + 6) * MB, "{consumed} bytes to consume {} MB", records / 1000);
}
