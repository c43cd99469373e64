//! A partition that mirrors another broker's: batches come with their offsets and leader epochs, from one thread.
//!
//! Always true: no client appends to it; the broker's own leader epoch is at least that of each batch, so that whoever
//! appends when the mirror has ended goes on above all of them. What is remembered of idempotent producers is what the batches
//! say, so they go on here as well.
//! Not done: no check of the batches, which [`crate::mirror`] makes when they arrive; one caller at a time.

use std::sync::atomic::Ordering::SeqCst;

use super::*;
use crate::log::{gaps, Checked};
use crate::os::fadvise;

/// Where a copy ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CopiedEnd {
    pub log_start: Offset,
    pub offset: Offset,
    /// The leader epoch of the last batch; -1 as long as there is none.
    pub epoch: i32,
}

impl Partition {
    /// Whether clients are kept from producing to it.
    pub fn is_mirrored(&self) -> bool {
        self.is_mirrored.load(SeqCst)
    }

    pub fn set_mirrored(&self, is_mirrored: bool) {
        self.is_mirrored.store(is_mirrored, SeqCst);
    }

    /// The broker's leader epoch is a higher one from here on; it is on the disk.
    pub fn raise_leader_epoch(&self, epoch: i32) {
        let _state = self.lock();
        self.leader_epoch.fetch_max(epoch, SeqCst);
    }

    pub fn copied_end(&self) -> Result<CopiedEnd> {
        let state = self.lock();
        let log = state.online()?;
        Ok(CopiedEnd { log_start: log.start_offset(), offset: log.end_offset(), epoch: state.epochs.last() })
    }

    /// Appends whole batches where they lie in the log that they come from. They begin at this log's end or behind it.
    pub fn append_copied(&self, batches: &[Checked]) -> Result<()> {
        self.mark_gaps(batches)?;
        let mut rest = batches;
        while !rest.is_empty() {
            let epoch = rest[0].header.leader_epoch;
            let same = rest.iter().position(|batch| batch.header.leader_epoch != epoch).unwrap_or(rest.len());
            let count = self.append_run(&rest[..same])?;
            rest = &rest[count..];
            if count == 0 {
                self.begin_segment(rest[0].header.base_offset)?;
            }
        }
        Ok(())
    }

    /// What was copied last, so many bytes, will not be read soon: with what lies before it, it need not stay in the page cache.
    pub fn drop_copied_pages(&self, bytes: usize) {
        let Ok(view) = self.with_log(|log| log.view(log.end_offset())) else { return };
        if let Ok(file) = view.log.get() {
            fadvise::drop_behind(&file, view.size.0, bytes as u64);
        }
    }

    /// Goes on at `offset`: what lies before it is gone where the copy comes from.
    pub fn skip_to(&self, offset: Offset) -> Result<()> {
        self.mark_as_gapped()?;
        self.begin_segment(offset)
    }

    /// The copy has ended: what is appended from here on has no gaps. All of it has been flushed.
    pub fn end_gaps(&self) -> Result<()> {
        let (folder, end) = self.with_log(|log| (log.folder().to_path_buf(), log.end_offset()))?;
        match gaps::read(&folder)? > end {
            true => gaps::write(&folder, end),
            false => Ok(()),
        }
    }

    /// As many batches of one epoch as the active segment takes.
    fn append_run(&self, batches: &[Checked]) -> Result<usize> {
        let mut state = self.lock();
        let appended = state.append_copied(batches);
        let count = self.check_storage(&mut state, appended)?;
        if self.config().flush_mode != FlushMode::Always && count > 0 {
            state.wake_all();
        }
        Ok(count)
    }

    /// Begins a new segment; in a log with gaps what there is is flushed before.
    fn begin_segment(&self, base: Offset) -> Result<()> {
        let (folder, end) = self.with_log(|log| (log.folder().to_path_buf(), log.end_offset()))?;
        if gaps::read(&folder)? > Offset(0) {
            self.flush_to(end)?;
        }
        let mut state = self.lock();
        state.online()?;
        let Storage::Online(log) = &mut state.log else { unreachable!("seen to be online") };
        let begun = log.skip_to(base);
        state.has_changed = true;
        state.wants_flush = true;
        self.check_storage(&mut state, begun)
    }

    fn mark_gaps(&self, batches: &[Checked]) -> Result<()> {
        let mut expected = self.with_log(Log::end_offset)?;
        let mut has_gap = false;
        for Checked { header, .. } in batches {
            has_gap |= header.base_offset != expected;
            expected = header.last_offset() + 1;
        }
        if has_gap {
            self.mark_as_gapped()?;
        }
        Ok(())
    }

    /// On the disk when this returns. So is what was copied before: until now a segment that had lost its end would have been
    /// seen by the gap.
    fn mark_as_gapped(&self) -> Result<()> {
        let (folder, end) = self.with_log(|log| (log.folder().to_path_buf(), log.end_offset()))?;
        if gaps::read(&folder)? == Offset(i64::MAX) {
            return Ok(());
        }
        self.flush_to(end)?;
        gaps::write(&folder, Offset(i64::MAX))
    }

    fn with_log<T>(&self, look: impl FnOnce(&Log) -> T) -> Result<T> {
        let state = self.lock();
        state.online().map(look)
    }
}

impl State {
    fn append_copied(&mut self, batches: &[Checked]) -> Result<usize> {
        self.online()?;
        let Storage::Online(log) = &mut self.log else { unreachable!("seen to be online") };
        let count = log.count_copied_that_fit(batches)?;
        let batches = &batches[..count];
        let Some(first) = batches.first() else { return Ok(0) };
        self.epochs.begin(first.header.leader_epoch, first.header.base_offset)?;
        let appended = log.append_copied(batches)?;
        self.has_changed = true;
        batches.iter().for_each(|batch| self.producers.note(&batch.header, batch.header.base_offset));
        self.taken.add(batches, appended.last + 1 - appended.first);
        Ok(count)
    }
}
