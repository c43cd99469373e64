//! `sendlog man`: the manual page, made from the tables of commands and of keys (man-pages(7), groff_man(7)).
//!
//! Always true: every command, flag and key of the tables is in it, and nothing else.
//! Not done: one page for all commands, none for each.

use std::process::ExitCode;

use getopts::Matches;

use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::{all_commands, say, Command, COMMANDS};
use crate::config::KEYS;

pub const COMMAND: Command = Command {
    name: "man",
    what: "the manual page",
    operands: "",
    about: "Prints the manual page, for man(1).",
    flags: &[&[HELP]],
    examples: &["sendlog man >/usr/local/share/man/man1/sendlog.1", "sendlog man | man -l -"],
    subcommands: &[],
    main,
};

fn main(_: &Matches) -> ExitCode {
    say(&page());
    ExitCode::SUCCESS
}

fn page() -> String {
    let mut page = format!(".TH SENDLOG 1 \"\" \"sendlog {}\" \"User Commands\"\n", env!("CARGO_PKG_VERSION"));
    page += ".SH NAME\nsendlog \\- message broker for one machine that speaks Apache Kafka's protocol\n.SH SYNOPSIS\n";
    for command in all_commands().filter(|command| command.subcommands.is_empty()) {
        page += &format!(".B {}\n.br\n", text(&command.synopsis()));
    }
    page += ".SH DESCRIPTION\n";
    page += &text(COMMANDS[0].about);
    page += "\n.PP\nIt prints \"listening on HOST:PORT\" when it is ready. SIGTERM and SIGINT finish what is in flight and flush; a second \
             signal ends it at once.\n.SH COMMANDS\n";
    for command in all_commands() {
        page += &format!(".SS {}\n{}\n", command.name, text(command.about));
        command.all_flags().for_each(|flag| page += &describe(flag));
    }
    page += ".SH EXIT STATUS\nThe broker: 0 after a clean stop, 1 when something went wrong on the way down, 2 when it could not start. Commands \
             that ask a broker: 0 when all was done, 1 when something was refused or failed, 2 when the command line is wrong. A line \
             on stderr says why.\n.SH KEYS\nIn the properties file as KEY=VALUE, on the command line with \\-\\-set, in the environment as \
             KAFKA_ and the name in capitals with _ for a dot.\n";
    for key in KEYS {
        let default = if key.default.is_empty() { "empty" } else { key.default };
        page += &format!(".TP\n.B {}\n{} Default: {}.\n", text(key.name), text(key.doc), text(default));
    }
    page += ".SH EXAMPLES\n.nf\n";
    for example in all_commands().flat_map(|command| command.examples) {
        page += &format!("{}\n", text(example));
    }
    page + ".fi\n"
}

fn describe(flag: &Flag) -> String {
    let short = if flag.short.is_empty() { String::new() } else { format!("\\-{}, ", flag.short) };
    let value = match flag.takes {
        Takes::Nothing => String::new(),
        Takes::One(value) | Takes::Each(value) => format!(" {value}"),
        Takes::Perhaps(value) => format!("[={value}]"),
    };
    format!(".TP\n.B {short}\\-\\-{}{value}\n{}\n", text(flag.name), text(flag.doc))
}

/// As roff reads it: a hyphen that can be copied, and no line that begins as a request.
fn text(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    let lines =
        escaped
            .lines()
            .map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_string() });
    lines.collect::<Vec<_>>().join("\n")
}
