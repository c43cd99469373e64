//! InitProducerId: an id for an idempotent producer, never given out twice.
//!
//! Always true: an id is answered only after its block was reserved durably.
//! Not done: no transactional ids.

use crate::base::{Error, ErrorCode};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::server::handlers::refuse_transaction;
use crate::wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

/// A producer without a transactional id gets a new id whenever it asks, as with Kafka.
pub fn init(call: &Call, request: InitProducerIdRequest) -> Result<InitProducerIdResponse, Closed> {
    let given = match request.transactional_id.as_deref() {
        None => next(call, &request),
        Some("") => Err(ErrorCode::INVALID_REQUEST),
        Some(id) => Err(refuse_transaction(call, id).code()),
    };
    Ok(match given {
        Ok(producer_id) => InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() },
        Err(error_code) => {
            InitProducerIdResponse { error_code, producer_id: -1, producer_epoch: -1, ..Default::default() }
        }
    })
}

/// Ids that cannot be reserved now are worth another try, and a producer takes one.
fn next(call: &Call, request: &InitProducerIdRequest) -> Result<i64, ErrorCode> {
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    call.client.broker.topics.next_producer_id().map_err(|error| {
        if let Error::Rejected { code, .. } = error {
            return code;
        }
        note!(Error, "no_producer_id", [client = call.client.peer], "{error}");
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
    })
}
