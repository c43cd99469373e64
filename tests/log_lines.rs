//! What the broker writes to stderr: lines that a script can read, whatever clients call things.

mod broker;

use broker::Broker;
use sendlog::wire::messages::InitProducerIdRequest;

/// A transactional id is refused with a line that names it.
fn ask_for_a_transaction(broker: &Broker, id: &str) {
    let request = InitProducerIdRequest { transactional_id: Some(id.to_string()), ..InitProducerIdRequest::default() };
    broker.connect().call(4, request);
}

#[test]
fn a_line_is_time_level_event_keys_and_a_sentence() {
    let broker = Broker::start();
    broker.connect().create("demo", 3);
    let line = broker.wait_for_line("topic_created");
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!((words[1], words[2], words[3], words[5]), ("INFO", "topic_created", "topic=demo", "partitions=3"));
    let shape: String = words[0].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z");
}

#[test]
fn what_a_client_calls_itself_stays_one_value_on_one_line() {
    let name = "a\n2026-01-01 ERROR \"b\" client=c";
    for (format, shown) in [
        ("text", r#" id="a\u000a2026-01-01 ERROR \"b\" client=c" transactions are"#),
        (
            "json",
            r#","id":"a\u000a2026-01-01 ERROR \"b\" client=c","message":"transactions are not implemented"}"#,
        ),
    ] {
        let broker = Broker::with(&["--set", &format!("log.format={format}")]);
        ask_for_a_transaction(&broker, name);
        let line = broker.wait_for_line("transaction_refused");
        assert!(line.contains(shown), "{line}");
        if format == "json" {
            let starts = [r#"{"time":""#, r#"Z","level":"warn","event":"transaction_refused","client":"127.0.0.1:"#];
            assert!(line.starts_with(starts[0]) && line.contains(starts[1]), "{line}");
        }
    }
}

#[test]
fn levels_below_the_one_asked_for_are_left_out() {
    let broker = Broker::with(&["--set", "log.level=error"]);
    broker.connect().create("demo", 1);
    ask_for_a_transaction(&broker, "one");
    broker.signal("TERM");
    let ended = broker.ended();
    assert_eq!(ended.stderr, Vec::<String>::new());
    let broker = Broker::on(ended.data, &["--set", "log.level=warn"]);
    ask_for_a_transaction(&broker, "two");
    broker.wait_for_line("id=two");
    assert_eq!(broker.log().len(), 1, "{:#?}", broker.log());
}

#[test]
fn a_burst_of_one_event_is_cut_and_counted() {
    let broker = Broker::with(&["--set", "log.repeat.max=5"]);
    (0..20).for_each(|n| ask_for_a_transaction(&broker, &format!("number-{n}")));
    let line = broker.wait_for_line("lines_left_out");
    assert!(line.contains(" WARN ") && line.contains("of=transaction_refused count=15"), "{line}");
    let refused = broker.log().iter().filter(|line| line.contains(" transaction_refused ")).count();
    assert_eq!(refused, 5);
}
