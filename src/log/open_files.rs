//! Files that are opened on use, so that 10,000 partitions need no 30,000 descriptors.
//!
//! Beyond a cap the one that was not used for longest is closed (second chance: a used one goes round once more).
//!
//! Always true: a file with unflushed bytes keeps the descriptor it was written through, since that is the one
//! that a failed sync is reported to. Closing only drops our reference; a reader's own one keeps its file open.
//! Not done: no limit on readers: a file that is being sent stays open for its reader.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::base::Result;
use crate::os::fs;

/// A file that exists and is open only when it has to be.
pub struct LazyFile {
    path: PathBuf,
    /// Guards the descriptor. A leaf: only the list of open files is locked under it.
    slot: Mutex<Option<Arc<File>>>,
    used: AtomicBool,
    has_unflushed: AtomicBool,
    is_read_only: bool,
}

/// The descriptors that may be closed, oldest first. Nothing else is locked under it.
static OPEN: Mutex<VecDeque<Weak<LazyFile>>> = Mutex::new(VecDeque::new());
static OPEN_MAX: AtomicUsize = AtomicUsize::new(1000);

/// Files that are held open for their unflushed bytes.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Whether so many files have unflushed bytes that a flush is due to get descriptors back.
pub fn holds_many_files() -> bool {
    HELD.load(Relaxed) > OPEN_MAX.load(Relaxed) / 2
}

/// Caps how many segment and index files stay open.
pub fn set_open_files_max(max: usize) {
    OPEN_MAX.store(max, Relaxed);
}

/// Takes a lock that is whole at every step. These are the standard library's own: one of them is there for the whole process,
/// which an explorer of schedules runs many times, and nobody goes on to another lock under them.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LazyFile {
    /// A file that exists already; it is opened on first use.
    pub fn existing(path: PathBuf) -> Arc<LazyFile> {
        Arc::new(LazyFile::new(path, false))
    }

    /// The same, for one who only looks, perhaps without the right to write.
    pub fn readable(path: PathBuf) -> Arc<LazyFile> {
        Arc::new(LazyFile::new(path, true))
    }

    fn new(path: PathBuf, is_read_only: bool) -> LazyFile {
        let (used, has_unflushed) = (false.into(), false.into());
        LazyFile { path, slot: Mutex::default(), used, has_unflushed, is_read_only }
    }

    /// A new, empty file.
    pub fn create(path: PathBuf) -> Result<Arc<LazyFile>> {
        let file = fs::create_append(&path)?;
        let lazy = LazyFile::existing(path);
        *hold(&lazy.slot) = Some(Arc::new(file));
        lazy.enlist();
        Ok(lazy)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file.
    pub fn get(self: &Arc<Self>) -> Result<Arc<File>> {
        self.used.store(true, Relaxed);
        let mut slot = hold(&self.slot);
        if let Some(file) = &*slot {
            return Ok(file.clone());
        }
        let open = if self.is_read_only { fs::open_read } else { fs::open_append };
        let file = Arc::new(open(&self.path)?);
        *slot = Some(file.clone());
        drop(slot);
        self.enlist();
        Ok(file)
    }

    /// Keeps the descriptor open until [`LazyFile::release`]: bytes were written through it.
    pub fn hold(&self) {
        if !self.has_unflushed.swap(true, Relaxed) {
            HELD.fetch_add(1, Relaxed);
        }
    }

    /// The bytes are on the disk.
    pub fn release(&self) {
        if self.has_unflushed.swap(false, Relaxed) {
            HELD.fetch_sub(1, Relaxed);
        }
    }

    fn enlist(self: &Arc<Self>) {
        let mut open = hold(&OPEN);
        open.push_back(Arc::downgrade(self));
        let mut looks = open.len();
        while open.len() > OPEN_MAX.load(Relaxed) && looks > 0 {
            looks -= 1;
            let Some(oldest) = open.pop_front().and_then(|weak| weak.upgrade()) else { continue };
            if !oldest.close_unless_needed() {
                open.push_back(Arc::downgrade(&oldest));
            }
        }
    }

    fn close_unless_needed(&self) -> bool {
        if self.used.swap(false, Relaxed) || self.has_unflushed.load(Relaxed) {
            return false;
        }
        // A thread inside `get` holds the slot and wants the list: never wait for it here.
        match self.slot.try_lock() {
            Ok(mut slot) => *slot = None,
            Err(_) => return false,
        }
        true
    }
}

impl Drop for LazyFile {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_cap_only_held_files_stay_open() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<_> = (0..3000).map(|i| LazyFile::create(folder.path().join(i.to_string())).unwrap()).collect();
        files[0].get().unwrap();
        files[0].hold();
        let more: Vec<_> = (3000..6000).map(|i| LazyFile::create(folder.path().join(i.to_string())).unwrap()).collect();
        let open = files.iter().chain(&more).filter(|file| file.slot.lock().unwrap().is_some()).count();
        assert!(open <= 1001, "{open} of 6000 are open");
        assert!(files[0].slot.lock().unwrap().is_some(), "a file with unflushed bytes was closed");
        files[1].get().expect("a closed file opens again");
    }
}
