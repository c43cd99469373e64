//! `kafka-console-producer.sh` and `kafka-console-consumer.sh`: Kafka's flags, read for `sendlog produce` and `consume`.
//!
//! Always true: a flag of Kafka's either does what Kafka's does or is refused.
//! Not done: `parse.headers`, serializers and formatters of one's own; a line without the key separator is a record
//! without a key, where Kafka's tool ends.

use std::time::Duration;

use getopts::Matches;

use super::{end_as_kafka, nothing, one, required, settings, several, BROKER};
use crate::base::write_line;
use crate::cli::consume::Asked;
use crate::cli::format::{KafkaPrints, RecordFormat};
use crate::cli::place::Place;
use crate::cli::produce::{Rules, MAX_BLOCK_MS};
use crate::cli::remote::{number, Done, Failure};
use crate::cli::Command;
use crate::client::{ConsumerSettings, OffsetReset, ProducerSettings};

pub const PRODUCER: Command = Command {
    name: "kafka-console-producer",
    what: "Kafka's tool that sends lines",
    operands: "",
    about: "Sends each line of stdin as a record, with Kafka's flags.",
    flags: &[
        &[
            one("topic", "TOPIC", "into this topic"),
            several("property", "NAME=VALUE", "parse.key=true, key.separator=TEXT"),
            several("reader-property", "NAME=VALUE", "the same"),
            several("producer-property", "NAME=VALUE", "a setting of the client"),
            one("request-required-acks", "0|1|all", "when a record counts as sent"),
            nothing("sync", "without effect: each line is waited for in the end"),
        ],
        BROKER,
    ],
    examples: &["echo '7:three apples' | kafka-console-producer.sh --bootstrap-server 127.0.0.1:9092 --topic orders --property parse.key=true --property key.separator=:"],
    subcommands: &[],
    main: |matches| end_as_kafka(produce(matches)),
};

pub const CONSUMER: Command = Command {
    name: "kafka-console-consumer",
    what: "Kafka's tool that prints records",
    operands: "",
    about: "Prints records, with Kafka's flags and as Kafka prints them.",
    flags: &[
        &[
            one("topic", "TOPIC", "of this topic"),
            one("partition", "N", "of this partition alone"),
            one("offset", "earliest|latest|N", "with --partition: from here"),
            nothing("from-beginning", "from the first record that there is"),
            one("group", "GROUP", "as a member of this group"),
            one("max-messages", "N", "end after so many records"),
            one("timeout-ms", "N", "end when none has come for so long"),
            several(
                "property",
                "NAME=VALUE",
                "print.key, print.headers, print.offset, ... =true; key.separator, line.separator",
            ),
            several("formatter-property", "NAME=VALUE", "the same"),
            several("consumer-property", "NAME=VALUE", "a setting of the client"),
        ],
        BROKER,
    ],
    examples: &[
        "kafka-console-consumer.sh --bootstrap-server 127.0.0.1:9092 --topic orders --from-beginning --max-messages 10",
    ],
    subcommands: &[],
    main: |matches| end_as_kafka(consume(matches)),
};

/// The properties behind these flags.
fn properties(matches: &Matches, flags: [&str; 2]) -> Result<Vec<(String, String)>, Failure> {
    let pair = |text: String| match text.split_once('=') {
        Some((name, value)) => Ok((name.to_string(), value.to_string())),
        None => Err(Failure::Usage(format!("{text}: a property is NAME=VALUE"))),
    };
    flags.iter().flat_map(|flag| matches.opt_strs(flag)).map(pair).collect()
}

fn unknown(name: &str) -> Failure {
    Failure::Usage(format!("the property {name} is not known here"))
}

fn produce(matches: &Matches) -> Done {
    let topic = required(matches, "topic")?;
    let mut wanted = ProducerSettings::default().max_block_ms(MAX_BLOCK_MS);
    wanted.client = settings(matches)?;
    for pair in matches.opt_strs("producer-property") {
        wanted.set_pair(&pair)?;
    }
    if let Some(acks) = matches.opt_str("request-required-acks") {
        wanted.set("acks", &acks)?;
    }
    let (mut has_keys, mut separator) = (false, String::from("\t"));
    for (name, value) in properties(matches, ["property", "reader-property"])? {
        match name.as_str() {
            "parse.key" => has_keys = value == "true",
            "key.separator" => separator = value,
            _ => return Err(unknown(&name)),
        }
    }
    let separator = Some(separator.into_bytes()).filter(|separator| has_keys && !separator.is_empty());
    let rules = Rules { topic: &topic, partition: None, separator, headers: Vec::new(), empty_is_null: false };
    rules.send(wanted, false)
}

fn consume(matches: &Matches) -> Done {
    let topic = required(matches, "topic")?;
    let group = matches.opt_str("group").unwrap_or_default();
    let from_beginning = matches.opt_present("from-beginning");
    let from = match matches.opt_str("offset").as_deref() {
        None if from_beginning => Place::Start,
        None | Some("latest") => Place::End,
        Some("earliest") => Place::Start,
        Some(text) => match text.parse() {
            Ok(offset) if offset >= 0 => Place::Offset(offset),
            _ => return Err(Failure::Usage(format!("The provided offset value '{text}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long."))),
        },
    };
    let specs = match number::<i32>(matches, "partition")? {
        Some(partition) if group.is_empty() => vec![format!("{topic}:{partition}")],
        Some(_) => {
            return Err(Failure::Usage(String::from("Options group and partition cannot be specified together.")))
        }
        None if matches.opt_present("offset") => {
            return Err(Failure::Usage(String::from("The partition is required when offset is specified.")))
        }
        None => vec![topic],
    };
    let reset = if from_beginning { OffsetReset::Earliest } else { OffsetReset::Latest };
    let mut wanted = ConsumerSettings::default().group_id(group.as_str()).auto_offset_reset(reset);
    wanted.client = settings(matches)?;
    for pair in matches.opt_strs("consumer-property") {
        wanted.set_pair(&pair)?;
    }
    let asked = Asked {
        specs,
        group,
        from,
        count: number(matches, "max-messages")?.unwrap_or(u64::MAX),
        to_end: false,
        patience: number(matches, "timeout-ms")?.map(Duration::from_millis),
    };
    let printed = asked.print(wanted, &RecordFormat::of_kafka(&prints(matches)?))?;
    write_line(&format!("Processed a total of {printed} messages"));
    Ok(())
}

fn prints(matches: &Matches) -> Result<KafkaPrints, Failure> {
    let mut prints =
        KafkaPrints { key_separator: String::from("\t"), line_separator: String::from("\n"), ..Default::default() };
    for (name, value) in properties(matches, ["property", "formatter-property"])? {
        let is_true = value == "true";
        match name.as_str() {
            "print.timestamp" => prints.timestamp = is_true,
            "print.partition" => prints.partition = is_true,
            "print.offset" => prints.offset = is_true,
            "print.headers" => prints.headers = is_true,
            "print.key" => prints.key = is_true,
            "print.value" => prints.no_value = !is_true,
            "key.separator" => prints.key_separator = value,
            "line.separator" => prints.line_separator = value,
            _ => return Err(unknown(&name)),
        }
    }
    Ok(prints)
}
