//! DescribeLogDirs: how large each partition is, and how much room the data directory's file system has.
//!
//! Always true: sizes are those of the segments' batches, as retention counts them.
//! Not done: partitions do not move between directories, so none is a future one and none lags.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::base::{Error, ErrorCode};
use crate::os::fs;
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::topic::Topic;
use crate::wire::messages::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use crate::wire::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

pub fn describe(call: &Call, request: DescribeLogDirsRequest) -> Result<DescribeLogDirsResponse, Closed> {
    let topics = &call.client.broker.topics;
    let described = match &request.topics {
        None => topics.all().iter().map(|topic| describe_topic(topic, |_| true)).collect(),
        Some(asked) => describe_asked(call, asked),
    };
    let (error_code, total_bytes, usable_bytes) = match fs::space(topics.root()) {
        Ok(space) => (ErrorCode::NONE, space.total_bytes as i64, space.usable_bytes as i64),
        Err(error) => (Error::code(&error), -1, -1),
    };
    let log_dir = absolute(topics.root());
    let result = DescribeLogDirsResult { error_code, log_dir, topics: described, total_bytes, usable_bytes };
    Ok(DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() })
}

fn absolute(root: &Path) -> String {
    std::path::absolute(root).unwrap_or(root.to_path_buf()).to_string_lossy().into_owned()
}

/// What is there of what was asked for, each partition once; a topic of which nothing is there is left out, as Kafka does.
fn describe_asked(call: &Call, asked: &[DescribableLogDirTopic]) -> Vec<DescribeLogDirsTopic> {
    let mut partitions: BTreeMap<&str, HashSet<i32>> = BTreeMap::new();
    for topic in asked {
        partitions.entry(&topic.topic).or_default().extend(&topic.partitions);
    }
    let found = partitions.into_iter().filter_map(|(name, wanted)| {
        let topic = call.client.broker.topics.find(name)?;
        Some(describe_topic(&topic, |partition| wanted.contains(&partition)))
    });
    found.filter(|described| !described.partitions.is_empty()).collect()
}

fn describe_topic(topic: &Topic, is_wanted: impl Fn(i32) -> bool) -> DescribeLogDirsTopic {
    let wanted = topic.partitions.iter().filter(|partition| is_wanted(partition.name().partition));
    let online = wanted.filter(|partition| !partition.is_offline());
    let partitions = online.map(|partition| DescribeLogDirsPartition {
        partition_index: partition.name().partition,
        partition_size: partition.size_bytes() as i64,
        offset_lag: 0,
        is_future_key: false,
    });
    DescribeLogDirsTopic { name: topic.name.clone(), partitions: partitions.collect() }
}
