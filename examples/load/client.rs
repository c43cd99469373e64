//! The client side of the protocol, as far as a load needs it: one connection, and the requests of a [`Plan`].
//!
//! Always true: what goes out is a version that every broker since Kafka 2.3 serves, Kafka 4 included.
//! Not done: no retries, no other broker than the one that was named; an error that comes back is final.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use sendlog::base::ErrorCode;
use sendlog::record::BatchBuilder;
use sendlog::wire::frame::{decode_response, encode_request};
use sendlog::wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use sendlog::wire::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use sendlog::wire::messages::metadata::MetadataRequestTopic;
use sendlog::wire::messages::produce::{PartitionProduceData, TopicProduceData};
use sendlog::wire::messages::{CreateTopicsRequest, FetchRequest, FetchResponse, MetadataRequest, ProduceRequest};
use sendlog::wire::{Records, Request};

use crate::{Plan, Result};

const PRODUCE_VERSION: i16 = 7;
const FETCH_VERSION: i16 = 11;
const METADATA_VERSION: i16 = 4;
const CREATE_TOPICS_VERSION: i16 = 3;
/// Where the correlation id lies in a request: behind size, API key and version.
const CORRELATION_ID: std::ops::Range<usize> = 8..12;
/// Bytes read at once, unless a frame is larger.
const BUFFER_BYTES: usize = 4 << 10;

pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// What has been read and not been returned.
    start: usize,
    end: usize,
}

impl Connection {
    pub fn open(address: &str) -> Result<Connection> {
        let socket = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
        socket.set_nodelay(true)?;
        Ok(Connection { socket, buffer: Vec::new(), start: 0, end: 0 })
    }

    pub fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.socket.write_all(request)?)
    }

    /// The next answer, without its size; several small ones are read at once.
    pub fn receive(&mut self) -> Result<&[u8]> {
        loop {
            let waiting = &self.buffer[self.start..self.end];
            let size = waiting.first_chunk().map_or(0, |size| 4 + i32::from_be_bytes(*size) as usize);
            if size > 0 && size <= waiting.len() {
                let frame = self.start + 4..self.start + size;
                self.start = frame.end;
                return Ok(&self.buffer[frame]);
            }
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.buffer.len() < size.max(BUFFER_BYTES) {
                self.buffer.resize(size.max(BUFFER_BYTES), 0);
            }
            match self.socket.read(&mut self.buffer[self.end..])? {
                0 => return Err("the broker closed the connection".into()),
                got => self.end += got,
            }
        }
    }

    fn call<R: Request>(&mut self, version: i16, request: &mut R) -> Result<R::Response> {
        self.send(&encode(version, request))?;
        Ok(decode_response::<R>(self.receive()?, version)?.1)
    }
}

fn encode<R: Request>(version: i16, request: &mut R) -> Vec<u8> {
    encode_request(Vec::new(), version, 0, Some("load"), request)
        .expect("a request of ours can be encoded")
        .bytes
}

fn check(what: &str, code: ErrorCode) -> Result<()> {
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

/// What was fetched from a partition.
pub struct Fetched<'a> {
    /// Batches; the last one is usually cut off.
    pub log: &'a [u8],
    pub log_start: i64,
    pub high_watermark: i64,
}

pub fn fetched(answer: &[u8]) -> Result<Fetched<'_>> {
    let (_, response): (_, FetchResponse) = decode_response::<FetchRequest>(answer, FETCH_VERSION)?;
    check("fetch", response.error_code)?;
    let data = response.responses.first().and_then(|topic| topic.partitions.first()).ok_or("an empty answer")?;
    let PartitionData { records, error_code, high_watermark, log_start_offset: log_start, .. } = data;
    check("fetch", *error_code)?;
    let log = match records {
        Records::InFrame(range) => &answer[range.clone()],
        _ => &[],
    };
    Ok(Fetched { log, log_start: *log_start, high_watermark: *high_watermark })
}

impl Plan {
    pub fn batch(&self) -> Vec<u8> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
        let value: Vec<u8> = (b'a'..=b'z').cycle().take(self.record_bytes).collect();
        let mut batch = BatchBuilder::new();
        (0..self.batch_records).for_each(|_| batch.push(since_1970.as_millis() as i64, None, Some(&value)));
        batch.build()
    }

    pub fn produce_request(&self, partition: i32, batch: &[u8]) -> Vec<u8> {
        let data = PartitionProduceData { index: partition, records: Records::Bytes(batch.to_vec()) };
        let topic = TopicProduceData { name: self.topic.clone(), partition_data: vec![data] };
        let (acks, topic_data) = (self.acks, vec![topic]);
        let mut request = ProduceRequest { acks, timeout_ms: 30_000, topic_data, transactional_id: None };
        encode(PRODUCE_VERSION, &mut request)
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
        encode(FETCH_VERSION, &mut request)
    }

    /// A request that any broker answers at once.
    pub fn small_request(&self) -> Vec<u8> {
        encode(METADATA_VERSION, &mut self.metadata_request())
    }

    fn metadata_request(&self) -> MetadataRequest {
        let topic = MetadataRequestTopic { name: Some(self.topic.clone()), ..MetadataRequestTopic::default() };
        MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }
    }

    /// Creates the topic, one that takes batches of this size, and waits until it can be used.
    pub fn create_topic(&self, batch_bytes: usize) -> Result<()> {
        let size_max = Some(batch_bytes.max(1 << 20).to_string());
        let topic = CreatableTopic {
            name: self.topic.clone(),
            num_partitions: self.partitions,
            replication_factor: 1,
            configs: vec![CreatableTopicConfig { name: "max.message.bytes".to_string(), value: size_max }],
            ..CreatableTopic::default()
        };
        let mut connection = Connection::open(&self.bootstrap)?;
        let mut request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        let response = connection.call(CREATE_TOPICS_VERSION, &mut request)?;
        for topic in response.topics.iter().filter(|topic| topic.error_code != ErrorCode::TOPIC_ALREADY_EXISTS) {
            check("creating the topic", topic.error_code)?;
        }
        loop {
            let response = connection.call(METADATA_VERSION, &mut self.metadata_request())?;
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            if partitions.filter(|partition| partition.leader_id >= 0).count() >= self.partitions as usize {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
