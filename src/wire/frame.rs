//! Frames: the header in front of each message, and the size in front of each frame.
//!
//! ```text
//! request                                      response
//!   size            i32, of what follows         size            i32, of what follows
//!   api key         i16                          correlation id  i32, the request's
//!   api version     i16                          tagged fields   in flexible versions
//!   correlation id  i32                          message
//!   client id       nullable string, i16 length
//!   tagged fields   in flexible versions
//!   message
//! ```
//!
//! Always true: a request's client id has an i16 length even in flexible versions, and the response header of
//! ApiVersions never has tagged fields: a client that does not know the broker's versions yet must read both.
//! Not done: frames are neither read from a socket nor written to one; frames given to this module start after the
//! size, frames made by it start with the size.

use super::api::{Api, ApiKey, Request, API_TABLE};
use super::decoder::{Decoder, RESPONSE_ELEMENTS_MAX, STRING_MAX};
use super::encoder::{Encoded, Encoder};
use super::walk::{Message, Walk};
use crate::base::{Error, Result};
use std::borrow::Cow;

/// Bytes of the size in front of a frame.
pub const SIZE_BYTES: usize = 4;

/// What stands in front of each request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestHeader<'a> {
    pub api_key: ApiKey,
    pub api_version: i16,
    /// Whatever the client chose; the answer carries it again.
    pub correlation_id: i32,
    pub client_id: Option<Cow<'a, str>>,
}

/// The header of a request, and a decoder that stands at the start of its message.
///
/// The message can be decoded only if [`API_TABLE`] serves the header's key and version; that is the caller's to see.
pub fn decode_request_header(frame: &[u8]) -> Result<(RequestHeader<'_>, Decoder<'_>)> {
    let mut decoder = Decoder::new(frame, 0, false);
    let api_key = ApiKey(i16::from_be_bytes(decoder.fixed()?));
    let api_version = i16::from_be_bytes(decoder.fixed()?);
    let correlation_id = i32::from_be_bytes(decoder.fixed()?);
    let client_id = decoder.header_string()?.map(String::from_utf8_lossy);
    if client_id.as_ref().is_some_and(|id| id.len() > STRING_MAX) {
        return Err(Error::Malformed { what: "a client id that is too long as UTF-8", at: 0 });
    }
    // Of an API that the table lacks nothing but the fields so far is known.
    if let Some(api) = API_TABLE.find(api_key) {
        decoder.set_version(api_version, api.is_flexible(api_version));
        decoder.tags()?;
    }
    Ok((RequestHeader { api_key, api_version, correlation_id, client_id }, decoder))
}

/// A whole response in wire order. `buffer` is an allocation to use again, [`Encoded::bytes`] of an earlier one.
pub fn encode_response(
    buffer: Vec<u8>,
    api: &Api,
    version: i16,
    correlation_id: i32,
    response: &mut impl Message,
) -> Result<Encoded> {
    let mut encoder = Encoder::new(buffer, version, api.is_flexible(version));
    encoder.raw(&[0; SIZE_BYTES]);
    encoder.raw(&correlation_id.to_be_bytes());
    if api.key != ApiKey::API_VERSIONS {
        encoder.tags()?;
    }
    response.walk(&mut encoder)?;
    with_size(encoder.finish())
}

/// A whole request in wire order, for whoever is the client.
pub fn encode_request<R: Request>(
    buffer: Vec<u8>,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    request: &mut R,
) -> Result<Encoded> {
    let mut encoder = Encoder::new(buffer, version, R::api().is_flexible(version));
    encoder.raw(&[0; SIZE_BYTES]);
    encoder.raw(&R::KEY.0.to_be_bytes());
    encoder.raw(&version.to_be_bytes());
    encoder.raw(&correlation_id.to_be_bytes());
    encoder.header_string(client_id);
    encoder.tags()?;
    request.walk(&mut encoder)?;
    with_size(encoder.finish())
}

/// The correlation id and the message of a response to a request of this version.
pub fn decode_response<R: Request>(frame: &[u8], version: i16) -> Result<(i32, R::Response)> {
    let mut decoder = Decoder::new(frame, version, R::api().is_flexible(version));
    decoder.set_elements_max(RESPONSE_ELEMENTS_MAX);
    let correlation_id = i32::from_be_bytes(decoder.fixed()?);
    if R::KEY != ApiKey::API_VERSIONS {
        decoder.tags()?;
    }
    Ok((correlation_id, decoder.message()?))
}

/// Fills in the size, for which the first bytes were left free.
fn with_size(mut encoded: Encoded) -> Result<Encoded> {
    let size = encoded.len() - SIZE_BYTES as u64;
    let size = i32::try_from(size).map_err(|_| Error::Malformed { what: "a frame of more than 2 GiB", at: 0 })?;
    encoded.bytes[..SIZE_BYTES].copy_from_slice(&size.to_be_bytes());
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::api_versions::ApiVersion;
    use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest};

    #[test]
    fn the_client_id_has_an_i16_length_in_flexible_versions_too() {
        let mut request = MetadataRequest { topics: None, ..Default::default() };
        let frame = encode_request(Vec::new(), 9, 7, Some("me"), &mut request).unwrap();
        let header = [0, 3, 0, 9, 0, 0, 0, 7, 0, 2, b'm', b'e', 0];
        let body = [0, 1, 0, 0, 0];
        assert_eq!(frame.bytes, [&[0, 0, 0, 18][..], &header, &body].concat());
    }

    #[test]
    fn api_versions_answers_with_a_header_without_tags() {
        let api = API_TABLE.find(ApiKey::API_VERSIONS).unwrap();
        let frame = encode_response(Vec::new(), api, 3, 7, &mut ApiVersionsResponse::default()).unwrap();
        assert_eq!(frame.bytes, [0, 0, 0, 12, 0, 0, 0, 7, 0, 0, 1, 0, 0, 0, 0, 0]);
        let (correlation_id, response) = decode_response::<ApiVersionsRequest>(&frame.bytes[4..], 3).unwrap();
        assert_eq!((correlation_id, response.api_keys.len()), (7, 0));
    }

    #[test]
    fn a_client_id_may_be_null_or_no_text() {
        let frame = |id: &[u8]| [&[0, 18, 0, 0, 0, 0, 0, 7][..], id].concat();
        let null = frame(&[0xff, 0xff]);
        assert_eq!(decode_request_header(&null).unwrap().0.client_id, None);
        let latin1 = frame(&[0, 2, b'a', 0xe9]);
        assert_eq!(decode_request_header(&latin1).unwrap().0.client_id.as_deref(), Some("a\u{fffd}"));
    }

    #[test]
    fn the_header_of_an_unknown_api_is_readable() {
        let frame = [0x7f, 0xff, 0, 3, 0, 0, 0, 7, 0, 1, b'x', 1, 2, 3];
        let (header, _) = decode_request_header(&frame).unwrap();
        assert_eq!((header.api_key, header.api_version, header.correlation_id), (ApiKey(i16::MAX), 3, 7));
    }

    #[test]
    fn a_response_may_hold_more_elements_than_a_request() {
        let ids = vec![ApiVersion::default(); 40_000];
        let mut response = ApiVersionsResponse { api_keys: ids, ..Default::default() };
        let api = API_TABLE.find(ApiKey::API_VERSIONS).unwrap();
        let frame = encode_response(Vec::new(), api, 3, 7, &mut response).unwrap();
        let (_, decoded) = decode_response::<ApiVersionsRequest>(&frame.bytes[4..], 3).unwrap();
        assert_eq!(decoded.api_keys.len(), 40_000);
    }

    #[test]
    fn the_buffer_is_used_again() {
        let buffer = Vec::with_capacity(4096);
        let allocation = buffer.as_ptr();
        let api = API_TABLE.find(ApiKey::API_VERSIONS).unwrap();
        let frame = encode_response(buffer, api, 3, 7, &mut ApiVersionsResponse::served()).unwrap();
        assert_eq!(frame.bytes.as_ptr(), allocation);
    }
}
