//! Zero copy against read and write: throughput, and whose processor time.
//!
//! Always true: all data is in the page cache. The load generator's processor time stands beside the broker's.
//! Not done: no network card; what one would change is said.

use std::cmp::Ordering::{Equal, Greater, Less};

use crate::experiment::{Experiment, Findings, Lab};
use crate::number::{brief, ratio};
use crate::runs::{compare, Runs, Variant};
use crate::table::Table;
use crate::Result;

pub const EXPERIMENT: Experiment = Experiment {
    name: "sendfile",
    title: "sendfile against copying",
    question: "A consumer on the same machine fetches data that is in the page cache, 1 MiB at a time. Once the \
               broker answers with sendfile(2), once it copies through a buffer of its own (--set fetch.path=copy). \
               Who moves more bytes a second?",
    choices: &["sendfile, clearly", "neither, clearly", "the copy, clearly"],
    needs_disk: false,
    run,
};

const SIZES: &[(&str, u32)] = &[("1 MiB", 1 << 20), ("64 KiB", 64 << 10), ("16 KiB", 16 << 10)];

fn run(lab: &Lab) -> Result<Findings> {
    let (there, asked) = lab.pick((100_000_000, 3_000_000_000u64), (20_000_000, 100_000_000));
    let variant = |(name, bytes): &(&str, u32), path: &'static str| Variant {
        label: format!("{name}, {}", &path["fetch.path=".len()..]),
        settings: vec![path],
        before: Some(format!("produce --batch-records 145 --bytes {there}")),
        load: format!("fetch --fetch-bytes {bytes} --seconds 1 --bytes {asked}"),
    };
    let pair = |size| [variant(size, "fetch.path=sendfile"), variant(size, "fetch.path=copy")];
    let variants: Vec<Variant> = SIZES.iter().flat_map(pair).collect();
    let runs = compare(lab, &variants)?;
    let columns = ["MB/s", "p50 us", "p99 us", "broker CPU s/GB", "client CPU s/GB"];
    let mut table = Table::new("paths", "Fetching from the page cache, by bytes of a fetch", &columns);
    for (variant, runs) in variants.iter().zip(&runs) {
        let cells = runs.cells(&["wire_MB/s", "p50_us", "p99_us", "cpu_s/GB", "own_cpu_s/GB"]);
        table.row(&variant.label, cells);
    }
    let (large, small) = ((&runs[0], &runs[1]), (&runs[4], &runs[5]));
    let answer = match large.0.against(large.1, "wire_MB/s") {
        Greater => 0,
        Equal => 1,
        Less => 2,
    };
    let why = vec![throughput(large, answer), processor_time(large), small_pieces(small)];
    let answer = (!large.0.is_in_doubt(large.1, "wire_MB/s")).then_some(answer);
    Ok(Findings { tables: vec![table], answer, why, ..Findings::default() })
}

fn throughput((sendfile, copy): (&Runs, &Runs), answer: usize) -> String {
    let times = ratio(sendfile.times(copy, "wire_MB/s"));
    let seen = match answer {
        0 => format!(
            "sendfile moved {times} the bytes of the copy: the broker hands over references to pages, and no \
                      byte passes through it."
        ),
        1 => format!("sendfile moved {times} the bytes of the copy, {}.", sendfile.doubt(copy, "wire_MB/s")),
        _ => format!(
            "sendfile moved only {times} the bytes of the copy: the textbook, which counts copies, is wrong here. A \
             broker that copies has drawn each piece into its core's cache just before it sends it; the receiver of \
             sent pages has to get them from memory."
        ),
    };
    format!(
        "{seen} On loopback, \"zero copy\" means one copy: there is no card that would fetch the pages by itself, so \
         the consumer's own recv(2) copies them out of the page cache. The other path copies twice, from the page \
         cache to the broker and from the broker to the socket. Which of the two is faster depends on the kernel and \
         on the caches, and that is why it is measured."
    )
}

fn processor_time((sendfile, copy): (&Runs, &Runs)) -> String {
    let figures = |key: &str| (brief(sendfile.median(key)), brief(copy.median(key)));
    let ((ours, copied), (client, client_copied)) = (figures("cpu_s/GB"), figures("own_cpu_s/GB"));
    let what = match sendfile.against(copy, "cpu_s/GB") {
        Less => "What sendfile saves is the broker's processor time",
        Equal => "The broker's processor time does not clearly differ from run to run",
        Greater => "sendfile did not even save the broker's processor time",
    };
    let whose = match sendfile.against(copy, "own_cpu_s/GB") {
        Greater => {
            "the client pays a part of it back, since the copy from memory that is in nobody's cache is now its own"
        }
        Equal => "the client's is about the same",
        Less => "the client's is lower too",
    };
    format!(
        "{what}: {ours} s for each GB with it, {copied} s without; {whose} ({client} and {client_copied} s). With a \
         real network in between, a card would do what recv(2) does here, and the broker's column would be the whole \
         difference."
    )
}

fn small_pieces((sendfile, copy): (&Runs, &Runs)) -> String {
    let times = ratio(sendfile.times(copy, "wire_MB/s"));
    let what = match sendfile.against(copy, "wire_MB/s") {
        Equal => sendfile.doubt(copy, "wire_MB/s"),
        Greater => "a clear difference",
        Less => "so that the copy wins",
    };
    format!(
        "In fetches of 16 KiB it moved {times} the bytes, {what}. A request has its own price, a wake-up on either \
         side and the system calls around the one that moves the bytes; the smaller the pieces, the less it matters \
         how these get moved. That is why consumers ask for much at once (fetch.min.bytes, \
         max.partition.fetch.bytes), and why batches come first in the list of ideas."
    )
}
