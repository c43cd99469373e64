//! What is taken back when the write of several batches fails, or some of them were written and others not.
//!
//! Always true: producers are remembered with what lies in the log, and with nothing else, so that a batch that could
//! not be written is new when it is sent again.
//! Not done: bytes in the file are not touched here; the log cuts what it could not write.

use super::append::Place;
use super::producer_state::Producer;
use super::*;
use crate::faults::seeded::is_on;
use crate::log::Checked;

impl State {
    /// Sets the producers back to what was `known`, notes those batches of `run` that lie in the log from `begin` on,
    /// and refuses the places of all others.
    pub(super) fn take_back(
        &mut self,
        known: Vec<(i64, Option<Producer>)>,
        run: &[Checked],
        begin: Offset,
        places: &mut [Result<Place>],
        error: Error,
    ) {
        let end = self.online().map_or(begin, Log::end_offset);
        if !is_on("undo-forgotten") {
            self.producers.restore_entries(known);
        }
        let mut next = begin;
        for batch in run {
            if next >= end {
                break;
            }
            self.producers.note(&batch.header, next);
            next += batch.header.offset_count();
        }
        let (code, why) = (error.code(), error.to_string());
        let mut first = Some(error);
        for place in places.iter_mut().filter(|place| place.as_ref().is_ok_and(|(first, _)| *first >= end)) {
            *place = Err(first.take().unwrap_or_else(|| Error::rejected(code, why.clone())));
        }
    }
}
