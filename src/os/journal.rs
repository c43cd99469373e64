//! Whether stderr goes to systemd's journal, which dates lines by itself and reads a level in front of them
//! (`sd-daemon(3)`; systemd.exec(5), `JOURNAL_STREAM`).
//!
//! Always true: true only for the very stream that systemd made; a redirected stderr is none.
//! Not done: nothing is written to the journal's socket.

use std::os::unix::fs::MetadataExt;

/// True when stderr is the very stream that systemd has named in the environment.
pub fn takes_stderr() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let stderr = std::fs::metadata("/proc/self/fd/2");
    stderr.is_ok_and(|stderr| format!("{}:{}", stderr.dev(), stderr.ino()) == stream)
}
