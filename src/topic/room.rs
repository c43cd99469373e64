//! How many topics and partitions there may be (`max.topics`, `max.partitions`).
//!
//! Always true: asked before anything is made, under the registry's lock, so that requests side by side do not pass a limit
//! together. The broker's own topics count as partitions and are never refused; what is there stays when a limit falls.
//! Not done: bytes are not counted here; [`super::space`] has the cap.

use super::*;
use crate::base::limits;

impl TopicRegistry {
    /// Whether there is room for a topic more.
    pub(super) fn check_topic_room(&self, name: &str, partitions: usize) -> Result<()> {
        let now = self
            .topics
            .hold_read()
            .by_name
            .keys()
            .filter(|known| !name::RESERVED.contains(&known.as_str()))
            .count();
        if now >= self.most("max.topics") {
            let why = format!("no topic {name}: there are {now} already");
            return Err(limits::TOPICS.refuse(ErrorCode::POLICY_VIOLATION, why));
        }
        self.check_partition_room(name, partitions)
    }

    /// Whether there is room for so many partitions more.
    pub(super) fn check_partition_room(&self, name: &str, more: usize) -> Result<()> {
        let now: usize = self.topics.hold_read().by_name.values().map(|topic| topic.partitions.len()).sum();
        if now + more > self.most("max.partitions") {
            let why = format!("no {more} partitions for topic {name}: there are {now} already");
            return Err(limits::PARTITIONS.refuse(ErrorCode::POLICY_VIOLATION, why));
        }
        Ok(())
    }

    /// Whether one request may create so many partitions.
    pub fn check_request(&self, partitions: usize) -> Result<()> {
        if partitions > self.most("max.partitions.per.request") {
            let why = format!("one request asks for {partitions} partitions");
            return Err(limits::PARTITIONS_PER_REQUEST.refuse(ErrorCode::POLICY_VIOLATION, why));
        }
        Ok(())
    }

    fn most(&self, key: &str) -> usize {
        usize::try_from(self.config().int(key)).expect("checked when it was set")
    }
}
