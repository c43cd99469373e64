//! One log line: a level, the event's name, keys with values, and a sentence for people.
//!
//! `note!(Warn, "partition_offline", [partition = name], "OFFLINE until the broker starts again: {error}")`. Events and keys
//! are what a script may look for: they stay as they are, whatever becomes of the sentence.
//!
//! Always true: a line is written whole, and is one line whatever a client put into a name: control characters and
//! those that turn the direction of text come out escaped. A closed stderr never stops the process.
//! Not done: no clock, no choice of format, no limit: the broker brings those with a writer of its own
//! ([`set_note_writer`]). Without one a line goes to stderr as text.

use std::fmt::{self, Display};
use std::io::Write;
use std::sync::OnceLock;

/// How much it matters; the worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Something is lost or out of order until somebody acts.
    Error,
    /// Something did not work, or not as asked, and the broker goes on.
    Warn,
    Info,
    Debug,
}

impl Level {
    pub const NAMES: &'static [&'static str] = &["error", "warn", "info", "debug"];

    pub fn name(self) -> &'static str {
        Level::NAMES[self as usize]
    }

    pub fn named(name: &str) -> Option<Level> {
        [Level::Error, Level::Warn, Level::Info, Level::Debug]
            .into_iter()
            .find(|level| level.name() == name)
    }
}

/// What is to be written.
pub struct Note<'a> {
    pub level: Level,
    pub event: &'static str,
    pub fields: &'a [(&'static str, &'a dyn Display)],
    pub message: fmt::Arguments<'a>,
}

impl Note<'_> {
    /// `WARN partition_offline partition=demo-0 OFFLINE until the broker starts again: ...`
    pub fn text(&self) -> String {
        let mut line = format!("{} {}", self.level.name().to_uppercase(), self.event);
        for (key, value) in self.fields {
            let value = value.to_string();
            let is_plain = !value.is_empty() && !value.contains([' ', '"', '=']);
            line +=
                &if is_plain { format!(" {key}={}", one_line(&value)) } else { format!(" {key}={}", quoted(&value)) };
        }
        let message = one_line(&self.message.to_string());
        if message.is_empty() {
            line
        } else {
            line + " " + &message
        }
    }

    /// The members of a JSON object, without its braces.
    pub fn json(&self) -> String {
        let mut members = format!(r#""level":"{}","event":"{}""#, self.level.name(), self.event);
        for (key, value) in self.fields {
            members += &format!(r#","{key}":{}"#, quoted(&value.to_string()));
        }
        members + r#","message":"# + &quoted(&self.message.to_string())
    }
}

/// Writes one line: `note!(Info, "topic_created", [topic = name], "it has {count} partitions")`.
#[macro_export]
macro_rules! note {
    ($level:ident, $event:literal, [$($key:ident = $value:expr),*], $($message:tt)+) => {
        $crate::base::write_note(&$crate::base::Note {
            level: $crate::base::Level::$level,
            event: $event,
            fields: &[$((stringify!($key), &$value as &dyn std::fmt::Display)),*],
            message: format_args!($($message)+),
        })
    };
}

/// What becomes of notes.
pub trait NoteWriter: Send + Sync {
    fn note(&self, note: &Note);
    /// Called now and then: says what it left out of bursts that are over.
    fn end_bursts(&self) {}
}

impl<F: Fn(&Note) + Send + Sync> NoteWriter for F {
    fn note(&self, note: &Note) {
        self(note);
    }
}

static WRITER: OnceLock<Box<dyn NoteWriter>> = OnceLock::new();

/// From now on `writer` gets what is noted; the first one stays.
pub fn set_note_writer(writer: impl NoteWriter + 'static) {
    let _ = WRITER.set(Box::new(writer));
}

#[doc(hidden)]
pub fn write_note(note: &Note) {
    match WRITER.get() {
        Some(writer) => writer.note(note),
        None => write_line(&note.text()),
    }
}

/// Has what was left out of bursts that are over said.
pub fn end_note_bursts() {
    WRITER.get().into_iter().for_each(|writer| writer.end_bursts());
}

/// Writes a line to stderr, whole.
pub fn write_line(line: &str) {
    if cfg!(test) {
        return eprintln!("{line}"); // kept, and shown when the test fails
    }
    // A log line that cannot be written has nowhere else to go.
    let _ = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// Whether a character could end the line, or make it read in another order than it was written.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match needs_escape(c) {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

/// The text as a JSON string, quotes included (RFC 8259).
pub fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if needs_escape(c) => json += &format!("\\u{:04x}", c as u32),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<R>(topic: &str, then: impl FnOnce(&Note<'_>) -> R) -> R {
        let fields: [(&'static str, &dyn Display); 2] = [("topic", &topic), ("partition", &7)];
        then(&Note { level: Level::Warn, event: "lost", fields: &fields, message: format_args!("of {topic}: gone") })
    }

    #[test]
    fn a_line_has_its_event_its_keys_and_its_sentence() {
        assert_eq!(with("demo", |note| note.text()), "WARN lost topic=demo partition=7 of demo: gone");
        let json = with("demo", |note| note.json());
        assert_eq!(json, r#""level":"warn","event":"lost","topic":"demo","partition":"7","message":"of demo: gone""#);
    }

    #[test]
    fn what_a_client_calls_itself_makes_no_second_line_and_no_second_key() {
        let name = "a\nERROR \"b\" topic=c\u{202e}\\";
        assert_eq!(
            with(name, |note| note.text()),
            r#"WARN lost topic="a\u000aERROR \"b\" topic=c\u202e\\" partition=7 of a\nERROR "b" topic=c\u{202e}\: gone"#
        );
        let json = with(name, |note| note.json());
        assert!(json.contains(r#""topic":"a\u000aERROR \"b\" topic=c\u202e\\","partition""#), "{json}");
        assert_eq!(with("", |note| note.text()), r#"WARN lost topic="" partition=7 of : gone"#);
    }

    #[test]
    fn levels_are_known_by_name_and_sorted() {
        assert_eq!(Level::NAMES.iter().filter_map(|name| Level::named(name)).count(), 4);
        assert!(Level::named("error") < Level::named("debug"));
    }
}
