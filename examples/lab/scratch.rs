//! A folder for all data of the lab, which does not outlive it.
//!
//! A shell waits for the end of the lab (of a pipe whose other end only the lab holds), then unmounts and removes what is
//! left: so Ctrl-C in the middle of an experiment leaves nothing. Brokers end with the lab by themselves
//! (`--exit-with-parent`).
//!
//! Always true: only what was made here is removed; everything that tempfile and the brokers make lies in it ($TMPDIR).
//! Not done: what a broker that is stopped (SIGSTOP) still holds in that moment stays mounted.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Result;

/// `$0` is the folder, `$1` the control group that an experiment may have made. A broker that is about to end may still
/// hold them.
const CLEAN: &str = r#"trap '' INT TERM HUP
cat >/dev/null
for try in 1 2 3 4 5 6 7 8 9 10; do
    for mount in "$0"/*/mount; do umount "$mount" 2>/dev/null; done
    for group in /sys/fs/cgroup/"$1" /sys/fs/cgroup/memory/"$1"; do rmdir "$group" 2>/dev/null; done
    rm -rf --one-file-system "$0" 2>/dev/null && break
    sleep 0.2
done"#;

pub struct Scratch {
    path: PathBuf,
    cleaner: Child,
}

impl Scratch {
    pub fn make() -> Result<Scratch> {
        let folder = tempfile::Builder::new().prefix("sendlog-lab-").tempdir()?;
        let mut clean = Command::new("sh");
        clean.args(["-c", CLEAN]).arg(folder.path()).arg(group_name());
        let cleaner = clean.stdin(Stdio::piped()).spawn().map_err(|error| format!("sh: {error}"))?;
        // From here on it is the cleaner's.
        let path = folder.keep();
        std::env::set_var("TMPDIR", &path);
        Ok(Scratch { path, cleaner })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.cleaner.stdin.take());
        let _ = self.cleaner.wait();
    }
}

/// The control group that the lab may make for a broker.
pub fn group_name() -> String {
    format!("sendlog-lab-{}", std::process::id())
}
