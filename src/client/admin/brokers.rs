//! The brokers, and their directories.
//!
//! Always true: a directory is told of with the broker it belongs to.
//! Not done: replicas are not moved between directories.

use super::Admin;
use crate::base::TopicPartition;
use crate::client::cluster::Node;
use crate::client::error::{check, Result};
use crate::wire::messages::describe_log_dirs::DescribeLogDirsResult;
use crate::wire::messages::{DescribeClusterRequest, DescribeLogDirsRequest};

#[derive(Clone, Debug)]
pub struct ClusterDescription {
    pub cluster_id: String,
    /// None: no broker says so.
    pub controller: Option<i32>,
    pub brokers: Vec<Node>,
}

/// A directory in which a broker keeps partitions.
#[derive(Clone, Debug)]
pub struct LogDir {
    pub broker: i32,
    pub path: String,
    /// Why nothing of it can be said.
    pub error: Option<crate::client::Error>,
    /// Of its file system; -1 from old brokers.
    pub total_bytes: i64,
    pub usable_bytes: i64,
    pub partitions: Vec<LogDirPartition>,
}

#[derive(Clone, Debug)]
pub struct LogDirPartition {
    pub partition: TopicPartition,
    pub size_bytes: i64,
    /// How far it is behind, in records.
    pub offset_lag: i64,
    /// It is being moved into this directory.
    pub is_future: bool,
}

impl Admin {
    pub fn describe_cluster(&mut self) -> Result<ClusterDescription> {
        let mut request = DescribeClusterRequest::default();
        let answer = self.cluster.persist(|cluster| cluster.ask_anyone(&mut request))?;
        check(|| String::from("describing the cluster"), answer.error_code, answer.error_message)?;
        let node = |b: crate::wire::messages::describe_cluster::DescribeClusterBroker| Node {
            id: b.broker_id,
            host: b.host,
            port: b.port,
            rack: b.rack,
        };
        let mut brokers: Vec<_> = answer.brokers.into_iter().map(node).collect();
        brokers.sort_by_key(|node| node.id);
        let controller = Some(answer.controller_id).filter(|id| *id >= 0);
        Ok(ClusterDescription { cluster_id: answer.cluster_id, controller, brokers })
    }

    /// The directories of all brokers.
    pub fn describe_log_dirs(&mut self) -> Result<Vec<LogDir>> {
        self.cluster.persist(|cluster| {
            cluster.refresh(&[])?;
            let nodes: Vec<i32> = cluster.nodes().map(|node| node.id).collect();
            let mut all = Vec::new();
            for node in nodes {
                let answer = cluster.ask(node, &mut DescribeLogDirsRequest { topics: None })?;
                check(|| format!("directories of broker {node}"), answer.error_code, None)?;
                all.extend(answer.results.into_iter().map(|found| LogDir::of(node, found)));
            }
            Ok(all)
        })
    }
}

impl LogDir {
    fn of(broker: i32, found: DescribeLogDirsResult) -> LogDir {
        let what = || format!("directory {} of broker {broker}", found.log_dir);
        let error = check(what, found.error_code, None).err();
        let mut partitions = Vec::new();
        for topic in found.topics {
            partitions.extend(topic.partitions.into_iter().map(|found| LogDirPartition {
                partition: TopicPartition { topic: topic.name.clone(), partition: found.partition_index },
                size_bytes: found.partition_size,
                offset_lag: found.offset_lag,
                is_future: found.is_future_key,
            }));
        }
        let (total_bytes, usable_bytes) = (found.total_bytes, found.usable_bytes);
        LogDir { broker, path: found.log_dir, error, total_bytes, usable_bytes, partitions }
    }
}
