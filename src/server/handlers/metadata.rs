//! Metadata: which brokers and topics there are; a topic that does not exist may be created on the way.
//!
//! Always true: a topic that was created is in the same answer, ready to use. There is one broker, and each client
//! is told the address that it came in by, unless `advertised.listeners` says otherwise.
//! Not done: no racks, no authorized operations, and no second broker.

use std::sync::Arc;

use crate::base::{Error, ErrorCode, Result};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::topic::{name, Topic};
use crate::wire::messages::metadata::{
    MetadataRequestTopic, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::wire::messages::{MetadataRequest, MetadataResponse};

pub fn handle(call: &Call, request: MetadataRequest) -> std::result::Result<MetadataResponse, Closed> {
    let broker = &call.client.broker;
    let node_id = broker.settings.node_id;
    let may_create = broker.settings.auto_creates_topics && request.allow_auto_topic_creation;
    let topics = match &request.topics {
        Some(asked) if !request.asks_for_all(call.version) => {
            asked.iter().map(|asked| describe_asked(call, asked, may_create)).collect()
        }
        _ => broker.topics.all().iter().map(|topic| describe(topic, node_id)).collect(),
    };
    let address = call.client.advertised();
    Ok(MetadataResponse {
        brokers: vec![MetadataResponseBroker { node_id, host: address.host, port: address.port.into(), rack: None }],
        cluster_id: Some(broker.topics.cluster_id().to_string()),
        controller_id: node_id,
        topics,
        ..MetadataResponse::default()
    })
}

fn describe_asked(call: &Call, asked: &MetadataRequestTopic, may_create: bool) -> MetadataResponseTopic {
    match find(call, asked, may_create) {
        Ok(topic) => describe(&topic, call.client.broker.settings.node_id),
        Err(error) => {
            if matches!(error, Error::Storage { .. }) {
                let name = asked.name.as_deref().unwrap_or_default();
                note!(Error, "topic_not_created", [topic = name], "{error}");
            }
            MetadataResponseTopic {
                error_code: error.code(),
                name: asked.name.clone(),
                topic_id: asked.topic_id,
                ..MetadataResponseTopic::default()
            }
        }
    }
}

fn find(call: &Call, asked: &MetadataRequestTopic, may_create: bool) -> Result<Arc<Topic>> {
    let topics = &call.client.broker.topics;
    let Some(topic_name) = &asked.name else {
        return topics.find_id(asked.topic_id).ok_or_else(|| ErrorCode::UNKNOWN_TOPIC_ID.into());
    };
    match topics.find(topic_name) {
        Some(topic) => Ok(topic),
        None => {
            name::check(topic_name)?;
            if !may_create {
                return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into());
            }
            topics.find_or_create(topic_name)
        }
    }
}

fn describe(topic: &Topic, node_id: i32) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().map(|partition| MetadataResponsePartition {
        partition_index: partition.name().partition,
        leader_id: node_id,
        leader_epoch: partition.leader_epoch(),
        replica_nodes: vec![node_id],
        isr_nodes: vec![node_id],
        // The leader stays named: who asks it gets KAFKA_STORAGE_ERROR, which says more than no leader.
        offline_replicas: if partition.is_offline() { vec![node_id] } else { Vec::new() },
        ..MetadataResponsePartition::default()
    });
    MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: name::RESERVED.contains(&topic.name.as_str()),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    }
}
