//! `kafka-configs.sh` (Kafka's `ConfigCommand`).
//!
//! Always true: keys that are not named stay as they are.
//! Not done: users, clients, ips and broker loggers, which have no configs here.

use getopts::Matches;

use super::{action, connect, end_as_kafka, message, nothing, one, ADMIN, BROKER};
use crate::cli::remote::{Done, Failure};
use crate::cli::{say, Command};
use crate::client::{Admin, ConfigEntry, ConfigOp, Resource};

pub const COMMAND: Command = Command {
    name: "kafka-configs",
    what: "Kafka's tool for configs",
    operands: "",
    about: "Describes and alters the configs of topics and brokers, with Kafka's flags and Kafka's output.",
    flags: &[
        &[
            nothing("describe", "show configs"),
            nothing("alter", "change configs"),
            one("entity-type", "topics|brokers", "of what"),
            one("entity-name", "NAME", "of which; without it of all topics"),
            nothing("entity-default", "what holds for all brokers"),
            one("topic", "TOPIC", "short for --entity-type topics --entity-name TOPIC"),
            one("broker", "ID", "short for --entity-type brokers --entity-name ID"),
            nothing("broker-defaults", "short for --entity-type brokers --entity-default"),
            nothing("all", "describe: defaults too"),
            one("add-config", "KEY=VALUE,...", "set these; a value with commas stands in []"),
            one("delete-config", "KEY,...", "back to what holds without them"),
        ],
        ADMIN,
        BROKER,
    ],
    examples: &["kafka-configs.sh --bootstrap-server 127.0.0.1:9092 --topic orders --describe --all"],
    subcommands: &[],
    main: |matches| end_as_kafka(configs(matches)),
};

fn configs(matches: &Matches) -> Done {
    let action = action(matches, &["describe", "alter"])?;
    let changes = changes(matches)?;
    let mut admin = connect(matches)?;
    let resources = resources(matches, &mut admin)?;
    match action {
        "describe" => resources.iter().try_for_each(|resource| describe(matches, &mut admin, resource)),
        _ => match &resources[..] {
            [resource] => alter(&mut admin, resource, &changes),
            _ => Err(Failure::Usage(String::from("an entity-name must be specified with --alter"))),
        },
    }
}

/// What is meant; without a name all topics.
fn resources(matches: &Matches, admin: &mut Admin) -> Result<Vec<Resource>, Failure> {
    let broker = |id: String| match id.parse() {
        Ok(id) => Ok(vec![Resource::Broker(Some(id))]),
        Err(_) => Err(Failure::Usage(format!(
            "The entity name for brokers must be a valid integer broker id, found: {id}"
        ))),
    };
    if let Some(topic) = matches.opt_str("topic") {
        return Ok(vec![Resource::topic(topic)]);
    }
    if let Some(id) = matches.opt_str("broker") {
        return broker(id);
    }
    let is_default = matches.opt_present("entity-default") || matches.opt_present("broker-defaults");
    match (matches.opt_str("entity-type").as_deref(), matches.opt_str("entity-name")) {
        (Some("topics"), Some(name)) => Ok(vec![Resource::topic(name)]),
        (Some("topics"), None) => Ok(admin.list_topics()?.iter().map(|topic| Resource::topic(&topic.name)).collect()),
        (Some("brokers"), Some(id)) => broker(id),
        (Some("brokers"), None) if is_default => Ok(vec![Resource::Broker(None)]),
        (None, None) if is_default => Ok(vec![Resource::Broker(None)]),
        (Some("brokers"), None) => {
            let brokers = admin.describe_cluster()?.brokers;
            let each = brokers.iter().map(|node| Resource::Broker(Some(node.id)));
            Ok(each.chain([Resource::Broker(None)]).collect())
        }
        (Some(other), _) => Err(Failure::Usage(format!("--entity-type {other}: there are topics and brokers here"))),
        (None, _) => Err(Failure::Usage(String::from(
            "At least one entity type must be specified: --entity-type topics or brokers",
        ))),
    }
}

fn describe(matches: &Matches, admin: &mut Admin, resource: &Resource) -> Done {
    let is_all = matches.opt_present("all");
    let mut entries = admin.describe_config(resource).map_err(|error| Failure::Failed(message(&error)))?;
    entries.retain(|entry| is_all || entry.is_dynamic());
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let which = if is_all { "All" } else { "Dynamic" };
    say(&match resource {
        Resource::Broker(None) => String::from("Default configs for brokers in the cluster are:\n"),
        other => format!("{which} configs for {other} are:\n"),
    });
    entries.iter().for_each(|entry| say(&line(entry)));
    Ok(())
}

fn line(entry: &ConfigEntry) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| String::from("null"));
    let synonyms: Vec<String> = entry
        .synonyms
        .iter()
        .map(|(name, text, source)| format!("{}:{name}={}", source.name(), value(text)))
        .collect();
    let (name, sensitive) = (&entry.name, entry.is_sensitive);
    format!("  {name}={} sensitive={sensitive} synonyms={{{}}}\n", value(&entry.value), synonyms.join(", "))
}

/// `a=1,b=[2,3]` and keys to delete.
fn changes(matches: &Matches) -> Result<Vec<(String, ConfigOp)>, Failure> {
    let mut changes = Vec::new();
    let added = matches.opt_str("add-config").unwrap_or_default();
    let mut rest = added.as_str();
    while !rest.is_empty() {
        let malformed = || {
            Failure::Usage(format!(
                "Invalid entity config: all configs to be added must be in the format \"key=val\": {rest}"
            ))
        };
        let (key, after) = rest.split_once('=').ok_or_else(malformed)?;
        let (value, next) = match after.strip_prefix('[') {
            Some(list) => {
                let (list, next) = list.split_once(']').ok_or_else(malformed)?;
                (list, next.strip_prefix(',').unwrap_or(next))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        changes.push((key.trim().to_string(), ConfigOp::Set(value.to_string())));
        rest = next;
    }
    let deleted = matches.opt_str("delete-config").unwrap_or_default();
    let deleted = deleted.split(',').map(str::trim).filter(|key| !key.is_empty());
    changes.extend(deleted.map(|key| (key.to_string(), ConfigOp::Delete)));
    match changes.is_empty() && matches.opt_present("alter") {
        true => Err(Failure::Usage(String::from(
            "At least one of --add-config, --delete-config must be specified with --alter",
        ))),
        false => Ok(changes),
    }
}

fn alter(admin: &mut Admin, resource: &Resource, changes: &[(String, ConfigOp)]) -> Done {
    admin.alter_configs(resource, changes, false)?;
    say(&match resource {
        Resource::Broker(None) => String::from("Completed updating default config for brokers in the cluster.\n"),
        other => format!("Completed updating config for {other}.\n"),
    });
    Ok(())
}
