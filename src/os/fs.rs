//! Every file operation of the broker. Whatever reads or changes something passes a fault point ([`crate::faults`]), so
//! that a test can make any of them fail, or stop the process between any two; questions about names and space do not.
//!
//! Always true: a file of ours is created with mode 0600, a folder with 0700, and no last component that is a
//! symlink is opened or changed; the data directory itself may be one. An error carries its path. "Durable" is spelled out
//! by [`replace`]: write, sync the data, rename, sync the folder.
//! Not done: no retries of a failed sync; the first error is final, since the kernel may report success the next time and
//! have dropped the pages.

use std::ffi::CString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::{metrics, Error, Result};
use crate::faults::seeded;
use crate::faults::{self, Operation};
use crate::os::checked;

/// Whether nothing on the disk is to be changed.
static IS_READ_ONLY: AtomicBool = AtomicBool::new(false);

/// From now on whatever would change something on the disk fails instead.
pub fn forbid_changes() {
    IS_READ_ONLY.store(true, Ordering::Relaxed);
}

fn refuse_change(operation: Operation) -> io::Result<()> {
    use Operation::{Append, Copy, Create, MakeFolder, RemoveFolder, Rename, Truncate, Unlink, Write};
    const CHANGES: [Operation; 9] = [Append, Copy, Create, MakeFolder, RemoveFolder, Rename, Truncate, Unlink, Write];
    match IS_READ_ONLY.load(Ordering::Relaxed) && CHANGES.contains(&operation) {
        true => Err(io::Error::from_raw_os_error(libc::EROFS)),
        false => Ok(()),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    |source| Error::Storage { path: path.to_path_buf(), source }
}

/// Passes a fault point; false: the operation is to say that it is done, and do nothing.
fn pass(operation: Operation, path: &Path) -> Result<bool> {
    refuse_change(operation).and_then(|()| faults::pass(operation, path)).map_err(at(path))
}

/// Passes a fault point where `wanted` bytes are to be moved; how many of them can be.
fn room(operation: Operation, path: &Path, wanted: usize) -> io::Result<usize> {
    refuse_change(operation)?;
    faults::room(operation, path, wanted)
}

/// What a full disk says after it took a part.
fn full() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOSPC)
}

/// `None` for what is not there.
fn if_there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    options
}

/// Makes an empty file to append to and to read at any place; whatever had its name is emptied.
pub fn create_append(path: &Path) -> Result<File> {
    let file = open(Operation::Create, path, options().append(true).read(true).create(true))?;
    file.set_len(0).map_err(at(path))?;
    Ok(file)
}

/// Opens a file that exists, to append to it and to read it at any place.
pub fn open_append(path: &Path) -> Result<File> {
    open(Operation::Open, path, options().append(true).read(true))
}

/// Opens a file that exists, to read it.
pub fn open_read(path: &Path) -> Result<File> {
    open(Operation::Open, path, options().read(true))
}

fn open(operation: Operation, path: &Path, options: &OpenOptions) -> Result<File> {
    metrics::note_call();
    pass(operation, path)?;
    options.open(path).map_err(at(path))
}

/// The size of the file system that `path` is on, and what of it a process like this one may still use.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    pub total_bytes: u64,
    pub usable_bytes: u64,
}

/// `statvfs(3)`.
pub fn space(path: &Path) -> Result<Space> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| at(path)(error.into()))?;
    let mut found = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `name` ends with a zero byte and `found` has room for what the kernel fills in.
    checked(unsafe { libc::statvfs(name.as_ptr(), found.as_mut_ptr()) }).map_err(at(path))?;
    // SAFETY: the call succeeded, so all of it is filled in.
    let found = unsafe { found.assume_init() };
    Ok(Space { total_bytes: found.f_blocks * found.f_frsize, usable_bytes: found.f_bavail * found.f_frsize })
}

/// Appends all of `bytes` with one `write(2)` where the kernel takes them at once.
pub fn append(file: &File, path: &Path, bytes: &[u8]) -> Result<()> {
    append_all(file, path, &mut [IoSlice::new(bytes)])
}

/// Appends all slices, one behind the other, with one `writev(2)` where the kernel takes them at once.
pub fn append_all(mut file: &File, path: &Path, mut slices: &mut [IoSlice]) -> Result<()> {
    let whole: usize = slices.iter().map(|slice| slice.len()).sum();
    let taken = room(Operation::Append, path, whole).map_err(at(path))?;
    if taken < whole {
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied()).take(taken).collect::<Vec<u8>>();
        return Err(at(path)(file.write_all(&bytes).err().unwrap_or_else(full)));
    }
    while !slices.is_empty() {
        metrics::note_call();
        match file.write_vectored(slices) {
            Ok(0) => return Err(at(path)(io::ErrorKind::WriteZero.into())),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(at(path)(error)),
        }
    }
    Ok(())
}

/// Fills `buffer` from `position` on, and returns how much of it: less only at the file's end. A short read is not the
/// end: the kernel gives what lies before a page that it cannot read, and the error with the next read.
pub fn read_at(file: &File, path: &Path, buffer: &mut [u8], position: u64) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        metrics::note_call();
        let end = filled + room(Operation::Read, path, buffer.len() - filled).map_err(at(path))?;
        match file.read_at(&mut buffer[filled..end], position + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(at(path)(error)),
        }
    }
    Ok(filled)
}

/// Fills `buffer` from `position` on; a file that ends before is an error.
pub fn read_exact_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    metrics::note_call();
    let room = room(Operation::Read, Path::new(""), buffer.len())?;
    let (first, rest) = buffer.split_at_mut(room);
    file.read_exact_at(first, position)?;
    file.read_exact_at(rest, position + room as u64)
}

/// Bytes that are read at first; most files that are read whole are smaller.
const SMALL: usize = 1 << 10;

/// Reads a small file whole; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    pass(Operation::Open, path)?;
    let Some(file) = if_there(options().read(true).open(path)).map_err(at(path))? else { return Ok(None) };
    // The standard library asks for size and place first, and a start reads thousands of these.
    let mut bytes = vec![0; SMALL];
    let mut filled = read_at(&file, path, &mut bytes, 0)?;
    while filled == bytes.len() {
        bytes.resize(2 * filled, 0);
        filled += read_at(&file, path, &mut bytes[filled..], filled as u64)?;
    }
    bytes.truncate(filled);
    Ok(Some(bytes))
}

/// Reads a file that is not ours, such as a configuration file; a symlink is followed.
pub fn read_following(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(at(path))
}

/// Whether data is of no use to a later process, so that no sync waits for the disk.
static IS_SCRATCH: AtomicBool = AtomicBool::new(false);

/// From now on nothing is synced: the data goes when this process does.
pub fn sync_nothing() {
    IS_SCRATCH.store(true, Ordering::Relaxed);
}

/// `fdatasync(2)`: returns when the bytes written so far are on the disk.
pub fn sync_data(file: &File, path: &Path) -> Result<()> {
    metrics::note_call();
    if !pass(Operation::Sync, path)? || IS_SCRATCH.load(Ordering::Relaxed) {
        return Ok(());
    }
    file.sync_data().map_err(at(path))
}

/// Makes the names in a folder durable: those created, renamed and removed.
pub fn sync_dir(path: &Path) -> Result<()> {
    open_folder(path)?.sync()
}

/// A folder that was opened to be synced, for changes that must not fail halfway for want of a descriptor.
pub struct Folder<'a> {
    path: &'a Path,
    /// `None`: nothing is synced.
    open: Option<File>,
}

pub fn open_folder(path: &Path) -> Result<Folder<'_>> {
    pass(Operation::Open, path)?;
    let is_scratch = IS_SCRATCH.load(Ordering::Relaxed) || seeded::is_on("no-folder-sync");
    let open = (!is_scratch).then(|| File::open(path)).transpose().map_err(at(path))?;
    Ok(Folder { path, open })
}

impl Folder<'_> {
    /// Makes the names in it durable.
    pub fn sync(&self) -> Result<()> {
        metrics::note_call();
        match &self.open {
            Some(folder) if pass(Operation::SyncFolder, self.path)? => folder.sync_all().map_err(at(self.path)),
            _ => Ok(()),
        }
    }
}

/// Makes the files and names in new folders durable, and the folders' own names in `root`.
///
/// Folder by folder: one `syncfs(2)` is less work, but waits for whatever else on the file system is not written yet,
/// also what is not ours.
pub fn sync_folders(root: &Path, folders: &[PathBuf]) -> Result<()> {
    for folder in folders {
        for entry in list(folder)? {
            let path = folder.join(entry.name);
            sync_data(&open_read(&path)?, &path)?;
        }
        sync_dir(folder)?;
    }
    sync_dir(root)
}

/// Cuts a file, or nothing when it is not longer than `length` already.
pub fn truncate(file: &File, path: &Path, length: u64) -> Result<()> {
    metrics::note_call();
    pass(Operation::Truncate, path)?;
    file.set_len(length).map_err(at(path))
}

/// Writes a file of at most a few kilobytes in place of the old one, durably or not at all.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_contents(path, bytes)?;
    sync_dir(folder_of(path))
}

/// [`replace`] without the last step: the new contents are whole, but a power cut may bring the old ones back.
pub fn replace_contents(path: &Path, bytes: &[u8]) -> Result<()> {
    let (temporary, file) = write_temporary(path, bytes)?;
    sync_data(&file, &temporary)?;
    rename(&temporary, path)
}

/// Replaces what a file holds without any sync: after a power cut it may be the old file, the new one, or one that cannot
/// be read; after a kill it is the old one or the new one.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<()> {
    let (temporary, _) = write_temporary(path, bytes)?;
    rename(&temporary, path)
}

fn write_temporary(path: &Path, bytes: &[u8]) -> Result<(PathBuf, File)> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let taken = room(Operation::Write, &temporary, bytes.len()).map_err(at(&temporary))?;
    let mut file = options().write(true).create(true).truncate(true).open(&temporary).map_err(at(&temporary))?;
    file.write_all(&bytes[..taken]).map_err(at(&temporary))?;
    if taken < bytes.len() {
        return Err(at(&temporary)(full()));
    }
    Ok((temporary, file))
}

/// Copies `length` bytes from `position` on into a new file, and syncs it and its folder.
pub fn copy_aside(file: &File, path: &Path, position: u64, length: u64, to: &Path) -> Result<()> {
    let taken = room(Operation::Copy, to, length as usize).map_err(at(to))? as u64;
    let mut copy = options().write(true).create(true).truncate(true).open(to).map_err(at(to))?;
    let mut buffer = vec![0; 64 << 10];
    let mut done = 0;
    while done < taken {
        let want = buffer.len().min((taken - done) as usize);
        let got = read_at(file, path, &mut buffer[..want], position + done)?;
        if got == 0 {
            break;
        }
        copy.write_all(&buffer[..got]).map_err(at(to))?;
        done += got as u64;
    }
    if taken < length {
        return Err(at(to)(full()));
    }
    sync_data(&copy, to)?;
    sync_dir(folder_of(to))
}

pub fn rename(from: &Path, to: &Path) -> Result<()> {
    metrics::note_call();
    pass(Operation::Rename, from)?;
    std::fs::rename(from, to).map_err(at(from))
}

/// Removes a file; none there is as good.
pub fn unlink(path: &Path) -> Result<()> {
    metrics::note_call();
    pass(Operation::Unlink, path)?;
    if_there(std::fs::remove_file(path)).map(drop).map_err(at(path))
}

/// Removes a folder and the files in it.
pub fn remove_folder(path: &Path) -> Result<()> {
    pass(Operation::RemoveFolder, path)?;
    std::fs::remove_dir_all(path).map_err(at(path))
}

/// Makes a new folder; one that is there already is an error, since nobody knows what is in it.
pub fn make_folder(path: &Path) -> Result<()> {
    pass(Operation::MakeFolder, path)?;
    DirBuilder::new().mode(0o700).create(path).map_err(at(path))
}

/// Makes a folder and those above it that are missing.
pub fn make_folders(path: &Path) -> Result<()> {
    if is_folder(path) {
        return Ok(());
    }
    pass(Operation::MakeFolder, path)?;
    DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(at(path))
}

/// The absolute path of what is there, without symlinks.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).map_err(at(path))
}

pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether this is a folder, and not a symlink to one.
pub fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// A file's size in bytes; `None` when there is none.
pub fn size(path: &Path) -> Result<Option<u64>> {
    pass(Operation::Look, path)?;
    let found = if_there(path.symlink_metadata()).map_err(at(path))?;
    Ok(found.map(|metadata| metadata.len()))
}

/// When a file was last written, in ms since 1970; `None` when that cannot be known.
pub fn modified_ms(path: &Path) -> Option<i64> {
    let modified = path.symlink_metadata().ok()?.modified().ok()?;
    let age = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(age.as_millis()).ok()
}

/// One name in a folder.
pub struct Entry {
    pub name: String,
    pub is_folder: bool,
}

/// The names in a folder, sorted; those that are not UTF-8 cannot be ours and are left out.
pub fn list(path: &Path) -> Result<Vec<Entry>> {
    pass(Operation::List, path)?;
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(at(path))? {
        let entry = entry.map_err(at(path))?;
        let is_folder = entry.file_type().map_err(at(path))?.is_dir();
        if let Ok(name) = entry.file_name().into_string() {
            entries.push(Entry { name, is_folder });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// A locked file, until it is dropped. The lock is one of the open file (`F_OFD_SETLK` of `fcntl(2)`), since a Java program's
/// locks, so Kafka's, are of that kind too and heed it; those of `flock(2)` they do not see.
#[derive(Debug)]
pub struct FileLock(File);

/// Locks a file: `None` when another process holds it.
pub fn lock(path: &Path) -> Result<Option<FileLock>> {
    let file = open(Operation::Lock, path, options().write(true).create(true).truncate(false))?;
    lock_open(file, path, libc::F_WRLCK)
}

/// The same of a file that is there, and together with others who only read; nothing of it changes.
pub fn lock_shared(path: &Path) -> Result<Option<FileLock>> {
    let file = open(Operation::Lock, path, options().read(true))?;
    lock_open(file, path, libc::F_RDLCK)
}

fn lock_open(file: File, path: &Path, kind: libc::c_int) -> Result<Option<FileLock>> {
    match set_lock(&file, kind) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        other => other.map(|_| Some(FileLock(file))).map_err(at(path)),
    }
}

/// Of the whole file, without waiting.
fn set_lock(file: &File, kind: libc::c_int) -> io::Result<libc::c_int> {
    // SAFETY: all of it is integers, for which zero is a value: the whole file, from its start.
    let mut whole: libc::flock = unsafe { std::mem::zeroed() };
    whole.l_type = kind as libc::c_short;
    whole.l_whence = libc::SEEK_SET as libc::c_short;
    // SAFETY: the descriptor is open, and the structure lives until the call returns.
    checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &whole) })
}

/// Closing alone would not do: a process that another thread is just starting has the file open too, until it runs its program.
impl Drop for FileLock {
    fn drop(&mut self) {
        let _ = set_lock(&self.0, libc::F_UNLCK);
    }
}

/// The folder that a path lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().expect("a file of ours lies in a folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Java locks a file: `F_SETLK` of `fcntl(2)`.
    fn locks_as_java(path: &Path) -> bool {
        let file = options().write(true).open(path).unwrap();
        // SAFETY: all of it is integers, for which zero is a value.
        let mut whole: libc::flock = unsafe { std::mem::zeroed() };
        whole.l_type = libc::F_WRLCK as libc::c_short;
        // SAFETY: the descriptor is open, and the structure lives until the call returns.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &whole) == 0 }
    }

    #[test]
    fn a_lock_keeps_this_program_and_kafka_out_and_ends_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let held = lock(&path).unwrap();
        assert!(held.is_some());
        assert!(lock(&path).unwrap().is_none(), "a second one");
        assert!(!locks_as_java(&path), "Kafka");
        drop(held);
        assert!(locks_as_java(&path) && lock(&path).unwrap().is_some());
    }

    #[test]
    fn a_process_that_is_being_started_does_not_keep_a_lock_that_was_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..100 {
                    std::process::Command::new("true").status().unwrap();
                }
                done.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(lock(&path).unwrap().is_some());
            }
        });
    }
}
