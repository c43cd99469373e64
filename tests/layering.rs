//! Dependencies run downward only: the layers of ARCHITECTURE.md as a table, held against every `use crate::` in `src/`.

use std::path::{Path, PathBuf};

/// Who may use whom, beside itself.
#[rustfmt::skip]
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("faults", &[]),
    ("config", &["base"]),
    ("os", &["faults", "base"]),
    ("record", &["os", "base"]),
    ("wire", &["os", "base"]),
    ("tap", &["wire", "base"]),
    ("log", &["record", "os", "faults", "base"]),
    ("partition", &["log", "record", "os", "faults", "base"]),
    ("topic", &["partition", "log", "record", "os", "config", "faults", "base"]),
    ("group", &["topic", "partition", "log", "record", "os", "config", "faults", "base"]),
    ("client", &["record", "wire", "os", "base"]),
    ("mirror", &["client", "group", "topic", "partition", "log", "record", "wire", "os", "config", "base"]),
    ("server", &["mirror", "tap", "group", "topic", "partition", "log", "record", "wire", "os", "config", "faults", "base"]),
    ("admin", &["server", "mirror", "tap", "group", "topic", "partition", "log", "record", "wire", "os", "config", "base"]),
    ("cli", &["admin", "server", "client", "group", "topic", "partition", "log", "record", "wire", "os", "config", "base"]),
];

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false if path.extension().is_some_and(|suffix| suffix == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

fn source(layer: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(layer);
    rust_files(&folder)
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// The modules that a line of code names after `crate::`.
fn used(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap();
    let after = code.split("crate::").skip(1);
    after.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()).collect()
}

#[test]
fn no_module_uses_one_above_it() {
    let names: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    let mut looked_at = 0;
    for (layer, below) in LAYERS {
        for (path, text) in source(layer) {
            for (number, line) in text.lines().enumerate() {
                for name in used(line).into_iter().filter(|name| names.contains(name) && name != layer) {
                    looked_at += 1;
                    assert!(below.contains(&name), "{}:{}: {layer} uses {name}", path.display(), number + 1);
                }
            }
        }
    }
    assert!(looked_at > 50, "only {looked_at} uses were found: does this test still read the source?");
}

#[test]
fn every_module_of_the_crate_has_a_layer() {
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let names: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    modules.for_each(|module| assert!(names.contains(&module), "{module} has no row in the table"));
}

#[test]
fn unsafe_lives_in_os_alone() {
    for (layer, _) in LAYERS.iter().filter(|(layer, _)| *layer != "os") {
        for (path, text) in source(layer) {
            let is_unsafe = |line: &str| line.split("//").next().unwrap().contains("unsafe ");
            assert!(!text.lines().any(is_unsafe), "{}", path.display());
        }
    }
}

/// The plan of faults is read from a file past every fault point.
#[test]
fn files_are_opened_in_os_fs_alone_and_flush_is_no_sync() {
    for (layer, _) in LAYERS.iter().filter(|(layer, _)| !["os", "faults"].contains(layer)) {
        for (path, text) in source(layer) {
            if path.to_string_lossy().ends_with("tests.rs") {
                continue;
            }
            let code = text.split("#[cfg(test)]").next().unwrap().replace("use std::fs::File;", "");
            let banned = ["std::fs::", " File::open", " File::create", "OpenOptions", "FileExt", ".flush()"];
            // A producer's flush is no file's, nor is that of stdout.
            let may_flush = ["client", "cli"].contains(layer);
            for banned in banned.into_iter().filter(|banned| !may_flush || *banned != ".flush()") {
                assert!(!code.contains(banned), "{}: {banned}", path.display());
            }
        }
    }
}

/// How long a flush takes is measured with a clock that is lent from above.
#[test]
fn what_keeps_the_data_asks_no_clock_sleeps_never_and_makes_no_thread() {
    for layer in ["base", "faults", "config", "os", "record", "wire", "log", "partition", "topic", "group"] {
        for (path, text) in source(layer) {
            if path.ends_with("os/threads.rs") || path.to_string_lossy().ends_with("tests.rs") {
                continue;
            }
            let code = text.split("#[cfg(test)]").next().unwrap();
            for banned in
                ["Instant::now", "SystemTime::now", "thread::sleep", "thread::spawn", ".spawn(", "threads::start"]
            {
                assert!(!code.contains(banned), "{}: {banned}", path.display());
            }
        }
    }
}
