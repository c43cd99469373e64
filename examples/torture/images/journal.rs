//! The journal of a recorded run, as `journal.c` writes it, with its names resolved.
//!
//! A record: six numbers in the machine's byte order (operation, bytes of the path, of the second path, of the data as u32;
//! inode and place as u64), then the two paths and the data.
//!
//! Always true: a file has a number of its own from its creation on, whatever becomes of its name, though the kernel gives
//! inode numbers out again. File 0 is the data directory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

const HEAD_BYTES: usize = 32;

/// What happened, in order.
#[derive(Debug)]
pub enum Step {
    /// A name in a folder is given to a file, or taken away.
    Link {
        folder: usize,
        name: String,
        file: usize,
    },
    Unlink {
        folder: usize,
        name: String,
    },
    Rename {
        folder: usize,
        from: String,
        to: String,
    },
    Write {
        file: usize,
        at: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        file: usize,
        length: u64,
    },
    /// A sync of a file or a folder has returned that began at this step.
    Synced {
        file: usize,
        began: usize,
    },
    /// Answers were sent to these requests.
    Answer(Vec<i32>),
    /// The beginning of a sync, or a change of what is not of this run.
    Nothing,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Write { file, at, bytes } => write!(f, "Write {{ file: {file}, at: {at}, {} bytes }}", bytes.len()),
            other => write!(f, "{other:?}"),
        }
    }
}

#[derive(Default)]
pub struct Journal {
    pub steps: Vec<Step>,
    /// Whether each file is a folder.
    pub is_folder: Vec<bool>,
}

/// A record as it was read.
struct Raw<'j> {
    operation: u8,
    inode: u64,
    at: u64,
    path: &'j str,
    second: &'j str,
    data: &'j [u8],
}

/// What is known between two records.
#[derive(Default)]
struct Names {
    /// The file that has an inode now.
    files: HashMap<u64, usize>,
    /// The names in each folder.
    folders: HashMap<usize, BTreeMap<String, usize>>,
    /// Where each sync began.
    began: HashMap<u64, usize>,
    /// Bytes of the answer that is being sent over each socket, which are still to come.
    to_come: HashMap<u64, u64>,
}

impl Journal {
    pub fn parse(mut bytes: &[u8]) -> Journal {
        let mut journal = Journal::default();
        let mut names = Names::default();
        while let Some(raw) = read(&mut bytes) {
            let step = journal.resolve(raw, &mut names);
            journal.steps.push(step);
        }
        journal
    }

    fn resolve(&mut self, raw: Raw, names: &mut Names) -> Step {
        let file = names.files.get(&raw.inode).copied();
        match (raw.operation, file) {
            (b'C' | b'D', _) => {
                let file = self.is_folder.len();
                self.is_folder.push(raw.operation == b'D');
                names.files.insert(raw.inode, file);
                let Some((folder, name)) = names.find(raw.path) else { return Step::Nothing };
                names.folders.entry(folder).or_default().insert(name.clone(), file);
                Step::Link { folder, name, file }
            }
            (b'U', _) => {
                let Some((folder, name)) = names.find(raw.path) else { return Step::Nothing };
                names.folders.entry(folder).or_default().remove(&name);
                Step::Unlink { folder, name }
            }
            (b'R', _) => {
                let from = names.find(raw.path);
                let Some(((folder, from), (other, to))) = from.zip(names.find(raw.second)) else {
                    return Step::Nothing;
                };
                assert_eq!(folder, other, "{} is renamed to another folder", raw.path);
                let entries = names.folders.entry(folder).or_default();
                let file = entries.remove(&from).expect("a name that was renamed");
                entries.insert(to.clone(), file);
                Step::Rename { folder, from, to }
            }
            (b'W', Some(file)) => Step::Write { file, at: raw.at, bytes: raw.data.to_vec() },
            (b'T', Some(file)) => Step::Truncate { file, length: raw.at },
            (b'b', _) => {
                names.began.insert(raw.at, self.steps.len());
                Step::Nothing
            }
            (b'S', Some(file)) => {
                names.began.remove(&raw.at).map_or(Step::Nothing, |began| Step::Synced { file, began })
            }
            (b'A', _) => Step::Answer(names.answered(&raw)),
            (b'F', _) => {
                let to_come = names.to_come.entry(raw.inode).or_default();
                *to_come = to_come.saturating_sub(raw.at);
                Step::Nothing
            }
            (b'P', _) => {
                names.to_come.clear();
                Step::Nothing
            }
            _ => Step::Nothing,
        }
    }
}

impl Names {
    /// The correlation ids of answers that begin in these bytes, each behind its size.
    fn answered(&mut self, raw: &Raw) -> Vec<i32> {
        let to_come = self.to_come.entry(raw.inode).or_default();
        let mut ids = Vec::new();
        let mut at = *to_come;
        while let Some(head) = raw.data.get(at as usize..at as usize + 8) {
            let number = |at: usize| i32::from_be_bytes(head[at..at + 4].try_into().expect("4 bytes"));
            ids.push(number(4));
            at += 4 + number(0).max(4) as u64;
        }
        *to_come = at.saturating_sub(raw.at);
        ids
    }

    /// The folder and the name in it; none for the data directory itself.
    fn find(&self, path: &str) -> Option<(usize, String)> {
        let mut parts = path.trim_start_matches('/').split('/').peekable();
        let mut folder = 0;
        loop {
            let name = parts.next().filter(|name| !name.is_empty())?;
            if parts.peek().is_none() {
                return Some((folder, name.to_string()));
            }
            folder = *self.folders.get(&folder)?.get(name)?;
        }
    }
}

fn read<'j>(bytes: &mut &'j [u8]) -> Option<Raw<'j>> {
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let number = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().expect("4 bytes")) as usize;
    let large = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().expect("8 bytes"));
    let (path, rest) = rest.split_at_checked(number(4))?;
    let (second, rest) = rest.split_at_checked(number(8))?;
    let (data, rest) = rest.split_at_checked(number(12))?;
    *bytes = rest;
    let text = |bytes| std::str::from_utf8(bytes).expect("names of ours are text");
    let (path, second) = (text(path), text(second));
    Some(Raw { operation: head[0], inode: large(16), at: large(24), path, second, data })
}
