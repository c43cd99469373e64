//! What is made from the table of commands: help, completions, the manual.

mod broker;

use std::process::Command;

use broker::run;
use sendlog::config::KEYS;

const SERVER_FLAGS: [&str; 5] = ["--listen", "--data", "--ephemeral", "--topic", "--print-config"];

fn printed(arguments: &[&str]) -> String {
    let ended = run(arguments);
    assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {:#?}", ended.stderr);
    ended.stdout.iter().map(|line| format!("{line}\n")).collect()
}

/// What bash offers for a line that is typed, whose last word is not complete.
fn offered(line: &[&str]) -> Vec<String> {
    let words: Vec<String> = line.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "{}\nCOMP_WORDS=({}); COMP_CWORD={}; _sendlog 2>/dev/null; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        printed(&["completions", "bash"]),
        words.join(" "),
        line.len() - 1
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_string).collect()
}

#[test]
fn help_names_every_command_and_each_has_its_own() {
    let help = printed(&["--help"]);
    for command in [
        "server",
        "topics",
        "produce",
        "consume",
        "groups",
        "configs",
        "offsets",
        "perf",
        "disk",
        "dump-log",
        "graduate",
        "completions",
        "man",
    ] {
        assert!(help.contains(&format!("\n    {command} ")), "{help}");
        assert!(printed(&[command, "--help"]).starts_with("Usage: sendlog "), "{command}");
    }
    SERVER_FLAGS.iter().for_each(|flag| assert!(help.contains(flag), "{flag}"));
    let topics = printed(&["topics", "--help"]);
    assert!(
        topics.contains("Usage: sendlog topics COMMAND [options]") && topics.contains("\n    create "),
        "{topics}"
    );
    let create = printed(&["topics", "create", "--help"]);
    assert!(create.starts_with("Usage: sendlog topics create [options] TOPIC...\n"), "{create}");
    assert!(
        create.contains("--bootstrap-server") && create.contains("\nExamples:\n    sendlog topics create "),
        "{create}"
    );
}

#[test]
fn bash_completes_commands_options_and_keys() {
    assert_eq!(offered(&["sendlog", "di"]), ["disk"]);
    assert_eq!(offered(&["sendlog", "--ep"]), ["--ephemeral"]);
    assert_eq!(offered(&["sendlog", "server", "--top"]), ["--topic"]);
    assert_eq!(offered(&["sendlog", "disk", "--top"]), [""], "no topic there");
    assert_eq!(offered(&["sendlog", "completions", "z"]), ["zsh"]);
    assert_eq!(offered(&["sendlog", "topics", "de"]), ["describe", "delete"]);
    assert_eq!(offered(&["sendlog", "topics", "create", "--part"]), ["--partitions"]);
    assert_eq!(offered(&["sendlog", "topics", "delete", "--part"]), [""], "no partitions there");
    assert_eq!(
        offered(&["sendlog", "topics", "create", "--config", "--if-n"]),
        ["--if-not-exists"],
        "no files there"
    );
    assert_eq!(offered(&["sendlog", "dump-log", "F"]), [""], "a word that stands for others is none");
    assert_eq!(offered(&["sendlog", "--set", "flush.m"]), ["flush.mode="]);
    assert_eq!(offered(&["sendlog", "--set", ""]).len(), KEYS.len());
}

#[test]
fn scripts_for_other_shells_name_every_flag_and_the_shells_can_read_them() {
    let folder = broker::scratch();
    for shell in ["fish", "zsh"] {
        let script = printed(&["completions", shell]);
        for flag in SERVER_FLAGS.iter().chain(&["--if-not-exists", "--key-separator", "--execute"]) {
            let written = if shell == "fish" { format!("-l {} ", &flag[2..]) } else { format!("{flag}[") };
            assert!(script.contains(&written), "{shell}: {flag}");
        }
        let path = folder.path().join(shell);
        std::fs::write(&path, script).unwrap();
        // Where the shell is installed.
        if let Ok(output) = Command::new(shell).arg("-n").arg(&path).output() {
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let refused = run(&["completions", "csh"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        refused.stderr[0].contains("'csh'") && refused.stderr[0].contains("bash, fish, zsh"),
        "{:?}",
        refused.stderr
    );
}

#[test]
fn the_manual_has_every_key_and_is_roff_without_a_warning() {
    let page = printed(&["man"]);
    for key in KEYS {
        assert!(page.contains(&format!("\n.B {}\n", key.name.replace('-', "\\-"))), "{}", key.name);
    }
    let folder = broker::scratch();
    let path = folder.path().join("sendlog.1");
    std::fs::write(&path, page).unwrap();
    // Where groff is installed.
    if let Ok(output) = Command::new("groff").args(["-man", "-Tutf8", "-ww"]).arg(&path).output() {
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(String::from_utf8_lossy(&output.stdout).contains("listening on HOST:PORT"));
    }
}
