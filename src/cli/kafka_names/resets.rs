//! `kafka-consumer-groups.sh --reset-offsets`: where a group goes on, and what is printed of it.
//!
//! ```text
//! --from-file     topic,partition,offset; with several groups group,topic,partition,offset
//! --by-duration   P1DT2H3M4.5S: days, hours, minutes, seconds (ISO 8601)
//! ```
//!
//! Always true: an offset lies between a log's start and its end; nothing is changed without `--execute`.
//! Not done: quoted commas in a file, which no name of a topic or group needs.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use getopts::Matches;

use super::groups::{table, words};
use crate::base::{write_line, TopicPartition};
use crate::cli::groups::find;
use crate::cli::place::{partitions, Place};
use crate::cli::remote::{number, Done, Failure};
use crate::cli::say;
use crate::client::{Admin, AsPartition, Committed};
use crate::os::fs;

const WIDTHS: [usize; 4] = [30, 30, 10, 15];
const DAY_MS: f64 = 86_400_000.0;

/// A line of a file: with a group or for the only one.
type Line = (Option<String>, TopicPartition, i64);

/// Resets each of these groups, and shows what came of it as one table or as lines of a file.
pub fn reset(matches: &Matches, admin: &mut Admin, names: &[&str]) -> Done {
    if matches.opt_str("by-duration").is_some_and(|text| duration_ms(&text).is_none()) {
        let why = "Text cannot be parsed to a Duration";
        say(&format!("\nError: Executing consumer group command failed due to {why}\n"));
        return Ok(());
    }
    let mut found = Vec::new();
    for name in names {
        found.extend(reset_one(matches, admin, name, names.len() > 1)?);
    }
    if matches.opt_present("export") {
        for (group, TopicPartition { topic, partition }, offset) in &found {
            let group = if names.len() > 1 { format!("{group},") } else { String::new() };
            say(&format!("{group}{topic},{partition},{offset}\n"));
        }
        say("\n");
        return Ok(());
    }
    let mut rows = vec![words(&["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"])];
    rows.extend(found.iter().map(|(group, TopicPartition { topic, partition }, offset)| {
        words(&[group, topic, &partition.to_string(), &offset.to_string()])
    }));
    say("\n");
    table(&WIDTHS, &rows, "");
    Ok(())
}

fn reset_one(
    matches: &Matches,
    admin: &mut Admin,
    name: &str,
    has_others: bool,
) -> Result<Vec<(String, TopicPartition, i64)>, Failure> {
    if let Some(group) = find(admin, name)?.filter(|group| !group.members.is_empty()) {
        let state = &group.state;
        let why = format!("Assignments can only be reset if the group '{name}' is inactive");
        say(&format!("\nError: {why}, but the current state is {state}.\n"));
        return Ok(Vec::new());
    }
    if !matches.opt_present("execute") && !matches.opt_present("dry-run") {
        write_line("WARN: No action will be performed as the --execute option is missing.");
    }
    let committed = admin.committed_offsets(name, None)?;
    let at =
        |partition: &TopicPartition| committed.iter().find(|(known, _)| known == partition).map(|(_, at)| at.offset);
    let mut wanted: Vec<(TopicPartition, Place)> = Vec::new();
    match matches.opt_str("from-file") {
        Some(path) => {
            let of_group = |line: &Line| line.0.as_deref().map_or(!has_others, |group| group == name);
            let lines = read_file(&path)?.into_iter().filter(of_group);
            wanted.extend(lines.map(|(_, partition, offset)| (partition, Place::Offset(offset))));
        }
        None => {
            let chosen = chosen(matches, admin, &committed)?;
            for partition in chosen {
                let place = place(matches, at(&partition))?;
                wanted.push((partition, place));
            }
        }
    }
    let mut offsets = Vec::new();
    for (partition, place) in wanted {
        for (partition, offset) in place.find(admin, std::slice::from_ref(&partition))? {
            offsets.push((partition, Committed::at(offset?)));
        }
    }
    if matches.opt_present("execute") {
        admin.alter_offsets(name, &offsets)?.into_iter().try_for_each(|(_, altered)| altered)?;
    }
    Ok(offsets.into_iter().map(|(partition, at)| (name.to_string(), partition, at.offset)).collect())
}

/// The partitions that are meant.
fn chosen(
    matches: &Matches,
    admin: &mut Admin,
    committed: &[(TopicPartition, Committed)],
) -> Result<Vec<TopicPartition>, Failure> {
    let mut chosen: Vec<TopicPartition> = Vec::new();
    for spec in matches.opt_strs("topic") {
        chosen.extend(partitions(admin, &spec)?);
    }
    if matches.opt_present("all-topics") {
        chosen = committed.iter().map(|(partition, _)| partition.clone()).collect();
        chosen.sort();
    }
    match chosen.is_empty() {
        true => Err(Failure::Usage(String::from("One of the reset scopes should be defined: --all-topics, --topic."))),
        false => Ok(chosen),
    }
}

fn read_file(path: &str) -> Result<Vec<Line>, Failure> {
    let bytes = fs::read_following(Path::new(path)).map_err(|error| Failure::Usage(format!("--from-file: {error}")))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let line = |(number, line): (usize, &str)| {
        let wrong = || {
            Failure::Failed(format!("--from-file {path}: line {} is not TOPIC,PARTITION,OFFSET: {line}", number + 1))
        };
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let (group, rest) = match cells[..] {
            [group, ref rest @ ..] if rest.len() == 3 => (Some(group.to_string()), rest),
            ref rest => (None, rest),
        };
        let &[topic, partition, offset] = rest else { return Err(wrong()) };
        let partition: i32 = partition.parse().map_err(|_| wrong())?;
        let offset: i64 = offset.parse().map_err(|_| wrong())?;
        Ok((group, (topic, partition).partition(), offset.max(0)))
    };
    lines.map(line).collect()
}

/// Where a partition's offset goes that is here now.
fn place(matches: &Matches, at: Option<i64>) -> Result<Place, Failure> {
    let mut places = Vec::new();
    let present = |flag: &str, place| Some(place).filter(|_| matches.opt_present(flag));
    places.extend(present("to-earliest", Place::Start));
    places.extend(present("to-latest", Place::End));
    places.extend(present("to-current", at.map_or(Place::End, Place::Offset)));
    places.extend(number(matches, "to-offset")?.map(|offset: i64| Place::Offset(offset.max(0))));
    if let Some(by) = number::<i64>(matches, "shift-by")? {
        let Some(at) = at else {
            return Err(Failure::Failed(String::from(
                "Cannot shift offset for a partition since there is no current committed offset",
            )));
        };
        places.push(Place::Offset(at.saturating_add(by).max(0)));
    }
    if let Some(text) = matches.opt_str("to-datetime") {
        places.push(Place::of("to-datetime", &text)?);
    }
    if let Some(back_ms) = matches.opt_str("by-duration").and_then(|text| duration_ms(&text)) {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        places.push(Place::Time(now_ms.saturating_sub(back_ms).max(0)));
    }
    match places[..] {
        [place] => Ok(place),
        _ => Err(Failure::Usage(String::from(
            "give one of --to-earliest, --to-latest, --to-current, --to-offset, --to-datetime, --by-duration, --shift-by, \
             --from-file",
        ))),
    }
}

/// ms of `P1DT2H3M4.5S`, of which any part may be left out, but not all of them.
fn duration_ms(text: &str) -> Option<i64> {
    let (days, time) =
        text.strip_prefix('P')?.split_once('T').map_or_else(|| (&text[1..], None), |(d, t)| (d, Some(t)));
    let mut units = vec![('D', DAY_MS)];
    let mut sum = add(days, &mut units)?;
    if let Some(time) = time.filter(|time| !time.is_empty()) {
        units = vec![('S', 1000.0), ('M', 60_000.0), ('H', 3_600_000.0)];
        sum += add(time, &mut units)?;
    } else if days.is_empty() || time.is_some() {
        return None;
    }
    (sum.abs() < 1e17).then_some(sum as i64)
}

/// Numbers with units behind them, each unit once, the largest first: the last ones of `units`.
fn add(text: &str, units: &mut Vec<(char, f64)>) -> Option<f64> {
    let mut sum = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let amount: f64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let (_, ms) = std::iter::from_fn(|| units.pop()).find(|(known, _)| *known == unit)?;
        sum += amount * ms;
        rest = &rest[end + 1..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_iso_8601() {
        for (text, ms) in [
            ("PT1H", 3_600_000),
            ("P1D", 86_400_000),
            ("P1DT2H3M4.5S", 93_784_500),
            ("PT90M", 5_400_000),
            ("PT-1S", -1000),
        ] {
            assert_eq!(duration_ms(text), Some(ms), "{text}");
        }
        assert!(["", "P", "PT", "1H", "P1H", "PT1D", "PT1M1H", "PT1H1H", "P1DT", "PTH"]
            .iter()
            .all(|text| duration_ms(text).is_none()));
    }
}
