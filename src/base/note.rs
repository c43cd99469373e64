//! One log line on stderr.
//!
//! Always true: a line is written whole, and is one line whatever a client put into a name: control characters come
//! out escaped. A closed stderr never stops the broker.
//! Not done: no levels and no timestamps; whatever collects the lines (journald, docker, a shell) adds them.

use std::io::Write;

/// Writes one line to stderr: `note!("demo-0: recovered, end offset {end}")`.
#[macro_export]
macro_rules! note {
    ($($arg:tt)*) => {{
        $crate::base::write_note(&format!($($arg)*));
    }};
}

#[doc(hidden)]
pub fn write_note(text: &str) {
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line.push('\n');
    // A log line that cannot be written has nowhere else to go.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
