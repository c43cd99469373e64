//! What a partition takes on the disk, for the cap of the whole broker.
//!
//! Always true: what is counted is at least what the files take: entries of an index that are in memory alone count too.
//! Not done: no decision what goes; the topic layer weighs all partitions.

use super::*;
use crate::log::space::{blocks, Holding, BLOCK};

/// The folder, `partition.metadata` and `leader-epoch-checkpoint`.
const SMALL_FILES: u64 = 3 * BLOCK;
/// What the two files of a snapshot hold of one producer, at the most.
const SNAPSHOT_ENTRY: [u64; 2] = [46, 190];

impl Partition {
    /// Bytes that its folder takes; `None` while it is offline, when nobody knows what it holds.
    pub fn disk_bytes(&self) -> Option<u64> {
        let state = self.lock();
        let log = match &state.log {
            Storage::Online(log) => log,
            Storage::Offline => return None,
            Storage::Deleted => return Some(0),
        };
        let producers = state.producers.len() as u64;
        let snapshot: u64 = SNAPSHOT_ENTRY.iter().map(|entry| blocks(16 + producers * entry)).sum();
        Some(log.disk_bytes() + snapshot + SMALL_FILES)
    }

    /// Its segments; none while it is offline.
    pub fn holding(&self) -> Holding {
        self.lock().online().map_or_else(|_| Holding::default(), Log::holding)
    }

    /// Closes the active segment, unless it is empty; returns the log end, where the next one begins.
    pub fn roll(&self) -> Result<Offset> {
        let mut state = self.lock();
        let end = state.online()?.end_offset();
        let Storage::Online(log) = &mut state.log else { unreachable!("seen to be online") };
        let rolled = log.roll_for_start(end);
        self.check_storage(&mut state, rolled).map(|()| end)
    }
}
