//! A request frame, as it lies behind its size, of any API in any version: decoded, printed, encoded, decoded again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sendlog::wire::frame::{decode_request_header, decode_response, encode_request, SIZE_BYTES};
use sendlog::tap::printer;
use sendlog::wire::{Request, API_TABLE};
use sendlog_fuzz::wire_frames::{visit, Visit};

struct Decode<'a> {
    frame: &'a [u8],
    version: i16,
    name: &'static str,
}

impl Visit for Decode<'_> {
    type Output = ();

    fn visit<R: Request + 'static>(self)
    where
        R::Response: 'static,
    {
        // The same bytes as an answer: a client reads those with the same walk.
        let _ = decode_response::<R>(self.frame, self.version);
        let Ok((header, decoder)) = decode_request_header(self.frame) else { return };
        let Ok(mut message) = decoder.message::<R>() else { return };
        let printed = printer::print(self.name, self.version, &mut message);
        assert!(!printed.is_empty());
        // The decoded records are a range of the frame, which no request that is sent can hold.
        if self.name == "Produce" {
            return;
        }
        let id = header.client_id.as_deref();
        let again = encode_request(Vec::new(), self.version, header.correlation_id, id, &mut message)
            .expect("what was decoded can be encoded");
        let (_, decoder) = decode_request_header(&again.bytes[SIZE_BYTES..]).expect("its header decodes");
        let mut second = decoder.message::<R>().expect("and so does its message");
        assert_eq!(printer::print(self.name, self.version, &mut second), printed);
    }
}

fuzz_target!(|frame: &[u8]| {
    let Ok((header, _)) = decode_request_header(frame) else { return };
    let Some(api) = API_TABLE.find(header.api_key) else { return };
    if api.serves(header.api_version) {
        visit(api.key, Decode { frame, version: header.api_version, name: api.name });
    }
});
