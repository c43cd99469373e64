//! The command line, one file per command, and their table.

pub mod disk;
mod options;
pub mod server;
mod units;

use std::process::ExitCode;

/// A command: `sendlog NAME [options]`.
pub struct Command {
    pub name: &'static str,
    pub what: &'static str,
    pub main: fn(&[String]) -> ExitCode,
}

/// The first one is what `sendlog` without a command does.
pub const COMMANDS: &[Command] = &[
    Command { name: "server", what: "run the broker; the word may be left out", main: server::main },
    Command { name: "disk", what: "what each partition keeps, what goes next, and why", main: disk::main },
];

/// What `--help` says of the commands.
pub fn list_commands() -> String {
    let lines = COMMANDS.iter().map(|command| format!("    {:<10}{}\n", command.name, command.what));
    format!("\nCommands, each with its own --help:\n{}", lines.collect::<String>())
}
