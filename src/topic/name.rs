//! Topic names by Kafka's rules, and the names of partition folders (Kafka's `Topic.java`, `LogManager.scala`).
//!
//! Always true: a name that passes [`check`] is a safe file name: no separator, no dot alone, at most 249 bytes.
//! No path ever comes from a client in another way.
//! Not done: what a name is for is not known here.

use crate::base::{Error, ErrorCode, Result, TopicPartition, Uuid};

const LENGTH_MAX: usize = 249;
/// The longest name that file systems take.
const FILE_NAME_MAX: usize = 255;

/// Topics that only the broker itself may create.
pub const RESERVED: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__cluster_metadata"];

/// Whether a client may create a topic of this name.
pub fn check(name: &str) -> Result<()> {
    let why = match name {
        "" => "a topic name is not empty".to_string(),
        "." | ".." => format!("'{name}' is not a topic name"),
        _ if name.len() > LENGTH_MAX => format!("the topic name is longer than {LENGTH_MAX} characters"),
        _ if !name.bytes().all(is_legal) => "a topic name holds only letters, digits, '.', '_' and '-'".to_string(),
        _ if RESERVED.contains(&name) => format!("the topic {name} belongs to the broker"),
        _ => return Ok(()),
    };
    Err(Error::rejected(ErrorCode::INVALID_TOPIC_EXCEPTION, why))
}

fn is_legal(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-')
}

/// Two names that differ only in '.' and '_' would be one in Kafka's metrics; Kafka refuses the second.
pub fn collide(a: &str, b: &str) -> bool {
    let same = |(x, y): (u8, u8)| x == y || (matches!(x, b'.' | b'_') && matches!(y, b'.' | b'_'));
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(same)
}

/// What a folder in the data directory is, by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Folder {
    Partition(TopicPartition),
    /// `<topic>-<n>.<id>-delete`: its topic is deleted, its files are not yet.
    Deleted,
    /// `<topic>-<n>.<id>-stray`: nobody knows its topic; kept for whoever does. Or `-future`: Kafka was moving it.
    Stray,
    Unknown,
}

pub fn parse_folder(name: &str) -> Folder {
    if has_id(name, "-delete") {
        return Folder::Deleted;
    }
    if has_id(name, "-stray") || has_id(name, "-future") {
        return Folder::Stray;
    }
    let parsed = name.rsplit_once('-').and_then(|(topic, number)| {
        let is_canonical = number == "0" || !number.starts_with('0') && !number.starts_with('+');
        let partition = number.parse().ok().filter(|number: &i32| is_canonical && *number >= 0)?;
        let is_topic = !topic.is_empty() && topic.len() <= LENGTH_MAX && topic.bytes().all(is_legal);
        is_topic.then(|| TopicPartition { topic: topic.to_string(), partition })
    });
    parsed.map_or(Folder::Unknown, Folder::Partition)
}

fn has_id(name: &str, suffix: &str) -> bool {
    let id = name.strip_suffix(suffix).and_then(|rest| rest.rsplit_once('.'));
    id.is_some_and(|(_, id)| id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit()))
}

/// `<topic>-<n>.<id>-delete` or `-stray`; the topic is cut so that the name stays a legal one, as Kafka does.
pub fn marked(name: &TopicPartition, id: Uuid, suffix: &str) -> String {
    let tail = format!("-{}.{}-{suffix}", name.partition, id.hex());
    let room = FILE_NAME_MAX - tail.len();
    format!("{}{tail}", &name.topic[..name.topic.len().min(room)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_rules_hold() {
        for good in ["demo", "a.b_c-1", "...", &"x".repeat(249)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a\0", &"x".repeat(250), "__consumer_offsets"] {
            assert_eq!(check(bad).unwrap_err().code(), ErrorCode::INVALID_TOPIC_EXCEPTION, "{bad}");
        }
        assert!(collide("a.b", "a_b") && !collide("a.b", "a-b"));
    }

    #[test]
    fn folder_names_are_read_as_they_are_written() {
        let name = TopicPartition { topic: "a-1.b".to_string(), partition: 7 };
        assert_eq!(parse_folder(&name.to_string()), Folder::Partition(name.clone()));
        assert_eq!(parse_folder(&marked(&name, Uuid([7; 16]), "delete")), Folder::Deleted);
        assert_eq!(parse_folder(&marked(&name, Uuid([7; 16]), "stray")), Folder::Stray);
        assert_eq!(parse_folder(&marked(&name, Uuid([7; 16]), "future")), Folder::Stray);
        for other in ["demo", "demo-", "-0", "demo-01", "demo-+1", "lost+found", "de mo-0"] {
            assert_eq!(parse_folder(other), Folder::Unknown, "{other}");
        }
    }

    #[test]
    fn the_name_of_a_deleted_folder_stays_legal() {
        let name = TopicPartition { topic: "x".repeat(249), partition: 12345 };
        assert_eq!(marked(&name, Uuid([7; 16]), "delete").len(), 255);
        assert_eq!(parse_folder(&marked(&name, Uuid([7; 16]), "delete")), Folder::Deleted);
    }
}
