//! `sendlog [server]`: runs the broker until SIGTERM or SIGINT.
//!
//! Always true: `listening on HOST:PORT` is printed on stdout when the broker is ready to serve, and only then; it is the
//! first line, and one for each further listener follows.
//! Exit codes: 0 after a clean stop, 1 when something went wrong on the way down, 2 when it could not start.
//! Not done: it does not become a daemon; that is for whoever starts it.

use std::io;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use getopts::Matches;

use crate::admin::{self, Admin};
use crate::base::{Error, Result};
use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::harness::{self, Scratch};
use crate::cli::{log_lines, options, say, Command};
use crate::config::{markdown, Config, Source};
use crate::os::{fs, memory, signals, threads};
use crate::server::Server;
use crate::topic::wanted::WantedTopic;

pub const COMMAND: Command = Command {
    name: "server",
    what: "run the broker; the word may be left out",
    operands: "",
    about: "A message broker for one machine that speaks Apache Kafka's protocol. Without options it listens on both loopbacks,
port 9092, and keeps its data in ./data.",
    flags: &[LISTEN, options::CONFIG, FLAGS],
    examples: &[
        "sendlog --listen 127.0.0.1:0 --data /tmp/sendlog",
        "sendlog --ephemeral --exit-with-parent --listen 127.0.0.1:0 --topic orders:3",
        "sendlog --config server.properties --print-config",
    ],
    subcommands: &[],
    main,
};

const LISTEN: &[Flag] = &[Flag {
    short: "",
    name: "listen",
    takes: Takes::Each("[NAME://]HOST:PORT"),
    doc: "listen here; may be given several times (key: listeners)",
}];

const FLAGS: &[Flag] = &[
    Flag {
        short: "",
        name: "ephemeral",
        takes: Takes::Nothing,
        doc: "keep the data in a scratch directory, removed at exit; nothing is synced",
    },
    Flag {
        short: "",
        name: "read-only",
        takes: Takes::Nothing,
        doc: "serve the data as it is, sendlog's or Kafka's, and change nothing in it (key: read.only)",
    },
    Flag {
        short: "",
        name: "exit-with-parent",
        takes: Takes::Nothing,
        doc: "stop when the process that started this one has ended",
    },
    Flag {
        short: "",
        name: "topic",
        takes: Takes::Each("NAME:PARTITIONS"),
        doc: "a topic that is there from the start; may be given several times",
    },
    Flag {
        short: "",
        name: "print-config",
        takes: Takes::Perhaps("markdown"),
        doc: "print each key with its value, default and source, and exit; markdown: the table of docs/config.md",
    },
    HELP,
    Flag { short: "V", name: "version", takes: Takes::Nothing, doc: "print the version, and exit" },
];

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

fn main(matches: &Matches) -> ExitCode {
    if matches.opt_present("version") {
        say(&format!("sendlog {}\n", env!("CARGO_PKG_VERSION")));
        return ExitCode::SUCCESS;
    }
    memory::limit_arenas();
    match plan(matches) {
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
        Err(error) => options::refuse(&error),
    }
}

fn plan(matches: &Matches) -> Result<Plan> {
    let mut config = options::config(matches)?;
    let listen = matches.opt_strs("listen");
    if !listen.is_empty() {
        config.set("listeners", &listen.join(","), Source::CommandLine)?;
    }
    if matches.opt_present("read-only") {
        if matches.opt_present("ephemeral") {
            return Err(Error::unusable("--ephemeral and --read-only contradict each other", "give one of them"));
        }
        config.set("read.only", "true", Source::CommandLine)?;
    }
    if config.flag("read.only") {
        config.set("flush.mode", "os", Source::CommandLine)?; // nothing to flush
    }
    let scratch = matches.opt_present("ephemeral").then(Scratch::new);
    if let Some(scratch) = &scratch {
        if config.source("log.dirs") == Source::CommandLine {
            return Err(Error::unusable("--ephemeral and --data contradict each other", "give one of them"));
        }
        config.set("log.dirs", &scratch.path().to_string_lossy(), Source::CommandLine)?;
        config.set("flush.mode", "os", Source::CommandLine)?;
        if config.source("admin.listener") == Source::Default {
            config.set("admin.listener", "", Source::CommandLine)?;
        }
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

fn run(plan: Plan) -> ExitCode {
    let Plan { config, topics, scratch, exits_with_parent, .. } = plan;
    let stop_asked = match watch_signals(exits_with_parent, scratch.as_ref()) {
        Ok(asked) => asked,
        Err(error) => return options::refuse(&Error::unusable("cannot start a thread", error.to_string())),
    };
    if scratch.is_some() && config.text("log.page.cache") == "keep" {
        fs::sync_nothing();
    }
    log_lines::install(&config);
    let remarks = config.remarks().to_vec();
    let (server, page) = match start(config, &topics) {
        Ok(started) => started,
        Err(error) => return options::refuse(&error),
    };
    note!(Info, "started", [version = env!("CARGO_PKG_VERSION"), address = server.address()], "ready to serve");
    remarks.iter().for_each(|remark| note!(Info, "config_ignored", [], "{remark}"));
    say(&format!("listening on {}\n", server.address()));
    server.more_addresses().for_each(|address| say(&format!("also listening on {address}\n")));
    // The sender lives as long as the process.
    let _ = stop_asked.recv();
    let stopped = stop(server, page);
    drop(scratch);
    match stopped {
        Ok(()) => {
            note!(Info, "stopped", [], "a clean stop");
            ExitCode::SUCCESS
        }
        Err(error) => {
            note!(Error, "stop_not_clean", [], "the next start recovers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A busy port is said before anything on the disk changes, that of the page too.
fn start(config: Config, topics: &[WantedTopic]) -> Result<(Server, Option<Admin>)> {
    let listeners = Server::bind(&config)?;
    let page = admin::bind(&config)?;
    let server = listeners.serve(config, topics)?;
    match page.map(|page| page.serve(server.broker(), server.address())).transpose() {
        Ok(page) => Ok((server, page)),
        Err(error) => server.stop().and(Err(error)),
    }
}

/// Who watches the process is told that it stops for as long as requests are finished, and is let go before the partitions
/// are closed.
fn stop(mut server: Server, page: Option<Admin>) -> Result<()> {
    server.finish();
    page.into_iter().for_each(Admin::stop);
    server.stop()
}

/// A second signal this soon is an echo of the first: `timeout(1)` signals its child, and then the group that it is in.
const ECHO: Duration = Duration::from_millis(100);

/// The first signal asks for a stop, which a start that still recovers carries out when it is done; the second ends
/// the process at once.
fn watch_signals(exits_with_parent: bool, scratch: Option<&Scratch>) -> io::Result<mpsc::Receiver<()>> {
    signals::block();
    let (asked, receiver) = mpsc::channel();
    if exits_with_parent {
        harness::watch_parent(asked.clone())?;
    }
    let scratch = scratch.cloned();
    threads::start("signals", threads::STACK_BYTES, move || {
        signals::wait();
        let _ = asked.send(());
        std::thread::sleep(ECHO);
        signals::forget_pending();
        signals::wait();
        note!(Warn, "stopped_at_once", [], "a second signal came; the next start recovers");
        drop(scratch);
        std::process::exit(1);
    })?;
    Ok(receiver)
}
