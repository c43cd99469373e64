//! Bytes that no client sends: each connection that sends them is closed with one log line that says why and from
//! whom, nothing panics, memory stays small, and an honest client beside goes on undisturbed.

mod broker;
#[allow(dead_code)] // one function of it is used here
mod wire_frames;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use broker::client::{batch, batch_of_size, fetch_request, frame, produce_request, Client};
use broker::{until, Broker};
use sendlog::base::ErrorCode;
use sendlog::wire::decoder::ELEMENTS_MAX;
use sendlog::wire::frame::{decode_request_header, decode_response};
use sendlog::wire::messages::metadata::MetadataRequestTopic;
use sendlog::wire::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use sendlog::wire::messages::{
    ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest, FetchRequest, FindCoordinatorRequest,
    MetadataRequest, OffsetCommitRequest,
};
use sendlog::wire::Request;

/// A broker, and a client that produces and fetches for as long as the test attacks.
struct Attacked {
    broker: Broker,
    stop: Arc<AtomicBool>,
    honest: std::thread::JoinHandle<i64>,
}

impl Attacked {
    fn start(arguments: &[&str]) -> Attacked {
        let broker = Broker::with(&[&["--set", "log.repeat.max=0"], arguments].concat());
        let mut client = broker.connect();
        client.create("honest", 1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let honest = std::thread::spawn(move || {
            let mut offset = 0;
            while !stopped.load(Ordering::Relaxed) || offset == 0 {
                assert_eq!(client.produce("honest", 0, &batch(&["value"])), offset);
                assert_eq!(client.fetch("honest", 0, offset).read(), [(offset, "value".to_string())]);
                offset += 1;
            }
            offset
        });
        Attacked { broker, stop, honest }
    }

    /// The connection that sends this is closed with one log line that says all of `says`.
    fn assert_closes(&self, what: &str, bytes: &[u8], says: &str) {
        let mut client = self.broker.connect();
        let name = client.name();
        // The broker may close before it has read everything.
        let _ = client.socket.write_all(bytes);
        client.assert_closed();
        let line = self.broker.wait_for_line(&format!("client={name} closing the connection: "));
        assert!(line.contains(says), "{what}: no {says:?} in {line:?}");
        let lines = self.broker.log().iter().filter(|line| line.contains(&name)).count();
        assert_eq!(lines, 1, "{what}: one line for one closing");
    }

    /// The end: the honest client was served, and memory never grew large.
    fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(self.honest.join().unwrap() > 0);
        let kb = self.broker.peak_memory_kb();
        assert!(kb < 96 << 10, "the broker held {kb} kB");
        self.broker.stop();
    }
}

/// With the right size in front.
fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as i32).to_be_bytes(), body].concat()
}

/// A request of any key and version, with an empty client id, and in flexible versions maybe more.
fn request(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    framed(&[&key.to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 1, 0, 0], body].concat())
}

#[test]
fn what_speaks_another_protocol_is_closed() {
    let attacked = Attacked::start(&[]);
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0x5a, 0x17];
    attacked.assert_closes("TLS", &hello, "socket.request.max.bytes");
    attacked.assert_closes("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "socket.request.max.bytes");
    attacked.assert_closes("SSH", b"SSH-2.0-OpenSSH_9.6\r\n", "socket.request.max.bytes");
    attacked.finish();
}

#[test]
fn sizes_that_no_request_has_are_refused_before_anything_is_read() {
    let attacked = Attacked::start(&[]);
    for size in [-1, i32::MIN, -100] {
        attacked.assert_closes("negative", &i32::to_be_bytes(size), "negative");
    }
    for size in [0, 1, 7] {
        attacked.assert_closes("too small", &i32::to_be_bytes(size), "below");
    }
    for size in [i32::MAX, 104_857_601] {
        attacked.assert_closes("too large", &i32::to_be_bytes(size), "socket.request.max.bytes");
    }
    attacked.finish();
}

#[test]
fn unknown_apis_and_versions_are_named() {
    let attacked = Attacked::start(&[]);
    for key in [7, 24, 34] {
        attacked.assert_closes("key", &request(key, 0, &[]), &format!("the API with the key {key} is not served"));
    }
    for key in [1000, -1, i16::MIN] {
        attacked.assert_closes("key", &request(key, 0, &[]), &format!("no API has the key {key}"));
    }
    for (key, version, name) in [
        (0, 2, "Produce version 2; served are 3 to 9"),
        (0, 10, "Produce version 10"),
        (1, 3, "Fetch version 3; served are 4 to 12"),
        (1, 13, "Fetch version 13"),
        (3, 13, "Metadata version 13"),
        (3, -1, "Metadata version -1"),
        (60, i16::MAX, "DescribeCluster version 32767"),
    ] {
        attacked.assert_closes(name, &request(key, version, &[0; 8]), name);
    }
    attacked.finish();
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0_and_the_connection_goes_on() {
    let broker = Broker::start();
    let mut client = broker.connect();
    for version in [5, 6, 100, i16::MAX, -1] {
        client.send_bytes(&request(18, version, &[0, 0, 0, 0]));
        let answer = client.read_frame().expect("an answer");
        let (id, response) = decode_response::<ApiVersionsRequest>(&answer, 0).unwrap();
        assert_eq!((id, response.error_code), (1, ErrorCode(35)), "version {version}");
        let keys: Vec<_> =
            response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
        assert_eq!(keys, [(18, 0, 4)], "version {version}");
    }
    for version in 0..=4 {
        let served = client.call(version, ApiVersionsRequest::default());
        let produce = &served.api_keys[0];
        assert_eq!((produce.api_key, produce.min_version, produce.max_version), (0, 0, 9), "version {version}");
    }
    assert_eq!(broker.warnings(), Vec::<String>::new());
}

#[test]
fn bodies_that_are_no_message_are_closed_with_the_place_of_the_flaw() {
    let attacked = Attacked::start(&[]);
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("a header cut short", framed(&[0, 3, 0, 1, 0, 0, 0, 1]), "at byte 8"),
        (
            "a client id longer than the frame",
            framed(&[0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, b'a']),
            "at byte 10",
        ),
        (
            "an array of 2^31 - 1",
            request(3, 1, &[0x7f, 0xff, 0xff, 0xff]),
            "more elements than the frame has bytes",
        ),
        ("an array of -2", request(3, 1, &[0xff, 0xff, 0xff, 0xfe]), "a negative length"),
        ("a compact array of 2^32 - 2", request(3, 9, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]), "more elements"),
        ("a varint without end", request(3, 9, &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), "varint"),
        (
            "a string longer than the frame",
            request(3, 1, &[0, 0, 0, 1, 0x7f, 0xff, b'a']),
            "ends inside a field",
        ),
        ("records longer than the frame", produce_that_claims(i32::MAX), "ends inside a field"),
    ];
    for (what, bytes, says) in cases {
        attacked.assert_closes(what, &bytes, says);
    }
    attacked.finish();
}

#[test]
fn bytes_behind_a_message_are_ignored_as_kafka_ignores_them() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.send_bytes(&request(3, 1, &[0, 0, 0, 0, 9, 9]));
    let answer = client.read_frame().expect("an answer");
    let (_, metadata) = decode_response::<MetadataRequest>(&answer, 1).unwrap();
    assert_eq!((metadata.brokers.len(), metadata.topics.len()), (1, 0));
    client.call(3, ApiVersionsRequest::default());
}

/// A Produce 3 whose records field claims this length and holds four bytes.
fn produce_that_claims(length: i32) -> Vec<u8> {
    let fields: [&[u8]; 8] = [
        &[0xff, 0xff],       // no transactional id
        &[0, 1],             // acks
        &[0, 0, 0, 100],     // timeout
        &[0, 0, 0, 1, 0, 1], // one topic
        b"t",
        &[0, 0, 0, 1, 0, 0, 0, 0], // its partition 0
        &length.to_be_bytes(),
        &[1, 2, 3, 4],
    ];
    request(0, 3, &fields.concat())
}

#[test]
fn a_half_sent_frame_is_logged_and_a_goodbye_between_frames_is_not() {
    let attacked = Attacked::start(&[]);
    let whole = frame(9, 1, &mut produce_request(1, "honest", 0, &batch_of_size(10_000)));
    for length in [1, 3, 4, 5, 14, 5000, whole.len() - 1] {
        let mut client = attacked.broker.connect();
        let name = client.name();
        client.send_bytes(&whole[..length]);
        client.finish();
        client.assert_closed();
        let line = attacked.broker.wait_for_line(&format!("client={name} closing the connection: "));
        assert!(line.contains("in the middle of a frame"), "{length} bytes: {line}");
    }
    let lines = attacked.broker.log().len();
    for _ in 0..5 {
        let mut client = attacked.broker.connect();
        client.call(3, ApiVersionsRequest::default());
        client.finish();
        client.assert_closed();
    }
    assert_eq!(attacked.broker.log().len(), lines, "{:#?}", attacked.broker.log());
    attacked.finish();
}

/// A small deterministic source of numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

#[test]
fn random_bytes_close_their_connection_and_nothing_else() {
    let attacked = Attacked::start(&[]);
    let mut random = Random(1);
    for _ in 0..100 {
        let mut bytes: Vec<u8> = (0..1 + random.below(300)).map(|_| random.below(256) as u8).collect();
        bytes.extend([0; 4]); // whatever came before, it ends in a flaw or in the middle of a frame
        if random.below(2) == 0 {
            bytes = framed(&bytes);
        }
        let mut client = attacked.broker.connect();
        let name = client.name();
        let _ = client.socket.write_all(&bytes);
        let _ = client.socket.shutdown(std::net::Shutdown::Write);
        while client.read_frame().is_some() {}
        attacked.broker.wait_for_line(&format!("client={name} closing the connection: "));
    }
    attacked.finish();
}

/// Whether a change made it a request for thousands of partitions: legal, and only slow.
fn asks_for_many_partitions(body: &[u8]) -> bool {
    fn counts<R: Request>(body: &[u8], counts: impl Fn(R) -> Vec<i32>) -> Vec<i32> {
        let Ok((header, decoder)) = decode_request_header(body) else { return Vec::new() };
        if header.api_key != R::KEY || !R::api().serves(header.api_version) {
            return Vec::new();
        }
        decoder.message::<R>().map_or(Vec::new(), counts)
    }
    let created = counts(body, |request: CreateTopicsRequest| {
        request.topics.iter().map(|topic| topic.num_partitions).collect()
    });
    let added =
        counts(body, |request: CreatePartitionsRequest| request.topics.iter().map(|topic| topic.count).collect());
    created.iter().chain(&added).any(|count| *count > 100)
}

#[test]
fn requests_of_real_clients_with_random_changes_never_harm_the_broker() {
    let attacked = Attacked::start(&["--set", "fetch.max.wait.ms.limit=5"]);
    let mut random = Random(7);
    let (mut client, mut closed) = (attacked.broker.connect(), 0);
    let requests = wire_frames::all_frames().into_iter().filter(|frame| frame.is_request);
    for original in requests {
        for _ in 0..20 {
            let mut body = original.body().to_vec();
            for _ in 0..1 + random.below(3) {
                let at = random.below(body.len());
                body[at] = [0, 1, 0x7f, 0x80, 0xff, random.below(256) as u8][random.below(6)];
            }
            if random.below(4) == 0 {
                body.truncate(1 + random.below(body.len()));
            }
            if asks_for_many_partitions(&body) {
                continue;
            }
            // A question behind it shows whether the connection goes on.
            let question = frame(0, 0x5afe, &mut ApiVersionsRequest::default());
            let sent = client.socket.write_all(&[framed(&body), question].concat());
            let goes_on = sent.is_ok() && has_answer(&mut client, 0x5afe);
            if !goes_on {
                closed += 1;
                client = attacked.broker.connect();
            }
        }
    }
    assert!(closed > 100, "only {closed} changes were noticed");
    let closings = || attacked.broker.log().iter().filter(|line| line.contains("closing the connection")).count();
    until("one log line for each closing", || (closings() >= closed).then_some(()));
    assert_eq!(closings(), closed);
    attacked.finish();
}

/// Whether an answer with this correlation id comes before the connection is closed.
fn has_answer(client: &mut Client, id: i32) -> bool {
    std::iter::from_fn(|| client.read_frame()).any(|frame| frame[..4] == id.to_be_bytes())
}

#[test]
fn a_size_that_is_only_claimed_takes_no_memory_and_stops_nobody() {
    let attacked = Attacked::start(&[]);
    // Together far above queued.max.request.bytes, and in sizes that fill it to the last byte.
    let claims: Vec<i32> =
        [100 << 20, 50 << 20, 5 << 20, 1 << 20, 1 << 16].into_iter().flat_map(|size| [size; 12]).collect();
    let mut silent: Vec<_> = claims.iter().map(|_| attacked.broker.connect()).collect();
    for (client, size) in silent.iter_mut().zip(claims) {
        client.send_bytes(&[&size.to_be_bytes()[..], &[0; 100]].concat());
    }
    let mut client = attacked.broker.connect();
    client.create("honest-too", 1);
    for size in [100, 10_000, 100_000, 1_000_000] {
        client.produce("honest-too", 0, &batch_of_size(size));
    }
    attacked.finish();
}

#[test]
fn small_frames_that_ask_for_much_take_little_memory() {
    let attacked = Attacked::start(&["--set", "auto.create.topics.enable=false"]);
    let count = ELEMENTS_MAX;
    let keys = FindCoordinatorRequest { coordinator_keys: vec![String::new(); count], ..Default::default() };
    let name = || MetadataRequestTopic { name: Some(String::new()), ..Default::default() };
    let topics = MetadataRequest { topics: Some((0..count).map(|_| name()).collect()), ..Default::default() };
    let asked = vec![("", 0, 0); count / 2 - 1];
    let requests = [frame(4, 1, &mut { keys }), frame(9, 1, &mut { topics }), frame(12, 1, &mut fetch_request(&asked))];
    for request in &requests {
        let mut clients: Vec<_> = (0..8).map(|_| attacked.broker.connect()).collect();
        clients.iter_mut().for_each(|client| client.send_bytes(request));
        clients.iter_mut().for_each(|client| drop(client.read_frame()));
    }
    attacked.finish();
}

#[test]
fn a_fetch_of_everything_by_many_takes_little_memory() {
    let attacked = Attacked::start(&[]);
    let mut client = attacked.broker.connect();
    client.create("large", 1);
    client.fill("large", 0, 20, 1_000_000);
    let mut readers: Vec<_> = (0..20).map(|_| attacked.broker.connect()).collect();
    for reader in &mut readers {
        reader.send(12, fetch_request(&[("large", 0, 0)]));
    }
    for reader in &mut readers {
        let (_, answer, _) = reader.receive::<FetchRequest>(12);
        assert_eq!(answer.responses[0].partitions[0].records.len(), 20_000_000);
    }
    attacked.finish();
}

#[test]
fn names_that_grow_when_they_become_text_close_their_connection_and_nothing_else() {
    let attacked = Attacked::start(&["--set", "group.name.max.bytes=32767"]);
    let mut client = attacked.broker.connect();
    client.create("demo", 1);
    let commit = |group_id: &str| {
        let partition = OffsetCommitRequestPartition { committed_offset: 0, ..Default::default() };
        let topic = OffsetCommitRequestTopic { name: "demo".to_string(), partitions: vec![partition] };
        OffsetCommitRequest { group_id: group_id.to_string(), topics: vec![topic], ..Default::default() }
    };
    // Bytes that are no UTF-8 are replaced by three each; an i16 counts them in the offsets log.
    let mut bytes = frame(2, 1, &mut commit(&"g".repeat(11_000)));
    bytes.iter_mut().filter(|byte| **byte == b'g').for_each(|byte| *byte = 0xff);
    client.send_bytes(&bytes);
    client.assert_closed();
    let mut client = attacked.broker.connect();
    let answer = client.call(2, commit(&"g".repeat(11_000)));
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
    assert_eq!(client.delete("demo"), ErrorCode::NONE);
    client.create("demo", 1);
    attacked.finish();
}
