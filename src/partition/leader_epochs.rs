//! Which leader epoch began at which offset: how a client notices that the log it knew was cut (KIP-101, KIP-320).
//!
//! `leader-epoch-checkpoint` holds a line for each epoch under which something was appended (Kafka's
//! `LeaderEpochFileCache.java`).
//!
//! Always true: epochs and start offsets both rise; an epoch is written down before the first append under it, that of a
//! new partition when the partition is made.
//! A file that takes the place of another is synced: after a power cut the older one would be believed.
//! Not done: no sync of the first one; without a file the batch headers are read, which hold the same facts.

use std::path::{Path, PathBuf};

use crate::base::{Offset, Result};
use crate::faults::seeded::is_on;
use crate::log::checkpoint;
use crate::os::fs;

pub struct LeaderEpochs {
    path: PathBuf,
    starts: Vec<(i32, Offset)>,
    /// There is a file that a start believes.
    has_file: bool,
}

impl LeaderEpochs {
    pub fn empty(folder: &Path) -> LeaderEpochs {
        LeaderEpochs { path: folder.join("leader-epoch-checkpoint"), starts: Vec::new(), has_file: false }
    }

    /// What the partition's file says; `None` when there is none that can be read.
    pub fn load(folder: &Path) -> Result<Option<LeaderEpochs>> {
        let mut epochs = LeaderEpochs::empty(folder);
        let Some(starts) = checkpoint::read_epochs(&epochs.path)? else { return Ok(None) };
        starts.into_iter().for_each(|(epoch, start)| epochs.note(epoch, start));
        epochs.has_file = true;
        Ok(Some(epochs))
    }

    /// Takes in what a batch header says; older epochs and batches without one (-1) say nothing new.
    pub fn note(&mut self, epoch: i32, start: Offset) {
        if epoch >= 0 && self.starts.last().is_none_or(|(latest, _)| epoch > *latest) {
            self.starts.push((epoch, start));
        }
    }

    /// Takes in what a recovery saw behind what the file says.
    pub fn merge(&mut self, seen: &LeaderEpochs) {
        seen.starts.iter().for_each(|(epoch, start)| self.note(*epoch, *start));
    }

    /// Forgets epochs that began at or behind the log's end.
    pub fn cut_to(&mut self, end: Offset) {
        self.starts.retain(|(_, start)| *start < end);
    }

    /// Writes the epoch down before the first append under it.
    pub fn begin(&mut self, epoch: i32, start: Offset) -> Result<()> {
        if self.starts.last().is_some_and(|(latest, _)| epoch <= *latest) {
            return Ok(());
        }
        self.starts.push((epoch, start));
        // The first one is not synced: a file that a power cut made unreadable counts as missing, and batch headers hold the
        // same facts.
        let is_first = !self.has_file || is_on("epoch-not-synced");
        let write = if is_first { fs::replace_unsynced } else { fs::replace };
        let written = write(&self.path, checkpoint::epochs_text(&self.starts).as_bytes());
        match written {
            Ok(()) => self.has_file = true,
            Err(_) => drop(self.starts.pop()),
        }
        written
    }

    /// The epoch of the last batch; -1 when none is known.
    pub fn last(&self) -> i32 {
        self.starts.last().map_or(-1, |(epoch, _)| *epoch)
    }

    /// The epoch of the batch at `offset`; -1 when none is known.
    pub fn at(&self, offset: Offset) -> i32 {
        let after = self.starts.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).map_or(-1, |index| self.starts[index].0)
    }

    /// The largest epoch up to `epoch`, and where the one after it begins; `current` is the epoch that has not
    /// ended, and the log end. `None` for an epoch that has not begun.
    pub fn end_of(&self, epoch: i32, current: (i32, Offset)) -> Option<(i32, Offset)> {
        if epoch < 0 || epoch > current.0 {
            return None;
        }
        let floor = self.starts.iter().rfind(|(known, _)| *known <= epoch).map_or(epoch, |(known, _)| *known);
        // The current epoch begins at the log end as long as nothing was appended under it.
        let next = self.starts.iter().find(|(known, _)| *known > epoch).unwrap_or(&current);
        Some((floor, next.1))
    }

    /// The last step of a clean stop: a Kafka that finds the marker trusts this file.
    pub fn sync(&self) -> Result<()> {
        if self.starts.is_empty() {
            return Ok(());
        }
        fs::replace(&self.path, checkpoint::epochs_text(&self.starts).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> LeaderEpochs {
        let mut epochs = LeaderEpochs::empty(Path::new("/nowhere"));
        [(0, 0), (2, 100), (5, 300)].iter().for_each(|(epoch, start)| epochs.note(*epoch, Offset(*start)));
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let current = (7, Offset(500));
        for (epoch, expected) in [
            (0, Some((0, 100))),
            (1, Some((0, 100))),
            (2, Some((2, 300))),
            (5, Some((5, 500))),
            (6, Some((5, 500))),
            (8, None),
            (-1, None),
        ] {
            let expected = expected.map(|(epoch, end)| (epoch, Offset(end)));
            assert_eq!(epochs().end_of(epoch, current), expected, "epoch {epoch}");
        }
    }

    #[test]
    fn a_current_epoch_with_records_ends_the_one_before_it() {
        assert_eq!(epochs().end_of(2, (5, Offset(500))), Some((2, Offset(300))));
        assert_eq!(epochs().end_of(4, (5, Offset(500))), Some((2, Offset(300))));
    }

    #[test]
    fn each_offset_has_the_epoch_that_began_last() {
        for (offset, epoch) in [(0, 0), (99, 0), (100, 2), (299, 2), (300, 5), (999, 5)] {
            assert_eq!(epochs().at(Offset(offset)), epoch, "offset {offset}");
        }
    }

    #[test]
    fn cutting_forgets_epochs_behind_the_end() {
        let mut epochs = epochs();
        epochs.cut_to(Offset(300));
        assert_eq!(epochs.at(Offset(999)), 2);
    }
}
