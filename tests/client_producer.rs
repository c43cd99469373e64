//! The client's `Producer` against the broker, over a good network and a bad one.

mod broker;

use std::collections::BTreeMap;
use std::time::Duration;

use broker::client::{batch, Client};
use broker::proxy::{random, Fault, Proxy};
use broker::{until, Broker};
use sendlog::base::ErrorCode;
use sendlog::client::producer::partition_of_key;
use sendlog::client::{Acks, Delivery, Error, Header, Producer, ProducerSettings, Record};
use sendlog::record::records::Records;
use sendlog::record::BatchHeader;

fn settings(broker: &Broker) -> ProducerSettings {
    ProducerSettings::new(broker.address.to_string()).linger_ms(0)
}

/// All records of a partition.
fn read_all(client: &mut Client, topic: &str, partition: i32) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    loop {
        let records = client.fetch(topic, partition, all.last().map_or(0, |(offset, _)| offset + 1)).read();
        match records.is_empty() {
            true => return all,
            false => all.extend(records),
        }
    }
}

#[test]
fn a_delivery_says_where_the_record_is() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    let producer = Producer::new(settings(&broker)).unwrap();
    let before: Vec<Delivery> = (0..100)
        .map(|i| {
            producer
                .send(&Record::to("demo").partition(1).timestamp_ms(1000 + i).value(&i.to_string()))
                .unwrap()
        })
        .collect();
    for (i, delivery) in before.iter().enumerate() {
        let delivered = delivery.wait().unwrap();
        assert_eq!((delivered.partition, delivered.offset, delivered.timestamp_ms), (1, i as i64, 1000 + i as i64));
        assert_eq!(delivery.now().unwrap().unwrap(), delivered);
    }
    producer.close().unwrap();
    let expected: Vec<_> = (0..100).map(|i| (i, i.to_string())).collect();
    assert_eq!(read_all(&mut client, "demo", 1), expected);
}

#[test]
fn log_append_time_is_the_brokers() {
    let broker = Broker::start();
    broker.connect().create_with("demo", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let producer = Producer::new(settings(&broker)).unwrap();
    let delivered = producer.send(&Record::to("demo").timestamp_ms(5).value("x")).unwrap().wait().unwrap();
    assert!(delivered.timestamp_ms > 1_600_000_000_000, "{delivered:?}");
}

#[test]
fn key_headers_and_null_arrive_as_they_were_sent() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let producer = Producer::new(settings(&broker)).unwrap();
    let headers = [Header { name: "trace", value: Some(b"abc") }];
    producer.send(&Record::to("demo").key("k").headers(&headers)).unwrap();
    producer.flush().unwrap();
    let fetched = client.fetch("demo", 0, 0);
    let record = Records::new(&fetched.records[61..]).next().unwrap().unwrap();
    assert_eq!((record.key, record.value), (Some(&b"k"[..]), None));
    assert!(fetched.records.ends_with(b"\x02\x0atrace\x06abc"), "{:?}", fetched.records);
    let header = BatchHeader::parse(&fetched.records).unwrap();
    assert!(header.producer_id >= 0 && header.base_sequence == 0, "idempotent by default: {header:?}");
}

#[test]
fn keys_go_where_kafka_puts_them_and_others_everywhere() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 5);
    let producer = Producer::new(settings(&broker).batch_size(300)).unwrap();
    for i in 0..50 {
        let key = format!("key-{i}");
        let delivery = producer.send(&Record::to("demo").key(&key).value("v")).unwrap();
        assert_eq!(delivery.partition(), partition_of_key(key.as_bytes(), 5) as i32);
    }
    let used: std::collections::BTreeSet<i32> = (0..2000)
        .map(|_| producer.send(&Record::to("demo").value("0123456789")).unwrap().partition())
        .collect();
    assert_eq!(used.len(), 5, "batch by batch, all are used");
    let wrong = producer.send(&Record::to("demo").partition(5)).unwrap_err();
    assert_eq!(wrong.to_string(), "partition 5 of topic demo: the topic has 5 partitions");
}

#[test]
fn full_batches_are_as_large_as_they_may_be() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let producer = Producer::new(settings(&broker).linger_ms(10_000).batch_size(1000)).unwrap();
    (0..1000).for_each(|_| drop(producer.send(&Record::to("demo").value("0123456789")).unwrap()));
    producer.send(&Record::to("demo").value(&[7; 5000])).unwrap();
    producer.flush().unwrap();
    let fetched = client.fetch("demo", 0, 0);
    let (mut rest, mut sizes) = (fetched.records.as_slice(), Vec::new());
    while let Some(header) = BatchHeader::parse(rest) {
        sizes.push(header.size().unwrap());
        rest = &rest[header.size().unwrap() as usize..];
    }
    let (last, full) = sizes.split_last().unwrap();
    assert!(*last > 5000, "a record that is larger has its own");
    assert!(full[..full.len() - 1].iter().all(|size| (980..=1000).contains(size)), "{sizes:?}");
}

#[test]
fn what_can_not_be_sent_is_refused_with_the_mend() {
    let broker = Broker::with(&["--set", "auto.create.topics.enable=false"]);
    broker.connect().create("demo", 1);
    let producer = Producer::new(settings(&broker).max_request_size(2000).max_block_ms(300)).unwrap();
    let error = producer.send(&Record::to("demo").value(&[0; 2000])).unwrap_err().to_string();
    assert!(error.contains("it takes 20") && error.contains("max.request.size is 2000"), "{error}");
    let error = producer.send(&Record::to("none").value("x")).unwrap_err().to_string();
    assert!(error.contains("topic none") && error.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{error}");
    let error = producer.send(&Record::to("a/b").value("x")).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::INVALID_TOPIC_EXCEPTION));
    producer.send(&Record::to("demo").value("x")).unwrap().wait().unwrap();
    let check = |settings: ProducerSettings, part: &str| {
        let Err(error) = Producer::new(settings) else { panic!("it was taken") };
        assert!(error.to_string().contains(part), "{error}");
    };
    check(settings(&broker).max_in_flight(6), "enable.idempotence=false");
    check(settings(&broker).buffer_memory(100), "buffer.memory=100");
}

#[test]
fn a_topic_that_is_not_there_is_created_where_the_broker_does_that() {
    let broker = Broker::with(&["--set", "auto.create.topics.enable=true"]);
    let producer = Producer::new(settings(&broker)).unwrap();
    assert_eq!(producer.send(&Record::to("new").value("x")).unwrap().wait().unwrap().offset, 0);
}

#[test]
fn without_acks_nothing_is_known_and_everything_arrives() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    for acks in [Acks::None, Acks::Leader] {
        let producer = Producer::new(settings(&broker).acks(acks)).unwrap();
        let delivery = producer.send(&Record::to("demo").value("x")).unwrap();
        assert_eq!(delivery.wait().unwrap().offset, if acks == Acks::None { -1 } else { 1 });
        producer.close().unwrap();
        until("the record is there", || (client.bounds("demo", 0).1 > 0).then_some(()));
    }
}

#[test]
fn memory_that_is_used_up_makes_send_wait_and_then_fail() {
    let proxy = Proxy::start(|_| Fault::Silence(2_000));
    let broker = Broker::with(&["--set", &proxy.advertised()]);
    proxy.to(broker.address);
    broker.connect().create("demo", 1);
    let settings = ProducerSettings::new(proxy.address.to_string()).linger_ms(0);
    let settings = settings.buffer_memory(100_000).batch_size(10_000).max_block_ms(200);
    let mut settings = settings.delivery_timeout_ms(700);
    settings.client = settings.client.request_timeout_ms(300);
    let producer = Producer::new(settings).unwrap();
    let record = Record::to("demo").value(&[0; 900]);
    let mut sent = 0;
    let error = loop {
        match producer.send(&record) {
            // The first answers still come through.
            Ok(_) if sent < 5_000 => sent += 1,
            Ok(_) => panic!("nothing holds it back"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, Error::TimedOut { why, .. } if why.contains("buffer.memory=100000 is full")),
        "{error}"
    );
    assert!(sent > 90, "{sent}");
}

#[test]
fn a_broker_that_is_gone_fails_deliveries_in_time() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let producer = Producer::new(settings(&broker).delivery_timeout_ms(500)).unwrap();
    producer.send(&Record::to("demo").value("x")).unwrap().wait().unwrap();
    broker.stop();
    let delivery = producer.send(&Record::to("demo").value("y")).unwrap();
    let error = delivery.wait().unwrap_err().to_string();
    assert!(error.starts_with("1 records for demo-0: not done within 500 ms"), "{error}");
    assert!(error.contains("refused") || error.contains("closed"), "the last reason is told: {error}");
    assert!(producer.flush().is_ok(), "nothing is left");
}

#[test]
fn a_batch_that_is_refused_does_not_hold_up_those_behind_it() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create_with("demo", 1, &[("max.message.bytes", "1000")]);
    let producer = Producer::new(settings(&broker).batch_size(200)).unwrap();
    let mut deliveries = Vec::new();
    for i in 0..500 {
        let value = if i % 100 == 50 { "too large ".repeat(200) } else { format!("{i}") };
        deliveries.push((i, producer.send(&Record::to("demo").value(&value)).unwrap()));
    }
    let mut expected = Vec::new();
    for (i, delivery) in deliveries {
        match delivery.wait() {
            Ok(delivered) => expected.push((delivered.offset, format!("{i}"))),
            Err(error) => assert!(i % 100 == 50 && error.code() == Some(ErrorCode::MESSAGE_TOO_LARGE), "{i}: {error}"),
        }
    }
    assert_eq!(expected.len(), 495);
    assert_eq!(read_all(&mut client, "demo", 0), expected, "each once, in order, where its delivery says");
}

/// Each record once, in order, where its delivery says.
fn assert_same(found: &[(i64, String)], expected: &[(i64, String)]) {
    if let Some(place) = found.iter().zip(expected).position(|(found, expected)| found != expected) {
        panic!("record {place} is {:?}, not {:?}", found[place], expected[place]);
    }
    assert_eq!(found.len(), expected.len(), "lost, or twice");
}

/// Sends through a proxy, and finds each record once, in order, at the offset that its delivery says.
fn survives(fault: impl Fn(usize) -> Fault + Send + 'static, records: usize, connections_min: usize) {
    let proxy = Proxy::start(fault);
    let broker = Broker::with(&["--set", &proxy.advertised()]);
    proxy.to(broker.address);
    let mut client = broker.connect();
    client.create("demo", 3);
    let settings = ProducerSettings::new(proxy.address.to_string()).linger_ms(1).batch_size(2_000);
    let mut settings = settings.max_request_size(5_000);
    settings.client = settings.client.retry_backoff_ms(5).retry_backoff_max_ms(20).request_timeout_ms(400);
    let producer = Producer::new(settings).unwrap();
    let mut sent: BTreeMap<i32, Vec<(i64, String)>> = BTreeMap::new();
    let send =
        |i: usize| producer.send(&Record::to("demo").partition((random(i) % 3) as i32).value(&format!("record {i}")));
    let deliveries: Vec<_> = (0..records).map(|i| send(i).unwrap()).collect();
    for (i, delivery) in deliveries.iter().enumerate() {
        let delivered = delivery.wait().unwrap();
        sent.entry(delivered.partition).or_default().push((delivered.offset, format!("record {i}")));
    }
    producer.close().unwrap();
    for (partition, expected) in sent {
        assert_same(&read_all(&mut client, "demo", partition), &expected);
    }
    assert!(proxy.connections() >= connections_min, "only {} connections were made", proxy.connections());
}

#[test]
fn nothing_is_lost_or_there_twice_when_connections_are_cut() {
    let fault = |number| match (number, random(number) % 20_000) {
        (60.., _) => Fault::None,
        (_, bytes) if number % 2 == 0 => Fault::CutRequests(2_000 + bytes),
        (_, bytes) => Fault::CutAnswers(1_000 + bytes % 700),
    };
    survives(fault, 30_000, 20);
}

#[test]
fn nothing_is_lost_or_there_twice_when_answers_stay_away() {
    let fault = |number| match number {
        12.. => Fault::None,
        _ => Fault::Silence(1_000 + random(number) % 500),
    };
    survives(fault, 5_000, 4);
}

#[test]
fn nothing_is_lost_or_there_twice_over_a_slow_network() {
    survives(|_| Fault::Delay(Duration::from_millis(1)), 3_000, 2);
}

#[test]
fn nothing_is_lost_or_there_twice_when_the_broker_is_killed() {
    let proxy = Proxy::start(|_| Fault::None);
    let arguments = ["--set", &proxy.advertised()];
    let mut broker = Broker::with(&arguments);
    proxy.to(broker.address);
    broker.connect().create("demo", 1);
    let mut settings = ProducerSettings::new(proxy.address.to_string()).linger_ms(1).batch_size(500);
    settings.client = settings.client.retry_backoff_ms(5).retry_backoff_max_ms(50);
    let producer = Producer::new(settings).unwrap();
    let mut deliveries = Vec::new();
    for round in 0..4 {
        deliveries
            .extend((0..2_000).map(|i| producer.send(&Record::to("demo").value(&format!("{round} {i}"))).unwrap()));
        deliveries[round * 2_000 + 100].wait().unwrap();
        let data = broker.kill();
        broker = Broker::on(data, &arguments);
        proxy.to(broker.address);
    }
    let values = (0..4).flat_map(|round| (0..2_000).map(move |i| format!("{round} {i}")));
    let expected: Vec<_> = deliveries.iter().zip(values).map(|(d, value)| (d.wait().unwrap().offset, value)).collect();
    assert_same(&read_all(&mut broker.connect(), "demo", 0), &expected);
}

#[test]
fn threads_share_a_producer() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let producer = Producer::new(settings(&broker)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let producer = &producer;
            scope.spawn(move || {
                (0..1000)
                    .for_each(|i| drop(producer.send(&Record::to("demo").value(&format!("{thread} {i:04}"))).unwrap()));
            });
        }
    });
    producer.close().unwrap();
    let found = read_all(&mut client, "demo", 0);
    assert_eq!(found.len(), 4000);
    for thread in 0..4 {
        let own: Vec<_> = found.iter().filter(|(_, value)| value.starts_with(&thread.to_string())).collect();
        assert!(
            own.len() == 1000 && own.is_sorted_by_key(|(_, value)| value),
            "each thread's records keep their order"
        );
    }
}

#[test]
fn what_was_taken_is_sent_before_a_producer_goes_away() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["before"]));
    let producer = Producer::new(settings(&broker).linger_ms(100_000)).unwrap();
    producer.send(&Record::to("demo").value("after")).unwrap();
    drop(producer);
    assert_eq!(read_all(&mut client, "demo", 0).len(), 2);
}
