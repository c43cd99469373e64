//! Finds the command in the table, and runs it.

use std::process::ExitCode;

use sendlog::cli::COMMANDS;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let named = args.first().and_then(|name| COMMANDS.iter().find(|command| command.name == name));
    match named {
        Some(command) => (command.main)(&args[1..]),
        None => (COMMANDS[0].main)(&args),
    }
}
