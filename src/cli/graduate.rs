//! `sendlog graduate`: the data directory becomes one that Apache Kafka 4.1 starts on.
//!
//! Always true: what would keep Kafka from starting is said before anything is changed, and `--dry-run` changes nothing.
//! After a stop that was not clean the directory is first recovered, as a start of the broker does it.
//! Not done: there is no way back in here: what Kafka has written since is Kafka's.

use std::process::ExitCode;

use getopts::Matches;

use crate::base::{Error, Result};
use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::{options, say, Command};
use crate::config::sites::{self, Listeners};
use crate::config::{Config, Source};
use crate::server;
use crate::topic::graduate::{self, Controller, Survey};

const FLAGS: &[Flag] = &[
    Flag {
        short: "",
        name: "controller",
        takes: Takes::One("HOST:PORT"),
        doc: "where Kafka's controller is to listen (127.0.0.1:9093)",
    },
    Flag { short: "", name: "dry-run", takes: Takes::Nothing, doc: "say what would be done, and change nothing" },
    HELP,
];

pub const COMMAND: Command = Command {
    name: "graduate",
    what: "make the data directory one that Apache Kafka starts on",
    operands: "",
    about: "Writes beside the data what Apache Kafka 4.1 needs to start on it: the same topics, offsets, groups and configs, in place. No
segment is changed or copied. Stop the broker first, and give the options that it was started with.",
    flags: &[options::CONFIG, FLAGS],
    examples: &[
        "sendlog graduate --data /var/lib/sendlog --dry-run",
        "sendlog graduate --data /var/lib/sendlog && kafka-server-start.sh /var/lib/sendlog/server.properties",
    ],
    subcommands: &[],
    main,
};

fn main(matches: &Matches) -> ExitCode {
    match run(matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => options::refuse(&error),
    }
}

fn run(matches: &Matches) -> Result<()> {
    let config = options::config(matches)?;
    let controller = controller(matches)?;
    let listeners = sites::for_kafka(&config)?;
    let survey = graduate::survey(&config)?;
    say(&describe(&survey, &config, &listeners));
    if matches.opt_present("dry-run") {
        say("nothing was changed (--dry-run)\n");
        return Ok(());
    }
    let files = server::with_data(config, |topics, groups| {
        let committed = groups.committed_epochs()?;
        topics.graduate(&controller, &listeners, |topic| committed.get(topic).copied().unwrap_or(-1))
    })?;
    files.iter().for_each(|path| say(&format!("wrote {}\n", path.display())));
    let properties = files.iter().find(|path| path.ends_with("server.properties"));
    let start = properties.map(|path| format!("start Kafka with: kafka-server-start.sh {}\n", path.display()));
    say(&start.unwrap_or_default());
    Ok(())
}

fn controller(matches: &Matches) -> Result<Controller> {
    let text = matches.opt_str("controller").unwrap_or("127.0.0.1:9093".to_string());
    let parsed = text.rsplit_once(':').and_then(|(host, port)| Some((host.to_string(), port.parse().ok()?)));
    match parsed.filter(|(host, port)| !host.is_empty() && *port > 0) {
        Some((host, port)) => Ok(Controller { host, port }),
        None => Err(Error::unusable(
            format!("--controller {text} is no address"),
            "write HOST:PORT, such as 127.0.0.1:9093",
        )),
    }
}

fn describe(survey: &Survey, config: &Config, listeners: &Listeners) -> String {
    let root = config.text("log.dirs");
    let mut text = format!("{root}: {} topics with {} partitions\n", survey.topics, survey.partitions);
    if !survey.has_stopped_cleanly {
        text += "the last stop was not clean: the directory is recovered first, as a start does it\n";
    }
    text += "no segment is changed or copied; written are Kafka's metadata (bootstrap.checkpoint), its quorum's voters and a\n\
             server.properties, in the same directory\n";
    text += &format!("Kafka will listen on {}, and tell clients {}\n", listeners.served, listeners.advertised);
    if config.source("listeners") == Source::Default {
        text += "listeners is not set (give the options that the broker was started with: --config FILE, --set listeners=...)\n";
    }
    text
}
