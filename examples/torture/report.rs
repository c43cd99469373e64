//! The report: a row of a Markdown table for each part, written as soon as the part has ended.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sendlog::base::utc;

use crate::trial::{Outcome, Part, Trial};

const HEAD: &str = "| part | what was done | how many | what was seen | took | when |\n|---|---|---|---|---|---|\n";

pub struct Report {
    path: PathBuf,
}

impl Report {
    /// Rows of earlier runs stay: a report is what has been seen.
    pub fn new(path: &Path) -> Report {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("the report's folder can be made");
        }
        Report { path: path.to_path_buf() }
    }

    pub fn add(&mut self, part: &Part, trial: &Trial, took: Duration, outcome: &Outcome) {
        let seen = match outcome {
            Ok(seen) => seen.clone(),
            Err(broken) => format!("**BROKEN** (seed {}): {broken}", trial.seed),
        };
        let (name, what, unit) = (part.name, part.what, part.unit);
        let cell = seen.replace('\n', " ").replace('|', "\\|");
        let row =
            format!("| {name} | {what} | {} {unit} | {cell} | {} s | {} |\n", trial.amount, took.as_secs(), today());
        let text = if self.path.exists() { row } else { format!("{HEAD}{row}") };
        let mut file = fs::OpenOptions::new().append(true).create(true).open(&self.path).expect("the report opens");
        file.write_all(text.as_bytes()).expect("the report is written");
        eprintln!("torture: {name}: {} {unit} in {:.1} s: {seen}", trial.amount, took.as_secs_f64());
    }
}

fn today() -> String {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    utc(ms as i64)[..10].to_string()
}
