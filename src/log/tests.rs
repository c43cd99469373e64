//! Golden scripts (`tests/scripts/log/*.txt`: commands, `---`, what they print), and the tests that try every byte.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::recovery::{self, Opening, Recovered};

use super::*;
use crate::base::{Error, FileRange};
use crate::record::BatchBuilder;

/// A log that a script drives, and what a broker would keep beside it.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    config: LogConfig,
    log: Option<Log>,
    pub(super) recovery_point: Offset,
    pub(super) log_start: Offset,
    pub(super) leader_epoch: i32,
}

impl Bench {
    pub(super) fn new(segment_bytes: u64, index_interval_bytes: u64) -> Bench {
        let config = LogConfig { segment_bytes, segment_ms: 1000, index_interval_bytes };
        let folder = tempfile::tempdir().unwrap();
        let (recovery_point, log_start) = (Offset(0), Offset(0));
        let mut bench = Bench { folder, config, log: None, recovery_point, log_start, leader_epoch: 0 };
        bench.reopen(false).unwrap();
        bench
    }

    pub(super) fn log(&mut self) -> &mut Log {
        self.log.as_mut().expect("the log is open")
    }

    pub(super) fn reopen(&mut self, is_clean: bool) -> Result<Recovered> {
        self.log = None;
        let (recovery_point, log_start, epoch) = (self.recovery_point, self.log_start, self.leader_epoch);
        let opening = Opening { is_clean, recovery_point, log_start, epoch, ..Opening::default() };
        let (log, recovered) =
            recovery::open(self.folder.path(), &fs::list(self.folder.path())?, self.config, opening, &mut |_| ())?;
        self.log = Some(log);
        Ok(recovered)
    }

    /// A clean stop and a start.
    pub(super) fn reopen_clean(&mut self) -> Result<Recovered> {
        self.flush();
        self.log().finish()?;
        self.reopen(true)
    }

    pub(super) fn append(&mut self, records: usize, timestamp_ms: i64, value_bytes: usize) -> Result<Appended> {
        let mut builder = BatchBuilder::new();
        for i in 0..records {
            builder.push(timestamp_ms + i as i64, None, Some(&vec![b'v'; value_bytes]));
        }
        let mut batch = builder.build();
        let header = BatchHeader::parse(&batch).unwrap();
        let epoch = self.leader_epoch;
        self.log().append(&mut [Checked { bytes: &mut batch, header }], epoch)
    }

    pub(super) fn flush(&mut self) {
        let plan = self.log().flush_plan();
        plan.sync().unwrap();
        self.log().flushed(plan.end.offset);
        self.recovery_point = self.log().recovery_point();
    }

    /// The bytes that a fetch gets.
    pub(super) fn read(&mut self, offset: i64, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let range = self.log().view(Offset(offset)).range(Offset(offset), bytes_max, true)?;
        Ok(range.map(|FileRange { file, position, length }| {
            let mut bytes = vec![0; length as usize];
            file.read_exact_at(&mut bytes, position.0).unwrap();
            bytes
        }))
    }

    pub(super) fn path(&self, segment: usize, suffix: &str) -> PathBuf {
        let mut bases: Vec<_> = fs::list(self.folder.path()).unwrap();
        bases.retain(|entry| entry.name.ends_with(".log"));
        let stem = bases[segment].name.strip_suffix("log").unwrap().to_string();
        self.folder.path().join(stem + suffix)
    }

    pub(super) fn last_segment(&self) -> usize {
        fs::list(self.folder.path()).unwrap().iter().filter(|entry| entry.name.ends_with(".log")).count() - 1
    }

    /// All that a client can find out: each batch's place by offset, and what each timestamp leads to.
    pub(super) fn answers(&mut self, timestamps_ms: impl Iterator<Item = i64>) -> Vec<String> {
        let (start, end) = (self.log().start_offset().0, self.log().end_offset().0);
        let mut answers = vec![format!("{start}..{end}")];
        for offset in start..end {
            let view = self.log().view(Offset(offset));
            let range = view.range(Offset(offset), 1, true).unwrap().unwrap();
            answers.push(format!("{offset}: {} {:?} {}", view.base_offset, range.position, range.length));
        }
        for timestamp_ms in timestamps_ms {
            answers.push(format!("{timestamp_ms}ms: {:?}", find(self.log(), timestamp_ms)));
        }
        answers
    }
}

fn find(log: &Log, timestamp_ms: i64) -> Option<(i64, Offset)> {
    for view in log.views() {
        if view.largest_timestamp().unwrap().is_some_and(|largest| largest.timestamp_ms >= timestamp_ms) {
            let found = view.find_timestamp(timestamp_ms, log.start_offset()).unwrap();
            return found.map(|found| (found.timestamp_ms, found.offset));
        }
    }
    None
}

/// Runs one command of a script, and says what it came to.
fn command(bench: &mut Bench, line: &str) -> String {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap();
    let args: Vec<(&str, &str)> = words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
    let arg = |key: &str| args.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let number = |key: &str, default: i64| arg(key).map_or(default, |value| value.parse().unwrap());
    match name {
        "append" => {
            let size = number("bytes", 20) as usize;
            match bench.append(number("records", 1) as usize, number("ts", 1000), size) {
                Ok(Appended { first, last, rolled, .. }) => {
                    format!("appended {first}..={last}{}", if rolled { ", rolled" } else { "" })
                }
                Err(error) => format!("error: {}", error.code()),
            }
        }
        "flush" => {
            bench.flush();
            format!("recovery point {}", bench.recovery_point)
        }
        "epoch" => {
            bench.leader_epoch = number("to", 0) as i32;
            format!("leader epoch {}", bench.leader_epoch)
        }
        "start" => {
            bench.log_start = Offset(number("at", 0));
            let (at, mut deleted) = (bench.log_start, Vec::new());
            if arg("half").is_none() {
                deleted = bench.log().advance_start(at);
            }
            format!("log start {at}, {} files to unlink", deleted.len())
        }
        "read" => match bench.read(number("at", 0), number("max", 1 << 20) as u64) {
            Ok(bytes) => describe_batches(&bytes.unwrap_or_default()),
            Err(error) => format!("error: {}", error.code()),
        },
        "find" => format!("{:?}", find(bench.log(), number("ts", 0))),
        "cut" | "pad" | "flip" | "remove" => damage(bench, name, &arg, &number),
        "reopen" => {
            let result = if arg("clean").is_some() { bench.reopen_clean() } else { bench.reopen(false) };
            match result {
                Ok(recovered) => {
                    let (start, end) = (bench.log().start_offset(), bench.log().end_offset());
                    format!("opened {start}..{end}: {recovered}")
                }
                Err(error) => format!("offline: {}", strip_folder(&error, bench)),
            }
        }
        "files" => {
            let names = fs::list(bench.folder.path()).unwrap();
            names.iter().map(|entry| entry.name.trim_start_matches('0')).collect::<Vec<_>>().join(" ")
        }
        other => panic!("no command {other}"),
    }
}

fn damage<'a>(
    bench: &Bench,
    name: &str,
    arg: &dyn Fn(&str) -> Option<&'a str>,
    number: &dyn Fn(&str, i64) -> i64,
) -> String {
    let segment = number("segment", bench.last_segment() as i64) as usize;
    let path = bench.path(segment, arg("file").unwrap_or("log"));
    if name == "remove" {
        std::fs::remove_file(path).unwrap();
        return "removed".to_string();
    }
    let mut bytes = std::fs::read(&path).unwrap();
    match name {
        "cut" => bytes.truncate(bytes.len() - number("last", 1) as usize),
        "pad" => bytes.extend(vec![0; number("zeros", 1) as usize]),
        _ => {
            let at = number("at", 0);
            let at = if at < 0 { bytes.len() - at.unsigned_abs() as usize } else { at as usize };
            bytes[at] ^= 1;
        }
    }
    OpenOptions::new().write(true).truncate(true).open(&path).unwrap().write_all(&bytes).unwrap();
    format!("{} bytes", bytes.len())
}

fn describe_batches(mut bytes: &[u8]) -> String {
    let mut text = Vec::new();
    while let Some(header) = BatchHeader::parse(bytes) {
        let size = header.size().unwrap() as usize;
        if size > bytes.len() {
            break;
        }
        assert!(header::crc_matches(&bytes[..size], &header));
        text.push(format!("{}..={} epoch {}", header.base_offset, header.last_offset(), header.leader_epoch));
        bytes = &bytes[size..];
    }
    if !bytes.is_empty() {
        text.push(format!("and {} bytes of a batch", bytes.len()));
    }
    text.join(", ")
}

fn strip_folder(error: &Error, bench: &Bench) -> String {
    error
        .to_string()
        .replace(&format!("{}/", bench.folder.path().display()), "")
        .replace("00000000000000000", "")
}

#[test]
fn scripts_print_what_they_say() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/log");
    let entries = fs::list(&scripts).unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        let text = std::fs::read_to_string(scripts.join(&entry.name)).unwrap();
        let (commands, expected) = text.split_once("---\n").unwrap_or((&text, ""));
        let mut bench = Bench::new(1000, 100);
        let lines = commands.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let printed: String = lines.map(|line| command(&mut bench, line) + "\n").collect();
        if std::env::var_os("REWRITE").is_some() {
            std::fs::write(scripts.join(&entry.name), format!("{commands}---\n{printed}")).unwrap();
        } else {
            assert_eq!(printed, expected, "{}; REWRITE=1 rewrites it", entry.name);
        }
    }
}

#[test]
fn a_log_cut_at_any_byte_keeps_the_whole_batches_before() {
    let mut bench = Bench::new(1 << 20, 100);
    let mut ends = vec![0];
    for i in 0..6 {
        bench.append(1 + i, 1000, 30).unwrap();
        ends.push(bench.log().end().position.0);
    }
    let path = bench.path(0, "log");
    let whole = std::fs::read(&path).unwrap();
    for length in (0..=whole.len()).rev() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let recovered = bench.reopen(false).unwrap();
        let kept = ends.iter().rposition(|end| *end as usize <= length).unwrap();
        let records: usize = (1..=kept).sum();
        assert_eq!(bench.log().end_offset(), Offset(records as i64), "{length} bytes");
        assert_eq!(recovered.bytes_cut, length as u64 - ends[kept], "{length} bytes");
        assert_eq!(std::fs::read(&path).unwrap(), whole[..ends[kept] as usize], "{length} bytes");
        let next = bench.append(1, 1000, 30).unwrap();
        assert_eq!(next.first, Offset(records as i64));
    }
}

/// The checkpoint lags behind the flushes, so indexes may name batches that a power cut has torn, and one of them less than
/// the other.
#[test]
fn index_entries_of_a_torn_tail_take_no_log_offline() {
    const BATCHES: i64 = 8;
    const KNOWN: i64 = 3;
    let size = 130;
    for (cut, entries) in (KNOWN as u64 * size..=BATCHES as u64 * size).flat_map(|cut| (0..6).map(move |n| (cut, n))) {
        let mut bench = Bench::new(1 << 20, 100);
        for n in 0..BATCHES {
            assert_eq!(bench.append(1, 1000 + n, 61).unwrap().first, Offset(n));
        }
        bench.flush();
        assert_eq!(bench.log().end().position.0, BATCHES as u64 * size, "the batches have another size");
        bench.recovery_point = Offset(KNOWN);
        let shorten = |path, length| OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
        shorten(bench.path(0, "log"), cut);
        shorten(bench.path(0, "index"), entries * 8);
        bench.reopen(false).unwrap_or_else(|error| panic!("cut at {cut}, {entries} entries: {error}"));
        assert_eq!(bench.log().end_offset(), Offset((cut / size) as i64), "cut at {cut}, {entries} entries");
    }
}

#[test]
fn zeros_behind_the_log_are_cut_off() {
    for zeros in [1, 12, 60, 61, 62, 4096, 8192] {
        let mut bench = Bench::new(1 << 20, 100);
        bench.append(3, 1000, 30).unwrap();
        let path = bench.path(0, "log");
        let mut bytes = std::fs::read(&path).unwrap();
        let whole = bytes.clone();
        bytes.extend(vec![0; zeros]);
        std::fs::write(&path, &bytes).unwrap();
        let recovered = bench.reopen(false).unwrap();
        assert_eq!((bench.log().end_offset(), recovered.bytes_cut), (Offset(3), zeros as u64));
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

/// A log of several segments with index entries, compressed and plain timestamps in no strict order.
pub(super) fn indexed_bench() -> Bench {
    let mut bench = Bench::new(900, 100);
    for i in 0..24 {
        bench.append(1 + i % 3, 1000 + [0, 40, 20, 60, 50][i % 5] + i as i64 * 7, 20).unwrap();
    }
    bench.flush();
    bench
}

#[test]
fn damaged_indexes_cost_time_and_never_an_answer() {
    let mut bench = indexed_bench();
    assert!(bench.last_segment() >= 2, "several segments");
    let timestamps_ms = (990..1300).step_by(17);
    let expected = bench.answers(timestamps_ms.clone());
    bench.reopen_clean().unwrap();
    assert_eq!(bench.answers(timestamps_ms.clone()), expected, "a clean reopening");
    for segment in 0..=bench.last_segment() {
        for suffix in ["index", "timeindex"] {
            bench.reopen_clean().unwrap();
            let path = bench.path(segment, suffix);
            let good = std::fs::read(&path).unwrap();
            let cuts = (0..good.len()).map(|length| good[..length].to_vec());
            let flips = (0..good.len()).map(|at| {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << (at % 8);
                bytes
            });
            let pads = [1, 8, 12, 24, 4096].into_iter().map(|zeros| [good.clone(), vec![0; zeros]].concat());
            for (number, bytes) in cuts.chain(flips).chain(pads).enumerate() {
                let is_clean = number % 2 == 0;
                std::fs::write(&path, &bytes).unwrap();
                bench.reopen(is_clean).unwrap();
                assert!(bench.answers(timestamps_ms.clone()) == expected, "{} {is_clean}", path.display());
            }
            std::fs::remove_file(&path).unwrap();
            bench.reopen(true).unwrap();
            assert_eq!(bench.answers(timestamps_ms.clone()), expected, "{} removed", path.display());
        }
    }
}

#[test]
fn a_flipped_bit_is_refused_or_cut_but_never_served_as_another_log() {
    let mut bench = indexed_bench();
    let whole_end = bench.log().end_offset();
    for segment in 0..=bench.last_segment() {
        let path = bench.path(segment, "log");
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&path, &bytes).unwrap();
            // Below the recovery point nothing is cut: the log opens whole, or the partition stays offline.
            match bench.reopen(false) {
                Ok(recovered) => assert_eq!((bench.log().end_offset(), recovered.bytes_cut), (whole_end, 0)),
                Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "byte {at}: {error}"),
            }
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "byte {at}: the file was changed");
            std::fs::write(&path, &good).unwrap();
        }
    }
}

#[test]
fn a_flipped_bit_above_the_recovery_point_ends_the_log_and_loses_no_byte() {
    let mut bench = Bench::new(1 << 20, 100);
    for _ in 0..5 {
        bench.append(2, 1000, 20).unwrap();
    }
    let path = bench.path(0, "log");
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        let recovered = bench.reopen(false).unwrap();
        let aside = path.with_extension("cut-0");
        let kept = std::fs::read(&path).unwrap();
        let cut = if recovered.bytes_cut > 0 { std::fs::read(&aside).unwrap() } else { Vec::new() };
        assert_eq!([kept, cut].concat(), bytes, "byte {at}");
        // Outside the CRC lie only the base offset's and the epoch's bytes, which say nothing wrong by themselves.
        let is_outside = at % (good.len() / 5) < 16;
        assert!(recovered.bytes_cut > 0 || is_outside, "byte {at}");
    }
}

#[test]
fn a_start_that_is_stopped_between_any_two_steps_ends_the_same_when_begun_again() {
    let damaged = || {
        let mut bench = indexed_bench();
        bench.recovery_point = Offset(9);
        let path = bench.path(1, "log");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() - 5;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        bench
    };
    let mut undisturbed = damaged();
    let (recovered, steps) = crate::faults::record(|| undisturbed.reopen(false).unwrap());
    assert!(recovered.has_batches_behind_cut && steps.len() > 8, "{steps:?}");
    let expected = undisturbed.answers(990..1300);
    for (stop, step) in steps.iter().enumerate() {
        let mut bench = damaged();
        crate::faults::stop_after(stop, || bench.reopen(false).expect_err("stopped"));
        bench.reopen(false).unwrap();
        assert_eq!(bench.answers(990..1300), expected, "stopped before {step}");
    }
}

#[test]
fn a_failed_append_publishes_nothing_and_the_next_one_takes_its_place() {
    let mut bench = Bench::new(300, 0);
    bench.append(2, 1000, 20).unwrap();
    let (_, steps) = crate::faults::record(|| bench.append(2, 1000, 100).unwrap());
    for (fail, step) in steps.iter().enumerate() {
        let mut bench = Bench::new(300, 0);
        bench.append(2, 1000, 20).unwrap();
        let failed = crate::faults::fail_once_after(fail, || bench.append(2, 1000, 100));
        let end = if failed.is_ok() { Offset(4) } else { Offset(2) };
        assert_eq!(bench.log().end_offset(), end, "failed at {step}");
        assert_eq!(bench.append(1, 1000, 20).unwrap().first, end, "failed at {step}");
        let live = bench.answers(990..1010);
        bench.reopen(false).unwrap();
        assert_eq!(bench.answers(990..1010), live, "failed at {step}");
    }
}

#[test]
fn a_roll_that_is_stopped_between_any_two_steps_loses_nothing() {
    let mut probe = Bench::new(300, 0);
    probe.append(2, 1000, 100).unwrap();
    let (appended, steps) = crate::faults::record(|| probe.append(2, 1000, 100).unwrap());
    assert!(appended.rolled, "{steps:?}");
    for (stop, step) in steps.iter().enumerate() {
        let mut bench = Bench::new(300, 0);
        bench.append(2, 1000, 100).unwrap();
        let done = crate::faults::stop_after(stop, || bench.append(2, 1000, 100)).is_ok();
        bench.reopen(false).unwrap();
        let end = bench.log().end_offset();
        assert!(end == Offset(4) || end == Offset(2) && !done, "stopped before {step}: end {end}");
        assert_eq!(bench.append(1, 1000, 20).unwrap().first, end);
    }
}

#[test]
fn the_name_of_an_empty_last_segment_is_synced_before_it_is_written_into() {
    let mut bench = Bench::new(200, 100);
    bench.append(1, 1000, 100).unwrap();
    let (_, steps) = crate::faults::record(|| bench.append(1, 1000, 100).unwrap());
    let synced = steps.iter().position(|step| step.starts_with("sync folder")).expect("a roll");
    bench.reopen(false).unwrap();
    let before = bench.log().end_offset();
    let rolled = crate::faults::stop_after(synced, || bench.append(1, 1000, 100));
    assert!(rolled.is_err(), "stopped before the sync of the folder");
    let (_, steps) = crate::faults::record(|| bench.reopen(false).unwrap());
    assert_eq!((bench.log().end_offset(), bench.last_segment()), (before, 2));
    assert!(steps.iter().any(|step| step.starts_with("sync folder")), "{steps:?}");
}

#[test]
fn a_reader_keeps_its_bytes_when_the_segment_goes() {
    let mut bench = indexed_bench();
    let before = bench.read(0, 300).unwrap().unwrap();
    let range = bench.log().view(Offset(0)).range(Offset(0), 300, true).unwrap().unwrap();
    let end = bench.log().end_offset();
    let deleted = bench.log().advance_start(end);
    deleted.iter().for_each(|path| fs::unlink(path).unwrap());
    let mut after = vec![0; range.length as usize];
    range.file.read_exact_at(&mut after, range.position.0).unwrap();
    assert_eq!(after, before);
}
