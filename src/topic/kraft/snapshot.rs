//! The files that Kafka's first start reads: snapshots of its metadata, as batches.
//!
//! ```text
//! bootstrap.checkpoint                                       header, records ..., footer
//! __cluster_metadata-0/00000000000000000000-0000000000.checkpoint   header, KRaft version, voters, footer
//! ```
//! Header, KRaft version, voters and footer are control records: key `0, type` as two i16, value a flexible message.
//! Offsets count from 0 over all records; the leader epoch is 0.
//!
//! Always true: the same contents give the same bytes: no clock, no chance.
//! Not done: no other node's metadata is known, and none is merged.

use super::fields::Fields;
use super::MetadataRecord;
use crate::base::{Offset, Uuid};
use crate::record::builder::BatchBuilder;
use crate::record::header;

/// In the data directory.
pub const BOOTSTRAP_FILE: &str = "bootstrap.checkpoint";
/// The folder of Kafka's metadata log.
pub const METADATA_FOLDER: &str = "__cluster_metadata-0";
/// In that folder: the snapshot that ends before offset 0, which `kafka-storage format --standalone` writes.
pub const VOTERS_FILE: &str = "00000000000000000000-0000000000.checkpoint";

/// Records in one batch; Kafka reads a batch whole.
const BATCH_RECORDS: usize = 1000;

#[derive(Clone, Copy)]
enum Control {
    Header = 3,
    Footer = 4,
    KraftVersion = 5,
    Voters = 6,
}

/// `bootstrap.checkpoint`: the records that Kafka begins with.
pub fn bootstrap(records: &[MetadataRecord]) -> Vec<u8> {
    let mut file = Snapshot::default();
    file.add_control(&[(Control::Header, header_value())]);
    for part in records.chunks(BATCH_RECORDS) {
        let values = part.iter().map(|record| (None, record.encode()));
        file.add(BatchBuilder::new(), values);
    }
    file.add_control(&[(Control::Footer, footer_value())]);
    file.bytes
}

/// The one voter of a quorum of one, and the address of its controller.
pub fn voters(node: i32, directory: Uuid, listener: &str, host: &str, port: u16) -> Vec<u8> {
    let mut version = Fields::default();
    version.i16(0).i16(1);
    let mut voters = Fields::default();
    voters.i16(0).count(1);
    voters.i32(node).uuid(directory);
    voters.count(1).text(listener).text(host).u16(port).no_tags();
    voters.i16(0).i16(1).no_tags(); // KRaft versions that it can speak
    voters.no_tags();
    let mut file = Snapshot::default();
    file.add_control(&[
        (Control::Header, header_value()),
        (Control::KraftVersion, version.end()),
        (Control::Voters, voters.end()),
    ]);
    file.add_control(&[(Control::Footer, footer_value())]);
    file.bytes
}

/// Version, and the timestamp of the last record in it, which is not known.
fn header_value() -> Vec<u8> {
    let mut fields = Fields::default();
    fields.i16(0).i64(0);
    fields.end()
}

fn footer_value() -> Vec<u8> {
    let mut fields = Fields::default();
    fields.i16(0);
    fields.end()
}

#[derive(Default)]
struct Snapshot {
    bytes: Vec<u8>,
    end: Offset,
}

impl Snapshot {
    fn add_control(&mut self, records: &[(Control, Vec<u8>)]) {
        let key = |control: Control| [0, 0, 0, control as u8].to_vec();
        self.add(
            BatchBuilder::new().control(),
            records.iter().map(|(control, value)| (Some(key(*control)), value.clone())),
        );
    }

    fn add(&mut self, mut batch: BatchBuilder, records: impl ExactSizeIterator<Item = (Option<Vec<u8>>, Vec<u8>)>) {
        let count = records.len() as i64;
        records.for_each(|(key, value)| batch.push(0, key.as_deref(), Some(&value)));
        let mut batch = batch.build();
        header::stamp(&mut batch, self.end, 0);
        self.bytes.extend_from_slice(&batch);
        self.end += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::header::BatchHeader;

    #[test]
    fn offsets_count_over_all_batches_and_the_voters_file_is_as_large_as_kafkas() {
        let topic = |i: usize| MetadataRecord::Topic { name: format!("t{i}"), id: Uuid([1; 16]) };
        let file = bootstrap(&(0..2500).map(topic).collect::<Vec<_>>());
        let (mut at, mut ends) = (0, Vec::new());
        while let Some(header) = BatchHeader::parse(&file[at..]) {
            let size = header.size().unwrap() as usize;
            assert!(header::crc_matches(&file[at..at + size], &header));
            ends.push((header.last_offset().0 + 1, header.is_control()));
            at += size;
        }
        assert_eq!(at, file.len());
        assert_eq!(ends, [(1, true), (1001, false), (2001, false), (2501, false), (2502, true)]);
        assert_eq!(voters(1, Uuid([1; 16]), "CONTROLLER", "localhost", 9093).len(), 241);
    }
}
