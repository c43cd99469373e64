//! The command line: one file per command, and their table, from which `--help`, the manual and shell completions come.

mod completions;
pub mod disk;
mod flags;
mod harness;
mod manual;
mod options;
pub mod server;
mod units;

use std::io::Write;
use std::process::ExitCode;

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
    pub main: fn(&Command, &[String]) -> ExitCode,
}

/// The first one is what `sendlog` without a command does.
pub const COMMANDS: &[Command] = &[server::COMMAND, disk::COMMAND, completions::COMMAND, manual::COMMAND];

/// Finds the command in the table, and runs it.
pub fn main(args: &[String]) -> ExitCode {
    let named = args.first().and_then(|name| COMMANDS.iter().find(|command| command.name == name));
    match named {
        Some(command) => (command.main)(command, &args[1..]),
        None => (COMMANDS[0].main)(&COMMANDS[0], args),
    }
}

/// Prints to stdout; whoever has closed that does not want it.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
