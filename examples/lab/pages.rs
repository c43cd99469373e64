//! What of a topic's files lies in the page cache, and how to get it out of there.
//!
//! Always true: looking brings nothing into the cache. Only what is on the disk can be dropped.
//! Not done: indexes are not looked at.

use std::fs::File;
use std::path::PathBuf;

use sendlog::os::fadvise::drop_pages;
use sendlog::os::page_cache::cached;

use crate::broker::{tree, Broker};
use crate::Result;

/// The logs of a topic: of all its partitions, all segments.
pub struct Logs(Vec<File>);

impl Logs {
    pub fn of(broker: &Broker, topic: &str) -> Result<Logs> {
        let is_log = |path: &PathBuf| {
            path.to_string_lossy().starts_with(&format!("{topic}-"))
                && path.extension().is_some_and(|suffix| suffix == "log")
        };
        let paths = tree(&broker.folder()).into_iter().filter(is_log);
        let files = paths.map(|path| File::open(broker.folder().join(path))).collect::<std::io::Result<_>>()?;
        Ok(Logs(files))
    }

    pub fn bytes(&self) -> Result<u64> {
        self.0.iter().map(|file| Ok(file.metadata()?.len())).sum()
    }

    /// Percent of all bytes.
    pub fn cached_percent(&self) -> Result<f64> {
        let mut found = 0;
        for file in &self.0 {
            found += cached(file, 0, file.metadata()?.len())?.bytes;
        }
        Ok(found as f64 / self.bytes()?.max(1) as f64 * 100.0)
    }

    /// Percent of each of ten parts of the only log, the oldest first.
    pub fn cached_percent_of_tenths(&self) -> Result<Vec<f64>> {
        let file = self.0.first().ok_or("no log")?;
        // Parts begin at the start of a page.
        let part = file.metadata()?.len() / 10 / 4096 * 4096;
        let percent = |tenth: u64| Ok(cached(file, tenth * part, part)?.bytes as f64 / part as f64 * 100.0);
        (0..10).map(percent).collect()
    }

    /// Writes what is dirty to the disk, so that all pages can be dropped.
    pub fn sync(&self) -> Result<()> {
        Ok(self.0.iter().try_for_each(File::sync_data)?)
    }

    /// Drops all pages that are on the disk.
    pub fn drop_pages(&self) {
        self.0.iter().for_each(drop_pages);
    }
}
