//! A control group with little memory, for one broker (`cgroups(7)`, version 1 or 2).
//!
//! Always true: the group is new, nobody else is in it, and it is removed.
//! Not done: nothing but memory is limited.

use std::fs;
use std::path::{Path, PathBuf};

use crate::broker::{until, Broker};
use crate::scratch::group_name;

pub struct Group(PathBuf);

impl Group {
    /// Where that is not allowed: why.
    pub fn with_memory(bytes: u64) -> Result<Group, String> {
        let root = Path::new("/sys/fs/cgroup");
        let shared = fs::read_to_string(root.join("cgroup.subtree_control")).unwrap_or_default();
        let (parent, limit) = match () {
            () if shared.split_whitespace().any(|controller| controller == "memory") => {
                (root.to_path_buf(), "memory.max")
            }
            () if root.join("memory/memory.limit_in_bytes").exists() => (root.join("memory"), "memory.limit_in_bytes"),
            () => return Err("there is no memory controller for control groups here".to_string()),
        };
        let path = parent.join(group_name());
        let failed = |error: std::io::Error| format!("{}: {error}: limiting memory needs root", path.display());
        fs::create_dir(&path).map_err(failed)?;
        let group = Group(path.clone());
        fs::write(path.join(limit), bytes.to_string()).map_err(failed)?;
        // Without this, memory could be had from swap.
        let _ = fs::write(path.join("memory.swap.max"), "0");
        Ok(group)
    }

    pub fn take(&self, broker: &Broker) -> Result<(), String> {
        fs::write(self.0.join("cgroup.procs"), broker.pid().to_string())
            .map_err(|error| format!("cgroup.procs: {error}"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Whoever was in it may be about to end.
        until("the control group can be removed", || fs::remove_dir(&self.0).ok());
    }
}
