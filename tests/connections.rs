//! Many connections, slow ones and vanished ones: none of them is in another one's way.

mod broker;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use broker::client::{batch, batch_of_size, fetch_request, frame, produce_request, read_records, Client};
use broker::{until, Broker};
use sendlog::wire::frame::decode_response;
use sendlog::wire::messages::{ApiVersionsRequest, FetchRequest, ProduceRequest};

#[test]
fn a_thousand_clients_at_once_are_all_answered() {
    sendlog::os::limits::raise_open_files();
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let mut clients: Vec<_> = (0..1000).map(|_| broker.connect()).collect();
    for client in &mut clients {
        client.send(3, ApiVersionsRequest::default());
        client.send(9, produce_request(1, "demo", 0, &batch(&["value"])));
    }
    let mut offsets: Vec<i64> = clients
        .iter_mut()
        .map(|client| {
            client.receive::<ApiVersionsRequest>(3);
            let (_, answer, _) = client.receive::<ProduceRequest>(9);
            answer.responses[0].partition_responses[0].base_offset
        })
        .collect();
    offsets.sort_unstable();
    assert!(offsets.into_iter().eq(0..1000), "each append got an offset of its own");
}

#[test]
fn a_connection_beyond_the_limit_is_closed_with_a_line_and_one_that_ends_makes_room() {
    let broker = Broker::with(&["--set", "max.connections=3"]);
    let mut clients: Vec<_> = (0..3).map(|_| broker.connect()).collect();
    clients.iter_mut().for_each(|client| drop(client.call(3, ApiVersionsRequest::default())));
    let surplus = broker.connect();
    let line = broker.wait_for_line(&surplus.name());
    assert!(line.contains("3 are open") && line.contains("max.connections"), "{line}");
    surplus.assert_closed();
    clients.pop();
    until("there is room again", || {
        let mut client = broker.connect();
        let _ = client.socket.write_all(&frame(3, 1, &mut ApiVersionsRequest::default()));
        client.read_frame()
    });
    clients.iter_mut().for_each(|client| drop(client.call(3, ApiVersionsRequest::default())));
}

#[test]
fn a_reader_that_does_not_read_stops_neither_producers_nor_other_readers() {
    for path in ["sendfile", "copy"] {
        let broker = Broker::with(&["--set", &format!("fetch.path={path}")]);
        let (mut slow, mut producer, mut other) = (broker.connect(), broker.connect(), broker.connect());
        producer.create("demo", 1);
        producer.fill("demo", 0, 20, 1_000_000);
        slow.send(12, fetch_request(&[("demo", 0, 0)]));
        assert_eq!(slow.socket.peek(&mut [0]).unwrap(), 1, "the answer has begun, and is more than sockets hold");
        for offset in 20..120 {
            assert_eq!(producer.produce("demo", 0, &batch(&["news"])), offset);
            assert_eq!(other.fetch("demo", 0, offset).read(), [(offset, "news".to_string())]);
        }
        let fetched = slow.receive_fetched(12).remove(0);
        let offsets: Vec<_> = read_records(&fetched.records).into_iter().map(|(offset, _)| offset).collect();
        assert!(offsets.into_iter().eq(0..20), "and the slow one gets what it asked for");
    }
}

#[test]
fn a_deleted_topic_is_still_sent_to_whoever_is_reading_it() {
    let broker = Broker::with(&["--set", "log.segment.delete.delay.ms=0"]);
    let (mut slow, mut admin) = (broker.connect(), broker.connect());
    admin.create("demo", 1);
    admin.fill("demo", 0, 20, 1_000_000);
    slow.send(12, fetch_request(&[("demo", 0, 0)]));
    assert_eq!(slow.socket.peek(&mut [0]).unwrap(), 1);
    assert!(admin.delete("demo").is_none());
    let is_gone = |name: &str| !name.contains("demo");
    until("the files are unlinked", || {
        let names: Vec<_> =
            std::fs::read_dir(broker.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.iter().all(|name| is_gone(name.to_str().unwrap())).then_some(())
    });
    assert_eq!(slow.receive_fetched(12)[0].records.len(), 20_000_000);
}

#[test]
fn requests_arrive_in_any_pieces() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let large = batch_of_size(900_000);
    let requests: Vec<Vec<u8>> = (0..12)
        .map(|id| {
            let batch = if id % 4 == 3 { large.clone() } else { batch(&["small"]) };
            frame(9, id, &mut produce_request(if id % 2 == 0 { 1 } else { -1 }, "demo", 0, &batch))
        })
        .collect();
    let bytes = requests.concat();
    for piece in [1_000_003, 65_536, 4096, 1447] {
        let before = client.bounds("demo", 0).1;
        let mut sender = client.socket.try_clone().unwrap();
        let pieces: Vec<Vec<u8>> = bytes.chunks(piece).map(<[u8]>::to_vec).collect();
        let writer = std::thread::spawn(move || pieces.iter().for_each(|piece| sender.write_all(piece).unwrap()));
        for id in 0..12 {
            let (answered, answer, _) = client.receive::<ProduceRequest>(9);
            let result = &answer.responses[0].partition_responses[0];
            assert_eq!((answered, result.base_offset), (id, before + i64::from(id)), "pieces of {piece}");
        }
        writer.join().unwrap();
    }
}

#[test]
fn a_request_that_comes_byte_by_byte_is_served() {
    let broker = Broker::start();
    let (mut client, mut other) = (broker.connect(), broker.connect());
    for byte in frame(3, 5, &mut ApiVersionsRequest::default()) {
        client.send_bytes(&[byte]);
        // Gives the broker the time to read it.
        other.call(3, ApiVersionsRequest::default());
    }
    let answer = client.read_frame().unwrap();
    assert_eq!(decode_response::<ApiVersionsRequest>(&answer, 3).unwrap().0, 5);
}

#[test]
fn a_client_that_vanishes_with_answers_on_their_way_harms_nobody() {
    let broker = Broker::with(&["--set", "max.connections=12"]);
    let mut admin = broker.connect();
    admin.create("demo", 1);
    admin.fill("demo", 0, 10, 1_000_000);
    for _ in 0..10 {
        let mut client = broker.connect();
        client.send(12, fetch_request(&[("demo", 0, 0)]));
        client.send(9, produce_request(-1, "demo", 0, &batch(&["last words"])));
        let mut some = [0; 1000];
        client.socket.read_exact(&mut some).unwrap();
        drop(client); // unread bytes: the broker's next write fails
    }
    // All of their places are free again.
    until("the vanished are noticed", || {
        let mut clients: Vec<Client> = (0..11).map(|_| broker.connect()).collect();
        let request = frame(3, 1, &mut ApiVersionsRequest::default());
        clients.iter_mut().for_each(|client| drop(client.socket.write_all(&request)));
        clients.iter_mut().all(|client| client.read_frame().is_some()).then_some(())
    });
    let request = FetchRequest { max_bytes: 1, ..fetch_request(&[("demo", 0, 0)]) };
    assert_eq!(admin.fetch_with(12, request)[0].records.len(), 1_000_000);
}

#[test]
fn a_broker_whose_log_nobody_reads_goes_on() {
    let data = broker::scratch();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sendlog"));
    command.args(["--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let address = ready.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
    for _ in 0..3 {
        let mut client = Client::connect(address);
        let _ = client.socket.write_all(b"GET / HTTP/1.1\r\n\r\n");
        client.assert_closed();
    }
    Client::connect(address).create("demo", 1);
    child.kill().unwrap();
    child.wait().unwrap();
}
