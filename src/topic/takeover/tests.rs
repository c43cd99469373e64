//! Directories as Kafka leaves them, made from one of ours and metadata that is written here record by record.

use super::super::kraft::{self, MetadataRecord, METADATA_FOLDER};
use super::super::tests::{end, folders, open, prepared, produce, twin_of};
use super::*;
use crate::faults;
use crate::record::header;
use crate::record::BatchBuilder;

const NODE: i32 = 1;
/// A RegisterBrokerRecord, and one that begins, ends or drops a transaction: their keys are all that is read.
const BROKER: &[u8] = &[1, 0, 3];
const BEGIN: &[u8] = &[1, 23, 0, 0];
const END: &[u8] = &[1, 24, 0, 0];
const ABORT: &[u8] = &[1, 25, 0, 0];

/// A metadata log that grows.
struct Metadata {
    root: PathBuf,
    bytes: Vec<u8>,
    end: i64,
}

impl Metadata {
    fn new(root: &Path) -> Metadata {
        std::fs::create_dir(root.join(METADATA_FOLDER)).unwrap();
        Metadata { root: root.to_path_buf(), bytes: Vec::new(), end: 0 }
    }

    fn log(&self) -> PathBuf {
        self.root.join(METADATA_FOLDER).join("00000000000000000000.log")
    }

    /// A batch of these values.
    fn add(&mut self, values: &[Vec<u8>]) -> &mut Metadata {
        let mut batch = BatchBuilder::new();
        values.iter().for_each(|value| batch.push(0, None, Some(value)));
        let mut batch = batch.build();
        header::stamp(&mut batch, Offset(self.end), 1);
        self.bytes.extend_from_slice(&batch);
        self.end += values.len() as i64;
        std::fs::write(self.log(), &self.bytes).unwrap();
        self
    }

    fn add_records(&mut self, records: &[MetadataRecord]) -> &mut Metadata {
        let values: Vec<_> = records.iter().map(MetadataRecord::encode).collect();
        self.add(&values)
    }

    fn add_broker(&mut self) -> &mut Metadata {
        self.add(&[BROKER.to_vec()])
    }
}

fn directory(root: &Path) -> Uuid {
    data_dir::directory_id(root).unwrap()
}

/// A topic as Kafka has it: one partition on this node.
fn topic_records(name: &str, id: Uuid, partitions: i32, directory: Uuid) -> Vec<MetadataRecord> {
    let mut records = vec![MetadataRecord::Topic { name: name.to_string(), id }];
    records.extend((0..partitions).map(|number| MetadataRecord::Partition {
        number,
        topic: id,
        node: NODE,
        directory,
        leader_epoch: 6,
    }));
    records
}

/// The folders of topic "old" of [`prepared`], with metadata in place of the registry.
fn kafkas() -> (tempfile::TempDir, Metadata, Uuid) {
    let folder = prepared();
    let root = folder.path();
    let id = partition_metadata::read(&root.join("old-0")).unwrap().unwrap();
    std::fs::remove_file(root.join(registry_file::FILE_NAME)).unwrap();
    let mut metadata = Metadata::new(root);
    metadata.add_records(&MetadataRecord::features());
    metadata.add_broker().add_records(&topic_records("old", id, 2, directory(root)));
    metadata.add_records(&[
        MetadataRecord::TopicConfig {
            topic: "old".to_string(),
            key: "retention.ms".to_string(),
            value: "5000".to_string(),
        },
        MetadataRecord::BrokerConfig {
            broker: String::new(),
            key: "log.retention.ms".to_string(),
            value: "7".to_string(),
        },
        MetadataRecord::ProducerIds { next: 3000 },
    ]);
    (folder, metadata, id)
}

/// Bytes of the first batches.
fn whole_batches(bytes: &[u8], count: usize) -> usize {
    let size = |at: usize| header::BatchHeader::parse(&bytes[at..]).unwrap().size().unwrap() as usize;
    (0..count).fold(0, |at, _| at + size(at))
}

fn names(registry: &TopicRegistry) -> Vec<String> {
    registry.all().iter().map(|topic| topic.name.clone()).collect()
}

fn refused(root: &Path, says: &[&str]) {
    let before = tree(root);
    let Err(error) = open(root) else { panic!("it started, where this was to be said: {says:?}") };
    let line = error.to_string();
    says.iter().for_each(|part| assert!(line.contains(part), "no {part:?} in {line}"));
    assert_eq!(tree(root), before, "nothing was changed");
}

/// Every file with its size.
fn tree(root: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::list(root).unwrap() {
        let path = root.join(entry.name);
        match entry.is_folder {
            true => found.extend(tree(&path)),
            false => found.push((path.clone(), fs::size(&path).unwrap().unwrap())),
        }
    }
    found
}

#[test]
fn what_kafka_has_left_is_served() {
    let (folder, _, id) = kafkas();
    let registry = open(folder.path()).unwrap();
    let old = registry.find("old").unwrap();
    assert_eq!((old.id, old.partitions.len(), old.config.get("retention.ms")), (id, 2, Some("5000")));
    assert_eq!(registry.config().text("log.retention.ms"), "7");
    assert_eq!(end(&registry, "old", 1), Offset(1));
    assert_eq!(registry.leader_epoch.load(Ordering::SeqCst), 7, "above every epoch that Kafka had");
    assert!(registry.next_producer_id().unwrap() > 3000, "one that Kafka gives to nobody else");
    assert_eq!(produce(&old, 0, b"more").unwrap(), Offset(1));
}

#[test]
fn a_takeover_that_is_stopped_anywhere_begins_anew() {
    let (folder, mut metadata, id) = kafkas();
    metadata.add_records(&topic_records("young", Uuid([5; 16]), 2, directory(folder.path())));
    std::fs::remove_file(folder.path().join(".kafka_cleanshutdown")).unwrap();
    std::fs::write(folder.path().join("recovery-point-offset-checkpoint"), "").unwrap();
    RegistryFile::rewrite(folder.path(), &Contents { leader_epoch: 3, ..Contents::default() }).unwrap();
    let twin = twin_of(folder.path());
    let (_, steps) = faults::record(|| open(twin.path()).map(drop).unwrap());
    assert!(steps.len() > 30, "{steps:?}");
    for (stop, before) in steps.iter().enumerate() {
        let twin = twin_of(folder.path());
        let _ = faults::stop_after(stop, || open(twin.path()).map(drop));
        let registry = open(twin.path()).unwrap_or_else(|error| panic!("stopped before {before}: {error}"));
        assert_eq!(registry.find("old").unwrap().id, id, "stopped before {before}");
        for partition in 0..2 {
            assert_eq!(end(&registry, "old", partition), Offset(1), "stopped before {before}");
            assert_eq!(end(&registry, "young", partition), Offset(0), "stopped before {before}");
        }
        assert!(registry.leader_epoch.load(Ordering::SeqCst) >= 7, "stopped before {before}");
    }
}

#[test]
fn after_it_the_registry_is_the_truth_until_a_broker_of_kafka_has_come_again() {
    let (folder, mut metadata, _) = kafkas();
    let registry = open(folder.path()).unwrap();
    registry.create("ours", 1, Overrides::new(Scope::Topic)).unwrap();
    registry.close().unwrap();
    drop(registry);
    assert_eq!(names(&open(folder.path()).unwrap()), ["old", "ours"], "the metadata lies there as before");
    // Kafka's controller begins before its broker finds the directory locked.
    metadata.add_records(&topic_records("of-controller", Uuid([3; 16]), 1, directory(folder.path())));
    assert_eq!(names(&open(folder.path()).unwrap()), ["old", "ours"], "no broker has come");
    metadata
        .add_broker()
        .add_records(&topic_records("of-kafka", Uuid([4; 16]), 1, directory(folder.path())));
    let registry = open(folder.path()).unwrap();
    assert_eq!(names(&registry), ["of-controller", "of-kafka", "old"]);
    let kept = fs::list(folder.path())
        .unwrap()
        .into_iter()
        .find(|entry| entry.name.starts_with("sendlog.registry.before"));
    let kept = std::fs::read_to_string(folder.path().join(kept.unwrap().name)).unwrap();
    assert!(kept.contains("topic ours "), "what the registry said is kept: {kept}");
    assert!(folders(folder.path()).iter().any(|name| name.starts_with("ours-0.") && name.ends_with("-stray")));
}

#[test]
fn another_metadata_log_is_not_the_one_that_was_taken_over() {
    let (folder, metadata, id) = kafkas();
    open(folder.path()).unwrap().close().unwrap();
    let first = std::fs::read(metadata.log()).unwrap();
    // As after `sendlog graduate`: a log of Kafka's that begins at offset 0 again.
    std::fs::remove_dir_all(folder.path().join(METADATA_FOLDER)).unwrap();
    let mut metadata = Metadata::new(folder.path());
    metadata.add_records(&MetadataRecord::features());
    metadata.add_broker().add_records(&topic_records("old", id, 2, directory(folder.path())));
    metadata.add_records(&topic_records("new", Uuid([4; 16]), 1, directory(folder.path())));
    assert!(metadata.bytes.len() < first.len() * 2, "not longer by much");
    assert_eq!(names(&open(folder.path()).unwrap()), ["new", "old"]);
}

#[test]
fn a_torn_tail_is_no_record_and_a_bad_batch_before_a_good_one_refuses_the_start() {
    let (folder, mut metadata, _) = kafkas();
    metadata.add_records(&topic_records("torn", Uuid([5; 16]), 1, directory(folder.path())));
    let whole = metadata.bytes.clone();
    for cut in [1, 40, 70] {
        std::fs::write(metadata.log(), &whole[..whole.len() - cut]).unwrap();
        let twin = twin_of(folder.path());
        assert_eq!(names(&open(twin.path()).unwrap()), ["old"], "without the last {cut} bytes");
    }
    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    std::fs::write(metadata.log(), &damaged).unwrap();
    refused(folder.path(), &["__cluster_metadata-0", "damaged", "backup"]);
}

#[test]
fn the_newest_whole_snapshot_counts_and_the_log_behind_it() {
    let (folder, mut metadata, id) = kafkas();
    let here = directory(folder.path());
    let snapshot = |end: i64, records: &[MetadataRecord], cut: usize| {
        let bytes = kraft::bootstrap(records);
        let name = format!("{end:020}-0000000001.checkpoint");
        std::fs::write(folder.path().join(METADATA_FOLDER).join(name), &bytes[..bytes.len() - cut]).unwrap();
    };
    let mut records = topic_records("old", id, 2, here);
    records.extend(topic_records("of-snapshot", Uuid([6; 16]), 1, here));
    let at = metadata.end;
    snapshot(at, &records, 0);
    snapshot(at + 1, &topic_records("of-a-torn-one", Uuid([7; 16]), 1, here), 1);
    let without_footer = topic_records("of-one-without-its-end", Uuid([9; 16]), 1, here);
    let footer = kraft::bootstrap(&without_footer).len() - whole_batches(&kraft::bootstrap(&without_footer), 2);
    snapshot(at + 2, &without_footer, footer);
    metadata.add_records(&topic_records("behind", Uuid([8; 16]), 1, here));
    assert_eq!(names(&open(folder.path()).unwrap()), ["behind", "of-snapshot", "old"]);
}

#[test]
fn records_between_begin_and_end_count_as_one() {
    let (folder, mut metadata, _) = kafkas();
    let here = directory(folder.path());
    let values = |name: &str, id: u8| -> Vec<Vec<u8>> {
        topic_records(name, Uuid([id; 16]), 1, here).iter().map(MetadataRecord::encode).collect()
    };
    metadata.add(&[BEGIN.to_vec()]).add(&values("whole", 5)).add(&[END.to_vec()]);
    metadata.add(&[BEGIN.to_vec()]).add(&values("dropped", 6)).add(&[ABORT.to_vec()]);
    metadata.add(&[BEGIN.to_vec()]).add(&values("not-ended", 7));
    assert_eq!(names(&open(folder.path()).unwrap()), ["old", "whole"]);
}

#[test]
fn what_cannot_be_served_is_said_by_name_and_nothing_is_changed() {
    let of = |records: &[MetadataRecord], says: &[&str]| {
        let (folder, mut metadata, _) = kafkas();
        metadata.add_records(records);
        refused(folder.path(), says);
    };
    let newer = MetadataRecord::Feature { name: "metadata.version", level: 28 };
    of(&[newer], &["metadata.version is 28", "start Kafka"]);
    let tiered = MetadataRecord::TopicConfig {
        topic: "old".to_string(),
        key: "remote.storage.enable".to_string(),
        value: "true".to_string(),
    };
    of(&[tiered], &["topic old is tiered", "remote.storage.enable"]);
    of(
        &topic_records("moved", Uuid([5; 16]), 1, Uuid([77; 16])),
        &["topic moved lies in another log directory"],
    );
    let elsewhere =
        MetadataRecord::Partition { number: 0, topic: Uuid([5; 16]), node: 2, directory: Uuid::ZERO, leader_epoch: 0 };
    let topic = MetadataRecord::Topic { name: "remote".to_string(), id: Uuid([5; 16]) };
    of(&[topic, elsewhere], &["topic remote is not on node 1 alone"]);
    let (folder, mut metadata, _) = kafkas();
    metadata.add(&[vec![1, 3, 3, 0]]);
    refused(folder.path(), &["PartitionRecord of version 3", "offset"]);
    let (folder, ..) = kafkas();
    std::fs::write(folder.path().join("old-1/00000000000000000000.log.swap"), "").unwrap();
    refused(folder.path(), &["segments of old-1", "start on it once more"]);
}

#[test]
fn partitions_with_transactions_are_named() {
    let (folder, mut metadata, _) = kafkas();
    let root = folder.path();
    let log = root.join("old-1/00000000000000000000.log");
    let mut marker = BatchBuilder::new()
        .control()
        .producer(5, 0, -1)
        .record(9, Some(&[0, 0, 0, 1]), Some(&[0; 6]))
        .build();
    header::stamp(&mut marker, Offset(1), 0);
    std::fs::write(&log, [std::fs::read(&log).unwrap(), marker].concat()).unwrap();
    std::fs::write(root.join("recovery-point-offset-checkpoint"), "0\n0\n").unwrap();
    let twin = twin_of(root);
    assert_eq!(end(&open(twin.path()).unwrap(), "old", 1), Offset(2), "nobody has ever begun a transaction here");
    metadata.add_records(&topic_records("__transaction_state", Uuid([9; 16]), 1, directory(root)));
    refused(root, &["no transactions here", "old-1", "--read-only"]);
}

#[test]
fn what_kafka_has_compacted_is_no_loss_on_this_start_and_later_ones() {
    let (folder, ..) = kafkas();
    let root = folder.path();
    let log = root.join("old-0/00000000000000000000.log");
    let mut later = BatchBuilder::new().record(9, Some(b"k"), Some(b"v")).build();
    header::stamp(&mut later, Offset(7), 3);
    std::fs::write(&log, [std::fs::read(&log).unwrap(), later].concat()).unwrap();
    // Killed, with checkpoints from before.
    std::fs::remove_file(root.join(".kafka_cleanshutdown")).unwrap();
    std::fs::write(root.join("recovery-point-offset-checkpoint"), "").unwrap();
    for start in 0..2 {
        let registry = open(root).unwrap();
        assert_eq!(end(&registry, "old", 0), Offset(8), "start {start}");
    }
}

#[test]
fn a_folder_that_kafka_had_no_time_to_make_is_made_and_one_that_is_lost_is_not() {
    let (folder, mut metadata, _) = kafkas();
    let root = folder.path();
    let id = Uuid([5; 16]);
    metadata.add_records(&topic_records("young", id, 2, directory(root)));
    std::fs::create_dir(root.join("young-1")).unwrap();
    std::fs::write(root.join("young-1/00000000000000000000.log"), "").unwrap();
    std::fs::write(root.join("replication-offset-checkpoint"), "0\n1\nold 1 1\n").unwrap();
    std::fs::remove_dir_all(root.join("old-1")).unwrap();
    let registry = open(root).unwrap();
    for partition in 0..2 {
        assert_eq!(end(&registry, "young", partition), Offset(0));
    }
    let old = registry.find("old").unwrap();
    assert_eq!((old.partitions[0].is_offline(), old.partitions[1].is_offline()), (false, true));
    assert!(!root.join("old-1").exists());
}
