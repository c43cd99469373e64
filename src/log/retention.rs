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

/// The config that lets a segment go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// `retention.ms`
    Age,
    /// The same, by the time of the file: its largest timestamp tells no age.
    FileAge,
    /// `retention.bytes`
    Size,
}

/// What retention says of a log's oldest segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Goes(Reason),
    /// It stays, at least as long as neither has come to pass; `None`: that never lets it go.
    Stays {
        /// ms since 1970, if no later timestamp comes into it until then
        until_ms: Option<i64>,
        /// Bytes that are to be appended behind it.
        bytes_left: Option<u64>,
    },
}

/// Where the log starts when everything that may go is gone: the segments are `views`, oldest first, and the log ends at
/// `log_end`.
pub fn start_after(
    views: &[SegmentView],
    log_end: Offset,
    retention: Retention,
    now_ms: i64,
) -> Result<Option<Offset>> {
    let mut behind: u64 = views.iter().map(|view| view.size.0).sum();
    let mut start = None;
    for view in views.iter().take_while(|view| view.size.0 > 0) {
        behind -= view.size.0;
        let Verdict::Goes(reason) = judge(view, behind, retention, now_ms)? else { break };
        if reason == Reason::FileAge {
            let path = view.log.path().display();
            note!(
                Warn,
                "segment_without_age",
                [path = path],
                "it goes by the time of its file: its largest timestamp tells no age"
            );
        }
        start = Some(view.next_base.unwrap_or(log_end));
    }
    Ok(start)
}

/// Judges the oldest segment, which holds something, with so many bytes `behind` it in the log.
pub fn judge(view: &SegmentView, behind: u64, retention: Retention, now_ms: i64) -> Result<Verdict> {
    let is_active = view.next_base.is_none();
    // Nothing is deleted for its size that is still written to.
    let bytes_max = u64::try_from(retention.bytes).ok().filter(|_| !is_active);
    if bytes_max.is_some_and(|max| behind >= max) {
        return Ok(Verdict::Goes(Reason::Size));
    }
    let written = if retention.ms < 0 { None } else { written_ms(view, now_ms)? };
    match written {
        Some((ms, reason)) if now_ms.saturating_sub(ms) > retention.ms => return Ok(Verdict::Goes(reason)),
        _ => {}
    }
    Ok(Verdict::Stays {
        until_ms: written.map(|(ms, _)| ms.saturating_add(retention.ms)),
        bytes_left: bytes_max.map(|max| max - behind),
    })
}

/// When the segment was written, and by what it goes when that is too long ago: its largest timestamp or, if that tells no
/// age, the time of its file.
fn written_ms(view: &SegmentView, now_ms: i64) -> Result<Option<(i64, Reason)>> {
    let told_ms = view.largest_timestamp()?.map(|largest| largest.timestamp_ms).filter(|ms| (0..=now_ms).contains(ms));
    let told = told_ms.map(|ms| (ms, Reason::Age));
    Ok(told.or_else(|| Some((fs::modified_ms(view.log.path())?, Reason::FileAge))))
}
