//! Each example of each `--help` is run in a shell, as it is written: on a broker that has what it speaks of, or on a data
//! directory that such a broker has left.
//!
//! Always true: nothing outside of a scratch folder is written; paths such as `/etc` lie in it.

mod broker;

use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use broker::http::ON_ANY_PORT;
use broker::lines::Lines;
use broker::shell::{fill, finish, ok, Ran};
use broker::{scratch, until, Broker};
use sendlog::cli::kafka_names::TOOLS;
use sendlog::cli::COMMANDS;

/// What an example may call beside `sendlog`: each reads what it is given, and says so.
const HELPERS: [(&str, &str); 2] =
    [("man", "#!/bin/sh\ncat\n"), ("kafka-server-start.sh", "#!/bin/sh\ngrep -c node.id \"$1\" && echo started\n")];

/// Folders of a system that stand for some below the scratch folder.
const ROOTS: [&str; 5] = ["/etc/", "/usr/local/", "/var/lib/", "/tmp/", "~/"];

const CONFIG: &str = "node.id=1\nlog.retention.ms=86400000\n";

#[test]
fn every_example_that_asks_a_broker_works() {
    let commands = COMMANDS.iter().flat_map(|command| std::iter::once(command).chain(command.subcommands));
    let asking = commands.filter(|command| command.all_flags().any(|flag| flag.name == "bootstrap-server"));
    let tools = TOOLS.iter().filter(|tool| tool.name != "kafka-dump-log");
    let examples: Vec<(&str, &str)> = asking
        .chain(tools)
        .flat_map(|command| command.examples.iter().map(|example| (command.name, *example)))
        .collect();
    assert!(examples.len() > 38, "{}", examples.len());
    // Most of the time goes into waiting for processes.
    std::thread::scope(|scope| {
        for part in examples.chunks(examples.len().div_ceil(4)) {
            scope.spawn(|| part.iter().for_each(|(name, example)| try_with_broker(name, example)));
        }
    });
}

#[test]
fn every_example_that_asks_no_broker_works() {
    let mut tried = 0;
    let commands = COMMANDS.iter().flat_map(|command| std::iter::once(command).chain(command.subcommands));
    for command in commands.chain(TOOLS) {
        // kafka-producer-perf-test has no such flag; it names its broker among the settings.
        let asks_broker = |flag: &str| ["bootstrap-server", "producer-props"].contains(&flag);
        if !command.all_flags().any(|flag| asks_broker(flag.name)) {
            command.examples.iter().for_each(|example| try_without_broker(command.name, example));
            tried += command.examples.len();
        }
    }
    assert!(tried > 11, "{tried}");
}

/// A folder with the binary under all its names, and [`HELPERS`].
fn fill_path(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let links = TOOLS.iter().map(|tool| format!("{}.sh", tool.name)).chain([String::from("sendlog")]);
    links.for_each(|name| symlink(env!("CARGO_BIN_EXE_sendlog"), folder.join(name)).unwrap());
    for (name, script) in HELPERS {
        let path = folder.join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
}

/// Topics, records and a group that examples speak of.
fn furnish(broker: &Broker) {
    ok(broker, "topics create orders payments refunds demo -p 3", "");
    fill(broker);
    ok(broker, "produce payments", "a\nb\n");
    ok(broker, "produce demo -p 0", "a\nb\n");
    ok(broker, "produce orders -p 0", &"more\n".repeat(40));
}

fn try_with_broker(command_name: &str, example: &str) {
    let broker = Broker::start();
    // What a mirror copies is not here yet.
    let source = (command_name == "mirror").then(Broker::start);
    source.iter().for_each(furnish);
    if !["topics create", "kafka-topics", "mirror"].contains(&command_name) {
        furnish(&broker);
    }
    if command_name.contains("groups") {
        ok(&broker, "consume orders --group billing --from start --exit", "");
    }
    let address = broker.address.to_string();
    let folder = scratch();
    fill_path(&folder.path().join("bin"));
    // An example that names no broker means the one that is there without saying so.
    let function = match example.contains("127.0.0.1:9092") {
        true => String::new(),
        false => {
            let binary = env!("CARGO_BIN_EXE_sendlog");
            format!("sendlog() {{ '{binary}' \"$@\" --bootstrap-server {address}; }}\n")
        }
    };
    let source = source.as_ref().map_or_else(String::new, |source| source.address.to_string());
    let example_here = example.replace("127.0.0.1:9092", &address).replace("source.example:9092", &source);
    let script = format!("{function}{example_here}");
    let ran = finish(shell(folder.path(), &script), "");
    let remark = match command_name {
        "kafka-console-consumer" => "Processed a total of 10 messages\n",
        "kafka-consumer-groups" => "\nConsumer group 'billing' has no active members.\n",
        _ => "",
    };
    assert_eq!((ran.code, ran.err.as_str()), (0, remark), "{example}: {}", ran.out);
    let is_silent =
        command_name == "produce" && !example.contains("--verbose") || command_name.ends_with("-console-producer");
    assert_eq!(ran.out.is_empty(), is_silent, "{example}");
}

/// Shows what goes by, until it has seen enough or somebody stops it.
fn try_beside_broker(example: &str) {
    let broker = Broker::with(&ON_ANY_PORT);
    furnish(&broker);
    let folder = scratch();
    let admin = broker::http::address(&broker);
    let script = format!("exec {example} --admin {admin}");
    fill_path(&folder.path().join("bin"));
    let mut child = shell(folder.path(), &script).stdin(Stdio::null()).spawn().unwrap();
    let (out, err) = (Lines::collect(child.stdout.take().unwrap()), Lines::collect(child.stderr.take().unwrap()));
    until("a request is shown", || {
        ok(&broker, "produce orders", "seen\n");
        (!out.now().is_empty()).then_some(())
    });
    // What counts its lines may have ended by itself.
    let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).stderr(Stdio::null()).status();
    child.wait().unwrap();
    assert!(out.all()[0].contains("127.0.0.1:"), "{example}: {:?}", out.all());
    assert!(
        matches!(&err.all()[..], [line] if line.starts_with("sendlog: tapping")),
        "{example}: {:?}",
        err.all()
    );
}

fn try_without_broker(command_name: &str, example: &str) {
    if command_name == "tap" {
        return try_beside_broker(example);
    }
    let broker = Broker::start();
    furnish(&broker);
    let home = broker.stop();
    let home = home.path();
    fill_path(&home.join("bin"));
    std::fs::write(home.join("server.properties"), CONFIG).unwrap();
    let root = home.join("root");
    let make = |folder: &str| std::fs::create_dir_all(root.join(folder)).unwrap();
    ["etc/sendlog", "var/lib", "tmp"].iter().for_each(|folder| make(folder));
    std::fs::write(root.join("etc/sendlog/server.properties"), CONFIG).unwrap();
    let mut script = String::from(example);
    for folder in ROOTS {
        let below = folder.replace('~', "home").trim_matches('/').to_string();
        for (at, _) in example.match_indices(folder) {
            let path = example[at + folder.len()..].split_whitespace().next().unwrap();
            make(&format!("{below}/{}", path.rsplit_once('/').map_or("", |(parent, _)| parent)));
        }
        script = script.replace(folder, &format!("root/{below}/"));
    }
    // As it was left, in the one place or the other.
    if example.contains("/var/lib/sendlog") {
        std::fs::rename(home.join("data"), root.join("var/lib/sendlog")).unwrap();
    }
    match command_name == "server" && !example.contains("--print-config") {
        true => serve(home, &script),
        false => {
            let Ran { code, out, err } = finish(shell(home, &script), "");
            assert_eq!((code, err.as_str()), (0, ""), "{example}: {out}");
            let written = example.split_once('>').map(|(_, to)| to.split_whitespace().next().unwrap());
            assert_eq!(out.is_empty(), written.is_some(), "{example}");
            if let Some(to) = written {
                let ending = to.rsplit('/').next().unwrap();
                let found = broker::tree(&root).into_iter().find(|path| path.ends_with(ending)).unwrap();
                assert!(!std::fs::read(root.join(found)).unwrap().is_empty(), "{example}");
            }
        }
    }
}

/// A broker that serves until it is told to stop.
fn serve(home: &Path, script: &str) {
    let mut child = shell(home, &format!("exec {script}")).stdin(Stdio::null()).spawn().unwrap();
    let lines = Lines::collect(child.stdout.take().unwrap());
    let stderr = Lines::collect(child.stderr.take().unwrap());
    let ready = lines.wait_for("listening on ");
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let status = child.wait().unwrap();
    assert!(ready.is_some() && sent.success() && status.success(), "{script}: {:#?}", stderr.all());
}

fn shell(home: &Path, script: &str) -> Command {
    let mut shell = Command::new("sh");
    let path = format!("{}:{}", home.join("bin").display(), std::env::var("PATH").unwrap());
    shell.args(["-c", script]).current_dir(home).env("PATH", path).env("TMPDIR", home);
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KAFKA_")) {
        shell.env_remove(name);
    }
    shell
}
