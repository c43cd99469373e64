//! `sendlog mirror`: has a broker copy the topics of another one and follow them, shows how far that is, and ends it.
//!
//! The copying runs in the broker. It is registered with the broker's configs `mirror.from`, `mirror.topics` and
//! `mirror.groups`, and what is shown here is what DescribeConfigs answers beside them.
//!
//! Always true: that this command ends changes nothing in the broker; `--stop` does.
//! Not done: one broker is asked, that which copies; the source is not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use getopts::Matches;

use crate::cli::flags::{Flag, Takes};
use crate::cli::remote::{connect, end, usage, Done, Failure, BROKER};
use crate::cli::{complain, say, Command};
use crate::client::{Admin, ConfigEntry, ConfigOp, ConfigSource, Resource};

pub const COMMAND: Command = Command {
    name: "mirror",
    what: "copy the topics of another broker into this one, and follow them",
    operands: "",
    about: "Has the broker copy the topics of another Kafka-compatible broker, batch for batch, with their offsets, configs and the
committed offsets of groups, and follow them from then on: the copying runs in the broker, survives its restarts, and ends with
--stop. Until then clients may read the copies but not produce to them. With --from it is registered, and then, as without it, a line
a second shows how far it is until this command is interrupted, which changes nothing in the broker.

A PATTERN is names separated by commas, with * for any letters and ? for one.",
    flags: &[FLAGS, BROKER],
    examples: &[
        "sendlog mirror --from source.example:9092 --exit",
        "sendlog mirror --from source.example:9092 --topics 'orders,audit-*' --groups 'billing*' --exit",
        "sendlog mirror --stop",
    ],
    subcommands: &[],
    main: |matches| end(mirror(matches)),
};

const FLAGS: &[Flag] = &[
    Flag { short: "", name: "from", takes: Takes::One("HOST:PORT"), doc: "the broker to copy from" },
    Flag { short: "t", name: "topics", takes: Takes::One("PATTERN"), doc: "the topics to copy; without it all" },
    Flag {
        short: "g",
        name: "groups",
        takes: Takes::One("PATTERN"),
        doc: "the groups whose committed offsets are copied; without it all",
    },
    Flag { short: "", name: "stop", takes: Takes::Nothing, doc: "end the mirror: the copies are ordinary topics then" },
    Flag {
        short: "e",
        name: "exit",
        takes: Takes::Nothing,
        doc: "end when the copies are where the source is; exit code 1 if something was not copied",
    },
];

/// How often it is looked how far the broker is.
const LOOK: Duration = Duration::from_millis(250);
/// How often it is said.
const SAY: Duration = Duration::from_secs(1);

fn mirror(matches: &Matches) -> Done {
    let from = matches.opt_str("from");
    let wanted =
        [("mirror.topics", "topics"), ("mirror.groups", "groups")].map(|(key, flag)| (key, matches.opt_str(flag)));
    let is_patterned = wanted.iter().any(|(_, pattern)| pattern.is_some());
    if matches.opt_present("stop") && (from.is_some() || is_patterned || matches.opt_present("exit")) {
        return Err(usage("--stop ends the whole mirror", "give it alone"));
    }
    if from.is_none() && is_patterned {
        return Err(usage("patterns without a broker to copy from", "give --from HOST:PORT too"));
    }
    let mut admin = connect(matches)?;
    let broker = this_broker(&mut admin)?;
    if matches.opt_present("stop") {
        return stop(&mut admin, &broker);
    }
    if let Some(from) = from {
        let pattern =
            |(key, pattern): (&str, Option<String>)| (key.to_string(), pattern.map_or(ConfigOp::Delete, ConfigOp::Set));
        let from = ("mirror.from".to_string(), ConfigOp::Set(from));
        let changes: Vec<_> = std::iter::once(from).chain(wanted.map(pattern)).collect();
        admin.alter_configs(&broker, &changes, false)?;
    }
    follow(&mut admin, &broker, matches.opt_present("exit"))
}

/// A mirror belongs to one broker: the one that is asked.
fn this_broker(admin: &mut Admin) -> Result<Resource, Failure> {
    let cluster = admin.describe_cluster()?;
    match &cluster.brokers[..] {
        [one] => Ok(Resource::Broker(Some(one.id))),
        brokers => Err(Failure::Failed(format!(
            "a cluster of {} brokers has no mirror of this kind; --bootstrap-server names the sendlog that is to copy",
            brokers.len()
        ))),
    }
}

fn stop(admin: &mut Admin, broker: &Resource) -> Done {
    let configs = admin.describe_config(broker)?;
    let Some(from) = configs.iter().find(|entry| entry.name == "mirror.from") else { return Err(no_mirror_here()) };
    let value = from.value.clone().unwrap_or_default();
    // One that a file or the command line has is won over.
    let is_given = from.synonyms.iter().any(|(.., source)| *source == ConfigSource::Static);
    let end = if is_given { ConfigOp::Set(String::new()) } else { ConfigOp::Delete };
    let more = ["mirror.topics", "mirror.groups"].map(|key| (key.to_string(), ConfigOp::Delete));
    let changes: Vec<_> = std::iter::once(("mirror.from".to_string(), end)).chain(more).collect();
    admin.alter_configs(broker, &changes, false)?;
    match value.is_empty() {
        true => say("there was no mirror\n"),
        false => say(&format!("the mirror of {value} has ended: clients may produce to what was copied\n")),
    }
    Ok(())
}

fn no_mirror_here() -> Failure {
    Failure::Failed(
        "that broker cannot mirror: it has no config mirror.from; name a sendlog with --bootstrap-server".into(),
    )
}

/// Shows how far it is, until it is there if `to_end`.
fn follow(admin: &mut Admin, broker: &Resource, to_end: bool) -> Done {
    let mut told = BTreeSet::new();
    let (mut last, mut last_at): (Option<Progress>, Instant) = (None, Instant::now());
    loop {
        let Some(now) = Progress::of(&admin.describe_config(broker)?)? else {
            return Err(Failure::Failed("no mirror is registered; give --from HOST:PORT".into()));
        };
        for line in now.stopped.iter().chain(&now.troubles) {
            if told.insert(line.clone()) {
                complain(line);
            }
        }
        let is_there = now.lag == Some(0) && now.state != "starting" || now.state == "idle";
        if to_end && is_there {
            say(&now.line(last.as_ref(), last_at.elapsed()));
            return if told.is_empty() { Ok(()) } else { Err(Failure::Told) };
        }
        if last
            .as_ref()
            .is_none_or(|last| last.line(None, SAY) != now.line(None, SAY) && last_at.elapsed() >= SAY)
        {
            say(&now.line(last.as_ref(), last_at.elapsed()));
            (last, last_at) = (Some(now), Instant::now());
        }
        std::thread::sleep(LOOK);
    }
}

/// What the broker says of its mirror.
struct Progress {
    from: String,
    state: String,
    partitions: String,
    lag: Option<i64>,
    copied_bytes: u64,
    stopped: Vec<String>,
    troubles: Vec<String>,
}

impl Progress {
    fn of(entries: &[ConfigEntry]) -> Result<Option<Progress>, Failure> {
        let values: BTreeMap<&str, &str> = entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.value.as_deref().unwrap_or_default()))
            .collect();
        let Some(from) = values.get("mirror.from") else { return Err(no_mirror_here()) };
        if from.is_empty() {
            return Ok(None);
        }
        let text = |key| values.get(key).copied().unwrap_or_default();
        let lines = |key| text(key).lines().map(str::to_string).collect();
        Ok(Some(Progress {
            from: from.to_string(),
            state: values.get("mirror.state").copied().unwrap_or("starting").to_string(),
            partitions: text("mirror.partitions").to_string(),
            lag: text("mirror.lag.records").parse().ok(),
            copied_bytes: text("mirror.copied.bytes").parse().unwrap_or(0),
            stopped: lines("mirror.stopped"),
            troubles: lines("mirror.troubles"),
        }))
    }

    fn line(&self, last: Option<&Progress>, elapsed: Duration) -> String {
        let lag = self.lag.map_or("unknown".to_string(), |lag| format!("{lag} records"));
        let stopped = if self.stopped.is_empty() { String::new() } else { format!(", {} stopped", self.stopped.len()) };
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let pace = last.map_or(String::new(), |last| {
            let came = self.copied_bytes.saturating_sub(last.copied_bytes);
            format!(", {:.1} MB/s", megabytes(came) / elapsed.as_secs_f64().max(0.001))
        });
        format!(
            "mirror of {}: {}, partitions {}{stopped}, lag {lag}, copied {:.1} MB{pace}\n",
            self.from,
            self.state,
            self.partitions,
            megabytes(self.copied_bytes)
        )
    }
}
