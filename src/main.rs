//! The command table.

use std::process::ExitCode;

use sendlog::cli;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((command, rest)) if command == "server" => cli::server::main(rest),
        _ => cli::server::main(&args),
    }
}
