//! The command line: one file per command, and their table, from which `--help`, the manual and shell completions come.
//!
//! `server`, `disk`, `dump-log`, `explain` and `graduate` work on this machine's files; the others ask a broker, through [`crate::client`]
//! ([`remote`] has what they share).
//!
//! Always true: a command that is not in the table does not exist; help, manual and completions cannot forget one.
//! Not done: nothing is asked back: a command does what its words say, or ends and says why not.

mod completions;
mod configs;
mod consume;
pub mod disk;
pub mod dump_log;
mod explain;
mod flags;
mod format;
pub mod graduate;
mod groups;
mod harness;
pub mod kafka_names;
mod log_lines;
mod manual;
mod mirror;
mod offsets;
mod options;
mod perf;
mod place;
mod produce;
mod remote;
pub mod server;
mod table;
mod tap;
mod topics;
mod units;

use std::io::Write;
use std::process::ExitCode;

use getopts::Matches;

use crate::base::{one_line, write_line};
use flags::Flag;

/// A command: `sendlog NAME [options]`.
pub struct Command {
    /// A subcommand's begins with its command's: `topics create`.
    pub name: &'static str,
    pub what: &'static str,
    /// What it takes beside options, such as `bash|fish|zsh`.
    pub operands: &'static str,
    /// Some sentences for `--help` and the manual.
    pub about: &'static str,
    pub flags: &'static [&'static [Flag]],
    pub examples: &'static [&'static str],
    /// One of these words has to follow, if there are any.
    pub subcommands: &'static [Command],
    pub main: fn(&Matches) -> ExitCode,
}

/// The first one is what `sendlog` without a command does.
pub const COMMANDS: &[Command] = &[
    server::COMMAND,
    topics::COMMAND,
    produce::COMMAND,
    consume::COMMAND,
    groups::COMMAND,
    configs::COMMAND,
    offsets::COMMAND,
    mirror::COMMAND,
    perf::COMMAND,
    disk::COMMAND,
    tap::COMMAND,
    dump_log::COMMAND,
    explain::COMMAND,
    graduate::COMMAND,
    completions::COMMAND,
    manual::COMMAND,
];

/// Finds the command in the table, and runs it; under the name of one of Kafka's tools it is that tool.
pub fn main(program: &str, args: &[String]) -> ExitCode {
    if let Some(tool) = kafka_names::tool(program) {
        return tool.parse(args).map_or_else(|code| code, |matches| (tool.main)(&matches));
    }
    let (mut command, mut args) = (&COMMANDS[0], args);
    let mut words = COMMANDS;
    while let Some(named) = args.first().and_then(|word| words.iter().find(|named| named.word() == word)) {
        (command, args) = (named, &args[1..]);
        words = command.subcommands;
    }
    command.parse(args).map_or_else(|code| code, |matches| (command.main)(&matches))
}

/// Every command and every subcommand, in the order of the tables.
fn all_commands() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().flat_map(|command| std::iter::once(command).chain(command.subcommands))
}

/// Says in a line on stderr what is not done.
fn complain(why: &str) {
    write_line(&format!("sendlog: {}", one_line(why)));
}

/// Prints to stdout; whoever has closed that does not want it.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
