//! What the kernel evicts first when memory is short.
//!
//! Always true: the limit is that of a control group which only the broker is in. Without root it is skipped.
//! Not done: no swap, and no second kind of LRU.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::broker::client::fetch_request;
use crate::broker::Broker;
use crate::cgroup::Group;
use crate::experiment::{percent, Experiment, Findings, Lab};
use crate::pages::Logs;
use crate::runs::{broker, load};
use crate::table::{Cell, Table};
use crate::terminal::progress;
use crate::Result;
use sendlog::wire::messages::FetchRequest;

pub const EXPERIMENT: Experiment = Experiment {
    name: "eviction",
    title: "What leaves the page cache when memory is short",
    question: "A broker may use a certain amount of memory, page cache included, and a producer writes a log of two \
               and a half times that; nobody reads. What of the log is in memory afterwards?",
    choices: &[
        "its oldest part",
        "its newest part",
        "something of all of it",
        "nothing of note: the writer is stopped, or killed",
    ],
    needs_disk: true,
    run,
};

const TENTHS: [&str; 10] =
    ["oldest tenth", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "newest tenth"];

fn run(lab: &Lab) -> Result<Findings> {
    let limit = lab.pick(64u64 << 20, 32 << 20);
    let log_bytes = limit / 2 * 5;
    let mut tables = Vec::new();
    let mut shares = Vec::new();
    let rows = [
        ("once", "Written once, nobody reads: of each tenth of the log, % in memory", false),
        ("read", "A consumer reads the oldest tenth again and again meanwhile: % in memory", true),
    ];
    for (id, title, is_read) in rows {
        progress(title);
        let group = match Group::with_memory(limit) {
            Ok(group) => group,
            Err(reason) => return Ok(Findings::skipped(reason)),
        };
        let broker = broker(&[]);
        if let Err(reason) = group.take(&broker) {
            return Ok(Findings::skipped(reason));
        }
        let tenth = write(&broker, log_bytes, is_read)?;
        let mut table = Table::new(id, title, &["in memory %"]);
        TENTHS
            .iter()
            .zip(&tenth)
            .for_each(|(label, share)| table.row(*label, vec![Cell::Count(share.round() as u64)]));
        tables.push(table);
        shares.push(tenth);
        broker.kill();
    }
    let answer = verdict(&shares[0]);
    let why = vec![written(&shares[0], answer, limit), read(&shares)];
    Ok(Findings { tables, answer: Some(answer), why, ..Findings::default() })
}

/// Produces a log, with or without a reader of its oldest tenth, and says what of each tenth is in memory.
fn write(broker: &Broker, bytes: u64, is_read: bool) -> Result<Vec<f64>> {
    let produce = |bytes: u64| load(broker, &format!("produce --batch-records 145 --seconds 30 --bytes {bytes}"));
    produce(bytes / 10)?;
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while is_read && !is_done.load(Ordering::Relaxed) {
                read_up_to(broker, bytes / 10);
            }
        });
        let produced = produce(bytes / 10 * 9);
        is_done.store(true, Ordering::Relaxed);
        produced
    })?;
    Logs::of(broker, "load")?.cached_percent_of_tenths()
}

fn read_up_to(broker: &Broker, bytes: u64) {
    let mut client = broker.connect();
    let (mut offset, mut read) = (0, 0);
    while read < bytes {
        let request = FetchRequest { max_bytes: 1 << 20, ..fetch_request(&[("load", 0, offset)]) };
        let fetched = client.fetch_with(12, request).remove(0);
        let Some(last) = last_offset(&fetched.records) else { return };
        (offset, read) = (last + 1, read + fetched.records.len() as u64);
    }
}

/// Of the last whole batch.
fn last_offset(mut batches: &[u8]) -> Option<i64> {
    let mut last = None;
    while let Some(header) = sendlog::record::BatchHeader::parse(batches) {
        let Some(rest) = batches.get(header.size()? as usize..) else { break };
        (last, batches) = (Some(header.last_offset().0), rest);
    }
    last
}

fn verdict(shares: &[f64]) -> usize {
    let half = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (old, new) = (half(&shares[..5]), half(&shares[5..]));
    match () {
        () if old + new < 5.0 => 3,
        () if old > 2.0 * new => 0,
        () if new > 2.0 * old => 1,
        () => 2,
    }
}

fn written(shares: &[f64], answer: usize, limit: u64) -> String {
    let all = percent(shares.iter().sum::<f64>() / 10.0);
    let limit = limit >> 20;
    let seen = match answer {
        0 => {
            "Here the kernel kept what was written first, which no description of its lists would make one expect: \
              look at the table, and at which kind of LRU it runs (/sys/kernel/mm/lru_gen/enabled)"
        }
        1 => {
            "What was written longest ago went first: a page that was touched once lies in the kernel's list of \
              inactive pages, and that list is emptied from its old end. For a log this is just right, since \
              consumers mostly read its end"
        }
        2 => {
            "Pages of all ages were left: the kernel evicts roughly by age, but not page by page; it looks at \
              batches of them, writes back what is dirty first, and large folios go as a whole"
        }
        _ => "Next to nothing was left, so writing and evicting went at the same pace",
    };
    format!(
        "{all} of the log is in memory, of {limit} MiB that the broker may use. {seen}. Nobody told the kernel what a \
         log is; the writer was not killed either, since pages of a file can always be had back by writing them to \
         it. Memory that a program allocates cannot: a broker with a cache of its own would have had to limit it, and \
         would have got no use out of the rest."
    )
}

fn read(shares: &[Vec<f64>]) -> String {
    let (alone, read) = (shares[0][0], shares[1][0]);
    let middle = |shares: &[f64]| percent(shares[1..5].iter().sum::<f64>() / 4.0);
    let seen =
        match () {
            () if read > 60.0 && read > 2.0 * alone => format!(
            "A page that is touched a second time becomes an active one, and those stay: of the tenth that was read \
             all along {} were left, where nobody read it {}. Next to it, of what was written after it, {}",
            percent(read), percent(alone), middle(&shares[1])
        ),
            () if read > alone => format!(
            "Reading the oldest tenth all along kept more of it than before ({} instead of {}), but not most of it: \
             new pages came faster than the reader came round",
            percent(read), percent(alone)
        ),
            () => format!(
            "Reading the oldest tenth all along did not keep it in memory ({}, and {} without a reader): each page \
             was evicted before it was touched again",
            percent(read), percent(alone)
        ),
        };
    format!(
        "{seen}. So consumers that keep up cost the disk nothing, and one that is far behind takes little from \
             them: its pages are touched once."
    )
}
