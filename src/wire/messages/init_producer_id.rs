//! InitProducerId (22): gives a producer an id, under which the broker notices batches that come twice (KIP-98).
//!
//! Versions: 1 changes nothing in the bytes; 2 is flexible; 3 can ask for the next epoch of an id that the producer has
//! (KIP-360); 4 may answer PRODUCER_FENCED (KIP-588), which is INVALID_PRODUCER_EPOCH before. 5 may answer
//! TRANSACTION_ABORTABLE (KIP-890).
//!
//! Errors: one for the response; id and epoch are -1 then. An id without an epoch, or an epoch without an id, is
//! INVALID_REQUEST.

use crate::base::{ErrorCode, Result};
use crate::wire::api::{ApiKey, Request};
use crate::wire::walk::{since, Message, Walk, ALL};

#[derive(Debug)]
pub struct InitProducerIdRequest {
    /// Null: idempotent, without transactions.
    pub transactional_id: Option<String>,
    pub transaction_timeout_ms: i32,
    /// -1: a new one is wanted.
    pub producer_id: i64,
    /// The one that the producer has; -1 without an id.
    pub producer_epoch: i16,
}

#[derive(Debug)]
pub struct InitProducerIdResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// -1 with an error.
    pub producer_id: i64,
    /// -1 with an error.
    pub producer_epoch: i16,
}

impl Default for InitProducerIdRequest {
    fn default() -> Self {
        let (transactional_id, transaction_timeout_ms) = (None, 0);
        InitProducerIdRequest { transactional_id, transaction_timeout_ms, producer_id: -1, producer_epoch: -1 }
    }
}

impl Default for InitProducerIdResponse {
    fn default() -> Self {
        let error_code = ErrorCode::NONE;
        InitProducerIdResponse { throttle_time_ms: 0, error_code, producer_id: -1, producer_epoch: 0 }
    }
}

impl Request for InitProducerIdRequest {
    const KEY: ApiKey = ApiKey::INIT_PRODUCER_ID;
    type Response = InitProducerIdResponse;
}

impl Message for InitProducerIdRequest {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.nullable_string(ALL, ALL, &mut self.transactional_id)?;
        w.i32(ALL, &mut self.transaction_timeout_ms)?;
        w.i64(since(3), &mut self.producer_id)?;
        w.i16(since(3), &mut self.producer_epoch)?;
        w.tags()
    }
}

impl Message for InitProducerIdResponse {
    fn walk<W: Walk>(&mut self, w: &mut W) -> Result<()> {
        w.i32(ALL, &mut self.throttle_time_ms)?;
        w.error(ALL, &mut self.error_code)?;
        w.i64(ALL, &mut self.producer_id)?;
        w.i16(ALL, &mut self.producer_epoch)?;
        w.tags()
    }
}
