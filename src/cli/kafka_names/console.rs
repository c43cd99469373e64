//! `kafka-console-producer.sh` and `kafka-console-consumer.sh`: Kafka's flags, read for `sendlog produce` and `consume`.
//!
//! Always true: a flag of Kafka's either does what Kafka's does or is refused.
//! Not done: serializers, readers and formatters of one's own; compression.

use std::time::Duration;

use getopts::Matches;

use super::{config_file, end_as_kafka, nothing, one, required, several, BROKER};
use crate::base::write_line;
use crate::cli::consume::Asked;
use crate::cli::format::{KafkaPrints, RecordFormat};
use crate::cli::place::Place;
use crate::cli::produce::{LineHeaders, Rules, MAX_BLOCK_MS};
use crate::cli::remote::{number, Done, Failure};
use crate::cli::Command;
use crate::client::{ConsumerSettings, ProducerSettings};

pub const PRODUCER: Command = Command {
    name: "kafka-console-producer",
    what: "Kafka's tool that sends lines",
    operands: "",
    about: "Sends each line of stdin as a record, with Kafka's flags.",
    flags: &[
        &[
            one("topic", "TOPIC", "into this topic"),
            several("property", "NAME=VALUE", "parse.key, parse.headers, ignore.error =true; key.separator, headers.delimiter, null.marker, ... =TEXT"),
            several("reader-property", "NAME=VALUE", "the same"),
            several("producer-property", "NAME=VALUE", "a setting of the client"),
            one("producer.config", "FILE", "a file of such settings"),
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
            one("consumer.config", "FILE", "a file of such settings"),
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
fn properties<const N: usize>(matches: &Matches, flags: [&str; N]) -> Result<Vec<(String, String)>, Failure> {
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
    config_file(matches, "producer.config", |name, value| wanted.set(name, value))?;
    wanted.set("bootstrap.servers", &required(matches, "bootstrap-server")?)?;
    for pair in matches.opt_strs("producer-property") {
        wanted.set_pair(&pair)?;
    }
    if let Some(acks) = matches.opt_str("request-required-acks") {
        wanted.set("acks", &acks)?;
    }
    let rules = rules(&topic, properties(matches, ["property", "reader-property"])?)?;
    rules.send(wanted, false)
}

/// How lines become records (Kafka's `LineMessageReader`).
fn rules(topic: &str, properties: Vec<(String, String)>) -> Result<Rules<'_>, Failure> {
    let (mut has_keys, mut has_headers, mut is_strict, mut null_marker) = (false, false, true, None);
    let mut separator = b"\t".to_vec();
    let (tab, comma, colon) = (b"\t".to_vec(), b",".to_vec(), b":".to_vec());
    let mut headers = LineHeaders { delimiter: tab, separator: comma, key_separator: colon };
    for (name, value) in properties {
        let is_true = value == "true";
        let bytes = value.into_bytes();
        if bytes.is_empty() && !name.starts_with("null") {
            return Err(Failure::Usage(format!("the property {name} is empty")));
        }
        match name.as_str() {
            "parse.key" => has_keys = is_true,
            "parse.headers" => has_headers = is_true,
            "ignore.error" => is_strict = !is_true,
            "key.separator" => separator = bytes,
            "headers.delimiter" => headers.delimiter = bytes,
            "headers.separator" => headers.separator = bytes,
            "headers.key.separator" => headers.key_separator = bytes,
            "null.marker" => null_marker = Some(bytes),
            _ => return Err(unknown(&name)),
        }
    }
    Ok(Rules {
        topic,
        partition: None,
        separator: Some(separator).filter(|_| has_keys),
        headers: Vec::new(),
        empty_is_null: false,
        line_headers: Some(headers).filter(|_| has_headers),
        is_strict,
        null_marker,
    })
}

fn consume(matches: &Matches) -> Done {
    let topic = required(matches, "topic")?;
    let (wanted, group, from_beginning) = consumer_settings(matches)?;
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

/// What flags, properties and a file say; the group, and whether reading begins at the beginning.
fn consumer_settings(matches: &Matches) -> Result<(ConsumerSettings, String, bool), Failure> {
    let mut wanted = ConsumerSettings::default();
    let (mut group, mut from_beginning) = (String::new(), false);
    let mut set = |name: &str, value: &str| {
        match name {
            "group.id" => group = value.to_string(),
            "auto.offset.reset" => from_beginning = value == "earliest",
            _ => {}
        }
        wanted.set(name, value)
    };
    config_file(matches, "consumer.config", &mut set)?;
    for (name, value) in properties(matches, ["consumer-property"])? {
        set(&name, &value)?;
    }
    set("bootstrap.servers", &required(matches, "bootstrap-server")?)?;
    if let Some(name) = matches.opt_str("group") {
        set("group.id", &name)?;
    }
    if matches.opt_present("from-beginning") {
        set("auto.offset.reset", "earliest")?;
    }
    Ok((wanted, group, from_beginning))
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
