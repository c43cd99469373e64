//! A long random conversation with the broker, stops and kills included, compared with a model of what it should say.
//!
//! The same seed gives the same conversation; a failure names the step. `SEED=7 STEPS=20000` runs another, longer one.

mod broker;

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::client::{fetch_request, Client};
use broker::{scratch, Broker};
use sendlog::base::ErrorCode;
use sendlog::record::BatchBuilder;
use sendlog::wire::messages::list_offsets::{EARLIEST, LATEST, MAX_TIMESTAMP};
use sendlog::wire::messages::FetchRequest;
use tempfile::TempDir;

const TOPICS: [&str; 3] = ["a", "b", "c"];
const PARTITIONS: i32 = 2;

/// A small deterministic source of numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as i64 % end
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as i64) as usize]
    }
}

/// What a partition should hold.
#[derive(Default)]
struct Log {
    start: i64,
    /// Timestamp and value of each record, from offset 0 on.
    records: Vec<(i64, String)>,
    /// Offset and size of each batch.
    batches: Vec<(i64, usize)>,
}

impl Log {
    fn end(&self) -> i64 {
        self.records.len() as i64
    }

    /// The batch that holds this offset.
    fn batch_of(&self, offset: i64) -> usize {
        self.batches.partition_point(|(base, _)| *base <= offset) - 1
    }

    fn find(&self, wanted: impl Fn(i64) -> bool) -> (i64, i64) {
        let visible = self.records.iter().enumerate().skip(self.start as usize);
        visible
            .map(|(offset, (timestamp, _))| (offset as i64, *timestamp))
            .find(|(_, timestamp)| wanted(*timestamp))
            .unwrap_or((-1, -1))
    }
}

struct Conversation {
    random: Random,
    broker: Option<Broker>,
    client: Option<Client>,
    model: BTreeMap<(&'static str, i32), Log>,
    said: u64,
}

impl Conversation {
    fn start(data: Arc<TempDir>, seed: u64) -> Conversation {
        let mut talk =
            Conversation { random: Random(seed), broker: None, client: None, model: BTreeMap::new(), said: 0 };
        talk.restart_on(data);
        talk
    }

    fn restart_on(&mut self, data: Arc<TempDir>) {
        let mode = self.random.one_of(&["flush.mode=acks", "flush.mode=os", "flush.mode=always"]);
        let path = self.random.one_of(&["fetch.path=sendfile", "fetch.path=copy"]);
        let broker = Broker::on(data, &["--set", mode, "--set", path, "--set", "log.segment.bytes=1048576"]);
        self.client = Some(broker.connect());
        self.broker = Some(broker);
    }

    fn client(&mut self) -> &mut Client {
        self.client.as_mut().unwrap()
    }

    fn step(&mut self) {
        let topic = self.random.one_of(&TOPICS);
        let partition = self.random.below(i64::from(PARTITIONS)) as i32;
        match self.random.below(200) {
            0..80 => self.produce(topic, partition),
            80..140 => self.fetch(topic, partition),
            140..175 => self.list_offsets(topic, partition),
            175..182 => self.delete_records(topic, partition),
            182..193 => self.create(topic),
            193..196 => self.delete(topic),
            196 => {
                let data = self.broker.take().unwrap().stop();
                self.restart_on(data);
            }
            197..199 => {
                let data = self.broker.take().unwrap().kill();
                self.restart_on(data);
            }
            _ => self.client = Some(self.broker.as_ref().unwrap().connect()),
        }
    }

    fn produce(&mut self, topic: &'static str, partition: i32) {
        let acks = self.random.one_of(&[-1, 1]);
        let version = 3 + self.random.below(7) as i16;
        let length = self.random.one_of(&[10, 100, 1000, 200_000]);
        let (mut builder, mut records) = (BatchBuilder::new(), Vec::new());
        for _ in 0..1 + self.random.below(5) {
            self.said += 1;
            let (timestamp, value) = (self.random.below(1000), format!("{} {}", self.said, "x".repeat(length)));
            builder.push(timestamp, None, Some(value.as_bytes()));
            records.push((timestamp, value));
        }
        let batch = builder.build();
        let answer = self.client().try_produce(version, acks, topic, partition, &batch);
        match self.model.get_mut(&(topic, partition)) {
            None => assert_eq!(answer.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            Some(log) => {
                assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, log.end()));
                log.batches.push((log.end(), batch.len()));
                log.records.extend(records);
            }
        }
    }

    fn fetch(&mut self, topic: &'static str, partition: i32) {
        let version = 4 + self.random.below(9) as i16;
        let max_bytes = self.random.one_of(&[0, 100, 5000, i32::MAX]);
        let end = self.model.get(&(topic, partition)).map_or(3, Log::end);
        let offset = self.random.below(end + 3) - 1;
        let request = FetchRequest { max_bytes, ..fetch_request(&[(topic, partition, offset)]) };
        let fetched = self.client().fetch_with(version, request).remove(0);
        let Some(log) = self.model.get(&(topic, partition)) else {
            assert_eq!(fetched.error(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            return;
        };
        if !(log.start..=log.end()).contains(&offset) {
            assert_eq!(fetched.error(), ErrorCode::OFFSET_OUT_OF_RANGE, "{offset} of {}..{}", log.start, log.end());
            return;
        }
        assert_eq!((fetched.error(), fetched.data.high_watermark), (ErrorCode::NONE, log.end()));
        let read = fetched.read();
        if offset == log.end() {
            assert!(fetched.records.is_empty());
            return;
        }
        let (base, size) = log.batches[log.batch_of(offset)];
        assert_eq!(read[0].0, base, "the batch that holds offset {offset}, whole");
        assert!(fetched.records.len() <= size.max(max_bytes as usize), "{} bytes", fetched.records.len());
        for ((offset, value), expected) in read.iter().zip(base..) {
            assert_eq!((*offset, value), (expected, &log.records[expected as usize].1));
        }
    }

    fn list_offsets(&mut self, topic: &'static str, partition: i32) {
        let timestamp = self.random.below(1003) - 3;
        let found = self.client().list_offset(topic, partition, timestamp);
        let Some(log) = self.model.get(&(topic, partition)) else {
            assert_eq!(found.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            return;
        };
        let expected = match timestamp {
            EARLIEST => (log.start, -1),
            LATEST => (log.end(), -1),
            MAX_TIMESTAMP => return, // where records were deleted, the largest of a whole batch may count
            _ => log.find(|other| other >= timestamp),
        };
        assert_eq!((found.offset, found.timestamp), expected, "timestamp {timestamp} of {topic}-{partition}");
    }

    fn delete_records(&mut self, topic: &'static str, partition: i32) {
        let end = self.model.get(&(topic, partition)).map_or(0, Log::end);
        let offset = self.random.below(end + 2) / self.random.one_of(&[1, 2, 4]);
        let answer = self.client().delete_records(topic, partition, offset);
        match self.model.get_mut(&(topic, partition)) {
            None => assert_eq!(answer.0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            Some(log) if offset > log.end() => assert_eq!(answer.0, ErrorCode::OFFSET_OUT_OF_RANGE),
            Some(log) => {
                log.start = log.start.max(offset);
                assert_eq!(answer, (ErrorCode::NONE, log.start));
            }
        }
    }

    fn create(&mut self, topic: &'static str) {
        let code = self.client().create_with(topic, PARTITIONS, &[]).error_code;
        if self.model.contains_key(&(topic, 0)) {
            assert_eq!(code, ErrorCode::TOPIC_ALREADY_EXISTS);
        } else {
            assert_eq!(code, ErrorCode::NONE);
            (0..PARTITIONS).for_each(|partition| drop(self.model.insert((topic, partition), Log::default())));
        }
    }

    fn delete(&mut self, topic: &'static str) {
        let code = self.client().delete(topic);
        let existed = self.model.contains_key(&(topic, 0));
        assert_eq!(code, if existed { ErrorCode::NONE } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION });
        self.model.retain(|(name, _), _| *name != topic);
    }

    /// Everything, in all partitions.
    fn check_all(&mut self) {
        for topic in TOPICS {
            for partition in 0..PARTITIONS {
                (0..20).for_each(|_| self.fetch(topic, partition));
                (0..20).for_each(|_| self.list_offsets(topic, partition));
            }
        }
    }
}

#[test]
fn the_broker_says_what_a_simple_model_of_it_says() {
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (seed, steps) = (number("SEED", 1), number("STEPS", 600));
    let mut talk = Conversation::start(Arc::new(scratch()), seed);
    for step in 0..steps {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| talk.step()));
        assert!(done.is_ok(), "seed {seed}, step {step}");
    }
    talk.check_all();
}
