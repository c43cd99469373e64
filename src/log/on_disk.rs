//! A log as its files show it, to one who only looks: beside a running broker, or where none runs.
//!
//! Always true: nothing is written, made, cut or locked. What a running broker is just writing, or has not written into an
//! index yet, is not there: the log ends with its last whole batch.
//! Not done: no checksums are checked, and what a start would repair stays as it is.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::base::{Error, Offset, Position, Result};
use crate::log::entries::EntryView;
use crate::log::restore::parse_name;
use crate::log::scan::Batch;
use crate::log::segment::file_name;
use crate::log::{LazyFile, SegmentView};
use crate::os::fs;

/// A log that is only looked at.
pub struct LogOnDisk {
    /// Oldest first; never empty.
    pub views: Vec<SegmentView>,
    pub start: Offset,
    pub end: Offset,
}

impl LogOnDisk {
    /// The log in `folder`, whose checkpoint says that it starts at `log_start`; `None` when no segment is there.
    pub fn read(folder: &Path, log_start: Offset) -> Result<Option<LogOnDisk>> {
        let mut bases: Vec<Offset> =
            fs::list(folder)?.iter().filter_map(|entry| parse_name(&entry.name, "log")).collect();
        // Those below are about to be deleted.
        let below = bases.iter().skip(1).take_while(|next| **next <= log_start).count();
        bases.drain(..below);
        let next_bases = bases.iter().skip(1).map(|next| Some(*next)).chain([None]);
        let views = bases.iter().zip(next_bases).map(|(base, next)| view(folder, *base, next));
        let mut views: Vec<SegmentView> = views.collect::<Result<_>>()?;
        let Some(active) = views.last_mut() else { return Ok(None) };
        let end = active.end_at_last_batch()?;
        Ok(Some(LogOnDisk { start: log_start.max(bases[0]), end, views }))
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.views.iter().map(|view| view.size().0).sum()
    }
}

fn view(folder: &Path, base_offset: Offset, next_base: Option<Offset>) -> Result<SegmentView> {
    let path = |suffix| folder.join(file_name(base_offset, suffix));
    Ok(SegmentView {
        base_offset,
        next_base,
        size: Position(fs::size(&path("log"))?.unwrap_or(0)),
        log: LazyFile::readable(path("log")),
        offset_index: EntryView::on_disk(path("index"))?,
        time_index: EntryView::on_disk(path("timeindex"))?,
        largest: None,
        largest_on_disk: Arc::new(OnceLock::new()),
    })
}

impl SegmentView {
    /// The segment's first batch.
    pub fn first_batch(&self) -> Result<Option<Batch>> {
        self.scan_from(&*self.log.get()?, None).next_batch()
    }

    /// Shows only whole batches; returns the offset behind the last one.
    fn end_at_last_batch(&mut self) -> Result<Offset> {
        let file = self.log.get()?;
        let last = self.offset_index.count().checked_sub(1);
        let start = last.map_or(Ok(None), |number| self.indexed_batch(&file, number))?;
        let (mut position, mut end) =
            start.map_or((Position(0), self.base_offset), |batch| (batch.position, batch.header.base_offset));
        let mut scan = self.scan_from(&file, start);
        loop {
            match scan.next_batch() {
                Ok(Some(batch)) => (position, end) = (batch.end(), batch.header.last_offset() + 1),
                Ok(None) | Err(Error::Corrupt { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        self.limit_to(position);
        Ok(end)
    }
}
