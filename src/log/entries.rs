//! A file of entries of one size, only appended to and read by number: what both indexes are.
//!
//! Always true: entries that are counted are whole; a torn write is cut off before the next one.
//! Not done: no sync on append and no checksum, since an index is a hint that can be rebuilt.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{Error, Result};
use crate::log::LazyFile;
use crate::os::fs;

/// Bytes that a look-up reads at once, where halving further would take a read for each step.
const BLOCK: usize = 4 << 10;

/// Entries of `N` bytes.
pub struct EntryFile<const N: usize> {
    file: Arc<LazyFile>,
    count: u32,
    /// The last entry, if it was written since the file was opened or cut.
    last: Option<[u8; N]>,
    /// A write failed and could not be cut off: nothing more is added.
    is_closed: bool,
}

/// The entries as they were at one moment; reads without the log's lock.
#[derive(Clone)]
pub struct EntryView<const N: usize> {
    file: Arc<LazyFile>,
    pub count: u32,
    last: Option<[u8; N]>,
}

impl<const N: usize> EntryFile<N> {
    pub fn create(path: PathBuf) -> Result<EntryFile<N>> {
        Ok(EntryFile { file: LazyFile::create(path)?, count: 0, last: None, is_closed: false })
    }

    /// Opens the file; `None` when it is missing or its size is not that of whole entries.
    pub fn load(path: PathBuf) -> Result<Option<EntryFile<N>>> {
        let count = fs::size(&path)?.filter(|size| size % N as u64 == 0);
        let Some(count) = count.and_then(|size| u32::try_from(size / N as u64).ok()) else { return Ok(None) };
        Ok(Some(EntryFile { file: LazyFile::existing(path), count, last: None, is_closed: false }))
    }

    pub fn view(&self) -> EntryView<N> {
        EntryView { file: self.file.clone(), count: self.count, last: self.last }
    }

    /// Adds an entry; false when it could not be written, which costs nothing but a longer scan.
    pub fn append(&mut self, entry: [u8; N]) -> bool {
        if self.is_closed {
            return false;
        }
        let Ok(file) = self.file.get() else { return false };
        if let Err(error) = fs::append(&file, self.file.path(), &entry) {
            note!("{error}: no index entry added");
            self.is_closed = fs::truncate(&file, self.file.path(), u64::from(self.count) * N as u64).is_err();
            return false;
        }
        self.count += 1;
        self.last = Some(entry);
        true
    }

    pub fn sync(&self) -> Result<()> {
        fs::sync_data(&*self.file.get()?, self.file.path())
    }

    /// Keeps the first `count` entries.
    pub fn truncate(&mut self, count: u32) -> Result<()> {
        if count < self.count {
            fs::truncate(&*self.file.get()?, self.file.path(), u64::from(count) * N as u64)?;
            self.count = count;
            self.last = None;
        }
        Ok(())
    }
}

impl<const N: usize> EntryView<N> {
    /// The entry with this number, which is below the count.
    pub fn get(&self, number: u32) -> Result<[u8; N]> {
        if let Some(last) = self.last.filter(|_| number + 1 == self.count) {
            return Ok(last);
        }
        let mut entry = [0; N];
        let file = self.file.get()?;
        match fs::read_at(&file, self.file.path(), &mut entry, u64::from(number) * N as u64)? {
            got if got == N => Ok(entry),
            _ => Err(Error::corrupt(self.file.path(), format!("entry {number} of {} is missing", self.count))),
        }
    }

    /// How many entries at the front satisfy `wanted`, found by halving; the entries are sorted that way.
    pub fn partition_point(&self, wanted: impl Fn([u8; N]) -> bool) -> Result<u32> {
        let (mut low, mut high) = (0, self.count);
        while (high - low) as usize > BLOCK / N {
            let middle = low + (high - low) / 2;
            if wanted(self.get(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let block = self.read(low..high)?;
        Ok(low + block.partition_point(|entry| wanted(*entry)) as u32)
    }

    /// The entries with these numbers, which are below the count.
    fn read(&self, numbers: Range<u32>) -> Result<Vec<[u8; N]>> {
        let mut bytes = vec![0; numbers.len() * N];
        let got = fs::read_at(&*self.file.get()?, self.file.path(), &mut bytes, u64::from(numbers.start) * N as u64)?;
        if got < bytes.len() {
            return Err(Error::corrupt(
                self.file.path(),
                format!("of {} entries, {numbers:?} are missing", self.count),
            ));
        }
        Ok(bytes.as_chunks().0.to_vec())
    }
}
