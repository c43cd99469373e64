//! From a frame to its handler and back. Produce and fetch are named here, all others in [`handlers`].
//!
//! Always true: an unknown key, a version that is not served or bytes that do not decode close the connection, as
//! Kafka does; ApiVersions alone is answered in any version.
//! Not done: no authorization: there are no users.

use std::ops::Range;

use crate::server::call::{Call, Work};
use crate::server::connections::Client;
use crate::server::frames::Closed;
use crate::server::handlers;
use crate::server::handlers::produce::{self, Answered, Pending};
use crate::wire::decoder::Decoder;
use crate::wire::frame::decode_request_header;
use crate::wire::messages::ApiVersionsResponse;
use crate::wire::{ApiKey, API_TABLE};

/// The highest key of an API that Kafka 4.1 has.
const KAFKAS_LAST_KEY: i16 = 92;

/// Which API a frame asks; its other bytes do not matter here.
pub fn api_key(frame: &[u8]) -> ApiKey {
    ApiKey(frame.first_chunk().map_or(-1, |key| i16::from_be_bytes(*key)))
}

pub fn is_produce(frame: &[u8]) -> bool {
    api_key(frame) == ApiKey::PRODUCE
}

/// Decodes the request in `frame`, which is any but a produce: what is left to do.
pub fn begin_other<'c>(client: &'c Client, frame: &[u8]) -> Result<Work<'c>, Closed> {
    let (call, decoder) = begin(client, frame)?;
    match call.api.key {
        ApiKey::API_VERSIONS if !call.api.serves(call.version) => {
            let mut answer = ApiVersionsResponse::unsupported();
            let encoded = Call { version: 0, ..call }.encode(&mut answer)?;
            Ok(Box::new(|| Ok(encoded)))
        }
        ApiKey::FETCH => call.answer(decoder, handlers::fetch::handle),
        _ => handlers::handle(call, decoder),
    }
}

/// Executes the produce requests in `frames`, which lie one behind the other in `buffer`. What lies behind one that
/// makes no sense is not looked at.
pub fn serve_produces<'c>(client: &'c Client, buffer: &mut [u8], frames: &[Range<usize>]) -> Vec<Answered<'c>> {
    let mut pipeline = Vec::with_capacity(frames.len());
    let mut broken = None;
    for frame in frames {
        let decoded =
            begin(client, &buffer[frame.clone()]).and_then(|(call, decoder)| Ok((call.decode(decoder)?, call)));
        match decoded {
            Ok((request, call)) => pipeline.push(Pending { call, request, frame_start: frame.start }),
            Err(closed) => {
                broken = Some(Err(closed));
                break;
            }
        }
    }
    produce::handle_all(pipeline, buffer).into_iter().chain(broken).collect()
}

fn begin<'c, 'f>(client: &'c Client, frame: &'f [u8]) -> Result<(Call<'c>, Decoder<'f>), Closed> {
    let (header, decoder) = decode_request_header(frame)?;
    let (key, version, correlation_id) = (header.api_key, header.api_version, header.correlation_id);
    let Some(api) = API_TABLE.find(key) else {
        let why = match key.0 {
            0..=KAFKAS_LAST_KEY => format!("the API with the key {} is not served: see docs/protocol.md", key.0),
            _ => format!("no API has the key {}: not a Kafka client?", key.0),
        };
        return Err(Closed::Because(why));
    };
    if !api.serves(version) && key != ApiKey::API_VERSIONS {
        let (lowest, highest) = (api.lowest, api.highest);
        let why = format!("{} version {version}; served are {lowest} to {highest}", api.name);
        return Err(Closed::Because(why));
    }
    client.note_request(key);
    let client_id = header.client_id.map(|id| id.into_owned()).unwrap_or_default();
    let is_tapped = client.broker.taps.is_on();
    Ok((Call { client, api, version, correlation_id, client_id, is_tapped }, decoder))
}
