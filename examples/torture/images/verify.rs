//! Opens an image as a start of the broker does, and holds it against what was known before the crash.
//!
//! What was acknowledged with acks=all before the cut lies at its offset; nothing lies there that nobody sent, or where
//! another record was; the log has no hole; no partition is offline; each producer's last batch is known when it comes
//! again; a committed offset is the last one that was acknowledged or one that was on its way, and not past the end; topics
//! that were created are there, and those that were deleted are not; a log start never goes back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::FileExt;
use std::path::Path;

use sendlog::base::Offset;
use sendlog::config::{Config, Source};
use sendlog::group::state::Limits;
use sendlog::group::{GroupCoordinator, Now};
use sendlog::partition::Partition;
use sendlog::record::{BatchBuilder, BatchHeader};
use sendlog::topic::TopicRegistry;

use super::journal::Step;
use super::recorded::Recorded;
use crate::broker::client::read_records;
use crate::history::{Event, Fate, Key, Value};
use crate::load::GROUP;

const PRODUCE_VERSION: i16 = 9;
const READ_BYTES: u64 = 1 << 20;
const LIMITS: Limits = Limits {
    initial_delay_ms: 0,
    session_min_ms: 0,
    session_max_ms: 0,
    size_max: 10,
    groups_max: 1000,
    name_bytes_max: 1000,
    bytes_max: 1 << 20,
};

/// A recorded run, with what became known at which step.
pub struct Known<'r> {
    run: &'r Recorded,
    partitions: Vec<(String, i32)>,
    /// The step at which a request was answered.
    answered: HashMap<i32, usize>,
    /// What lay, or was said to lie, at each offset.
    places: Vec<HashMap<i64, Value>>,
    sent: HashSet<(Key, Value)>,
}

impl Known<'_> {
    pub fn of(run: &Recorded) -> Known<'_> {
        let partitions = run.plan.partitions();
        let mut answered = HashMap::new();
        for (at, step) in run.journal.steps.iter().enumerate() {
            let Step::Answer(ids) = step else { continue };
            ids.iter().for_each(|id| {
                answered.entry(*id).or_insert(at);
            });
        }
        let mut known =
            Known { run, answered, places: vec![HashMap::new(); partitions.len()], sent: HashSet::new(), partitions };
        for event in &run.history {
            match event {
                Event::Sent(sent) => {
                    known.sent.extend(sent.records().map(|(_, value)| (sent.key, value)));
                    if sent.fate == Fate::Done {
                        known.places[sent.key].extend(sent.records());
                    }
                }
                Event::Polled(polled) => known.places[polled.key].extend(polled.records.iter().copied()),
                Event::Final(last) => known.places[last.key].extend(last.records.iter().copied()),
                _ => {}
            }
        }
        known
    }

    /// Opens the image in `root` that was cut off before step `cut`, and says what is not as it was promised.
    pub fn verify(&self, root: &Path, cut: usize) -> Result<(), String> {
        let mut config = Config::default();
        config.set("log.dirs", root.to_str().expect("a path of ours"), Source::CommandLine).expect("a path");
        let topics = TopicRegistry::open(config).map_err(|error| format!("the start is refused: {error}"))?;
        let now = Now { monotonic_ms: 0, wall_ms: 0 };
        let groups = GroupCoordinator::open(&topics, LIMITS, i64::MAX, now).map_err(|error| error.to_string())?;
        for partition in topics.all().iter().flat_map(|topic| &topic.partitions) {
            if partition.is_offline() {
                return Err(format!("{} is offline", partition.name()));
            }
        }
        self.check_topics(&topics, cut)?;
        let mut ends = Vec::new();
        for (key, (topic, number)) in self.partitions.iter().enumerate() {
            match topics.find_partition(topic, *number) {
                Ok(partition) => {
                    let end = self.check_partition(key, &partition, cut);
                    ends.push(end.map_err(|broken| format!("{topic}-{number}: {broken}"))?);
                }
                Err(_) if cut < self.run.created => ends.push(0),
                Err(_) => return Err(format!("{topic}-{number} is gone")),
            }
        }
        self.check_committed(&groups, &ends, cut)
    }

    fn was_answered(&self, id: i32, cut: usize) -> bool {
        self.answered.get(&id).is_some_and(|at| *at < cut)
    }

    fn check_topics(&self, topics: &TopicRegistry, cut: usize) -> Result<(), String> {
        let changes = || {
            self.run.history.iter().filter_map(|event| match event {
                Event::Changed(changed) => Some(changed),
                _ => None,
            })
        };
        let may_be_deleted = |name: &str| changes().any(|other| other.topic == name && !other.is_created);
        for change in changes().filter(|change| change.fate == Fate::Done && self.was_answered(change.id, cut)) {
            let name = &change.topic;
            match topics.find(name).is_some() {
                true if !change.is_created => return Err(format!("the topic {name} was deleted and is back")),
                false if change.is_created && !may_be_deleted(name) => return Err(format!("the topic {name} is gone")),
                _ => {}
            }
        }
        Ok(())
    }

    /// The log's end.
    fn check_partition(&self, key: Key, partition: &Partition, cut: usize) -> Result<i64, String> {
        let bounds = partition.bounds().map_err(|error| error.to_string())?;
        let (start, end) = (bounds.log_start.0, bounds.log_end.0);
        let bytes = read_all(partition, bounds.log_start, bounds.log_end)?;
        let records: Vec<_> = read_records(&bytes).into_iter().filter(|(offset, _)| *offset >= start).collect();
        if !records.iter().map(|(offset, _)| *offset).eq(start..end) {
            return Err(format!("a hole between {start} and {end}"));
        }
        let mut at = HashMap::new();
        for (offset, text) in records {
            let value = Value::parse(&text).ok_or(format!("offset {offset} holds {text:?}"))?;
            match self.places[key].get(&offset) {
                Some(known) if *known != value => return Err(format!("{value} lies at {offset}, where {known} was")),
                None if !self.sent.contains(&(key, value)) => {
                    return Err(format!("{value} at {offset} was never sent"))
                }
                _ => at.insert(offset, value),
            };
        }
        for event in &self.run.history {
            match event {
                Event::Sent(sent) if sent.key == key && sent.fate == Fate::Done && sent.is_durable => {
                    let mut records = sent.records().filter(|(offset, _)| *offset >= start);
                    let lost = records.find(|(offset, value)| at.get(offset) != Some(value));
                    if let Some((offset, value)) = lost.filter(|_| self.was_answered(sent.id, cut)) {
                        return Err(format!(
                            "{value} was acknowledged at {offset}, the log goes from {start} to {end}"
                        ));
                    }
                }
                Event::Trimmed(trimmed)
                    if trimmed.key == key && trimmed.offset > start && self.was_answered(trimmed.id, cut) =>
                {
                    return Err(format!("the log starts at {start} again, it was trimmed to {}", trimmed.offset));
                }
                _ => {}
            }
        }
        repeat(partition, &bytes, end)?;
        Ok(end)
    }

    fn check_committed(&self, groups: &GroupCoordinator, ends: &[i64], cut: usize) -> Result<(), String> {
        let found: BTreeMap<_, _> = groups.committed(GROUP, false).map_err(|error| error.to_string())?;
        for (key, (topic, partition)) in self.partitions.iter().enumerate() {
            let offset = found.get(&(topic.clone(), *partition)).map_or(-1, |committed| committed.offset.0);
            if offset > ends[key] {
                return Err(format!("{topic}-{partition}: {offset} is committed, the log ends at {}", ends[key]));
            }
            // One committer: what it began after the last answer that came, and that one.
            let commits = self.run.history.iter().filter_map(|event| match event {
                Event::Committed(committed) if committed.key == key => Some(committed),
                _ => None,
            });
            let commits: Vec<_> = commits.collect();
            let last =
                commits.iter().rposition(|commit| commit.fate == Fate::Done && self.was_answered(commit.id, cut));
            let may_be = &commits[last.unwrap_or(0)..];
            let is_none = last.is_none() && offset == -1;
            if !is_none && !may_be.iter().any(|commit| commit.offset == offset) {
                let last = last.map_or(-1, |at| commits[at].offset);
                return Err(format!("{topic}-{partition}: {last} was committed, {offset} is read back"));
            }
        }
        Ok(())
    }
}

fn read_all(partition: &Partition, from: Offset, end: Offset) -> Result<Vec<u8>, String> {
    let (mut bytes, mut next) = (Vec::new(), from);
    while next < end {
        let fetched = partition.fetch(next, READ_BYTES, true).map_err(|error| error.to_string())?;
        let range = fetched.range.ok_or(format!("nothing at {next}, and the end is {end}"))?;
        let begin = bytes.len();
        bytes.resize(begin + range.length as usize, 0);
        range.file.read_exact_at(&mut bytes[begin..], range.position.0).map_err(|error| error.to_string())?;
        let last = batches(&bytes[begin..]).last().map(|(header, _)| header.last_offset() + 1);
        next = last.filter(|last| *last > next).ok_or(format!("no whole batch at {next}"))?;
    }
    Ok(bytes)
}

fn batches(mut bytes: &[u8]) -> impl Iterator<Item = (BatchHeader, &[u8])> {
    std::iter::from_fn(move || {
        let header = BatchHeader::parse(bytes)?;
        let (batch, rest) = bytes.split_at_checked(header.size()? as usize)?;
        bytes = rest;
        Some((header, batch))
    })
}

/// Each producer sends its last batch again, and must be told the offset that it has; then something new goes behind it.
fn repeat(partition: &Partition, bytes: &[u8], end: i64) -> Result<(), String> {
    let idempotent = batches(bytes).filter(|(header, _)| header.producer_id >= 0);
    let last: BTreeMap<i64, _> = idempotent.map(|found| (found.0.producer_id, found)).collect();
    for (header, batch) in last.into_values() {
        let told = partition.append(&mut batch.to_vec(), PRODUCE_VERSION, header.max_timestamp_ms);
        let told = told.map(|appended| appended.first).map_err(|error| error.to_string());
        if told != Ok(header.base_offset) {
            return Err(format!("the batch at {} came again and was answered {told:?}", header.base_offset));
        }
    }
    let mut batch = BatchBuilder::new().record(0, None, Some(b"0:0")).build();
    let appended = partition.append(&mut batch, PRODUCE_VERSION, 0).map_err(|error| error.to_string())?;
    match appended.first.0 == end {
        true => Ok(()),
        false => Err(format!("the next batch got {}, not {end}", appended.first)),
    }
}
