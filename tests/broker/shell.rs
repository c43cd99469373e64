//! Command lines, as a shell sees them: stdout, stderr, exit code.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::thread;

use super::{command, scratch, Broker};

pub const OPEN: &[&str] = &["--topic", "orders:3", "--topic", "payments:1"];

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs a command line against a broker; words are split at spaces.
pub fn run(broker: &Broker, line: &str, stdin: &str) -> Ran {
    let address = broker.address.to_string();
    let words: Vec<&str> = line.split(' ').chain(["--bootstrap-server", &address]).collect();
    run_words(&words, stdin)
}

pub fn run_words(words: &[&str], stdin: &str) -> Ran {
    let folder = scratch();
    finish(command(&folder, words), stdin)
}

pub fn finish(mut command: Command, stdin: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut pipe, text) = (child.stdin.take().unwrap(), stdin.to_string());
    // A command that is refused does not read it.
    let feeder = thread::spawn(move || drop(pipe.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// What it prints; it has to succeed.
pub fn ok(broker: &Broker, line: &str, stdin: &str) -> String {
    let ran = run(broker, line, stdin);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{line}: {}", ran.out);
    ran.out
}

/// What it says on stderr; it has to fail in this way.
pub fn fails(broker: &Broker, line: &str, code: i32) -> String {
    let ran = run(broker, line, "");
    assert_eq!(ran.code, code, "{line}: {}{}", ran.out, ran.err);
    assert!(ran.err.starts_with("sendlog: ") && ran.err.lines().count() == 1, "{line}: {}", ran.err);
    ran.err
}

/// Ten records for each of `orders`, in partitions that are known.
pub fn fill(broker: &Broker) {
    for partition in 0..3 {
        let lines: String = (0..10).map(|number| format!("k{number}:v{partition}{number}\n")).collect();
        ok(broker, &format!("produce orders -K : -p {partition} -H a=1"), &lines);
    }
}

/// Runs one of Kafka's tools, which is a link to the binary.
pub fn run_tool(broker: &Broker, line: &str, stdin: &str) -> Ran {
    let folder = scratch();
    let (tool, arguments) = line.split_once(' ').unwrap();
    let link = folder.path().join(tool);
    symlink(super::binary(), &link).unwrap();
    let mut command = Command::new(link);
    command.args(arguments.split(' ')).args(["--bootstrap-server", &broker.address.to_string()]);
    finish(command, stdin)
}
