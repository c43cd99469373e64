//! The cap of the whole broker, `log.dirs.max.bytes`: what the data directory takes stays below it while producers run.
//!
//! Who appends takes what the batch needs off the room that is left, with one atomic subtraction. Where that leaves
//! little, the background thread is woken and frees a sixteenth of the cap; where nothing is left, the appending thread
//! itself frees it, so that no producer can outrun the deletion. Each such look sums up what there is, so that no error
//! can grow: the room is a hint between two looks.
//!
//! What goes is up to [`crate::log::space`]: of topics with `delete` in their `cleanup.policy`, the oldest closed segments
//! of the largest partitions; only when that is not enough, the largest active segment, which is closed for that. Files
//! that wait for `file.delete.delay.ms` go before any of these.
//!
//! Always true: a log start moves as DeleteRecords moves it, durable before anything goes. The broker's own topics are
//! never touched, nor are topics without `delete`; where they alone fill the cap, appends go on and one line says so.
//! Not done: no clock; the caller says when a line is due.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};

use super::*;
use crate::log::space::{blocks, closed_that_go, largest_active, Holding, BLOCK};
use crate::partition::Wake;

/// Parts of the cap: what is freed at once, and what is left when the background thread is woken.
const FREED_PART: u64 = 16;
const LOW_PART: u64 = 32;
/// Room for a batch's entries in both indexes.
const ENTRIES: u64 = 32;
/// Partitions that a log line names.
const NAMED_MAX: usize = 3;
/// Where nothing can go, so much of the cap is appended until the next look.
const GRACE_PART: u64 = 64;

/// Room under the cap.
#[derive(Default)]
pub(super) struct Space {
    /// bytes; 0 while there is no cap
    cap: AtomicU64,
    /// What may be appended until the next look.
    room: AtomicI64,
    /// What is being appended, and may not be seen by a look.
    pending: AtomicI64,
    /// Guards the looks: one at a time. Taken before `checkpoints` and a partition's lock.
    look: Mutex<Look>,
    waker: Mutex<Option<Arc<dyn Wake>>>,
}

/// What one look leaves for the next one.
#[derive(Default)]
struct Look {
    /// Bytes of files that belong to no partition.
    other_bytes: u64,
    /// The cap is exceeded by what is never deleted: said once.
    is_over: bool,
    deleted: Deletions,
    /// When the deletions were told of last.
    said_ms: Option<i64>,
}

/// What was deleted and not told of yet.
#[derive(Default)]
struct Deletions {
    segments: usize,
    bytes: u64,
    from: Vec<TopicPartition>,
}

/// Room that an append has taken, until it is done.
pub struct Reserved<'a> {
    space: &'a Space,
    bytes: i64,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.space.pending.fetch_sub(self.bytes, SeqCst);
    }
}

impl Space {
    /// Takes room for so many batches of so many bytes; whether there was enough.
    fn take(&self, batches: u64, bytes: u64) -> (Reserved<'_>, bool) {
        // The files of the segments that the batches will fill: more than enough with 1 MiB each.
        let bytes = (bytes + bytes / 64 + batches * ENTRIES) as i64;
        self.pending.fetch_add(bytes, SeqCst);
        let before = self.room.fetch_sub(bytes, SeqCst);
        let low = (self.cap.load(SeqCst) / LOW_PART) as i64;
        if before >= low && before - bytes < low {
            self.waker.hold().iter().for_each(|waker| waker.wake());
        }
        (Reserved { space: self, bytes }, before >= bytes)
    }
}

impl TopicRegistry {
    /// Who frees room ahead of need.
    pub fn set_space_waker(&self, waker: Arc<dyn Wake>) {
        *self.space.waker.hold() = Some(waker);
    }

    /// Before an append: under the cap is room for it, or was made. `None` without a cap.
    pub fn make_room(&self, batches: usize, bytes: usize) -> Option<Reserved<'_>> {
        if self.space.cap.load(SeqCst) == 0 {
            return None;
        }
        let (reserved, is_enough) = self.space.take(batches as u64, bytes as u64);
        if !is_enough {
            let mut look = self.space.look.hold();
            // Whoever had the lock may have made room for all.
            if self.space.room.load(SeqCst) < 0 {
                self.free(&mut look);
            }
        }
        Some(reserved)
    }

    /// In the background: looks how much room there is, frees some if it is little, and says what went.
    pub fn keep_under_cap(&self, now_ms: i64) {
        if self.space.cap.load(SeqCst) > 0 {
            let mut look = self.space.look.hold();
            self.free(&mut look);
            look.say(now_ms);
        }
    }

    /// Takes the cap of the configuration into use.
    pub(super) fn take_cap(&self) {
        let cap = arithmetic::cap(&self.config()).unwrap_or(0);
        if self.space.cap.load(SeqCst) == cap {
            return;
        }
        let mut look = self.space.look.hold();
        look.other_bytes = if cap > 0 { self.other_bytes() } else { 0 };
        look.is_over = false;
        self.space.cap.store(cap, SeqCst);
        drop(look);
        self.configure_all();
        self.keep_under_cap(i64::MIN);
    }

    /// Sums up what there is; where that leaves little room, lets go as much as leaves a sixteenth of the cap free.
    fn free(&self, look: &mut Look) {
        let cap = self.space.cap.load(SeqCst);
        let room = self.space.room.load(SeqCst);
        let mut used = self.used_bytes(look);
        if used > limit(cap) {
            self.remove_deleted(i64::MAX);
            used = self.used_bytes(look);
        }
        if used > limit(cap) {
            self.let_go(look, used.saturating_sub(cap), used - (cap - cap / FREED_PART));
            self.remove_deleted(i64::MAX);
            used = self.used_bytes(look);
        }
        let kept =
            if used > cap { look.other_bytes + self.partition_bytes(|topic| !self.is_deletable(topic)) } else { 0 };
        look.say_if_over(kept, cap);
        let grace = if used > cap { (cap / GRACE_PART) as i64 } else { 0 };
        let left = (cap as i64).saturating_sub_unsigned(used).max(grace);
        // What was appended since the sum began may not be in it, and was taken off the room.
        self.space.room.fetch_add(left - room, SeqCst);
    }

    /// Deletes segments: at least `need` bytes of them if there are so many, and of closed ones what `want` asks for.
    fn let_go(&self, look: &mut Look, need: u64, want: u64) {
        let partitions = self.deletable();
        let mut holdings: Vec<Holding> = partitions.iter().map(|partition| partition.holding()).collect();
        let going = closed_that_go(&holdings, want);
        let mut freed = 0;
        for (index, count) in going.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let end = holdings[index].segments[count - 1].end;
            let gone: Vec<_> = holdings[index].segments.drain(..count).collect();
            if self.cut(&partitions[index], end) {
                let bytes = gone.iter().map(|held| held.bytes).sum();
                freed += bytes;
                look.deleted.add(partitions[index].name(), count, bytes);
            }
        }
        while freed < need {
            let Some(index) = largest_active(&holdings) else { return };
            let gone = std::mem::take(&mut holdings[index]);
            let rolled = partitions[index].roll();
            if rolled.is_ok_and(|end| self.cut(&partitions[index], end)) {
                freed += gone.bytes();
                look.deleted.add(partitions[index].name(), gone.segments.len(), gone.bytes());
            }
        }
    }

    /// Moves a partition's log start up to a segment's end; whether that worked.
    fn cut(&self, partition: &Partition, end: Offset) -> bool {
        let moved = partition.flush_unless_os(end).and_then(|()| self.delete_records(partition, end));
        match moved {
            Ok(_) => true,
            // A topic that went away meanwhile takes no room.
            Err(error) if error.code() == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => false,
            Err(error) => {
                note!(Error, "no_room_made", [partition = partition.name()], "under log.dirs.max.bytes: {error}");
                false
            }
        }
    }

    fn is_deletable(&self, topic: &Topic) -> bool {
        topic.retention(&self.config()).is_some()
    }

    fn deletable(&self) -> Vec<Arc<Partition>> {
        let topics = self.all();
        let topics = topics.iter().filter(|topic| self.is_deletable(topic));
        topics
            .flat_map(|topic| &topic.partitions)
            .filter(|partition| !partition.is_offline())
            .cloned()
            .collect()
    }

    /// What the data directory takes.
    fn used_bytes(&self, look: &Look) -> u64 {
        let pending = self.space.pending.load(SeqCst).max(0) as u64;
        let bytes = self.partition_bytes(|_| true);
        let waiting: u64 = self.deleted.hold().iter_mut().map(Deleted::bytes).sum();
        look.other_bytes + bytes + waiting + pending
    }

    fn partition_bytes(&self, counts: impl Fn(&Topic) -> bool) -> u64 {
        let topics = self.all();
        let partitions = topics.iter().filter(|topic| counts(topic)).flat_map(|topic| &topic.partitions);
        let bytes = partitions.map(|partition| {
            partition.disk_bytes().unwrap_or_else(|| tree_bytes(&self.data.partition_folder(partition.name())))
        });
        bytes.sum()
    }

    /// What else lies in the data directory: files of the root, strays, what recovery has put aside.
    fn other_bytes(&self) -> u64 {
        let topics = self.all();
        let known: HashSet<String> =
            topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.name().to_string()).collect();
        let entries = fs::list(self.root()).unwrap_or_default();
        let bytes = entries.iter().map(|entry| {
            let path = self.root().join(&entry.name);
            match name::parse_folder(&entry.name) {
                name::Folder::Deleted => 0,
                name::Folder::Partition(_) if known.contains(&entry.name) => {
                    let names = fs::list(&path).unwrap_or_default();
                    let aside = names.iter().filter(|file| file.name.contains(".cut-"));
                    aside.map(|file| tree_bytes(&path.join(&file.name))).sum()
                }
                _ => tree_bytes(&path),
            }
        });
        arithmetic::OWN_BYTES + BLOCK + bytes.sum::<u64>()
    }
}

impl Deleted {
    fn bytes(&mut self) -> u64 {
        *self.bytes.get_or_insert_with(|| tree_bytes(&self.path))
    }
}

impl Deletions {
    fn add(&mut self, from: &TopicPartition, segments: usize, bytes: u64) {
        self.segments += segments;
        self.bytes += bytes;
        if !self.from.contains(from) {
            self.from.push(from.clone());
        }
    }
}

impl Look {
    /// What is `kept` whatever happens is above the cap: said once, until it is not.
    fn say_if_over(&mut self, kept: u64, cap: u64) {
        if std::mem::replace(&mut self.is_over, kept > cap) == (kept > cap) {
            return;
        }
        match kept > cap {
            true => note!(
                Error,
                "over_cap",
                [kept = kept, cap = cap],
                "WHAT IS NEVER DELETED TAKES {kept} BYTES, over log.dirs.max.bytes {cap}: topics without delete in \
                 cleanup.policy, and the broker's own; appends go on"
            ),
            false => note!(Info, "under_cap_again", [kept = kept, cap = cap], "what is never deleted fits again"),
        }
    }

    /// At most once a minute.
    fn say(&mut self, now_ms: i64) {
        let is_due = self.said_ms.is_none_or(|said_ms| now_ms.saturating_sub(said_ms) >= 60_000);
        if self.deleted.segments > 0 && is_due && now_ms > i64::MIN {
            let Deletions { segments, bytes, from } = std::mem::take(&mut self.deleted);
            let named: Vec<String> = from.iter().take(NAMED_MAX).map(ToString::to_string).collect();
            let more = if from.len() > NAMED_MAX { ", ..." } else { "" };
            let from = named.join(", ") + more;
            note!(Info, "room_made", [segments = segments, bytes = bytes, from = from], "under log.dirs.max.bytes");
            self.said_ms = Some(now_ms);
        }
    }
}

/// What may be used before segments go.
pub(super) fn limit(cap: u64) -> u64 {
    cap - cap / LOW_PART
}

/// What a file, or a folder with all that is in it, takes; 0 when it is gone.
fn tree_bytes(path: &Path) -> u64 {
    match fs::is_folder(path) {
        true => folder_bytes(path),
        false => blocks(fs::size(path).ok().flatten().unwrap_or(0)),
    }
}

pub(super) fn folder_bytes(path: &Path) -> u64 {
    let names = fs::list(path).unwrap_or_default();
    BLOCK + names.iter().map(|entry| tree_bytes(&path.join(&entry.name))).sum::<u64>()
}
