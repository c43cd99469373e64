//! What a power cut may leave of a recorded run, cut off before one of its steps.
//!
//! What a sync covers that had returned is there. Of the rest, file by file, chance decides: nothing, all, a part, or each
//! 512 bytes for themselves present, absent or zero, and the file's size anything up to what it was. Names follow one of two
//! rules. *Journaled*, as ext4 and xfs: all changes of names form one sequence, of which a beginning is there, at least up to
//! the last change that some sync brought with it. *Strict*, what POSIX promises alone: each folder has a sequence of its
//! own, of which only a sync of that very folder says how much is there.
//!
//! Not done: no write of one file ahead of a truncate of the same file; the broker truncates before it writes on.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;

use super::journal::{Journal, Step};
use crate::trial::Random;

const SECTOR: u64 = 512;

/// A tree of files, not yet written.
pub struct Image {
    folders: HashMap<usize, BTreeMap<String, usize>>,
    contents: HashMap<usize, Vec<u8>>,
}

/// What is left of writes that nothing has made durable.
#[derive(Clone, Copy)]
enum Left {
    Nothing,
    All,
    /// Up to this place.
    Part(u64),
    Sectors,
}

impl Image {
    /// The run up to, and without, step `cut`.
    pub fn build(journal: &Journal, cut: usize, random: &mut Random) -> Image {
        let steps = &journal.steps[..cut];
        let horizons = horizons(steps, journal.is_folder.len());
        let folders = names(steps, &horizons, random);
        let alive: Vec<usize> = folders.values().flat_map(BTreeMap::values).copied().collect();
        let mut contents: HashMap<usize, Vec<u8>> =
            alive.into_iter().filter(|file| !journal.is_folder[*file]).map(|file| (file, Vec::new())).collect();
        let mut fates: HashMap<usize, Left> = HashMap::new();
        for (at, step) in steps.iter().enumerate() {
            let (Step::Write { file, .. } | Step::Truncate { file, .. }) = step else { continue };
            let Some(content) = contents.get_mut(file) else { continue };
            let is_durable = at < horizons[*file];
            let left = match is_durable {
                true => Left::All,
                false => *fates.entry(*file).or_insert_with(|| fate(random, content.len() as u64)),
            };
            match step {
                Step::Write { at, bytes, .. } => write(content, *at, bytes, left, random),
                Step::Truncate { length, .. } if !matches!(left, Left::Nothing) => content.resize(*length as usize, 0),
                _ => {}
            }
        }
        Image { folders, contents }
    }

    /// Writes it into an empty folder.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        self.write_folder(0, root)
    }

    fn write_folder(&self, folder: usize, path: &Path) -> io::Result<()> {
        for (name, file) in self.folders.get(&folder).into_iter().flatten() {
            let path = path.join(name);
            match self.contents.get(file) {
                Some(content) => fs::write(path, content)?,
                None => {
                    fs::create_dir(&path)?;
                    self.write_folder(*file, &path)?;
                }
            }
        }
        Ok(())
    }
}

/// For each file and folder the step before which all that happened to it is durable.
fn horizons(steps: &[Step], files: usize) -> Vec<usize> {
    let mut horizons = vec![0; files];
    for step in steps {
        if let Step::Synced { file, began } = step {
            horizons[*file] = horizons[*file].max(*began);
        }
    }
    horizons
}

/// The step before which a journal has all changes of names: a sync of a file that had changed in size or name brings its
/// last change with it, and what came before that.
fn journaled(steps: &[Step]) -> usize {
    let mut changed: HashMap<usize, usize> = HashMap::new();
    let mut horizon = 0;
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Link { folder, file, .. } => {
                changed.insert(*folder, at);
                changed.insert(*file, at);
            }
            Step::Unlink { folder, .. } | Step::Rename { folder, .. } => {
                changed.insert(*folder, at);
            }
            Step::Write { file, .. } | Step::Truncate { file, .. } => {
                changed.insert(*file, at);
            }
            // A change while the sync ran may have missed it.
            Step::Synced { file, began } => {
                if let Some(change) = changed.get(file).filter(|change| *change < began) {
                    horizon = horizon.max(change + 1);
                }
            }
            _ => {}
        }
    }
    horizon
}

/// The names that are left.
fn names(steps: &[Step], horizons: &[usize], random: &mut Random) -> HashMap<usize, BTreeMap<String, usize>> {
    let cut = steps.len();
    let somewhere = |random: &mut Random, from: usize| match random.below(3) {
        0 => from,
        1 => cut,
        _ => from + random.below((cut - from) as u64 + 1) as usize,
    };
    let is_strict = random.below(2) == 0;
    let common = somewhere(random, journaled(steps));
    let mut ends: HashMap<usize, usize> = HashMap::new();
    let mut folders: HashMap<usize, BTreeMap<String, usize>> = HashMap::new();
    for (at, step) in steps.iter().enumerate() {
        let (Step::Link { folder, .. } | Step::Unlink { folder, .. } | Step::Rename { folder, .. }) = step else {
            continue;
        };
        let end = match is_strict {
            true => *ends.entry(*folder).or_insert_with(|| somewhere(random, horizons[*folder])),
            false => common,
        };
        if at >= end {
            continue;
        }
        let names = folders.entry(*folder).or_default();
        match step {
            Step::Link { name, file, .. } => {
                names.insert(name.clone(), *file);
            }
            Step::Unlink { name, .. } => {
                names.remove(name);
            }
            Step::Rename { from, to, .. } => {
                let file = names.remove(from).expect("the sequence has no gap");
                names.insert(to.clone(), file);
            }
            _ => {}
        }
    }
    folders
}

fn fate(random: &mut Random, durable: u64) -> Left {
    match random.below(10) {
        0..=1 => Left::Nothing,
        2..=3 => Left::All,
        4..=5 => Left::Part(durable + random.below(20_000)),
        _ => Left::Sectors,
    }
}

fn write(content: &mut Vec<u8>, at: u64, bytes: &[u8], left: Left, random: &mut Random) {
    let end = at + bytes.len() as u64;
    let grow = |content: &mut Vec<u8>, end: u64| {
        if content.len() < end as usize {
            content.resize(end as usize, 0);
        }
    };
    match left {
        Left::Nothing => {}
        Left::All => {
            grow(content, end);
            content[at as usize..end as usize].copy_from_slice(bytes);
        }
        Left::Part(limit) => {
            let end = end.min(limit);
            if at < end {
                grow(content, end);
                content[at as usize..end as usize].copy_from_slice(&bytes[..(end - at) as usize]);
            }
        }
        Left::Sectors => {
            let size = at + [0, end - at, end - at, random.below(end - at + 1)][random.below(4) as usize];
            if at < size {
                grow(content, size);
            }
            let mut from = at;
            while from < end {
                let to = ((from / SECTOR + 1) * SECTOR).min(end);
                let to_there = to.min(content.len() as u64);
                if from < to_there && random.below(10) < 7 {
                    let piece = &bytes[(from - at) as usize..(to_there - at) as usize];
                    content[from as usize..to_there as usize].copy_from_slice(piece);
                }
                from = to;
            }
        }
    }
}
