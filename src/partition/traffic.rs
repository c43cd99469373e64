//! What a partition has taken from producers and given to consumers since the broker started, for metrics.
//!
//! Always true: what is taken is counted under the partition's lock, with what was appended and nothing else (a batch
//! that is there already is not); what is given is counted once for each answer, when it is settled.
//! Not done: consumers' records are never read, so that their number is worked out from offsets and sizes; see
//! [`records_in`].

use super::*;
use crate::base::metrics::Counter;
use crate::log::Checked;

/// What was appended.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Taken {
    pub batches: u64,
    pub records: u64,
    pub bytes: u64,
}

impl Taken {
    pub(super) fn add(&mut self, appended: &[Checked], records: i64) {
        self.batches += appended.len() as u64;
        self.records += records as u64;
        self.bytes += appended.iter().map(|batch| batch.bytes.len() as u64).sum::<u64>();
    }
}

/// What fetches were answered with.
#[derive(Default, Debug)]
pub struct Given {
    pub records: Counter,
    pub bytes: Counter,
}

/// One segment, for whoever looks at how a partition lies on the disk.
#[derive(Clone, Debug)]
pub struct SegmentShape {
    pub base_offset: Offset,
    pub path: PathBuf,
    /// bytes of the `.log` file
    pub size: u64,
}

/// How a partition stands at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub bounds: Bounds,
    pub taken: Taken,
    pub segments: usize,
    pub size_bytes: u64,
}

impl Partition {
    /// `None` while it is offline.
    pub fn standing(&self) -> Option<Standing> {
        let state = self.lock();
        let log = state.online().ok()?;
        let (segments, size_bytes) = (log.segment_count(), log.size());
        Some(Standing { bounds: self.bounds_of(&state, log), taken: state.taken, segments, size_bytes })
    }

    /// What was given since the broker started.
    pub fn given(&self) -> &Given {
        &self.given
    }

    /// An answer goes out with these.
    pub fn give(&self, fetched: &Fetched) {
        if let Some(range) = &fetched.range {
            self.given.bytes.add(range.length);
            self.given.records.add(fetched.records);
        }
    }

    /// All segments, oldest first; none while offline.
    pub fn shape(&self) -> Vec<SegmentShape> {
        let views = self.lock().online().map(Log::views).unwrap_or_default();
        let shape = |view: SegmentView| SegmentShape {
            base_offset: view.base_offset,
            path: view.log.path().to_path_buf(),
            size: view.size.0,
        };
        views.into_iter().map(shape).collect()
    }
}

/// How many records from `offset` on lie in a range: exactly, if it reaches the segment's end, else by the mean size of
/// the segment's records.
pub(super) fn records_in(view: &SegmentView, range: &FileRange, offset: Offset, log_end: Offset) -> u64 {
    let end = view.next_base.unwrap_or(log_end);
    if range.position + range.length >= view.size {
        return (end - offset).max(0) as u64;
    }
    let records = (end - view.base_offset).max(0) as f64;
    (range.length as f64 * records / view.size.0.max(1) as f64) as u64
}
