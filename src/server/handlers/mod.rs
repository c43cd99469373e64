//! A handler for each API: from a decoded request to its response.
//!
//! Always true: every row of [`API_TABLE`](crate::wire::API_TABLE) has one (a test holds them together); an error of one topic or partition is answered beside the others' results; only bytes that make no
//! sense, or a client that is gone, close the connection.
//! Not done: no handler knows the socket's frames or sends its answer.

pub mod alter_configs;
pub mod cluster;
pub mod configs;
pub mod delete_records;
pub mod describe_producers;
pub mod fetch;
pub mod group_admin;
pub mod groups;
pub mod list_offsets;
pub mod log_dirs;
pub mod metadata;
pub mod offsets;
pub mod partitions;
pub mod produce;
mod produce_answer;
pub mod producer_ids;
pub mod security;
pub mod topic_partitions;
pub mod topics;

use std::collections::HashSet;
use std::hash::Hash;

use crate::base::{Error, ErrorCode};
use crate::server::call::{Call, Work};
use crate::server::frames::Closed;
use crate::wire::decoder::Decoder;
use crate::wire::ApiKey;

/// Serves a request of any API but those of the spine, Produce and Fetch.
pub fn handle<'a>(call: Call<'a>, decoder: Decoder) -> Result<Work<'a>, Closed> {
    match call.api.key {
        ApiKey::LIST_OFFSETS => call.answer(decoder, list_offsets::handle),
        ApiKey::METADATA => call.answer(decoder, metadata::handle),
        ApiKey::FIND_COORDINATOR => call.answer(decoder, cluster::find_coordinator),
        ApiKey::OFFSET_COMMIT => call.answer(decoder, offsets::commit),
        ApiKey::OFFSET_FETCH => call.answer(decoder, offsets::fetch),
        ApiKey::OFFSET_DELETE => call.answer(decoder, offsets::delete),
        ApiKey::JOIN_GROUP => call.answer(decoder, groups::join),
        ApiKey::SYNC_GROUP => call.answer(decoder, groups::sync),
        ApiKey::HEARTBEAT => call.answer(decoder, groups::heartbeat),
        ApiKey::LEAVE_GROUP => call.answer(decoder, groups::leave),
        ApiKey::DESCRIBE_GROUPS => call.answer(decoder, group_admin::describe),
        ApiKey::LIST_GROUPS => call.answer(decoder, group_admin::list),
        ApiKey::DELETE_GROUPS => call.answer(decoder, group_admin::delete),
        ApiKey::INIT_PRODUCER_ID => call.answer(decoder, producer_ids::init),
        ApiKey::API_VERSIONS => call.answer(decoder, cluster::api_versions),
        ApiKey::CREATE_TOPICS => call.answer(decoder, topics::create),
        ApiKey::DELETE_TOPICS => call.answer(decoder, topics::delete),
        ApiKey::DELETE_RECORDS => call.answer(decoder, delete_records::handle),
        ApiKey::DESCRIBE_CONFIGS => call.answer(decoder, configs::describe),
        ApiKey::ALTER_CONFIGS => call.answer(decoder, alter_configs::alter),
        ApiKey::INCREMENTAL_ALTER_CONFIGS => call.answer(decoder, alter_configs::alter_incrementally),
        ApiKey::CREATE_PARTITIONS => call.answer(decoder, partitions::create),
        ApiKey::ELECT_LEADERS => call.answer(decoder, partitions::elect_leaders),
        ApiKey::DESCRIBE_TOPIC_PARTITIONS => call.answer(decoder, topic_partitions::describe),
        ApiKey::DESCRIBE_LOG_DIRS => call.answer(decoder, log_dirs::describe),
        ApiKey::DESCRIBE_PRODUCERS => call.answer(decoder, describe_producers::describe),
        ApiKey::DESCRIBE_ACLS => call.answer(decoder, security::describe_acls),
        ApiKey::DESCRIBE_CLIENT_QUOTAS => call.answer(decoder, security::describe_quotas),
        ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS => call.answer(decoder, security::describe_scram_users),
        ApiKey::OFFSET_FOR_LEADER_EPOCH => call.answer(decoder, list_offsets::for_leader_epoch),
        ApiKey::DESCRIBE_CLUSTER => call.answer(decoder, cluster::describe),
        _ => Err(Closed::Because(format!("{} has no handler", call.api.name))),
    }
}

/// The error that ends what needs a transaction, and a line that says so.
fn refuse_transaction(call: &Call, id: &str) -> Error {
    let why = "transactions are not implemented";
    note!(Warn, "transaction_refused", [client = call.client.peer, id = id], "{why}");
    Error::rejected(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, why)
}

/// What a request names more than once.
fn repeated<T: Eq + Hash + Clone>(named: impl Iterator<Item = T>) -> HashSet<T> {
    let mut seen = HashSet::new();
    named.filter(|name| !seen.insert(name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use crate::wire::{ApiKey, API_TABLE};

    #[test]
    fn every_api_of_the_table_has_a_handler() {
        let source = concat!(include_str!("../dispatch.rs"), include_str!("mod.rs"));
        for api in API_TABLE.iter() {
            let mut constant = String::new();
            for c in api.name.chars() {
                if c.is_uppercase() && !constant.is_empty() {
                    constant.push('_');
                }
                constant.extend(c.to_uppercase());
            }
            let is_served = source.contains(&format!("ApiKey::{constant} =>")) || api.key == ApiKey::PRODUCE;
            assert!(is_served, "{}", api.name);
        }
    }
}
