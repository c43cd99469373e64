//! What of a call is shown to those who look: to the log ([`log.requests`](crate::config::KEYS)), and to taps ([`crate::tap`]).
//!
//! Always true: while nobody looks, a request costs one relaxed load, and nothing is printed.
//! Not done: what is shown, and how, is known there.

use crate::server::call::Call;
use crate::tap::printer::print;
use crate::tap::Of;
use crate::wire::decoder::Decoder;
use crate::wire::walk::Message;
use crate::wire::Encoded;

/// A request was decoded; `at` stands where its message begins.
pub fn request(call: &Call, request: &mut impl Message, at: Decoder) {
    if call.client.broker.settings.prints_requests {
        note!(Debug, "request", [client = call.client.peer], "{}", print(call.api.name, call.version, request));
    }
    if call.is_tapped {
        call.client.broker.taps.request(&of(call), request, at);
    }
}

/// An answer is about to be sent.
pub fn response(call: &Call, response: &mut impl Message, encoded: &Encoded) {
    if call.is_tapped {
        call.client.broker.taps.response(&of(call), response, encoded);
    }
}

fn of<'a>(call: &'a Call) -> Of<'a> {
    let Call { client, correlation_id, api, version, .. } = *call;
    Of { peer: client.peer, client_id: &call.client_id, correlation_id, api, version }
}
