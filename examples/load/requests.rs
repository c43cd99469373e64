//! The requests of a [`Plan`], and what their answers say.
//!
//! Always true: what goes out is a version that every broker since Kafka 2.3 serves, Kafka 4 included.
//! Not done: an error that comes back is final, nothing is tried again.

use std::time::{Duration, Instant, SystemTime};

use sendlog::base::ErrorCode;
use sendlog::record::BatchBuilder;
use sendlog::wire::frame::{decode_response, encode_request};
use sendlog::wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use sendlog::wire::messages::fetch::{FetchPartition, FetchTopic};
use sendlog::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopic, LATEST,
};
use sendlog::wire::messages::metadata::MetadataRequestTopic;
use sendlog::wire::messages::produce::{PartitionProduceData, TopicProduceData};
use sendlog::wire::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, FetchRequest, ListOffsetsRequest, MetadataRequest, ProduceRequest,
};
use sendlog::wire::{Records, Request};

use crate::connection::Connection;
use crate::plan::Plan;
use crate::Result;

const PRODUCE_VERSION: i16 = 7;
const FETCH_VERSION: i16 = 11;
const METADATA_VERSION: i16 = 4;
const LIST_OFFSETS_VERSION: i16 = 1;
const CREATE_TOPICS_VERSION: i16 = 3;
const DELETE_TOPICS_VERSION: i16 = 1;
/// A new topic of thousands of partitions takes some brokers this long.
const SERVED_WITHIN: Duration = Duration::from_secs(120);
/// Where the correlation id lies in a request: behind size, API key and version.
const CORRELATION_ID: std::ops::Range<usize> = 8..12;

fn encode<R: Request>(buffer: Vec<u8>, version: i16, request: &mut R) -> Vec<u8> {
    encode_request(buffer, version, 0, Some("load"), request)
        .expect("a request of ours can be encoded")
        .bytes
}

fn call<R: Request>(connection: &mut Connection, version: i16, request: &mut R) -> Result<R::Response> {
    connection.send(&encode(Vec::new(), version, request))?;
    Ok(decode_response::<R>(connection.receive()?, version)?.1)
}

pub fn check(what: &str, code: ErrorCode) -> Result<()> {
    code.is_none().then_some(()).ok_or_else(|| format!("{what}: {code}").into())
}

/// Numbers a request that was encoded before.
pub fn stamp(request: &mut [u8], correlation_id: i32) {
    request[CORRELATION_ID].copy_from_slice(&correlation_id.to_be_bytes());
}

/// Whether the request of this number was answered, and without an error.
pub fn check_produced(answer: &[u8], correlation_id: i32) -> Result<()> {
    let (answered, response) = decode_response::<ProduceRequest>(answer, PRODUCE_VERSION)?;
    if answered != correlation_id {
        return Err(format!("request {correlation_id} was answered as {answered}").into());
    }
    let mut results = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    results.try_for_each(|result| check("produce", result.error_code))
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970")
}

impl Plan {
    /// A batch as a producer would build it just now; all values are the same, the first bytes aside.
    pub fn batch(&self, number: u64) -> Vec<u8> {
        let now_ms = since_1970().as_millis() as i64;
        let mut value: Vec<u8> = (b'a'..=b'z').cycle().take(self.record_bytes).collect();
        let mut batch = BatchBuilder::new();
        for record in 0..self.batch_records as u64 {
            let mark = (number + record).to_be_bytes();
            let marked = mark.len().min(value.len());
            value[..marked].copy_from_slice(&mark[..marked]);
            batch.push(now_ms, None, Some(&value));
        }
        batch.build()
    }

    /// One request with a batch for each of `partitions`; `buffer` is an allocation to use again.
    pub fn produce_request(&self, buffer: Vec<u8>, partitions: &[i32], batch: impl Fn(i32) -> Vec<u8>) -> Vec<u8> {
        let data = |index: &i32| PartitionProduceData { index: *index, records: Records::Bytes(batch(*index)) };
        let topic =
            TopicProduceData { name: self.topic.clone(), partition_data: partitions.iter().map(data).collect() };
        let (acks, topic_data) = (self.acks, vec![topic]);
        let mut request = ProduceRequest { acks, timeout_ms: 30_000, topic_data, transactional_id: None };
        encode(buffer, PRODUCE_VERSION, &mut request)
    }

    pub fn fetch_request(&self, partition: i32, offset: i64, wait: Duration) -> Vec<u8> {
        let partition_max_bytes = self.fetch_bytes;
        let asked =
            FetchPartition { partition, fetch_offset: offset, partition_max_bytes, ..FetchPartition::default() };
        let mut request = FetchRequest {
            max_wait_ms: wait.as_millis() as i32,
            min_bytes: 1,
            max_bytes: self.fetch_bytes,
            topics: vec![FetchTopic { topic: self.topic.clone(), partitions: vec![asked] }],
            ..FetchRequest::default()
        };
        encode(Vec::new(), FETCH_VERSION, &mut request)
    }

    /// A request that any broker answers at once.
    pub fn small_request(&self) -> Vec<u8> {
        encode(Vec::new(), METADATA_VERSION, &mut self.metadata_request())
    }

    fn metadata_request(&self) -> MetadataRequest {
        let topic = MetadataRequestTopic { name: Some(self.topic.clone()), ..MetadataRequestTopic::default() };
        MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }
    }

    /// Asks until there is an answer, and says when it came: a broker that starts refuses connections at first.
    pub fn wait_for_answer(&self) -> Result<String> {
        let began = Instant::now();
        let mut request = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
        loop {
            let opened = Connection::open(&self.bootstrap);
            match opened.and_then(|mut connection| call(&mut connection, METADATA_VERSION, &mut request)) {
                Ok(_) => return Ok(format!("answered_us={}", since_1970().as_micros())),
                Err(error) if began.elapsed() > self.time => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Creates the topic, one that takes batches of this size, and waits until it can be used.
    pub fn create_topic(&self, batch_bytes: usize) -> Result<()> {
        let size_max = format!("max.message.bytes={}", batch_bytes.max(1 << 20));
        let configs = self.topic_configs.iter().chain([&size_max]).filter_map(|config| config.split_once('='));
        let config =
            |(name, value): (&str, &str)| CreatableTopicConfig { name: name.into(), value: Some(value.into()) };
        let topic = CreatableTopic {
            name: self.topic.clone(),
            num_partitions: self.partitions,
            replication_factor: 1,
            configs: configs.map(config).collect(),
            ..CreatableTopic::default()
        };
        let mut connection = Connection::open(&self.bootstrap)?;
        let mut request =
            CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..CreateTopicsRequest::default() };
        let response = call(&mut connection, CREATE_TOPICS_VERSION, &mut request)?;
        for topic in response.topics.iter().filter(|topic| topic.error_code != ErrorCode::TOPIC_ALREADY_EXISTS) {
            check("creating the topic", topic.error_code)?;
        }
        self.wait_until_served(&mut connection)
    }

    /// A broker of several parts may answer before its partitions can be used.
    fn wait_until_served(&self, connection: &mut Connection) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.end_offsets(connection) {
                Ok(offsets) if offsets.len() == self.partitions as usize => return Ok(()),
                Ok(_) => {}
                Err(error) if began.elapsed() > SERVED_WITHIN => return Err(error),
                Err(_) => {}
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The offset that the next record will get, of each partition of the topic.
    pub fn end_offsets(&self, connection: &mut Connection) -> Result<Vec<i64>> {
        let partition = |partition_index| ListOffsetsPartition {
            partition_index,
            timestamp: LATEST,
            ..ListOffsetsPartition::default()
        };
        let partitions = (0..self.partitions).map(partition).collect();
        let topics = vec![ListOffsetsTopic { name: self.topic.clone(), partitions }];
        let mut request = ListOffsetsRequest { topics, ..ListOffsetsRequest::default() };
        let mut response = call(connection, LIST_OFFSETS_VERSION, &mut request)?;
        let mut answers: Vec<_> = response.topics.drain(..).flat_map(|topic| topic.partitions).collect();
        answers.sort_by_key(|partition| partition.partition_index);
        let checked = |partition: &ListOffsetsPartitionResponse| {
            check("looking up the end offset", partition.error_code).map(|()| partition.offset)
        };
        answers.iter().map(checked).collect()
    }

    pub fn delete_topic(&self) -> Result<()> {
        let mut connection = Connection::open(&self.bootstrap)?;
        let mut request = DeleteTopicsRequest {
            topic_names: vec![self.topic.clone()],
            timeout_ms: 60_000,
            ..DeleteTopicsRequest::default()
        };
        let response = call(&mut connection, DELETE_TOPICS_VERSION, &mut request)?;
        response.responses.iter().try_for_each(|topic| check("deleting the topic", topic.error_code))
    }
}
