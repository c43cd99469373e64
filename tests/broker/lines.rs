//! The lines that a process prints, collected by a thread, for others to wait for.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use super::HANG;

#[derive(Clone)]
pub struct Lines(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    lines: Vec<String>,
    has_ended: bool,
}

impl Lines {
    pub fn collect(from: impl Read + Send + 'static) -> Lines {
        let lines = Lines(Arc::default());
        let ours = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n') {
                let Ok(line) = line else { break };
                ours.change(|state| state.lines.push(String::from_utf8_lossy(&line).into_owned()));
            }
            ours.change(|state| state.has_ended = true);
        });
        lines
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0 .0.lock().unwrap());
        self.0 .1.notify_all();
    }

    pub fn now(&self) -> Vec<String> {
        self.0 .0.lock().unwrap().lines.clone()
    }

    /// The first line that contains `part`; none if the process ends, or hangs, without it.
    pub fn wait_for(&self, part: &str) -> Option<String> {
        self.find(|line| line.contains(part))
    }

    /// The first line that is wanted; none if the process ends, or hangs, without it.
    pub fn find(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.wait(|state| state.lines.iter().find(|line| is_wanted(line)).cloned())
    }

    /// All lines, when the process has ended.
    pub fn all(&self) -> Vec<String> {
        self.wait(|state| state.has_ended.then(|| state.lines.clone())).unwrap_or_else(|| self.now())
    }

    fn wait<T>(&self, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + HANG;
        let mut state = self.0 .0.lock().unwrap();
        loop {
            let found = look(&state);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || state.has_ended || left.is_zero() {
                return found;
            }
            state = self.0 .1.wait_timeout(state, left).unwrap().0;
        }
    }
}
