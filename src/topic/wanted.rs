//! Topics that are there before anybody is let in (`--topic`).
//!
//! Always true: one that is there already stays as it is; it may have more partitions than were asked for, and never fewer.
//! Not done: it has no configs of its own.

use super::*;

/// A topic that is to be there.
pub struct WantedTopic {
    pub name: String,
    pub partition_count: i32,
}

impl TopicRegistry {
    /// Creates a topic that is not there yet.
    pub fn provide(&self, wanted: &WantedTopic) -> Result<()> {
        let WantedTopic { name, partition_count } = wanted;
        let refuse = |why: String, mend: &str| Err(Error::unusable(format!("topic {name}: {why}"), mend));
        match self.find(name).map(|topic| topic.partitions.len()) {
            Some(count) if count >= usize::try_from(*partition_count).unwrap_or(usize::MAX) => Ok(()),
            Some(count) => refuse(
                format!("it is there with {count} partitions, not {partition_count}"),
                "ask for as many as it has, or add partitions with kafka-topics --alter",
            ),
            None => match self.create(name, *partition_count, Overrides::new(Scope::Topic)) {
                Ok(_) => Ok(()),
                Err(Error::Rejected { why, .. }) => refuse(why.to_string(), "ask for another with --topic"),
                Err(error) => Err(error),
            },
        }
    }
}
