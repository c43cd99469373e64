//! What is no message gives an error: never a panic, and never more memory than the frame's own size accounts for.
//!
//! Every captured frame is cut at every byte, and the numbers at the edge of what an i32 and an i64 hold are written
//! over every byte of every captured request. A counting allocator watches each decoding.

mod wire_frames;

use sendlog::base::{Error, Result};
use sendlog::wire::frame::{decode_request_header, decode_response};
use sendlog::wire::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DescribeConfigsRequest, DescribeTopicPartitionsRequest, FetchRequest,
    FindCoordinatorRequest, JoinGroupRequest, LeaveGroupRequest, MetadataRequest,
};
use sendlog::wire::{ApiKey, Request};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use wire_frames::{served_frames, visit, Frame, Visit};

/// The system's allocator, which also counts what this thread holds, and held at most.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static HELD_MAX: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: each call is passed on as it is, and the thread-locals are const, so that counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().wrapping_add(layout.size()));
        HELD_MAX.set(HELD_MAX.get().max(HELD.get()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` gives, and how many bytes it held at most.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    HELD.set(0);
    HELD_MAX.set(0);
    let result = work();
    (result, HELD_MAX.get())
}

/// The worst elements take 24 bytes in memory for each byte on the wire (an empty string, and a member that leaves a
/// group), and a vector that just grew holds three times what it needs. A frame's first vectors have room for 16
/// elements on each of four levels.
fn bytes_allowed(frame: &[u8]) -> usize {
    3 * 24 * frame.len() + (8 << 10)
}

/// Decodes bytes as if they were this frame.
struct Decode<'a> {
    bytes: &'a [u8],
    frame: &'a Frame,
}

impl Visit for Decode<'_> {
    type Output = Result<()>;

    fn visit<R: Request + 'static>(self) -> Self::Output
    where
        R::Response: 'static,
    {
        if !self.frame.is_request {
            return decode_response::<R>(self.bytes, self.frame.version).map(drop);
        }
        let (_, decoder) = decode_request_header(self.bytes)?;
        decoder.message::<R>().map(drop)
    }
}

fn decode(bytes: &[u8], frame: &Frame) -> Result<()> {
    let (result, held_max) = counted(|| visit(frame.api.key, Decode { bytes, frame }));
    assert!(held_max <= bytes_allowed(bytes), "{}: {held_max} bytes held for {} bytes", frame.name, bytes.len());
    result
}

#[test]
fn every_prefix_of_every_frame_is_malformed() {
    for frame in served_frames() {
        decode(frame.body(), &frame).unwrap_or_else(|error| panic!("{}: {error}", frame.name));
        for length in 0..frame.body().len() {
            let error = decode(&frame.body()[..length], &frame).expect_err(&frame.name);
            assert!(matches!(error, Error::Malformed { at, .. } if at <= length), "{} cut at {length}", frame.name);
        }
    }
}

/// librdkafka 2.16 sends a byte too many when it asks for the metadata of all topics in version 12, and Kafka takes it.
#[test]
fn a_byte_more_is_ignored() {
    for frame in served_frames() {
        let longer = [frame.body(), &[0]].concat();
        decode(&longer, &frame).unwrap_or_else(|error| panic!("{}: {error}", frame.name));
    }
}

#[test]
fn edge_numbers_at_every_byte_neither_panic_nor_take_memory() {
    let small = [i32::MIN, -1, 0, 1, i32::MAX].map(|n| n.to_be_bytes().to_vec());
    let large = [i64::MIN, -1, 0, 1, i64::MAX].map(|n| n.to_be_bytes().to_vec());
    for frame in served_frames().into_iter().filter(|frame| frame.is_request) {
        for number in small.iter().chain(&large) {
            for at in 0..frame.body().len() {
                let mut bytes = frame.body().to_vec();
                let end = bytes.len().min(at + number.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
                // Most of these are errors, some are other messages; both are fine.
                let _ = decode(&bytes, &frame);
            }
        }
    }
}

/// A request with this body, correlation id 0 and no client id.
fn request(key: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    [&key.0.to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 0, 0xff, 0xff], body].concat()
}

#[test]
fn a_claimed_count_takes_no_memory() {
    let bytes = request(ApiKey::METADATA, 4, &i32::MAX.to_be_bytes());
    let (result, held_max) = counted(|| decode_request_header(&bytes).unwrap().1.message::<MetadataRequest>());
    assert!(matches!(result, Err(Error::Malformed { .. })));
    assert_eq!(held_max, 0);
    // A group's only protocol, with more metadata than anybody has.
    let (names_and_timeout, one_protocol) = ([0; 2 + 4 + 2 + 2], [0, 0, 0, 1, 0, 0]);
    let body = [&names_and_timeout[..], &one_protocol, &i32::MAX.to_be_bytes()].concat();
    let bytes = request(ApiKey::JOIN_GROUP, 0, &body);
    let (result, held_max) = counted(|| decode_request_header(&bytes).unwrap().1.message::<JoinGroupRequest>());
    assert!(matches!(result, Err(Error::Malformed { at, .. }) if at == bytes.len()));
    assert!(held_max < 100, "{held_max} bytes held");
    // As many topics as there are bytes, the first of them without a name.
    let count = 100_000i32;
    let bytes = request(ApiKey::CREATE_TOPICS, 4, &[&count.to_be_bytes()[..], &vec![0xff; count as usize]].concat());
    let (result, held_max) = counted(|| decode_request_header(&bytes).unwrap().1.message::<CreateTopicsRequest>());
    assert!(matches!(result, Err(Error::Malformed { .. })));
    assert!(held_max < 2_000, "{held_max} bytes held");
}

/// Kafka writes -1 or 1 in front of a struct that may be null, and takes all that is negative for null.
#[test]
fn a_struct_that_may_be_null_is_there_unless_a_negative_number_says_no() {
    let no_topics_and_a_limit = [0, 1, 0, 0, 0, 9];
    let cursor = [2, b'a', 0, 0, 0, 3, 0];
    let decode = |marker: u8, cursor: &[u8]| {
        let body = [&no_topics_and_a_limit[..], &[marker], cursor, &[0]].concat();
        let bytes = request(ApiKey::DESCRIBE_TOPIC_PARTITIONS, 0, &body);
        let decoded = decode_request_header(&bytes).unwrap().1.message::<DescribeTopicPartitionsRequest>();
        decoded.map(|request| request.cursor.map(|cursor| (cursor.topic_name, cursor.partition_index)))
    };
    for null in [0xff, 0x80] {
        assert_eq!(decode(null, &[]).unwrap(), None);
    }
    for there in [0, 1, 0x7f] {
        assert_eq!(decode(there, &cursor).unwrap(), Some(("a".to_string(), 3)));
        assert!(matches!(decode(there, &[]), Err(Error::Malformed { .. })));
    }
}

/// A compact array of `count` elements with these bytes.
fn compact_array(count: usize, element: &[u8]) -> Vec<u8> {
    let length = count + 1;
    let varint = [length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8];
    [&varint[..], &element.repeat(count)].concat()
}

fn check_memory<R: Request>(version: i16, body: &[u8]) {
    let bytes = request(R::KEY, version, &[&[0], body].concat());
    let (result, held_max) = counted(|| decode_request_header(&bytes).unwrap().1.message::<R>());
    assert!(result.is_ok(), "{:?}", result.err());
    assert!(held_max <= bytes_allowed(&bytes), "{held_max} bytes held for {} bytes", bytes.len());
}

#[test]
fn many_of_the_smallest_elements_take_no_more_memory_than_allowed() {
    // The worst moment of a vector that doubles: it has just outgrown a power of two.
    let count = (1 << 14) + 1;
    let topic = [1, 0, 0, 0, 1, 0, 1, 1, 1, 0];
    check_memory::<CreateTopicsRequest>(5, &[&compact_array(count, &topic)[..], &[0; 6]].concat());
    let empty_topic = [1, 1, 0];
    let fetch = [&[0xff; 17][..], &[0; 8], &compact_array(count, &empty_topic), &[1, 1, 0]].concat();
    check_memory::<FetchRequest>(12, &fetch);
    let empty_key = [1];
    check_memory::<FindCoordinatorRequest>(4, &[&[0], &compact_array(count, &empty_key)[..], &[0]].concat());
    let empty_protocol = [1, 1, 0];
    let join = [&[1][..], &[0; 8], &[1, 0, 1], &compact_array(count, &empty_protocol), &[0]].concat();
    check_memory::<JoinGroupRequest>(6, &join);
    let empty_member = [1, 0, 0];
    check_memory::<LeaveGroupRequest>(4, &[&[1], &compact_array(count, &empty_member)[..], &[0]].concat());
    let empty_keys = compact_array(count - 1, &[1]);
    check_memory::<DescribeConfigsRequest>(4, &[&[2, 2, 1], &empty_keys[..], &[0, 0, 0, 0]].concat());
    let resource_of_one_key = [2, 1, 2, 1, 0];
    let half = compact_array(count / 2, &resource_of_one_key);
    check_memory::<DescribeConfigsRequest>(4, &[&half[..], &[0, 0, 0]].concat());
    let empty_assignment = [1, 0];
    let assignments = compact_array(count - 1, &empty_assignment);
    let partitions = [&[2, 1, 0, 0, 0, 1], &assignments[..], &[0, 0, 0, 0, 0, 0, 0]].concat();
    check_memory::<CreatePartitionsRequest>(2, &partitions);
}
