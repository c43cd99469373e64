//! The captured frames of tests/bytes, and generic code called for the request type that a frame belongs to.

use sendlog::wire::messages::*;
use sendlog::wire::{Api, ApiKey, Request, API_TABLE};
use std::fs;
use std::path::Path;

pub struct Frame {
    /// As in `kcat/00_Produce_v7.req`.
    pub name: String,
    pub api: &'static Api,
    pub version: i16,
    pub is_request: bool,
    /// With the size in front.
    pub bytes: Vec<u8>,
}

impl Frame {
    fn read(path: &Path) -> Frame {
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let (api, kind) = stem.split_once('.').unwrap();
        let (key, version) = (api.split('_').next().unwrap(), api.rsplit("_v").next().unwrap());
        let api = API_TABLE.find(ApiKey(key.parse().unwrap())).unwrap();
        let bytes = hex(&fs::read_to_string(path).unwrap());
        let version = version.parse().unwrap();
        Frame { name: format!("{folder}/{stem}"), api, version, is_request: kind == "req", bytes }
    }

    /// What the size counts.
    pub fn body(&self) -> &[u8] {
        &self.bytes[4..]
    }
}

pub fn hex(text: &str) -> Vec<u8> {
    let text = text.trim();
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// All frames, those of versions that are not served aside.
pub fn served_frames() -> Vec<Frame> {
    all_frames().into_iter().filter(|frame| frame.api.serves(frame.version)).collect()
}

pub fn all_frames() -> Vec<Frame> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bytes");
    let entries = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let folders = entries(&root).into_iter().filter(|path| path.is_dir());
    let mut paths: Vec<_> = folders.flat_map(|folder| entries(&folder)).collect();
    paths.sort();
    paths.iter().map(|path| Frame::read(path)).collect()
}

/// Generic code that is to run for one request type.
pub trait Visit {
    type Output;
    fn visit<R: Request + 'static>(self) -> Self::Output
    where
        R::Response: 'static;
}

pub fn visit<V: Visit>(key: ApiKey, visitor: V) -> V::Output {
    match key {
        ApiKey::PRODUCE => visitor.visit::<ProduceRequest>(),
        ApiKey::FETCH => visitor.visit::<FetchRequest>(),
        ApiKey::LIST_OFFSETS => visitor.visit::<ListOffsetsRequest>(),
        ApiKey::METADATA => visitor.visit::<MetadataRequest>(),
        ApiKey::OFFSET_COMMIT => visitor.visit::<OffsetCommitRequest>(),
        ApiKey::OFFSET_FETCH => visitor.visit::<OffsetFetchRequest>(),
        ApiKey::FIND_COORDINATOR => visitor.visit::<FindCoordinatorRequest>(),
        ApiKey::JOIN_GROUP => visitor.visit::<JoinGroupRequest>(),
        ApiKey::HEARTBEAT => visitor.visit::<HeartbeatRequest>(),
        ApiKey::LEAVE_GROUP => visitor.visit::<LeaveGroupRequest>(),
        ApiKey::SYNC_GROUP => visitor.visit::<SyncGroupRequest>(),
        ApiKey::DESCRIBE_GROUPS => visitor.visit::<DescribeGroupsRequest>(),
        ApiKey::LIST_GROUPS => visitor.visit::<ListGroupsRequest>(),
        ApiKey::API_VERSIONS => visitor.visit::<ApiVersionsRequest>(),
        ApiKey::CREATE_TOPICS => visitor.visit::<CreateTopicsRequest>(),
        ApiKey::DELETE_TOPICS => visitor.visit::<DeleteTopicsRequest>(),
        ApiKey::DELETE_RECORDS => visitor.visit::<DeleteRecordsRequest>(),
        ApiKey::INIT_PRODUCER_ID => visitor.visit::<InitProducerIdRequest>(),
        ApiKey::OFFSET_FOR_LEADER_EPOCH => visitor.visit::<OffsetForLeaderEpochRequest>(),
        ApiKey::DESCRIBE_ACLS => visitor.visit::<DescribeAclsRequest>(),
        ApiKey::DESCRIBE_CONFIGS => visitor.visit::<DescribeConfigsRequest>(),
        ApiKey::ALTER_CONFIGS => visitor.visit::<AlterConfigsRequest>(),
        ApiKey::DESCRIBE_LOG_DIRS => visitor.visit::<DescribeLogDirsRequest>(),
        ApiKey::CREATE_PARTITIONS => visitor.visit::<CreatePartitionsRequest>(),
        ApiKey::DELETE_GROUPS => visitor.visit::<DeleteGroupsRequest>(),
        ApiKey::ELECT_LEADERS => visitor.visit::<ElectLeadersRequest>(),
        ApiKey::INCREMENTAL_ALTER_CONFIGS => visitor.visit::<IncrementalAlterConfigsRequest>(),
        ApiKey::OFFSET_DELETE => visitor.visit::<OffsetDeleteRequest>(),
        ApiKey::DESCRIBE_CLIENT_QUOTAS => visitor.visit::<DescribeClientQuotasRequest>(),
        ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS => visitor.visit::<DescribeUserScramCredentialsRequest>(),
        ApiKey::DESCRIBE_CLUSTER => visitor.visit::<DescribeClusterRequest>(),
        ApiKey::DESCRIBE_PRODUCERS => visitor.visit::<DescribeProducersRequest>(),
        ApiKey::DESCRIBE_TOPIC_PARTITIONS => visitor.visit::<DescribeTopicPartitionsRequest>(),
        ApiKey(key) => panic!("the table has an API that no test visits: {key}"),
    }
}
