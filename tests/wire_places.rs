//! The places that the printer gives are those of the bytes: held against frames captured from real clients.

mod wire_frames;

use sendlog::tap::printer::{print, print_at};
use sendlog::tap::ruler::Ruler;
use sendlog::wire::frame::{decode_request_header, decode_response, encode_response};
use sendlog::wire::messages::{FetchRequest, FetchResponse};
use sendlog::wire::{Records, Request, API_TABLE};
use wire_frames::{served_frames, visit, Frame, Visit};

/// A request as text, without and with places.
struct Both<'a>(&'a Frame);

impl Visit for Both<'_> {
    type Output = (String, String);

    fn visit<R: Request + 'static>(self) -> Self::Output
    where
        R::Response: 'static,
    {
        let Both(frame) = self;
        let (name, version) = (frame.api.name, frame.version);
        if frame.is_request {
            let (_, decoder) = decode_request_header(frame.body()).unwrap();
            let ruler = Ruler::of_request(decoder.clone());
            let mut request: R = decoder.message().unwrap();
            return (print(name, version, &mut request), print_at(name, version, &mut request, Some(ruler)));
        }
        let (_, mut response) = decode_response::<R>(frame.body(), version).unwrap();
        let encoded = sendlog::wire::Encoded { bytes: frame.bytes.clone(), ..Default::default() };
        let ruler = Ruler::of_response(frame.api, version, &encoded);
        (print(name, version, &mut response), print_at(name, version, &mut response, Some(ruler)))
    }
}

/// Each place with the value behind it; of an array only the place.
fn places(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(colon) = rest.find(':') {
        let digits = rest[..colon].rsplit([' ', '[']).next().unwrap();
        let at: usize = digits.parse().unwrap_or_else(|_| panic!("{digits:?} is no place: {text}"));
        rest = &rest[colon + 1..];
        let end = match rest.strip_prefix('"') {
            Some(inner) => 2 + inner.replace("\\\"", "..").find('"').unwrap(),
            None if rest.starts_with('<') => rest.find('>').unwrap() + 1,
            None => rest.find([' ', ']']).unwrap_or(rest.len()),
        };
        found.push((at, rest[..end].to_string()));
        rest = &rest[if rest.starts_with('[') { 1 } else { end }..];
    }
    found
}

#[test]
fn places_are_where_the_values_lie_in_captured_frames() {
    let (mut texts, mut numbers) = (0, 0);
    for frame in served_frames() {
        let (plain, placed) = visit(frame.api.key, Both(&frame));
        let found = places(&placed);
        let (mut without, mut rest) = (String::new(), placed.as_str());
        for (at, value) in &found {
            let (before, behind) = rest.split_once(&format!("{at}:")).unwrap();
            without += before;
            rest = behind;
            if let Some(text) = value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                let prefix = if frame.api.is_flexible(frame.version) { 1 } else { 2 };
                if !text.is_empty() && !text.contains('\\') && text.len() < 127 {
                    assert!(frame.bytes[at + prefix..].starts_with(text.as_bytes()), "{}: {placed}", frame.name);
                    texts += 1;
                }
            }
        }
        assert_eq!(without + rest, plain, "{}", frame.name);
        let ends = found.iter().skip(1).map(|(at, _)| *at).chain([frame.bytes.len()]);
        for ((at, value), end) in found.iter().zip(ends) {
            assert!(*at < end && end <= frame.bytes.len(), "{}: {placed}", frame.name);
            // Between two numbers of a flexible version tagged fields may lie.
            let (Ok(number), false) = (value.parse::<i64>(), frame.api.is_flexible(frame.version)) else { continue };
            let negative = frame.bytes[*at] & 0x80 != 0;
            let bytes = frame.bytes[*at..end].iter();
            let read = bytes.fold(if negative { -1 } else { 0 }, |read: i64, byte| read << 8 | i64::from(*byte));
            assert_eq!(read, number, "{} at {at}: {placed}", frame.name);
            numbers += 1;
        }
    }
    assert!(texts > 3000 && numbers > 1000, "only {texts} texts and {numbers} numbers were compared");
}

#[test]
fn records_that_lie_in_a_file_are_counted() {
    let api = API_TABLE.find(FetchRequest::KEY).unwrap();
    let mut response = FetchResponse::default();
    let shared = |size: usize| Records::Shared(std::sync::Arc::new(vec![7; size]));
    let partition = |records| sendlog::wire::messages::fetch::PartitionData { records, ..Default::default() };
    response.responses.push(sendlog::wire::messages::fetch::FetchableTopicResponse {
        topic: "orders".to_string(),
        partitions: vec![partition(shared(1000)), partition(Records::EMPTY), partition(shared(1))],
    });
    for version in [4, 11, 12] {
        let encoded = encode_response(Vec::new(), api, version, 7, &mut response).unwrap();
        let ruler = Ruler::of_response(api, version, &encoded);
        let found = places(&print_at(api.name, version, &mut response, Some(ruler)));
        let mut records = found.iter().filter(|(_, value)| value.starts_with("<records"));
        let (last, value) = records.next_back().unwrap();
        // Behind it the length and the byte; in a flexible version a shorter length, and three structs that end with no tags.
        let behind = 5;
        assert_eq!((value.as_str(), *last as u64), ("<records 1 bytes>", encoded.len() - behind), "version {version}");
    }
}
