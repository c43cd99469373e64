//! A request on its way: which client asks, and which API in which version.
//!
//! Always true: a request is decoded and its response encoded in one version of one API, whoever handles it.
//! Not done: it neither waits nor sends.

use crate::server::connections::Client;
use crate::server::frames::Closed;
use crate::server::tap;
use crate::wire::decoder::Decoder;
use crate::wire::frame::encode_response;
use crate::wire::walk::Message;
use crate::wire::{Api, Encoded, Request};

/// One request on its way to a handler.
pub struct Call<'a> {
    pub client: &'a Client,
    pub api: &'static Api,
    pub version: i16,
    pub correlation_id: i32,
    /// What the client calls itself; empty if it does not say.
    pub client_id: String,
    /// Somebody looks at requests and answers.
    pub is_tapped: bool,
}

/// A request that was decoded, and needs its frame no longer.
pub type Work<'a> = Box<dyn FnOnce() -> Result<Encoded, Closed> + 'a>;

impl<'a> Call<'a> {
    /// The request; whoever wants to see requests sees it.
    pub fn decode<R: Request>(&self, decoder: Decoder) -> Result<R, Closed> {
        let start = decoder.clone();
        let mut request: R = decoder.message().map_err(|error| {
            Closed::Because(format!("not a {} request of version {}: {error}", self.api.name, self.version))
        })?;
        tap::request(self, &mut request, start);
        Ok(request)
    }

    /// Decodes the request; what is left to do is to have it handled, and to encode the response.
    pub fn answer<R: Request + 'a>(
        self,
        decoder: Decoder,
        handler: impl FnOnce(&Call, R) -> Result<R::Response, Closed> + 'a,
    ) -> Result<Work<'a>, Closed> {
        let request = self.decode(decoder)?;
        Ok(Box::new(move || self.encode(&mut handler(&self, request)?)))
    }

    pub fn encode<M: Message>(&self, response: &mut M) -> Result<Encoded, Closed> {
        let encoded = encode_response(Vec::new(), self.api, self.version, self.correlation_id, response)?;
        tap::response(self, response, &encoded);
        Ok(encoded)
    }
}
