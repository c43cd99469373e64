//! `sendlog [server]`: runs the broker until SIGTERM or SIGINT.
//!
//! Always true: `listening on HOST:PORT` is printed on stdout when the broker is ready to serve, and only then; it is the
//! first line, and one for each further listener follows.
//! Exit codes: 0 after a clean stop, 1 when something went wrong on the way down, 2 when it could not start.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;

use getopts::Options;

use crate::base::config::{markdown, Config, Source};
use crate::base::{Error, Result};
use crate::cli::harness::{self, Scratch};
use crate::os::{fs, signals};
use crate::server::{Server, WantedTopic};

const USAGE: &str = "Usage: sendlog [server] [options]

A message broker for one machine that speaks Apache Kafka's protocol. Without options it listens on both loopbacks,
port 9092, and keeps its data in ./data.";

const EXAMPLES: &str = "
Examples:
    sendlog --listen 127.0.0.1:0 --data /tmp/sendlog
    sendlog --ephemeral --exit-with-parent --listen 127.0.0.1:0 --topic orders:3
    sendlog --config server.properties --print-config
";

/// What the command line asks for.
struct Plan {
    config: Config,
    topics: Vec<WantedTopic>,
    /// Where the data is, if it is not kept.
    scratch: Option<Scratch>,
    exits_with_parent: bool,
    print: Option<Print>,
}

/// How the configuration is printed.
#[derive(Clone, Copy)]
enum Print {
    Properties,
    Markdown,
}

pub fn main(args: &[String]) -> ExitCode {
    let mut options = Options::new();
    options.optmulti("", "listen", "listen here; may be given several times (key: listeners)", "[NAME://]HOST:PORT");
    options.optopt("", "data", "the data directory (key: log.dirs)", "DIR");
    options.optopt("", "config", "read keys from a properties file", "FILE");
    options.optmulti("", "set", "set a key; --print-config lists all", "KEY=VALUE");
    options.optflag("", "ephemeral", "keep the data in a scratch directory, removed at exit; nothing is synced");
    options.optflag("", "exit-with-parent", "stop when the process that started this one has ended");
    options.optmulti(
        "",
        "topic",
        "a topic that is there from the start; may be given several times",
        "NAME:PARTITIONS",
    );
    let what = "print each key with its value, default and source, and exit; markdown: the table of docs/config.md";
    options.optflagopt("", "print-config", what, "markdown");
    options.optflag("h", "help", "print this, and exit");
    options.optflag("V", "version", "print the version, and exit");
    let matches = match options.parse(args) {
        Ok(matches) => matches,
        Err(error) => return refuse(&Error::unusable(error.to_string(), "--help lists the options")),
    };
    if matches.opt_present("help") {
        print!("{}{EXAMPLES}", options.usage(USAGE));
        return ExitCode::SUCCESS;
    }
    if matches.opt_present("version") {
        println!("sendlog {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    match plan(&matches) {
        Ok(plan) => match plan.print {
            None => run(plan),
            Some(print) => {
                say(&match print {
                    Print::Properties => plan.config.print(),
                    Print::Markdown => markdown(),
                });
                ExitCode::SUCCESS
            }
        },
        Err(error) => refuse(&error),
    }
}

fn plan(matches: &getopts::Matches) -> Result<Plan> {
    let mut config = Config::default();
    if let Some(path) = matches.opt_str("config") {
        let bytes = fs::read_following(&PathBuf::from(&path))
            .map_err(|error| Error::unusable(error.to_string(), "give --config a file that can be read"))?;
        config.set_from_properties(&String::from_utf8_lossy(&bytes))?;
    }
    matches.opt_strs("set").iter().try_for_each(|pair| config.set_pair(pair, Source::CommandLine))?;
    let listen = matches.opt_strs("listen");
    if !listen.is_empty() {
        config.set("listeners", &listen.join(","), Source::CommandLine)?;
    }
    if let Some(folder) = matches.opt_str("data") {
        config.set("log.dirs", &folder, Source::CommandLine)?;
    }
    if let Some(extra) = matches.free.first() {
        return Err(Error::unusable(format!("unexpected argument '{extra}'"), "--help lists the options"));
    }
    // Last, since it looks at what the others say.
    let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
    config.set_from_environment(std::env::vars_os().map(|(name, value)| (text(name), text(value))))?;
    let scratch = matches.opt_present("ephemeral").then(Scratch::new);
    if let Some(scratch) = &scratch {
        if config.source("log.dirs") == Source::CommandLine {
            return Err(Error::unusable("--ephemeral and --data contradict each other", "give one of them"));
        }
        config.set("log.dirs", &scratch.path().to_string_lossy(), Source::CommandLine)?;
        config.set("flush.mode", "os", Source::CommandLine)?;
    }
    let print = match (matches.opt_present("print-config"), matches.opt_str("print-config").as_deref()) {
        (false, _) => None,
        (true, None) => Some(Print::Properties),
        (true, Some("markdown")) => Some(Print::Markdown),
        (true, Some(other)) => {
            let cause = format!("--print-config={other} is not known");
            return Err(Error::unusable(cause, "write --print-config or --print-config=markdown"));
        }
    };
    let topics = matches.opt_strs("topic").iter().map(|text| harness::parse_topic(text)).collect::<Result<_>>()?;
    Ok(Plan { config, topics, scratch, exits_with_parent: matches.opt_present("exit-with-parent"), print })
}

/// Prints to stdout; whoever has closed that does not want it.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn run(plan: Plan) -> ExitCode {
    let Plan { config, topics, scratch, exits_with_parent, .. } = plan;
    let stop_asked = watch_signals(exits_with_parent, scratch.as_ref());
    if scratch.is_some() && config.text("log.page.cache") == "keep" {
        fs::sync_nothing();
    }
    let remarks = config.remarks().to_vec();
    let server = match Server::start(config, &topics) {
        Ok(server) => server,
        Err(error) => return refuse(&error),
    };
    remarks.iter().for_each(|remark| note!("{remark}"));
    say(&format!("listening on {}\n", server.address()));
    server.more_addresses().for_each(|address| say(&format!("also listening on {address}\n")));
    // The sender lives as long as the process.
    let _ = stop_asked.recv();
    let stopped = server.stop();
    drop(scratch);
    match stopped {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note!("not a clean stop, the next start recovers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The first signal asks for a stop, which a start that still recovers carries out when it is done; the second ends
/// the process at once.
fn watch_signals(exits_with_parent: bool, scratch: Option<&Scratch>) -> mpsc::Receiver<()> {
    signals::block();
    let (asked, receiver) = mpsc::channel();
    if exits_with_parent {
        harness::watch_parent(asked.clone());
    }
    let scratch = scratch.cloned();
    std::thread::spawn(move || {
        signals::wait();
        let _ = asked.send(());
        signals::wait();
        note!("stopping at once: a second signal came");
        drop(scratch);
        std::process::exit(1);
    });
    receiver
}

fn refuse(error: &Error) -> ExitCode {
    note!("sendlog: {error}");
    ExitCode::from(2)
}
