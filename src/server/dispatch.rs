//! From a frame to its handler and back. Produce and fetch are named here, all others in [`handlers`].
//!
//! Always true: an unknown key, a version that is not served or bytes that do not decode close the connection, as
//! Kafka does; ApiVersions alone is answered in any version.

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
        _ => handlers::handle(&call, decoder),
    }
}
