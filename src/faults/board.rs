//! The plan of a whole process, in a build with the feature `faults`: named by `SENDLOG_FAULT`.
//!
//! That is a plan as text, or the path of a file of 4,096 bytes through which whoever tries the broker sets one plan after
//! another while it runs, and reads the counts, which outlive a kill:
//! ```text
//! byte 0      u64, the plan's number; another number: the text is read again, and the counts begin anew
//! byte 8      u64, calls that the plan speaks of
//! byte 16     u64, calls that it has changed
//! byte 64     the plan's text, ended by a zero byte; one that is no plan lets everything through
//! ```
//! Always true: numbers are in the machine's order; a count is right when it is read after the calls that it counts. The file
//! is read and written past every fault point.
//! Not done: nothing of it is in a build without the feature.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use super::{Operation, Plan, Reached, What};

const SIZE: usize = 4096;
const NUMBER: u64 = 0;
const COUNTS: u64 = 8;
const TEXT: usize = 64;

struct Board {
    /// `None`: there is one plan, from the start on.
    file: Option<File>,
    /// Guards what was read last: the number, the plan, how often it was reached. A leaf.
    read: Mutex<(u64, Option<Plan>, Reached)>,
}

pub(super) fn reach(operation: Operation, path: &Path) -> Option<What> {
    static BOARD: OnceLock<Option<Board>> = OnceLock::new();
    BOARD.get_or_init(Board::open).as_ref()?.reach(operation, path)
}

impl Board {
    /// `None` when nothing is planned. What cannot be used ends the process: a test that plans nothing proves nothing.
    fn open() -> Option<Board> {
        let named = std::env::var("SENDLOG_FAULT").ok()?;
        if let Some(plan) = Plan::parse(&named) {
            return Some(Board { file: None, read: Mutex::new((0, Some(plan), Reached::default())) });
        }
        let file = open(&named).unwrap_or_else(|error| {
            eprintln!("SENDLOG_FAULT={named} is no plan, and no file of {SIZE} bytes: {error}");
            std::process::exit(2);
        });
        Some(Board { file: Some(file), read: Mutex::new((0, None, Reached::default())) })
    }

    fn reach(&self, operation: Operation, path: &Path) -> Option<What> {
        let mut read = self.read.lock().unwrap();
        let (number, plan, reached) = &mut *read;
        if let Some(file) = &self.file {
            let now = number_in(file).expect("the file of the faults can be read");
            if now != *number {
                (*number, *plan, *reached) = (now, plan_in(file), Reached::default());
            }
        }
        let plan = plan.as_ref().filter(|plan| plan.counts(operation, path))?;
        let what = plan.reach(reached);
        if let Some(file) = &self.file {
            let counts = [reached.calls.to_ne_bytes(), reached.faults.to_ne_bytes()].concat();
            file.write_all_at(&counts, COUNTS).expect("the file of the faults can be written");
        }
        what
    }
}

fn open(path: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.metadata()?.len() == SIZE as u64 {
        true => Ok(file),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn number_in(file: &File) -> io::Result<u64> {
    let mut number = [0; 8];
    file.read_exact_at(&mut number, NUMBER)?;
    Ok(u64::from_ne_bytes(number))
}

fn plan_in(file: &File) -> Option<Plan> {
    let mut text = [0; SIZE - TEXT];
    file.read_exact_at(&mut text, TEXT as u64).ok()?;
    let length = text.iter().position(|byte| *byte == 0)?;
    Plan::parse(&String::from_utf8_lossy(&text[..length]))
}
