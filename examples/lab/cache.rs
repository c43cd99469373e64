//! The page cache: what a fetch finds there, and what it costs when it does not.
//!
//! Always true: looking at the cache brings nothing into it. What was read is the kernel's count for the broker's process.
//! Not done: no read-ahead is tuned.

use crate::broker::Broker;
use crate::experiment::{percent, step, Experiment, Findings, Lab};
use crate::number::ratio;
use crate::pages::Logs;
use crate::runs::{broker, in_turns, load, Figures, Runs};
use crate::table::{Cell, Table};
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "cache",
    title: "The page cache, warm and cold",
    question: "A producer has just sent data, and nobody has read it yet. Now the first consumer fetches all of it. \
               How much of that has the disk to read?",
    choices: &["nothing", "a part", "all of it"],
    needs_disk: true,
    run,
};

const ROWS: [&str; 5] = [
    "first fetch",
    "second fetch",
    "pages dropped, then a fetch",
    "the one after that",
    "log.page.cache=drop, first fetch",
];

fn run(lab: &Lab) -> Result<Findings> {
    let runs = in_turns(lab, &[0, 1, 2, 3, 4], |row| ROWS[*row].to_string(), |row| fetch(lab, *row))?;
    let columns = ["MB/s", "in memory before %", "read from disk %", "in memory after %", "p99 us"];
    let mut table = Table::new("fetch", "Fetching a log once, 1 MiB at a time", &columns);
    for (label, runs) in ROWS.iter().zip(&runs) {
        let [before, read, after] = ["before", "read", "after"].map(|key| Cell::Count(runs.median(key).round() as u64));
        table.row(*label, vec![runs.cell("wire_MB/s"), before, read, after, runs.cell("p99_us")]);
    }
    let answer = step(runs[0].median("read"), &[5.0, 95.0]);
    Ok(Findings {
        tables: vec![table],
        answer: Some(answer),
        why: vec![warm(&runs), cold(&runs), off(&runs)],
        ..Findings::default()
    })
}

/// Produces, does what the row says, and fetches everything once.
fn fetch(lab: &Lab, row: usize) -> Result<Figures> {
    let bytes = lab.pick(150_000_000u64, 20_000_000);
    let settings: &[&str] = if row == 4 { &["log.page.cache=drop"] } else { &[] };
    let broker = broker(settings);
    load(&broker, &format!("produce --batch-records 145 --bytes {bytes}"))?;
    let logs = Logs::of(&broker, "load")?;
    let once = format!("fetch --bytes {bytes}");
    if row == 1 {
        load(&broker, &once)?;
    }
    if row == 2 || row == 3 {
        logs.sync()?;
        logs.drop_pages();
    }
    if row == 3 {
        load(&broker, &once)?;
    }
    let (before, read_before) = (logs.cached_percent()?, read_bytes(&broker)?);
    let figures = load(&broker, &once)?;
    let read = (read_bytes(&broker)? - read_before) as f64 / bytes as f64 * 100.0;
    Ok(figures.with("before", before).with("read", read).with("after", logs.cached_percent()?))
}

/// What the process has had the disk read, sendfile included (`proc_pid_io(5)`).
fn read_bytes(broker: &Broker) -> Result<u64> {
    let io = std::fs::read_to_string(format!("/proc/{}/io", broker.pid()))?;
    let line = io.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    Ok(line.ok_or("no read_bytes in /proc/PID/io")?.parse()?)
}

fn warm(runs: &[Runs]) -> String {
    let first = &runs[0];
    match first.median("read") {
        read if read < 5.0 => format!(
            "Before anybody had read a byte, {} of the log lay in memory, and the disk read {} of it: an append *is* \
             a write into the page cache, so what consumers read soon after is there already. The broker has no cache \
             of its own for records, nothing to size and nothing to warm up after a restart of the process: the \
             kernel keeps the pages.",
            percent(first.median("before")),
            percent(read)
        ),
        read => format!(
            "{} of the log was in memory before the first fetch, and the disk had to read {} of it: the kernel had \
             evicted a part of what was written already, or never kept it. Is memory short, or limited for this \
             process?",
            percent(first.median("before")),
            percent(read)
        ),
    }
}

fn cold(runs: &[Runs]) -> String {
    let times = runs[0].times(&runs[2], "wire_MB/s");
    let slower = match times {
        times if times > 1.5 => format!("A warm fetch moved {} the bytes of a cold one", ratio(times)),
        _ => "A cold fetch was hardly slower: this disk, or the host's cache behind it, is nearly as fast as memory"
            .to_string(),
    };
    let (before, read) = (runs[2].median("before"), runs[2].median("read"));
    let dropped = match before {
        before if before < 5.0 => format!("The kernel was asked to drop the pages, {} were left", percent(before)),
        before => format!("The kernel was asked to drop the pages and kept {}", percent(before)),
    };
    format!(
        "{dropped}, and the disk read {}. {slower}. What a cold fetch reads stays in memory, so the one after it is \
         warm again (by how much two warm ones differ is noise). A reader that follows in order has the kernel read \
         ahead for it, in pieces that grow; that is most of what keeps a cold fetch from being far worse.",
        percent(read)
    )
}

fn off(runs: &[Runs]) -> String {
    let (before, read) = (runs[4].median("before"), runs[4].median("read"));
    format!(
        "With `--set log.page.cache=drop` the broker flushes and drops what it writes: {} was in memory before the \
         first fetch, and {} came from the disk. That is a broker without the third idea.",
        percent(before),
        percent(read)
    )
}
