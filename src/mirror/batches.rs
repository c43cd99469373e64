//! What came for a partition: whole batches, each judged before it is copied.
//!
//! Always true: a batch that is copied has the CRC that its producer computed, lies at the copy's end or behind it, and is of
//! the last batch's leader epoch or a later one. What is not whole at the end of an answer is left: it comes again.
//! Not done: records are not looked at, compressed or not.

use crate::base::Offset;
use crate::log::Checked;
use crate::partition::CopiedEnd;
use crate::record::header::{self, BatchHeader};

/// Why the batches end where they do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// This is no part of the log that was copied so far, or is not copied: it will not get better.
    Final(String),
    /// The bytes are damaged: they may come whole the next time.
    Damaged(String),
}

/// The batches that go behind `end`, in order, and what is wrong with the one after them, if something is.
pub fn judge(mut bytes: &mut [u8], end: CopiedEnd) -> (Vec<Checked<'_>>, Option<Stop>) {
    let (mut batches, mut after) = (Vec::new(), end);
    while let Some((header, size)) = next(bytes) {
        let (batch, rest) = bytes.split_at_mut(size);
        bytes = rest;
        if let Err(stop) = check(batch, &header, after) {
            return (batches, Some(stop));
        }
        after = CopiedEnd { offset: header.last_offset() + 1, epoch: header.leader_epoch, ..after };
        batches.push(Checked { bytes: batch, header });
    }
    let is_old = bytes.get(16).is_some_and(|magic| *magic < 2);
    let too_old =
        || Stop::Final(format!("a batch of message format v{} at offset {}: only v2 is kept", bytes[16], after.offset));
    (batches, is_old.then(too_old))
}

/// Where the batch after these will begin; none when there is no whole one among them.
pub fn offset_after(mut bytes: &[u8]) -> Option<Offset> {
    let mut after = None;
    while let Some((header, size)) = next(bytes) {
        after = Some(header.last_offset() + 1);
        bytes = &bytes[size..];
    }
    after
}

/// The first batch and its size, if it is whole.
fn next(bytes: &[u8]) -> Option<(BatchHeader, usize)> {
    let header = BatchHeader::parse(bytes).filter(|header| header.magic == 2 && header.is_plausible_at(Offset(0)))?;
    let size = usize::try_from(header.size()?).ok()?;
    (size <= bytes.len()).then_some((header, size))
}

fn check(batch: &[u8], header: &BatchHeader, after: CopiedEnd) -> Result<(), Stop> {
    let (at, end) = (header.base_offset, after.offset);
    if !header::crc_matches(batch, header) {
        return Err(Stop::Damaged(format!("the CRC of the batch at offset {at} does not match its bytes")));
    }
    if at < end {
        return Err(Stop::Final(format!(
            "the source has a batch at offset {at} that reaches over the copy's end, {end}: that is not the log that was copied"
        )));
    }
    if header.leader_epoch < after.epoch {
        let (epoch, last) = (header.leader_epoch, after.epoch);
        return Err(Stop::Final(format!(
            "the source went back in time: leader epoch {epoch} at offset {at}, and the copy ends with epoch {last}"
        )));
    }
    if header.is_control() || header.is_transactional() {
        let what = if header.is_control() { "a marker of a transaction" } else { "a transactional batch" };
        return Err(Stop::Final(format!("{what} at offset {at}, and transactions are not implemented")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchBuilder;

    const END: CopiedEnd = CopiedEnd { log_start: Offset(0), offset: Offset(10), epoch: 3 };

    fn batch(offset: i64, epoch: i32, attributes: u8) -> Vec<u8> {
        let mut batch = BatchBuilder::new().record(1, None, Some(b"a")).record(2, None, Some(b"b")).build();
        header::stamp(&mut batch, Offset(offset), epoch);
        batch[22] |= attributes;
        header::stamp_crc(&mut batch);
        batch
    }

    fn judged(mut bytes: Vec<u8>) -> (Vec<i64>, String) {
        let (batches, stop) = judge(&mut bytes, END);
        let offsets = batches.iter().map(|batch| batch.header.base_offset.0).collect();
        (offsets, stop.map_or_else(String::new, |stop| format!("{stop:?}")))
    }

    #[test]
    fn gaps_and_later_epochs_are_taken_and_a_torn_end_is_left() {
        let mut bytes = [batch(10, 3, 0), batch(40, 3, 0), batch(42, 7, 0), batch(44, 7, 0)].concat();
        assert_eq!(offset_after(&bytes), Some(Offset(46)));
        bytes.pop();
        assert_eq!(offset_after(&bytes), Some(Offset(44)));
        assert_eq!(judged(bytes), (vec![10, 40, 42], String::new()));
        assert_eq!(judged(batch(10, 3, 0)[..30].to_vec()), (vec![], String::new()));
        assert_eq!(offset_after(&[]), None);
    }

    #[test]
    fn what_is_not_to_be_copied_ends_it_by_name_behind_what_is() {
        let mut damaged = batch(12, 3, 0);
        *damaged.last_mut().unwrap() ^= 1;
        for (second, expected) in [
            (batch(12, 3, 0x10), "a transactional batch at offset 12"),
            (batch(12, 3, 0x30), "a marker of a transaction at offset 12"),
            (batch(11, 3, 0), "reaches over the copy's end, 12"),
            (batch(12, 2, 0), "went back in time: leader epoch 2 at offset 12, and the copy ends with epoch 3"),
            (damaged, "Damaged(\"the CRC of the batch at offset 12"),
        ] {
            let (offsets, stop) = judged([batch(10, 3, 0), second, batch(14, 3, 0)].concat());
            assert_eq!(offsets, [10]);
            assert!(stop.contains(expected), "{stop}");
        }
        let mut old = batch(12, 3, 0);
        old[16] = 1;
        assert!(judged(old).1.contains("message format v1"));
    }
}
