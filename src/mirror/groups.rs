//! Committed offsets of the source's groups, copied for the topics that are.
//!
//! Always true: an offset is committed here when the copy has come that far, so no group points past the copy's end; a group
//! that has members here is theirs, and left alone. The source's offset wins over one that was committed here by a group
//! without members.
//! Not done: groups and offsets that were deleted at the source stay here.

use std::collections::HashMap;

use super::shared::Shared;
use super::Target;
use crate::base::{Offset, TopicPartition};
use crate::client::{Admin, Committed, Result};
use crate::group::state::Who;
use crate::group::Commit;

#[derive(Default)]
pub struct GroupOffsets {
    /// What was copied last.
    copied: HashMap<(String, TopicPartition), i64>,
}

impl GroupOffsets {
    /// Copies what is new.
    pub fn copy(&mut self, target: &Target, shared: &Shared, admin: &mut Admin) -> Result<()> {
        for listed in admin.list_groups()? {
            // Those of other protocols have no offsets of consumers.
            let is_of_consumers = ["consumer", ""].contains(&listed.protocol_type.as_str());
            if !is_of_consumers || !shared.groups.match_name(&listed.group) || shared.is_stopping() {
                continue;
            }
            let committed = admin.committed_offsets(&listed.group, None)?;
            self.commit(target, shared, &listed.group, committed);
        }
        Ok(())
    }

    fn commit(&mut self, target: &Target, shared: &Shared, group: &str, committed: Vec<(TopicPartition, Committed)>) {
        let here = target.groups.committed(group, false).unwrap_or_default();
        let mut commits = Vec::new();
        for (partition, at) in committed {
            let found = target.topics.find_partition(&partition.topic, partition.partition);
            let Some(copy) = found.ok().filter(|copy| copy.is_mirrored()) else { continue };
            let is_there = copy.copied_end().is_ok_and(|end| at.offset <= end.offset.0);
            let known = here.get(&(partition.topic.clone(), partition.partition)).map(|known| known.offset.0);
            let last = self.copied.get(&(group.to_string(), partition.clone()));
            if is_there && known != Some(at.offset) && last != Some(&at.offset) {
                commits.push(Commit {
                    topic: partition.topic,
                    partition: partition.partition,
                    offset: Offset(at.offset),
                    leader_epoch: at.leader_epoch,
                    metadata: at.metadata,
                    expires_ms: None,
                    refused: None,
                });
            }
        }
        if commits.is_empty() {
            return;
        }
        let nobody = Who { member_id: "", instance_id: None, generation: -1 };
        let results = target.groups.commit(&target.topics, group, nobody, &commits, (target.now)());
        for (commit, result) in commits.into_iter().zip(results) {
            let partition = TopicPartition { topic: commit.topic, partition: commit.partition };
            match result {
                Ok(()) => {
                    shared.no_trouble(&format!("group {group}"));
                    self.copied.insert((group.to_string(), partition), commit.offset.0);
                }
                Err(code) => shared.trouble(&format!("group {group}"), format!("offsets are not copied: {code}")),
            }
        }
    }
}
