//! Places in a log as people name them, and the partitions that are meant.
//!
//! ```text
//! start, end      the first record that there is, the one that will come next; also earliest, beginning, latest
//! 42              the record with this offset
//! -10             10 records before the end
//! @1767225600000  the first record that is as old or younger, in ms since 1970
//! 2026-01-01T00:00:00Z, 2026-01-01 00:00, 2026-01-01    the same as a date; UTC
//!
//! orders, orders:0, orders:0,2-4    a topic, or some of its partitions
//! ```
//!
//! Always true: what is found lies between a log's start and its end, both included.
//! Not done: no time zones: a date without one is UTC too.

use crate::base::{date, day, TopicPartition};
use crate::cli::remote::{usage, Failure};
use crate::client::{Admin, AsPartition, Each, Error, ListedOffset, OffsetSpec, Result as Answer};

pub const TIMES: &str = "write @MS since 1970, or a date such as 2026-01-01T12:00:00 (UTC)";
const PLACES: &str =
    "write start, end, an OFFSET, -N for N before the end, @MS since 1970, or 2026-01-01T12:00:00 (UTC)";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Start,
    End,
    Offset(i64),
    BeforeEnd(i64),
    /// ms since 1970
    Time(i64),
}

impl Place {
    pub fn parse(text: &str) -> Option<Place> {
        match text {
            "start" | "earliest" | "beginning" => return Some(Place::Start),
            "end" | "latest" => return Some(Place::End),
            _ => {}
        }
        match text.parse::<i64>() {
            Ok(offset) if offset < 0 => offset.checked_neg().map(Place::BeforeEnd),
            Ok(offset) => Some(Place::Offset(offset)),
            Err(_) => time(text).map(Place::Time),
        }
    }

    /// Of what a flag says.
    pub fn of(flag: &str, text: &str) -> Result<Place, Failure> {
        Place::parse(text).ok_or_else(|| usage(format!("--{flag} {text}: that is no place in a log"), PLACES))
    }

    /// Where that is in each of these partitions.
    pub fn find(self, admin: &mut Admin, partitions: &[TopicPartition]) -> Answer<Each<TopicPartition, i64>> {
        if self == Place::Start {
            return Ok(offsets(admin.list_offsets(partitions, OffsetSpec::Earliest)?));
        }
        let ends = offsets(admin.list_offsets(partitions, OffsetSpec::Latest)?);
        if self == Place::End {
            return Ok(ends);
        }
        let starts = offsets(admin.list_offsets(partitions, OffsetSpec::Earliest)?);
        let at_time = match self {
            Place::Time(ms) => offsets(admin.list_offsets(partitions, OffsetSpec::Timestamp(ms))?),
            _ => Vec::new(),
        };
        let found = |partition: &TopicPartition| {
            let start = of(&starts, partition)?;
            let end = of(&ends, partition)?;
            let wanted = match self {
                Place::Offset(offset) => offset,
                Place::BeforeEnd(count) => end.saturating_sub(count),
                // No record is that young: whatever comes will be.
                Place::Time(_) => Some(of(&at_time, partition)?).filter(|offset| *offset >= 0).unwrap_or(end),
                Place::Start | Place::End => unreachable!("they were found above"),
            };
            Ok(wanted.clamp(start, end.max(start)))
        };
        Ok(partitions.iter().map(|partition| (partition.clone(), found(partition))).collect())
    }
}

fn offsets(each: Each<TopicPartition, ListedOffset>) -> Each<TopicPartition, i64> {
    each.into_iter().map(|(partition, found)| (partition, found.map(|found| found.offset))).collect()
}

/// What was answered for a partition.
fn of(each: &Each<TopicPartition, i64>, partition: &TopicPartition) -> Answer<i64> {
    let nothing = || Err(Error::invalid(partition.to_string(), "the broker says nothing of it"));
    each.iter().find(|(known, _)| known == partition).map_or_else(nothing, |(_, found)| found.clone())
}

/// ms since 1970 of `@MS`, or of `2026-01-01` with or without a time behind it, seconds or not, `Z` or not.
pub fn time(text: &str) -> Option<i64> {
    if let Some(ms) = text.strip_prefix('@') {
        return ms.parse().ok().filter(|ms| *ms >= 0);
    }
    let (date_part, time_part) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let numbers: Vec<i64> = date_part.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let &[year, month, of_month] = &numbers[..] else { return None };
    let days = day(year, month, of_month);
    let (clock, fraction) = time_part.trim_end_matches('Z').split_once('.').unwrap_or((time_part, "0"));
    let ms: f64 = format!("0.{}", fraction.trim_end_matches('Z')).parse().ok()?;
    let clock = clock.trim_end_matches('Z').split(':').map(|part| part.parse().ok()).collect::<Option<Vec<i64>>>()?;
    let (hour, minute, second) = match clock[..] {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    let is_date = (0..=9999).contains(&year) && date(days) == (year, month, of_month);
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    (is_date && is_time).then_some(seconds * 1000 + (ms * 1000.0) as i64)
}

/// The partitions that `TOPIC` or `TOPIC:0,2-4` means.
pub fn partitions(admin: &mut Admin, spec: &str) -> Result<Vec<TopicPartition>, Failure> {
    let (topic, wanted) = match spec.split_once(':') {
        None => (spec, None),
        Some((topic, list)) => (topic, Some(ranges(list).ok_or_else(|| not_a_list(spec))?)),
    };
    let found = admin.describe_topic(topic)?;
    let all: Vec<i32> = found.partitions.iter().map(|partition| partition.partition).collect();
    let wanted = wanted.unwrap_or_else(|| all.clone());
    if let Some(lacking) = wanted.iter().find(|number| !all.contains(number)) {
        let why = format!("topic {topic} has partitions 0 to {}; name one of these", all.len() - 1);
        return Err(Error::invalid(format!("{topic}-{lacking}"), why).into());
    }
    Ok(wanted.into_iter().map(|partition| (topic, partition).partition()).collect())
}

/// `0,2-4`
fn ranges(list: &str) -> Option<Vec<i32>> {
    let mut numbers = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<i32>().ok()?, last.parse::<i32>().ok()?);
        // No broker has more, and a typing error shall not fill the memory.
        numbers.extend((first >= 0 && first <= last && last < 1_000_000).then_some(first..=last)?);
    }
    Some(numbers)
}

fn not_a_list(spec: &str) -> Failure {
    usage(format!("{spec}: behind the colon is no list of partitions"), "write TOPIC or TOPIC:0,2-4")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        for (text, place) in [
            ("start", Place::Start),
            ("beginning", Place::Start),
            ("latest", Place::End),
            ("0", Place::Offset(0)),
            ("-7", Place::BeforeEnd(7)),
            ("@1767225600000", Place::Time(1_767_225_600_000)),
            ("2026-01-01", Place::Time(1_767_225_600_000)),
            ("2026-01-01 00:01", Place::Time(1_767_225_660_000)),
            ("2026-01-01T01:00:00Z", Place::Time(1_767_229_200_000)),
            ("2026-01-01T00:00:00.25Z", Place::Time(1_767_225_600_250)),
        ] {
            assert_eq!(Place::parse(text), Some(place), "{text}");
        }
        for text in ["", "soon", "@", "@-1", "1.5", "2026-02-30", "2026-01-01T24:00", "2026-01", "2026-01-01T1", "-"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lists_of_partitions_are_read() {
        assert_eq!(ranges("0,2-4"), Some(vec![0, 2, 3, 4]));
        assert!(["", "a", "3-1", "-1", "0,", "0-9999999999", "0-2000000"].iter().all(|list| ranges(list).is_none()));
    }
}
