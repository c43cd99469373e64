//! Topics that are copies of another cluster's: made under the id that they have there, closed to producers, and set free.
//!
//! Always true: a topic is a copy in the mirror's file before its first batch is copied, and until all that was copied is on
//! the disk together with a recovery point behind its gaps. The broker's leader epoch is raised durably before a batch of a
//! higher one is written.
//! Not done: no copying, which [`crate::mirror`] does.

use std::sync::atomic::Ordering::SeqCst;

use super::mirror_file::{self, Contents, Ended};
use super::*;

/// A leader epoch beyond this is none that elections come to, and the numbers would run out.
const EPOCH_MAX: i32 = 1 << 30;

impl TopicRegistry {
    /// Where the copies come from, and which topics they are.
    pub fn mirrored(&self) -> Contents {
        self.mirrored.hold().clone()
    }

    pub fn is_mirrored(&self, name: &str) -> bool {
        self.mirrored.hold().topics.iter().any(|(known, _)| known == name)
    }

    /// At a start: the topics that the file names are copies still.
    pub(super) fn take_mirrored(&self) {
        for (name, id) in self.mirrored().topics {
            if let Some(topic) = self.find(&name).filter(|topic| topic.id == id) {
                topic.partitions.iter().for_each(|partition| partition.set_mirrored(true));
            }
        }
    }

    /// The copies come from this cluster from now on; an error if they come from another one.
    pub fn mirror_cluster(&self, cluster: &str) -> Result<()> {
        let refuse = |why: String| Err(Error::rejected(ErrorCode::INVALID_REQUEST, why));
        let mut mirrored = self.mirrored.hold();
        if cluster == self.cluster_id() {
            return refuse(format!("that is cluster {cluster}, and so is this one"));
        }
        if mirrored.cluster == cluster {
            return Ok(());
        }
        if !mirrored.topics.is_empty() {
            let why = format!("that is cluster {cluster}, and the copies here come from cluster {}", mirrored.cluster);
            return refuse(why);
        }
        self.write_mirrored(&mut mirrored, Contents { cluster: cluster.to_string(), ..Contents::default() })
    }

    /// The copy of a topic, made if it is not there; it has the same id, and at least as many partitions.
    pub fn mirror_topic(&self, name: &str, id: Uuid, count: i32, config: Overrides) -> Result<Arc<Topic>> {
        let known = self.mirrored().topics.into_iter().find(|(known, _)| known == name);
        let refuse = |why: String| Err(Error::rejected(ErrorCode::TOPIC_ALREADY_EXISTS, why));
        // An old broker gives topics no ids.
        let id = known.as_ref().filter(|_| id.is_zero()).map_or(id, |(_, known)| *known);
        match (self.find(name), known) {
            (Some(topic), Some((_, known))) if topic.id == known && known == id => self.grow_copy(topic, count),
            (_, Some((_, known))) if known != id => refuse(format!(
                "the source has deleted the topic and made it again: its id is {id} there, and {known} in the copy; \
                 `sendlog mirror --stop`, and delete the copy here to begin anew"
            )),
            (_, Some(_)) => refuse("the copy was deleted here; `sendlog mirror --stop`, and begin anew".to_string()),
            (Some(topic), None) if topic.id == id && self.may_go_on(&topic)? => {
                topic.partitions.iter().for_each(|partition| partition.set_mirrored(true));
                self.add_mirrored(name, id)?;
                self.grow_copy(topic, count)
            }
            (Some(_), None) => refuse(
                "a topic of that name is here already, and it is no copy; leave it out with --topics, or delete it here"
                    .to_string(),
            ),
            (None, None) => {
                let made = self.create_as(name, id, count, config)?;
                self.add_mirrored(name, made.id)?;
                Ok(made)
            }
        }
    }

    /// Whether nothing was written since the copy ended, or at all.
    fn may_go_on(&self, topic: &Topic) -> Result<bool> {
        let ends: Vec<Offset> = topic.partitions.iter().map(|it| Ok(it.bounds()?.log_end)).collect::<Result<_>>()?;
        let known = self.mirrored().ended.into_iter().find(|ended| ended.id == topic.id);
        Ok(ends.iter().all(|end| *end == Offset(0)) || known.is_some_and(|ended| ended.ends == ends))
    }

    fn create_as(&self, name: &str, id: Uuid, partition_count: i32, config: Overrides) -> Result<Arc<Topic>> {
        let file = self.lock_file();
        self.check_new(name, partition_count, &config)?;
        let id = if id.is_zero() { new_id() } else { id };
        if self.find_id(id).is_some() {
            let why = format!("another topic has the id {id} here");
            return Err(Error::rejected(ErrorCode::TOPIC_ALREADY_EXISTS, why));
        }
        self.create_checked(file, TopicRecord { name: name.to_string(), id, partition_count, config }, true)
    }

    fn grow_copy(&self, topic: Arc<Topic>, count: i32) -> Result<Arc<Topic>> {
        if topic.partitions.len() < usize::try_from(count).unwrap_or(0) {
            self.create_partitions(&topic.name, count, false)?;
        }
        self.find_id(topic.id).ok_or_else(|| ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into())
    }

    fn add_mirrored(&self, name: &str, id: Uuid) -> Result<()> {
        let mut mirrored = self.mirrored.hold();
        let mut contents = mirrored.clone();
        contents.topics.push((name.to_string(), id));
        contents.ended.retain(|ended| ended.name != name);
        self.write_mirrored(&mut mirrored, contents)
    }

    fn write_mirrored(&self, mirrored: &mut Contents, contents: Contents) -> Result<()> {
        mirror_file::write(self.root(), &contents)?;
        *mirrored = contents;
        Ok(())
    }

    /// The copies are ordinary topics from now on. What was copied is flushed, and the recovery points are behind it.
    pub fn end_mirrored(&self) -> Result<()> {
        let topics: Vec<_> = self.mirrored().topics.iter().filter_map(|(_, id)| self.find_id(*id)).collect();
        let online = || topics.iter().flat_map(|topic| &topic.partitions).filter(|partition| !partition.is_offline());
        online().try_for_each(|partition| partition.flush_all())?;
        self.write_checkpoints()?;
        online().try_for_each(|partition| partition.end_gaps())?;
        let mut mirrored = self.mirrored.hold();
        let mut contents = Contents { topics: Vec::new(), ..mirrored.clone() };
        for topic in &topics {
            let ends = topic.partitions.iter().map(|it| it.bounds().map_or(Offset(-1), |bounds| bounds.log_end));
            contents.ended.push(Ended { name: topic.name.clone(), id: topic.id, ends: ends.collect() });
        }
        contents.ended.retain(|ended| self.find_id(ended.id).is_some());
        if contents != *mirrored {
            self.write_mirrored(&mut mirrored, contents)?;
        }
        topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .for_each(|partition| partition.set_mirrored(false));
        Ok(())
    }

    /// The broker's leader epoch is at least this one from now on, durably and for every partition.
    pub fn raise_leader_epoch(&self, epoch: i32) -> Result<()> {
        if epoch <= self.leader_epoch.load(SeqCst) {
            return Ok(());
        }
        if epoch > EPOCH_MAX {
            let why = format!("leader epoch {epoch} is beyond {EPOCH_MAX}");
            return Err(Error::rejected(ErrorCode::UNKNOWN_LEADER_EPOCH, why));
        }
        let mut file = self.lock_file();
        if epoch > self.leader_epoch.load(SeqCst) {
            file.append(&Record::Epoch(epoch))?;
            self.leader_epoch.store(epoch, SeqCst);
            let topics = self.all();
            topics.iter().flat_map(|topic| &topic.partitions).for_each(|it| it.raise_leader_epoch(epoch));
            note!(Info, "leader_epoch_raised", [leader_epoch = epoch], "the source of a mirror has come that far");
        }
        Ok(())
    }
}

/// Why a client may not change a copy.
pub fn refuse_mirrored(topic: &str) -> Error {
    let why = format!("the topic {topic} is a mirror of another cluster's; `sendlog mirror --stop` ends that");
    Error::rejected(ErrorCode::POLICY_VIOLATION, why)
}
