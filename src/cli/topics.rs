//! `sendlog topics`: list, create, describe, alter, delete.
//!
//! Always true: several topics can be named; what the broker refuses for one is said, and the others are done.
//! Not done: no reassignment and no replicas: this broker has one of each.

use getopts::Matches;

use crate::base::{quoted, ErrorCode, TopicPartition};
use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::remote::{connect, each, end, format, name, names, number, pairs, usage, Done, BROKER, FORMAT};
use crate::cli::table::{Cell, Format, Table};
use crate::cli::{say, Command};
use crate::client::{
    Admin, ConfigEntry, ConfigOp, Each, ListedOffset, NewTopic, OffsetSpec, Resource, Result as Answer,
    TopicDescription,
};

pub const COMMAND: Command = Command {
    name: "topics",
    what: "list, create, describe, alter and delete topics",
    operands: "",
    about: "Topics of the broker at --bootstrap-server.",
    flags: &[&[HELP]],
    examples: &[],
    subcommands: &[LIST, CREATE, DESCRIBE, ALTER, DELETE],
    main: |_| end(Ok(())),
};

const LIST: Command = Command {
    name: "topics list",
    what: "the topics that there are",
    operands: "",
    about: "Lists the topics, each with its number of partitions and of replicas.",
    flags: &[
        &[Flag { short: "", name: "internal", takes: Takes::Nothing, doc: "show the broker's own topics too" }],
        FORMAT,
        BROKER,
    ],
    examples: &["sendlog topics list", "sendlog topics list --format json --bootstrap-server 127.0.0.1:9092"],
    subcommands: &[],
    main: |matches| end(list(matches)),
};

const CREATE: Command = Command {
    name: "topics create",
    what: "create topics",
    operands: "TOPIC...",
    about: "Creates topics. What is left out is as the broker has it: num.partitions, default.replication.factor.",
    flags: &[
        &[
            Flag { short: "p", name: "partitions", takes: Takes::One("N"), doc: "so many partitions" },
            Flag { short: "r", name: "replication-factor", takes: Takes::One("N"), doc: "so many replicas of each" },
            Flag { short: "c", name: "config", takes: Takes::Each("CONFIG=VALUE"), doc: "a config of the topic" },
            Flag {
                short: "",
                name: "if-not-exists",
                takes: Takes::Nothing,
                doc: "leave a topic as it is that is there already",
            },
            DRY_RUN,
        ],
        BROKER,
    ],
    examples: &[
        "sendlog topics create orders --partitions 3",
        "sendlog topics create --config retention.ms=86400000 --config segment.bytes=104857600 payments refunds",
    ],
    subcommands: &[],
    main: |matches| end(create(matches)),
};

const DESCRIBE: Command = Command {
    name: "topics describe",
    what: "partitions, leaders, offsets and configs of topics",
    operands: "[TOPIC...]",
    about: "Shows each partition of the topics that are named, or of all: its leader, its replicas, its first offset and the next one. In
JSON a topic's id and the configs that were set for it are members of each line.",
    flags: &[FORMAT, BROKER],
    examples: &["sendlog topics describe", "sendlog topics describe orders --format json"],
    subcommands: &[],
    main: |matches| end(describe(matches)),
};

const ALTER: Command = Command {
    name: "topics alter",
    what: "more partitions, other configs",
    operands: "TOPIC",
    about: "Gives a topic more partitions, and sets or takes back configs of it.",
    flags: &[
        &[
            Flag { short: "p", name: "partitions", takes: Takes::One("N"), doc: "so many in all; never fewer" },
            Flag { short: "c", name: "config", takes: Takes::Each("CONFIG=VALUE"), doc: "set a config" },
            Flag {
                short: "",
                name: "delete-config",
                takes: Takes::Each("CONFIG"),
                doc: "back to what holds without it",
            },
            DRY_RUN,
        ],
        BROKER,
    ],
    examples: &[
        "sendlog topics alter orders --partitions 6",
        "sendlog topics alter orders --config retention.ms=3600000 --delete-config segment.bytes",
    ],
    subcommands: &[],
    main: |matches| end(alter(matches)),
};

const DELETE: Command = Command {
    name: "topics delete",
    what: "delete topics and all their records",
    operands: "TOPIC...",
    about: "Deletes topics with all their records. There is no way back.",
    flags: &[
        &[Flag {
            short: "",
            name: "if-exists",
            takes: Takes::Nothing,
            doc: "say nothing of a topic that is not there",
        }],
        BROKER,
    ],
    examples: &["sendlog topics delete refunds", "sendlog topics delete --if-exists orders payments"],
    subcommands: &[],
    main: |matches| end(delete(matches)),
};

pub const DRY_RUN: Flag =
    Flag { short: "n", name: "dry-run", takes: Takes::Nothing, doc: "let the broker check it, and change nothing" };

fn list(matches: &Matches) -> Done {
    let format = format(matches)?;
    let mut table = Table::new(&["topic", "partitions", "replicas"]).and_json(&["id", "internal"]);
    for topic in connect(matches)?.list_topics()? {
        if topic.is_internal && !matches.opt_present("internal") {
            continue;
        }
        table.row(vec![
            topic.name.as_str().into(),
            Cell::Number(topic.partitions.len() as i64),
            Cell::Number(replicas(&topic) as i64),
            Cell::Text(topic.id.to_string()),
            Cell::Truth(topic.is_internal),
        ]);
    }
    say(&table.print(format));
    Ok(())
}

fn replicas(topic: &TopicDescription) -> usize {
    topic.partitions.first().map_or(0, |partition| partition.replicas.len())
}

fn create(matches: &Matches) -> Done {
    let names = names(matches, "topic")?;
    let (partitions, factor) = (number(matches, "partitions")?, number(matches, "replication-factor")?);
    let configs = pairs(matches, "config")?;
    let topic = |name: &&str| {
        let topic = NewTopic::new(*name).partitions(partitions.unwrap_or(-1)).replication_factor(factor.unwrap_or(-1));
        configs.iter().fold(topic, |topic, (key, value)| topic.config(key, value))
    };
    let is_dry = matches.opt_present("dry-run");
    let mut admin = connect(matches)?;
    let mut created = admin.create_topics(&names.iter().map(topic).collect::<Vec<_>>(), is_dry)?;
    if matches.opt_present("if-not-exists") {
        created.retain(|(_, answer)| !is_code(answer, ErrorCode::TOPIC_ALREADY_EXISTS));
    }
    each(created, |name, count| {
        let would = if is_dry { "would create" } else { "created" };
        // Brokers of old do not say how many.
        let count = if count > 0 { format!(", partitions: {count}") } else { String::new() };
        say(&format!("{would} topic {name}{count}\n"));
    })
}

fn is_code<T>(answer: &Answer<T>, code: ErrorCode) -> bool {
    answer.as_ref().is_err_and(|error| error.code() == Some(code))
}

fn describe(matches: &Matches) -> Done {
    let format = format(matches)?;
    let mut admin = connect(matches)?;
    let names: Vec<&str> = matches.free.iter().map(String::as_str).collect();
    let found = match names.is_empty() {
        true => {
            let topics = admin.list_topics()?.into_iter().filter(|topic| !topic.is_internal);
            topics.map(|topic| (topic.name.clone(), Ok(topic))).collect()
        }
        false => admin.describe_topics(&names)?,
    };
    let mut topics = Vec::new();
    let done = each(found, |_, topic| topics.push(topic));
    for (number, topic) in topics.iter().enumerate() {
        let configs = admin.describe_config(&Resource::topic(&topic.name))?;
        let configs: Vec<_> = configs.into_iter().filter(ConfigEntry::is_dynamic).collect();
        let mut configs: Vec<_> = configs.into_iter().map(|c| (c.name, c.value.unwrap_or_default())).collect();
        configs.sort();
        let text = describe_one(&mut admin, topic, configs, format)?;
        say(&if number > 0 && format == Format::Text { format!("\n{text}") } else { text });
    }
    done
}

fn describe_one(
    admin: &mut Admin,
    topic: &TopicDescription,
    configs: Vec<(String, String)>,
    format: Format,
) -> Answer<String> {
    let partitions: Vec<_> = topic.partitions.iter().map(|p| (topic.name.as_str(), p.partition)).collect();
    let firsts = admin.list_offsets(&partitions, OffsetSpec::Earliest)?;
    let nexts = admin.list_offsets(&partitions, OffsetSpec::Latest)?;
    let offset = |offsets: &Each<_, ListedOffset>, partition: i32| {
        let found = offsets.iter().find(|(known, _): &&(TopicPartition, _)| known.partition == partition);
        Cell::from(found.and_then(|(_, listed)| listed.as_ref().ok()).map(|listed| listed.offset))
    };
    let columns =
        ["topic", "partition", "leader", "leader_epoch", "replicas", "in_sync", "first_offset", "next_offset"];
    let mut table = Table::new(&columns).and_json(&["id", "configs"]);
    for found in &topic.partitions {
        table.row(vec![
            topic.name.as_str().into(),
            Cell::Number(found.partition.into()),
            Cell::from(found.leader),
            Cell::Number(found.leader_epoch.into()),
            Cell::Numbers(found.replicas.clone()),
            Cell::Numbers(found.in_sync.clone()),
            offset(&firsts, found.partition),
            offset(&nexts, found.partition),
            Cell::Text(topic.id.to_string()),
            Cell::Pairs(configs.clone()),
        ]);
    }
    let set: Vec<String> = configs.iter().map(|(key, value)| format!("  {key}={value}")).collect();
    let heading = match format {
        Format::Text => format!("topic {}  id {}{}\n", topic.name, topic.id, set.concat()),
        Format::Json => String::new(),
    };
    Ok(heading + &table.print(format))
}

fn alter(matches: &Matches) -> Done {
    let topic = name(matches, "topic")?;
    let partitions: Option<i32> = number(matches, "partitions")?;
    let set = pairs(matches, "config")?.into_iter().map(|(key, value)| (key, ConfigOp::Set(value)));
    let deleted = matches.opt_strs("delete-config").into_iter().map(|key| (key, ConfigOp::Delete));
    let changes: Vec<(String, ConfigOp)> = set.chain(deleted).collect();
    if partitions.is_none() && changes.is_empty() {
        return Err(usage("nothing is to be changed", "give --partitions, --config or --delete-config"));
    }
    let is_dry = matches.opt_present("dry-run");
    let would = if is_dry { "would change" } else { "changed" };
    let mut admin = connect(matches)?;
    if let Some(count) = partitions {
        let changed = admin.create_partitions(&[(topic, count)], is_dry)?;
        each(changed, |name, ()| say(&format!("{would} topic {name}, partitions: {count}\n")))?;
    }
    if !changes.is_empty() {
        admin.alter_configs(&Resource::topic(topic), &changes, is_dry)?;
        changes.iter().for_each(|change| say(&format!("{would} topic {topic}, {}\n", told(change))));
    }
    Ok(())
}

/// A change of a config, in words.
pub fn told((key, op): &(String, ConfigOp)) -> String {
    match op {
        ConfigOp::Set(value) => format!("{key}: {}", quoted(value)),
        ConfigOp::Delete => format!("{key}: back to the default"),
        ConfigOp::Append(value) => format!("{key}: with {}", quoted(value)),
        ConfigOp::Subtract(value) => format!("{key}: without {}", quoted(value)),
    }
}

fn delete(matches: &Matches) -> Done {
    let names = names(matches, "topic")?;
    let mut deleted = connect(matches)?.delete_topics(&names)?;
    if matches.opt_present("if-exists") {
        deleted.retain(|(_, answer)| !is_code(answer, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    }
    each(deleted, |name, ()| say(&format!("deleted topic {name}\n")))
}
