//! The data directory: its lock, its identity, the clean-shutdown marker and the checkpoints in its root.
//!
//! Kafka's names and contents: `.lock`, `meta.properties`, `.kafka_cleanshutdown`,
//! `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint`. One file is ours: `log-start-offset-checkpoint.crc`, the
//! CRC-32 of the log starts and of those before them, in hex digits, since a start unlinks segments by these numbers.
//!
//! Always true: one process at a time. The marker is a promise: written last at a clean stop, removed durably before
//! the first write of the next life. There is no folder in the root that is not a partition. Log starts whose checksum is
//! not there are not believed: every log then begins with its first segment, and nothing is unlinked.
//! Not done: one directory: several `log.dirs` are not shared out.

use std::path::{Path, PathBuf};

use crate::base::{Error, Result, TopicPartition, Uuid};
use crate::faults::seeded::is_on;
use crate::log::checkpoint::{self, Offsets};
use crate::os::{fs, random};

const IDENTITY: &str = "meta.properties";
const LOCK: &str = ".lock";
const MARKER: &str = ".kafka_cleanshutdown";
const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
const LOG_STARTS: &str = "log-start-offset-checkpoint";
const LOG_STARTS_CRC: &str = "log-start-offset-checkpoint.crc";

pub struct DataDir {
    root: PathBuf,
    cluster_id: String,
    /// Holds the lock for as long as it lives. One who only looks takes no lock where there is no file to lock.
    _lock: Option<fs::FileLock>,
}

impl DataDir {
    /// Locks the directory, making it when it is missing, and reads or writes its identity. A new one belongs to the
    /// cluster of this id, or of a random one if it is empty.
    pub fn open(root: &Path, node_id: i64, cluster_id: &str) -> Result<DataDir> {
        fs::make_folders(root)?;
        let lock = lock(root)?;
        let cluster_id = read_identity(root, node_id, cluster_id)?;
        Ok(DataDir { root: root.to_path_buf(), cluster_id, _lock: Some(lock) })
    }

    /// The directory as it is, for one who changes nothing in it; whoever might is kept out, as far as a lock is there.
    pub fn look(root: &Path, node_id: i64) -> Result<DataDir> {
        if identity(root, "cluster.id")?.is_none() {
            return Err(Error::unusable(
                format!("{} holds no {IDENTITY}", root.display()),
                "give the data directory of a broker with --data",
            ));
        }
        let path = root.join(LOCK);
        let lock = match fs::exists(&path) {
            true => Some(fs::lock_shared(&path)?.ok_or_else(|| is_held(root))?),
            false => None,
        };
        Ok(DataDir { root: root.to_path_buf(), cluster_id: read_identity(root, node_id, "")?, _lock: lock })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    pub fn partition_folder(&self, name: &TopicPartition) -> PathBuf {
        self.root.join(name.to_string())
    }

    /// For one who only looks: an error while another process holds the directory.
    pub fn refuse_while_held(root: &Path) -> Result<()> {
        let path = root.join(LOCK);
        match fs::exists(&path) {
            true => lock(root).map(drop),
            false => Ok(()),
        }
    }

    /// Whether the last stop was clean, for one who only looks.
    pub fn is_clean(root: &Path) -> bool {
        fs::exists(&root.join(MARKER))
    }

    /// Whether the last stop was clean; from now on, no longer.
    pub fn take_clean_marker(&self) -> Result<bool> {
        let path = self.root.join(MARKER);
        if !fs::exists(&path) {
            return Ok(false);
        }
        if !is_on("marker-kept") {
            fs::unlink(&path)?;
        }
        fs::sync_dir(&self.root)?;
        Ok(true)
    }

    /// The last step of a clean stop.
    pub fn write_clean_marker(&self) -> Result<()> {
        fs::replace(&self.root.join(MARKER), br#"{"version":0,"brokerEpoch":-1}"#)
    }

    pub fn recovery_points(&self) -> Result<Offsets> {
        recovery_points(&self.root)
    }

    pub fn write_recovery_points(&self, offsets: &Offsets) -> Result<()> {
        checkpoint::write_offsets(&self.root.join(RECOVERY_POINTS), offsets)
    }

    pub fn log_starts(&self) -> Result<Offsets> {
        log_starts(&self.root)
    }

    /// Where each log starts, of a directory that Kafka has written last, which writes no checksums.
    pub fn kafkas_log_starts(&self) -> Result<Offsets> {
        checkpoint::read_offsets(&self.root.join(LOG_STARTS))
    }

    /// How far each log of Kafka's was visible: every partition that it served for some seconds is named.
    pub fn kafkas_high_watermarks(&self) -> Result<Offsets> {
        checkpoint::read_offsets(&self.root.join(HIGH_WATERMARKS))
    }

    /// The checksum first, with the one of what is there: a start in between finds either.
    pub fn write_log_starts(&self, offsets: &Offsets) -> Result<()> {
        let path = self.root.join(LOG_STARTS);
        let crcs = [crc_of(Some(checkpoint::offsets_text(offsets).as_bytes())), crc_of(fs::read(&path)?.as_deref())];
        fs::replace(&self.root.join(LOG_STARTS_CRC), format!("{}\n", crcs.join(" ")).as_bytes())?;
        checkpoint::write_offsets(&path, offsets)
    }
}

fn lock(root: &Path) -> Result<fs::FileLock> {
    fs::lock(&root.join(LOCK))?.ok_or_else(|| is_held(root))
}

fn is_held(root: &Path) -> Error {
    Error::unusable(
        format!("another process holds the data directory {}", root.display()),
        "stop it, or choose another with --data",
    )
}

/// The directory's own id, by which Kafka tells several directories of a broker apart (KIP-858).
pub fn directory_id(root: &Path) -> Result<Uuid> {
    let found = identity(root, "directory.id")?.as_deref().and_then(Uuid::parse);
    found.ok_or_else(|| {
        Error::unusable(
            format!("{} has no directory.id", root.join(IDENTITY).display()),
            format!("add a line such as directory.id={}", new_id()),
        )
    })
}

/// What `meta.properties` says of the directory, if it says it.
pub fn identity(root: &Path, key: &str) -> Result<Option<String>> {
    let bytes = fs::read(&root.join(IDENTITY))?.unwrap_or_default();
    Ok(property(&String::from_utf8_lossy(&bytes), key).map(str::to_string))
}

/// Below which offset each log is on the disk, as the checkpoint says it.
pub fn recovery_points(root: &Path) -> Result<Offsets> {
    checkpoint::read_offsets(&root.join(RECOVERY_POINTS))
}

/// Where each log starts, as the checkpoint says it, if its bytes are those that were written. A directory without
/// checksums, which Kafka or an older sendlog wrote, is believed.
pub fn log_starts(root: &Path) -> Result<Offsets> {
    let path = root.join(LOG_STARTS);
    if has_right_crc(root, &path)? {
        return checkpoint::read_offsets(&path);
    }
    note!(
        Warn,
        "checkpoint_ignored",
        [path = path.display()],
        "its bytes are not those that were written: each log begins with its first segment, and nothing is deleted"
    );
    Ok(Offsets::new())
}

/// Whether the bytes of the log starts at `path` are those that were written, as far as anybody wrote down a checksum.
pub fn has_right_crc(root: &Path, path: &Path) -> Result<bool> {
    let found = crc_of(fs::read(path)?.as_deref());
    let known = fs::read(&root.join(LOG_STARTS_CRC))?;
    Ok(known.is_none_or(|known| String::from_utf8_lossy(&known).split_whitespace().any(|crc| crc == found)))
}

/// In hex digits; `-` of a file that is not there.
fn crc_of(bytes: Option<&[u8]>) -> String {
    bytes.map_or("-".to_string(), |bytes| format!("{:08x}", crc32fast::hash(bytes)))
}

/// The cluster id in `meta.properties`, which is written on the first start.
fn read_identity(root: &Path, node_id: i64, wanted_id: &str) -> Result<String> {
    let path = root.join(IDENTITY);
    let Some(bytes) = fs::read(&path)? else {
        let cluster_id = match wanted_id {
            "" => new_id().to_string(),
            wanted => check_cluster_id(wanted)?.to_string(),
        };
        let directory_id = new_id();
        let text = format!("version=1\ncluster.id={cluster_id}\nnode.id={node_id}\ndirectory.id={directory_id}\n");
        fs::replace(&path, text.as_bytes())?;
        return Ok(cluster_id);
    };
    let text = String::from_utf8_lossy(&bytes);
    let value = |key| property(&text, key);
    check_node(root, node_id)?;
    let cluster_id = value("cluster.id").map(str::to_string).ok_or_else(|| {
        Error::unusable(format!("{} has no cluster.id", path.display()), "restore it, or remove the file")
    })?;
    if !wanted_id.is_empty() && wanted_id != cluster_id {
        note!(
            Warn,
            "cluster_id_ignored",
            [path = path.display()],
            "it belongs to cluster {cluster_id} and goes on so"
        );
    }
    Ok(cluster_id)
}

/// Whether the directory belongs to the node of this id, as far as it says that.
pub fn check_node(root: &Path, node_id: i64) -> Result<()> {
    let known = identity(root, "node.id")?.or(identity(root, "broker.id")?);
    match known.filter(|known| *known != node_id.to_string()) {
        None => Ok(()),
        Some(known) => Err(Error::unusable(
            format!("{} belongs to node.id {known}, not {node_id}", root.join(IDENTITY).display()),
            "set node.id to that number",
        )),
    }
}

/// A value of a properties file.
fn property<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .find_map(|(name, value)| (name == key).then_some(value))
}

/// An id as `kafka-storage random-uuid` prints it. Some that are in use have bits in their last character that no
/// [`Uuid`] has: Kafka does not mind.
fn check_cluster_id(text: &str) -> Result<&str> {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match text.len() == 22 && text.chars().all(is_digit) {
        true => Ok(text),
        false => Err(Error::unusable(
            format!("cluster.id={text} is no cluster id"),
            "write 22 characters of base64url, such as 5L6g3nShT-eMCtK--X86sw, or nothing for a random one",
        )),
    }
}

/// A random id.
pub fn new_id() -> Uuid {
    loop {
        if let Some(id) = Uuid::from_random(random::sixteen_bytes()) {
            return id;
        }
    }
}

/// `partition.metadata`: the topic id that a folder belongs to.
pub mod partition_metadata {
    use super::*;

    const FILE_NAME: &str = "partition.metadata";

    /// Not durable yet: the caller syncs once for all the folders of a topic.
    pub fn write(folder: &Path, topic_id: Uuid) -> Result<()> {
        let text = format!("version: 0\ntopic_id: {topic_id}");
        let path = folder.join(FILE_NAME);
        let file = fs::create_append(&path)?;
        fs::append(&file, &path, text.as_bytes())
    }

    /// In place of one that was not finished.
    pub fn replace(folder: &Path, topic_id: Uuid) -> Result<()> {
        fs::replace_contents(&folder.join(FILE_NAME), format!("version: 0\ntopic_id: {topic_id}").as_bytes())
    }

    /// `None` when the file is missing or says nothing.
    pub fn read(folder: &Path) -> Result<Option<Uuid>> {
        Ok(fs::read(&folder.join(FILE_NAME))?.as_deref().and_then(parse))
    }

    pub fn parse(bytes: &[u8]) -> Option<Uuid> {
        let text = String::from_utf8_lossy(bytes);
        text.lines().find_map(|line| line.strip_prefix("topic_id: ")).and_then(|id| Uuid::parse(id.trim()))
    }
}
