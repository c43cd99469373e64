//! A start that cannot work says in exactly one line what is wrong and what to do, exits with 2 and changes nothing;
//! and the settings that do work come from where they should.

mod broker;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use broker::{run, scratch, tree, Broker};

/// Runs the broker, which must refuse to start with one line that says all this.
fn assert_refused(arguments: &[&str], says: &[&str]) {
    let ended = run(arguments);
    assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {:#?}", ended.stderr);
    assert_eq!(ended.stderr.len(), 1, "{arguments:?}: one line, not {:#?}", ended.stderr);
    assert_eq!(ended.stdout, Vec::<String>::new(), "{arguments:?}");
    for part in says {
        assert!(ended.stderr[0].contains(part), "{arguments:?}: no {part:?} in {:?}", ended.stderr[0]);
    }
}

/// The same on this data directory.
fn assert_data_refused(data: &Path, says: &[&str]) {
    assert_refused(&["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()], says);
}

#[test]
fn what_the_command_line_gets_wrong_is_named_with_its_mend() {
    for (arguments, says) in [
        (&["--set", "num.partition=3"][..], &["num.partition", "did you mean num.partitions?"][..]),
        (&["--set", "log.segment.byte=3"], &["log.segment.byte", "did you mean log.segment.bytes?"]),
        (&["--set", "num.partitions=0"], &["num.partitions", "'0'", "from 1"]),
        (&["--set", "num.partitions=three"], &["num.partitions", "'three'", "whole number"]),
        (&["--set", "log.segment.bytes=1000"], &["log.segment.bytes", "1048576"]),
        (&["--set", "flush.mode=never"], &["flush.mode", "'never'", "acks, os, always"]),
        (&["--set", "num.partitions"], &["num.partitions", "KEY=VALUE"]),
        (&["--listen", "localhost"], &["localhost", "port", "127.0.0.1:9092"]),
        (&["--listen", "127.0.0.1:99999"], &["99999", "65535"]),
        (&["--listen", "::1:9092"], &["brackets"]),
        (&["--listen", "SSL://127.0.0.1:0"], &["PLAINTEXT"]),
        (&["--listen", "192.0.2.1:0"], &["192.0.2.1", "--listen"]),
        (&["--ephemeral", "--data", "there"], &["--ephemeral", "--data"]),
        (&["--config", "/no/such/file"], &["/no/such/file", "--config"]),
        (&["--no-such-option"], &["no-such-option", "--help"]),
        (&["surplus"], &["surplus", "--help"]),
    ] {
        assert_refused(arguments, says);
    }
}

#[test]
fn a_busy_port_is_named_before_anything_on_the_disk_changes() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let data = scratch();
    let folder = data.path().join("data");
    assert_refused(&["--listen", &address, "--data", folder.to_str().unwrap()], &[&address, "--listen"]);
    assert!(!folder.exists());
}

#[test]
fn one_process_at_a_time_holds_a_data_directory() {
    let broker = Broker::start();
    broker.connect().create("demo", 1);
    let before = tree(&broker.folder());
    assert_data_refused(&broker.folder(), &["another process", broker.folder().to_str().unwrap(), "--data"]);
    assert_eq!(tree(&broker.folder()), before);
    assert_eq!(broker.connect().bounds("demo", 0), (0, 0), "the first one goes on");
    Broker::on(broker.kill(), &[]); // a killed process holds nothing
}

#[test]
fn partitions_without_a_registry_refuse_the_start_and_stay_as_they_are() {
    let broker = Broker::start();
    let mut client = broker.connect();
    client.create("demo", 2);
    client.fill("demo", 0, 1, 1000);
    let data = broker.stop();
    let root = data.path().join("data");
    let registry = root.join("sendlog.registry");
    let kept = std::fs::read(&registry).unwrap();
    std::fs::remove_file(&registry).unwrap();
    let before = tree(&root);
    assert_data_refused(&root, &["sendlog.registry", "restore"]);
    assert_eq!(tree(&root), before, "nothing was changed");
    std::fs::write(&registry, kept).unwrap();
    assert_eq!(Broker::on(data, &[]).connect().bounds("demo", 0), (0, 1));
}

#[test]
fn a_damaged_registry_refuses_the_start_and_stays_as_it_is() {
    let broker = Broker::start();
    let mut client = broker.connect();
    ["one", "two", "three"].into_iter().for_each(|topic| client.create(topic, 1));
    let data = broker.stop();
    let root = data.path().join("data");
    let registry = root.join("sendlog.registry");
    let mut bytes = std::fs::read(&registry).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&registry, &bytes).unwrap();
    let before = tree(&root);
    assert_data_refused(&root, &["sendlog.registry", "damaged", "backup"]);
    assert_eq!((tree(&root), std::fs::read(&registry).unwrap()), (before, bytes));
}

#[test]
fn a_data_directory_that_is_none_is_named() {
    let data = scratch();
    let file = data.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    assert_data_refused(&file, &[file.to_str().unwrap()]);
    assert_data_refused(&file.join("below"), &[file.to_str().unwrap()]);
}

#[test]
fn a_directory_of_another_node_is_not_taken_over() {
    let broker = Broker::with(&["--set", "node.id=5"]);
    let data = broker.stop();
    let root = data.path().join("data");
    assert_data_refused(&root, &["meta.properties", "node.id 5", "not 1"]);
    Broker::on(data, &["--set", "node.id=5"]);
}

#[test]
fn print_config_shows_value_default_and_source_of_each_key() {
    let data = scratch();
    let file = data.path().join("server.properties");
    std::fs::write(&file, "# a comment\n\nnum.partitions = 5\nlog.segment.bytes=2000000\n").unwrap();
    let file = file.to_str().unwrap();
    let ended = run(&["--config", file, "--set", "log.segment.bytes=3000000", "--data", "there", "--print-config"]);
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0));
    let text = ended.stdout.join("\n");
    for expected in [
        "num.partitions=5\n#   default 1, from file",
        "log.segment.bytes=3000000\n#   default 1073741824, from command line",
        "log.dirs=there\n#   default data, from command line",
        "flush.mode=acks\n#   default acks, from default",
        "listeners=PLAINTEXT://127.0.0.1:9092,PLAINTEXT://[::1]:9092\n",
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    assert_eq!(tree(ended.data.path()), Vec::<std::path::PathBuf>::new(), "nothing was started");
    // What is printed can be read back.
    let printed = data.path().join("printed.properties");
    std::fs::write(&printed, text).unwrap();
    let again = run(&["--config", printed.to_str().unwrap(), "--print-config"]);
    assert!(again.stdout.contains(&"log.segment.bytes=3000000".to_string()), "{:#?}", again.stderr);
}

#[test]
fn settings_of_a_config_file_take_effect_also_through_a_symlink() {
    let data = Arc::new(scratch());
    std::fs::write(data.path().join("real"), "num.partitions=3\nnode.id=9\n").unwrap();
    // As Kubernetes mounts a ConfigMap.
    let link = data.path().join("server.properties");
    std::os::unix::fs::symlink("real", &link).unwrap();
    let broker = Broker::on(data, &["--config", link.to_str().unwrap(), "--set", "node.id=8"]);
    let mut client = broker.connect();
    client.create("demo", -1);
    assert_eq!(client.topic("demo").partitions.len(), 3);
    assert_eq!(client.metadata(&[]).brokers[0].node_id, 8, "the command line wins");
}

#[test]
fn an_unknown_key_in_a_config_file_is_refused_too() {
    let data = scratch();
    let file = data.path().join("server.properties");
    std::fs::write(&file, "num.partitions=3\nnum.io.thread=8\n").unwrap();
    assert_refused(&["--config", file.to_str().unwrap()], &["num.io.thread"]);
}

#[test]
fn help_and_version_start_nothing() {
    for (option, says) in [("--help", "--ephemeral"), ("-h", "--set"), ("--version", "sendlog "), ("-V", "sendlog ")] {
        let ended = run(&[option]);
        assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{option}");
        assert!(ended.stdout.join("\n").contains(says), "{option}: {:#?}", ended.stdout);
        assert_eq!(tree(ended.data.path()), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn the_word_server_may_be_left_out() {
    let data = Arc::new(scratch());
    let broker = Broker::run(data, &["server", "--ephemeral", "--listen", "127.0.0.1:0"]);
    broker.connect().create("demo", 1);
}
