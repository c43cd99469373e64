//! Opening a log: what is trusted, what is read again, and what is cut off.
//!
//! After a clean stop the last entries of each index are checked and the few batches behind them walked. After a
//! kill every batch from the recovery point on is read, its CRC checked and the indexes written anew.
//!
//! Always true: no byte of a log is deleted but what lies below its start. The first bad batch above the recovery point
//! ends the log, and what is cut off is first copied to `<segment>.cut-<epoch>`. Anything bad below the recovery point
//! changes nothing and returns `Corrupt`: the partition stays offline. The same start, stopped anywhere and begun again,
//! ends the same. Files that nobody here has written are left alone.
//! Not done: no repair below the recovery point: that needs somebody who knows what is missing.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::base::{Error, Offset, Position, Result};
use crate::faults::seeded::is_on;
use crate::log::restore::{parse_name, remove_leftovers, unlink};
use crate::log::scan::{Batch, Scan, WINDOW_LARGE};
use crate::log::segment::{file_name, Segment};
use crate::log::{gaps, Log, LogConfig, SegmentView};
use crate::os::{fadvise, fs};
use crate::record::header::{self, BatchHeader};

/// What a start knows about a log before it opens it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Opening {
    /// The clean-shutdown marker was there.
    pub is_clean: bool,
    /// From the checkpoint; 0 when it names none.
    pub recovery_point: Offset,
    /// From the checkpoint; 0 when it names none.
    pub log_start: Offset,
    /// The leader epoch of this start, for the names of what is cut off.
    pub epoch: i32,
    /// Kafka wrote it last, which compacts logs: a gap in the offsets is no loss, wherever it is.
    pub has_gaps: bool,
    /// Nothing on the disk is changed: what would be cut off is not served.
    pub is_read_only: bool,
}

/// What opening a log did beyond looking.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Recovered {
    /// bytes whose CRC was checked
    pub bytes_read: u64,
    pub bytes_cut: u64,
    /// Good batches lie behind the cut: more than a torn write.
    pub has_batches_behind_cut: bool,
    pub indexes_rebuilt: usize,
}

impl fmt::Display for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checked {} bytes", self.bytes_read)?;
        if self.indexes_rebuilt > 0 {
            write!(f, ", rebuilt {} indexes", self.indexes_rebuilt)?;
        }
        match (self.bytes_cut, self.has_batches_behind_cut) {
            (0, _) => Ok(()),
            (cut, false) => write!(f, ", cut {cut} bytes off a torn tail and kept them aside"),
            (cut, true) => write!(f, ", cut {cut} bytes and kept them aside; GOOD BATCHES LIE AMONG THEM"),
        }
    }
}

/// Opens the log in `folder`, where `names` were found. `on_batch` sees the headers that were read, in order.
pub fn open(
    folder: &Path,
    names: &[fs::Entry],
    config: LogConfig,
    opening: Opening,
    on_batch: &mut dyn FnMut(&BatchHeader),
) -> Result<(Log, Recovered)> {
    let bases = list_segments(folder, names, opening)?;
    let is_new = bases.is_empty();
    let gaps_below = if opening.has_gaps { Offset(i64::MAX) } else { gaps::read(folder)? };
    let mut restore = Restore { folder, config: &config, opening, gaps_below, on_batch, report: Recovered::default() };
    let mut segments = Vec::new();
    let mut end = bases.first().copied().unwrap_or(opening.log_start);
    for (index, base) in bases.iter().enumerate() {
        if *base < end {
            let what = format!("at byte 0 it begins at offset {base}, and the segment before it reaches offset {end}");
            return Err(Error::corrupt(folder.join(file_name(*base, "log")), what));
        }
        let (segment, segment_end, is_last) = restore.segment(*base, &bases[index + 1..])?;
        segments.push(segment);
        end = segment_end;
        if is_last {
            break;
        }
    }
    restore.check_end(&segments, end)?;
    if is_new || end < opening.log_start {
        // Nothing readable is left: the log starts anew, never lower than it did.
        let old: Vec<Offset> = segments.iter().map(|segment| segment.base_offset).collect();
        restore.set_aside(&old)?;
        if opening.is_read_only {
            return Err(Error::corrupt(folder, "no segment reaches the log start: another start would begin it anew"));
        }
        segments = vec![Segment::create(folder, opening.log_start)?];
        fs::sync_dir(folder)?;
        end = opening.log_start;
    } else if !opening.is_read_only && !opening.is_clean && segments.last().is_some_and(|last| last.size == Position(0))
    {
        // A roll may have been killed between the new name and its sync, and nothing else makes it durable.
        fs::sync_dir(folder)?;
    }
    let report = restore.report;
    let start_offset = opening.log_start.max(segments[0].base_offset);
    if !opening.is_read_only {
        remove_leftovers(folder, names, &segments, end)?;
    }
    let recovery_point = if opening.is_clean { end } else { opening.recovery_point.min(end) };
    let folder = folder.to_path_buf();
    Ok((Log { folder, config, segments, start_offset, end_offset: end, recovery_point }, report))
}

/// What else a start has to learn from the log.
impl Log {
    /// Shows the header of each batch that ends at or behind `from`, in order.
    pub fn for_each_header(&self, from: Offset, mut see: impl FnMut(&BatchHeader)) -> Result<()> {
        if from >= self.end_offset {
            return Ok(());
        }
        (self.index_of(from)..self.segments.len())
            .try_for_each(|index| self.view_at(index).for_each_header(from, &mut see))
    }
}

impl SegmentView {
    /// The batch that the last entry of the offset index points to; `None` when there is none, or it lies.
    fn last_indexed(&self, file: &File) -> Result<Option<Batch>> {
        let last = self.offset_index.count().checked_sub(1);
        last.map_or(Ok(None), |number| self.indexed_batch(file, number))
    }

    /// Whether the last entry of each index names a batch that is there, and no later batch has a larger timestamp
    /// than the time index knows of. Entries in the middle are checked when they are used.
    fn indexes_look_right(&self, file: &File) -> Result<bool> {
        let Some((indexed, timed)) = self.last_entries(file)? else { return Ok(false) };
        let largest_ms = timed.header.max_timestamp_ms;
        let end = indexed.end().max(timed.end());
        let mut scan = Scan::new(file, self.log.path(), timed.position, end, timed.header.base_offset);
        Ok(scan.find_batch(|batch| batch.header.max_timestamp_ms > largest_ms)?.is_none())
    }

    /// The batches that the last entries of both indexes name; `None` when one of them is missing or lies. This is enough for
    /// a closed segment: its largest timestamp is confirmed when it is first asked for.
    fn last_entries(&self, file: &File) -> Result<Option<(Batch, Batch)>> {
        let base = self.base_offset;
        let Some(indexed) = self.last_indexed(file)? else { return Ok(None) };
        if let Some(before) = self.offset_index.count().checked_sub(2) {
            if self.offset_index.entry(base, before)?.last_offset >= indexed.header.last_offset() {
                return Ok(None);
            }
        }
        let timed = self.timed_batch(file, self.time_index.last(base)?)?;
        Ok(timed.map(|timed| (indexed, timed)))
    }

    /// A closed segment ends before the next one begins.
    fn check_end(&self, file: &File, next_base: Offset) -> Result<()> {
        let Some(last) = self.last_indexed(file)? else { return Ok(()) };
        let mut scan = self.scan_from(file, Some(last));
        while scan.next_batch()?.is_some() {}
        if scan.expected() <= next_base {
            return Ok(());
        }
        let (end, size) = (scan.expected(), self.size);
        let what = format!("at byte {size} it reaches offset {end}, and the next begins at {next_base}");
        Err(Error::corrupt(self.log.path(), what))
    }

    /// Shows the header of each batch that ends at or behind `from`, in order.
    pub fn for_each_header(&self, from: Offset, mut see: impl FnMut(&BatchHeader)) -> Result<()> {
        let file = self.log.get()?;
        let found = self.offset_index.find(self.base_offset, from)?;
        let start = self.hint(&file, found)?.filter(|batch| batch.header.base_offset <= from);
        let mut scan = self.scan_from(&file, start);
        while let Some(batch) = scan.next_batch()? {
            if batch.header.last_offset() >= from {
                see(&batch.header);
            }
        }
        Ok(())
    }
}

/// The base offsets of the segments that still count: not of those that lie below the log start. Changes nothing.
fn list_segments(folder: &Path, names: &[fs::Entry], opening: Opening) -> Result<Vec<Offset>> {
    let mut bases: Vec<Offset> = names.iter().filter_map(|entry| parse_name(&entry.name, "log")).collect();
    let below = bases.iter().skip(1).take_while(|next| **next <= opening.log_start).count();
    bases.drain(..below);
    let (Some(first), Some(last)) = (bases.first(), bases.last()) else { return Ok(bases) };
    if opening.has_gaps {
        return Ok(bases); // Kafka renames each file for itself when it has compacted
    }
    // Segments go from either end alone, and their logs before their indexes: in the middle a log was lost.
    let index = |entry: &fs::Entry| parse_name(&entry.name, "index").or(parse_name(&entry.name, "timeindex"));
    let indexed = names.iter().filter_map(index);
    match indexed.filter(|base| base > first && base < last).find(|base| bases.binary_search(base).is_err()) {
        Some(lost) => Err(Error::corrupt(folder.join(file_name(lost, "log")), "it is missing, and its index is there")),
        None => Ok(bases),
    }
}

struct Restore<'a> {
    folder: &'a Path,
    config: &'a LogConfig,
    opening: Opening,
    gaps_below: Offset,
    on_batch: &'a mut dyn FnMut(&BatchHeader),
    report: Recovered,
}

impl Restore<'_> {
    /// How far the log goes at least: what was flushed is there, and a log that was stopped cleanly reaches its start.
    fn end_min(&self) -> Offset {
        let Opening { is_clean, recovery_point, log_start, .. } = self.opening;
        match (is_clean, recovery_point > log_start) {
            (true, _) => recovery_point.max(log_start),
            (false, true) => recovery_point,
            (false, false) => Offset(0), // whatever was flushed is not needed any more
        }
    }

    fn check_end(&self, segments: &[Segment], end: Offset) -> Result<()> {
        let known = self.end_min();
        if end >= known {
            return Ok(());
        }
        let (path, size) = match segments.last() {
            Some(last) => (last.log.path().to_path_buf(), last.size),
            None => (self.folder.to_path_buf(), Position(0)),
        };
        let what = format!("the log ends at byte {size}, offset {end}, and offset {known} was on the disk");
        Err(Error::corrupt(path, what))
    }

    /// Whether all of a segment was on the disk: compaction may have left gaps in it, which are no loss.
    fn is_durable(&self, next_base: Offset) -> bool {
        self.opening.is_clean || next_base <= self.opening.recovery_point
    }

    /// Opens one segment: it, its end offset, and whether the log ends with it.
    fn segment(&mut self, base: Offset, later: &[Offset]) -> Result<(Segment, Offset, bool)> {
        let segment = Segment::load(self.folder, base, self.opening.is_read_only)?;
        let next_base = later.first().copied();
        let is_durable = next_base.is_some_and(|next| self.is_durable(next));
        if let Some(next_base) = next_base.filter(|_| is_durable) {
            let (view, file) = (segment.view(None), segment.log.get()?);
            if view.last_entries(&file)?.is_some() {
                view.check_end(&file, next_base)?;
                return Ok((segment, next_base, false));
            }
        }
        let file_end = segment.size;
        let (mut segment, end) = self.scan(segment, later)?;
        match (self.opening.is_clean, next_base) {
            (true, _) => segment.complete_indexes()?,
            (false, Some(_)) => segment.finish_indexes(),
            (false, None) => segment.write_indexes(),
        }
        let Some(next_base) = next_base else { return Ok((segment, end, true)) };
        // Above the recovery point nothing was compacted here: a gap is a loss, and what lies behind it no part of the log.
        let is_cut = segment.size < file_end;
        let is_gap_legal = end <= next_base && end < self.gaps_below;
        let is_last = (is_cut || (end != next_base && !is_gap_legal)) && !is_durable;
        if is_last {
            self.set_aside(later)?;
        }
        Ok((segment, if is_last { end } else { next_base }, is_last))
    }

    /// Walks the batches from the last place that the index knows for sure, and completes the indexes.
    fn scan(&mut self, mut segment: Segment, later: &[Offset]) -> Result<(Segment, Offset)> {
        let file = segment.log.get()?;
        let path = segment.log.path().to_path_buf();
        let file_end = segment.size;
        if !self.opening.is_clean {
            // What lies in the page cache may differ from the disk, if a sync failed before the stop.
            fadvise::drop_pages(&file);
        }
        let start = self.find_start(&segment)?;
        self.check_durable_part(&segment, start, later.first().copied())?;
        let expected = self.rewind(&mut segment, start)?;
        let mut scan = Scan::new(&file, &path, segment.size, file_end, expected)
            .with_window(self.window_bytes())
            .with_gaps_below(self.gaps_below);
        // tour: recover
        loop {
            let is_durable = scan.expected() < self.opening.recovery_point;
            let next = match is_durable || self.opening.is_clean {
                true => scan.next_batch(),
                false => scan.next_checked(),
            };
            match next {
                Ok(Some(batch)) => self.accept(&mut segment, &batch, is_durable)?,
                Ok(None) => return Ok((segment, scan.expected())),
                Err(error @ Error::Corrupt { .. }) if !is_durable && !self.opening.is_clean => {
                    note!(Warn, "log_cut", [], "{error}: the log ends here");
                    self.set_aside(later)?;
                    self.cut(&mut segment, file_end)?;
                    return Ok((segment, scan.expected()));
                }
                Err(error) => return Err(error),
            }
        }
        // end
    }

    fn accept(&mut self, segment: &mut Segment, batch: &Batch, is_durable: bool) -> Result<()> {
        // A flush ends where a batch ends: one that reaches across the recovery point has a damaged offset.
        if is_durable && batch.header.last_offset() >= self.opening.recovery_point {
            let what = format!("a batch at byte {} reaches across the recovery point", batch.position);
            return Err(Error::corrupt(segment.log.path(), what));
        }
        if !is_durable && !self.opening.is_clean {
            self.report.bytes_read += batch.size();
        }
        (self.on_batch)(&batch.header);
        segment.accept(batch, self.config.index_interval_bytes)
    }

    fn window_bytes(&self) -> usize {
        if self.opening.is_clean {
            super::scan::WINDOW
        } else {
            WINDOW_LARGE
        }
    }

    /// The last flushed batch that both indexes vouch for, with its entry in the offset index. Changes nothing.
    fn find_start(&self, segment: &Segment) -> Result<Option<(u32, Batch)>> {
        let trusted = if self.opening.is_clean { Offset(i64::MAX) } else { self.opening.recovery_point };
        let (view, file) = (segment.view(None), segment.log.get()?);
        let Some(number) = view.offset_index.find(segment.base_offset, trusted - 1)? else { return Ok(None) };
        match view.indexes_look_right(&file) {
            Ok(is_right) if is_right || is_on("index-trusted") => {}
            // An entry may name a batch behind the recovery point that is torn. What is bad below it, a scan meets.
            Ok(_) | Err(Error::Corrupt { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(view.indexed_batch(&file, number)?.map(|batch| (number, batch)))
    }

    /// What was flushed must be there, up to the recovery point or the end of the segment. Looked at before anything
    /// is changed: a partition that goes offline stays as it is, indexes included.
    fn check_durable_part(
        &self,
        segment: &Segment,
        start: Option<(u32, Batch)>,
        next_base: Option<Offset>,
    ) -> Result<()> {
        let (view, file) = (segment.view(None), segment.log.get()?);
        let mut scan = view.scan_from(&file, start.map(|(_, batch)| batch));
        let known = self.end_min();
        while scan.expected() < known.max(self.opening.recovery_point) && scan.next_batch()?.is_some() {}
        let (offset, size) = (scan.expected(), segment.size);
        let may_have_gap = next_base.is_some_and(|next| self.is_durable(next) || offset < self.gaps_below);
        if offset < known && !may_have_gap {
            let what = format!("it ends at byte {size}, offset {offset}, and offset {known} was on the disk");
            return Err(Error::corrupt(segment.log.path(), what));
        }
        Ok(())
    }

    /// Sets the segment back to where the scan starts; returns the offset expected there.
    fn rewind(&mut self, segment: &mut Segment, start: Option<(u32, Batch)>) -> Result<Offset> {
        let (base, index) = (segment.base_offset, segment.offset_index.view());
        let Some((number, batch)) = start else {
            // Entries below the recovery point that are not believed; those above are always made anew.
            let known = index.find(base, self.opening.recovery_point - 1)?;
            self.report.indexes_rebuilt += usize::from(known.is_some());
            // After a clean stop there may be a time index alone, where no batch is far enough from the one before it: it stays.
            if !self.opening.is_clean || index.count() > 0 {
                segment.forget_indexes()?;
            }
            segment.size = Position(0);
            return Ok(base);
        };
        if !self.opening.is_clean {
            let entry = index.entry(base, number)?;
            segment.keep_indexes(number, entry)?;
        }
        segment.largest = segment.time_index.view().last(base)?;
        segment.size = batch.position;
        Ok(batch.header.base_offset)
    }

    /// Copies what lies behind the last good batch aside, then cuts it off.
    fn cut(&mut self, segment: &mut Segment, file_end: Position) -> Result<()> {
        if self.opening.is_read_only {
            return Ok(());
        }
        let (file, path) = (segment.log.get()?, segment.log.path());
        let bytes = file_end - segment.size;
        self.report.bytes_cut += bytes;
        self.report.has_batches_behind_cut |= holds_a_batch(&file, path, segment.size, file_end)?;
        if !is_on("cut-not-kept") {
            fs::copy_aside(&file, path, segment.size.0, bytes, &self.aside(segment.base_offset))?;
        }
        segment.cut()
    }

    /// Segments behind the log's end are not part of it any more; their bytes stay under another name.
    ///
    /// The last one goes first, and all of them before the cut itself: a start that is stopped in between leaves a
    /// log that ends at the same batch.
    fn set_aside(&mut self, bases: &[Offset]) -> Result<()> {
        if bases.is_empty() || self.opening.is_read_only {
            return Ok(());
        }
        for base in bases.iter().rev() {
            let log = self.folder.join(file_name(*base, "log"));
            let Some(bytes) = fs::size(&log)? else { continue };
            self.report.bytes_cut += bytes;
            self.report.has_batches_behind_cut |= bytes > 0;
            fs::rename(&log, &self.free_aside(*base))?;
            unlink(self.folder, *base)?;
        }
        fs::sync_dir(self.folder)
    }

    fn aside(&self, base: Offset) -> PathBuf {
        self.folder.join(file_name(base, &format!("cut-{}", self.opening.epoch)))
    }

    /// The same, or another when this start has kept bytes of the segment there already.
    fn free_aside(&self, base: Offset) -> PathBuf {
        let aside = self.aside(base);
        match fs::exists(&aside) {
            true => self.folder.join(file_name(base, &format!("cut-{}-rest", self.opening.epoch))),
            false => aside,
        }
    }
}

/// Whether a good batch begins anywhere from `start` on.
fn holds_a_batch(file: &File, path: &Path, start: Position, end: Position) -> Result<bool> {
    const LOOK_BYTES: u64 = 64 << 20;
    let mut bytes = vec![0; (end - start).min(LOOK_BYTES) as usize];
    let got = fs::read_at(file, path, &mut bytes, start.0)?;
    bytes.truncate(got);
    Ok((0..bytes.len()).any(|at| is_good_batch(&bytes[at..])))
}

fn is_good_batch(bytes: &[u8]) -> bool {
    let Some(header) = BatchHeader::parse(bytes).filter(|header| header.is_plausible_at(Offset(0))) else {
        return false;
    };
    let whole = header.size().and_then(|size| bytes.get(..size as usize));
    whole.is_some_and(|batch| header::crc_matches(batch, &header))
}
