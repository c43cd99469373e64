//! What test suites need of a broker that they start: topics that are there, data that is gone, no broker left behind.
//!
//! Always true: a [`Scratch`] directory is removed when the process ends in any way but a crash or SIGKILL; when the
//! parent ends, however it ends, the broker stops as after SIGTERM.
//! Not done: a parent that ended before the broker could look (a few ms) is not missed. A shell between the suite and
//! the broker is the parent that counts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::base::{Error, Result};
use crate::os::{fs, parent, random, threads};
use crate::topic::name;
use crate::topic::wanted::WantedTopic;

/// How often the parent is looked at where the kernel does not tell of its end.
const LOOK: Duration = Duration::from_millis(100);

/// Reads `NAME:PARTITIONS`.
pub fn parse_topic(text: &str) -> Result<WantedTopic> {
    let bad =
        |why: String| Error::unusable(format!("--topic {text}: {why}"), "write NAME:PARTITIONS, such as orders:3");
    let (name, count) = text.rsplit_once(':').ok_or_else(|| bad("the number of partitions is missing".to_string()))?;
    name::check(name).map_err(|error| bad(error.for_client().unwrap_or_default()))?;
    let partition_count = count.parse().map_err(|_| bad(format!("'{count}' is not a number of partitions")))?;
    Ok(WantedTopic { name: name.to_string(), partition_count })
}

/// A directory for data that nobody needs later; removed when one of its clones is dropped.
#[derive(Clone)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A name that no directory has yet.
    pub fn new() -> Scratch {
        let name = format!("sendlog-{:032x}", u128::from_be_bytes(random::sixteen_bytes()));
        Scratch(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if fs::exists(&self.0) {
            let _ = fs::remove_folder(&self.0);
        }
    }
}

/// Asks for a stop when the process that started this one has ended.
pub fn watch_parent(asked: Sender<()>) -> io::Result<()> {
    let parent = parent::id();
    threads::start("parent", threads::STACK_BYTES, move || {
        if parent::wait_for_end(parent).is_err() {
            while parent::id() == parent {
                std::thread::sleep(LOOK);
            }
        }
        note!(Info, "parent_ended", [], "stopping: the process that started this one has ended");
        let _ = asked.send(());
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_name_and_a_number() {
        let topic = parse_topic("orders.eu:12").unwrap();
        assert_eq!((topic.name.as_str(), topic.partition_count), ("orders.eu", 12));
        for (text, says) in [
            ("orders", "missing"),
            ("orders:", "''"),
            ("orders:many", "'many'"),
            ("orders:99999999999", "'99999999999'"),
            (":3", "not empty"),
            ("a b:3", "letters"),
            ("__consumer_offsets:3", "belongs to the broker"),
        ] {
            let error = parse_topic(text).map(|topic| topic.name).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("NAME:PARTITIONS"), "{text}: {error}");
        }
    }
}
