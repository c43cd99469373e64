//! `sendlog disk`: what each partition keeps, what goes next and when, and why nothing goes yet.
//!
//! Always true: it only looks, beside a running broker as well; what it says comes from what retention goes by
//! ([`crate::topic::disk`]). Times are UTC.
//! Not done: nothing is deleted, and a running broker is not asked.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use getopts::Matches;

use crate::base::Result;
use crate::cli::flags::HELP;
use crate::cli::{options, say, units, Command};
use crate::log::retention::{Reason, Verdict};
use crate::topic::disk::{self, CapReport, DiskReport, Oldest, Outlook, PartitionReport};

pub const COMMAND: Command = Command {
    name: "disk",
    what: "what each partition keeps, what goes next, and why",
    operands: "",
    about: "Shows what each partition keeps, what goes next and when, and why nothing goes yet. It reads the files of a data directory
and changes nothing; a broker may be running on it. What that broker was given as options, give here too.",
    flags: &[options::CONFIG, &[HELP]],
    examples: &["sendlog disk --config /etc/sendlog/server.properties --data /var/lib/sendlog"],
    subcommands: &[],
    main,
};

const HEADINGS: [&str; 6] = ["partition", "size", "segments", "oldest record", "log start", "what goes next"];

fn main(matches: &Matches) -> ExitCode {
    match report(matches) {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => options::refuse(&error),
    }
}

fn report(matches: &Matches) -> Result<String> {
    let config = options::config(matches)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(print(&disk::look(config, since.as_millis() as i64)?))
}

fn print(report: &DiskReport) -> String {
    let used = units::bytes(report.used_bytes);
    let mut text = match &report.cap {
        None => format!("{used} in all, no cap (log.dirs.max.bytes=-1)\n\n"),
        Some(CapReport { bytes, bytes_left }) => format!(
            "{used} in all, of {} (log.dirs.max.bytes): {} more, and segments go for it\n\n",
            units::bytes(*bytes),
            units::bytes(*bytes_left)
        ),
    };
    let rows = report.partitions.iter().map(row);
    let rows: Vec<[String; 6]> = std::iter::once(HEADINGS.map(str::to_string)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len() - 1).map(width).collect();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            text += &format!("{cell:<width$}  ");
        }
        text += &format!("{}\n", row[HEADINGS.len() - 1]);
    }
    text
}

fn row(partition: &PartitionReport) -> [String; 6] {
    [
        partition.name.to_string(),
        units::bytes(partition.bytes),
        partition.segments.to_string(),
        partition.oldest_ms.map_or("-".to_string(), units::time),
        partition.log_start.to_string(),
        sentence(&partition.outlook),
    ]
}

fn sentence(outlook: &Outlook) -> String {
    match outlook {
        Outlook::Unknown(error) => format!("cannot be read: {error}"),
        Outlook::Internal => {
            "internal: the broker keeps it small itself, no retention and no cap touches it".to_string()
        }
        Outlook::KeptForEver(policy) => format!("cleanup.policy={policy}: kept for ever"),
        Outlook::Empty => "empty".to_string(),
        Outlook::Oldest(oldest) => explain(oldest),
    }
}

fn explain(oldest: &Oldest) -> String {
    let size = units::bytes(oldest.bytes);
    let segment = match oldest.rolls {
        Some(_) => format!("the one segment ({size})"),
        None => format!("segment {:020} ({size})", oldest.base_offset.0),
    };
    let mut text = match oldest.verdict {
        Verdict::Goes(Reason::Age) => format!("goes with the next look: {segment}, older than retention.ms"),
        Verdict::Goes(Reason::FileAge) => {
            format!("goes with the next look: {segment}, its file older than retention.ms, its timestamps tell no age")
        }
        Verdict::Goes(Reason::Size) => {
            format!("goes with the next look: {segment}, the others hold retention.bytes")
        }
        Verdict::Stays { until_ms: None, bytes_left: None } => format!("nothing goes: {segment}, and no limit is set"),
        Verdict::Stays { until_ms, bytes_left } => {
            let by_age = until_ms.map(|ms| format!("after {} (retention.ms)", units::time(ms)));
            let by_size =
                bytes_left.map(|left| format!("when {} more have come (retention.bytes)", units::bytes(left)));
            let when: Vec<String> = by_age.into_iter().chain(by_size).collect();
            format!("next to go: {segment} {}", when.join(" or "))
        }
    };
    if let Some(rolls) = &oldest.rolls {
        let (bytes, after) = (units::bytes(rolls.bytes_max), units::time(rolls.after_ms));
        let key = if rolls.is_less_for_cap { "log.dirs.max.bytes" } else { "segment.bytes" };
        text += &format!("; written to until {bytes} ({key}) or {after} (segment.ms)");
    }
    if oldest.is_first_under_cap {
        text += "; the first to go under log.dirs.max.bytes";
    }
    text
}
