//! `sendlog offsets`: where partitions begin and end, and what offset a time has.
//!
//! Always true: a partition that cannot be asked has a line on stderr, and the others are shown.
//! Not done: nothing is changed; `sendlog groups reset-offsets` does that for a group.

use getopts::Matches;

use crate::base::TopicPartition;
use crate::cli::flags::{Flag, Takes};
use crate::cli::place::{partitions, time, TIMES};
use crate::cli::remote::{connect, each, end, format, names, usage, Done, Failure, BROKER, FORMAT};
use crate::cli::table::{Cell, Table};
use crate::cli::{say, Command};
use crate::client::{Each, ListedOffset, OffsetSpec};

pub const COMMAND: Command = Command {
    name: "offsets",
    what: "where partitions begin and end, and what offset a time has",
    operands: "TOPIC[:PARTITION,...]...",
    about: "Shows the first offset of each partition, the next one to be written, and how many lie between. With --at it shows the offset
of the first record that is as young as a time (@MS since 1970, or a date such as 2026-01-01T12:00:00, UTC), or of the youngest.",
    flags: &[
        &[Flag { short: "", name: "at", takes: Takes::One("TIME|youngest"), doc: "look for a time" }],
        FORMAT,
        BROKER,
    ],
    examples: &[
        "sendlog offsets orders",
        "sendlog offsets orders:0,1-2 payments --at 2026-01-01T12:00:00",
        "sendlog offsets orders --at youngest --format json",
    ],
    subcommands: &[],
    main: |matches| end(offsets(matches)),
};

fn offsets(matches: &Matches) -> Done {
    let specs = names(matches, "topic")?;
    let format = format(matches)?;
    let at = matches.opt_str("at").map(|text| spec(&text)).transpose()?;
    let mut admin = connect(matches)?;
    let mut chosen = Vec::new();
    for spec in specs {
        chosen.extend(partitions(&mut admin, spec)?);
    }
    let mut rows = Vec::new();
    let (mut table, done) = match at {
        Some(spec) => {
            let found = admin.list_offsets(&chosen, spec)?;
            let done = each(found, |partition, found| rows.push((partition, at_time(&found))));
            (Table::new(&["topic", "partition", "offset", "timestamp"]), done)
        }
        None => {
            let firsts = admin.list_offsets(&chosen, OffsetSpec::Earliest)?;
            let nexts = admin.list_offsets(&chosen, OffsetSpec::Latest)?;
            let done = each(firsts, |partition, first| {
                let row = between(first.offset, next_of(&nexts, &partition));
                rows.push((partition, row));
            });
            (Table::new(&["topic", "partition", "first", "next", "between"]), done)
        }
    };
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    for (partition, cells) in rows {
        let name = vec![Cell::Text(partition.topic), Cell::Number(partition.partition.into())];
        table.row(name.into_iter().chain(cells).collect());
    }
    say(&table.print(format));
    done
}

fn spec(text: &str) -> Result<OffsetSpec, Failure> {
    match text {
        "youngest" => Ok(OffsetSpec::MaxTimestamp),
        _ => time(text)
            .map(OffsetSpec::Timestamp)
            .ok_or_else(|| usage(format!("--at {text}: that is no time"), TIMES)),
    }
}

fn at_time(found: &ListedOffset) -> Vec<Cell> {
    // None where no record is that young.
    let known = |number: i64| Cell::from(Some(number).filter(|number| *number >= 0));
    vec![known(found.offset), known(found.timestamp_ms)]
}

fn next_of(nexts: &Each<TopicPartition, ListedOffset>, partition: &TopicPartition) -> Option<i64> {
    let (_, found) = nexts.iter().find(|(known, _)| known == partition)?;
    found.as_ref().ok().map(|found| found.offset)
}

fn between(first: i64, next: Option<i64>) -> Vec<Cell> {
    vec![Cell::Number(first), Cell::from(next), Cell::from(next.map(|next| next - first))]
}
