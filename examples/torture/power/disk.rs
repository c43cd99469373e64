//! A file system in a file, mounted over a loop device, that can lose its power.
//!
//! Always true: it is unmounted when it goes out of scope. A cut first looks that it does not hit the file system of `/`.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::broker::until;

/// xfs wants 300 MB at least; the file is sparse.
const BYTES: u64 = 320 << 20;
/// `EXT4_IOC_SHUTDOWN` and `XFS_IOC_GOINGDOWN`: `_IOR('X', 125, u32)`.
const SHUTDOWN: libc::c_ulong = 0x8004_587d;
/// Not even the journal is flushed.
const NO_LOG_FLUSH: u32 = 2;

pub struct Disk {
    image: PathBuf,
    mount_point: PathBuf,
}

impl Disk {
    /// Makes and mounts one in `home`; or why that cannot be.
    pub fn make(home: &Path, kind: &str) -> Result<Disk, String> {
        // SAFETY: no arguments, no memory.
        if unsafe { libc::geteuid() } != 0 {
            return Err("needs root".to_string());
        }
        let disk = Disk { image: home.join("image"), mount_point: home.join("mount") };
        fs::create_dir(&disk.mount_point).map_err(|error| error.to_string())?;
        let image = File::create(&disk.image).and_then(|image| image.set_len(BYTES));
        image.map_err(|error| error.to_string())?;
        let force = if kind == "xfs" { "-f" } else { "-F" };
        run(Command::new(format!("mkfs.{kind}")).args(["-q", force]).arg(&disk.image))?;
        disk.mount().map_err(|why| format!("needs loop devices: {why}"))?;
        Ok(disk)
    }

    pub fn mount_point(&self) -> &Path {
        &self.mount_point
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mount_point))
    }

    fn unmount(&self) -> Result<(), String> {
        run(Command::new("umount").arg(&self.mount_point))
    }

    /// From here on nothing reaches the disk, and what had not reached it is gone.
    pub fn cut(&self) {
        let of = |path: &Path| fs::metadata(path).expect("it is there").dev();
        assert_ne!(of(&self.mount_point), of(Path::new("/")), "{} is not mounted", self.mount_point.display());
        let folder = File::open(&self.mount_point).expect("the mount opens");
        // SAFETY: the descriptor is open and the flag outlives the call, which only reads it.
        let result = unsafe { libc::ioctl(folder.as_raw_fd(), SHUTDOWN, &NO_LOG_FLUSH) };
        assert_eq!(result, 0, "the file system cannot be cut: {}", std::io::Error::last_os_error());
    }

    /// The machine is back: the file system's own recovery runs.
    pub fn mount_again(&self) {
        // Whoever was killed may hold it for a moment.
        until("the cut file system can be unmounted", || self.unmount().ok());
        self.mount().expect("a file system that was cut can be mounted again");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(why) = self.unmount() {
            // Making it may have failed before it was mounted; a broker that still runs loses it when it ends.
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.mount_point))
                .map_err(|_| eprintln!("torture: {}: {why}", self.mount_point.display()));
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
