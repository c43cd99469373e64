//! `sendlog configs`: describe and alter the configs of topics and brokers.
//!
//! Always true: a change is made whole or not at all, by the broker.
//! Not done: keys and values are judged by the broker alone.

use getopts::Matches;

use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::remote::{connect, end, format, pairs, usage, Done, Failure, BROKER, FORMAT};
use crate::cli::table::{Cell, Table};
use crate::cli::topics::{told, DRY_RUN};
use crate::cli::{say, Command};
use crate::client::{ConfigOp, Resource};

pub const COMMAND: Command = Command {
    name: "configs",
    what: "describe and alter the configs of topics and brokers",
    operands: "",
    about: "Configs of the topics and brokers at --bootstrap-server. What is meant is `topic NAME`, `broker ID`, or `brokers` for what
holds for all of them.",
    flags: &[&[HELP]],
    examples: &[],
    subcommands: &[DESCRIBE, ALTER],
    main: |_| end(Ok(())),
};

const DESCRIBE: Command = Command {
    name: "configs describe",
    what: "what is set, or all that holds",
    operands: "topic NAME, broker ID, brokers",
    about: "Shows the configs that were set for a topic or a broker, or all that hold for it, each with its value and where that is from.",
    flags: &[
        &[Flag { short: "a", name: "all", takes: Takes::Nothing, doc: "show defaults too" }],
        FORMAT,
        BROKER,
    ],
    examples: &[
        "sendlog configs describe topic orders --all",
        "sendlog configs describe broker 1 --all --format json",
        "sendlog configs describe brokers",
    ],
    subcommands: &[],
    main: |matches| end(describe(matches)),
};

const ALTER: Command = Command {
    name: "configs alter",
    what: "set configs, or take them back",
    operands: "topic NAME, broker ID, brokers",
    about:
        "Sets configs of a topic, a broker or all brokers, or takes back what was set. Other configs stay as they are.",
    flags: &[
        &[
            Flag { short: "s", name: "set", takes: Takes::Each("CONFIG=VALUE"), doc: "set this" },
            Flag { short: "d", name: "delete", takes: Takes::Each("CONFIG"), doc: "back to what holds without it" },
            Flag { short: "", name: "append", takes: Takes::Each("CONFIG=VALUE"), doc: "add an element to a list" },
            Flag { short: "", name: "subtract", takes: Takes::Each("CONFIG=VALUE"), doc: "take one out of a list" },
            DRY_RUN,
        ],
        BROKER,
    ],
    examples: &[
        "sendlog configs alter topic orders --set retention.ms=3600000 --append cleanup.policy=compact",
        "sendlog configs alter broker 1 --set log.retention.ms=86400000 --dry-run",
        "sendlog configs alter topic orders --delete retention.ms",
    ],
    subcommands: &[],
    main: |matches| end(alter(matches)),
};

fn describe(matches: &Matches) -> Done {
    let resource = resource(matches)?;
    let format = format(matches)?;
    let mut entries = connect(matches)?.describe_config(&resource)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut table = Table::new(&["config", "value", "source"]).and_json(&["read_only", "sensitive"]);
    for entry in entries.into_iter().filter(|entry| matches.opt_present("all") || entry.is_dynamic()) {
        table.row(vec![
            Cell::Text(entry.name),
            entry.value.map_or(Cell::Nothing, Cell::Text),
            entry.source.name().into(),
            Cell::Truth(entry.is_read_only),
            Cell::Truth(entry.is_sensitive),
        ]);
    }
    say(&table.print(format));
    Ok(())
}

fn alter(matches: &Matches) -> Done {
    let resource = resource(matches)?;
    let with = |flag, op: fn(String) -> ConfigOp| {
        Ok::<_, Failure>(pairs(matches, flag)?.into_iter().map(move |(key, value)| (key, op(value))))
    };
    let deleted = matches.opt_strs("delete").into_iter().map(|key| (key, ConfigOp::Delete));
    let changes: Vec<(String, ConfigOp)> = with("set", ConfigOp::Set)?
        .chain(with("append", ConfigOp::Append)?)
        .chain(with("subtract", ConfigOp::Subtract)?)
        .chain(deleted)
        .collect();
    if changes.is_empty() {
        return Err(usage("nothing is to be changed", "give --set, --delete, --append or --subtract"));
    }
    let is_dry = matches.opt_present("dry-run");
    connect(matches)?.alter_configs(&resource, &changes, is_dry)?;
    let would = if is_dry { "would change" } else { "changed" };
    changes.iter().for_each(|change| say(&format!("{would} {resource}, {}\n", told(change))));
    Ok(())
}

/// What the operands mean.
fn resource(matches: &Matches) -> Result<Resource, Failure> {
    let words: Vec<&str> = matches.free.iter().map(String::as_str).collect();
    match words[..] {
        ["topic", name] => Ok(Resource::topic(name)),
        ["brokers"] => Ok(Resource::Broker(None)),
        ["broker", id] => match id.parse() {
            Ok(id) => Ok(Resource::Broker(Some(id))),
            Err(_) => Err(usage(
                format!("'{id}' is no id of a broker"),
                "write its number, as `sendlog topics describe` has it",
            )),
        },
        _ => {
            let cause = format!("'{}' says nothing whose configs are known", words.join(" "));
            Err(usage(cause, "write `topic NAME`, `broker ID` or `brokers`"))
        }
    }
}
