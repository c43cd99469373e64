//! What a produce answers for one partition (Kafka's `PartitionResponse`).
//!
//! Always true: a batch that was refused has the offset -1, and a sentence that says why.
//! Not done: no hint at another leader: there is one broker.

use crate::base::Error;
use crate::partition::Appended;
use crate::wire::messages::produce::{BatchIndexAndErrorMessage, PartitionProduceResponse};

pub fn succeeded(index: i32, appended: &Appended) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        base_offset: appended.first.0,
        log_append_time_ms: appended.log_append_time_ms,
        log_start_offset: appended.log_start.0,
        ..PartitionProduceResponse::default()
    }
}

/// With the records that are to blame, as far as they are known.
pub fn failed(index: i32, error: &Error) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: error.code(),
        base_offset: -1,
        record_errors: error.records().iter().map(record_error).collect(),
        error_message: error.for_client(),
        ..PartitionProduceResponse::default()
    }
}

fn record_error((place, why): &(i32, String)) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage { batch_index: *place, batch_index_error_message: Some(why.clone()) }
}
