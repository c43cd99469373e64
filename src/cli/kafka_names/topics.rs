//! `kafka-topics.sh` (Kafka's `TopicCommand`).
//!
//! Always true: exactly one action is asked for; what it prints is what Kafka's prints, line by line.
//! Not done: patterns of topics, and reassignments.

use getopts::Matches;

use super::{action, connect, end_as_kafka, message, nothing, one, required, several, ADMIN, BROKER};
use crate::base::ErrorCode;
use crate::cli::remote::{number, pairs, Done, Failure};
use crate::cli::{say, Command};
use crate::client::{
    Admin, ConfigEntry, ConfigSource, Error, NewTopic, PartitionDescription, Resource, TopicDescription,
};

pub const COMMAND: Command = Command {
    name: "kafka-topics",
    what: "Kafka's tool for topics",
    operands: "",
    about: "Lists, describes, creates, alters and deletes topics, with Kafka's flags and Kafka's output.",
    flags: &[
        &[
            nothing("list", "list topics"),
            nothing("describe", "show partitions and configs"),
            nothing("create", "create a topic"),
            nothing("alter", "give a topic more partitions"),
            nothing("delete", "delete a topic"),
            one("topic", "TOPIC", "the topic, or several separated by commas"),
            one("partitions", "N", "so many partitions"),
            one("replication-factor", "N", "so many replicas of each"),
            one("replica-assignment", "IDS", "brokers of each partition: 1:2,2:3"),
            several("config", "KEY=VALUE", "a config of a new topic"),
            nothing("if-not-exists", "leave a topic that is there as it is"),
            nothing("if-exists", "say nothing of a topic that is not there"),
            nothing("exclude-internal", "leave out the broker's own topics"),
            nothing("topics-with-overrides", "describe: only topics with configs of their own"),
            nothing("under-replicated-partitions", "describe: only partitions that lack replicas"),
            nothing("unavailable-partitions", "describe: only partitions without a leader"),
        ],
        ADMIN,
        BROKER,
    ],
    examples: &["kafka-topics.sh --bootstrap-server 127.0.0.1:9092 --create --topic orders --partitions 3"],
    subcommands: &[],
    main: |matches| end_as_kafka(topics(matches)),
};

const ACTIONS: &[&str] = &["list", "describe", "create", "alter", "delete"];

fn topics(matches: &Matches) -> Done {
    let action = action(matches, ACTIONS)?;
    if !["list", "describe"].contains(&action) {
        required(matches, "topic")?;
    }
    let mut admin = connect(matches)?;
    let done = match action {
        "list" => list(matches, &mut admin),
        "describe" => describe(matches, &mut admin),
        "create" => create(matches, &mut admin),
        "alter" => alter(matches, &mut admin),
        _ => delete(matches, &mut admin),
    };
    if let Err(Failure::Failed(why)) = &done {
        say(&format!("Error while executing topic command : {why}\n"));
    }
    done
}

/// An error in the broker's own words.
fn in_its_words(error: Error) -> Failure {
    Failure::Failed(message(&error))
}

/// The topics that are meant, by name; that there are none is an error if one was named.
fn chosen(matches: &Matches, admin: &mut Admin) -> Result<Vec<TopicDescription>, Failure> {
    let mut all = admin.list_topics().map_err(in_its_words)?;
    all.retain(|topic| !(topic.is_internal && matches.opt_present("exclude-internal")));
    let Some(names) = matches.opt_str("topic") else { return Ok(all) };
    if let Some(c) = names.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-,".contains(*c))) {
        return Err(Failure::Failed(format!("patterns of topics are not known here, and {c} is in no name: {names}")));
    }
    all.retain(|topic| names.split(',').any(|name| name == topic.name));
    match all.is_empty() && !matches.opt_present("if-exists") {
        true => Err(Failure::Failed(format!("Topic '{names}' does not exist as expected"))),
        false => Ok(all),
    }
}

fn list(matches: &Matches, admin: &mut Admin) -> Done {
    let mut all = admin.list_topics().map_err(in_its_words)?;
    all.retain(|topic| !(topic.is_internal && matches.opt_present("exclude-internal")));
    if let Some(names) = matches.opt_str("topic") {
        all.retain(|topic| names.split(',').any(|name| name == topic.name));
    }
    all.iter().for_each(|topic| say(&format!("{}\n", topic.name)));
    Ok(())
}

fn describe(matches: &Matches, admin: &mut Admin) -> Done {
    let only_partitions =
        ["under-replicated-partitions", "unavailable-partitions"].map(|flag| matches.opt_present(flag));
    let shows = |partition: &PartitionDescription| match only_partitions {
        [false, false] => !matches.opt_present("topics-with-overrides"),
        [lacking, leaderless] => {
            (lacking && partition.in_sync.len() < partition.replicas.len())
                || (leaderless && partition.leader.is_none())
        }
    };
    for topic in chosen(matches, admin)? {
        let configs = admin.describe_config(&Resource::topic(&topic.name)).map_err(in_its_words)?;
        let own: Vec<ConfigEntry> = configs.into_iter().filter(|entry| entry.source != ConfigSource::Default).collect();
        let is_shown = !matches.opt_present("topics-with-overrides") || !own.is_empty();
        if only_partitions == [false, false] && is_shown {
            say(&heading(&topic, &own));
        }
        topic
            .partitions
            .iter()
            .filter(|partition| shows(partition))
            .for_each(|found| say(&line(&topic.name, found)));
    }
    Ok(())
}

fn heading(topic: &TopicDescription, configs: &[ConfigEntry]) -> String {
    let configs: Vec<String> = configs
        .iter()
        .map(|entry| format!("{}={}", entry.name, entry.value.as_deref().unwrap_or_default()))
        .collect();
    format!(
        "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {}\n",
        topic.name,
        topic.id,
        topic.partitions.len(),
        topic.partitions.first().map_or(0, |partition| partition.replicas.len()),
        configs.join(",")
    )
}

fn line(topic: &str, found: &PartitionDescription) -> String {
    let ids = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    let leader = found.leader.map_or(String::from("none"), |leader| leader.to_string());
    format!(
        "\tTopic: {topic}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}\tElr: \tLastKnownElr: \n",
        found.partition,
        ids(&found.replicas),
        ids(&found.in_sync)
    )
}

fn create(matches: &Matches, admin: &mut Admin) -> Done {
    let name = required(matches, "topic")?;
    if name.contains(['.', '_']) {
        say("WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid \
             issues it is best to use either, but not both.\n");
    }
    let mut topic = NewTopic::new(&name)
        .partitions(number(matches, "partitions")?.unwrap_or(-1))
        .replication_factor(number(matches, "replication-factor")?.unwrap_or(-1));
    if let Some(text) = matches.opt_str("replica-assignment") {
        let brokers = |text: &str| text.split(':').map(|id| id.trim().parse().ok()).collect::<Option<Vec<i32>>>();
        let all = text.split(',').map(brokers).collect::<Option<Vec<_>>>();
        topic = topic.replicas(all.ok_or_else(|| Failure::Failed(format!("{text}: write 1:2,2:3")))?);
    }
    topic = pairs(matches, "config")?.into_iter().fold(topic, |topic, (key, value)| topic.config(key, value));
    match admin.create_topic(&topic) {
        Ok(()) => say(&format!("Created topic {name}.\n")),
        Err(error) if is_there_already(&error) && matches.opt_present("if-not-exists") => {}
        Err(error) => return Err(in_its_words(error)),
    }
    Ok(())
}

fn is_there_already(error: &Error) -> bool {
    error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS)
}

fn alter(matches: &Matches, admin: &mut Admin) -> Done {
    let topics = chosen(matches, admin)?;
    let Some(count) = number(matches, "partitions")? else {
        return Err(Failure::Usage(String::from("Missing required argument \"[partitions]\"")));
    };
    let wanted: Vec<(&str, i32)> = topics.iter().map(|topic| (topic.name.as_str(), count)).collect();
    admin
        .create_partitions(&wanted, false)?
        .into_iter()
        .try_for_each(|(_, changed)| changed.map_err(in_its_words))
}

fn delete(matches: &Matches, admin: &mut Admin) -> Done {
    let topics = chosen(matches, admin)?;
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    admin.delete_topics(&names)?.into_iter().try_for_each(|(_, deleted)| deleted.map_err(in_its_words))
}
