//! `sendlog dump-log`: what lies in the files of a partition, byte by byte, and where it is damaged.
//!
//! Every kind of file that a data directory holds has its reader here; a folder is read file by file. Kafka's own
//! `kafka-dump-log.sh` shows the same of segments and indexes; this one goes on behind damage, and needs no JVM.
//!
//! Always true: it only looks, beside a running broker as well (the last batch may then be half written); any bytes at all
//! are told of without a panic, in bounded memory. The exit code is 1 when something is damaged, 2 when a file cannot be read.
//! Not done: nothing is repaired or unpacked; that a checkpoint's numbers are the right ones is not known here.

mod batches;
mod indexes;
pub(super) mod out;
pub(super) mod segment;
mod small;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use getopts::Matches;

use crate::base::{Error, Offset, Result};
use crate::cli::flags::{Flag, Takes, HELP};
use crate::cli::{options, Command};
use crate::os::fs;
use crate::topic::registry_file;
use out::{Format, Out};

pub const COMMAND: Command = Command {
    name: "dump-log",
    what: "what lies in log and index files, and where they are damaged",
    operands: "FILE...",
    about: "Shows the batches of segment files with the verdict of their CRC, index entries checked against the segment beside them,
and what checkpoints, snapshots and the registry say. A partition's folder, or a whole data directory, is read file by file. It
changes nothing; a broker may be running. The exit code is 1 when something is damaged.",
    flags: &[&[
        Flag { short: "", name: "records", takes: Takes::Nothing, doc: "show the records of uncompressed batches too" },
        Flag { short: "", name: "damage", takes: Takes::Nothing, doc: "show only what is damaged, and a line for each file" },
        Flag { short: "", name: "format", takes: Takes::One("text|json"), doc: "json: an object on each line" },
        HELP,
    ]],
    examples: &[
        "sendlog dump-log --records data/demo-0/00000000000000000000.log",
        "sendlog dump-log --damage data",
    ],
    subcommands: &[],
    main,
};

/// What is asked of every file.
struct Asked {
    records: bool,
}

fn main(matches: &Matches) -> ExitCode {
    let format = match matches.opt_str("format").as_deref() {
        None | Some("text") => Format::Text,
        Some("json") => Format::Json,
        Some(other) => {
            let error = Error::unusable(format!("there is no format '{other}'"), "write --format text or json");
            return options::refuse(&error);
        }
    };
    if matches.free.is_empty() {
        let error = Error::unusable("no file to look at", "name a segment, an index, or a partition's folder");
        return options::refuse(&error);
    }
    let asked = Asked { records: matches.opt_present("records") };
    let mut out = Out::new(format, matches.opt_present("damage"));
    let dumped = matches.free.iter().try_for_each(|path| dump_path(Path::new(path), &asked, &mut out));
    let is_damaged = out.finish() > 0;
    match dumped {
        Ok(()) => ExitCode::from(u8::from(is_damaged)),
        Err(error) => options::refuse(&error),
    }
}

fn dump_path(path: &Path, asked: &Asked, out: &mut Out) -> Result<()> {
    if fs::is_folder(path) {
        return dump_folder(path, asked, out, true);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match Kind::of(&name) {
        Some(kind) => dump_file(path, kind, asked, out).map(|_| ()),
        None => Err(Error::unusable(
            format!("{} is no file that sendlog knows by its name", path.display()),
            "name a .log, .index, .timeindex, .snapshot, a checkpoint, the registry, or a folder of these",
        )),
    }
}

/// The files of a partition; of a data directory those of its folders as well.
fn dump_folder(folder: &Path, asked: &Asked, out: &mut Out, with_folders: bool) -> Result<()> {
    let entries = fs::list(folder)?;
    let mut files: Vec<(Kind, PathBuf)> = entries
        .iter()
        .filter(|entry| !entry.is_folder)
        .filter_map(|entry| Some((Kind::of(&entry.name)?, folder.join(&entry.name))))
        .collect();
    files.sort();
    let mut segment_end = None;
    for (kind, path) in files {
        if let (Kind::Log(base), Some(end)) = (kind, segment_end) {
            segment::check_follows(base, end, out);
        }
        // Behind a running broker's back a file may go away.
        if fs::exists(&path) {
            let end = dump_file(&path, kind, asked, out)?;
            segment_end = if matches!(kind, Kind::Log(_)) { end } else { segment_end };
        }
    }
    let folders = entries.iter().filter(|entry| entry.is_folder && with_folders);
    folders
        .map(|entry| folder.join(&entry.name))
        .try_for_each(|path| dump_folder(&path, asked, out, false))
}

/// What a file holds, in the order in which a folder's files are shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Registry,
    /// `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint`
    Offsets,
    TopicId,
    LeaderEpochs,
    Log(Offset),
    /// What a start has cut off a segment: batches, but not from the base offset in the name.
    Cut(Offset),
    OffsetIndex(Offset),
    TimeIndex(Offset),
    Snapshot,
    SnapshotBatches,
}

impl Kind {
    fn of(name: &str) -> Option<Kind> {
        match name {
            registry_file::FILE_NAME | "sendlog.registry.cut" => return Some(Kind::Registry),
            "recovery-point-offset-checkpoint" | "log-start-offset-checkpoint" => return Some(Kind::Offsets),
            "leader-epoch-checkpoint" => return Some(Kind::LeaderEpochs),
            "partition.metadata" => return Some(Kind::TopicId),
            _ => {}
        }
        let (digits, suffix) = name.strip_suffix(".deleted").unwrap_or(name).split_once('.')?;
        let base = Offset(digits.parse().ok().filter(|base| *base >= 0)?);
        match suffix {
            "log" => Some(Kind::Log(base)),
            "index" => Some(Kind::OffsetIndex(base)),
            "timeindex" => Some(Kind::TimeIndex(base)),
            "snapshot" => Some(Kind::Snapshot),
            "batches" => Some(Kind::SnapshotBatches),
            _ => suffix.starts_with("cut-").then_some(Kind::Cut(base)),
        }
    }
}

/// Shows one file; the offset behind a segment's last batch.
fn dump_file(path: &Path, kind: Kind, asked: &Asked, out: &mut Out) -> Result<Option<Offset>> {
    out.open(path);
    match kind {
        Kind::Log(base) => return segment::dump(path, Some(base), asked.records, out),
        Kind::Cut(_) => return segment::dump(path, None, asked.records, out),
        Kind::OffsetIndex(base) => indexes::dump_offsets(path, base, out)?,
        Kind::TimeIndex(base) => indexes::dump_times(path, base, out)?,
        Kind::Registry => small::dump_registry(path, out)?,
        Kind::Offsets => small::dump_offsets(path, out)?,
        Kind::LeaderEpochs => small::dump_epochs(path, out)?,
        Kind::TopicId => small::dump_topic_id(path, out)?,
        Kind::Snapshot => small::dump_snapshot(path, out)?,
        Kind::SnapshotBatches => small::dump_snapshot_batches(path, out)?,
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
