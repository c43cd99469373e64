//! The binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let (program, args) = args.split_first().map_or(("sendlog", &[][..]), |(program, args)| (program.as_str(), args));
    sendlog::cli::main(program, args)
}
