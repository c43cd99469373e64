//! InitProducerId: an id for an idempotent producer, never given out twice.

use crate::base::{ErrorCode, Result};
use crate::server::call::Call;
use crate::server::frames::Closed;
use crate::wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

/// A producer without a transactional id gets a new id whenever it asks, as with Kafka.
pub fn init(call: &Call, request: InitProducerIdRequest) -> std::result::Result<InitProducerIdResponse, Closed> {
    let given = match &request.transactional_id {
        None => next(call, &request),
        Some(id) => {
            note!("{}: refused transactional id '{id}': transactions are not implemented", call.client.peer);
            Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED.into())
        }
    };
    Ok(match given {
        Ok(producer_id) => InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() },
        Err(error) => {
            let error_code = error.code();
            InitProducerIdResponse { error_code, producer_id: -1, producer_epoch: -1, ..Default::default() }
        }
    })
}

fn next(call: &Call, request: &InitProducerIdRequest) -> Result<i64> {
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return Err(ErrorCode::INVALID_REQUEST.into());
    }
    call.client.broker.topics.next_producer_id()
}
