//! The checker: holds a history against the promises, and names each one that was broken.
//!
//! Per partition: what was acknowledged lies at exactly the offset that was said; what a read saw at an offset never
//! changes or vanishes; nobody finds what nobody sent, or what was refused; nothing is there twice; a producer's records
//! keep their order; what was acknowledged before another was sent lies before it; a poll has no hole; high watermark and
//! log start never go back; a committed offset reads back and never points past the end; the final log has no hole.
//! Topics are there when their creation was acknowledged, and gone when their deletion was. A leader epoch rises with each
//! broker.
//!
//! Over a power cut only a part is promised: whatever lies below an offset that was acknowledged with acks=all, or
//! committed by a group, in the era before the cut. Of the rest a prefix survives. What is compared by time is compared
//! within an era.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::*;

/// Anomalies that are told of one history.
const TOLD_MAX: usize = 20;

/// A promise that was broken, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anomaly {
    pub kind: &'static str,
    pub text: String,
}

/// What a history was made of.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Records that were acknowledged.
    pub acked: u64,
    /// Records of which nobody knows.
    pub unknown: u64,
    /// Records that reads saw.
    pub read: u64,
    pub commits: u64,
}

impl Tally {
    pub fn of(history: &[Event]) -> Tally {
        let mut tally = Tally::default();
        for event in history {
            match event {
                Event::Sent(sent) if sent.fate == Fate::Done => tally.acked += sent.count,
                Event::Sent(sent) => tally.unknown += sent.count,
                Event::Polled(polled) => tally.read += polled.records.len() as u64,
                Event::Committed(committed) if committed.fate == Fate::Done => tally.commits += 1,
                _ => {}
            }
        }
        tally
    }

    pub fn add(&mut self, other: Tally) {
        self.acked += other.acked;
        self.unknown += other.unknown;
        self.read += other.read;
        self.commits += other.commits;
    }
}

/// What the history was made of; or the first promises that it shows broken.
pub fn judge(history: &[Event]) -> Result<Tally, String> {
    let found = check(history);
    if found.is_empty() {
        return Ok(Tally::of(history));
    }
    let told: Vec<String> =
        found.iter().take(TOLD_MAX).map(|Anomaly { kind, text }| format!("{kind}: {text}")).collect();
    Err(format!("{} anomalies, such as {}", found.len(), told.join("; ")))
}

/// Every promise that the history shows broken.
pub fn check(history: &[Event]) -> Vec<Anomaly> {
    let mut parts: BTreeMap<Key, Part> = BTreeMap::new();
    for event in history {
        match event {
            Event::Sent(sent) => parts.entry(sent.key).or_default().sent.push(sent),
            Event::Polled(polled) => parts.entry(polled.key).or_default().polled.push(polled),
            Event::Committed(committed) => parts.entry(committed.key).or_default().committed.push(committed),
            Event::ReadBack(read) => parts.entry(read.key).or_default().read_back.push(read),
            Event::Trimmed(trimmed) => parts.entry(trimmed.key).or_default().trimmed.push(trimmed),
            Event::Final(last) => parts.entry(last.key).or_default().last = Some(last),
            Event::Changed(_) | Event::Epoch(_) | Event::Topics(_) => {}
        }
    }
    let mut found = Found::default();
    for (key, part) in &parts {
        found.key = *key;
        part.check(&mut found);
    }
    check_topics(history, &mut found);
    check_epochs(history, &mut found);
    found.anomalies
}

#[derive(Default)]
struct Found {
    key: Key,
    anomalies: Vec<Anomaly>,
}

impl Found {
    fn add(&mut self, kind: &'static str, text: String) {
        let text = format!("partition {}: {text}", self.key);
        self.anomalies.push(Anomaly { kind, text });
    }
}

/// What happened to one partition.
#[derive(Default)]
struct Part<'h> {
    sent: Vec<&'h Sent>,
    polled: Vec<&'h Polled>,
    committed: Vec<&'h Committed>,
    read_back: Vec<&'h ReadBack>,
    trimmed: Vec<&'h Trimmed>,
    last: Option<&'h Final>,
}

impl Part<'_> {
    fn check(&self, found: &mut Found) {
        if let Some(last) = self.last {
            let at: HashMap<i64, Value> = last.records.iter().copied().collect();
            check_shape(last, found);
            self.check_senders(last, found);
            self.check_places(last, &at, found);
            self.check_prefixes(last, &at, found);
        }
        self.check_order_in_time(found);
        self.check_polls(found);
        self.check_watermarks(found);
        self.check_committed(found);
    }

    /// Below which offset all of an era is promised to survive whatever comes.
    fn floors(&self) -> BTreeMap<u32, i64> {
        let mut floors = BTreeMap::new();
        let mut raise = |era: u32, offset: i64| {
            let floor = floors.entry(era).or_insert(0);
            *floor = offset.max(*floor);
        };
        // Nothing was cut after the last read.
        self.last.iter().for_each(|last| raise(last.era, i64::MAX));
        for sent in self.sent.iter().filter(|sent| sent.fate == Fate::Done && sent.is_durable) {
            raise(sent.era, sent.offset + sent.count as i64);
        }
        for committed in &self.committed {
            if committed.fate == Fate::Done || self.was_read_back(committed) {
                raise(committed.era, committed.offset);
            }
        }
        floors
    }

    /// Whether a commit without an answer is known to have happened: nobody else can have made what was read back.
    fn was_read_back(&self, committed: &Committed) -> bool {
        let is_same = |other: &&&Committed| other.offset == committed.offset;
        self.read_back.iter().filter(|read| read.offset == committed.offset).any(|read| {
            let mut makers = self.committed.iter().filter(is_same).filter(|other| other.span.began < read.span.ended);
            makers.next().is_some_and(|only| std::ptr::eq(*only, committed)) && makers.next().is_none()
        })
    }

    fn eras(&self) -> impl Iterator<Item = u32> + '_ {
        let sent = self.sent.iter().map(|sent| sent.era);
        sent.chain(self.polled.iter().map(|polled| polled.era))
    }

    /// Nothing that nobody sent, nothing that was refused, nothing twice, every producer's order.
    fn check_senders(&self, last: &Final, found: &mut Found) {
        let refused = |sent: &&&Sent| sent.fate == Fate::Refused;
        let values = |sent: &&Sent| sent.records().map(|(_, value)| value).collect::<Vec<_>>();
        let known: HashSet<Value> = self.sent.iter().flat_map(values).collect();
        let refused: HashSet<Value> = self.sent.iter().filter(refused).flat_map(values).collect();
        let mut places: HashMap<Value, i64> = HashMap::new();
        let mut newest: HashMap<u32, (u64, i64)> = HashMap::new();
        for (offset, value) in &last.records {
            if !known.contains(value) {
                found.add("phantom", format!("offset {offset} holds {value}, which nobody sent"));
            }
            if refused.contains(value) {
                found.add("refused-visible", format!("offset {offset} holds {value}, which was refused"));
            }
            if let Some(first) = places.insert(*value, *offset) {
                found.add("duplicate", format!("{value} lies at {first} and at {offset}"));
                continue;
            }
            let (number, at) = newest.get(&value.producer).copied().unwrap_or((0, -1));
            if at >= 0 && value.number < number {
                let text = format!("{value} at {offset} lies behind {}:{number} at {at}", value.producer);
                found.add("producer-reorder", text);
            }
            if value.number >= number {
                newest.insert(value.producer, (value.number, *offset));
            }
        }
    }

    /// What was acknowledged, and what was read, lies where it did.
    fn check_places(&self, last: &Final, at: &HashMap<i64, Value>, found: &mut Found) {
        let floors = self.floors();
        let is_promised = |offset: i64, era: u32| floors.get(&era).is_some_and(|floor| offset < *floor);
        let places: HashMap<Value, i64> = last.records.iter().map(|(offset, value)| (*value, *offset)).collect();
        for sent in self.sent.iter().filter(|sent| sent.fate == Fate::Done) {
            for (offset, value) in sent.records() {
                let is_gone = offset < last.log_start || !is_promised(offset, sent.era);
                if is_gone || at.get(&offset) == Some(&value) {
                    continue;
                }
                match places.get(&value) {
                    Some(place) => {
                        found.add("moved", format!("{value} was acknowledged at {offset}, it lies at {place}"))
                    }
                    None => found.add("lost", format!("{value} was acknowledged at {offset}, it is gone")),
                }
            }
        }
        for polled in &self.polled {
            for (offset, value) in &polled.records {
                let is_gone = *offset < last.log_start || !is_promised(*offset, polled.era);
                if !is_gone && at.get(offset) != Some(value) {
                    let now = at.get(offset).map_or("nothing".to_string(), Value::to_string);
                    found.add("changed-read", format!("a read saw {value} at {offset}, which holds {now} now"));
                }
            }
        }
    }

    /// Of what an era saw, a prefix survives. Idempotent producers send again what was lost, so theirs does not count.
    fn check_prefixes(&self, last: &Final, at: &HashMap<i64, Value>, found: &mut Found) {
        let resent: HashSet<u32> =
            self.sent.iter().filter(|sent| sent.is_idempotent).map(|sent| sent.value.producer).collect();
        let mut cuts: BTreeMap<u32, (i64, i64)> = BTreeMap::new();
        let mut see = |era: u32, offset: i64, value: Value| {
            if offset < last.log_start || resent.contains(&value.producer) {
                return;
            }
            let (lost, kept) = cuts.entry(era).or_insert((i64::MAX, -1));
            match at.get(&offset) == Some(&value) {
                true => *kept = offset.max(*kept),
                false => *lost = offset.min(*lost),
            }
        };
        for sent in self.sent.iter().filter(|sent| sent.fate == Fate::Done) {
            sent.records().for_each(|(offset, value)| see(sent.era, offset, value));
        }
        for polled in &self.polled {
            polled.records.iter().for_each(|(offset, value)| see(polled.era, *offset, *value));
        }
        for (era, (lost, kept)) in cuts.into_iter().filter(|(_, (lost, kept))| lost < kept) {
            found.add("no-prefix", format!("of era {era} offset {lost} was lost and {kept} was not"));
        }
    }

    /// What was acknowledged before another was sent lies before it.
    fn check_order_in_time(&self, found: &mut Found) {
        let mut by_era: BTreeMap<u32, Vec<&Sent>> = BTreeMap::new();
        for sent in self.sent.iter().filter(|sent| sent.fate == Fate::Done) {
            by_era.entry(sent.era).or_default().push(sent);
        }
        for mut begun in by_era.into_values() {
            let mut ended = begun.clone();
            begun.sort_by_key(|sent| sent.span.began);
            ended.sort_by_key(|sent| sent.span.ended);
            let (mut largest, mut before) = (-1, ended.into_iter().peekable());
            for sent in begun {
                while let Some(earlier) = before.next_if(|earlier| earlier.span.ended < sent.span.began) {
                    largest = largest.max(earlier.offset);
                }
                if sent.offset <= largest {
                    let text = format!("{} at {} was sent after {largest} was acknowledged", sent.value, sent.offset);
                    found.add("reorder-in-time", text);
                }
            }
        }
    }

    fn check_polls(&self, found: &mut Found) {
        for polled in &self.polled {
            let offsets: Vec<i64> = polled.records.iter().map(|(offset, _)| *offset).collect();
            if let Some(pair) = offsets.windows(2).find(|pair| pair[1] != pair[0] + 1) {
                found.add("hole-in-poll", format!("offset {} follows {}", pair[1], pair[0]));
            }
            let expected = polled.from.max(polled.log_start);
            if let Some(first) = offsets.first().filter(|first| **first > expected) {
                found.add("poll-skips", format!("asked for {expected}, the first one was {first}"));
            }
        }
    }

    /// A read that began after an acknowledgement, or after another read, knows of at least as much.
    fn check_watermarks(&self, found: &mut Found) {
        let eras: HashSet<u32> = self.eras().collect();
        for era in eras {
            let polled: Vec<&&Polled> = self.polled.iter().filter(|polled| polled.era == era).collect();
            let acked = self.sent.iter().filter(|sent| sent.fate == Fate::Done && sent.era == era);
            let mut told: Vec<_> = acked.map(|sent| (sent.span.ended, sent.offset + sent.count as i64)).collect();
            told.extend(polled.iter().map(|polled| (polled.span.ended, polled.high_watermark)));
            let seen = polled.iter().map(|polled| (polled.span.began, polled.high_watermark)).collect();
            check_rises(told, seen, "high-watermark-back", found);
        }
        let trimmed = self.trimmed.iter().filter(|trimmed| trimmed.fate == Fate::Done);
        let mut told: Vec<_> = trimmed.map(|trimmed| (trimmed.span.ended, trimmed.offset)).collect();
        told.extend(self.polled.iter().map(|polled| (polled.span.ended, polled.log_start)));
        let mut seen: Vec<_> = self.polled.iter().map(|polled| (polled.span.began, polled.log_start)).collect();
        seen.extend(self.last.iter().map(|last| (u64::MAX, last.log_start)));
        check_rises(told, seen, "log-start-back", found);
    }

    fn check_committed(&self, found: &mut Found) {
        let mut certain: Vec<_> = self.committed.iter().filter(|commit| commit.fate == Fate::Done).collect();
        certain.sort_by_key(|commit| commit.span.began);
        for read in &self.read_back {
            if read.offset > read.log_end {
                let text = format!("offset {} is committed, the log ends at {}", read.offset, read.log_end);
                found.add("commit-beyond-end", text);
            }
            let after = certain.partition_point(|commit| commit.span.began < read.span.began);
            let last = certain[..after].iter().rev().find(|commit| commit.span.ended < read.span.began);
            let since = last.map_or(0, |last| last.span.began);
            let may_be = |commit: &&&Committed| {
                commit.fate != Fate::Refused && commit.span.began < read.span.ended && commit.span.ended >= since
            };
            let is_none = last.is_none() && read.offset == -1;
            if !is_none && !self.committed.iter().filter(may_be).any(|commit| commit.offset == read.offset) {
                let last = last.map_or("nothing".to_string(), |last| format!("{}", last.offset));
                found.add("commit-lost", format!("offset {} was read back, {last} was committed", read.offset));
            }
        }
    }
}

fn check_shape(last: &Final, found: &mut Found) {
    let offsets = last.records.iter().map(|(offset, _)| *offset);
    if !offsets.eq(last.log_start..last.log_end) {
        let (start, end, count) = (last.log_start, last.log_end, last.records.len());
        found.add("hole", format!("from {start} to {end} there are {count} records"));
    }
}

/// `told` and `seen` are numbers with times: none that is seen lies below one that was told before.
fn check_rises(mut told: Vec<(u64, i64)>, mut seen: Vec<(u64, i64)>, kind: &'static str, found: &mut Found) {
    told.sort();
    seen.sort();
    let (mut largest, mut told) = (-1, told.into_iter().peekable());
    for (at, number) in seen {
        while let Some((_, earlier)) = told.next_if(|(time, _)| *time < at) {
            largest = earlier.max(largest);
        }
        if number < largest {
            found.add(kind, format!("{number} was seen after {largest}"));
        }
    }
}

fn check_topics(history: &[Event], found: &mut Found) {
    let topics = history.iter().find_map(|event| match event {
        Event::Topics(topics) => Some(topics),
        _ => None,
    });
    let Some(topics) = topics else { return };
    let changes = || {
        history.iter().filter_map(|event| match event {
            Event::Changed(changed) => Some(changed),
            _ => None,
        })
    };
    for change in changes().filter(|change| change.fate == Fate::Done) {
        let name = &change.topic;
        let may_be_deleted = || changes().any(|other| other.topic == *name && !other.is_created);
        match topics.contains(name) {
            true if !change.is_created => found.add("topic-is-back", format!("{name} was deleted")),
            false if change.is_created && !may_be_deleted() => found.add("topic-lost", format!("{name} was created")),
            _ => {}
        }
    }
}

/// Each broker, since the one before it was killed, has a higher one.
fn check_epochs(history: &[Event], found: &mut Found) {
    let mut newest: Option<Epoch> = None;
    for event in history {
        let Event::Epoch(epoch) = event else { continue };
        if let Some(earlier) = newest.filter(|earlier| earlier.life < epoch.life && earlier.epoch >= epoch.epoch) {
            found.add("epoch-not-raised", format!("{} after {} before the kill", epoch.epoch, earlier.epoch));
        }
        if newest.is_none_or(|earlier| earlier.life < epoch.life) {
            newest = Some(*epoch);
        }
    }
}
