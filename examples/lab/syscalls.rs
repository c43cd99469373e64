//! System calls for 1,000 records, counted from outside (`strace -c`).
//!
//! Always true: the tracer is attached before the load begins, and to every thread. Where there is no strace, or it may
//! not attach, this is skipped.
//! Not done: no time is told of a run under strace.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::broker::Broker;
use crate::experiment::{step, Experiment, Findings, Lab};
use crate::number::brief;
use crate::runs::{broker, load};
use crate::table::Table;
use crate::terminal::progress;
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "syscalls",
    title: "System calls for 1,000 records",
    question: "A producer sends batches of 100 records, five requests in flight. How many system calls does the \
               broker make for each 1,000 records that it receives, checks, stores and acknowledges?",
    choices: &["fewer than 3", "3 to 30", "30 to 300", "more than 300"],
    needs_disk: false,
    run,
};

/// Label, setting, what is there before, load.
const ROWS: &[(&str, &str, &str, &str)] = &[
    ("produce, 1 in a batch", "", "", "produce --batch-records 1"),
    ("produce, 100 in a batch", "", "", "produce --batch-records 100"),
    ("produce, 10,000 in a batch", "", "", "produce --batch-records 10000"),
    ("fetch 1 MiB, sendfile", "fetch.path=sendfile", "produce --bytes 20000000", "fetch"),
    ("fetch 1 MiB, copy", "fetch.path=copy", "produce --bytes 20000000", "fetch"),
];

fn run(lab: &Lab) -> Result<Findings> {
    let mut table =
        Table::new("calls", "The broker's system calls for 1,000 records", &["calls", "which, most frequent first"]);
    let mut totals = Vec::new();
    for (label, setting, before, work) in ROWS {
        progress(label);
        let settings: Vec<&str> = Some(*setting).filter(|setting| !setting.is_empty()).into_iter().collect();
        let broker = broker(&settings);
        if !before.is_empty() {
            load(&broker, before)?;
        }
        let tracer = match Tracer::attach(&broker) {
            Ok(tracer) => tracer,
            Err(reason) => return Ok(Findings::skipped(reason.to_string())),
        };
        let bytes = if work.ends_with(" 1") { lab.pick(3_000_000, 300_000) } else { lab.pick(100_000_000, 10_000_000) };
        let figures = load(&broker, &format!("{work} --bytes {bytes} --seconds 5"))?;
        let thousands = figures.get("records") / 1000.0;
        let counted = tracer.finish()?;
        let total = counted.iter().map(|(_, calls)| calls).sum::<u64>() as f64 / thousands;
        let each = counted.iter().take(4).map(|(name, calls)| format!("{name} {}", brief(*calls as f64 / thousands)));
        table.row(*label, vec![total.into(), each.collect::<Vec<_>>().join(", ").as_str().into()]);
        totals.push(total);
    }
    let why = vec![producing(&totals), fetching(&totals)];
    Ok(
        Findings {
            tables: vec![table],
            answer: Some(step(totals[1], &[3.0, 30.0, 300.0])),
            why,
            ..Findings::default()
        },
    )
}

fn producing(totals: &[f64]) -> String {
    let alone = totals[0] / 1000.0;
    let shared = match alone {
        alone if alone < 2.0 => {
            "even less than the three that one request seems to need, a read, an append and an answer: what \
                                 arrives while the broker works is read together, and answered together"
        }
        alone if alone < 4.0 => "a read, an append, an answer, more or less",
        _ => {
            "more than a read, an append and an answer: the broker also asks whether more has come, and goes to \
              sleep in between"
        }
    };
    format!(
        "A record that comes alone costs {} calls, {shared}. The same calls serve a batch of 100 or of 10,000, until \
         a batch no longer fits into one read: {} and {} for 1,000 records. Each call is a change into the kernel and \
         back, so this column is the first idea in one figure. Under strace the broker is many times slower, which \
         makes more requests wait together; without it the figures are somewhat higher.",
        brief(alone),
        brief(totals[1]),
        brief(totals[2])
    )
}

fn fetching(totals: &[f64]) -> String {
    let (sendfile, copy) = (totals[3], totals[4]);
    let what = match copy / sendfile {
        times if times > 1.2 => format!(
            "Copying takes {} calls where sendfile takes {}: a read and a write for each piece of the buffer, instead \
             of one call that names a range of the file",
            brief(copy),
            brief(sendfile)
        ),
        _ => format!(
            "Copying takes {} calls and sendfile {}, no more: pieces are large either way",
            brief(copy),
            brief(sendfile)
        ),
    };
    format!(
        "{what}. Of the index and of batch headers a fetch reads a few bytes; the records themselves it never sees."
    )
}

/// An strace that counts what all threads of a broker do.
struct Tracer {
    child: Child,
}

impl Tracer {
    fn attach(broker: &Broker) -> Result<Tracer> {
        let mut command = Command::new("strace");
        command.args(["-c", "-f", "-S", "calls", "-U", "calls,name", "-p", &broker.pid().to_string()]);
        let spawned = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn();
        let mut child = spawned.map_err(|error| format!("strace: {error}; install the package of that name"))?;
        // It says so once it has attached to each thread that is there; later ones are followed.
        let mut line = String::new();
        let mut said = BufReader::with_capacity(1, child.stderr.take().expect("it is piped"));
        said.read_line(&mut line)?;
        child.stderr = Some(said.into_inner());
        if !line.contains("attached") {
            child.wait()?;
            return Err(format!("{}: this machine does not let a process trace another", line.trim()).into());
        }
        Ok(Tracer { child })
    }

    /// Calls by name, the most frequent first.
    fn finish(mut self) -> Result<Vec<(String, u64)>> {
        let interrupted = Command::new("sh").args(["-c", &format!("kill -INT {}", self.child.id())]).status()?;
        if !interrupted.success() {
            return Err("strace has ended early".into());
        }
        let mut text = String::new();
        self.child.stderr.take().expect("it is piped").read_to_string(&mut text)?;
        self.child.wait()?;
        let mut calls: BTreeMap<String, u64> = BTreeMap::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [count, name] = words[..] {
                if let (Ok(count), true) = (count.parse(), name != "total") {
                    calls.insert(name.to_string(), count);
                }
            }
        }
        let mut calls: Vec<_> = calls.into_iter().collect();
        calls.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(calls)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
