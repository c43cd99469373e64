//! Keeping the offsets log small: what lives is appended again, and the log starts there.
//!
//! Always true: each group is written under its lock, with the last record of each key that the log holds, on the disk
//! or not; the log start moves when all of that is on the disk, and to where the log ended before the first group was
//! looked at. A group that comes in the meantime has all its records behind that.
//! Not done: no second engine: topics with `cleanup.policy=compact` of clients are not compacted.

use super::offsets::Reach;
use super::*;
use crate::group::records::Record;

impl GroupCoordinator {
    /// Makes the log small when it has grown enough for that to be worth it.
    pub fn compact(&self, topics: &TopicRegistry, now: Now) -> Result<()> {
        self.log.due().into_iter().try_for_each(|number| self.compact_now(topics, number, now))
    }

    /// One partition of the log, with the groups that are at home there.
    pub(crate) fn compact_now(&self, topics: &TopicRegistry, number: usize, now: Now) -> Result<()> {
        // Without a group that is out of service, its records would go. Asked before anything is appended: the log would
        // grow with each attempt.
        self.at_home_in(number).iter().try_for_each(|entry| lock(entry).map(drop))?;
        let start = self.log.end(number)?;
        self.log.take_growth(number)?;
        for entry in self.at_home_in(number) {
            let entry = lock(&entry)?;
            self.log.append(&entry.group.id, &entry.snapshot(), now.wall_ms)?;
        }
        self.log.flush(Reach::default().and(number, self.log.end(number)?))?;
        self.log.start_at(topics, number, start, self.log.take_growth(number)?)
    }

    fn at_home_in(&self, number: usize) -> Vec<Arc<Mutex<Entry>>> {
        let groups = self.groups.hold();
        groups
            .iter()
            .filter(|(id, _)| self.log.home(id) == number)
            .map(|(_, entry)| entry.clone())
            .collect()
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
