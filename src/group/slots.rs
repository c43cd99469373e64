//! The committed offsets of one group: for each partition what everybody may see, and what was appended after that.
//!
//! A commit appends its record under the group's lock, waits for the flush without it, and publishes under it again.
//! Several may be on their way for one key, and threads come back from a flush in any order.
//!
//! Always true: what is published comes from the record that lies furthest in the log of those on the disk; after a
//! tombstone nothing that was appended before it appears again.
//! Not done: nothing is written or flushed here.

use std::collections::BTreeMap;

use crate::base::Offset;
use crate::group::records::Committed;

/// Topic and partition.
pub type SlotKey = (String, i32);

/// A committed offset, and where its record lies in the offsets log.
#[derive(Clone, Debug)]
pub struct Published {
    pub committed: Committed,
    pub log_offset: Offset,
}

#[derive(Default)]
pub struct Slots(BTreeMap<SlotKey, Slot>);

struct Slot {
    /// Where the first record of this slot lies: older ones were followed by a tombstone.
    floor: Offset,
    published: Option<Published>,
    /// The last record, as long as it is not known to be on the disk.
    appended: Option<Published>,
}

impl Slot {
    fn last(&self) -> Option<&Published> {
        self.appended.as_ref().or(self.published.as_ref())
    }
}

impl Slots {
    /// What a start found in the log.
    pub fn restore(&mut self, key: SlotKey, published: Published) {
        let slot = Slot { floor: published.log_offset, published: Some(published), appended: None };
        self.0.insert(key, slot);
    }

    /// A record was appended.
    pub fn append(&mut self, key: SlotKey, appended: Published) {
        let floor = appended.log_offset;
        let fresh = || Slot { floor, published: None, appended: None };
        self.0.entry(key).or_insert_with(fresh).appended = Some(appended);
    }

    /// A record that was appended is on the disk now.
    pub fn publish(&mut self, key: &SlotKey, record: Published) {
        let Some(slot) = self.0.get_mut(key).filter(|slot| slot.floor <= record.log_offset) else { return };
        if slot.appended.as_ref().is_some_and(|last| last.log_offset <= record.log_offset) {
            slot.appended = None;
        }
        if slot.published.as_ref().is_none_or(|known| known.log_offset < record.log_offset) {
            slot.published = Some(record);
        }
    }

    /// A tombstone was appended.
    pub fn forget(&mut self, key: &SlotKey) {
        self.0.remove(key);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every partition with a record in the log, published or not.
    pub fn keys(&self) -> impl Iterator<Item = &SlotKey> {
        self.0.keys()
    }

    pub fn contains(&self, key: &SlotKey) -> bool {
        self.0.contains_key(key)
    }

    /// What everybody may see.
    pub fn published(&self) -> impl Iterator<Item = (&SlotKey, &Published)> {
        self.0.iter().filter_map(|(key, slot)| Some((key, slot.published.as_ref()?)))
    }

    /// What the log holds, on the disk or not.
    pub fn last(&self) -> impl Iterator<Item = (&SlotKey, &Published)> {
        self.0.iter().filter_map(|(key, slot)| Some((key, slot.last()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SlotKey {
        ("t".to_string(), 0)
    }

    /// The record at this place of the log; it commits that number.
    fn record(at: i64) -> Published {
        let committed = Committed { offset: Offset(at), ..Committed::default() };
        Published { committed, log_offset: Offset(at) }
    }

    fn seen(slots: &Slots) -> (Option<i64>, Option<i64>) {
        let number = |found: Option<(&SlotKey, &Published)>| found.map(|(_, published)| published.committed.offset.0);
        (number(slots.published().next()), number(slots.last().next()))
    }

    #[test]
    fn commits_that_race_are_published_in_log_order() {
        for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
            let mut slots = Slots::default();
            (1..=3).for_each(|at| slots.append(key(), record(at)));
            assert_eq!(seen(&slots), (None, Some(3)));
            let mut largest = 0;
            for at in order {
                slots.publish(&key(), record(at));
                largest = largest.max(at);
                assert_eq!(seen(&slots), (Some(largest), Some(3)), "{order:?}");
            }
        }
    }

    #[test]
    fn nothing_from_before_a_tombstone_appears_again() {
        let mut slots = Slots::default();
        slots.restore(key(), record(1));
        slots.append(key(), record(2));
        slots.forget(&key());
        slots.publish(&key(), record(2));
        assert!(slots.is_empty(), "a commit that was on its way when its topic was deleted");
        slots.append(key(), record(4));
        slots.publish(&key(), record(2));
        assert_eq!(seen(&slots), (None, Some(4)), "also when the next one is on its way already");
        slots.publish(&key(), record(4));
        assert_eq!(seen(&slots), (Some(4), Some(4)));
    }
}
