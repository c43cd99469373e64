//! Options that commands share: where the configuration comes from.
//!
//! Always true: the command line wins over the file, in any order.

use std::path::PathBuf;
use std::process::ExitCode;

use getopts::{Matches, Options};

use crate::base::config::{Config, Source};
use crate::base::{Error, Result};
use crate::os::fs;

pub fn add(options: &mut Options) {
    options.optopt("", "data", "the data directory (key: log.dirs)", "DIR");
    options.optopt("", "config", "read keys from a properties file", "FILE");
    options.optmulti("", "set", "set a key; sendlog --print-config lists all", "KEY=VALUE");
}

/// The configuration that the shared options ask for.
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
    Ok(config)
}

/// Says in one line why a command does nothing.
pub fn refuse(error: &Error) -> ExitCode {
    note!(Error, "start_refused", [], "{error}");
    ExitCode::from(2)
}
