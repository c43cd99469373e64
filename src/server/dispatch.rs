//! From a frame to its handler and back: the one place where API keys meet handlers.
//!
//! Always true: every row of [`API_TABLE`] is dispatched (a test holds them together). An unknown key, a version that
//! is not served or bytes that do not decode close the connection, as Kafka does; ApiVersions alone answers any
//! version.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use crate::server::address::Endpoint;
use crate::server::frames::Closed;
use crate::server::handlers::{self, produce, produce::Unflushed};
use crate::server::wait::WaitCell;
use crate::server::Broker;
use crate::wire::decoder::Decoder;
use crate::wire::frame::{decode_request_header, encode_response};
use crate::wire::messages::ApiVersionsResponse;
use crate::wire::{printer, Api, ApiKey, Encoded, Request, API_TABLE};

/// Who asks, and over which socket.
pub struct Client<'a> {
    pub broker: &'a Broker,
    pub socket: &'a TcpStream,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    /// What wakes this connection out of a wait.
    pub wake: Arc<WaitCell>,
}

impl Client<'_> {
    /// The address that this client is told to come back to: the one it dialled, unless the configuration knows better.
    pub fn advertised(&self) -> Endpoint {
        self.broker.settings.advertised.clone().unwrap_or_else(|| self.local.into())
    }
}

/// What a request came to.
pub enum Answer {
    Nothing,
    Ready(Encoded),
    Produced(Unflushed),
}

/// One request on its way to a handler.
pub struct Call<'a> {
    pub client: &'a Client<'a>,
    pub api: &'static Api,
    pub version: i16,
    pub correlation_id: i32,
}

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
    let call = Call { client, api, version, correlation_id };
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
        ApiKey::API_VERSIONS => call.answer(decoder, handlers::cluster::api_versions),
        ApiKey::CREATE_TOPICS => call.answer(decoder, handlers::topics::create),
        ApiKey::DELETE_TOPICS => call.answer(decoder, handlers::topics::delete),
        ApiKey::DELETE_RECORDS => call.answer(decoder, handlers::delete_records::handle),
        ApiKey::OFFSET_FOR_LEADER_EPOCH => call.answer(decoder, handlers::list_offsets::for_leader_epoch),
        ApiKey::DESCRIBE_CLUSTER => call.answer(decoder, handlers::cluster::describe),
        _ => Err(Closed::Because(format!("{} has no handler", api.name))),
    }
}

impl Call<'_> {
    fn decode<R: Request>(&self, decoder: Decoder) -> Result<R, Closed> {
        let mut request: R = decoder.message().map_err(|error| {
            Closed::Because(format!("not a {} request of version {}: {error}", self.api.name, self.version))
        })?;
        if self.client.broker.settings.prints_requests {
            note!("{}: {}", self.client.peer, printer::print(self.api.name, self.version, &mut request));
        }
        Ok(request)
    }

    fn answer<R: Request>(
        &self,
        decoder: Decoder,
        handler: impl FnOnce(&Call, R) -> Result<R::Response, Closed>,
    ) -> Result<Answer, Closed> {
        let mut response = handler(self, self.decode(decoder)?)?;
        Ok(Answer::Ready(self.encode(&mut response)?))
    }

    pub fn encode<M: crate::wire::walk::Message>(&self, response: &mut M) -> Result<Encoded, Closed> {
        Ok(encode_response(Vec::new(), self.api, self.version, self.correlation_id, response)?)
    }
}
