//! The ruler: goes over the bytes of a message beside the printer, and says where each field begins.
//!
//! Places are counted from the frame's first byte, that of its size: 0 the size; in a request 4 the API key, 6 the version,
//! 8 the correlation id, 12 the client id; in a response 4 the correlation id; then the message.
//!
//! Always true: a place is the one in the bytes that came or go over the wire, tagged fields and records in files counted.
//! Not done: it does not look at values, the printer has them.

use crate::wire::decoder::{Decoder, RESPONSE_ELEMENTS_MAX};
use crate::wire::frame::SIZE_BYTES;
use crate::wire::walk::Walk;
use crate::wire::{Api, ApiKey, Encoded};

/// How the bytes of a field tell where it ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Fixed(usize),
    Text,
    /// A length and as many bytes.
    Block,
    /// A length, and as many bytes that are sent from elsewhere.
    Apart(u64),
    /// An array's count.
    Count,
    Tags,
}

#[derive(Clone, Debug)]
pub struct Ruler<'a> {
    /// Stands at the next field; none behind bytes that are no message.
    decoder: Option<Decoder<'a>>,
    /// Bytes of the frame that the decoder does not have.
    beside: u64,
}

impl<'a> Ruler<'a> {
    /// Of a request; the decoder stands at the start of its message.
    pub fn of_request(decoder: Decoder<'a>) -> Ruler<'a> {
        Ruler { decoder: Some(decoder), beside: SIZE_BYTES as u64 }
    }

    pub fn of_response(api: &Api, version: i16, response: &'a Encoded) -> Ruler<'a> {
        let mut decoder = Decoder::new(&response.bytes, version, api.is_flexible(version));
        decoder.set_elements_max(RESPONSE_ELEMENTS_MAX);
        let mut ruler = Ruler { decoder: Some(decoder), beside: 0 };
        ruler.pass(Shape::Fixed(SIZE_BYTES + size_of::<i32>()));
        if api.key != ApiKey::API_VERSIONS {
            ruler.pass(Shape::Tags);
        }
        ruler
    }

    /// Where the next field begins.
    pub fn at(&self) -> Option<u64> {
        self.decoder.as_ref().map(|decoder| decoder.at() as u64 + self.beside)
    }

    pub(super) fn pass(&mut self, shape: Shape) {
        let Some(decoder) = &mut self.decoder else { return };
        let passed = match shape {
            Shape::Fixed(bytes) => decoder.take(bytes).map(drop),
            Shape::Text => decoder.text().map(drop),
            Shape::Block => decoder.block().map(drop),
            Shape::Apart(_) | Shape::Count => decoder.length_i32().map(drop),
            Shape::Tags => decoder.tags(),
        };
        match (passed, shape) {
            (Ok(()), Shape::Apart(bytes)) => self.beside += bytes,
            (Ok(()), _) => {}
            (Err(_), _) => self.decoder = None,
        }
    }
}
