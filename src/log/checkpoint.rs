//! Kafka's checkpoint files: small text files of numbers, replaced as a whole.
//!
//! `0\n<count>\n`, then a line each: `<topic> <partition> <offset>` in the root's checkpoints,
//! `<epoch> <start offset>` in a partition's `leader-epoch-checkpoint`.
//!
//! Always true: a file that exists is whole; it was renamed into place. One that cannot be read counts as missing,
//! with a log line: recovery then looks further back.
//! Not done: no checksum, as in Kafka; that of the log starts is kept beside them by the topic layer.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::{Offset, Result, TopicPartition};
use crate::os::fs;

/// Offsets by partition, as `recovery-point-offset-checkpoint` and `log-start-offset-checkpoint` hold them.
pub type Offsets = BTreeMap<TopicPartition, Offset>;

pub fn read_offsets(path: &Path) -> Result<Offsets> {
    Ok(read_parsed(path, parse_offsets)?.unwrap_or_default())
}

/// What such a file says; `None` when it is none.
pub fn parse_offsets(bytes: &[u8]) -> Option<Offsets> {
    let offsets = parse_lines(bytes, |line| {
        let mut words = line.split(' ');
        let topic = words.next()?.to_string();
        let partition = words.next()?.parse().ok()?;
        Some((TopicPartition { topic, partition }, Offset(words.next()?.parse().ok()?)))
    })?;
    Some(offsets.into_iter().collect())
}

/// Durable when it returns.
pub fn write_offsets(path: &Path, offsets: &Offsets) -> Result<()> {
    fs::replace(path, offsets_text(offsets).as_bytes())
}

/// What such a file holds.
pub fn offsets_text(offsets: &Offsets) -> String {
    text(offsets.iter().map(|(tp, offset)| format!("{} {} {offset}\n", tp.topic, tp.partition)))
}

/// Leader epochs with their start offsets; `None` when there is no readable file.
pub fn read_epochs(path: &Path) -> Result<Option<Vec<(i32, Offset)>>> {
    read_parsed(path, parse_epochs)
}

/// What such a file says; `None` when it is none.
pub fn parse_epochs(bytes: &[u8]) -> Option<Vec<(i32, Offset)>> {
    parse_lines(bytes, |line| {
        let (epoch, start) = line.split_once(' ')?;
        Some((epoch.parse().ok()?, Offset(start.parse().ok()?)))
    })
}

/// What such a file holds.
pub fn epochs_text(epochs: &[(i32, Offset)]) -> String {
    text(epochs.iter().map(|(epoch, start)| format!("{epoch} {start}\n")))
}

fn text(lines: impl ExactSizeIterator<Item = String>) -> String {
    format!("0\n{}\n", lines.len()) + &lines.collect::<String>()
}

fn read_parsed<T>(path: &Path, parse: impl Fn(&[u8]) -> Option<T>) -> Result<Option<T>> {
    // Kafka creates the root's files empty.
    let Some(bytes) = fs::read(path)?.filter(|bytes| !bytes.is_empty()) else { return Ok(None) };
    let parsed = parse(&bytes);
    if parsed.is_none() {
        note!(Warn, "checkpoint_ignored", [path = path.display()], "not a checkpoint file");
    }
    Ok(parsed)
}

fn parse_lines<T>(bytes: &[u8], parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    if lines.next()? != "0" {
        return None;
    }
    let count: usize = lines.next()?.parse().ok()?;
    let items: Vec<T> = lines.map(parse).collect::<Option<_>>()?;
    (items.len() == count).then_some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_written_as_kafka_writes_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery-point-offset-checkpoint");
        let tp = |topic: &str, partition| TopicPartition { topic: topic.to_string(), partition };
        let offsets = Offsets::from([(tp("demo", 1), Offset(42)), (tp("demo", 0), Offset(7))]);
        write_offsets(&path, &offsets).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n2\ndemo 0 7\ndemo 1 42\n");
        assert_eq!(read_offsets(&path).unwrap(), offsets);
    }

    #[test]
    fn a_torn_or_strange_file_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leader-epoch-checkpoint");
        for text in ["0\n2\n0 0\n", "1\n1\n0 0\n", "0\n1\n0 zero\n", "\u{fffd}", "0\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_epochs(&path).unwrap(), None, "{text:?}");
        }
        fs::replace(&path, epochs_text(&[(0, Offset(0)), (3, Offset(100))]).as_bytes()).unwrap();
        assert_eq!(read_epochs(&path).unwrap(), Some(vec![(0, Offset(0)), (3, Offset(100))]));
    }
}
