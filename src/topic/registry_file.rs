//! The registry's file: which topics exist, with their ids, sizes and configs, and the broker's leader epoch.
//!
//! `sendlog.registry` is text, a record a line: the payload's length in 6 digits, its CRC-32 in 8 hex digits, the
//! payload. Payloads:
//! ```text
//! epoch <n>
//! topic <name> <id> <partitions> [<config>=<value>]...
//! delete <id>
//! producer-ids <next>
//! config cluster|broker [<config>=<value>]...
//! kafka <end of its metadata log> <CRC of its last batch, in hex>
//! ```
//! Values are percent-encoded, so that no blank and no line end lies in one.
//!
//! Always true: a record is on the disk before anyone is told. Each start rewrites the file as a whole.
//! A bad last record is a torn write: copied aside and dropped, loudly. A bad one before a good one is not, and
//! refuses the start.
//! Not done: no index and no cache: the file is small, and read once.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::base::{Error, ErrorCode, Offset, Result, Uuid};
use crate::config::{Overrides, Scope, Source};
use crate::os::fs;
use crate::topic::kraft::Mark;

pub const FILE_NAME: &str = "sendlog.registry";

/// What clients are told who want to change something.
pub const READ_ONLY: &str = "this broker is read-only";

/// Bytes in front of a record's payload.
pub const HEAD: usize = 16;
/// What six digits can count.
const PAYLOAD_MAX: usize = 999_999;

/// A topic as the registry knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicRecord {
    pub name: String,
    pub id: Uuid,
    pub partition_count: i32,
    pub config: Overrides,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    Epoch(i32),
    Topic(TopicRecord),
    Delete(Uuid),
    /// Producer ids below this one may have been given out.
    ProducerIds(i64),
    /// All that clients have set on the broker, or for all brokers.
    Config(Source, Overrides),
    /// What Kafka's metadata says up to there, this file says too.
    Kafka(Mark),
}

/// What all records together say.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Contents {
    pub leader_epoch: i32,
    pub next_producer_id: i64,
    pub topics: Vec<TopicRecord>,
    pub deleted: Vec<Uuid>,
    pub configs: Vec<(Source, Overrides)>,
    /// How far Kafka's metadata had come when it was taken over, if it lies here.
    pub kafka: Option<Mark>,
}

impl Contents {
    fn apply(&mut self, record: Record) {
        match record {
            Record::Epoch(epoch) => self.leader_epoch = epoch,
            Record::ProducerIds(next) => self.next_producer_id = next,
            Record::Kafka(mark) => self.kafka = Some(mark),
            Record::Config(source, overrides) => {
                self.configs.retain(|(known, _)| *known != source);
                self.configs.push((source, overrides));
            }
            Record::Topic(topic) => {
                self.topics.retain(|known| known.id != topic.id);
                self.topics.push(topic);
            }
            Record::Delete(id) => {
                self.topics.retain(|known| known.id != id);
                self.deleted.push(id);
            }
        }
    }
}

/// The open file.
pub struct RegistryFile {
    path: PathBuf,
    /// `None`: nothing is to be changed.
    file: Option<File>,
    size: u64,
    /// A sync failed, or a change ended by a panic: nobody can say what a start would read, so nothing more is added.
    is_broken: bool,
}

impl RegistryFile {
    /// Reads the file in `root`; `None` when there is none.
    ///
    /// What is read is on the disk before anything follows from it: the last record may be one whose sync a kill forestalled,
    /// and if the power failed after its topic's folders went, but before it came to the disk, the topic would be named, and
    /// gone.
    pub fn read(root: &Path) -> Result<Option<Contents>> {
        let path = root.join(FILE_NAME);
        let Some(bytes) = fs::read(&path)? else { return Ok(None) };
        fs::sync_data(&fs::open_append(&path)?, &path)?;
        let (contents, at) = parse(&bytes);
        if at < bytes.len() {
            set_aside_tail(root, &path, &bytes, at)?;
        }
        Ok(Some(contents))
    }

    /// The same for one who only looks: a record that is just being written is not there yet.
    pub fn look(root: &Path) -> Result<Option<Contents>> {
        Ok(fs::read(&root.join(FILE_NAME))?.map(|bytes| parse(&bytes).0))
    }

    /// Writes the file anew with what lives, and opens it for more.
    pub fn rewrite(root: &Path, contents: &Contents) -> Result<RegistryFile> {
        let path = root.join(FILE_NAME);
        let numbers = [Record::Epoch(contents.leader_epoch), Record::ProducerIds(contents.next_producer_id)];
        let configs = contents.configs.iter().cloned().map(|(source, overrides)| Record::Config(source, overrides));
        let topics = contents.topics.iter().cloned().map(Record::Topic);
        let kafka = contents.kafka.map(Record::Kafka);
        let records = numbers.into_iter().chain(kafka).chain(configs).chain(topics);
        let text: String = records.map(|record| line(&record)).collect();
        fs::replace(&path, text.as_bytes())?;
        Ok(RegistryFile { file: Some(fs::open_append(&path)?), path, size: text.len() as u64, is_broken: false })
    }

    /// One that takes no record.
    pub fn read_only(root: &Path) -> RegistryFile {
        RegistryFile { path: root.join(FILE_NAME), file: None, size: 0, is_broken: false }
    }

    /// Adds a record; it is on the disk when this returns.
    ///
    /// A record that could not be written is cut off again. After a failed sync the file takes no more records until
    /// the next start, which reads what is really there.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        let file = self.check()?;
        let line = line(record);
        if line.len() - HEAD - 1 > PAYLOAD_MAX {
            let why = "these configs are longer than a record of the registry can be";
            return Err(Error::rejected(ErrorCode::INVALID_CONFIG, why));
        }
        if let Err(error) = fs::append(file, &self.path, line.as_bytes()) {
            let is_cut = fs::truncate(file, &self.path, self.size).is_ok();
            return Err(if is_cut { error } else { self.give_up(error) });
        }
        if let Err(error) = fs::sync_data(file, &self.path) {
            return Err(self.give_up(error));
        }
        self.size += line.len() as u64;
        Ok(())
    }

    /// A thread panicked in the middle of a change.
    pub fn close_after_panic(&mut self) {
        if !std::mem::replace(&mut self.is_broken, true) {
            let path = self.path.display();
            note!(
                Error,
                "registry_closed",
                [path = path],
                "a thread panicked while it changed topics: no change until the broker starts again"
            );
        }
    }

    /// Whether it takes records: to be asked before a change touches anything else.
    pub fn check(&self) -> Result<&File> {
        match (&self.file, self.is_broken) {
            (None, _) => Err(Error::rejected(ErrorCode::POLICY_VIOLATION, READ_ONLY)),
            (Some(_), true) => Err(Error::corrupt(
                &self.path,
                "a change of this file failed; no other one until the broker starts again",
            )),
            (Some(file), false) => Ok(file),
        }
    }

    fn give_up(&mut self, error: Error) -> Error {
        self.is_broken = true;
        note!(
            Error,
            "registry_broken",
            [],
            "NO CHANGE OF TOPICS OR CONFIGS until the broker starts again: {error}"
        );
        error
    }

    /// Whether the last record may or may not be found by the next start.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }
}

/// A line of the file for one who looks at all of them.
pub struct Line<'a> {
    /// bytes before it
    pub at: usize,
    /// Without its end.
    pub bytes: &'a [u8],
    pub is_record: bool,
}

/// The lines one after another, those behind a damaged one as well.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let record = parse_record(bytes, at).map(|(_, next)| next);
        let next =
            record.unwrap_or_else(|| at + rest.iter().position(|c| *c == b'\n').map_or(rest.len(), |end| end + 1));
        let line = Line { at, bytes: bytes[at..next].trim_ascii_end(), is_record: record.is_some() };
        at = next;
        Some(line)
    })
}

/// What the records say, up to the first one that is none, and where that begins.
pub fn parse(bytes: &[u8]) -> (Contents, usize) {
    let mut contents = Contents::default();
    let mut at = 0;
    while let Some((record, next)) = parse_record(bytes, at) {
        contents.apply(record);
        at = next;
    }
    (contents, at)
}

fn set_aside_tail(root: &Path, path: &Path, bytes: &[u8], at: usize) -> Result<()> {
    if (at + 1..bytes.len()).any(|start| parse_record(bytes, start).is_some()) {
        return Err(Error::unusable(
            format!("{} is damaged at byte {at}, and good records follow", path.display()),
            "restore the file from a backup; nothing was changed",
        ));
    }
    let aside = root.join(format!("{FILE_NAME}.cut"));
    let count = bytes.len() - at;
    note!(
        Error,
        "registry_cut",
        [path = path.display(), kept_in = aside.display()],
        "THE LAST RECORD IS TORN at byte {at}; its {count} bytes are kept aside and dropped"
    );
    fs::replace(&aside, &bytes[at..])
}

fn line(record: &Record) -> String {
    let payload = match record {
        Record::Epoch(epoch) => format!("epoch {epoch}"),
        Record::Delete(id) => format!("delete {id}"),
        Record::ProducerIds(next) => format!("producer-ids {next}"),
        Record::Kafka(Mark { end, crc }) => format!("kafka {end} {crc:08x}"),
        Record::Topic(topic) => {
            format!("topic {} {} {}{}", topic.name, topic.id, topic.partition_count, config_words(&topic.config))
        }
        Record::Config(source, overrides) => {
            let whose = if *source == Source::Dynamic { "broker" } else { "cluster" };
            format!("config {whose}{}", config_words(overrides))
        }
    };
    format!("{:06} {:08x} {payload}\n", payload.len(), crc32fast::hash(payload.as_bytes()))
}

/// The record that starts at byte `at`, and where the next one starts.
fn parse_record(bytes: &[u8], at: usize) -> Option<(Record, usize)> {
    let head = std::str::from_utf8(bytes.get(at..at + HEAD)?).ok()?;
    let length: usize = head.get(..6)?.parse().ok()?;
    let crc = u32::from_str_radix(head.get(7..15)?, 16).ok()?;
    let end = at + HEAD + length;
    let payload = bytes.get(at + HEAD..end)?;
    let is_whole = head.as_bytes()[6] == b' '
        && head.as_bytes()[15] == b' '
        && bytes.get(end) == Some(&b'\n')
        && crc32fast::hash(payload) == crc;
    let record = parse_payload(std::str::from_utf8(payload).ok().filter(|_| is_whole)?)?;
    Some((record, end + 1))
}

fn parse_payload(payload: &str) -> Option<Record> {
    let mut words = payload.split(' ');
    let record = match words.next()? {
        "epoch" => Record::Epoch(words.next()?.parse().ok()?),
        "producer-ids" => Record::ProducerIds(words.next()?.parse().ok()?),
        "delete" => Record::Delete(Uuid::parse(words.next()?)?),
        "kafka" => {
            let end = Offset(words.next()?.parse().ok()?);
            Record::Kafka(Mark { end, crc: u32::from_str_radix(words.next()?, 16).ok()? })
        }
        "topic" => {
            let name = words.next()?.to_string();
            let id = Uuid::parse(words.next()?)?;
            let partition_count = words.next()?.parse().ok()?;
            let config = parse_configs(Scope::Topic, &mut words)?;
            Record::Topic(TopicRecord { name, id, partition_count, config })
        }
        "config" => {
            let source = match words.next()? {
                "broker" => Source::Dynamic,
                "cluster" => Source::DynamicDefault,
                _ => return None,
            };
            Record::Config(source, parse_configs(Scope::Broker, &mut words)?)
        }
        _ => return None,
    };
    words.next().is_none().then_some(record)
}

fn config_words(overrides: &Overrides) -> String {
    overrides.iter().map(|(name, value)| format!(" {name}={}", encode(value))).collect()
}

fn parse_configs<'a>(scope: Scope, words: &mut impl Iterator<Item = &'a str>) -> Option<Overrides> {
    let mut config = Overrides::new(scope);
    for word in words {
        let (name, value) = word.split_once('=')?;
        config.set(name, &decode(value)?).ok()?;
    }
    Some(config)
}

fn encode(value: &str) -> String {
    let plain = |c: u8| c.is_ascii_graphic() && c != b'%';
    value
        .bytes()
        .map(|c| if plain(c) { char::from(c).to_string() } else { format!("%{c:02x}") })
        .collect()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(escaped.get(..2)?, 16).ok()?);
        rest = &escaped[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, id: u8) -> TopicRecord {
        let mut config = Overrides::new(Scope::Topic);
        config.set("cleanup.policy", "compact, delete").unwrap();
        TopicRecord { name: name.to_string(), id: Uuid([id; 16]), partition_count: 3, config }
    }

    fn broker_config() -> Overrides {
        let mut config = Overrides::new(Scope::Broker);
        config.set("log.retention.ms", "1000").unwrap();
        config
    }

    /// A file with an epoch, two topics, a deletion and a config; the lines end at the returned places.
    fn sample(root: &Path) -> (Vec<u8>, Vec<usize>) {
        let mut file = RegistryFile::rewrite(root, &Contents { leader_epoch: 4, ..Contents::default() }).unwrap();
        let config = Record::Config(Source::Dynamic, broker_config());
        let deleted = Record::Delete(Uuid([1; 16]));
        for record in [Record::Topic(topic("a", 1)), Record::Topic(topic("b", 2)), deleted, config] {
            file.append(&record).unwrap();
        }
        let bytes = std::fs::read(root.join(FILE_NAME)).unwrap();
        let ends = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').map(|at| at + 1).collect();
        (bytes, ends)
    }

    #[test]
    fn what_was_appended_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        let contents = RegistryFile::read(folder.path()).unwrap().unwrap();
        assert_eq!(
            contents,
            Contents {
                leader_epoch: 4,
                next_producer_id: 0,
                topics: vec![topic("b", 2)],
                deleted: vec![Uuid([1; 16])],
                configs: vec![(Source::Dynamic, broker_config())],
                kafka: None,
            }
        );
        let contents = Contents { kafka: Some(Mark { end: Offset(246), crc: 0xbadc0de }), ..contents };
        RegistryFile::rewrite(folder.path(), &contents).unwrap();
        let rewritten = RegistryFile::read(folder.path()).unwrap().unwrap();
        assert_eq!(rewritten, Contents { deleted: vec![], ..contents });
    }

    #[test]
    fn what_was_read_is_on_the_disk_before_anything_follows_from_it() {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        let (_, steps) = crate::faults::record(|| RegistryFile::read(folder.path()).unwrap());
        assert!(steps.contains(&"sync sendlog.registry".to_string()), "{steps:?}");
    }

    #[test]
    fn a_file_torn_anywhere_keeps_the_whole_records_before() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, ends) = sample(folder.path());
        for length in 0..bytes.len() {
            std::fs::write(folder.path().join(FILE_NAME), &bytes[..length]).unwrap();
            let contents = RegistryFile::read(folder.path()).unwrap().unwrap();
            let whole = ends.iter().filter(|end| **end <= length).count();
            assert_eq!(contents.topics.len(), [0, 0, 0, 1, 2, 1, 1][whole], "{length} bytes");
            let torn = length - ends.iter().rfind(|end| **end <= length).unwrap_or(&0);
            let aside = std::fs::read(folder.path().join("sendlog.registry.cut")).unwrap_or_default();
            assert!(torn == 0 || aside.len() == torn, "{length} bytes: kept {} of {torn}", aside.len());
        }
    }

    #[test]
    fn a_record_that_no_start_could_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = RegistryFile::rewrite(folder.path(), &Contents::default()).unwrap();
        let long = TopicRecord { name: "a".repeat(PAYLOAD_MAX), ..topic("a", 1) };
        let refused = file.append(&Record::Topic(long)).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::INVALID_CONFIG);
        file.append(&Record::Topic(topic("b", 2))).unwrap();
        assert_eq!(RegistryFile::read(folder.path()).unwrap().unwrap().topics, [topic("b", 2)]);
    }

    #[test]
    fn a_flipped_bit_before_a_good_record_refuses_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, ends) = sample(folder.path());
        for at in 0..ends[ends.len() - 2] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            std::fs::write(folder.path().join(FILE_NAME), &flipped).unwrap();
            let error = RegistryFile::read(folder.path()).expect_err("a damaged registry was read");
            assert!(matches!(error, Error::Unusable { .. }), "byte {at}: {error}");
        }
    }
}
