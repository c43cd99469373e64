//! Running as a service: what the unit allows is enough for the defaults, and the files that come with it are good.

mod broker;

use sendlog::config::{Config, Source};

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A number of the unit.
fn limit(name: &str) -> i64 {
    let unit = read("deploy/sendlog.service");
    let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("the unit has no {name}")).parse().unwrap()
}

#[test]
fn the_unit_leaves_room_for_a_thread_and_a_descriptor_for_each_connection() {
    let connections = Config::default().int("max.connections");
    assert!(limit("TasksMax") >= connections + 100, "threads that are no connection's need some too");
    assert!(limit("LimitNOFILE") >= 2 * connections, "half of them are for files");
}

#[test]
fn the_configuration_that_is_installed_starts_also_with_all_that_it_suggests() {
    let text = read("deploy/server.properties");
    let uncommented: Vec<&str> = text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
    let suggested: Vec<&str> =
        uncommented.into_iter().filter(|line| line.contains('=') && !line.contains(' ')).collect();
    assert!(suggested.len() > 2, "{suggested:?}");
    for text in [text.clone(), suggested.join("\n")] {
        Config::default().set_from_properties(&text).unwrap();
    }
    let mut config = Config::default();
    suggested.iter().for_each(|pair| config.set_pair(pair, Source::CommandLine).unwrap());
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let folder = broker::scratch();
    let unit = folder.path().join("sendlog.service");
    let text = read("deploy/sendlog.service").replace("/usr/local/bin/sendlog", env!("CARGO_BIN_EXE_sendlog"));
    // The manual is not installed where a test runs.
    let text: String =
        text.lines().filter(|line| !line.starts_with("Documentation=")).map(|l| format!("{l}\n")).collect();
    std::fs::write(&unit, text).unwrap();
    let Ok(verified) = std::process::Command::new("systemd-analyze").arg("verify").arg(&unit).output() else {
        return; // no systemd here
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && said.is_empty(), "{said}");
}
