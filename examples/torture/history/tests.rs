//! Seeded anomalies: a good history is made bad in one place, and the checker has to say how.

use super::check::check;
use super::*;

const COUNT: i64 = 20;
const POLL: usize = COUNT as usize;

fn value(number: i64) -> Value {
    Value { producer: 1, number: number as u64 }
}

fn span(began: u64, ended: u64) -> Span {
    Span { began, ended }
}

/// One producer, 20 records of an idempotent producer one after another; a poll of all of them, a commit that is read
/// back, a trim of nothing, a topic created, one deleted; the whole log at the end.
fn good() -> Vec<Event> {
    let mut history = Vec::new();
    for n in 0..COUNT {
        let at = n as u64 * 10;
        let sent = Sent { value: value(n), count: 1, span: span(at, at + 5), offset: n, ..Sent::default() };
        history.push(Event::Sent(Sent { is_idempotent: true, ..sent }));
    }
    let records: Vec<_> = (0..COUNT).map(|n| (n, value(n))).collect();
    let polled = Polled { span: span(200, 201), high_watermark: COUNT, records: records.clone(), ..Polled::default() };
    history.push(Event::Polled(polled));
    history.push(Event::Committed(Committed { offset: COUNT, span: span(202, 203), ..Committed::default() }));
    history.push(Event::ReadBack(ReadBack { key: 0, offset: COUNT, span: span(209, 210), log_end: COUNT }));
    history.push(Event::Changed(Changed { topic: "a".to_string(), is_created: true, ..Changed::default() }));
    history.push(Event::Changed(Changed { topic: "b".to_string(), ..Changed::default() }));
    history.push(Event::Epoch(Epoch { life: 0, epoch: 0 }));
    history.push(Event::Epoch(Epoch { life: 1, epoch: 1 }));
    history.push(Event::Topics(vec!["a".to_string()]));
    history.push(Event::Final(Final { log_end: COUNT, records, ..Final::default() }));
    history
}

fn sent(history: &mut [Event], at: usize) -> &mut Sent {
    let Event::Sent(sent) = &mut history[at] else { panic!("event {at} is no send") };
    sent
}

fn polled(history: &mut [Event]) -> &mut Polled {
    let Event::Polled(polled) = &mut history[POLL] else { panic!("no poll") };
    polled
}

fn read_back(history: &mut [Event]) -> &mut ReadBack {
    let Event::ReadBack(read) = &mut history[POLL + 2] else { panic!("no read back") };
    read
}

fn last(history: &mut [Event]) -> &mut Final {
    let Some(Event::Final(last)) = history.last_mut() else { panic!("no final read") };
    last
}

fn swap(history: &mut [Event]) {
    let records = &mut last(history).records;
    (records[3].1, records[4].1) = (value(4), value(3));
}

fn add(history: &mut [Event], value: Value) {
    last(history).records.push((COUNT, value));
    last(history).log_end += 1;
}

#[test]
fn a_good_history_has_no_anomaly() {
    assert_eq!(check(&good()), []);
}

#[test]
fn every_seeded_anomaly_is_caught() {
    type Seed = fn(&mut Vec<Event>);
    let seeds: &[(&str, Seed)] = &[
        ("lost", |h| {
            last(h).records.pop();
            last(h).log_end -= 1;
        }),
        ("moved", |h| swap(h)),
        ("producer-reorder", |h| swap(h)),
        ("duplicate", |h| add(h, value(7))),
        ("phantom", |h| add(h, Value { producer: 9, number: 1 })),
        ("refused-visible", |h| sent(h, 5).fate = Fate::Refused),
        ("hole", |h| {
            last(h).records.remove(9);
        }),
        ("changed-read", |h| polled(h).records[5].1 = value(99)),
        ("reorder-in-time", |h| (sent(h, 4).offset, sent(h, 5).offset) = (5, 4)),
        ("hole-in-poll", |h| {
            polled(h).records.remove(7);
        }),
        ("poll-skips", |h| {
            polled(h).records.drain(..2);
        }),
        ("high-watermark-back", |h| polled(h).high_watermark = 12),
        ("log-start-back", |h| polled(h).log_start = 3),
        ("commit-lost", |h| read_back(h).offset = 11),
        ("commit-lost", |h| read_back(h).offset = -1),
        ("commit-beyond-end", |h| read_back(h).log_end = 19),
        ("topic-lost", |h| h[POLL + 7] = Event::Topics(vec![])),
        ("topic-is-back", |h| h[POLL + 7] = Event::Topics(vec!["a".to_string(), "b".to_string()])),
        ("epoch-not-raised", |h| h[POLL + 6] = Event::Epoch(Epoch { life: 1, epoch: 0 })),
    ];
    for (kind, seed) in seeds {
        let mut history = good();
        seed(&mut history);
        let found = check(&history);
        assert!(found.iter().any(|anomaly| anomaly.kind == *kind), "{kind}: {found:?}");
    }
}

/// 20 plain records with acks=1 before a power cut that leaves the first `left`, and one record after it.
fn cut(left: i64, durable_number: Option<usize>) -> Vec<Event> {
    let mut history = good();
    history.truncate(POLL + 1);
    (0..POLL).for_each(|at| sent(&mut history, at).is_idempotent = false);
    if let Some(at) = durable_number {
        sent(&mut history, at).is_durable = true;
    }
    let after = Sent { value: value(30), count: 1, span: span(300, 305), era: 1, offset: left, ..Sent::default() };
    history.push(Event::Sent(after));
    let mut records: Vec<_> = (0..left).map(|n| (n, value(n))).collect();
    records.push((left, value(30)));
    history.push(Event::Final(Final { era: 1, log_end: left + 1, records, ..Final::default() }));
    history
}

#[test]
fn a_power_cut_may_take_what_was_not_flushed_and_leaves_a_prefix() {
    assert_eq!(check(&cut(12, None)), []);
    assert_eq!(check(&cut(12, Some(11))), []);
    let mut history = cut(12, None);
    last(&mut history).records[4].1 = value(40); // sent by nobody before the cut
    let after = Sent { value: value(40), count: 1, era: 1, fate: Fate::Unknown, ..Sent::default() };
    history.insert(0, Event::Sent(after));
    let kinds: Vec<_> = check(&history).into_iter().map(|anomaly| anomaly.kind).collect();
    assert!(kinds.contains(&"no-prefix"), "{kinds:?}");
}

#[test]
fn after_the_last_cut_nothing_may_be_lost_though_nobody_did_anything() {
    let mut history = cut(12, None);
    let after = history.len() - 2;
    history.remove(after);
    last(&mut history).records.pop();
    last(&mut history).log_end -= 1;
    assert_eq!(check(&history), []);
    last(&mut history).era = 0;
    assert!(check(&history).iter().any(|anomaly| anomaly.kind == "lost"));
}

#[test]
fn a_power_cut_must_not_take_what_was_flushed_or_lies_below_it() {
    let lost = check(&cut(12, Some(15)));
    assert!(lost.iter().filter(|anomaly| anomaly.kind == "lost").count() == 4, "{lost:?}");
    let mut history = cut(12, None);
    history.insert(0, Event::Committed(Committed { offset: 14, ..Committed::default() }));
    let lost = check(&history);
    assert!(lost.iter().filter(|anomaly| anomaly.kind == "lost").count() == 2, "{lost:?}");
}
