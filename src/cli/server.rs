//! `sendlog [server]`: runs the broker until SIGTERM or SIGINT.
//!
//! Always true: `listening on HOST:PORT` is printed on stdout when the broker is ready to serve, and only then; it is the
//! first line, and one for each further listener follows.
//! Exit codes: 0 after a clean stop, 1 when something went wrong on the way down, 2 when it could not start.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;

use getopts::Options;

use crate::base::config::{Config, Source};
use crate::base::{Error, Result};
use crate::cli::options;
use crate::os::{fs, random, signals};
use crate::server::{log_lines, Server};

const USAGE: &str = "Usage: sendlog [server] [options]

A message broker for one machine that speaks Apache Kafka's protocol. Without options it listens on both loopbacks,
port 9092, and keeps its data in ./data.";

const EXAMPLES: &str = "
Examples:
    sendlog --listen 127.0.0.1:0 --data /tmp/sendlog
    sendlog --ephemeral --set num.partitions=3
    sendlog --config server.properties --print-config
";

/// What the command line asks for.
struct Plan {
    config: Config,
    is_ephemeral: bool,
    prints_config: bool,
}

pub fn main(args: &[String]) -> ExitCode {
    let mut options = Options::new();
    options.optmulti("", "listen", "listen here; may be given several times (key: listeners)", "HOST:PORT");
    options::add(&mut options);
    options.optflag("", "ephemeral", "keep the data in a scratch directory, removed at exit; implies flush.mode=os");
    options.optflag("", "print-config", "print each key with its value, default and source, and exit");
    options.optflag("h", "help", "print this, and exit");
    options.optflag("V", "version", "print the version, and exit");
    let matches = match options.parse(args) {
        Ok(matches) => matches,
        Err(error) => return options::refuse(&Error::unusable(error.to_string(), "--help lists the options")),
    };
    if matches.opt_present("help") {
        print!("{}{EXAMPLES}{}", options.usage(USAGE), super::list_commands());
        return ExitCode::SUCCESS;
    }
    if matches.opt_present("version") {
        println!("sendlog {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    match plan(&matches) {
        Ok(plan) if plan.prints_config => {
            print!("{}", plan.config.print());
            ExitCode::SUCCESS
        }
        Ok(plan) => run(plan),
        Err(error) => options::refuse(&error),
    }
}

fn plan(matches: &getopts::Matches) -> Result<Plan> {
    let mut config = options::config(matches)?;
    let listen = matches.opt_strs("listen");
    if !listen.is_empty() {
        config.set("listeners", &listen.join(","), Source::CommandLine)?;
    }
    if let Some(extra) = matches.free.first() {
        return Err(Error::unusable(format!("unexpected argument '{extra}'"), "--help lists the options"));
    }
    // Last, since it looks at what the others say.
    let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
    config.set_from_environment(std::env::vars_os().map(|(name, value)| (text(name), text(value))))?;
    let is_ephemeral = matches.opt_present("ephemeral");
    if is_ephemeral {
        if config.source("log.dirs") == Source::CommandLine {
            return Err(Error::unusable("--ephemeral and --data contradict each other", "give one of them"));
        }
        let scratch =
            std::env::temp_dir().join(format!("sendlog-{:032x}", u128::from_be_bytes(random::sixteen_bytes())));
        config.set("log.dirs", &scratch.to_string_lossy(), Source::CommandLine)?;
        config.set("flush.mode", "os", Source::CommandLine)?;
        if config.source("admin.listener") == Source::Default {
            config.set("admin.listener", "", Source::CommandLine)?;
        }
    }
    Ok(Plan { config, is_ephemeral, prints_config: matches.opt_present("print-config") })
}

fn run(plan: Plan) -> ExitCode {
    let signals = watch_signals();
    let scratch = plan.is_ephemeral.then(|| PathBuf::from(plan.config.text("log.dirs")));
    log_lines::install(&plan.config);
    let remarks = plan.config.remarks().to_vec();
    let server = match Server::start(plan.config) {
        Ok(server) => server,
        Err(error) => return options::refuse(&error),
    };
    note!(Info, "started", [version = env!("CARGO_PKG_VERSION"), address = server.address()], "ready to serve");
    remarks.iter().for_each(|remark| note!(Info, "config_ignored", [], "{remark}"));
    println!("listening on {}", server.address());
    server.more_addresses().for_each(|address| println!("also listening on {address}"));
    // The sender lives as long as the process.
    let _ = signals.recv();
    let stopped = server.stop();
    if let Some(scratch) = scratch {
        let _ = fs::remove_folder(&scratch);
    }
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

/// The first signal asks for a stop, which a start that still recovers carries out when it is done; the second ends
/// the process at once.
fn watch_signals() -> mpsc::Receiver<()> {
    signals::block();
    let (asked, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        signals::wait();
        let _ = asked.send(());
        signals::wait();
        note!(Warn, "stopped_at_once", [], "a second signal came; the next start recovers");
        std::process::exit(1);
    });
    receiver
}
