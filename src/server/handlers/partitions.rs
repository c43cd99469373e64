//! CreatePartitions, ElectLeaders and DescribeTopicPartitions: what tools ask about partitions.
//!
//! Always true: a topic named twice is refused, and `validate_only` changes nothing.
//! Not done: partitions only become more; nothing moves, since there is one broker.

use crate::base::{Error, ErrorCode, Result, TopicPartition};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::handlers::repeated;
use crate::wire::messages::create_partitions::{CreatePartitionsTopic, CreatePartitionsTopicResult};
use crate::wire::messages::elect_leaders::{PartitionResult, ReplicaElectionResult, TopicPartitions};
use crate::wire::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, ElectLeadersRequest, ElectLeadersResponse,
};

/// The kinds of elections.
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

pub fn create(call: &Call, request: CreatePartitionsRequest) -> std::result::Result<CreatePartitionsResponse, Closed> {
    let repeated = repeated(request.topics.iter().map(|asked| &asked.name));
    let refusal = check_total(call, &request.topics).err();
    let create = |asked: &CreatePartitionsTopic| {
        let result = match (&refusal, repeated.contains(&asked.name)) {
            (Some(refusal), _) => Err(Error::rejected(refusal.code(), refusal.for_client().unwrap_or_default())),
            (_, true) => Err(Error::rejected(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")),
            (_, false) => create_one(call, asked, request.validate_only),
        };
        if let Err(error @ (Error::Storage { .. } | Error::Corrupt { .. })) = &result {
            note!(Warn, "partitions_not_created", [topic = asked.name], "{error}");
        }
        CreatePartitionsTopicResult {
            name: asked.name.clone(),
            error_code: result.as_ref().err().map_or(ErrorCode::NONE, Error::code),
            error_message: result.err().and_then(|error| error.for_client()),
        }
    };
    let results = request.topics.iter().map(create).collect();
    Ok(CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() })
}

/// Whether one request may ask for as many new partitions as these topics would get together.
fn check_total(call: &Call, asked: &[CreatePartitionsTopic]) -> Result<()> {
    let topics = &call.client.broker.topics;
    let now = |asked: &CreatePartitionsTopic| topics.find(&asked.name).map_or(0, |topic| topic.partitions.len());
    let new = |asked: &CreatePartitionsTopic| usize::try_from(asked.count).unwrap_or(0).saturating_sub(now(asked));
    topics.check_request(asked.iter().map(new).fold(0, usize::saturating_add))
}

fn create_one(call: &Call, asked: &CreatePartitionsTopic, validate_only: bool) -> Result<()> {
    let topics = &call.client.broker.topics;
    topics.create_partitions(&asked.name, asked.count, true)?;
    if let Some(assignments) = &asked.assignments {
        let node_id = call.client.broker.settings.node_id;
        let topic = topics.find_named(&asked.name)?;
        let new = asked.count as usize - topic.partitions.len().min(asked.count as usize);
        if assignments.len() != new || assignments.iter().any(|assignment| assignment.broker_ids != [node_id]) {
            let why = format!("an assignment names the one broker {node_id} for each of the {new} new partitions");
            return Err(Error::rejected(ErrorCode::INVALID_REPLICA_ASSIGNMENT, why));
        }
    }
    topics.create_partitions(&asked.name, asked.count, validate_only)
}

/// This broker leads every partition that it can lead: no election is needed, or none can help.
pub fn elect_leaders(call: &Call, request: ElectLeadersRequest) -> std::result::Result<ElectLeadersResponse, Closed> {
    let is_known = matches!(request.election_type, PREFERRED | UNCLEAN);
    if !is_known {
        return Ok(ElectLeadersResponse { error_code: ErrorCode::INVALID_REQUEST, ..ElectLeadersResponse::default() });
    }
    // All partitions: those that need no election are not told of.
    let (asked, tells_all) = match request.topic_partitions {
        Some(asked) => (asked, true),
        None => (every_partition(call), false),
    };
    let elect = |topic: TopicPartitions| {
        let results = topic
            .partitions
            .iter()
            .map(|partition| elect(call, &topic.topic, *partition, request.election_type));
        let told = results.filter(|result| tells_all || result.error_code != ErrorCode::ELECTION_NOT_NEEDED);
        ReplicaElectionResult { partition_result: told.collect(), topic: topic.topic }
    };
    let replica_election_results = asked.into_iter().map(elect).collect();
    Ok(ElectLeadersResponse { replica_election_results, ..ElectLeadersResponse::default() })
}

fn every_partition(call: &Call) -> Vec<TopicPartitions> {
    let all = call.client.broker.topics.all();
    let numbers = |count: usize| (0..count as i32).collect();
    all.iter()
        .map(|topic| TopicPartitions { topic: topic.name.clone(), partitions: numbers(topic.partitions.len()) })
        .collect()
}

fn elect(call: &Call, topic: &str, partition_id: i32, election_type: i8) -> PartitionResult {
    let name = TopicPartition { topic: topic.to_string(), partition: partition_id };
    let (error_code, why) = match call.client.broker.topics.find_partition(topic, partition_id) {
        Err(_) => (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("No such partition as {name}")),
        Ok(partition) if partition.is_offline() => {
            let code = match election_type {
                UNCLEAN => ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE,
                _ => ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE,
            };
            (code, format!("{name} is offline until the broker starts again, and has no other replica"))
        }
        Ok(_) => (ErrorCode::ELECTION_NOT_NEEDED, "Leader election not needed for topic partition.".to_string()),
    };
    PartitionResult { partition_id, error_code, error_message: Some(why) }
}
