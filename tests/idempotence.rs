//! Idempotent producers over the wire: a batch that is sent again lies in the log once, whatever happened in between.

mod broker;

use std::sync::Arc;

use broker::client::Client;
use broker::Broker;
use sendlog::base::ErrorCode;
use sendlog::record::BatchBuilder;
use sendlog::wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

fn init(client: &mut Client, request: InitProducerIdRequest) -> InitProducerIdResponse {
    client.call(4, request)
}

fn new_id(client: &mut Client) -> i64 {
    let given = init(client, InitProducerIdRequest::default());
    assert!(given.error_code.is_none() && given.producer_epoch == 0, "{given:?}");
    given.producer_id
}

fn send(client: &mut Client, partition: i32, id: i64, sequence: i32) -> Result<i64, ErrorCode> {
    let batch = BatchBuilder::new().producer(id, 0, sequence).record(now_ms(), None, Some(b"v")).build();
    let answer = client.try_produce(9, -1, "demo", partition, &batch);
    if answer.error_code.is_none() {
        Ok(answer.base_offset)
    } else {
        Err(answer.error_code)
    }
}

/// Producers are forgotten by the time of their records.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis() as i64
}

#[test]
fn a_retry_of_any_of_the_last_five_is_answered_with_its_offset_over_stops_and_kills() {
    let mut broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    let ids = [new_id(&mut client), new_id(&mut client)];
    let mut sent = 0;
    for round in 0..4 {
        for _ in 0..7 {
            // Both producers write to both partitions, in turn.
            for (partition, (place, id)) in
                [0, 1].into_iter().flat_map(|p| ids.iter().enumerate().map(move |id| (p, id)))
            {
                assert_eq!(send(&mut client, partition, *id, sent), Ok(i64::from(sent) * 2 + place as i64));
            }
            sent += 1;
        }
        let data = if round % 2 == 0 { broker.kill() } else { broker.stop() };
        broker = Broker::on(data, &[]);
        client = broker.connect();
        for (partition, (place, id)) in [0, 1].into_iter().flat_map(|p| ids.iter().enumerate().map(move |id| (p, id))) {
            for again in sent - 5..sent {
                assert_eq!(
                    send(&mut client, partition, *id, again),
                    Ok(i64::from(again) * 2 + place as i64),
                    "{round}"
                );
            }
            for wrong in [sent - 6, sent + 1] {
                assert_eq!(send(&mut client, partition, *id, wrong), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
            }
        }
        assert_eq!(client.bounds("demo", 0).1, i64::from(sent) * 2, "nothing lies there twice");
    }
}

#[test]
fn a_retry_is_known_after_its_records_were_deleted() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    let id = new_id(&mut client);
    (0..3).for_each(|sequence| assert_eq!(send(&mut client, 0, id, sequence), Ok(sequence.into())));
    // Another one fills the first segment, so that it can go.
    client.create_with("large", 1, &[("segment.bytes", "1048576")]);
    let large = |sequence: i32| {
        let batch = BatchBuilder::new().producer(id, 0, sequence).record(now_ms(), None, Some(&[b'v'; 400_000]));
        batch.build()
    };
    (0..3).for_each(|sequence| assert_eq!(client.produce("large", 0, &large(sequence)), i64::from(sequence)));
    let plain = BatchBuilder::new().record(now_ms(), None, Some(&[b'v'; 900_000])).build();
    (3..6).for_each(|offset| assert_eq!(client.produce("large", 0, &plain), offset));
    assert_eq!(client.delete_records("demo", 0, 3), (ErrorCode::NONE, 3));
    assert_eq!(client.delete_records("large", 0, 6), (ErrorCode::NONE, 6));
    let broker = Broker::on(broker.kill(), &[]);
    let mut client = broker.connect();
    assert_eq!(send(&mut client, 0, id, 2), Ok(2));
    assert_eq!(client.produce("large", 0, &large(2)), 2);
    assert_eq!((client.bounds("demo", 0), client.bounds("large", 0)), ((3, 3), (6, 6)));
}

#[test]
fn no_producer_id_is_given_out_twice() {
    let mut data = Arc::new(broker::scratch());
    let mut given = std::collections::BTreeSet::new();
    for round in 0..6 {
        let broker = Broker::on(data, &[]);
        let mut client = broker.connect();
        for _ in 0..1 + 300 * round {
            let id = new_id(&mut client);
            assert!(given.insert(id), "{id} was given out in an earlier life");
        }
        data = if round % 2 == 0 { broker.kill() } else { broker.stop() };
    }
}

#[test]
fn a_producer_without_transactions_gets_a_new_id_whatever_it_had() {
    let broker = Broker::start();
    let mut client = broker.connect();
    let id = new_id(&mut client);
    let had = |producer_id, producer_epoch| InitProducerIdRequest { producer_id, producer_epoch, ..Default::default() };
    let anew = init(&mut client, had(id, 0));
    assert!(anew.error_code.is_none() && anew.producer_id > id, "{anew:?}");
    for half in [had(id, -1), had(-1, 0)] {
        assert_eq!(init(&mut client, half).error_code, ErrorCode::INVALID_REQUEST);
    }
}

#[test]
fn a_transactional_id_is_a_fatal_error_and_a_line_says_what_is_missing() {
    let broker = Broker::start();
    let mut client = broker.connect();
    let named = |name: &str| InitProducerIdRequest { transactional_id: Some(name.to_string()), ..Default::default() };
    let refused = init(&mut client, named("orders"));
    assert_eq!(refused.error_code, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assert_eq!((refused.producer_id, refused.producer_epoch), (-1, -1));
    let line = broker.wait_for_line("transactions are not implemented");
    assert!(line.contains(&client.name()) && line.contains("id=orders"), "{line}");
    assert_eq!(init(&mut client, named("")).error_code, ErrorCode::INVALID_REQUEST, "as with Kafka");
}

#[test]
fn a_sequence_below_zero_is_not_one() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 1);
    assert_eq!(send(&mut client, 0, 7, -1), Err(ErrorCode::INVALID_RECORD));
}
