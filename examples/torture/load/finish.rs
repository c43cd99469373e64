//! What is there in the end, read when nothing hurts the broker any more.

use sendlog::wire::messages::MetadataRequest;

use crate::broker::Client;
use crate::history::{Event, Final, Key, Value};

pub fn read_all(client: &mut Client, era: u32, key: Key, topic: &str, partition: i32) -> Result<Event, String> {
    let (log_start, log_end) = client.bounds(topic, partition);
    let mut records = Vec::new();
    let mut next = log_start;
    while next < log_end {
        let fetched = client.fetch(topic, partition, next);
        if !fetched.error().is_none() {
            return Err(format!("{topic}-{partition} cannot be read at {next}: {:?}", fetched.data));
        }
        let read = fetched.read();
        let Some((last, _)) = read.last().filter(|(last, _)| *last >= next) else {
            return Err(format!("{topic}-{partition} has nothing at {next}, and its end is {log_end}"));
        };
        let begin = next;
        next = last + 1;
        for (offset, text) in read.into_iter().filter(|(offset, _)| *offset >= begin) {
            let value = Value::parse(&text).ok_or(format!("{topic}-{partition} holds {text:?} at {offset}"))?;
            records.push((offset, value));
        }
    }
    Ok(Event::Final(Final { key, era, log_start, log_end, records }))
}

pub fn list_topics(client: &mut Client) -> Event {
    let metadata = client.call(12, MetadataRequest { topics: None, ..Default::default() });
    Event::Topics(metadata.topics.into_iter().filter_map(|topic| topic.name).collect())
}
