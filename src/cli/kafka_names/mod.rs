//! The binary under the names of Kafka's tools: `ln -s sendlog kafka-topics.sh`, and scripts go on as they are.
//!
//! Each tool takes Kafka's flags, those that are used every day, and prints what Kafka's prints to stdout, line by line; it
//! needs no JVM. The work is done by what `sendlog`'s own commands use.
//!
//! Always true: a flag that is not known here is refused, never ignored. The exit code is 1 for whatever goes wrong, as
//! Kafka's, and 0 for what Kafka's tools complain of and call done.
//! Not done: patterns of topics, what belongs to several brokers; stderr has a line where Kafka's tools show a stack.

mod configs;
mod console;
mod dump_log;
mod groups;
mod java;
mod offsets;
mod perf;
mod resets;
mod topics;

use std::path::Path;
use std::process::ExitCode;

use getopts::Matches;

use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::remote::{end, Done, Failure};
use crate::cli::Command;
use crate::client::{Admin, ClientSettings, Error};
use crate::config::properties;
use crate::os::fs;

/// By the names that Kafka's scripts have.
pub const TOOLS: &[Command] = &[
    topics::COMMAND,
    console::PRODUCER,
    console::CONSUMER,
    groups::COMMAND,
    configs::COMMAND,
    offsets::COMMAND,
    perf::PRODUCER,
    perf::CONSUMER,
    dump_log::COMMAND,
];

/// The tool that a program's name asks for, with or without a folder and `.sh`.
pub fn tool(program: &str) -> Option<&'static Command> {
    let name = program.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".sh").unwrap_or(name);
    TOOLS.iter().find(|tool| tool.name == name)
}

const fn nothing(name: &'static str, doc: &'static str) -> Flag {
    Flag { short: "", name, takes: Takes::Nothing, doc }
}

const fn one(name: &'static str, value: &'static str, doc: &'static str) -> Flag {
    Flag { short: "", name, takes: Takes::One(value), doc }
}

const fn several(name: &'static str, value: &'static str, doc: &'static str) -> Flag {
    Flag { short: "", name, takes: Takes::Each(value), doc }
}

const BROKER: &[Flag] =
    &[one("bootstrap-server", "HOST:PORT", "a broker to begin with, or several separated by commas"), HELP];

/// Of the tools that administer.
const ADMIN: &[Flag] = &[one("command-config", "FILE", "a file with settings of the client")];

/// Kafka's tools know one exit code for what goes wrong.
fn end_as_kafka(done: Done) -> ExitCode {
    match end(done) {
        code if code == ExitCode::SUCCESS => code,
        _ => ExitCode::FAILURE,
    }
}

/// Kafka's tools have no default for the broker's address.
fn settings(matches: &Matches) -> Result<ClientSettings, Failure> {
    let address = required(matches, "bootstrap-server")?;
    let mut client = ClientSettings::default();
    config_file(matches, "command-config", |name, value| client.set(name, value))?;
    client.set("bootstrap.servers", &address)?;
    Ok(client)
}

/// The settings of a properties file that a flag names; a name that `set` does not know is an error.
fn config_file(
    matches: &Matches,
    flag: &str,
    mut set: impl FnMut(&str, &str) -> crate::client::Result<()>,
) -> Result<(), Failure> {
    let Some(path) = matches.opt_str(flag) else { return Ok(()) };
    let bytes = fs::read_following(Path::new(&path)).map_err(|error| Failure::Usage(format!("--{flag}: {error}")))?;
    for (name, value) in properties::parse(&String::from_utf8_lossy(&bytes)) {
        let value = value.unwrap_or_default();
        // What has no encryption and no login, which is all that is known here.
        if (name.as_str(), value.as_str()) != ("security.protocol", "PLAINTEXT") {
            set(&name, &value).map_err(|error| Failure::Usage(format!("--{flag} {path}: {error}")))?;
        }
    }
    Ok(())
}

fn connect(matches: &Matches) -> Result<Admin, Failure> {
    crate::cli::remote::reach(settings(matches)?)
}

/// The one of these flags that is given, which are a tool's actions.
fn action(matches: &Matches, actions: &[&'static str]) -> Result<&'static str, Failure> {
    let given: Vec<&str> = actions.iter().copied().filter(|action| matches.opt_present(action)).collect();
    match given[..] {
        [_] => Ok(actions.iter().find(|action| **action == given[0]).expect("it is one of them")),
        _ => {
            let all: Vec<String> = actions.iter().map(|action| format!("--{action}")).collect();
            Err(Failure::Usage(format!("Command must include exactly one action: {}", all.join(", "))))
        }
    }
}

/// A flag that an action needs.
fn required(matches: &Matches, flag: &str) -> Result<String, Failure> {
    let missing = || Failure::Usage(format!("Missing required argument \"[{flag}]\""));
    matches.opt_str(flag).ok_or_else(missing)
}

/// What the broker said, without what we add to it.
fn message(error: &Error) -> String {
    match error {
        Error::Refused { message, .. } if !message.is_empty() => message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_by_the_last_part_of_a_path() {
        for (program, name) in [
            ("kafka-topics.sh", Some("kafka-topics")),
            ("/opt/kafka/bin/kafka-console-consumer.sh", Some("kafka-console-consumer")),
            ("./kafka-get-offsets", Some("kafka-get-offsets")),
            ("/usr/bin/sendlog", None),
            ("kafka-topics.sh/", None),
            ("", None),
        ] {
            assert_eq!(tool(program).map(|tool| tool.name), name, "{program}");
        }
    }
}
