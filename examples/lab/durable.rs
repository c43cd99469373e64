//! Acknowledged before or after the flush: what a `kill -9` leaves of it, and what a power cut does.
//!
//! Always true: a record counts as acknowledged when its answer was read. Before the power is cut the broker is frozen,
//! so that it answers nothing afterwards; only a file system that was made here is cut.
//! Not done: what is found is counted, not compared; `make torture` does that.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sendlog::wire::frame::decode_response;
use sendlog::wire::messages::ProduceRequest;

use crate::broker::client::{batch_of_size, frame, produce_request, Client};
use crate::broker::{scratch, Broker};
use crate::disk::Disk;
use crate::experiment::{step, Experiment, Findings, Lab};
use crate::number::brief;
use crate::table::{Cell, Table};
use crate::terminal::progress;
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "durable",
    title: "Acknowledged before or after the flush",
    question: "A producer with acks=1 has been sending for half a second, and has an answer for each record. Then the \
               power fails. How many of the acknowledged records are gone?",
    choices: &["none", "those of the last moments, less than a tenth", "a good part", "all of them, or nearly"],
    needs_disk: false,
    run,
};

#[derive(Clone, Copy, PartialEq)]
enum End {
    Kill,
    PowerCut,
}

/// acks, broker settings, how it ends.
const ROWS: [(&str, i16, &str, End); 7] = [
    ("acks=0, kill -9", 0, "flush.mode=acks", End::Kill),
    ("acks=1, kill -9", 1, "flush.mode=acks", End::Kill),
    ("acks=all, kill -9", -1, "flush.mode=acks", End::Kill),
    ("acks=0, power cut", 0, "flush.mode=acks", End::PowerCut),
    ("acks=1, power cut", 1, "flush.mode=acks", End::PowerCut),
    ("acks=all, power cut", -1, "flush.mode=acks", End::PowerCut),
    ("acks=all, flush.mode=os, power cut", -1, "flush.mode=os", End::PowerCut),
];

struct Outcome {
    /// Answered; with acks=0, sent.
    acknowledged: u64,
    missing: u64,
    p50: Option<Duration>,
}

fn run(lab: &Lab) -> Result<Findings> {
    let columns = ["missing %", "acknowledged", "found again", "missing", "p50 us"];
    let mut table = Table::new(
        "missing",
        "Records that were acknowledged (acks=0: sent), and are gone after the restart",
        &columns,
    );
    let mut found = Vec::new();
    let mut skipped = Vec::new();
    for (label, acks, setting, end) in ROWS {
        progress(label);
        let home = scratch();
        let disk = match end {
            End::Kill => None,
            End::PowerCut => match Disk::make(home.path(), "ext4") {
                Ok(disk) => Some(disk),
                Err(reason) => {
                    skipped = vec![format!("power cuts: {reason}")];
                    found.push(None);
                    continue;
                }
            },
        };
        let data = disk.as_ref().map_or(home.path(), Disk::mount_point).join("data");
        let outcome = attempt(lab, &data, acks, setting, disk.as_ref())?;
        let Outcome { acknowledged, missing, p50 } = outcome;
        let p50 = p50.map_or("".into(), |p50| Cell::from(p50.as_secs_f64() * 1e6));
        let percent = Cell::Count((missing as f64 / acknowledged.max(1) as f64 * 100.0).ceil() as u64);
        table.row(label, vec![percent, acknowledged.into(), (acknowledged - missing).into(), missing.into(), p50]);
        found.push(Some(outcome));
    }
    let answer = found[4]
        .as_ref()
        .map(|cut| step(cut.missing as f64 / cut.acknowledged.max(1) as f64, &[f64::MIN_POSITIVE, 0.1, 0.9]));
    let mut why = vec![killed(&found)];
    why.extend(found[4].is_some().then(|| cut(&found)));
    Ok(Findings { tables: vec![table], answer, why, skipped })
}

fn start(data: &std::path::Path, setting: &str) -> Broker {
    let data = data.to_str().expect("a path of ours");
    let arguments =
        ["--listen", "127.0.0.1:0", "--data", data, "--exit-with-parent", "--set", setting, "--set", "admin.listener="];
    Broker::run(Arc::new(scratch()), &arguments)
}

/// One broker, one producer that is never idle, and the end.
fn attempt(lab: &Lab, data: &std::path::Path, acks: i16, setting: &str, disk: Option<&Disk>) -> Result<Outcome> {
    let broker = start(data, setting);
    // Durable before anything else: so that what is counted are records.
    broker.connect().create("demo", 1);
    let (acknowledged, latencies) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let client = broker.connect();
        scope.spawn(|| produce(client, acks, &acknowledged, &latencies));
        std::thread::sleep(Duration::from_millis(lab.pick(500, 100)));
        match disk {
            None => drop(broker.kill()),
            Some(disk) => {
                broker.freeze();
                disk.cut();
                broker.kill();
            }
        }
    });
    if let Some(disk) = disk {
        disk.mount_again();
    }
    let broker = start(data, setting);
    let mut client = broker.connect();
    // A partition is there as soon as the broker listens; an error would end this.
    let (_, end) = client.bounds("demo", 0);
    let acknowledged = acknowledged.load(Relaxed);
    broker.stop();
    let mut latencies = latencies.into_inner().expect("no panic");
    latencies.sort();
    let p50 = latencies.get(latencies.len() / 2).copied();
    Ok(Outcome { acknowledged, missing: acknowledged.saturating_sub(end as u64), p50 })
}

/// Batches of one record, one after another, until the connection ends.
fn produce(mut client: Client, acks: i16, acknowledged: &AtomicU64, latencies: &Mutex<Vec<Duration>>) {
    let request = frame(9, 0, &mut produce_request(acks, "demo", 0, &batch_of_size(200)));
    let mut took = Vec::new();
    loop {
        let began = Instant::now();
        if client.socket.write_all(&request).is_err() {
            break;
        }
        if acks != 0 {
            let Some(answer) = client.read_frame_or_end() else { break };
            let Ok((_, answer)) = decode_response::<ProduceRequest>(&answer, 9) else { break };
            if !answer.responses[0].partition_responses[0].error_code.is_none() {
                break;
            }
            took.push(began.elapsed());
        }
        acknowledged.fetch_add(1, Relaxed);
    }
    *latencies.lock().expect("no panic") = took;
}

fn killed(found: &[Option<Outcome>]) -> String {
    let missing = |row: usize| found[row].as_ref().map_or(0, |outcome: &Outcome| outcome.missing);
    let nothing = match missing(1) + missing(2) {
        0 => {
            "After kill -9 nothing is missing that was acknowledged, flushed or not: the process had handed its \
              bytes to the kernel before it answered, and the page cache does not belong to the process. Its end is \
              no end for them"
        }
        _ => {
            "After kill -9 acknowledged records are missing, which must not be: the page cache outlives a process. \
              Please report it"
        }
    };
    let sent = match missing(0) {
        0 => "With acks=0 nothing was missing either, this time".to_string(),
        gone => format!(
            "With acks=0 {} records are gone: they were still in a socket's buffer, and nobody had promised anything",
            brief(gone as f64)
        ),
    };
    format!("{nothing}. {sent}.")
}

fn cut(found: &[Option<Outcome>]) -> String {
    let of = |row: usize| found[row].as_ref().map_or((0, 0), |outcome| (outcome.missing, outcome.acknowledged));
    let ((one, one_all), (all, _), (os, os_all)) = (of(4), of(5), of(6));
    let unflushed = match one {
        0 => "With acks=1 nothing was missing after the power cut either, by luck: the kernel happened to have written it".to_string(),
        _ => format!(
            "With acks=1 the power cut took {} of {} acknowledged records. The kernel writes dirty pages when they \
             are some 30 s old (vm.dirty_expire_centisecs), and the file system learns of the file's length then: \
             within that time it is not \"the last moments\" that are lost but everything since the last flush",
            brief(one as f64), brief(one_all as f64)
        ),
    };
    let flushed = match all {
        0 => "With acks=all nothing is missing: the answer waited for fdatasync(2)",
        _ => "With acks=all records are missing, which must not be: please report it, with the file system and the kernel",
    };
    let kafka = format!(
        "flush.mode=os answers acks=all without a flush, as Kafka does by default: {} of {} gone. Kafka relies on \
         replicas on other machines there, which do not lose their power in the same moment; one machine has none, so \
         the flush is what acks=all means here",
        brief(os as f64),
        brief(os_all as f64)
    );
    format!("{unflushed}. {flushed}. {kafka}.")
}
