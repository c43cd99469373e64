//! The command line: one file per command, and their table, from which `--help`, the manual and shell completions come.

mod completions;
pub mod disk;
pub mod dump_log;
mod flags;
mod harness;
mod manual;
mod options;
pub mod server;
mod units;

use std::io::Write;
use std::process::ExitCode;

use getopts::Matches;

use flags::Flag;

/// A command: `sendlog NAME [options]`.
pub struct Command {
    pub name: &'static str,
    pub what: &'static str,
    /// What it takes beside options, such as `bash|fish|zsh`.
    pub operands: &'static str,
    /// Some sentences for `--help` and the manual.
    pub about: &'static str,
    pub flags: &'static [&'static [Flag]],
    pub examples: &'static [&'static str],
    pub main: fn(&Matches) -> ExitCode,
}

/// The first one is what `sendlog` without a command does.
pub const COMMANDS: &[Command] =
    &[server::COMMAND, disk::COMMAND, dump_log::COMMAND, completions::COMMAND, manual::COMMAND];

/// Finds the command in the table, and runs it.
pub fn main(args: &[String]) -> ExitCode {
    let named = args.first().and_then(|name| COMMANDS.iter().find(|command| command.name == name));
    let (command, args) = named.map_or((&COMMANDS[0], args), |command| (command, &args[1..]));
    command.parse(args).map_or_else(|code| code, |matches| (command.main)(&matches))
}

/// Prints to stdout; whoever has closed that does not want it.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
