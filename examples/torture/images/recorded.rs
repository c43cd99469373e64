//! A run of the real broker, recorded: clients at work, lives that end at some record of the journal, also during a start,
//! and a clean stop at the end or not.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::journal::Journal;
use crate::broker::{command, scratch, until, Broker};
use crate::history::Event;
use crate::load::{Load, Plan};
use crate::trial::Random;

const SOURCE: &str = include_str!("journal.c");
const SETTINGS: &[&str] = &["--set", "log.flush.offset.checkpoint.interval.ms=1000", "--set", "admin.listener="];
/// Steps of a life that is cut short, and of one that ends while it starts.
const LIFE_STEPS: (u64, u64) = (500, 2500);
const START_STEPS_MAX: u64 = 40;
const START_MAX: Duration = Duration::from_millis(300);
/// How long the last life serves at most.
const LAST_LIFE_MAX_MS: u64 = 1_500;

pub struct Recorded {
    pub plan: Plan,
    pub journal: Journal,
    pub history: Vec<Event>,
    /// The step from which on the plan's topics are there.
    pub created: usize,
}

/// `journal.c`, compiled; or why that cannot be.
pub fn compile(home: &Path) -> Result<PathBuf, String> {
    let (source, library) = (home.join("journal.c"), home.join("journal.so"));
    std::fs::write(&source, SOURCE).map_err(|error| error.to_string())?;
    let compiled = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .output()
        .map_err(|_| "needs a C compiler".to_string())?;
    match compiled.status.success() {
        true => Ok(library),
        false => Err(String::from_utf8_lossy(&compiled.stderr).into_owned()),
    }
}

fn plan() -> Plan {
    let configs = vec![("segment.ms", "60"), ("file.delete.delay.ms", "100"), ("index.interval.bytes", "512")];
    Plan { configs, large_bytes: 0, ..crate::kill::plan() }
}

/// One life of the broker on the recorded data.
struct Life<'h> {
    home: &'h Arc<TempDir>,
    /// The data directory.
    data: &'h str,
    library: &'h Path,
}

impl Life<'_> {
    fn start(&self, steps_max: u64) -> Broker {
        let variables = self.variables(steps_max);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Broker::run_in(self.home.clone(), &variables, &self.arguments())
    }

    /// A start that ends early, or that has nothing to do for so long that it may be killed between two steps.
    fn start_in_vain(&self, steps_max: u64) {
        let mut child = command(self.home, &self.arguments()).envs(self.variables(steps_max)).spawn().unwrap();
        let deadline = Instant::now() + START_MAX;
        let is_over = |child: &mut Child| child.try_wait().unwrap().is_some() || Instant::now() > deadline;
        until("the start ends early", || is_over(&mut child).then_some(()));
        let _ = child.kill();
        child.wait().unwrap();
    }

    fn variables(&self, steps_max: u64) -> [(&'static str, String); 4] {
        let text = |path: &Path| path.to_str().expect("a path of ours").to_string();
        let (library, stop) = (text(self.library), steps_max.to_string());
        let journal = text(&self.home.path().join("journal"));
        [("LD_PRELOAD", library), ("JOURNAL_ROOT", self.data.into()), ("JOURNAL", journal), ("JOURNAL_STOP", stop)]
    }

    fn arguments(&self) -> Vec<&str> {
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--data", self.data];
        arguments.extend(SETTINGS);
        arguments
    }

    fn steps(&self) -> Journal {
        Journal::parse(&std::fs::read(self.home.path().join("journal")).expect("the journal is there"))
    }
}

pub fn record(library: &Path, random: &mut Random) -> Result<Recorded, String> {
    let home = Arc::new(scratch());
    let data = home.path().join("data");
    let life = Life { home: &home, data: data.to_str().expect("a path of ours"), library };
    let plan = plan();
    let mut broker = life.start(u64::MAX);
    plan.create(&mut broker.connect());
    let created = life.steps().steps.len();
    broker.stop();
    let load = Load::start(&plan, random.next());
    for _ in 0..2 {
        let broker = life.start(LIFE_STEPS.0 + random.below(LIFE_STEPS.1));
        load.board.announce(broker.address);
        broker.ended();
        if random.below(2) == 0 {
            life.start_in_vain(1 + random.below(START_STEPS_MAX));
        }
    }
    broker = life.start(u64::MAX);
    load.board.announce(broker.address);
    thread::sleep(Duration::from_millis(random.below(LAST_LIFE_MAX_MS)));
    let history = load.finish(&mut broker.connect())?;
    match random.below(2) {
        0 => drop(broker.stop()),
        _ => drop(broker.kill()),
    }
    Ok(Recorded { plan, journal: life.steps(), history, created })
}
