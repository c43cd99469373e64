//! A consumer that reads old data from the disk, and a producer that must not suffer from it.
//!
//! Always true: the cold reader has a control, one that reads the same from memory; only the difference between the two
//! tells of the disk.
//! Not done: no second disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::experiment::{time, Experiment, Findings, Lab};
use crate::number::ratio;
use crate::pages::Logs;
use crate::runs::{begin_load, broker, finish, in_turns, load, Figures, Runs};
use crate::table::Table;
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "cold-reader",
    title: "A cold reader meets a hot writer",
    question: "A producer sends batches of 16 KB, one after another, acks=1. Beside it a consumer begins to read old \
               data that is no longer in memory. Compared with a consumer of data that is in memory: what does the \
               producer notice?",
    choices: &[
        "nothing clear, or it is even faster beside the cold one",
        "it loses throughput, less than half of it",
        "it loses half of its throughput, or more",
    ],
    needs_disk: true,
    run,
};

#[derive(Clone, Copy, PartialEq)]
enum Reader {
    Nobody,
    Warm,
    Cold,
}

const ROWS: [(&str, &str, Reader); 6] = [
    ("acks=1, alone", "1", Reader::Nobody),
    ("acks=1, warm reader beside it", "1", Reader::Warm),
    ("acks=1, cold reader beside it", "1", Reader::Cold),
    ("acks=all, alone", "all", Reader::Nobody),
    ("acks=all, warm reader beside it", "all", Reader::Warm),
    ("acks=all, cold reader beside it", "all", Reader::Cold),
];
/// How often what the cold reader has brought into memory is dropped again.
const DROP_EVERY: Duration = Duration::from_millis(20);

fn run(lab: &Lab) -> Result<Findings> {
    let runs = in_turns(lab, &ROWS, |row| row.0.to_string(), |row| meet(lab, row.1, row.2))?;
    let columns = ["writer MB/s", "writer p50 us", "writer p99 us", "reader MB/s"];
    let mut table = Table::new("writer", "A producer of 16 KB batches, one in flight, and who is beside it", &columns);
    for ((label, _, reader), runs) in ROWS.iter().zip(&runs) {
        let mut cells = runs.cells(&["wire_MB/s", "p50_us", "p99_us"]);
        cells.push(if *reader == Reader::Nobody { "".into() } else { runs.cell("reader_MB/s") });
        table.row(*label, cells);
    }
    let answer = match runs[2].against(&runs[1], "wire_MB/s") {
        std::cmp::Ordering::Less if runs[2].times(&runs[1], "wire_MB/s") < 0.5 => 2,
        std::cmp::Ordering::Less => 1,
        _ => 0,
    };
    let why = vec![in_memory(&runs, answer), flushed(&runs)];
    let answer = (!runs[2].is_in_doubt(&runs[1], "wire_MB/s")).then_some(answer);
    Ok(Findings { tables: vec![table], answer, why, ..Findings::default() })
}

fn meet(lab: &Lab, acks: &str, reader: Reader) -> Result<Figures> {
    let old = lab.pick(200_000_000u64, 20_000_000);
    let bytes = lab.pick(400_000_000, 10_000_000);
    let broker = broker(&[]);
    let write =
        format!("produce --topic new --batch-records 145 --in-flight 1 --acks {acks} --seconds 1 --bytes {bytes}");
    if reader == Reader::Nobody {
        return Ok(load(&broker, &write)?.with("reader_MB/s", 0.0));
    }
    load(&broker, &format!("produce --topic old --batch-records 145 --bytes {old}"))?;
    let logs = Logs::of(&broker, "old")?;
    logs.sync()?;
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Without it, the second time round would be warm.
        let dropper = scope.spawn(|| {
            while reader == Reader::Cold && !is_done.load(Ordering::Relaxed) {
                logs.drop_pages();
                std::thread::sleep(DROP_EVERY);
            }
        });
        let both = || {
            let reading = begin_load(&broker, "fetch --topic old --seconds 1 --bytes 1000000000000")?;
            let written = load(&broker, &write);
            let read = finish(reading)?;
            Ok(written?.with("reader_MB/s", read.get("wire_MB/s")))
        };
        let figures = both();
        is_done.store(true, Ordering::Relaxed);
        dropper.join().expect("no panic");
        figures
    })
}

fn in_memory(runs: &[Runs], answer: usize) -> String {
    let (alone, warm, cold) = (&runs[0], &runs[1], &runs[2]);
    let seen = match answer {
        0 => format!(
            "Beside the reader that has to wait for the disk the writer had {} of what it had beside the one that \
             does not, {}",
            ratio(cold.times(warm, "wire_MB/s")),
            if cold.against(warm, "wire_MB/s").is_gt() {
                "which is clearly more"
            } else {
                cold.doubt(warm, "wire_MB/s")
            }
        ),
        _ => format!(
            "Beside the cold reader the writer kept {} of what it had beside the warm one: not because it \
                      waits for the disk itself, but since reading from it costs more than reading from memory, \
                      interrupts, new pages, and throwing these out again, which the lab does to keep the reader cold",
            ratio(cold.times(warm, "wire_MB/s"))
        ),
    };
    let contention = match warm.against(alone, "wire_MB/s") {
        std::cmp::Ordering::Less => format!(
            "What costs the writer most is company as such: beside the warm reader, which never touches the disk, it \
             kept {} of what it had alone. Both use the processors, of which there are few here, and a warm reader \
             uses more of them",
            ratio(warm.times(alone, "wire_MB/s"))
        ),
        std::cmp::Ordering::Equal => format!(
            "Beside the warm reader the writer did {} of what it did alone, {}",
            ratio(warm.times(alone, "wire_MB/s")),
            warm.doubt(alone, "wire_MB/s")
        ),
        std::cmp::Ordering::Greater => format!(
            "Beside the warm reader the writer did {} of what it did alone: company is no harm to it, and neither is \
             the processor time that the reader takes",
            ratio(warm.times(alone, "wire_MB/s"))
        ),
    };
    format!(
        "{seen}. {contention}. An append with acks=1 goes into the page cache, and needs no disk; the thread that \
         waits for the disk is the cold reader's own, one for each connection, and it holds no lock meanwhile \
         (src/log/view.rs). A broker that serves many connections with one thread stops all of them when sendfile(2) \
         has to wait for the disk; Kafka's network threads do."
    )
}

fn flushed(runs: &[Runs]) -> String {
    let (alone, warm, cold) = (&runs[3], &runs[4], &runs[5]);
    let figures = |runs: &Runs| time(runs.median("p99_us"));
    let seen = match cold.against(warm, "wire_MB/s") {
        std::cmp::Ordering::Less => "With acks=all both want the disk, and the writer notices",
        std::cmp::Ordering::Equal => {
            "With acks=all both want the disk, and still it makes no clear difference which \
                                      kind of reader there is"
        }
        std::cmp::Ordering::Greater => {
            "With acks=all both want the disk, and still the warm reader is the worse \
                                        neighbour, since it takes the processors"
        }
    };
    format!(
        "{seen}: {} the throughput beside the cold reader of that beside the warm one; p99 is {} alone, {} beside the \
         warm one, {} beside the cold one.",
        ratio(cold.times(warm, "wire_MB/s")),
        figures(alone),
        figures(warm),
        figures(cold)
    )
}
