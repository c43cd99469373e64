//! A flush that runs, and what becomes of those who wait for it when it comes to nothing.
//!
//! Always true: a flush that ends by a panic leaves nobody waiting for it, now or later.
//! Not done: it does not flush, and does not judge what came of it.

use super::Flush;
use crate::base::lock::Hold;
use crate::base::ErrorCode;

/// Held while a flush runs: if that ends by a panic, nobody knows what is on the disk, and nobody waits for it any longer.
pub(super) struct Running<'a>(pub(super) &'a Flush);

impl Running<'_> {
    /// Ends it, and all waiting, now and later.
    pub(super) fn end_all(&self, code: ErrorCode) {
        self.0.state.hold().is_running = false;
        self.0.close(code);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.end_all(ErrorCode::KAFKA_STORAGE_ERROR);
        }
    }
}
