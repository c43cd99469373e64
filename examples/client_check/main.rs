//! Puts the client library through its paces against any broker of Kafka's protocol: `client_check HOST:PORT`.
//!
//! A line for each thing that works; the first one that does not ends it with exit code 1. Topics and groups that it makes
//! have a name of their own, and are deleted at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sendlog::base::TopicPartition;
use sendlog::client::producer::partition_of_key;
use sendlog::client::{
    Acks, Admin, ClientSettings, Committed, ConfigOp, Consumer, ConsumerSettings, Header, NewTopic, OffsetReset,
    OffsetSpec, Producer, ProducerSettings, Record, Resource,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const PARTITIONS: i32 = 3;
const RECORDS: usize = 20_000;
const HANG: Duration = Duration::from_secs(60);

struct Check {
    bootstrap: String,
    topic: String,
    group: String,
    admin: Admin,
}

fn main() -> ExitCode {
    let Some(bootstrap) = std::env::args().nth(1) else {
        eprintln!("Usage: client_check HOST:PORT");
        return ExitCode::from(2);
    };
    match run(bootstrap) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(bootstrap: String) -> Result<()> {
    let name = format!("client-check-{}", std::process::id());
    let admin = Admin::connect(ClientSettings::new(&bootstrap))?;
    let mut check = Check { bootstrap, topic: name.clone(), group: name, admin };
    check.topics_and_configs()?;
    check.produce()?;
    check.offsets()?;
    check.consume()?;
    check.share()?;
    check.groups()?;
    check.clean_up()
}

/// An error that says what was seen, unless it is what was expected.
fn expect<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, expected: T) -> Result<()> {
    match seen == expected {
        true => Ok(()),
        false => Err(format!("{what}: {seen:?}, expected {expected:?}").into()),
    }
}

/// Polls members, each in a thread of its own as programs do, since joining waits for all of them, until every one has
/// partitions and all partitions have one.
fn poll_until_shared(members: &mut [Consumer]) -> Result<()> {
    let (is_done, assigned) = (AtomicBool::new(false), Mutex::new(vec![Vec::new(); members.len()]));
    let poll = |place: usize, member: &mut Consumer| -> std::result::Result<(), sendlog::client::Error> {
        while !is_done.load(Ordering::SeqCst) {
            member.poll(Duration::from_millis(50))?;
            assigned.lock().expect("no panic")[place] = member.assignment();
        }
        Ok(())
    };
    let is_shared = || {
        let assigned = assigned.lock().expect("no panic");
        let all: BTreeSet<&TopicPartition> = assigned.iter().flatten().collect();
        all.len() == PARTITIONS as usize && assigned.iter().all(|own| !own.is_empty())
    };
    let (deadline, poll) = (Instant::now() + HANG, &poll);
    std::thread::scope(|scope| {
        let threads: Vec<_> = members
            .iter_mut()
            .enumerate()
            .map(|(place, member)| scope.spawn(move || poll(place, member)))
            .collect();
        let mut is_over = false;
        while !is_over {
            std::thread::sleep(Duration::from_millis(10));
            is_over = is_shared() || Instant::now() > deadline || threads.iter().any(|thread| thread.is_finished());
        }
        is_done.store(true, Ordering::SeqCst);
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    expect("a group that shares its partitions", is_shared(), true)
}

impl Check {
    fn settings(&self) -> ConsumerSettings {
        let settings = ConsumerSettings::new(&self.bootstrap).auto_offset_reset(OffsetReset::Earliest);
        settings.enable_auto_commit(false).heartbeat_interval_ms(100)
    }

    fn partitions(&self) -> Vec<(String, i32)> {
        (0..PARTITIONS).map(|partition| (self.topic.clone(), partition)).collect()
    }

    /// A topic that was just made may take a moment until all parts of a broker know it.
    fn eventually<T>(&mut self, mut attempt: impl FnMut(&mut Admin) -> Result<T>) -> Result<T> {
        let deadline = Instant::now() + HANG;
        loop {
            match attempt(&mut self.admin) {
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
                other => return other,
            }
        }
    }

    fn topics_and_configs(&mut self) -> Result<()> {
        let topic = NewTopic::new(&self.topic).partitions(1).replication_factor(1).config("retention.ms", "86400000");
        self.admin.create_topic(&topic)?;
        let again = self.admin.create_topic(&topic).unwrap_err().to_string();
        expect("a topic that is there", again.contains("TOPIC_ALREADY_EXISTS"), true)?;
        let name = self.topic.clone();
        self.eventually(|admin| Ok(admin.create_partitions(&[(&name, PARTITIONS)], false)?.remove(0).1?))?;
        self.eventually(|admin| {
            expect("partitions", admin.describe_topic(&name)?.partitions.len(), PARTITIONS as usize)
        })?;
        expect("listed", self.admin.list_topics()?.iter().any(|topic| topic.name == name), true)?;
        println!("ok topics are created, described and grown");

        let (resource, key) = (Resource::topic(&name), "max.message.bytes".to_string());
        self.admin.alter_configs(&resource, &[(key.clone(), ConfigOp::Set("900000".to_string()))], false)?;
        let value = |admin: &mut Admin, key: &str| -> Result<String> {
            let all = admin.describe_config(&resource)?;
            Ok(all.into_iter().find(|entry| entry.name == key).and_then(|entry| entry.value).unwrap_or_default())
        };
        self.eventually(|admin| expect("a config that was set", value(admin, &key)?, "900000".to_string()))?;
        self.eventually(|admin| expect("one of the creation", value(admin, "retention.ms")?, "86400000".to_string()))?;
        self.admin.alter_configs(&resource, &[(key.clone(), ConfigOp::Delete)], false)?;
        self.eventually(|admin| expect("the default again", value(admin, &key)? == "900000", false))?;
        println!("ok configs are set, read and taken back");

        let cluster = self.admin.describe_cluster()?;
        expect("a broker at least", cluster.brokers.is_empty(), false)?;
        let folders = self.admin.describe_log_dirs()?;
        let ours = folders.iter().flat_map(|folder| &folder.partitions).filter(|p| p.partition.topic == name);
        expect("partitions in directories", ours.count(), PARTITIONS as usize)?;
        println!("ok the cluster and its directories are described");
        Ok(())
    }

    fn produce(&mut self) -> Result<()> {
        let settings = ProducerSettings::new(&self.bootstrap).batch_size(4_000).linger_ms(1);
        let producer = Producer::new(settings)?;
        let headers = [Header { name: "number", value: Some(b"7") }];
        let mut deliveries = Vec::with_capacity(RECORDS);
        for i in 0..RECORDS {
            let (key, value) = (format!("key-{}", i % 100), format!("value {i}"));
            let record =
                Record::to(&self.topic).key(&key).value(&value).headers(&headers).timestamp_ms(1_000_000 + i as i64);
            deliveries.push((partition_of_key(key.as_bytes(), PARTITIONS as usize) as i32, producer.send(&record)?));
        }
        producer.flush()?;
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        for (partition, delivery) in deliveries {
            let delivered = delivery.wait()?;
            expect("the key's partition", delivered.partition, partition)?;
            let next = next.entry(partition).or_default();
            expect("offsets without a gap", delivered.offset, *next)?;
            *next += 1;
        }
        producer.close()?;
        println!("ok an idempotent producer delivers {RECORDS} records in order");
        for acks in [Acks::None, Acks::Leader] {
            let producer = Producer::new(ProducerSettings::new(&self.bootstrap).acks(acks))?;
            producer.send(&Record::to(&self.topic).partition(0).timestamp_ms(2_000_000).value("last"))?.wait()?;
            producer.close()?;
        }
        let (topic, deadline) = (self.topic.clone(), 2 + next[&0]);
        self.eventually(|admin| {
            let end = admin.list_offsets(&[(&topic, 0)], OffsetSpec::Latest)?.remove(0).1?;
            expect("the end of partition 0", end.offset, deadline)
        })?;
        println!("ok acks=0 and acks=1 arrive");
        Ok(())
    }

    fn offsets(&mut self) -> Result<()> {
        let mut find =
            |spec| -> Result<i64> { Ok(self.admin.list_offsets(&[(&self.topic, 0)], spec)?.remove(0).1?.offset) };
        let end = find(OffsetSpec::Latest)?;
        expect("the first offset", find(OffsetSpec::Earliest)?, 0)?;
        expect("by time", find(OffsetSpec::Timestamp(1_999_999))?, end - 2)?;
        expect("by a time that nobody has reached", find(OffsetSpec::Timestamp(3_000_000))?, -1)?;
        let largest = find(OffsetSpec::MaxTimestamp)?;
        expect("by the largest time", (end - 2..end).contains(&largest), true)?;
        println!("ok offsets are found by place and time");
        Ok(())
    }

    fn consume(&mut self) -> Result<()> {
        let mut consumer = Consumer::new(self.settings().group_id(&self.group))?;
        consumer.assign(&self.partitions())?;
        let (deadline, mut seen, mut last) = (Instant::now() + HANG, 0, BTreeMap::<i32, usize>::new());
        while seen < RECORDS + 2 {
            expect("records in time", Instant::now() < deadline, true)?;
            for batch in consumer.poll(Duration::from_millis(200))? {
                for record in batch.records() {
                    let record = record?;
                    seen += 1;
                    let text = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                    let Some(number) = text.strip_prefix("value ") else { continue };
                    let number: usize = number.parse()?;
                    expect("the header", record.headers.collect(), vec![(&b"number"[..], Some(&b"7"[..]))])?;
                    expect("the timestamp", record.timestamp_ms, 1_000_000 + number as i64)?;
                    let before = last.insert(batch.partition(), number);
                    expect("rising numbers", before.is_none_or(|before| before < number), true)?;
                }
            }
        }
        consumer.commit()?;
        let committed: i64 = consumer.committed(&self.partitions())?.iter().map(|(_, at)| at.offset).sum();
        expect("what is committed", committed, RECORDS as i64 + 2)?;
        consumer.close()?;
        println!("ok a consumer reads them all, in order, and commits");
        Ok(())
    }

    /// Two members of a group, each in a thread of its own.
    fn share(&mut self) -> Result<()> {
        let group = format!("{}-shared", self.group);
        let mut members = Vec::new();
        for _ in 0..2 {
            let mut member = Consumer::new(self.settings().group_id(&group))?;
            member.subscribe(&[&self.topic])?;
            members.push(member);
        }
        poll_until_shared(&mut members)?;
        let described = self.admin.describe_group(&group)?;
        expect("members", described.members.len(), 2)?;
        let partitions: usize = described.members.iter().map(|member| member.assignment.len()).sum();
        expect("their partitions", partitions, PARTITIONS as usize)?;
        members.into_iter().try_for_each(Consumer::close)?;
        self.eventually(|admin| expect("the group's state", admin.describe_group(&group)?.state, "Empty".to_string()))?;
        expect("deleting the group", self.admin.delete_groups(&[&group])?.remove(0).1.is_ok(), true)?;
        println!("ok two members share the partitions, and leave");
        Ok(())
    }

    fn groups(&mut self) -> Result<()> {
        let (topic, group) = (self.topic.clone(), self.group.clone());
        self.admin.alter_offsets(&group, &[((&topic, 0), Committed::at(5))])?.remove(0).1?;
        let at = |admin: &mut Admin| -> Result<BTreeMap<i32, i64>> {
            let all = admin.committed_offsets(&group, None)?;
            Ok(all.into_iter().map(|(partition, at)| (partition.partition, at.offset)).collect())
        };
        expect("an offset that was altered", at(&mut self.admin)?.get(&0), Some(&5))?;
        self.admin.delete_offsets(&group, &[(&topic, 0)])?.remove(0).1?;
        expect("an offset that was deleted", at(&mut self.admin)?.get(&0), None)?;
        expect("the group in the list", self.admin.list_groups()?.iter().any(|listed| listed.group == group), true)?;
        self.admin.delete_groups(&[&group])?.remove(0).1?;
        println!("ok offsets of groups are altered and deleted, groups listed and deleted");
        let left = self.admin.delete_records(&[((&topic, 0), 3)])?.remove(0).1?;
        expect("the first record that is left", left, 3)?;
        println!("ok records are deleted");
        Ok(())
    }

    fn clean_up(&mut self) -> Result<()> {
        let topic = self.topic.clone();
        self.admin.delete_topic(&topic)?;
        self.eventually(|admin| expect("a topic that is gone", admin.describe_topic(&topic).is_err(), true))?;
        println!("ok topics are deleted");
        Ok(())
    }
}
