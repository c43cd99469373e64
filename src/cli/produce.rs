//! `sendlog produce`: each line of stdin becomes a record.
//!
//! Always true: exit code 0 means that every line is in the log, as durably as `--acks` asks for; a line is never held
//! back for the next one, but for `linger.ms`.
//! Not done: no compression, no files as values.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::time::{Duration, Instant};

use getopts::Matches;

use crate::base::one_line;
use crate::cli::flags::{Flag, Takes};
use crate::cli::remote::{end, name, number, pairs, reach, settings, usage, Done, Failure, BROKER};
use crate::cli::{say, Command};
use crate::client::{Delivery, Header, Producer, ProducerSettings, Record};

pub const COMMAND: Command = Command {
    name: "produce",
    what: "send each line of stdin as a record",
    operands: "TOPIC",
    about: "Sends each line of stdin as a record, and ends when stdin does. The exit code is 0 when all of them were taken.",
    flags: &[FLAGS, BROKER],
    examples: &[
        "echo 'three apples' | sendlog produce orders",
        "printf 'anna:3 apples\\nben:a pear\\n' | sendlog produce orders --key-separator : --header source=web --verbose",
        "seq 100000 | sendlog produce orders --partition 0 --acks 1",
    ],
    subcommands: &[],
    main: |matches| end(produce(matches)),
};

const FLAGS: &[Flag] = &[
    Flag {
        short: "K",
        name: "key-separator",
        takes: Takes::One("TEXT"),
        doc: "what stands before the first TEXT in a line is the key; a line without it has none. \\t is a tab",
    },
    Flag {
        short: "H",
        name: "header",
        takes: Takes::Each("NAME=VALUE"),
        doc: "a header of every record; may be given several times",
    },
    Flag { short: "p", name: "partition", takes: Takes::One("N"), doc: "into this partition, whatever the key" },
    Flag {
        short: "a",
        name: "acks",
        takes: Takes::One("0|1|all"),
        doc: "when a record counts as sent: when it has left, is written, or is durable; all if left out",
    },
    Flag { short: "Z", name: "null", takes: Takes::Nothing, doc: "an empty value is none at all: a tombstone" },
    Flag {
        short: "v",
        name: "verbose",
        takes: Takes::Nothing,
        doc: "print partition and offset of every record, in the order of the lines",
    },
];

/// Deliveries that are looked at later; behind them the accumulator's own bound holds.
const OPEN_MAX: usize = 1 << 20;
/// Bytes that are read from stdin at once.
const READ_BYTES: usize = 256 << 10;
/// How often a terminal hears how far it has got.
const PROGRESS: Duration = Duration::from_secs(1);
/// A topic that nobody knows is told of after this time, and not after a minute.
pub const MAX_BLOCK_MS: u64 = 10_000;

/// How lines become records.
pub struct Rules<'a> {
    pub topic: &'a str,
    pub partition: Option<i32>,
    pub separator: Option<Vec<u8>>,
    pub headers: Vec<(String, String)>,
    pub empty_is_null: bool,
    /// How headers stand at the beginning of a line, if they do.
    pub line_headers: Option<LineHeaders>,
    /// A line without what should separate its parts is an error.
    pub is_strict: bool,
    /// What stands for null.
    pub null_marker: Option<Vec<u8>>,
}

/// `name:value,name:value` and a tab, or other separators.
pub struct LineHeaders {
    /// Behind all of them.
    pub delimiter: Vec<u8>,
    /// Between two of them.
    pub separator: Vec<u8>,
    /// Between name and value.
    pub key_separator: Vec<u8>,
}

fn produce(matches: &Matches) -> Done {
    let topic = name(matches, "topic")?;
    let mut wanted = ProducerSettings::default().max_block_ms(MAX_BLOCK_MS);
    if let Some(acks) = matches.opt_str("acks") {
        wanted.set("acks", &acks).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    settings(matches, |pair| wanted.set_pair(pair))?;
    let separator = matches.opt_str("key-separator").map(|text| text.replace("\\t", "\t").into_bytes());
    if separator.as_ref().is_some_and(Vec::is_empty) {
        return Err(usage("--key-separator is empty", "write what stands between key and value"));
    }
    let rules = Rules {
        topic,
        partition: number(matches, "partition")?,
        separator,
        headers: pairs(matches, "header")?,
        empty_is_null: matches.opt_present("null"),
        line_headers: None,
        is_strict: false,
        null_marker: None,
    };
    rules.send(wanted, matches.opt_present("verbose"))
}

fn send_all(wanted: ProducerSettings, rules: &Rules, is_verbose: bool) -> Done {
    drop(reach(wanted.client.clone())?);
    let producer = Producer::new(wanted).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut sent = Sent { open: VecDeque::new(), count: 0, is_verbose };
    let done = send_lines(&producer, rules, &mut sent).and_then(|()| {
        // Nobody waits for more to come; what goes wrong is told with its line.
        let _ = producer.flush();
        sent.settle(0)
    });
    // What is still open is known now, or the line above has told of an error.
    let closed = producer.close();
    done.and_then(|()| Ok(closed?))
}

fn send_lines(producer: &Producer, rules: &Rules, sent: &mut Sent) -> Done {
    let headers: Vec<Header> =
        rules.headers.iter().map(|(name, value)| Header { name, value: Some(value.as_bytes()) }).collect();
    let mut lines = BufReader::with_capacity(READ_BYTES, std::io::stdin().lock());
    let mut line = Vec::new();
    let shows_progress = std::io::stderr().is_terminal() && !std::io::stdin().is_terminal();
    let (mut has_shown, mut next_progress) = (false, Instant::now() + PROGRESS);
    // Somebody looks on: what is known is told before the next line is waited for.
    let is_watched = sent.is_verbose || std::io::stdin().is_terminal();
    loop {
        line.clear();
        if is_watched && lines.buffer().is_empty() {
            sent.settle(0)?;
        }

        let read = lines.read_until(b'\n', &mut line);
        if read.map_err(|error| Failure::Failed(format!("stdin cannot be read: {error}")))? == 0 {
            if has_shown {
                let _ = writeln!(std::io::stderr(), "\r{} records", sent.count);
            }
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let mut own = headers.clone();
        let (key, value) = rules.split(&line, sent.count + 1, &mut own)?;
        let Rules { topic, partition, .. } = *rules;
        let record = Record { topic, partition, timestamp_ms: None, key, value, headers: &own };
        let delivery = producer.send(&record)?;
        sent.push(delivery)?;
        if shows_progress && sent.count.is_multiple_of(1024) && Instant::now() >= next_progress {
            next_progress += PROGRESS;
            has_shown = true;
            let _ = write!(std::io::stderr(), "\r{} records", sent.count);
        }
    }
}

impl Rules<'_> {
    /// Sends what comes from stdin.
    pub fn send(&self, wanted: ProducerSettings, is_verbose: bool) -> Done {
        send_all(wanted, self, is_verbose)
    }

    /// Key and value of a line; the headers that stand in it are added to those that all records have.
    #[allow(clippy::type_complexity)]
    fn split<'a>(
        &self,
        line: &'a [u8],
        number: u64,
        headers: &mut Vec<Header<'a>>,
    ) -> Result<(Option<&'a [u8]>, Option<&'a [u8]>), Failure> {
        let missing = |what: &str| {
            let line = one_line(&String::from_utf8_lossy(line));
            Failure::Failed(format!("No {what} found on line number {number}: '{line}'"))
        };
        let null = |bytes: &'a [u8]| Some(bytes).filter(|bytes| self.null_marker.as_deref() != Some(*bytes));
        let mut rest = line;
        if let Some(rules) = &self.line_headers {
            match split(rest, &rules.delimiter) {
                Some((found, after)) => {
                    rest = after;
                    if let Some(found) = null(found) {
                        rules.read(found, headers, null).ok_or_else(|| missing("header key separator"))?;
                    }
                }
                None if self.is_strict => return Err(missing("headers delimiter")),
                None => {}
            }
        }
        let key = match &self.separator {
            None => None,
            Some(separator) => match split(rest, separator) {
                Some((key, after)) => {
                    rest = after;
                    null(key)
                }
                None if self.is_strict => return Err(missing("key separator")),
                None => None,
            },
        };
        Ok((key, null(rest).filter(|value| !(self.empty_is_null && value.is_empty()))))
    }
}

impl LineHeaders {
    /// None: a header without what stands between name and value, or with a name that is no text.
    fn read<'a>(
        &self,
        text: &'a [u8],
        headers: &mut Vec<Header<'a>>,
        null: impl Fn(&'a [u8]) -> Option<&'a [u8]>,
    ) -> Option<()> {
        let mut rest = Some(text);
        while let Some(all) = rest {
            let (pair, after) = split(all, &self.separator).map_or((all, None), |(pair, after)| (pair, Some(after)));
            let (name, value) = split(pair, &self.key_separator)?;
            headers.push(Header { name: std::str::from_utf8(name).ok()?, value: null(value) });
            rest = after;
        }
        Some(())
    }
}

fn split<'a>(line: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = line.windows(separator.len()).position(|part| part == separator)?;
    Some((&line[..at], &line[at + separator.len()..]))
}

/// Records whose fate is not known yet, in the order of their lines.
struct Sent {
    open: VecDeque<Delivery>,
    count: u64,
    is_verbose: bool,
}

impl Sent {
    fn push(&mut self, delivery: Delivery) -> Done {
        self.count += 1;
        self.open.push_back(delivery);
        // Not after each record, so that looking costs nothing.
        if self.count.is_multiple_of(64) || self.open.len() < 64 {
            while self.open.front().is_some_and(|delivery| delivery.now().is_some()) {
                self.settle_one()?;
            }
        }
        self.settle(OPEN_MAX)
    }

    /// Waits until no more than `left` are open.
    fn settle(&mut self, left: usize) -> Done {
        while self.open.len() > left {
            self.settle_one()?;
        }
        Ok(())
    }

    fn settle_one(&mut self) -> Done {
        let Some(delivery) = self.open.pop_front() else { return Ok(()) };
        let line = self.count - self.open.len() as u64;
        let delivered = delivery.wait().map_err(|error| Failure::Failed(format!("line {line}: {error}")))?;
        if self.is_verbose {
            let topic = one_line(delivery.topic());
            say(&match delivered.offset {
                -1 => format!("{topic} partition {}\n", delivered.partition),
                offset => format!("{topic} partition {} offset {offset}\n", delivered.partition),
            });
        }
        Ok(())
    }
}
