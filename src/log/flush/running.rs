//! A flush that runs, and what becomes of it when its thread panics.

use super::Flush;
use crate::base::lock::Hold;
use crate::base::ErrorCode;

/// Held while a flush runs: if that ends by a panic, nobody knows what is on the disk, and nobody waits for it any longer.
pub(super) struct Running<'a>(pub(super) &'a Flush);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state.hold().is_running = false;
            self.0.close(ErrorCode::KAFKA_STORAGE_ERROR);
        }
    }
}
