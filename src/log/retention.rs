//! Retention: which of a log's oldest segments may go, by age and by size (Kafka's `retention.ms`, `retention.bytes`).
//!
//! A segment goes as a whole, the oldest first, when its largest timestamp is older than the log keeps records, or when
//! what follows it is as large as the log may be. So a log keeps up to one segment more than it is told to.
//!
//! Always true: the last time index entry only nominates a segment's largest timestamp; the batch headers behind it are
//! walked once before the segment goes. A timestamp that is missing, or lies in the future, tells no age: then the time
//! counts at which the file was last written.
//! Not done: nothing is deleted here; the answer is where the log is to start.

use crate::base::{Offset, Result};
use crate::log::SegmentView;
use crate::os::fs;

/// What a log is to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// ms, `retention.ms`; negative: for ever
    pub ms: i64,
    /// bytes, `retention.bytes`; negative: all
    pub bytes: i64,
}

/// Where the log starts when everything that may go is gone: the segments are `views`, oldest first, and the log ends at
/// `log_end`.
pub fn start_after(
    views: &[SegmentView],
    log_end: Offset,
    retention: Retention,
    now_ms: i64,
) -> Result<Option<Offset>> {
    let mut bytes: u64 = views.iter().map(|view| view.size().0).sum();
    let mut start = None;
    for view in views {
        let is_active = view.next_base().is_none();
        bytes -= view.size().0;
        let is_too_much = !is_active && u64::try_from(retention.bytes).is_ok_and(|max| bytes >= max);
        if view.size().0 == 0 || !(is_too_much || is_too_old(view, retention.ms, now_ms)?) {
            break;
        }
        start = Some(view.next_base().unwrap_or(log_end));
    }
    Ok(start)
}

fn is_too_old(view: &SegmentView, retention_ms: i64, now_ms: i64) -> Result<bool> {
    if retention_ms < 0 {
        return Ok(false);
    }
    let told_ms = view.largest_timestamp()?.map(|largest| largest.timestamp_ms).filter(|ms| (0..=now_ms).contains(ms));
    let written_ms = told_ms.or_else(|| fs::modified_ms(view.log_file().path()));
    Ok(written_ms.is_some_and(|ms| now_ms.saturating_sub(ms) > retention_ms))
}
