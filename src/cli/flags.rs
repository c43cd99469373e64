//! A command's options as data: getopts parses by them, `--help`, the manual and completions list them.
//!
//! Always true: what is parsed is what is listed; a word that a command does not know is refused with the cause and the
//! mend, never ignored.
//! Not done: values are judged by the commands.

use std::process::ExitCode;

use getopts::{Matches, Options};

use crate::base::Error;
use crate::cli::options::refuse;
use crate::cli::{complain, say, Command, COMMANDS};

pub struct Flag {
    /// One letter; empty without.
    pub short: &'static str,
    pub name: &'static str,
    pub takes: Takes,
    pub doc: &'static str,
}

/// What follows a flag, by the name that it has in texts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    One(&'static str),
    /// The flag may be given several times.
    Each(&'static str),
    /// Behind a `=`, or nothing.
    Perhaps(&'static str),
}

/// What every command has.
pub const HELP: Flag = Flag { short: "h", name: "help", takes: Takes::Nothing, doc: "print this, and exit" };

impl Command {
    /// One that the binary is under a name of Kafka's.
    fn is_kafkas(&self) -> bool {
        self.name.starts_with("kafka-")
    }

    /// The word that calls it: the last one of its name.
    pub fn word(&self) -> &'static str {
        self.name.rsplit(' ').next().expect("a split gives one part at least")
    }

    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> + '_ {
        self.flags.iter().flat_map(|flags| flags.iter())
    }

    /// The options among `args`; an exit code when the answer was a text, or a refusal.
    pub fn parse(&self, args: &[String]) -> Result<Matches, ExitCode> {
        let options = self.options();
        let matches = options
            .parse(args)
            .map_err(|error| self.refuse(&Error::unusable(error.to_string(), "--help lists the options")))?;
        if matches.opt_present("help") {
            say(&self.help(&options));
            return Err(ExitCode::SUCCESS);
        }
        if !self.subcommands.is_empty() {
            return Err(self.refuse(&self.lacks_word(matches.free.first())));
        }
        match matches.free.first().filter(|_| self.operands.is_empty()) {
            Some(extra) => {
                let cause = format!("unexpected argument '{extra}'");
                Err(self.refuse(&Error::unusable(cause, "--help lists the options and the commands")))
            }
            None => Ok(matches),
        }
    }

    /// The broker logs why it does not start; a command just says it.
    fn refuse(&self, error: &Error) -> ExitCode {
        if self.name == COMMANDS[0].name {
            return refuse(error);
        }
        complain(&error.to_string());
        // Kafka's tools know one code.
        if self.is_kafkas() {
            ExitCode::FAILURE
        } else {
            ExitCode::from(2)
        }
    }

    /// What stands where one of its subcommands should.
    fn lacks_word(&self, instead: Option<&String>) -> Error {
        let words: Vec<&str> = self.subcommands.iter().map(Command::word).collect();
        let cause = match instead {
            Some(other) => format!("sendlog {} has no command '{other}'", self.name),
            None => format!("sendlog {} needs the name of a command", self.name),
        };
        Error::unusable(cause, format!("write one of {}", words.join(", ")))
    }

    fn options(&self) -> Options {
        let mut options = Options::new();
        for Flag { short, name, takes, doc } in self.all_flags() {
            match takes {
                Takes::Nothing => options.optflag(short, name, doc),
                Takes::One(value) => options.optopt(short, name, doc, value),
                Takes::Each(value) => options.optmulti(short, name, doc, value),
                Takes::Perhaps(value) => options.optflagopt(short, name, doc, value),
            };
        }
        options
    }

    /// `sendlog [server] [options]`
    pub fn synopsis(&self) -> String {
        let name = if self.name == COMMANDS[0].name { format!("[{}]", self.name) } else { self.name.to_string() };
        let operands = if self.operands.is_empty() { String::new() } else { format!(" {}", self.operands) };
        match self.subcommands.is_empty() {
            _ if self.is_kafkas() => format!("{name}.sh [options]{operands}"),
            true => format!("sendlog {name} [options]{operands}"),
            false => format!("sendlog {name} COMMAND [options]"),
        }
    }

    fn help(&self, options: &Options) -> String {
        let mut text = options.usage(&format!("Usage: {}\n\n{}", self.synopsis(), self.about));
        if self.name == COMMANDS[0].name {
            text += "\nCommands, each with its own --help:\n";
            for command in COMMANDS {
                text += &format!("    {:<13}{}\n", command.name, command.what);
            }
        }
        if !self.subcommands.is_empty() {
            text += "\nCommands, each with its own --help:\n";
            self.subcommands.iter().for_each(|c| text += &format!("    {:<15}{}\n", c.word(), c.what));
        }
        if !self.examples.is_empty() {
            text += "\nExamples:\n";
            self.examples.iter().for_each(|example| text += &format!("    {example}\n"));
        }
        text
    }
}
