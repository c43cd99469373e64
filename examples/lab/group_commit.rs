//! Group commit: one flush serves all who wait for it.
//!
//! Always true: flushes are the broker's own count, for a data directory of its own.
//! Not done: no batches larger than one record, which would hide the flush.

use crate::broker::http::{address, Metrics, ON_ANY_PORT};
use crate::experiment::{step, Experiment, Findings, Lab};
use crate::number::{brief, ratio};
use crate::runs::{broker, in_turns, load, tool, Figures, Runs};
use crate::table::Table;
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "group-commit",
    title: "Group commit against a flush for each request",
    question: "Clients send one record each to the same partition and wait for the answer, acks=all: fdatasync(2) has \
               returned before it comes. How many answers a second do 64 clients get together, compared with one \
               client?",
    choices: &[
        "about the same: the disk is the limit",
        "2 to 8 times as many",
        "8 to 32 times as many",
        "more than 32 times as many",
    ],
    needs_disk: true,
    run,
};

/// Label, options of the load; none: no broker, append and fdatasync in a loop.
const ROWS: [(&str, Option<&str>); 7] = [
    ("no broker: append, fdatasync", None),
    ("1 client", Some("--in-flight 1")),
    ("4 clients", Some("--in-flight 1 --connections 4")),
    ("16 clients", Some("--in-flight 1 --connections 16")),
    ("64 clients", Some("--in-flight 1 --connections 64")),
    ("16 clients, a partition each", Some("--in-flight 1 --connections 16 --partitions 16")),
    ("1 client, 16 in flight", Some("--in-flight 16")),
];

fn run(lab: &Lab) -> Result<Findings> {
    let runs = in_turns(lab, &ROWS, |row| row.0.to_string(), |row| commit(lab, row.1))?;
    let columns = ["answers/s", "flushes/s", "answers for a flush", "p50 us", "p99 us"];
    let mut table = Table::new("answers", "One record in a request, acks=all", &columns);
    for ((label, _), runs) in ROWS.iter().zip(&runs) {
        table.row(*label, runs.cells(&["requests/s", "flushes/s", "shared", "p50_us", "p99_us"]));
    }
    let answer = step(runs[4].times(&runs[1], "requests/s"), &[2.0, 8.0, 32.0]);
    Ok(Findings {
        tables: vec![table],
        answer: Some(answer),
        why: vec![shared(&runs), apart(&runs)],
        ..Findings::default()
    })
}

fn commit(lab: &Lab, clients: Option<&str>) -> Result<Figures> {
    let Some(clients) = clients else { return alone(lab) };
    let broker = broker(&[ON_ANY_PORT[1]]);
    let bytes = lab.pick(100_000_000, 100_000);
    let work = format!("produce --batch-records 1 --acks all {clients} --seconds 1 --bytes {bytes}");
    let figures = load(&broker, &work)?;
    let metrics = Metrics::scrape(address(&broker));
    // The first batch of each connection, which is not counted, is flushed as well: a few among thousands.
    let flushes = metrics.sum("sendlog_flush_duration_seconds_count", &[]);
    let (requests, seconds) = (figures.get("requests"), figures.get("seconds"));
    Ok(figures.with("flushes/s", flushes / seconds).with("shared", requests / flushes))
}

/// What the disk can do for one that appends and flushes in turn.
fn alone(lab: &Lab) -> Result<Figures> {
    let mut command = tool("limits")?;
    let output = command.args(["fdatasync", "--piece", "200", "--seconds", lab.pick("1", "0.1")]).output()?;
    let figures = Figures::parse(&String::from_utf8_lossy(&output.stdout));
    let flushes = figures.get("pieces/s");
    let each_us = 1e6 / flushes;
    let figures = figures.with("requests/s", flushes).with("flushes/s", flushes).with("shared", 1.0);
    Ok(figures.with("p50_us", each_us).with("p99_us", each_us))
}

fn shared(runs: &[Runs]) -> String {
    let (loop_alone, one, many) = (&runs[0], &runs[1], &runs[4]);
    let times = many.times(one, "requests/s");
    let seen = match times {
        times if times < 2.0 => "Many clients get hardly more answers than one, so flushes were not what limited \
                                 them: is the data in memory (tmpfs)?"
            .to_string(),
        times => format!("64 clients get {} the answers of one, from a disk that is no faster for them", ratio(times)),
    };
    let sharing = match many.median("shared") {
        share if share > 1.5 => format!(
            "One flush served {} of them: while it runs, the others append; the next flush, which begins after their \
             writes, covers them all",
            brief(share)
        ),
        _ => "Flushes were not shared, so quick are they compared with the way of a request".to_string(),
    };
    format!(
        "{seen}. {sharing} (src/log/flush.rs). Nobody waits for company, there is no timer: a slower disk makes \
         larger groups by itself. One client alone gets {} answers a second, where a bare loop of append and \
         fdatasync does {}: as many flushes as one file takes one after another, and as many answers as clients of one \
         partition could share without a group commit.",
        brief(one.median("requests/s")),
        brief(loop_alone.median("requests/s"))
    )
}

fn apart(runs: &[Runs]) -> String {
    let (together, apart, ahead, one) = (&runs[3], &runs[5], &runs[6], &runs[1]);
    let seen = match apart.against(together, "requests/s") {
        std::cmp::Ordering::Less => format!(
            "16 clients with a partition each get {} of the answers of 16 that share one: a flush is of a file, and \
             nobody shares theirs ({} answers for a flush). More partitions are more files to flush, here as in Kafka",
            ratio(apart.times(together, "requests/s")),
            brief(apart.median("shared"))
        ),
        std::cmp::Ordering::Equal => format!(
            "16 clients with a partition each do not clearly get fewer answers than 16 that share one, though nobody \
             shares a flush ({} answers for one): flushes of several files run in parallel, and the file system's \
             journal has a group commit of its own",
            brief(apart.median("shared"))
        ),
        std::cmp::Ordering::Greater => format!(
            "16 clients with a partition each even get {} the answers of 16 that share one: their flushes run in \
             parallel, this disk takes several at a time, and the file system's journal has a group commit of its own",
            ratio(apart.times(together, "requests/s"))
        ),
    };
    format!(
        "{seen}. A single client can have the same without company by sending ahead: 16 requests in flight bring {} \
         the answers of one, since the broker appends what has arrived while it waits for a flush.",
        ratio(ahead.times(one, "requests/s"))
    )
}
