//! A file of entries of one size, only appended to and read by number: what both indexes are.
//!
//! Always true: entries that are counted are whole; a torn write is cut off before the next one. The newest entries are
//! in memory alone, until [`EntryFile::write_out`]: at the latest when the batches that they speak of are flushed.
//! Not done: no sync on append and no checksum, since an index is a hint that can be rebuilt.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{Error, Result};
use crate::log::LazyFile;
use crate::os::fs;

/// Bytes that a look-up reads at once: one read instead of one for each step of halving.
const BLOCK: usize = 4 << 10;

/// Fast path: entries that are written at once. A batch of 16 KiB has an entry in both indexes, and two more `write(2)`
/// for each batch cost more than the batch's own.
const TAIL_MAX: usize = 64;

/// Entries of `N` bytes.
pub struct EntryFile<const N: usize> {
    now: EntryView<N>,
    /// A write failed and could not be cut off: nothing more is added.
    is_closed: bool,
    /// The file stays as it is: entries are added, and taken back, in memory alone.
    is_read_only: bool,
}

/// The entries as they were at one moment; reads without the log's lock.
#[derive(Clone)]
pub struct EntryView<const N: usize> {
    file: Arc<LazyFile>,
    /// Entries in the file.
    written: u32,
    /// Entries behind them. Shared by all views, and copied when one of them is still in use at the next append.
    tail: Arc<Vec<[u8; N]>>,
}

impl<const N: usize> EntryFile<N> {
    pub fn create(path: PathBuf) -> Result<EntryFile<N>> {
        Ok(EntryFile::new(LazyFile::create(path)?, 0))
    }

    /// Opens the file; one that is missing, or whose size is not that of whole entries, is made anew. With `is_read_only` it
    /// stays as it is: none there holds no entries.
    pub fn load(path: PathBuf, is_read_only: bool) -> Result<EntryFile<N>> {
        if is_read_only {
            return Ok(EntryFile { now: EntryView::on_disk(path)?, is_closed: false, is_read_only });
        }
        let size = fs::size(&path)?.filter(|size| size % N as u64 == 0);
        match size.and_then(|size| u32::try_from(size / N as u64).ok()) {
            Some(count) => Ok(EntryFile::new(LazyFile::existing(path), count)),
            None => EntryFile::create(path),
        }
    }

    fn new(file: Arc<LazyFile>, written: u32) -> EntryFile<N> {
        let now = EntryView { file, written, tail: Arc::default() };
        EntryFile { now, is_closed: false, is_read_only: false }
    }

    /// The entries as they are now: to look at, or to be cloned for one who has no lock.
    pub fn view(&self) -> &EntryView<N> {
        &self.now
    }

    /// Adds an entry; false when no more can be written, which costs nothing but longer scans.
    pub fn append(&mut self, entry: [u8; N]) -> bool {
        if self.is_closed {
            return false;
        }
        Arc::make_mut(&mut self.now.tail).push(entry);
        if self.now.tail.len() >= TAIL_MAX && !self.is_read_only {
            self.write_out();
        }
        true
    }

    /// Writes the entries that are in memory alone. If that fails they are lost.
    pub fn write_out(&mut self) {
        if self.now.tail.is_empty() || self.is_read_only {
            return;
        }
        let EntryView { file, written, tail } = &mut self.now;
        let tail = std::mem::take(tail);
        let result = file.get().and_then(|open| {
            fs::append(&open, file.path(), tail.as_flattened()).inspect_err(|_| {
                self.is_closed = fs::truncate(&open, file.path(), u64::from(*written) * N as u64).is_err();
            })
        });
        match result {
            Ok(()) => *written += tail.len() as u32,
            Err(error) => note!(Warn, "index_not_written", [entries = tail.len()], "{error}: look-ups scan instead"),
        }
    }

    /// What was written out is on the disk.
    pub fn sync(&self) -> Result<()> {
        if self.is_read_only {
            return Ok(());
        }
        fs::sync_data(&*self.now.file.get()?, self.now.file.path())
    }

    /// Keeps the first `count` entries.
    pub fn truncate(&mut self, count: u32) -> Result<()> {
        let EntryView { file, written, tail } = &mut self.now;
        Arc::make_mut(tail).truncate(count.saturating_sub(*written) as usize);
        if count < *written && !self.is_read_only {
            fs::truncate(&*file.get()?, file.path(), u64::from(count) * N as u64)?;
        }
        *written = count.min(*written);
        Ok(())
    }
}

impl<const N: usize> EntryView<N> {
    /// The whole entries of a file that is only looked at; none when there is no file. A file that Kafka is writing, or was
    /// when it was killed, ends with zeros, which are none.
    pub fn on_disk(path: PathBuf) -> Result<EntryView<N>> {
        let written = u32::try_from(fs::size(&path)?.unwrap_or(0) / N as u64).unwrap_or(u32::MAX);
        let mut view = EntryView { file: LazyFile::readable(path), written, tail: Arc::default() };
        if written > 0 && view.get(written - 1)? == [0; N] {
            view.written = view.partition_point(written / 2, |entry| entry != [0; N])?;
        }
        Ok(view)
    }

    pub fn count(&self) -> u32 {
        self.written + self.tail.len() as u32
    }

    /// Bytes of all entries, those that are in memory alone included.
    pub fn bytes(&self) -> u64 {
        u64::from(self.count()) * N as u64
    }

    /// The entry with this number, which is below the count.
    pub fn get(&self, number: u32) -> Result<[u8; N]> {
        if let Some(in_tail) = number.checked_sub(self.written) {
            return Ok(self.tail[in_tail as usize]);
        }
        let mut entry = [0; N];
        let file = self.file.get()?;
        match fs::read_at(&file, self.file.path(), &mut entry, u64::from(number) * N as u64)? {
            got if got == N => Ok(entry),
            _ => Err(Error::corrupt(self.file.path(), format!("entry {number} of {} is missing", self.written))),
        }
    }

    /// How many entries at the front satisfy `wanted`; the entries are sorted that way.
    ///
    /// A block of entries around `guess` is read, then one in the middle of what is left, until one holds the answer.
    pub fn partition_point(&self, guess: u32, wanted: impl Fn([u8; N]) -> bool) -> Result<u32> {
        // Of a file that is only looked at, there may be none.
        if self.written == 0 || self.tail.first().is_some_and(|entry| wanted(*entry)) {
            return Ok(self.written + self.tail.partition_point(|entry| wanted(*entry)) as u32);
        }
        let half = (BLOCK / N / 2) as u32;
        let (mut low, mut high) = (0, self.written);
        let mut middle = guess;
        loop {
            let from = middle.saturating_sub(half).clamp(low, high);
            let to = (from + 2 * half).min(high);
            let point = self.read(from..to)?.partition_point(|entry| wanted(*entry)) as u32;
            match from + point {
                found if found == from && low < from => high = from,
                found if found == to && to < high => low = to,
                found => return Ok(found),
            }
            middle = low + (high - low) / 2;
        }
    }

    /// The entries with these numbers, which are in the file.
    fn read(&self, numbers: Range<u32>) -> Result<Vec<[u8; N]>> {
        let mut bytes = vec![0; numbers.len() * N];
        let got = fs::read_at(&*self.file.get()?, self.file.path(), &mut bytes, u64::from(numbers.start) * N as u64)?;
        if got < bytes.len() {
            return Err(Error::corrupt(
                self.file.path(),
                format!("of {} entries, {numbers:?} are missing", self.written),
            ));
        }
        Ok(bytes.as_chunks().0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every entry by number, and where each number would be found.
    fn contents(view: &EntryView<8>) -> Vec<u64> {
        let entries: Vec<u64> = (0..view.count()).map(|n| u64::from_be_bytes(view.get(n).unwrap())).collect();
        for (number, entry) in entries.iter().enumerate() {
            for guess in [0, 999, number as u32, view.count(), u32::MAX] {
                let point = view.partition_point(guess, |bytes| u64::from_be_bytes(bytes) < *entry).unwrap();
                assert_eq!(point as usize, number, "guess {guess}");
            }
        }
        entries
    }

    #[test]
    fn entries_are_found_whether_they_are_in_the_file_or_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let mut file = EntryFile::<8>::create(path.clone()).unwrap();
        let mut views = vec![file.view().clone()];
        for n in 0..2000_u64 {
            assert!(file.append(n.to_be_bytes()));
            if n % 37 == 0 {
                views.push(file.view().clone());
            }
        }
        assert_eq!(contents(file.view()), (0..2000).collect::<Vec<_>>());
        for (number, view) in views.iter().enumerate() {
            let count = if number == 0 { 0 } else { (number as u64 - 1) * 37 + 1 };
            assert_eq!(contents(view), (0..count).collect::<Vec<_>>(), "a view shows its moment");
        }
        assert!(EntryFile::<8>::load(path.clone(), false).unwrap().view().count() < 2000);
        file.write_out();
        assert_eq!(contents(EntryFile::<8>::load(path.clone(), false).unwrap().view()).len(), 2000);
        file.append(2000_u64.to_be_bytes());
        for count in [2001, 2000, 1990, 70, 0] {
            file.truncate(count).unwrap();
            assert_eq!(contents(file.view()), (0..u64::from(count)).collect::<Vec<_>>());
        }
        assert_eq!(fs::size(&path).unwrap(), Some(0));
    }
}
