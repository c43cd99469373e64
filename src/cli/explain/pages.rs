//! The pages that a batch lies in: which are in the page cache, and which the kernel has not written back yet.
//!
//! Always true: the cache is seen as it was before this command has read there. Finding out where a log ends reads the end of its last
//! segment, so that one is looked at before all else.
//! Not done: a look-up by time reads ends of segments, and its way in one, before that one is looked at.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::Result;
use crate::log::SegmentView;
use crate::os::page_cache::{cached, resident};
use crate::os::{fs, process};

/// Which pages of a segment file were in memory.
pub struct Residents {
    path: PathBuf,
    pages: io::Result<Vec<bool>>,
}

/// A batch's pages.
pub struct Pages {
    /// Where the first one begins in the file.
    pub position: u64,
    pub count: usize,
    pub in_memory: usize,
    /// Pages that were changed since they were written back; `None` where the kernel does not tell.
    pub dirty: Option<u64>,
}

impl Residents {
    /// Of the last segment in a partition's folder, if there is one.
    pub fn of_last_segment(folder: &Path) -> Residents {
        let names = fs::list(folder).unwrap_or_default().into_iter().map(|entry| entry.name);
        let last = names.filter(|name| name.ends_with(".log")).max().unwrap_or_default();
        Residents::of(folder.join(last))
    }

    /// These, if they are those of this segment; its own as they are now if not.
    pub fn or_of(self, view: &SegmentView) -> Residents {
        match view.log.path() {
            path if path == self.path => self,
            path => Residents::of(path.to_path_buf()),
        }
    }

    fn of(path: PathBuf) -> Residents {
        let look = || -> Result<io::Result<Vec<bool>>> {
            let size = fs::size(&path)?.unwrap_or(0);
            Ok(resident(&fs::open_read(&path)?, 0, size))
        };
        let pages = look().unwrap_or_else(|error| Err(io::Error::other(error.to_string())));
        Residents { path, pages }
    }

    /// The pages of a batch at `position`.
    pub fn pages(self, view: &SegmentView, position: u64, size: u64) -> io::Result<Pages> {
        let page = process::page_bytes();
        let (first, end) = (position / page, (position + size).div_ceil(page));
        // What was written behind our look is in memory.
        let is_in_memory = |pages: &[bool], number: u64| pages.get(number as usize).copied().unwrap_or(true);
        let pages = self.pages?;
        let file = view.log.get().map_err(|error| io::Error::other(error.to_string()))?;
        let dirty_bytes = cached(&file, first * page, (end - first) * page)?.dirty_bytes;
        Ok(Pages {
            position: first * page,
            count: (end - first) as usize,
            in_memory: (first..end).filter(|number| is_in_memory(&pages, *number)).count(),
            dirty: dirty_bytes.map(|bytes| bytes.div_ceil(page)),
        })
    }
}
