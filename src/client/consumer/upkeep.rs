//! What a consumer does between two polls for the partitions that it reads: finds where they begin, who leads them, and what to
//! do about an error.
//!
//! Always true: what may pass is tried again with the next look; anything else is what `poll` returns.
//! Not done: no thread: it runs inside `poll`.

use std::collections::BTreeMap;
use std::thread::JoinHandle;

use super::fetcher::{Fetcher, Start, Tracked, Trouble};
use super::{spawn, Consumer, OffsetReset};
use crate::base::{ErrorCode, TopicPartition};
use crate::client::admin::{committed_offsets, list_offsets, OffsetSpec};
use crate::client::error::{Error, Result};

impl Consumer {
    /// Finds offsets and leaders that are missing; whether something is missing still.
    pub(super) fn look_after(&mut self) -> Result<bool> {
        let (troubles, begins) = {
            let mut state = self.ahead.lock();
            let begins = state.partitions.values().any(|tracked| tracked.start != Start::Known);
            (std::mem::take(&mut state.troubles), begins)
        };
        let is_changed = begins || !troubles.is_empty();
        let is_waiting = self.mend(troubles);
        if is_changed {
            self.ahead.wanted.notify_all();
        }
        is_waiting
    }

    fn mend(&mut self, troubles: Vec<Trouble>) -> Result<bool> {
        troubles.into_iter().try_for_each(|trouble| self.settle(trouble))?;
        self.find_starts()?;
        let homeless: Vec<TopicPartition> = {
            let state = self.ahead.lock();
            let is_homeless = |tracked: &Tracked| tracked.node.is_none() && tracked.next_fetch.is_some();
            state
                .partitions
                .iter()
                .filter(|(_, t)| is_homeless(t))
                .map(|(partition, _)| partition.clone())
                .collect()
        };
        for partition in &homeless {
            match self.cluster.leader(partition) {
                Ok(node) => self.lead(partition, node)?,
                Err(error) if may_pass(&error) => self.cluster.forget(),
                Err(error) => return Err(error),
            }
        }
        let state = self.ahead.lock();
        Ok(state.partitions.values().any(|tracked| tracked.node.is_none() || tracked.start != Start::Known))
    }

    /// A partition is led by this broker.
    fn lead(&mut self, partition: &TopicPartition, node: i32) -> Result<()> {
        let Some(address) = self.cluster.address_of(node) else { return Ok(()) };
        self.ahead.lock().addresses.insert(node, address);
        if self.fetchers.get(&node).is_none_or(JoinHandle::is_finished) {
            let fetcher = Fetcher { ahead: self.ahead.clone(), node };
            self.fetchers.insert(node, spawn("sendlog-fetch", move || fetcher.run())?);
        }
        if let Some(tracked) = self.ahead.lock().partitions.get_mut(partition) {
            tracked.node = Some(node);
        }
        self.ahead.wanted.notify_all();
        Ok(())
    }

    /// Does something about what went wrong with a partition, or tells it.
    fn settle(&mut self, Trouble { partition, version, error }: Trouble) -> Result<()> {
        let reset = self.reset();
        let mut state = self.ahead.lock();
        let Some(tracked) = state.partitions.get_mut(&partition).filter(|tracked| tracked.version == version) else {
            return Ok(());
        };
        // It goes on where poll has got to, whatever becomes of it: batches that wait are dropped.
        let position = tracked.position;
        if error.code() == Some(ErrorCode::OFFSET_OUT_OF_RANGE) {
            return match reset {
                Some(spec) => {
                    state.seek(&partition, Err(spec));
                    Ok(())
                }
                None => Err(error),
            };
        }
        let Some(position) = position else { return Ok(()) };
        let is_elsewhere = may_pass(&error) || matches!(error, Error::TimedOut { .. });
        state.seek(&partition, Ok(position));
        if !is_elsewhere {
            return Err(error);
        }
        if let Some(tracked) = state.partitions.get_mut(&partition) {
            tracked.node = None;
        }
        drop(state);
        self.cluster.forget();
        Ok(())
    }

    /// Finds where partitions begin that have not begun.
    fn find_starts(&mut self) -> Result<()> {
        let (mut by_group, mut by_place) = (Vec::new(), Vec::new());
        for (partition, tracked) in &self.ahead.lock().partitions {
            match tracked.start {
                Start::Committed => by_group.push(partition.clone()),
                Start::At(spec) => by_place.push((partition.clone(), spec)),
                Start::Known => {}
            }
        }
        if !by_group.is_empty() {
            let group = self.ahead.settings.group_id.clone();
            let committed = match group.is_empty() {
                true => Ok(Vec::new()),
                false => committed_offsets(&mut self.cluster, &group, Some(&by_group)),
            };
            let committed: BTreeMap<_, _> = match committed {
                Ok(committed) => committed.into_iter().collect(),
                Err(error) if may_pass(&error) => return Ok(()),
                Err(error) => return Err(error),
            };
            for partition in by_group {
                let to = match (committed.get(&partition), self.reset()) {
                    (Some(at), _) => Ok(at.offset),
                    (None, Some(spec)) => Err(spec),
                    (None, None) => {
                        let why = "nothing is committed, and auto.offset.reset=none; seek, or set it";
                        return Err(Error::invalid(format!("reading {partition}"), why));
                    }
                };
                if to.is_err() {
                    by_place.extend(to.err().map(|spec| (partition.clone(), spec)));
                }
                self.ahead.lock().seek(&partition, to);
            }
        }
        if by_place.is_empty() {
            return Ok(());
        }
        match list_offsets(&mut self.cluster, &by_place, self.ahead.settings.isolation()) {
            Ok(found) => {
                for (partition, found) in found {
                    match found {
                        // No record has such a timestamp: what comes later may.
                        Ok(found) if found.offset < 0 => {
                            self.ahead.lock().seek(&partition, Err(OffsetSpec::Latest));
                        }
                        Ok(found) => {
                            self.ahead.lock().seek(&partition, Ok(found.offset));
                        }
                        Err(error) if may_pass(&error) => self.cluster.forget(),
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
            Err(error) if may_pass(&error) => {
                self.cluster.forget();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn reset(&self) -> Option<OffsetSpec> {
        match self.ahead.settings.auto_offset_reset {
            OffsetReset::Earliest => Some(OffsetSpec::Earliest),
            OffsetReset::Latest => Some(OffsetSpec::Latest),
            OffsetReset::None => None,
        }
    }
}

/// Whether it may work a moment later: a topic that is being made is unknown at first.
fn may_pass(error: &Error) -> bool {
    error.is_retriable() || error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}
