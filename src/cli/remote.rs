//! What the commands that ask a broker share: where it is, the client's settings, and how they end.
//!
//! Exit codes: 0 when all was done, 1 when the broker refused something or could not be reached, 2 when the command line is
//! wrong and nobody was asked.
//!
//! Always true: whatever is not done has a line on stderr that says why and, where that is known, what to do.
//! Not done: no secrets: there is no authentication to have them for.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use getopts::Matches;

use crate::cli::complain;
use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::table::Format;
use crate::client::{Admin, ClientSettings, Each, Error, Result as Answer};
use crate::os::{signals, threads};

pub const BROKER: &[Flag] = &[
    Flag {
        short: "b",
        name: "bootstrap-server",
        takes: Takes::One("HOST:PORT"),
        doc: "a broker to begin with, or several separated by commas; without it 127.0.0.1:9092",
    },
    Flag {
        short: "X",
        name: "property",
        takes: Takes::Each("SETTING=VALUE"),
        doc: "a setting of the client under Kafka's name, such as request.timeout.ms=5000",
    },
    HELP,
];

pub const FORMAT: &[Flag] =
    &[Flag { short: "", name: "format", takes: Takes::One("text|json"), doc: "json: an object on each line" }];

/// Why a command ends without having done all of what it should.
#[derive(Debug)]
pub enum Failure {
    /// The command line is wrong.
    Usage(String),
    Failed(String),
    /// The lines on stderr were written already.
    Told,
}

pub type Done = Result<(), Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Failed(error.to_string())
    }
}

/// A command line that cannot be followed: the cause, and the mend.
pub fn usage(cause: impl Into<String>, mend: &str) -> Failure {
    Failure::Usage(format!("{}; {mend}", cause.into()))
}

/// Says why, if it is not done; the exit code.
pub fn end(done: Done) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        Err(Failure::Failed(why)) => {
            complain(&why);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(why)) => {
            complain(&why);
            ExitCode::from(2)
        }
    }
}

/// What became of each: what was done goes to `tell`, what was not is complained of.
pub fn each<K, T>(each: Each<K, T>, mut tell: impl FnMut(K, T)) -> Done {
    let mut done = Ok(());
    for (key, answer) in each {
        match answer {
            Ok(answer) => tell(key, answer),
            Err(error) => {
                complain(&error.to_string());
                done = Err(Failure::Told);
            }
        }
    }
    done
}

/// The settings that the command line has, put into `set` as pairs.
pub fn settings(matches: &Matches, mut set: impl FnMut(&str) -> Answer<()>) -> Done {
    let server = matches.opt_str("bootstrap-server").map(|address| format!("bootstrap.servers={address}"));
    let pairs = server.into_iter().chain(matches.opt_strs("property"));
    for pair in pairs {
        set(&pair).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    Ok(())
}

/// A connection to the broker that the command line names.
pub fn connect(matches: &Matches) -> Result<Admin, Failure> {
    let mut client = ClientSettings::default();
    settings(matches, |pair| client.set_pair(pair))?;
    reach(client)
}

/// The same with settings that were read before: fails at once where nobody answers.
pub fn reach(client: ClientSettings) -> Result<Admin, Failure> {
    Admin::connect(client).map_err(|error| match error {
        Error::Unreachable { whom, why, .. } => {
            Error::Unreachable { what: String::from("--bootstrap-server"), whom, why }.into()
        }
        Error::Invalid { .. } => Failure::Usage(error.to_string()),
        other => other.into(),
    })
}

/// Set by the first signal; the second one ends the process at once.
pub fn watch_signals() -> Result<Arc<AtomicBool>, Failure> {
    signals::block();
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    let watch = move || {
        signals::wait();
        asked.store(true, Ordering::Relaxed);
        signals::wait();
        std::process::exit(1);
    };
    threads::start("signals", threads::STACK_BYTES, watch)
        .map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))?;
    Ok(stop)
}

pub fn format(matches: &Matches) -> Result<Format, Failure> {
    match matches.opt_str("format").as_deref() {
        None | Some("text") => Ok(Format::Text),
        Some("json") => Ok(Format::Json),
        Some(other) => Err(usage(format!("there is no format '{other}'"), "write --format text or json")),
    }
}

/// The number behind a flag, if the flag is there.
pub fn number<T: std::str::FromStr>(matches: &Matches, flag: &str) -> Result<Option<T>, Failure> {
    let parse = |text: String| {
        text.parse()
            .map_err(|_| usage(format!("--{flag} {text}: that is no number that fits"), "write digits"))
    };
    matches.opt_str(flag).map(parse).transpose()
}

/// `KEY=VALUE` behind a flag.
pub fn pairs(matches: &Matches, flag: &str) -> Result<Vec<(String, String)>, Failure> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_string(), value.to_string())),
        _ => Err(usage(format!("--{flag} {text}: there is no ="), "write NAME=VALUE")),
    };
    matches.opt_strs(flag).iter().map(pair).collect()
}

/// What stands beside the options, one or more.
pub fn names<'a>(matches: &'a Matches, what: &str) -> Result<Vec<&'a str>, Failure> {
    match matches.free.is_empty() {
        true => Err(usage(format!("no {what} is named"), &format!("write the name of a {what}"))),
        false => Ok(matches.free.iter().map(String::as_str).collect()),
    }
}

/// The one thing that stands beside the options.
pub fn name<'a>(matches: &'a Matches, what: &str) -> Result<&'a str, Failure> {
    match names(matches, what)?[..] {
        [name] => Ok(name),
        _ => Err(usage(format!("there is more than one {what}: {}", matches.free.join(" ")), "name one")),
    }
}
