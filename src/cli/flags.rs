//! A command's options as data: getopts parses by them, `--help`, the manual and completions list them.

use std::process::ExitCode;

use getopts::{Matches, Options};

use crate::base::Error;
use crate::cli::options::refuse;
use crate::cli::{say, Command, COMMANDS};

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
    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> + '_ {
        self.flags.iter().flat_map(|flags| flags.iter())
    }

    /// The options among `args`; an exit code when the answer was a text, or a refusal.
    pub fn parse(&self, args: &[String]) -> Result<Matches, ExitCode> {
        let options = self.options();
        let matches = options
            .parse(args)
            .map_err(|error| refuse(&Error::unusable(error.to_string(), "--help lists the options")))?;
        if matches.opt_present("help") {
            say(&self.help(&options));
            return Err(ExitCode::SUCCESS);
        }
        match matches.free.first().filter(|_| self.operands.is_empty()) {
            Some(extra) => {
                let cause = format!("unexpected argument '{extra}'");
                Err(refuse(&Error::unusable(cause, "--help lists the options and the commands")))
            }
            None => Ok(matches),
        }
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
        format!("sendlog {name} [options]{operands}")
    }

    fn help(&self, options: &Options) -> String {
        let mut text = options.usage(&format!("Usage: {}\n\n{}", self.synopsis(), self.about));
        if self.name == COMMANDS[0].name {
            text += "\nCommands, each with its own --help:\n";
            for command in COMMANDS {
                text += &format!("    {:<13}{}\n", command.name, command.what);
            }
        }
        if !self.examples.is_empty() {
            text += "\nExamples:\n";
            self.examples.iter().for_each(|example| text += &format!("    {example}\n"));
        }
        text
    }
}
