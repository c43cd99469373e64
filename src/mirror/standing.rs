//! How far a mirror is, for those who look: read where configs are read, and on `/metrics`.
//!
//! Always true: it is a copy of one moment; reading it holds nobody up.
//! Not done: no history; the lag is that of the last fetch.

use crate::base::TopicPartition;

/// How far a mirror is.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The source has answered, and its topics are known.
    pub has_looked: bool,
    pub copied_bytes: u64,
    pub partitions: Vec<PartitionStanding>,
    pub troubles: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct PartitionStanding {
    pub partition: TopicPartition,
    /// Offsets that the copy is behind; none before the source's first answer.
    pub lag: Option<i64>,
    pub stopped: Option<String>,
}

impl Standing {
    /// Offsets that the copies which go on are behind; none as long as the source has not answered for one of them.
    pub fn lag(&self) -> Option<i64> {
        let followed = self.partitions.iter().filter(|partition| partition.stopped.is_none());
        followed.map(|partition| partition.lag).sum()
    }

    pub fn stopped(&self) -> impl Iterator<Item = (&TopicPartition, &str)> {
        self.partitions.iter().filter_map(|it| Some((&it.partition, it.stopped.as_deref()?)))
    }

    /// Name, value and meaning of what DescribeConfigs shows.
    pub fn describe(&self) -> Vec<(&'static str, String, &'static str)> {
        let list = |lines: Vec<String>| lines.join("\n");
        let state = match (self.partitions.is_empty(), self.lag()) {
            _ if !self.has_looked => "starting",
            (true, _) => "idle",
            (false, None) => "starting",
            (false, Some(0)) => "following",
            (false, Some(_)) => "copying",
        };
        let lag = self.lag().map_or_else(String::new, |lag| lag.to_string());
        let stopped = self.stopped().map(|(partition, why)| format!("{partition}: {why}")).collect();
        let troubles = self.troubles.iter().map(|(whom, why)| format!("{whom}: {why}")).collect();
        vec![
            (
                "mirror.state",
                state.to_string(),
                "What the mirror does: starting, idle (nothing to copy), copying, following.",
            ),
            (
                "mirror.partitions",
                self.partitions.len().to_string(),
                "Partitions that are copied, or were until they stopped.",
            ),
            ("mirror.lag.records", lag, "Offsets that the copies are behind the source; empty: not known yet."),
            (
                "mirror.copied.bytes",
                self.copied_bytes.to_string(),
                "Bytes of batches copied since the mirror was started.",
            ),
            ("mirror.stopped", list(stopped), "Partitions whose copying has ended, and why, a line each."),
            ("mirror.troubles", list(troubles), "What is in the way and may pass, a line each."),
        ]
    }
}
