//! What becomes of a batch that is only half there, and of others that are damaged.
//!
//! Always true: the broker is down while its file is changed, and each row has a data directory of its own.
//! Not done: no damage to indexes or checkpoints; `make torture` flips a bit of every byte.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use sendlog::record::header::crc_matches;
use sendlog::record::BatchHeader;
use tempfile::TempDir;

use crate::broker::client::batch;
use crate::broker::tree;
use crate::experiment::{Experiment, Findings, Lab};
use crate::runs::{broker, broker_on};
use crate::table::Table;
use crate::terminal::progress;
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "torn",
    title: "What happens to a torn batch",
    question: "A log has four batches of three records each. The machine stops in the middle of the last write: of \
               the fourth batch, the first half is in the file. What does the next start make of it?",
    choices: &[
        "it refuses to start, or to serve this partition",
        "it keeps the records of the fourth batch that are whole",
        "it takes the whole fourth batch out of the log",
        "it leaves the file as it is, and consumers meet the half",
    ],
    needs_disk: false,
    run,
};

const LOG: &str = "demo-0/00000000000000000000.log";

/// What is done to the file, whose batches begin at these positions, the last one being its end.
type Damage = fn(&fs::File, &[u64]) -> std::io::Result<()>;

/// Label, whether the broker was stopped cleanly before, what is done.
const ROWS: [(&str, bool, Damage); 7] = [
    ("killed, nothing damaged", false, |_, _| Ok(())),
    ("killed, half of the last batch is missing", false, |file, at| file.set_len((at[3] + at[4]) / 2)),
    ("killed, all but 20 bytes of it", false, |file, at| file.set_len(at[3] + 20)),
    ("killed, one bit of it is flipped", false, |file, at| flip(file, at[4] - 1)),
    ("killed, 100 zeros behind it", false, |file, at| file.set_len(at[4] + 100)),
    ("killed, a bit of the second batch is flipped", false, |file, at| flip(file, at[2] - 1)),
    ("stopped cleanly, the same bit", true, |file, at| flip(file, at[2] - 1)),
];

struct Seen {
    is_served: bool,
    records: u64,
    /// Of these, in batches that a consumer refuses.
    wrong: u64,
    cut: u64,
}

fn run(_: &Lab) -> Result<Findings> {
    let columns =
        ["records to read", "with a wrong CRC", "bytes kept aside", "the next record gets", "what the log says"];
    let mut table = Table::new("records", "Four batches of three records, and what a start makes of them", &columns);
    let mut all = Vec::new();
    for (label, is_clean, damage) in ROWS {
        progress(label);
        let (data, positions) = four_batches(is_clean)?;
        let path = data.path().join("data").join(LOG);
        damage(&OpenOptions::new().read(true).write(true).open(path)?, &positions)?;
        let (seen, next, said) = start(data)?;
        table.row(
            label,
            vec![seen.records.into(), seen.wrong.into(), seen.cut.into(), next.as_str().into(), said.as_str().into()],
        );
        all.push(seen);
    }
    let half = &all[1];
    let answer = match half.records {
        _ if !half.is_served => 0,
        9 => 2,
        10 | 11 => 1,
        _ => 3,
    };
    Ok(Findings {
        tables: vec![table],
        answer: Some(answer),
        why: vec![torn(&all), flipped(&all)],
        ..Findings::default()
    })
}

/// Data with four batches, where each begins, and where the last one ends.
fn four_batches(is_clean: bool) -> Result<(Arc<TempDir>, Vec<u64>)> {
    let broker = broker(&[]);
    let path = broker.folder().join(LOG);
    let mut client = broker.connect();
    client.create("demo", 1);
    let mut positions = vec![0];
    for number in 1..=4 {
        let values = [1, 2, 3].map(|record| format!("record {record} of batch {number}"));
        let produced = client.try_produce(9, 1, "demo", 0, &batch(&values.each_ref().map(String::as_str)));
        assert!(produced.error_code.is_none(), "{produced:?}");
        positions.push(fs::metadata(&path)?.len());
    }
    Ok((if is_clean { broker.stop() } else { broker.kill() }, positions))
}

fn flip(file: &fs::File, position: u64) -> std::io::Result<()> {
    let mut byte = [0];
    file.read_exact_at(&mut byte, position)?;
    file.write_all_at(&[byte[0] ^ 1], position)
}

/// What a start finds; which offset the next record gets; what was logged.
fn start(data: Arc<TempDir>) -> Result<(Seen, String, String)> {
    let broker = broker_on(data, &[]);
    let mut client = broker.connect();
    let fetched = client.fetch("demo", 0, 0);
    let is_served = fetched.error().is_none();
    let records = fetched.read().len() as u64;
    let wrong = wrong_records(&fetched.records);
    let produced = client.try_produce(9, -1, "demo", 0, &batch(&["one more"]));
    let next = match produced.error_code.is_none() {
        true => format!("offset {}", produced.base_offset),
        false => produced.error_code.to_string(),
    };
    let events = ["log_cut", "partition_offline", "partition_recovered"];
    let log = broker.log();
    let said = events.iter().filter(|event| log.iter().any(|line| line.contains(&format!(" {event} "))));
    let said = said.copied().collect::<Vec<_>>().join(", ");
    let cut = kept_aside(&broker.folder())?;
    broker.signal("TERM");
    broker.ended();
    Ok((Seen { is_served, records, wrong, cut }, next, said))
}

/// Records of batches whose CRC is not that of their bytes.
fn wrong_records(mut batches: &[u8]) -> u64 {
    let mut wrong = 0;
    while let Some(header) = BatchHeader::parse(batches) {
        let size = header.size().unwrap_or_default() as usize;
        let Some((batch, rest)) = batches.split_at_checked(size) else { break };
        if !crc_matches(batch, &header) {
            wrong += header.record_count as u64;
        }
        batches = rest;
    }
    wrong
}

fn kept_aside(folder: &Path) -> Result<u64> {
    let cuts = tree(folder).into_iter().filter(|path| path.to_string_lossy().contains(".cut-"));
    cuts.map(|path| Ok(fs::metadata(folder.join(path))?.len())).sum()
}

fn torn(all: &[Seen]) -> String {
    let (half, header) = (&all[1], &all[2]);
    let seen = match (half.records, half.cut > 0) {
        (9, true) => {
            "The half is cut off and kept in a file beside the log (`.cut-` and a number): three records go, \
                      not one and a half. A batch has one checksum over all of its records, and is there or is not; \
                      nothing was promised for it yet, since the answer to a producer comes after the write"
        }
        (9, false) => "The half is gone from the log",
        _ => "That is not what src/log/recovery.rs is written to do: please report it",
    };
    let same = match header.records == half.records {
        true => "Whether half of it or only 20 bytes are there, fewer than a header has, makes no difference",
        false => "With 20 bytes, fewer than a header has, it is different",
    };
    format!(
        "{seen}. {same}: a start after a kill walks from batch to batch above the recovery point, checks each CRC, \
         and ends the log at the first that is not whole. The next record gets the offset after the last whole batch, \
         so no consumer ever sees a gap or a half."
    )
}

fn flipped(all: &[Seen]) -> String {
    let (middle, clean) = (&all[5], &all[6]);
    let lost = match middle.records {
        3 => "A flipped bit in the second batch ends the log there after a kill, although two whole batches follow: \
              above the recovery point nobody knows which writes had reached the disk, and a log with a hole in it \
              would be worse than a short one. What is cut off is kept aside"
            .to_string(),
        records => format!("After a kill, a flipped bit in the second batch left {records} records"),
    };
    let refused = match clean.is_served {
        false => "After a clean stop the same bit takes the partition offline, and nothing is changed: these bytes \
                  were flushed and may have been acknowledged as durable, so this is damage, and to cut would be to \
                  lose what somebody was promised"
            .to_string(),
        true => format!(
            "After a clean stop the same bit goes unnoticed at first: a start does not read what was flushed before \
             it, so as not to read everything. Consumers check each CRC, and refuse {} of the records that they are \
             sent; `sendlog dump-log` finds the place",
            clean.wrong
        ),
    };
    format!("{lost}. {refused}.")
}
