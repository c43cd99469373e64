//! From a frame to its handler and back: the one place where API keys meet handlers.
//!
//! Always true: every row of [`API_TABLE`] is dispatched (a test holds them together). An unknown key, a version that
//! is not served or bytes that do not decode close the connection, as Kafka does; ApiVersions alone answers any
//! version.

use crate::server::call::{Answer, Call, Client};
use crate::server::frames::Closed;
use crate::server::handlers::{self, produce};
use crate::wire::frame::{decode_request_header, encode_response};
use crate::wire::messages::ApiVersionsResponse;
use crate::wire::{ApiKey, API_TABLE};

/// Whether a frame is a produce request; its other bytes do not matter here.
pub fn is_produce(frame: &[u8]) -> bool {
    frame.first_chunk().is_some_and(|key| ApiKey(i16::from_be_bytes(*key)) == ApiKey::PRODUCE)
}

/// Executes the request in `frame`.
pub fn serve(client: &Client, frame: &mut [u8]) -> Result<Answer, Closed> {
    let (header, decoder) = decode_request_header(frame)?;
    let (key, version, correlation_id) = (header.api_key, header.api_version, header.correlation_id);
    let Some(api) = API_TABLE.find(key) else {
        return Err(Closed::Because(format!("no API has the key {}: not a Kafka client?", key.0)));
    };
    let client_id = header.client_id.map(|id| id.into_owned()).unwrap_or_default();
    let call = Call { client, api, version, correlation_id, client_id };
    if !api.serves(version) {
        if key == ApiKey::API_VERSIONS {
            let answer = encode_response(Vec::new(), api, 0, correlation_id, &mut ApiVersionsResponse::unsupported())?;
            return Ok(Answer::Ready(answer));
        }
        let (lowest, highest) = (api.lowest, api.highest);
        let why = format!("{} version {version}; served are {lowest} to {highest}", api.name);
        return Err(Closed::Because(why));
    }
    match key {
        ApiKey::PRODUCE => {
            let request = call.decode(decoder)?;
            produce::handle(&call, request, frame)
        }
        ApiKey::FETCH => call.answer(decoder, handlers::fetch::handle),
        ApiKey::LIST_OFFSETS => call.answer(decoder, handlers::list_offsets::handle),
        ApiKey::METADATA => call.answer(decoder, handlers::metadata::handle),
        ApiKey::FIND_COORDINATOR => call.answer(decoder, handlers::cluster::find_coordinator),
        ApiKey::OFFSET_COMMIT => call.answer(decoder, handlers::offsets::commit),
        ApiKey::OFFSET_FETCH => call.answer(decoder, handlers::offsets::fetch),
        ApiKey::OFFSET_DELETE => call.answer(decoder, handlers::offsets::delete),
        ApiKey::JOIN_GROUP => call.answer(decoder, handlers::groups::join),
        ApiKey::SYNC_GROUP => call.answer(decoder, handlers::groups::sync),
        ApiKey::HEARTBEAT => call.answer(decoder, handlers::groups::heartbeat),
        ApiKey::LEAVE_GROUP => call.answer(decoder, handlers::groups::leave),
        ApiKey::DESCRIBE_GROUPS => call.answer(decoder, handlers::group_admin::describe),
        ApiKey::LIST_GROUPS => call.answer(decoder, handlers::group_admin::list),
        ApiKey::DELETE_GROUPS => call.answer(decoder, handlers::group_admin::delete),
        ApiKey::INIT_PRODUCER_ID => call.answer(decoder, handlers::producer_ids::init),
        ApiKey::API_VERSIONS => call.answer(decoder, handlers::cluster::api_versions),
        ApiKey::CREATE_TOPICS => call.answer(decoder, handlers::topics::create),
        ApiKey::DELETE_TOPICS => call.answer(decoder, handlers::topics::delete),
        ApiKey::DELETE_RECORDS => call.answer(decoder, handlers::delete_records::handle),
        ApiKey::DESCRIBE_CONFIGS => call.answer(decoder, handlers::configs::describe),
        ApiKey::ALTER_CONFIGS => call.answer(decoder, handlers::alter_configs::alter),
        ApiKey::INCREMENTAL_ALTER_CONFIGS => call.answer(decoder, handlers::alter_configs::alter_incrementally),
        ApiKey::CREATE_PARTITIONS => call.answer(decoder, handlers::partitions::create),
        ApiKey::ELECT_LEADERS => call.answer(decoder, handlers::partitions::elect_leaders),
        ApiKey::DESCRIBE_TOPIC_PARTITIONS => call.answer(decoder, handlers::topic_partitions::describe),
        ApiKey::DESCRIBE_LOG_DIRS => call.answer(decoder, handlers::log_dirs::describe),
        ApiKey::DESCRIBE_PRODUCERS => call.answer(decoder, handlers::describe_producers::describe),
        ApiKey::DESCRIBE_ACLS => call.answer(decoder, handlers::security::describe_acls),
        ApiKey::DESCRIBE_CLIENT_QUOTAS => call.answer(decoder, handlers::security::describe_quotas),
        ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS => call.answer(decoder, handlers::security::describe_scram_users),
        ApiKey::OFFSET_FOR_LEADER_EPOCH => call.answer(decoder, handlers::list_offsets::for_leader_epoch),
        ApiKey::DESCRIBE_CLUSTER => call.answer(decoder, handlers::cluster::describe),
        _ => Err(Closed::Because(format!("{} has no handler", api.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_of_the_table_has_a_handler() {
        let source = include_str!("dispatch.rs");
        for api in API_TABLE.iter() {
            let mut constant = String::new();
            for c in api.name.chars() {
                if c.is_uppercase() && !constant.is_empty() {
                    constant.push('_');
                }
                constant.extend(c.to_uppercase());
            }
            assert!(source.contains(&format!("ApiKey::{constant} =>")), "{}", api.name);
        }
    }
}
