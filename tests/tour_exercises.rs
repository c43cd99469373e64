//! The exercises of the tour are run as a reader runs them: the commands of each page, in one shell, in an empty folder.
//!
//! `<!-- run -->` stands above commands; a block of text behind them is what they print. In it, `…` is any text, and in
//! `<!-- run, numbers vary -->` any number stands for any other.
//!
//! Always true: the broker is the one that was just built, on a free port, and ends with the shell.

mod broker;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use broker::{binary, scratch};
use sendlog::record::header::{crc_matches, BatchHeader, HEADER_SIZE};
use sendlog::record::records::Records;

/// What the shell does before a page's commands: a broker gets a free port, and the others are told which.
const PRELUDE: &str = r#"
ready() { for _ in {1..400}; do grep -qs listening port && return; sleep 0.05; done; echo 'the broker did not start'; exit 1; }
sendlog() {
    case $1 in
    server) exec "$SENDLOG" "$@" --listen 127.0.0.1:0 --set admin.listener= --exit-with-parent >port ;;
    dump-log | explain | graduate) "$SENDLOG" "$@" ;;
    *) ready; "$SENDLOG" "$@" -b "$(sed -n 's/listening on //p' port)" ;;
    esac
}
"#;

const SEPARATOR: &str = "---- end of block ----";

/// Some commands of a page, and what they are to print.
struct Block {
    commands: String,
    expected: Option<String>,
    numbers_vary: bool,
}

fn blocks(text: &str) -> Vec<Block> {
    let block = |part: &str| {
        let (options, rest) = part.split_once(" -->\n```sh\n").expect("commands stand below the mark");
        let (commands, rest) = rest.split_once("```\n").expect("the commands end");
        let expected = rest.strip_prefix("```text\n").map(|text| text.split("```").next().unwrap().to_string());
        Block { commands: commands.to_string(), expected, numbers_vary: options == ", numbers vary" }
    };
    text.split("<!-- run").skip(1).map(block).collect()
}

/// Runs the blocks in one shell; what each of them printed.
fn run(page: &str, blocks: &[Block]) -> Vec<String> {
    let folder = scratch();
    let mut script = PRELUDE.to_string();
    for Block { commands, .. } in blocks {
        // A page says when the next broker is to be waited for by beginning a new block.
        let starts = if commands.contains("sendlog server") { "rm -f port\n" } else { "" };
        let commands = commands.replace("127.0.0.1/9092", "127.0.0.1/$(sed -n 's/.*://p' port)");
        let waits = if starts.is_empty() { "" } else { "ready\n" };
        script += &format!("{starts}{commands}{waits}echo '{SEPARATOR}'\n");
    }
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).env("SENDLOG", binary()).current_dir(folder.path());
    let output = std::fs::File::create(folder.path().join("output")).unwrap();
    let errors = std::fs::File::create(folder.path().join("errors")).unwrap();
    let mut child =
        shell.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().expect("the commands are for bash");
    let deadline = Instant::now() + Duration::from_secs(120);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{page}: its commands do not end: {}", read(folder.path(), "output"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = read(folder.path(), "output");
    let printed: Vec<String> = output.split(&format!("{SEPARATOR}\n")).map(str::to_string).collect();
    let errors = read(folder.path(), "errors");
    assert_eq!(printed.len(), blocks.len() + 1, "{page}: its commands ended early: {output}\n{errors}");
    printed
}

fn read(folder: &Path, name: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join(name)).unwrap()).to_string()
}

/// A line without what may differ: spaces between its words and, where they vary, numbers.
fn shape(line: &str, numbers_vary: bool) -> String {
    let mut shape = String::new();
    for c in line.trim_end().chars() {
        match c {
            '0'..='9' if numbers_vary && shape.ends_with('#') => {}
            '0'..='9' if numbers_vary => shape.push('#'),
            ' ' if shape.ends_with(' ') => {}
            c => shape.push(c),
        }
    }
    shape
}

/// Whether a text is what a page shows, `…` in it being anything.
fn matches(shown: &str, printed: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = printed.strip_prefix(parts.next().unwrap()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn what_a_page_shows_is_compared_with_what_is_printed() {
    for (shown, printed, same) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a … d", "a b c d", true),
        ("a … d", "a b c", false),
        ("…", "", true),
        ("… b …", "a b c", true),
    ] {
        assert_eq!(matches(shown, printed), same, "{shown} and {printed}");
    }
    assert_eq!(shape("took   3.95 s ", true), "took #.# s");
}

fn try_page(page: &str) {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tour").join(page)).unwrap();
    let blocks = blocks(&text);
    for (block, printed) in blocks.iter().zip(run(page, &blocks)) {
        let Some(expected) = &block.expected else { continue };
        let shaped = |text: &str| -> String {
            let lines = text.trim().lines().map(|line| shape(line, block.numbers_vary));
            lines.collect::<Vec<_>>().join("\n")
        };
        let is_shown = matches(&shaped(expected), &shaped(&printed));
        assert!(
            is_shown,
            "{page}: this was printed by\n{}\n{printed}\nand this is shown\n{expected}",
            block.commands
        );
    }
}

/// A test for each page.
macro_rules! pages {
    ($($name:ident: $page:literal,)*) => {
        $(#[test]
        fn $name() {
            try_page($page);
        })*
        const TRIED: &[&str] = &[$($page),*];
    };
}

pages! {
    four_ideas: "01-four-ideas.md",
    a_batch: "02-a-batch.md",
    appending: "03-appending.md",
    finding: "04-finding.md",
    durable: "05-durable.md",
    sending: "06-sending.md",
    protocol: "07-protocol.md",
    request: "08-request.md",
    waiting: "09-waiting.md",
    groups: "10-groups.md",
    exactly_once: "11-exactly-once.md",
    left_out: "13-left-out.md",
}

#[test]
fn every_page_with_commands_is_tried() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tour");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let has_commands = std::fs::read_to_string(&path).unwrap().contains("<!-- run");
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!has_commands || TRIED.contains(&name), "{name} is not in the list above");
    }
}

/// The bytes of a drawing: lines of a position and bytes; positions are those of the bytes.
fn drawn(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(position) = words.next().and_then(|word| word.parse::<usize>().ok()) else { continue };
        assert_eq!(position, bytes.len(), "the position in: {line}");
        let hex = words.map_while(|word| u8::from_str_radix(word, 16).ok().filter(|_| word.len() == 2));
        bytes.extend(hex);
    }
    bytes
}

#[test]
fn the_batch_that_is_drawn_is_a_batch() {
    let page = include_str!("../docs/tour/02-a-batch.md");
    let drawing = page.split("<!-- batch -->\n```text\n").nth(1).unwrap().split("```").next().unwrap();
    let batch = drawn(drawing);
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!(header.size(), Some(batch.len() as u64));
    assert!(crc_matches(&batch, &header));
    let records: Vec<_> = Records::new(&batch[HEADER_SIZE..]).map(Result::unwrap).collect();
    let pairs: Vec<_> = records.iter().map(|record| (record.key.unwrap(), record.value.unwrap())).collect();
    assert_eq!(pairs, [(&b"anna"[..], &b"apple"[..]), (b"ben", b"pear")]);
    assert_eq!(records[1].timestamp_delta_ms, header.max_timestamp_ms - header.base_timestamp_ms);
}
