//! The broker's default build has exactly three dependencies.

use std::process::Command;

#[test]
fn the_default_build_depends_on_three_crates_and_nothing_else() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    // cfg-if comes with crc32fast, unicode-width with getopts: one line of macro, one table.
    assert_eq!(names, ["cfg-if", "crc32fast", "getopts", "libc", "sendlog", "unicode-width"]);
}

#[test]
fn the_manifest_names_three_dependencies() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> =
        section.lines().filter_map(|line| line.split(" =").next()).filter(|n| !n.is_empty()).collect();
    assert_eq!(names, ["crc32fast", "getopts", "libc"]);
}
