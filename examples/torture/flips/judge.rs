//! Opens a harmed data directory as a start does, reads everything in it, and judges what came of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use sendlog::base::{set_note_writer, Level, Note, Offset};
use sendlog::config::{Config, Source};
use sendlog::group::state::Limits;
use sendlog::group::{GroupCoordinator, Now};
use sendlog::partition::Partition;
use sendlog::record::header::crc_matches;
use sendlog::record::BatchHeader;
use sendlog::topic::TopicRegistry;

use super::image::{Image, GROUPS, PARTITIONS, SEGMENT_OFFSETS};
use super::{Case, Harm};

thread_local! {
    /// What this thread's starts have said since it was last asked; `None`: it does not ask.
    static NOTES: RefCell<Option<Vec<(Level, String)>>> = const { RefCell::new(None) };
}

/// Log lines are kept for the threads that ask, and for no other.
pub fn take_notes() {
    set_note_writer(|note: &Note| {
        NOTES.with_borrow_mut(|notes| notes.iter_mut().for_each(|notes| notes.push((note.level, note.text()))));
    });
}

/// How many cases came to what.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    refused: u64,
    offline: u64,
    cut: u64,
    as_they_lie: u64,
    unharmed: u64,
}

impl Tally {
    pub fn and(self, other: Tally) -> Tally {
        Tally {
            refused: self.refused + other.refused,
            offline: self.offline + other.offline,
            cut: self.cut + other.cut,
            as_they_lie: self.as_they_lie + other.as_they_lie,
            unharmed: self.unharmed + other.unharmed,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { refused, offline, cut, as_they_lie, unharmed } = self;
        write!(
            f,
            "{unharmed} changed nothing, {offline} took a partition or the groups offline, {cut} cut or set aside, "
        )?;
        write!(f, "{as_they_lie} served as they lie, {refused} refused the start")
    }
}

/// What the unharmed directory answers.
pub struct Truth {
    partitions: BTreeMap<i32, Answers>,
    committed: BTreeMap<&'static str, String>,
}

#[derive(Default)]
struct Answers {
    start: i64,
    end: i64,
    /// The bytes of all batches, and which offsets lie where in them.
    bytes: Vec<u8>,
    batches: Vec<(i64, usize)>,
    /// By timestamp, and for each offset where its batch begins.
    timestamps: Vec<Option<i64>>,
    places: Vec<i64>,
    /// A client would have found a CRC that does not match, or bytes that are no batch.
    is_bad: bool,
}

impl Answers {
    fn agrees(&self, truth: &Answers, with_lookups: bool) -> bool {
        let are_equal = (self.start, self.end, &self.bytes) == (truth.start, truth.end, &truth.bytes);
        are_equal && (!with_lookups || (&self.places, &self.timestamps) == (&truth.places, &truth.timestamps))
    }
}

impl Truth {
    pub fn of(image: &Image) -> Truth {
        let folder = super::fast_scratch();
        image.restore(folder.path());
        let topics = open(folder.path()).expect("the unharmed directory opens");
        let partition = |number| partition(&topics, number).expect("it is there");
        let partitions: BTreeMap<i32, Answers> = (0..PARTITIONS)
            .map(|number| (number, read(&partition(number), true).expect("it can be read")))
            .collect();
        assert!(partitions.values().all(|answers| answers.end == 48 && !answers.bytes.is_empty()));
        assert_eq!(partitions[&2].start, 9);
        let groups = open_groups(&topics).expect("groups are there");
        let committed = GROUPS.iter().map(|group| (*group, committed(&groups, group).unwrap())).collect();
        NOTES.set(Some(Vec::new()));
        Truth { partitions, committed }
    }
}

fn open(root: &Path) -> sendlog::base::Result<TopicRegistry> {
    let mut config = Config::default();
    config.set("log.dirs", root.to_str().unwrap(), Source::CommandLine)?;
    TopicRegistry::open(config)
}

fn open_groups(topics: &TopicRegistry) -> sendlog::base::Result<GroupCoordinator> {
    let limits =
        Limits { initial_delay_ms: 0, session_min_ms: 1, session_max_ms: 60_000, size_max: 100, ..Limits::NONE };
    // No offset has expired.
    GroupCoordinator::open(topics, limits, i64::MAX, Now { monotonic_ms: 0, wall_ms: 0 })
}

fn committed(groups: &GroupCoordinator, group: &str) -> sendlog::base::Result<String> {
    let committed = groups.committed(group, false)?;
    Ok(committed
        .iter()
        .map(|((topic, number), what)| format!("{topic}-{number}={} ", what.offset))
        .collect())
}

fn partition(topics: &TopicRegistry, number: i32) -> Option<std::sync::Arc<Partition>> {
    Some(topics.find("demo")?.partitions[number as usize].clone())
}

/// Everything that clients can find out about a partition; `with_lookups` by offset and by timestamp as well.
fn read(partition: &Partition, with_lookups: bool) -> sendlog::base::Result<Answers> {
    let bounds = partition.bounds()?;
    let mut answers = Answers { start: bounds.log_start.0, end: bounds.log_end.0, ..Answers::default() };
    let mut next = bounds.log_start;
    while next < bounds.log_end {
        let Some(range) = partition.fetch(next, 1 << 20, true)?.range else { break };
        let mut bytes = vec![0; range.length as usize];
        range.file.read_exact_at(&mut bytes, range.position.0).expect("the range lies in the file");
        let (before, mut rest) = (next, bytes.as_slice());
        while let Some(header) = BatchHeader::parse(rest) {
            let Some((batch, behind)) = header.size().and_then(|size| rest.split_at_checked(size as usize)) else {
                break;
            };
            answers.is_bad |= !crc_matches(batch, &header);
            answers.batches.push((header.base_offset.0, answers.bytes.len() + bytes.len() - rest.len()));
            (next, rest) = (header.last_offset() + 1, behind);
        }
        answers.is_bad |= !rest.is_empty();
        answers.bytes.extend(bytes);
        if next <= before {
            break; // as a client would, on bytes that are none
        }
    }
    if !with_lookups {
        return Ok(answers);
    }
    for offset in (bounds.log_start.0..bounds.log_end.0.min(bounds.log_start.0 + 100)).step_by(3) {
        let place = partition.fetch(Offset(offset), 1, true)?.range.map_or(-1, |range| range.position.0 as i64);
        answers.places.push(place);
    }
    for timestamp_ms in (1_700_000_000_000..1_700_000_030_000).step_by(2501) {
        answers.timestamps.push(partition.find_timestamp(timestamp_ms)?.map(|found| found.offset.0));
    }
    Ok(answers)
}

/// One directory that is harmed, judged, and made whole again.
pub struct Bench<'a> {
    image: &'a Image,
    truth: &'a Truth,
    root: PathBuf,
    pub tally: Tally,
    stamps: HashMap<PathBuf, Stamp>,
}

/// What tells one file from another that was put in its place, or was appended to or cut.
#[derive(PartialEq)]
struct Stamp {
    inode: u64,
    bytes: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(Stamp { inode: metadata.ino(), bytes: metadata.len() })
    }
}

impl<'a> Bench<'a> {
    pub fn new(image: &'a Image, truth: &'a Truth, root: &Path) -> Bench<'a> {
        image.restore(root);
        let stamp = |path: &PathBuf| (path.clone(), Stamp::of(&root.join(path)).expect("it was just written"));
        let stamps = image.files.iter().map(|(path, _)| stamp(path)).collect();
        Bench { image, truth, root: root.to_path_buf(), tally: Tally::default(), stamps }
    }

    pub fn try_case(&mut self, (number, harm): Case) -> Result<(), String> {
        let (path, bytes) = &self.image.files[number];
        let mut harmed = bytes.clone();
        harm.apply(&mut harmed);
        fs::write(self.root.join(path), &harmed).unwrap();
        NOTES.set(Some(Vec::new()));
        let judged = catch_unwind(AssertUnwindSafe(|| self.judge(path, &harmed, harm)));
        let judged = judged.unwrap_or_else(|_| Err("a panic".to_string()));
        self.restore(path);
        judged.map_err(|why| format!("{why}; the log: {:#?}", NOTES.take().unwrap_or_default()))
    }

    /// Whole again: what lies beside the harmed file is compared byte by byte, of others the length and whether they are
    /// the files that were written.
    fn restore(&mut self, harmed: &Path) {
        let root = &self.root;
        let is_near = |path: &Path| path.parent() == harmed.parent();
        let is_known =
            |path: &Path, stamp: &Stamp| !is_near(path) && Stamp::of(&root.join(path)).as_ref() == Some(stamp);
        let same: HashSet<PathBuf> = self
            .stamps
            .iter()
            .filter(|(path, stamp)| is_known(path, stamp))
            .map(|(path, _)| path.clone())
            .collect();
        self.image.restore_but(root, &same);
        for (path, stamp) in self.stamps.iter_mut().filter(|(path, _)| !same.contains(*path)) {
            *stamp = Stamp::of(&root.join(path)).expect("it was just written");
        }
    }

    fn judge(&mut self, path: &Path, harmed: &[u8], harm: Harm) -> Result<(), String> {
        let topics = match open(&self.root) {
            Ok(topics) => topics,
            Err(error) => {
                self.tally.refused += 1;
                return match error.to_string().is_empty() {
                    true => Err("refused without a reason".to_string()),
                    false => self.check_kept(path, harmed),
                };
            }
        };
        let before = self.tally;
        for number in 0..PARTITIONS {
            self.judge_partition(&topics, number, path, harmed, harm)?;
        }
        self.judge_groups(&topics)?;
        self.check_kept(path, harmed)?;
        let Tally { offline, cut, as_they_lie, .. } = before;
        let now = &mut self.tally;
        now.unharmed += u64::from((now.offline, now.cut, now.as_they_lie) == (offline, cut, as_they_lie));
        Ok(())
    }

    fn judge_partition(
        &mut self,
        topics: &TopicRegistry,
        number: i32,
        path: &Path,
        harmed: &[u8],
        harm: Harm,
    ) -> Result<(), String> {
        let Some(partition) = partition(topics, number) else {
            self.tally.cut += 1;
            return warned("a topic is gone");
        };
        let truth = &self.truth.partitions[&number];
        let is_harmed = path.parent() == Some(Path::new(&format!("demo-{number}")));
        let found = match read(&partition, is_harmed) {
            Err(_) if partition.is_offline() => {
                self.tally.offline += 1;
                return warned("a partition is offline");
            }
            Err(error) => return Err(format!("partition {number}: {error}")),
            Ok(found) => found,
        };
        if found.agrees(truth, is_harmed) {
            return Ok(());
        }
        let expected = self.as_they_lie(truth, number, path, harmed, harm);
        if expected.is_some_and(|bytes| bytes == found.bytes || found.is_bad) {
            self.tally.as_they_lie += 1;
            return Ok(());
        }
        // Fewer records than there were, or others: it is said, and what was there is kept.
        self.tally.cut += 1;
        let (had, has) = (truth.batches.len(), found.batches.len());
        let bounds = (truth.start, truth.end, found.start, found.end);
        warned(&format!("partition {number} had {had} batches and has {has} ({bounds:?}), or answers otherwise"))
    }

    /// What a partition is whose harmed file nothing has looked at: its batches with the flipped bit.
    fn as_they_lie(&self, truth: &Answers, number: i32, path: &Path, harmed: &[u8], harm: Harm) -> Option<Vec<u8>> {
        let Harm::Flip { at, .. } = harm else { return None };
        let is_log = path.parent() == Some(Path::new(&format!("demo-{number}"))) && path.extension()? == "log";
        let base: i64 = path.file_stem()?.to_str()?.parse().ok().filter(|_| is_log)?;
        let original = &self.image.files.iter().find(|(known, _)| known == path)?.1;
        // The log's bytes begin with the batch that holds its start.
        let before = truth.bytes.windows(original.len()).position(|part| part == original);
        let mut bytes = truth.bytes.clone();
        match before {
            Some(begin) => bytes[begin..begin + harmed.len()].copy_from_slice(harmed),
            // The segment of the log start: its end is visible.
            None => {
                let (_, next) = truth.batches.iter().copied().rfind(|(offset, _)| *offset < base + SEGMENT_OFFSETS)?;
                let size = BatchHeader::parse(&truth.bytes[next..])?.size()? as usize;
                let (end, hidden) = (next + size, original.len().checked_sub(next + size)?);
                if at >= hidden {
                    bytes[..end].copy_from_slice(&harmed[hidden..]);
                }
            }
        }
        Some(bytes)
    }

    fn judge_groups(&mut self, topics: &TopicRegistry) -> Result<(), String> {
        let groups = match open_groups(topics) {
            Ok(groups) => groups,
            Err(error) => return Err(format!("the groups do not open: {error}")),
        };
        for (group, known) in &self.truth.committed {
            match committed(&groups, group) {
                Ok(found) if found == *known => {}
                Ok(found) => {
                    self.tally.cut += 1;
                    warned(&format!("{group} had committed {known}and has {found}"))?;
                }
                Err(_) => {
                    self.tally.offline += 1;
                    return warned("groups are offline");
                }
            }
        }
        Ok(())
    }

    /// The bytes of every segment are still there: in it, or what is missing of it beside it under another name.
    fn check_kept(&self, harmed_path: &Path, harmed: &[u8]) -> Result<(), String> {
        for (path, bytes) in &self.image.files {
            if path.extension().is_none_or(|suffix| suffix != "log") {
                continue;
            }
            let wanted = if path == harmed_path { harmed } else { bytes };
            let folder = path.parent().unwrap();
            if self.lies_in(&self.root.join(folder), path, wanted) {
                continue;
            }
            let stray = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().ends_with("-stray");
            let strays = fs::read_dir(&self.root).unwrap().filter_map(|entry| entry.ok().filter(stray));
            if !strays.into_iter().any(|entry| self.lies_in(&entry.path(), path, wanted)) {
                return Err(format!("bytes of {} are gone", path.display()));
            }
        }
        Ok(())
    }

    fn lies_in(&self, folder: &Path, path: &Path, wanted: &[u8]) -> bool {
        let name = path.file_name().unwrap().to_str().unwrap();
        let stem = name.strip_suffix("log").unwrap();
        let mut found = fs::read(folder.join(name)).unwrap_or_default();
        if found == wanted {
            return true;
        }
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let other = entry.file_name().to_string_lossy().into_owned();
            if other.strip_prefix(stem).is_some_and(|rest| rest.starts_with("cut-")) {
                found.extend(fs::read(entry.path()).unwrap());
            }
        }
        found == wanted
    }
}

/// Whether the log has said that something is wrong.
fn warned(what: &str) -> Result<(), String> {
    let is_told = NOTES.with_borrow(|notes| {
        let notes = notes.as_deref().unwrap_or_default();
        notes.iter().any(|(level, _)| *level <= Level::Warn && !is_usual(notes))
    });
    if is_told {
        Ok(())
    } else {
        Err(format!("{what}, and no line says why"))
    }
}

/// After any kill a line says that there was one.
fn is_usual(notes: &[(Level, String)]) -> bool {
    notes
        .iter()
        .filter(|(level, _)| *level <= Level::Warn)
        .all(|(_, text)| text.contains("the last stop was not clean"))
}
