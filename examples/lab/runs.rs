//! Brokers, loads on them, and the figures that come back.
//!
//! Always true: the rows of a table take turns (A B A B A B), so that what else the machine does hits all of them; each
//! run has a broker of its own.
//! Not done: no run is discarded as a warm-up; the median of three forgives one.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::broker::{scratch, Broker};
use crate::experiment::Lab;
use crate::table::{median, Cell};
use crate::terminal::progress;
use crate::Result;

/// `key=value` words, as the load generator prints them.
#[derive(Default)]
pub struct Figures(HashMap<String, f64>);

impl Figures {
    pub fn parse(line: &str) -> Figures {
        let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
        Figures(pairs.filter_map(|(key, value)| Some((key.to_string(), value.parse().ok()?))).collect())
    }

    pub fn get(&self, key: &str) -> f64 {
        *self.0.get(key).unwrap_or_else(|| panic!("the load generator says nothing of {key}"))
    }

    pub fn with(mut self, key: &str, figure: f64) -> Figures {
        self.0.insert(key.to_string(), figure);
        self
    }
}

/// What the runs of a row came to.
#[derive(Default)]
pub struct Runs(pub Vec<Figures>);

impl Runs {
    fn all(&self, key: &str) -> Vec<f64> {
        self.0.iter().map(|figures| figures.get(key)).collect()
    }

    pub fn cell(&self, key: &str) -> Cell {
        Cell::Runs(self.all(key))
    }

    pub fn cells(&self, keys: &[&str]) -> Vec<Cell> {
        keys.iter().map(|key| self.cell(key)).collect()
    }

    pub fn median(&self, key: &str) -> f64 {
        median(&self.all(key))
    }

    /// How many times the other one's median this one's is.
    pub fn times(&self, other: &Runs, key: &str) -> f64 {
        self.median(key) / other.median(key)
    }

    /// Nothing is clear, but the medians do not agree either.
    pub fn is_in_doubt(&self, other: &Runs, key: &str) -> bool {
        self.against(other, key).is_eq() && !(0.8..1.25).contains(&self.times(other, key))
    }

    /// What to say where nothing is clear.
    pub fn doubt(&self, other: &Runs, key: &str) -> &'static str {
        match self.is_in_doubt(other, key) {
            true => "but single runs say the opposite: too much else went on for a verdict",
            false => "which is no clear difference",
        }
    }

    /// Whether it is clearly more or less: by a tenth, and in each run.
    pub fn against(&self, other: &Runs, key: &str) -> Ordering {
        let (these, those, times) = (self.all(key), other.all(key), self.times(other, key));
        let all = |holds: fn(f64, f64) -> bool| these.iter().all(|this| those.iter().all(|that| holds(*this, *that)));
        match () {
            () if times > 1.1 && all(|this, that| this > that) => Ordering::Greater,
            () if times < 0.9 && all(|this, that| this < that) => Ordering::Less,
            () => Ordering::Equal,
        }
    }
}

/// A row of a table: a broker with settings, perhaps something to be there before, a load.
pub struct Variant {
    pub label: String,
    pub settings: Vec<&'static str>,
    pub before: Option<String>,
    pub load: String,
}

/// Each variant as often as the lab does it, in turns.
pub fn compare(lab: &Lab, variants: &[Variant]) -> Result<Vec<Runs>> {
    in_turns(
        lab,
        variants,
        |variant| variant.label.clone(),
        |variant| {
            let broker = broker(&variant.settings);
            if let Some(before) = &variant.before {
                load(&broker, before)?;
            }
            let figures = load(&broker, &variant.load)?;
            broker.kill();
            Ok(figures)
        },
    )
}

pub fn in_turns<T>(
    lab: &Lab,
    rows: &[T],
    label: impl Fn(&T) -> String,
    run: impl Fn(&T) -> Result<Figures>,
) -> Result<Vec<Runs>> {
    let mut all: Vec<Runs> = rows.iter().map(|_| Runs::default()).collect();
    for round in 1..=lab.rounds() {
        for (row, runs) in rows.iter().zip(&mut all) {
            progress(&format!("{}, run {round} of {}", label(row), lab.rounds()));
            runs.0.push(run(row)?);
        }
    }
    Ok(all)
}

/// A broker with an empty data directory.
pub fn broker(settings: &[&str]) -> Broker {
    broker_on(Arc::new(scratch()), settings)
}

/// A broker that finds data.
pub fn broker_on(data: Arc<tempfile::TempDir>, settings: &[&str]) -> Broker {
    let mut arguments = vec!["--exit-with-parent", "--set", "log.segment.delete.delay.ms=0"];
    if !settings.iter().any(|setting| setting.starts_with("admin.listener=")) {
        arguments.extend(["--set", "admin.listener="]);
    }
    settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
    Broker::on(data, &arguments)
}

/// The work of examples/load on a broker.
pub fn load(broker: &Broker, work: &str) -> Result<Figures> {
    finish(begin_load(broker, work)?)
}

/// The same, which goes on beside others until it is finished.
pub fn begin_load(broker: &Broker, work: &str) -> Result<Child> {
    let (address, pid) = (broker.address.to_string(), broker.pid().to_string());
    let mut command = tool("load")?;
    command.args(work.split_whitespace()).args(["--bootstrap", &address, "--pid", &pid]);
    Ok(command.stdout(Stdio::piped()).spawn()?)
}

pub fn finish(child: Child) -> Result<Figures> {
    let output = child.wait_with_output()?;
    match output.status.success() {
        true => Ok(Figures::parse(&String::from_utf8_lossy(&output.stdout))),
        false => Err(format!("the load generator failed: {}", output.status).into()),
    }
}

/// Another example, which lies beside this one.
pub fn tool(name: &str) -> Result<Command> {
    let path = std::env::current_exe()?.with_file_name(name);
    match path.exists() {
        true => Ok(Command::new(path)),
        false => Err(format!("{} is missing: build it with `make lab-build`", path.display()).into()),
    }
}
