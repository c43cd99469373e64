//! The plan of a whole process, in a build with the feature `faults`: named by `SENDLOG_FAULT`.
//!
//! That is a plan as text, or the path of a file of 4,096 bytes through which whoever tries the broker sets one plan after
//! another while it runs (`mmap(2)`, so that the counts outlive a kill):
//! ```text
//! byte 0      u64, the plan's number; another number: the text is read again, and the counts begin anew
//! byte 8      u64, calls that the plan speaks of
//! byte 16     u64, calls that it has changed
//! byte 64     the plan's text, ended by a zero byte; one that is no plan lets everything through
//! ```
//! Always true: numbers are in the machine's order; a count is right when it is read after the calls that it counts.
//! Not done: nothing of it is in a build without the feature.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicU8, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock};

use super::{Operation, Plan, Reached, What};

const SIZE: usize = 4096;
const TEXT: usize = 64;

/// As the file holds it.
#[repr(C)]
struct Memory {
    number: AtomicU64,
    calls: AtomicU64,
    faults: AtomicU64,
    _free: [AtomicU64; 5],
    text: [AtomicU8; SIZE - TEXT],
}

const _: () = assert!(std::mem::size_of::<Memory>() == SIZE && std::mem::offset_of!(Memory, text) == TEXT);

struct Board {
    memory: &'static Memory,
    /// Guards what was read of the memory last: the number, the plan, how often it was reached. A leaf.
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
            // SAFETY: all-zero bytes are valid atomics.
            let memory: Box<Memory> = Box::new(unsafe { std::mem::zeroed() });
            return Some(Board { memory: Box::leak(memory), read: Mutex::new((0, Some(plan), Reached::default())) });
        }
        let memory = map(&named).unwrap_or_else(|error| {
            eprintln!("SENDLOG_FAULT={named} is no plan, and no file of {SIZE} bytes: {error}");
            std::process::exit(2);
        });
        Some(Board { memory, read: Mutex::new((0, None, Reached::default())) })
    }

    fn reach(&self, operation: Operation, path: &Path) -> Option<What> {
        let mut read = self.read.lock().unwrap();
        let (number, plan, reached) = &mut *read;
        let now = self.memory.number.load(SeqCst);
        if now != *number {
            let bytes = self.memory.text.iter().map(|byte| byte.load(SeqCst)).take_while(|byte| *byte != 0);
            let text = String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned();
            (*number, *plan, *reached) = (now, Plan::parse(&text), Reached::default());
        }
        let plan = plan.as_ref().filter(|plan| plan.counts(operation, path))?;
        let what = plan.reach(reached);
        self.memory.calls.store(reached.calls, SeqCst);
        self.memory.faults.store(reached.faults, SeqCst);
        what
    }
}

fn map(path: &str) -> std::io::Result<&'static Memory> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
    if file.metadata()?.len() != SIZE as u64 {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at a place that the kernel chooses; the descriptor is open.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), SIZE, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if at == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the mapping is as large as `Memory`, starts at a page, is never unmapped, and is used through atomics alone.
    Ok(unsafe { &*at.cast::<Memory>() })
}
