//! The broker's log: what is noted anywhere, dated, in the format that `log.format` asks for.
//!
//! Always true: of one event at most `log.repeat.max` lines are written within [`WINDOW`]; those beyond are counted, and the
//! count is a line of its own. So a client that does the same wrong thing again and again fills no disk.
//! Not done: no files and no rotation. Lines go to stderr; journald, docker or a shell keep them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::base::lock::Hold;
use crate::base::sync::Mutex;
use crate::base::{set_note_writer, utc, write_line, Level, Note, NoteWriter};
use crate::config::Config;
use crate::os::journal;
use crate::server::now_ms;

/// How long lines of one event are counted together.
const WINDOW: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `2026-11-25T21:40:00.123Z WARN event key=value sentence`
    Text,
    /// The same for systemd's journal: its level in front, no date.
    Journal,
    /// One object on a line.
    Json,
}

struct LogLines {
    format: Format,
    level: Level,
    /// 0: no limit
    repeat_max: u32,
    /// Guards what was written of each event lately; a leaf.
    bursts: Mutex<HashMap<&'static str, Burst>>,
}

/// Lines of one event.
struct Burst {
    began: Instant,
    written: u32,
    left_out: u32,
}

/// From now on all that is noted in this process is written as the configuration says.
pub fn install(config: &Config) {
    let format = match config.text("log.format") {
        "json" => Format::Json,
        _ if journal::takes_stderr() => Format::Journal,
        _ => Format::Text,
    };
    let level = Level::named(config.text("log.level")).expect("checked when it was set");
    set_note_writer(LogLines {
        format,
        level: if config.flag("log.requests") { Level::Debug } else { level },
        repeat_max: u32::try_from(config.int("log.repeat.max")).expect("checked when it was set"),
        bursts: Mutex::default(),
    });
}

impl NoteWriter for LogLines {
    fn note(&self, note: &Note) {
        if note.level <= self.level && self.admits(note, Instant::now()) {
            self.write(note);
        }
    }

    fn end_bursts(&self) {
        self.end_bursts_at(Instant::now());
    }
}

impl LogLines {
    /// Whether this line is to be written, or only counted. What is asked for with `log.level=debug` is never too much.
    fn admits(&self, note: &Note, now: Instant) -> bool {
        if self.repeat_max == 0 || note.level == Level::Debug {
            return true;
        }
        self.end_bursts_at(now);
        let mut bursts = self.bursts.hold();
        let burst = bursts.entry(note.event).or_insert(Burst { began: now, written: 0, left_out: 0 });
        let is_admitted = burst.written < self.repeat_max;
        match is_admitted {
            true => burst.written += 1,
            false => burst.left_out += 1,
        }
        is_admitted
    }

    fn end_bursts_at(&self, now: Instant) {
        let is_over = |_: &&str, burst: &mut Burst| now.duration_since(burst.began) >= WINDOW;
        let over: Vec<_> = self.bursts.hold().extract_if(is_over).collect();
        for (event, Burst { left_out, .. }) in over.into_iter().filter(|(_, burst)| burst.left_out > 0) {
            let message = format_args!("more of them than log.repeat.max within {} s", WINDOW.as_secs());
            let fields: &[(&str, &dyn std::fmt::Display)] = &[("of", &event), ("count", &left_out)];
            self.write(&Note { level: Level::Warn, event: "lines_left_out", fields, message });
        }
    }

    fn write(&self, note: &Note) {
        write_line(&match self.format {
            Format::Text => format!("{} {}", utc(now_ms()), note.text()),
            Format::Journal => format!("<{}>{}", syslog_number(note.level), note.text()),
            Format::Json => format!("{{\"time\":\"{}\",{}}}", utc(now_ms()), note.json()),
        });
    }
}

/// syslog(3)
fn syslog_number(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(level: Level, repeat_max: u32) -> LogLines {
        LogLines { format: Format::Text, level, repeat_max, bursts: Mutex::default() }
    }

    fn note(level: Level, event: &'static str) -> Note<'static> {
        Note { level, event, fields: &[], message: format_args!("") }
    }

    #[test]
    fn a_burst_is_cut_and_counted_and_other_events_are_not_touched() {
        let lines = lines(Level::Info, 3);
        let now = Instant::now();
        let admitted = |event, at| (0..10).filter(|_| lines.admits(&note(Level::Warn, event), at)).count();
        assert_eq!((admitted("a", now), admitted("b", now)), (3, 3));
        assert_eq!(lines.bursts.lock().unwrap()["a"].left_out, 7);
        assert_eq!(admitted("a", now + WINDOW / 2), 0);
        assert_eq!(admitted("a", now + WINDOW), 3, "another window");
    }

    #[test]
    fn debug_lines_and_no_limit_are_never_cut() {
        let now = Instant::now();
        let some = lines(Level::Debug, 3);
        assert!((0..10).all(|_| some.admits(&note(Level::Debug, "request"), now)));
        let all = lines(Level::Debug, 0);
        assert!((0..10).all(|_| all.admits(&note(Level::Error, "a"), now)));
    }
}
