//! Whether the logs that Kafka has left hold what cannot be served: transactions, and segments that it was about to replace.
//!
//! Always true: nothing is changed. Where there is no `__transaction_state`, there was never a transaction, and no log is read.
//! Not done: no record is unpacked; a batch's header says whether it is of a transaction.

use std::fmt;
use std::path::Path;

use super::super::data_dir::partition_metadata;
use super::super::name::{self, Folder};
use super::{listed, refusal, Image};
use crate::base::{Error, Offset, Result, TopicPartition, Uuid};
use crate::os::fs;
use crate::topic::on_disk::LogOnDisk;

const TRANSACTIONS: &str = "__transaction_state";

/// Why a partition cannot be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unservable {
    HalfReplaced,
    OfTransactions,
}

/// Says which partitions cannot be served as they are; changes nothing.
pub fn check_logs(root: &Path, image: &Image) -> Result<()> {
    let found = unservable(root, image)?;
    let of = |kind| listed(found.iter().filter(|(_, why)| *why == kind).map(|(name, _)| name.to_string()));
    if let Some(names) = of(Unservable::HalfReplaced) {
        let what = format!("it was ended while it replaced segments of {names}");
        return Err(refusal(root, what, "have Kafka start on it once more, and stop it"));
    }
    match of(Unservable::OfTransactions) {
        None => Ok(()),
        Some(names) => {
            let what = format!("there are no transactions here, and records of some are in {names}");
            Err(refusal(root, what, "serve it with Kafka, or the rest of it with --read-only"))
        }
    }
}

/// The partitions that cannot be served as they are.
pub fn unservable(root: &Path, image: &Image) -> Result<Vec<(TopicPartition, Unservable)>> {
    let mut partitions = Vec::new();
    for entry in fs::list(root)?.into_iter().filter(|entry| entry.is_folder) {
        let Folder::Partition(name) = name::parse_folder(&entry.name) else { continue };
        let folder = root.join(entry.name);
        if is_live(image, &name, partition_metadata::read(&folder)?) {
            partitions.push((name, folder));
        }
    }
    let mut found = Vec::new();
    for (name, folder) in &partitions {
        if fs::list(folder)?.iter().any(|entry| entry.name.ends_with(".swap")) {
            found.push((name.clone(), Unservable::HalfReplaced));
        }
    }
    // Kafka makes it for the first transaction.
    let has_transactions = image.topics.values().any(|topic| topic.name == TRANSACTIONS);
    for (name, folder) in partitions.iter().filter(|(name, _)| has_transactions && name.topic != TRANSACTIONS) {
        if holds_transactions(folder)? {
            found.push((name.clone(), Unservable::OfTransactions));
        }
    }
    Ok(found)
}

impl fmt::Display for Unservable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unservable::HalfReplaced => "Kafka was ended while it replaced segments: have it start once more, and stop",
            Unservable::OfTransactions => "it holds records of transactions, which are not known here",
        })
    }
}

fn is_live(image: &Image, name: &TopicPartition, id: Option<Uuid>) -> bool {
    let topic = id.and_then(|id| image.topics.get(&id));
    topic.is_some_and(|topic| topic.name == name.topic && topic.partitions.contains_key(&name.partition))
}

fn holds_transactions(folder: &Path) -> Result<bool> {
    let Some(log) = LogOnDisk::read(folder, Offset(0))? else { return Ok(false) };
    let mut is_there = false;
    for view in &log.views {
        let looked = view.for_each_header(view.base_offset, |header| {
            is_there |= header.is_transactional() || header.is_control();
        });
        match looked {
            // A damaged log is another matter: recovery says what becomes of it.
            Ok(()) | Err(Error::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        if is_there {
            break;
        }
    }
    Ok(is_there)
}
