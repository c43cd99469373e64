//! Whether partitions fit under `log.dirs.max.bytes`, and how large a segment may be so that they do.
//!
//! Each partition keeps room for one batch of the largest size that it takes, and for its files. A cap below the sum of
//! that is refused: at a start, when it is set, and for a topic that would be one too many.
//!
//! Under a cap segments roll earlier: since whole segments go, what is kept would otherwise swing by `segment.bytes`,
//! which is as large as many a cap.
//!
//! Always true: what passes here passes at the next start too.
//! Not done: it counts what must fit, not what is there; [`super::space`] does that.

use std::collections::BTreeMap;

use super::*;

/// A partition's folder and small files, and the indexes of its active segment.
const FILES_BYTES: u64 = 32 << 10;
/// Kept for what is written beside the logs: checkpoints and snapshots while they are replaced, the registry's records.
pub const OWN_BYTES: u64 = 128 << 10;
/// The least that Kafka takes for `segment.bytes`.
const SEGMENT_MIN: u64 = 1 << 20;
/// Segments that the cap holds at the least, and that it holds of each partition.
const SEGMENTS: u64 = 16;
const SEGMENTS_EACH: u64 = 4;

/// Bytes; `None` without a cap.
pub fn cap(config: &Config) -> Option<u64> {
    u64::try_from(config.int("log.dirs.max.bytes")).ok()
}

/// Where segments roll at the latest, with so many partitions under the cap.
pub fn segment_bytes_max(config: &Config, partition_count: usize) -> u64 {
    let each = |cap: u64| cap / SEGMENTS.max(SEGMENTS_EACH * partition_count as u64);
    cap(config).map_or(u64::MAX, |cap| each(cap).max(SEGMENT_MIN))
}

/// Whether these topics, each with its number of partitions and its configs, fit under the cap; else what is wrong, and
/// the mend. The broker's own do not count: they are made when they are needed.
pub fn check<'a>(
    config: &Config,
    topics: impl Iterator<Item = (&'a str, usize, &'a Overrides)>,
) -> std::result::Result<(), (String, String)> {
    let Some(cap) = cap(config) else { return Ok(()) };
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for (_, count, overrides) in topics.filter(|(name, ..)| !name::RESERVED.contains(name)) {
        let batch_bytes = config.topic_int(overrides, "max.message.bytes").unsigned_abs();
        *counts.entry(batch_bytes).or_default() += count as u64;
    }
    let each = counts.iter().map(|(batch_bytes, count)| count * (batch_bytes + FILES_BYTES));
    let least = each.sum::<u64>() + OWN_BYTES;
    if least <= cap {
        return Ok(());
    }
    let terms = counts.iter().map(|(batch_bytes, count)| format!("{count} x ({batch_bytes} + {FILES_BYTES})"));
    let terms: Vec<String> = terms.chain([OWN_BYTES.to_string()]).collect();
    let partitions: u64 = counts.values().sum();
    let cause = format!(
        "log.dirs.max.bytes {cap} does not hold {partitions} partitions, each with one batch of max.message.bytes and its \
         files, and the broker's own files: {} = {least} bytes",
        terms.join(" + ")
    );
    Err((
        cause,
        format!("set it to at least {least} (-1: no cap), lower max.message.bytes, or use fewer partitions"),
    ))
}

impl TopicRegistry {
    /// Whether all topics fit under the cap with this one, or with this one changed.
    pub(super) fn check_fits(
        &self,
        name: &str,
        partition_count: usize,
        overrides: &Overrides,
        code: ErrorCode,
    ) -> Result<()> {
        let topics = self.all();
        let others = topics.iter().filter(|topic| topic.name != name).map(|topic| topic.share());
        check(&self.config(), others.chain([(name, partition_count, overrides)])).map_err(|why| refusal(code, why))
    }

    /// Whether all topics fit under the cap of this configuration.
    pub(super) fn check_all_fit(&self, config: &Config) -> Result<()> {
        let topics = self.all();
        check(config, topics.iter().map(|topic| topic.share())).map_err(|why| refusal(ErrorCode::INVALID_CONFIG, why))
    }

    pub(super) fn segment_bytes_max(&self) -> u64 {
        segment_bytes_max(&self.config(), self.all().iter().map(|topic| topic.partitions.len()).sum())
    }

    /// Has every partition go by the configuration as it is, and by the number of partitions.
    pub(super) fn configure_all(&self) {
        let (config, segment_max) = (self.config(), self.segment_bytes_max());
        self.all().iter().for_each(|topic| topic.configure(&config, segment_max));
    }
}

impl Topic {
    fn share(&self) -> (&str, usize, &Overrides) {
        (&self.name, self.partitions.len(), &self.config)
    }
}

fn refusal(code: ErrorCode, (cause, mend): (String, String)) -> Error {
    Error::rejected(code, format!("{cause}: {mend}"))
}
