//! What a flush has to sync: the segments from the recovery point to the log end.
//!
//! Always true: a file is open before the first one is synced. One that cannot be opened was not synced, so that this is
//! no failed flush: whoever waits gets an error, and the next flush may work.
//! Not done: no directory; a roll syncs it.

use std::sync::Arc;

use crate::base::{Error, ErrorCode, Result};
use crate::log::{LazyFile, Log, LogEnd};
use crate::os::fs;

/// The files to sync so that everything up to `end` is on the disk; none when it is.
#[derive(Default)]
pub struct FlushPlan {
    pub end: LogEnd,
    pub files: Vec<Arc<LazyFile>>,
}

impl Log {
    /// What a flush that begins now has to sync.
    pub fn flush_plan(&self) -> FlushPlan {
        let is_needed = self.recovery_point < self.end_offset;
        let unflushed = self.segments[self.index_of(self.recovery_point)..].iter().filter(|_| is_needed);
        FlushPlan { end: self.end(), files: unflushed.map(|segment| segment.log.clone()).collect() }
    }
}

impl FlushPlan {
    /// The slow part of a flush, without any lock.
    ///
    /// # Errors
    /// `Rejected` when nothing was synced; any other is final.
    pub fn sync(&self) -> Result<()> {
        let not_now = |error: Error| Error::rejected(ErrorCode::KAFKA_STORAGE_ERROR, error.to_string());
        let open = |file: &Arc<LazyFile>| file.get().map_err(not_now);
        let files = self.files.iter().map(open).collect::<Result<Vec<_>>>()?;
        files.iter().zip(&self.files).try_for_each(|(file, lazy)| fs::sync_data(file, lazy.path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Offset, Position};
    use crate::faults;
    use crate::log::flush::Flush;

    #[test]
    fn a_file_that_cannot_be_opened_is_no_failed_sync_and_one_that_cannot_be_synced_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::create_append(&path).unwrap();
        let plan_to = |offset| FlushPlan {
            end: LogEnd { offset: Offset(offset), segment: Offset(0), position: Position(0) },
            files: vec![LazyFile::existing(path.clone())],
        };
        let flush = Flush::new(Offset(0));
        let flush_to = |offset| flush.wait_for(Offset(offset), || Ok(plan_to(offset)), |_| ());
        let (refused, reached) = faults::planned("opens:EMFILE:1", || flush_to(1));
        assert_eq!((refused.unwrap_err().code(), reached.faults), (ErrorCode::KAFKA_STORAGE_ERROR, 1));
        flush_to(1).unwrap();
        let (failed, _) = faults::planned("sync:EIO:1", || flush_to(2));
        assert_eq!(failed.unwrap_err().code(), ErrorCode::KAFKA_STORAGE_ERROR);
        assert!(flush_to(2).is_err(), "a second sync would say that all is well");
    }
}
