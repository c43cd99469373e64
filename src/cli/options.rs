//! Options that commands share: where the configuration comes from.
//!
//! Always true: the command line wins over the environment, and that over the file, in any order.
//! Not done: no key is known here; [`Config`] judges them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use getopts::Matches;

use crate::base::{Error, Result};
use crate::cli::flags::{Flag, Takes};
use crate::config::{Config, Source};
use crate::os::fs;

pub const CONFIG: &[Flag] = &[
    Flag { short: "", name: "data", takes: Takes::One("DIR"), doc: "the data directory (key: log.dirs)" },
    Flag { short: "", name: "config", takes: Takes::One("FILE"), doc: "read keys from a properties file" },
    Flag {
        short: "",
        name: "set",
        takes: Takes::Each("KEY=VALUE"),
        doc: "set a key; sendlog --print-config lists all",
    },
];

/// The configuration that the shared options and the environment ask for.
pub fn config(matches: &Matches) -> Result<Config> {
    let mut config = Config::default();
    if let Some(path) = matches.opt_str("config") {
        let bytes = fs::read_following(&PathBuf::from(&path))
            .map_err(|error| Error::unusable(error.to_string(), "give --config a file that can be read"))?;
        config.set_from_properties(&String::from_utf8_lossy(&bytes))?;
    }
    matches.opt_strs("set").iter().try_for_each(|pair| config.set_pair(pair, Source::CommandLine))?;
    if let Some(folder) = matches.opt_str("data") {
        config.set("log.dirs", &folder, Source::CommandLine)?;
    }
    // Last, since it looks at what the others say.
    let text = |part: OsString| part.to_string_lossy().into_owned();
    config.set_from_environment(std::env::vars_os().map(|(name, value)| (text(name), text(value))))?;
    Ok(config)
}

/// Says in one line why a command does nothing.
pub fn refuse(error: &Error) -> ExitCode {
    note!(Error, "start_refused", [], "{error}");
    ExitCode::from(2)
}
