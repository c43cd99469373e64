//! The mirror's file: which topics are copies of another cluster's, and which were.
//!
//! `sendlog.mirror` in the data directory is text; the last line is the CRC-32 of those before it, in 8 hex digits:
//! ```text
//! version 0
//! cluster <id>                 that the copies come from
//! topic <name> <id>            a copy: clients may not produce to it
//! ended <name> <id> <end>...   it was a copy, up to these log ends of its partitions
//! crc <digits>
//! ```
//! How far a copy has come is not in here: its log says so. Where it comes from is `mirror.from`, with the broker's configs.
//!
//! Always true: it is replaced as a whole, durably. Kafka leaves it alone. One that cannot be read refuses the start, since
//! clients might produce to a copy otherwise.
//! Not done: no record for each change; a mirror begins and ends rarely.

use std::path::Path;

use crate::base::{Error, Offset, Result, Uuid};
use crate::os::fs;

pub const FILE_NAME: &str = "sendlog.mirror";

/// A topic that was a copy until the mirror was ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    pub name: String,
    pub id: Uuid,
    pub ends: Vec<Offset>,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Contents {
    /// The id of the cluster that the copies come from; empty: none is known.
    pub cluster: String,
    pub topics: Vec<(String, Uuid)>,
    pub ended: Vec<Ended>,
}

/// What the file in `root` says; nothing when there is none.
pub fn read(root: &Path) -> Result<Contents> {
    let path = root.join(FILE_NAME);
    let Some(bytes) = fs::read(&path)? else { return Ok(Contents::default()) };
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    parse(text).ok_or_else(|| {
        Error::unusable(
            format!("{} is damaged", path.display()),
            "restore the file from a backup; without it clients may produce to topics that are copies. Nothing was changed",
        )
    })
}

/// Replaces the file, durably.
pub fn write(root: &Path, contents: &Contents) -> Result<()> {
    fs::replace(&root.join(FILE_NAME), print(contents).as_bytes())
}

fn print(contents: &Contents) -> String {
    let mut text = format!("version 0\ncluster {}\n", contents.cluster);
    contents.topics.iter().for_each(|(name, id)| text += &format!("topic {name} {id}\n"));
    for Ended { name, id, ends } in &contents.ended {
        let ends: String = ends.iter().map(|end| format!(" {end}")).collect();
        text += &format!("ended {name} {id}{ends}\n");
    }
    let crc = crc32fast::hash(text.as_bytes());
    text + &format!("crc {crc:08x}\n")
}

fn parse(text: &str) -> Option<Contents> {
    let (lines, crc) = text.strip_suffix('\n')?.rsplit_once("\ncrc ")?;
    let lines = format!("{lines}\n");
    if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(lines.as_bytes()) {
        return None;
    }
    let mut contents = Contents::default();
    let mut lines = lines.lines();
    lines.next().filter(|line| *line == "version 0")?;
    for line in lines {
        let mut words = line.split(' ');
        match words.next()? {
            "cluster" => contents.cluster = words.next()?.to_string(),
            "topic" => contents.topics.push((words.next()?.to_string(), Uuid::parse(words.next()?)?)),
            "ended" => {
                let (name, id) = (words.next()?.to_string(), Uuid::parse(words.next()?)?);
                let ends = words.by_ref().map(|word| word.parse().ok().map(Offset)).collect::<Option<_>>()?;
                contents.ended.push(Ended { name, id, ends });
            }
            _ => return None,
        }
        if words.next().is_some() {
            return None;
        }
    }
    Some(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Contents {
        Contents {
            cluster: "abc".to_string(),
            topics: vec![("a".to_string(), Uuid([1; 16])), ("b".to_string(), Uuid([2; 16]))],
            ended: vec![Ended { name: "c".to_string(), id: Uuid([3; 16]), ends: vec![Offset(0), Offset(17)] }],
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_any_damage_refuses_the_start() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Contents::default());
        for contents in [Contents::default(), sample()] {
            write(folder.path(), &contents).unwrap();
            assert_eq!(read(folder.path()).unwrap(), contents);
        }
        let path = folder.path().join(FILE_NAME);
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            let same_number = read(folder.path()).is_ok_and(|contents| contents == sample());
            assert!(same_number || matches!(read(folder.path()), Err(Error::Unusable { .. })), "byte {at}");
            std::fs::write(&path, &bytes[..at]).unwrap();
            assert!(matches!(read(folder.path()), Err(Error::Unusable { .. })), "cut to {at} bytes");
        }
    }
}
