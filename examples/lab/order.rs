//! In order and at random places; one file and a thousand.
//!
//! Always true: all of it is read back from the disk; pages are dropped first, when nothing is dirty.
//! Not done: where the file system puts the blocks of a file is not looked at.

use std::cmp::Ordering;
use std::time::Instant;

use crate::experiment::{Experiment, Findings, Lab};
use crate::number::{brief, ratio};
use crate::pages::Logs;
use crate::runs::{broker, broker_on, in_turns, load, tool, Figures, Runs};
use crate::table::Table;
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "order",
    title: "Sequential against random, one file against a thousand",
    question: "The same bytes go once to 1 partition and once to 1,000 partitions in turns; later they are read again \
               from the disk, after all pages have been dropped. What loses more than half of its throughput with \
               1,000?",
    choices: &["neither producing nor reading", "producing", "reading from the disk", "both"],
    needs_disk: true,
    run,
};

const PLACES: [(&str, &str); 4] = [
    ("written in order, flushed at the end", "write-in-order"),
    ("written at random places, flushed at the end", "write-at-random"),
    ("read from the disk in order", "read-in-order"),
    ("read from the disk at random places", "read-at-random"),
];
const PARTITIONS: [u32; 4] = [1, 10, 100, 1000];

fn run(lab: &Lab) -> Result<Findings> {
    let bytes = lab.pick(64_000_000, 4_000_000);
    let places = in_turns(
        lab,
        &PLACES,
        |row| row.0.to_string(),
        |row| {
            let output = tool("limits")?.args([row.1, "--piece", "4096", "--bytes", &bytes.to_string()]).output()?;
            Ok(Figures::parse(&String::from_utf8_lossy(&output.stdout)))
        },
    )?;
    let mut file = Table::new("file", "The same pieces of 4 KiB in one file, without a broker", &["MB/s", "pieces/s"]);
    PLACES
        .iter()
        .zip(&places)
        .for_each(|(row, runs)| file.row(row.0, runs.cells(&["wire_MB/s", "pieces/s"])));

    let spread = in_turns(lab, &PARTITIONS, |count| format!("{count} partitions"), |count| spread_over(lab, *count))?;
    let columns = ["produced MB/s", "ms to flush all and stop", "cold fetch MB/s"];
    let mut partitions =
        Table::new("partitions", "Batches of 11 KB for partitions in turns, through the broker", &columns);
    for (count, runs) in PARTITIONS.iter().zip(&spread) {
        partitions.row(
            if *count == 1 { "1 partition".to_string() } else { format!("{count} partitions") },
            runs.cells(&["wire_MB/s", "stop_ms", "cold_MB/s"]),
        );
    }
    let (first, last) = (&spread[0], &spread[3]);
    let halves = |key: &str| last.times(first, key) < 0.5;
    let answer = usize::from(halves("wire_MB/s")) + 2 * usize::from(halves("cold_MB/s"));
    let why = vec![one_file(&places), many_files(&spread)];
    Ok(Findings { tables: vec![file, partitions], answer: Some(answer), why, ..Findings::default() })
}

fn spread_over(lab: &Lab, partitions: u32) -> Result<Figures> {
    let bytes: u64 = lab.pick(64_000_000, 12_000_000);
    let sender = broker(&[]);
    let figures = load(&sender, &format!("produce --partitions {partitions} --batch-records 100 --bytes {bytes}"))?;
    let began = Instant::now();
    let data = sender.stop();
    let stop_ms = began.elapsed().as_secs_f64() * 1e3;
    let reader = broker_on(data, &[]);
    let logs = Logs::of(&reader, "load")?;
    logs.drop_pages();
    let read = load(&reader, &format!("fetch --partitions {partitions} --fetch-bytes 65536 --bytes {bytes}"))?;
    Ok(figures.with("stop_ms", stop_ms).with("cold_MB/s", read.get("wire_MB/s")))
}

fn one_file(places: &[Runs]) -> String {
    let written = match places[1].times(&places[0], "wire_MB/s") {
        times if times > 0.8 => format!(
            "Writing at random places was no slower to speak of ({} of writing in order), whatever the textbook says: \
             the writes end in the page cache, and the flush finds the pages there sorted by their place in the file, \
             so the disk sees nearly the same either way. On a disk without moving parts little is left of the old \
             reason",
            ratio(times)
        ),
        times => format!(
            "Writing at random places reached {} of writing in order: the flush sorts pages, and it \
                          still costs",
            ratio(times)
        ),
    };
    let read = match places[3].times(&places[2], "wire_MB/s") {
        times if times < 0.8 => format!(
            "Reading shows the difference: {} at random places. In order the kernel reads ahead and the disk is never \
             idle; at random each piece is waited for",
            ratio(times)
        ),
        times => format!(
            "Even reading at random places reached {} of reading in order: something behind this disk (a \
                          host's cache?) has the bytes in memory",
            ratio(times)
        ),
    };
    format!(
        "{written}. {read}. What appending gives besides is independent of the disk: nothing is ever overwritten, so \
         a crash can only tear the end, a place in the file is as good as a pointer, and readers need no lock."
    )
}

fn many_files(spread: &[Runs]) -> String {
    let (first, last) = (&spread[0], &spread[3]);
    let produced = last.times(first, "wire_MB/s");
    let seen = match produced {
        times if times > 0.5 => format!(
            "1,000 partitions still take {} the bytes a second of one: each append is a \
                                         write at the end of some file's cached pages",
            ratio(times)
        ),
        times => format!(
            "1,000 partitions take {} the bytes a second of one. No disk is involved in that: each file's first \
             pages, its index entries, and caches that hold no longer what the next append needs",
            ratio(times)
        ),
    };
    let cold = match (last.against(first, "cold_MB/s"), last.times(first, "cold_MB/s")) {
        (Ordering::Less, times) => format!(
            "Reading them again from the disk fell to {}: each file has its own read-ahead, which begins small, and \
             there is little of each to read ahead",
            ratio(times)
        ),
        (Ordering::Greater, times) => {
            format!("Reading them again from the disk was even faster, {} of one file", ratio(times))
        }
        (Ordering::Equal, times) => {
            format!(
                "Reading them again from the disk came to {} of one file, {}",
                ratio(times),
                last.doubt(first, "cold_MB/s")
            )
        }
    };
    let few = match spread[1].against(first, "cold_MB/s") {
        Ordering::Greater => {
            " (Ten are read faster than one: a disk that has several requests at a time has more to do, and each file's \
             read-ahead is one more.)"
        }
        _ => "",
    };
    format!(
        "{seen}. The flush is what feels the files: {} ms for one, {} ms for 1,000, since each of them is an \
         fdatasync(2) of its own. {cold}.{few} So many partitions do turn sequential I/O into something else, at the flush \
         and for cold readers; larger batches and fewer partitions help, a broker cannot.",
        brief(first.median("stop_ms")),
        brief(last.median("stop_ms"))
    )
}
