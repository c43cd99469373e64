//! `kafka-get-offsets.sh` (Kafka's `GetOffsetShell`).
//!
//! Always true: a line for each partition, sorted, `topic:partition:offset`, as Kafka prints it.
//! Not done: patterns of topics, and tiered storage's times.

use getopts::Matches;

use super::{connect, end_as_kafka, nothing, one, ADMIN, BROKER};
use crate::base::TopicPartition;
use crate::cli::remote::{Done, Failure};
use crate::cli::{say, Command};
use crate::client::{AsPartition, OffsetSpec};

pub const COMMAND: Command = Command {
    name: "kafka-get-offsets",
    what: "Kafka's tool for offsets",
    operands: "",
    about: "Prints TOPIC:PARTITION:OFFSET, with Kafka's flags.",
    flags: &[
        &[
            one("topic", "TOPIC", "of this topic"),
            one("partitions", "N,...", "of these partitions"),
            one("topic-partitions", "TOPIC[:N|:N-M],...", "of these; M is the first that is not meant"),
            one("time", "TIME", "earliest (-2), latest (-1), max-timestamp (-3), or ms since 1970"),
            nothing("exclude-internal-topics", "leave out the broker's own topics"),
        ],
        ADMIN,
        BROKER,
    ],
    examples: &["kafka-get-offsets.sh --bootstrap-server 127.0.0.1:9092 --topic orders"],
    subcommands: &[],
    main: |matches| end_as_kafka(offsets(matches)),
};

fn offsets(matches: &Matches) -> Done {
    let spec = match matches.opt_str("time").as_deref() {
        None | Some("latest" | "-1") => OffsetSpec::Latest,
        Some("earliest" | "-2") => OffsetSpec::Earliest,
        Some("max-timestamp" | "-3") => OffsetSpec::MaxTimestamp,
        Some(text) => match text.parse() {
            Ok(ms) => OffsetSpec::Timestamp(ms),
            Err(_) => return Err(Failure::Failed(format!("Error occurred: Malformed time argument {text}"))),
        },
    };
    let wants = filter(matches)?;
    let mut chosen: Vec<TopicPartition> = Vec::new();
    let mut admin = connect(matches)?;
    for topic in admin.list_topics()? {
        if !(topic.is_internal && matches.opt_present("exclude-internal-topics")) {
            let partitions = topic.partitions.iter().map(|found| (&topic.name, found.partition).partition());
            chosen.extend(partitions.filter(|partition| wants.iter().any(|wanted| wanted.matches(partition))));
        }
    }
    if chosen.is_empty() {
        let why = "Error occurred: Could not match any topic-partitions with the specified filters";
        return Err(Failure::Failed(String::from(why)));
    }
    let mut found = admin.list_offsets(&chosen, spec)?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    for (TopicPartition { topic, partition }, listed) in found {
        let offset = listed?.offset;
        if offset >= 0 {
            say(&format!("{topic}:{partition}:{offset}\n"));
        }
    }
    Ok(())
}

/// Partitions of one topic, or of all.
struct Wanted {
    topic: Option<String>,
    first: i32,
    /// Not one of them any more.
    end: i32,
}

impl Wanted {
    fn matches(&self, partition: &TopicPartition) -> bool {
        let is_topic = self.topic.as_ref().is_none_or(|topic| *topic == partition.topic);
        is_topic && (self.first..self.end).contains(&partition.partition)
    }
}

fn filter(matches: &Matches) -> Result<Vec<Wanted>, Failure> {
    let invalid = |text: &str| Failure::Failed(format!("Error occurred: Invalid rule: {text}"));
    let parse = |text: &str| text.parse::<i32>().map_err(|_| invalid(text));
    if let Some(list) = matches.opt_str("topic-partitions") {
        let rule = |rule: &str| {
            let (topic, numbers) = rule.split_once(':').unwrap_or((rule, "-"));
            let (first, end) = match numbers.split_once('-') {
                None if numbers.is_empty() => (0, i32::MAX),
                None => (parse(numbers)?, parse(numbers)?.saturating_add(1)),
                Some((first, end)) => {
                    let first = if first.is_empty() { 0 } else { parse(first)? };
                    (first, if end.is_empty() { i32::MAX } else { parse(end)? })
                }
            };
            let topic = Some(topic.to_string()).filter(|topic| !topic.is_empty());
            Ok(Wanted { topic, first, end })
        };
        return list.split(',').map(rule).collect();
    }
    let topic = matches.opt_str("topic");
    match matches.opt_str("partitions") {
        None => Ok(vec![Wanted { topic, first: 0, end: i32::MAX }]),
        Some(list) => {
            let one = |text: &str| {
                let first = parse(text)?;
                Ok(Wanted { topic: topic.clone(), first, end: first.saturating_add(1) })
            };
            list.split(',').map(one).collect()
        }
    }
}
