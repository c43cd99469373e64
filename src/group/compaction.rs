//! Keeping the offsets log small: what lives is appended again, and the log starts there.
//!
//! Always true: each group is written under its lock, with the last record of each key that the log holds, on the disk
//! or not; the log start moves when all of that is on the disk, and to where the log ended before the first group was
//! looked at. A group that comes in the meantime has all its records behind that.
//! Not done: no second engine: topics with `cleanup.policy=compact` of clients are not compacted.

use super::*;
use crate::group::records::Record;

impl GroupCoordinator {
    /// Makes the log small when it has grown enough for that to be worth it.
    pub fn compact(&self, topics: &TopicRegistry, now: Now) -> Result<()> {
        match self.log.is_due() {
            true => self.compact_now(topics, now),
            false => Ok(()),
        }
    }

    pub(crate) fn compact_now(&self, topics: &TopicRegistry, now: Now) -> Result<()> {
        // Without a group that is out of service, its records would go. Asked before anything is appended: the log would
        // grow with each attempt.
        self.all().iter().try_for_each(|entry| lock(entry).map(drop))?;
        let start = self.log.end()?;
        self.log.take_growth();
        for entry in self.all() {
            let entry = lock(&entry)?;
            self.log.append(&entry.snapshot(), now.wall_ms)?;
        }
        self.log.flush_to(self.log.end()?)?;
        self.log.start_at(topics, start, self.log.take_growth())
    }
}

impl Entry {
    fn snapshot(&self) -> Vec<Record> {
        let group = &self.group.id;
        let mut records: Vec<Record> = self
            .offsets
            .last()
            .map(|((topic, partition), published)| {
                let key = Key::Offset { group: group.clone(), topic: topic.clone(), partition: *partition };
                (key.encode(), Some(published.committed.encode()))
            })
            .collect();
        if let Some(saved) = &self.saved {
            records.push((Key::Group { group: group.clone() }.encode(), Some(saved.clone())));
        }
        records
    }
}
