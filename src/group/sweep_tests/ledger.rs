//! What was asked of a broker and what it has answered; and what must therefore be there.

use std::collections::BTreeMap;

use super::*;

/// What an answer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Done: it is there, for good.
    Done,
    /// Not done: it is not there.
    Refused,
    /// An error after which it may be there or not.
    Unknown,
}

struct Sent {
    partition: TopicPartition,
    value: String,
    /// If it was appended.
    offset: i64,
    answer: Answer,
}

#[derive(Default)]
pub struct Ledger {
    sent: Vec<Sent>,
    /// Offsets that were committed for group "g", oldest first.
    commits: Vec<(i64, Answer)>,
    /// Whether each topic is there, as far as that is known, and with how many partitions at least.
    topics: BTreeMap<String, (Answer, usize)>,
    deletions: BTreeMap<String, Answer>,
    producer_ids: Vec<i64>,
}

impl Ledger {
    pub fn sent(&mut self, partition: &TopicPartition, value: &str, offset: i64, answer: Answer) {
        let (partition, value) = (partition.clone(), value.to_string());
        // Sent again: nothing that is refused now takes back what came before.
        let before = self.sent.iter().find(|sent| sent.value == value).map(|sent| sent.answer);
        if before == Some(Answer::Unknown) && answer == Answer::Refused {
            return;
        }
        self.sent.retain(|sent| sent.value != value);
        self.sent.push(Sent { partition, value, offset, answer });
    }

    /// The values that were not appended for certain, of those that begin like this.
    pub fn open_values(&self, begin: &str) -> Vec<String> {
        let open = self.sent.iter().filter(|sent| sent.value.starts_with(begin) && sent.answer != Answer::Done);
        open.map(|sent| sent.value.clone()).collect()
    }

    pub fn committed(&mut self, offset: i64, answer: Answer) {
        self.commits.push((offset, answer));
    }

    pub fn created(&mut self, topic: &str, partitions: usize, answer: Answer) {
        self.deletions.remove(topic);
        let known = self.topics.entry(topic.to_string()).or_insert((answer, partitions));
        if answer == Answer::Done {
            *known = (answer, partitions);
        }
    }

    pub fn deleted(&mut self, topic: &str, answer: Answer) {
        self.deletions.insert(topic.to_string(), answer);
        self.topics.remove(topic);
        self.sent.retain(|sent| sent.partition.topic != topic);
        if topic == "t" {
            self.commits.clear();
        }
    }

    pub fn is_deleted(&self, topic: &str) -> bool {
        self.deletions.contains_key(topic)
    }

    /// A producer id that nobody may have had.
    pub fn took(&mut self, producer_id: i64) {
        assert!(!self.producer_ids.contains(&producer_id), "producer id {producer_id} was given out twice");
        self.producer_ids.push(producer_id);
    }

    /// Holds what is there against what was answered.
    pub fn check(&self, topics: &TopicRegistry, groups: &GroupCoordinator, has_restarted: bool) {
        for (name, (answer, count)) in &self.topics {
            let found = topics.find(name).map_or(0, |topic| topic.partitions.len());
            match answer {
                Answer::Done => assert!(found >= *count, "{name} has {found} partitions, not {count}"),
                _ => assert!(found == 0 || has_restarted, "{name} was refused, and is there"),
            }
        }
        for (name, answer) in &self.deletions {
            assert!(topics.find(name).is_none() || *answer != Answer::Done, "{name} was deleted, and is there");
        }
        for topic in topics.all().iter().filter(|topic| topic.name != TOPIC && !self.is_deleted(&topic.name)) {
            for partition in topic.partitions.iter().filter(|partition| !partition.is_offline()) {
                self.check_partition(partition);
            }
        }
        self.check_commits(groups, has_restarted);
    }

    fn check_partition(&self, partition: &Partition) {
        let name = partition.name();
        let bounds = partition.bounds().unwrap();
        let found = read_all(partition).unwrap_or_else(|error| panic!("{name} cannot be read: {error}"));
        let offsets = found.iter().map(|(offset, _)| *offset);
        assert!(offsets.eq(bounds.log_start.0..bounds.log_end.0), "{name}: offsets without a gap: {found:?}");
        let sent = || self.sent.iter().filter(|sent| sent.partition == *name);
        for Sent { value, offset, answer, .. } in sent() {
            let places: Vec<i64> = found.iter().filter(|(_, known)| known == value).map(|(at, _)| *at).collect();
            match answer {
                Answer::Done if *offset < bounds.log_start.0 => {}
                Answer::Done => assert_eq!(places, [*offset], "{name}: {value} was acknowledged: {found:?}"),
                Answer::Refused => assert_eq!(places, [], "{name}: {value} was refused: {found:?}"),
                Answer::Unknown => assert!(places.len() <= 1, "{name}: {value} is there twice: {found:?}"),
            }
        }
        for (offset, value) in &found {
            assert!(sent().any(|sent| sent.value == *value), "{name}: nobody sent {value}, at {offset}");
        }
    }

    /// The last offset that was acknowledged, or after a restart one of those that failed later.
    fn check_commits(&self, groups: &GroupCoordinator, has_restarted: bool) {
        let Ok(committed) = groups.committed("g", false) else {
            assert!(!has_restarted, "no groups after a start without a fault");
            return;
        };
        let found = committed.get(&("t".to_string(), 0)).map(|committed| committed.offset.0);
        let last = self.commits.iter().rposition(|(_, answer)| *answer == Answer::Done);
        let mut may_be: Vec<Option<i64>> = vec![last.map(|at| self.commits[at].0)];
        if has_restarted {
            let later = &self.commits[last.map_or(0, |at| at + 1)..];
            may_be.extend(later.iter().map(|(offset, _)| Some(*offset)));
        }
        let is_unsure = self.deletions.get("t").is_some_and(|answer| *answer != Answer::Done);
        assert!(is_unsure || may_be.contains(&found), "committed is {found:?}, not of {may_be:?}");
    }
}

/// Offset and value of every record.
pub fn read_all(partition: &Partition) -> Result<Vec<(i64, String)>> {
    let bounds = partition.bounds()?;
    let mut found = Vec::new();
    let mut next = bounds.log_start;
    while next < bounds.high_watermark {
        let Some(range) = partition.fetch(next, 1 << 20, true)?.range else { break };
        let mut bytes = vec![0; range.length as usize];
        let failed = |source| Error::Storage { path: partition.name().to_string().into(), source };
        fs::read_exact_at(&range.file, &mut bytes, range.position.0).map_err(failed)?;
        let mut rest = bytes.as_slice();
        while let Some(header) = BatchHeader::parse(rest) {
            let size = header.size().unwrap() as usize;
            assert!(header::crc_matches(&rest[..size], &header), "{}: a broken batch", partition.name());
            for record in Records::new(&rest[HEADER_SIZE..size]) {
                let record = record.unwrap();
                let offset = header.base_offset + i64::from(record.offset_delta);
                let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                if offset >= bounds.log_start {
                    found.push((offset.0, value));
                }
            }
            next = header.last_offset() + 1;
            rest = &rest[size..];
        }
    }
    Ok(found)
}
