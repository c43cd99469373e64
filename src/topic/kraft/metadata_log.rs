//! Kafka's metadata as `__cluster_metadata-0` holds it: the newest whole snapshot, then the log behind it.
//!
//! ```text
//! <end offset, 20 digits>-<epoch, 10 digits>.checkpoint   a snapshot of all records below that offset
//! <base offset, 20 digits>.log                            ordinary segments, from the quorum's first record or later
//! ```
//!
//! Always true: nothing is written. A snapshot without its footer does not count. The log ends at its first bad batch, and
//! a bad one before a good one is an error: nobody would know what it said. On one node everything in the log is committed.
//! Records between Begin and End count as one; without an End they do not count, as for Kafka's next start.
//! Not done: no look at `quorum-state`; there is no other voter.

use std::path::{Path, PathBuf};

use super::change::Change;
use super::image::Image;
use super::{METADATA_FOLDER, NEWEST_KAFKA};
use crate::base::{Error, Offset, Result};
use crate::os::fs;
use crate::record::header::{self, BatchHeader, HEADER_SIZE};
use crate::record::records::{Record, Records};
use crate::record::Codec;

/// Bytes read at once; a batch may be larger.
const WINDOW: usize = 1 << 20;
/// A control record's type that ends a snapshot.
const FOOTER: &[u8] = &[0, 0, 0, 4];

/// Where a metadata log ended, and the CRC of its last batch, by which another log is told from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    pub end: Offset,
    pub crc: u32,
}

/// What a metadata log says.
pub struct Reading {
    pub image: Image,
    pub mark: Mark,
    /// A broker has come since the mark that the reading began with, or ever.
    pub has_broker: bool,
}

/// Whether the folder of Kafka's metadata holds a log.
pub fn is_there(root: &Path) -> Result<bool> {
    Ok(!names(root, ".log")?.is_empty())
}

/// Reads the metadata in the data directory `root`; `None` when there is no log of it.
pub fn read(root: &Path, since: Option<Mark>) -> Result<Option<Reading>> {
    let folder = root.join(METADATA_FOLDER);
    let segments = names(root, ".log")?;
    let Some((base, _)) = segments.first().cloned() else { return Ok(None) };
    let (image, start) = newest_snapshot(root)?;
    if base > start {
        return Err(damaged(
            &folder,
            format!("the log begins at offset {base}, and the newest snapshot ends at {start}"),
        ));
    }
    let has_broker = image.has_broker;
    let mut replay = Replay { image, start, since, has_broker, transaction: None, mark: Mark { end: start, crc: 0 } };
    let mut paths = segments.into_iter().map(|(_, name)| folder.join(name)).peekable();
    while let Some(path) = paths.next() {
        let is_whole = for_each_batch(&path, |batch, header| replay.batch(&path, batch, header))?;
        if let Some(next) = paths.peek().filter(|_| !is_whole) {
            return Err(damaged(&path, format!("it is damaged, and {} follows", next.display())));
        }
    }
    let Replay { image, mark, has_broker, .. } = replay;
    Ok(Some(Reading { image, mark, has_broker }))
}

/// Files in the folder by the number that their names begin with.
fn names(root: &Path, suffix: &str) -> Result<Vec<(Offset, String)>> {
    let folder = root.join(METADATA_FOLDER);
    if !fs::is_folder(&folder) {
        return Ok(Vec::new());
    }
    let number = |name: &str| name.strip_suffix(suffix)?.get(..20)?.parse().ok().map(Offset);
    let names = fs::list(&folder)?.into_iter().map(|entry| entry.name);
    Ok(names.filter_map(|name| Some((number(&name)?, name))).collect())
}

/// What the newest snapshot that is whole says, and where it ends; nothing from offset 0 on without one.
fn newest_snapshot(root: &Path) -> Result<(Image, Offset)> {
    for (end, name) in names(root, ".checkpoint")?.into_iter().rev() {
        let path = root.join(METADATA_FOLDER).join(name);
        let (mut image, mut has_footer) = (Image::default(), false);
        let is_whole = for_each_batch(&path, |batch, header| {
            for_each_record(&path, batch, header, |record, offset| {
                if header.is_control() {
                    has_footer = record.key == Some(FOOTER);
                    return Ok(());
                }
                image.apply(decode(&path, record, offset)?);
                Ok(())
            })
        })?;
        if is_whole && has_footer {
            return Ok((image, end));
        }
        note!(
            Warn,
            "snapshot_ignored",
            [path = path.display()],
            "it is not whole: an older one and the log say the same"
        );
    }
    Ok((Image::default(), Offset(0)))
}

/// The state of going through the log.
struct Replay {
    image: Image,
    /// What lies below is in the snapshot.
    start: Offset,
    since: Option<Mark>,
    has_broker: bool,
    /// Records since a Begin.
    transaction: Option<Vec<Change>>,
    mark: Mark,
}

impl Replay {
    fn batch(&mut self, path: &Path, batch: &[u8], header: &BatchHeader) -> Result<()> {
        if !header.is_control() {
            for_each_record(path, batch, header, |record, offset| {
                let change = decode(path, record, offset)?;
                self.has_broker |= change == Change::Broker;
                if offset >= self.start {
                    self.take(change);
                }
                Ok(())
            })?;
        }
        self.mark = Mark { end: header.last_offset() + 1, crc: header.crc };
        if self.since == Some(self.mark) {
            self.has_broker = false;
        }
        Ok(())
    }

    fn take(&mut self, change: Change) {
        match (change, &mut self.transaction) {
            (Change::Begin, transaction) => *transaction = Some(Vec::new()),
            (Change::Abort, transaction) => *transaction = None,
            (Change::End, transaction) => {
                let image = &mut self.image;
                transaction.take().into_iter().flatten().for_each(|change| image.apply(change));
            }
            (change, Some(waiting)) => waiting.push(change),
            (change, None) => self.image.apply(change),
        }
    }
}

fn decode(path: &Path, record: Record, offset: Offset) -> Result<Change> {
    Change::decode(record.value.unwrap_or_default()).map_err(|what| {
        Error::unusable(
            format!("{}: {what}, at offset {offset}", path.display()),
            format!("this sendlog reads the metadata of Kafka up to {NEWEST_KAFKA}; nothing was changed"),
        )
    })
}

fn for_each_record(
    path: &Path,
    batch: &[u8],
    header: &BatchHeader,
    mut see: impl FnMut(Record, Offset) -> Result<()>,
) -> Result<()> {
    if header.codec() != Some(Codec::None) {
        return Err(damaged(path, format!("a compressed batch at offset {}", header.base_offset)));
    }
    for record in Records::new(&batch[HEADER_SIZE..]) {
        let torn = |_| damaged(path, format!("a torn record in the batch at offset {}", header.base_offset));
        let record = record.map_err(torn)?;
        see(record, header.base_offset + i64::from(record.offset_delta))?;
    }
    Ok(())
}

/// Shows each good batch; false when a torn one follows.
fn for_each_batch(path: &Path, mut see: impl FnMut(&[u8], &BatchHeader) -> Result<()>) -> Result<bool> {
    let file = fs::open_read(path)?;
    let mut window = Vec::new();
    let (mut at, mut expected) = (0, Offset(0));
    loop {
        window.resize(WINDOW.max(window.len()), 0);
        let got = fs::read_at(&file, path, &mut window, at)?;
        let mut rest = &window[..got];
        while let Some((batch, header)) = first_batch(rest, expected) {
            see(batch, &header)?;
            rest = &rest[batch.len()..];
            expected = header.last_offset() + 1;
        }
        let taken = got - rest.len();
        at += taken as u64;
        match (rest.is_empty(), taken > 0, got < window.len()) {
            (true, _, true) => return Ok(true),
            (_, true, false) => {}
            // A batch larger than the window, or none.
            (false, false, false) if claims_more(rest) => window.resize(window.len() * 2, 0),
            _ if (1..rest.len()).any(|start| first_batch(&rest[start..], expected).is_some()) => {
                return Err(damaged(path, format!("a bad batch at byte {at}, and good ones follow")));
            }
            _ => return Ok(false),
        }
    }
}

/// The batch that the bytes begin with, if it is whole and its CRC is right.
fn first_batch(bytes: &[u8], expected: Offset) -> Option<(&[u8], BatchHeader)> {
    let header = BatchHeader::parse(bytes).filter(|header| header.is_plausible_at(expected))?;
    let batch = bytes.get(..usize::try_from(header.size()?).ok()?)?;
    header::crc_matches(batch, &header).then_some((batch, header))
}

fn claims_more(bytes: &[u8]) -> bool {
    /// Kafka's batches of metadata are of 8 MiB at most.
    const BATCH_MAX: u64 = 64 << 20;
    let size = BatchHeader::parse(bytes).filter(|header| header.magic == 2).and_then(|header| header.size());
    size.is_some_and(|size| size > bytes.len() as u64 && size <= BATCH_MAX)
}

fn damaged(path: impl Into<PathBuf>, what: String) -> Error {
    let path: PathBuf = path.into();
    Error::unusable(
        format!("Kafka's metadata in {} is damaged: {what}", path.display()),
        "restore it from a backup, or have Kafka start on it; nothing was changed",
    )
}

#[cfg(test)]
mod tests {
    use super::super::image;
    use super::*;

    /// What Kafka 4.1.0 wrote, over two starts, under the load of `tests/clients/harness/graduate.py`.
    fn kafkas() -> tempfile::TempDir {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka-metadata").join(METADATA_FOLDER);
        let root = tempfile::tempdir().unwrap();
        let to = root.path().join(METADATA_FOLDER);
        std::fs::create_dir(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        root
    }

    fn shape(reading: &Reading) -> Vec<(String, usize)> {
        let topics = reading.image.topics.values();
        let mut shape: Vec<_> = topics.map(|topic| (topic.name.clone(), topic.partitions.len())).collect();
        shape.sort();
        shape
    }

    #[test]
    fn what_kafka_wrote_is_read_from_its_snapshot_and_from_its_log_alone() {
        let root = kafkas();
        let reading = read(root.path(), None).unwrap().unwrap();
        let expected = [
            ("__consumer_offsets", 50),
            ("again", 1),
            ("empty", 2),
            ("flooded", 1),
            ("java-grouped", 3),
            ("of-gzip", 3),
            ("of-lz4", 3),
            ("of-none", 3),
            ("of-snappy", 3),
            ("of-zstd", 3),
            ("rolled", 1),
        ];
        assert_eq!(shape(&reading), expected.map(|(name, count)| (name.to_string(), count)));
        let set =
            |kind, name: &str| reading.image.configs[&(kind, name.to_string())].clone().into_iter().collect::<Vec<_>>();
        let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
        let again = [pair("max.message.bytes", "2000000"), pair("retention.ms", "777600000")];
        assert_eq!(set(image::TOPIC, "again"), again);
        assert_eq!(set(image::BROKER, "1"), [pair("log.retention.ms", "864000000")]);
        assert_eq!(reading.image.features["metadata.version"], super::super::METADATA_VERSION);
        assert!(reading.has_broker && reading.image.next_producer_id >= 1000);
        assert_eq!(reading.image.leader_epoch(), 2, "of the second start");
        let folder = root.path().join(METADATA_FOLDER);
        for (_, name) in names(root.path(), ".checkpoint").unwrap() {
            std::fs::remove_file(folder.join(name)).unwrap();
        }
        let log_alone = read(root.path(), None).unwrap().unwrap();
        // A snapshot leaves out what was deleted again; what is there is the same.
        assert_eq!((&log_alone.image.topics, log_alone.mark), (&reading.image.topics, reading.mark));
        assert_eq!(log_alone.image.next_producer_id, reading.image.next_producer_id);
        let no_news = read(root.path(), Some(reading.mark)).unwrap().unwrap();
        assert!(!no_news.has_broker, "no broker has come since");
    }

    #[test]
    fn a_log_that_is_cut_anywhere_says_what_its_whole_batches_say() {
        let root = kafkas();
        let folder = root.path().join(METADATA_FOLDER);
        for (_, name) in names(root.path(), ".checkpoint").unwrap() {
            std::fs::remove_file(folder.join(name)).unwrap();
        }
        let log = folder.join("00000000000000000000.log");
        let whole = std::fs::read(&log).unwrap();
        let mut ends = Vec::new();
        let mut last = Offset(0);
        for length in (0..whole.len()).step_by(61) {
            std::fs::write(&log, &whole[..length]).unwrap();
            let reading = read(root.path(), None).unwrap().unwrap();
            assert!(reading.mark.end >= last, "{length} bytes");
            last = reading.mark.end;
            ends.push(last);
        }
        ends.dedup();
        assert!(ends.len() > 50, "{} different ends", ends.len());
    }
}
