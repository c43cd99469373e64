//! A start that finds all kinds of things half done at once, stopped at each of its steps and begun again.

use super::crash_tests::*;
use super::*;
use crate::config::{Overrides, Scope};
use crate::faults;
use crate::os::fs;
use crate::topic::tests::twin_of;

/// A directory as a kill may leave it: a topic whose deletion has just been registered, with offsets; a torn tail, a torn
/// record of the registry, a folder that is nobody's, one that is half made, one that is half removed, files that were on
/// their way.
fn untidy() -> tempfile::TempDir {
    let folder = prepared();
    let (topics, groups) = open(folder.path()).unwrap();
    let victim = topics.create("victim", 2, Overrides::new(Scope::Topic)).unwrap();
    let commit = Commit { topic: "victim".to_string(), ..to_offset(0) };
    assert_eq!(groups.commit(&topics, "h", NOBODY, &[commit], NOW), [Ok(())]);
    // The record and its sync, and nothing of what follows.
    faults::stop_after(2, || topics.delete(&victim, || groups.forget_topic(&victim, NOW))).unwrap_err();
    drop((topics, groups));
    let root = folder.path();
    let append = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        let old = std::fs::read(&path).unwrap_or_default();
        std::fs::write(path, [&old, bytes].concat()).unwrap();
    };
    for name in ["ghost-0", "half-0", "gone-0.00112233445566778899aabbccddeeff00-delete"] {
        std::fs::create_dir(root.join(name)).unwrap();
    }
    append("ghost-0/partition.metadata", b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
    append("gone-0.00112233445566778899aabbccddeeff00-delete/00000000000000000000.log", b"gone");
    append("t-0/00000000000000000000.log", b"torn");
    append("t-0/00000000000000000003.snapshot.tmp", b"");
    append("t-0/00000000000000000000.index.deleted", b"");
    append("sendlog.registry", b"000061 0badc0de topic ha");
    folder
}

/// What is there after a start: topics, offsets, and the names on the disk, but for what was kept aside.
fn seen(root: &Path) -> Vec<String> {
    let (topics, groups) = open(root).unwrap();
    let mut seen: Vec<String> = topics.all().iter().map(|topic| topic.name.clone()).collect();
    let t = topics.find_partition("t", 0).unwrap();
    seen.push(format!("{:?} {:?}", t.bounds().unwrap(), committed(&groups, "g")));
    seen.push(format!("{:?}", groups.committed("h", false).unwrap().len()));
    for folder in fs::list(root).unwrap() {
        seen.push(folder.name.clone());
        if folder.is_folder {
            let names = fs::list(&root.join(&folder.name)).unwrap().into_iter().map(|entry| entry.name);
            seen.extend(names.filter(|name| !name.contains(".cut-")).map(|name| format!("{}/{name}", folder.name)));
        }
    }
    seen
}

#[test]
fn a_start_that_finds_everything_half_done_may_be_stopped_anywhere() {
    let folder = untidy();
    let twin = twin_of(folder.path());
    let (_, steps) = faults::record(|| open(twin.path()).map(drop).unwrap());
    assert!(steps.len() > 15, "{steps:?}");
    let expected = seen(twin.path());
    for name in ["victim-0", "victim-1", "ghost-0", "half-0"] {
        assert!(!expected.contains(&name.to_string()), "{expected:?}");
    }
    for (stop, before) in steps.iter().enumerate() {
        let twin = twin_of(folder.path());
        let _ = faults::stop_after(stop, || open(twin.path()).map(drop));
        assert_eq!(seen(twin.path()), expected, "stopped before {before}");
    }
    // And the same directory, stopped again and again, a step later each time.
    for stop in 0..steps.len() {
        let _ = faults::stop_after(stop, || open(folder.path()).map(drop));
    }
    assert_eq!(seen(folder.path()), expected);
}
