//! One log line on stderr.
//!
//! Always true: a line is written whole, and a closed stderr never stops the broker.
//! Not done: no levels and no timestamps; whatever collects the lines (journald, docker, a shell) adds them.

/// Writes one line to stderr: `note!("demo-0: recovered, end offset {end}")`.
#[macro_export]
macro_rules! note {
    ($($arg:tt)*) => {{
        use std::io::Write;
        let line = format!("{}\n", format_args!($($arg)*));
        // A log line that cannot be written has nowhere else to go.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }};
}
