//! A raw client: one socket, frames made and read by `sendlog::wire`, batches by [`BatchBuilder`].
//!
//! It hides nothing: a test may send any version, any bytes, and read answers one by one. An answer that does not come
//! fails the test after a generous while.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use sendlog::base::ErrorCode;
use sendlog::record::records::Records as Batch;
use sendlog::record::{BatchBuilder, BatchHeader};
use sendlog::wire::frame::{decode_response, encode_request};
use sendlog::wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreatableTopicResult};
use sendlog::wire::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use sendlog::wire::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use sendlog::wire::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig, SET};
use sendlog::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopic, EARLIEST, LATEST,
};
use sendlog::wire::messages::metadata::{MetadataRequestTopic, MetadataResponseTopic};
use sendlog::wire::messages::produce::{PartitionProduceData, PartitionProduceResponse, TopicProduceData};
use sendlog::wire::messages::*;
use sendlog::wire::{Records, Request};

use super::HANG;

pub struct Client {
    pub socket: TcpStream,
    last_id: i32,
}

/// One partition's part of a fetch response, its records beside it.
pub struct Fetched {
    pub data: PartitionData,
    pub records: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        Client::on(TcpStream::connect(address).unwrap())
    }

    /// A client on a socket that is connected.
    pub fn on(socket: TcpStream) -> Client {
        socket.set_read_timeout(Some(HANG)).unwrap();
        socket.set_write_timeout(Some(HANG)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, last_id: 0 }
    }

    /// Sends without waiting; the answer will carry the correlation id that is returned.
    pub fn send<R: Request>(&mut self, version: i16, mut request: R) -> i32 {
        self.last_id += 1;
        let frame = frame(version, self.last_id, &mut request);
        self.send_bytes(&frame);
        self.last_id
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// The next answer and its frame, without its size.
    pub fn receive<R: Request>(&mut self, version: i16) -> (i32, R::Response, Vec<u8>) {
        let frame = self.read_frame().expect("an answer, but the broker closed the connection");
        let (id, response) = decode_response::<R>(&frame, version).unwrap();
        (id, response, frame)
    }

    pub fn call<R: Request>(&mut self, version: i16, request: R) -> R::Response {
        let sent = self.send(version, request);
        let (id, response, _) = self.receive::<R>(version);
        assert_eq!(id, sent, "answers come in order");
        response
    }

    /// The next frame without its size; none when the broker has closed the connection.
    pub fn read_frame(&mut self) -> Option<Vec<u8>> {
        let size = i32::from_be_bytes(self.read(4)?.try_into().unwrap());
        Some(self.read(size as usize).expect("a whole frame"))
    }

    /// The same, of a broker that may end in the middle of a frame.
    pub fn read_frame_or_end(&mut self) -> Option<Vec<u8>> {
        let size = i32::from_be_bytes(self.read(4)?.try_into().unwrap());
        self.read(size as usize)
    }

    fn read(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        match self.socket.read_exact(&mut bytes) {
            Ok(()) => Some(bytes),
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => None,
            Err(error) => panic!("no answer came: {error}"),
        }
    }

    /// Nothing more comes: the broker has closed the connection.
    pub fn assert_closed(mut self) {
        if let Some(frame) = self.read_frame() {
            panic!("the connection should be closed, but a frame of {} bytes came", frame.len());
        }
    }

    /// As the broker's log calls this connection.
    pub fn name(&self) -> String {
        self.socket.local_addr().unwrap().to_string()
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    pub fn create(&mut self, topic: &str, partitions: i32) {
        let created = self.create_with(topic, partitions, &[]);
        assert!(created.error_code.is_none(), "{created:?}");
    }

    pub fn create_with(&mut self, topic: &str, partitions: i32, configs: &[(&str, &str)]) -> CreatableTopicResult {
        let request = CreateTopicsRequest { topics: vec![new_topic(topic, partitions, configs)], ..Default::default() };
        self.call(7, request).topics.remove(0)
    }

    /// Produces with acks=all and no error.
    pub fn produce(&mut self, topic: &str, partition: i32, batch: &[u8]) -> i64 {
        let answer = self.try_produce(9, -1, topic, partition, batch);
        assert!(answer.error_code.is_none(), "{answer:?}");
        answer.base_offset
    }

    /// Produces batches of one record, each this many bytes long.
    pub fn fill(&mut self, topic: &str, partition: i32, batches: usize, size: usize) {
        let batch = batch_of_size(size);
        for _ in 0..batches {
            self.produce(topic, partition, &batch);
        }
    }

    pub fn try_produce(
        &mut self,
        version: i16,
        acks: i16,
        topic: &str,
        partition: i32,
        batch: &[u8],
    ) -> PartitionProduceResponse {
        let mut answer = self.call(version, produce_request(acks, topic, partition, batch));
        answer.responses.remove(0).partition_responses.remove(0)
    }

    /// Fetches what is there.
    pub fn fetch(&mut self, topic: &str, partition: i32, offset: i64) -> Fetched {
        self.fetch_with(12, fetch_request(&[(topic, partition, offset)])).remove(0)
    }

    /// The partitions of a fetch response, one after another.
    pub fn fetch_with(&mut self, version: i16, request: FetchRequest) -> Vec<Fetched> {
        self.send(version, request);
        self.receive_fetched(version)
    }

    pub fn receive_fetched(&mut self, version: i16) -> Vec<Fetched> {
        let (_, response, frame) = self.receive::<FetchRequest>(version);
        assert!(response.error_code.is_none(), "{response:?}");
        let partitions = response.responses.into_iter().flat_map(|topic| topic.partitions);
        partitions
            .map(|data| Fetched {
                records: data.records.range().map_or(Vec::new(), |range| frame[range].to_vec()),
                data,
            })
            .collect()
    }

    pub fn list_offset(&mut self, topic: &str, partition: i32, timestamp: i64) -> ListOffsetsPartitionResponse {
        let asked = ListOffsetsPartition { partition_index: partition, timestamp, ..Default::default() };
        let topics = vec![ListOffsetsTopic { name: topic.to_string(), partitions: vec![asked] }];
        self.call(7, ListOffsetsRequest { topics, ..Default::default() })
            .topics
            .remove(0)
            .partitions
            .remove(0)
    }

    /// The first offset and the next one to come.
    pub fn bounds(&mut self, topic: &str, partition: i32) -> (i64, i64) {
        let mut offset = |timestamp| {
            let found = self.list_offset(topic, partition, timestamp);
            assert!(found.error_code.is_none(), "{found:?}");
            found.offset
        };
        (offset(EARLIEST), offset(LATEST))
    }

    /// Asks for a topic as most clients do: one that is not there is created.
    pub fn metadata_that_creates(&mut self, topic: &str) -> MetadataResponse {
        let named = MetadataRequestTopic { name: Some(topic.to_string()), ..Default::default() };
        let topics = Some(vec![named]);
        self.call(9, MetadataRequest { topics, allow_auto_topic_creation: true, ..Default::default() })
    }

    /// Asks for topics by name, none of them to be created.
    pub fn metadata(&mut self, topics: &[&str]) -> MetadataResponse {
        let named = |name: &&str| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() };
        let topics = Some(topics.iter().map(named).collect());
        self.call(12, MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() })
    }

    pub fn topic(&mut self, name: &str) -> MetadataResponseTopic {
        self.metadata(&[name]).topics.remove(0)
    }

    /// Error and first offset left.
    pub fn delete_records(&mut self, topic: &str, partition: i32, offset: i64) -> (ErrorCode, i64) {
        let partitions = vec![DeleteRecordsPartition { partition_index: partition, offset }];
        let topics = vec![DeleteRecordsTopic { name: topic.to_string(), partitions }];
        let answer = self.call(2, DeleteRecordsRequest { topics, ..Default::default() });
        let result = &answer.topics[0].partitions[0];
        (result.error_code, result.low_watermark)
    }

    /// Sets one config of a topic or, by its id, of a broker; error and reason.
    pub fn set_config(&mut self, resource_type: i8, name: &str, key: &str, value: &str) -> (ErrorCode, String) {
        let config = AlterableConfig { name: key.to_string(), config_operation: SET, value: Some(value.to_string()) };
        let resource = AlterConfigsResource { resource_type, resource_name: name.to_string(), configs: vec![config] };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        let answer = self.call(1, request).responses.remove(0);
        (answer.error_code, answer.error_message.unwrap_or_default())
    }

    pub fn delete(&mut self, topic: &str) -> ErrorCode {
        let request = DeleteTopicsRequest { topic_names: vec![topic.to_string()], ..Default::default() };
        self.call(5, request).responses.remove(0).error_code
    }
}

/// A request as it goes over the wire, with its size in front.
pub fn frame<R: Request>(version: i16, correlation_id: i32, request: &mut R) -> Vec<u8> {
    encode_request(Vec::new(), version, correlation_id, Some("test"), request).unwrap().bytes
}

pub fn new_topic(name: &str, num_partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic {
    let config =
        |(name, value): &(&str, &str)| CreatableTopicConfig { name: name.to_string(), value: Some(value.to_string()) };
    let configs = configs.iter().map(config).collect();
    CreatableTopic { name: name.to_string(), num_partitions, replication_factor: -1, assignments: vec![], configs }
}

pub fn produce_request(acks: i16, topic: &str, partition: i32, batch: &[u8]) -> ProduceRequest {
    produce_many(acks, &[(topic, partition, batch)])
}

pub fn produce_many(acks: i16, batches: &[(&str, i32, &[u8])]) -> ProduceRequest {
    let topic_data = batches.iter().map(|(topic, index, batch)| TopicProduceData {
        name: topic.to_string(),
        partition_data: vec![PartitionProduceData { index: *index, records: Records::Bytes(batch.to_vec()) }],
    });
    ProduceRequest { acks, timeout_ms: 1000, topic_data: topic_data.collect(), ..Default::default() }
}

/// A fetch that answers at once, with any number of bytes.
pub fn fetch_request(asked: &[(&str, i32, i64)]) -> FetchRequest {
    let topics = asked.iter().map(|(topic, partition, fetch_offset)| FetchTopic {
        topic: topic.to_string(),
        partitions: vec![FetchPartition {
            partition: *partition,
            fetch_offset: *fetch_offset,
            partition_max_bytes: i32::MAX,
            ..Default::default()
        }],
    });
    FetchRequest { topics: topics.collect(), max_wait_ms: 0, min_bytes: 1, ..Default::default() }
}

/// A batch of records with these values, no keys, and the timestamps 1000, 1001, ...
pub fn batch(values: &[&str]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    (1000..)
        .zip(values)
        .for_each(|(timestamp_ms, value)| builder.push(timestamp_ms, None, Some(value.as_bytes())));
    builder.build()
}

/// A batch of one record that is `size` bytes long as a whole.
pub fn batch_of_size(size: usize) -> Vec<u8> {
    let build = |length: usize| BatchBuilder::new().record(1000, None, Some(&vec![b'x'; length])).build();
    let lengths = size.saturating_sub(76)..=size - 68;
    lengths.map(build).find(|batch| batch.len() == size).expect("some length gives that size")
}

/// Offset and value of each record in whole batches; what follows the last whole one is left out.
pub fn read_records(mut bytes: &[u8]) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    while let Some(header) = BatchHeader::parse(bytes) {
        let Some((batch, rest)) = bytes.split_at_checked(header.size().unwrap() as usize) else { break };
        for record in Batch::new(&batch[61..]) {
            let record = record.unwrap();
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            found.push((header.base_offset.0 + i64::from(record.offset_delta), value));
        }
        bytes = rest;
    }
    found
}

impl Fetched {
    pub fn error(&self) -> ErrorCode {
        self.data.error_code
    }

    pub fn read(&self) -> Vec<(i64, String)> {
        read_records(&self.records)
    }
}
