//! `kafka-dump-log.sh` (Kafka's `DumpLogSegments`): the same lines of the same files, for what reads them by a program.
//!
//! `sendlog dump-log` ([`crate::cli::dump_log`]) shows more, and goes on behind damage; this one ends where Kafka's ends.
//!
//! Always true: nothing is changed, and no broker is asked. What an index says wrongly goes to stderr, and is exit code 0,
//! as with Kafka.
//! Not done: decoders for the logs of transactions, shares, tiers and of Kafka's metadata; decoders of one's own; formats
//! before v2; compressed batches without the feature `codecs`.

mod indexes;
mod log;
mod offsets;
mod state;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use getopts::Matches;

use super::{end_as_kafka, nothing, one, required};
use crate::base::write_line;
use crate::cli::flags::HELP;
use crate::cli::remote::{number, Done, Failure};
use crate::cli::Command;

pub const COMMAND: Command = Command {
    name: "kafka-dump-log",
    what: "Kafka's tool that shows files",
    operands: "",
    about:
        "Shows the batches and records of segments and the entries of indexes, with Kafka's flags and Kafka's lines.",
    flags: &[
        &[
            one(
                "files",
                "FILE,...",
                "segments (.log), indexes (.index, .timeindex, .txnindex), producer state (.snapshot)",
            ),
            nothing("deep-iteration", "show each record of a batch"),
            nothing("print-data-log", "show keys and values too"),
            one("key-decoder-class", "CLASS", "how keys are shown: StringDecoder, IntegerDecoder or LongDecoder"),
            one("value-decoder-class", "CLASS", "the same for values"),
            nothing("offsets-decoder", "show keys and values as those of __consumer_offsets"),
            nothing("skip-record-metadata", "of each record only key and value"),
            one("max-bytes", "N", "no more than so many bytes of a segment"),
            one("max-message-size", "N", "no batch that an index points to is larger; 5242880 if left out"),
            nothing("verify-index-only", "only check indexes"),
            nothing("index-sanity-check", "only look whether a start would make an index anew"),
        ],
        &[HELP],
    ],
    examples: &["kafka-dump-log.sh --files data/orders-0/00000000000000000000.log --print-data-log"],
    subcommands: &[],
    main: |matches| end_as_kafka(dump(matches)),
};

/// What is asked of every file.
pub struct Asked {
    is_deep: bool,
    decoders: Option<(Decoder, Decoder)>,
    skips_metadata: bool,
    bytes_max: u64,
    batch_bytes_max: u64,
    verifies_only: bool,
    is_sanity_only: bool,
}

/// How keys or values are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Decoder {
    Text,
    Integer,
    Long,
    /// As those of `__consumer_offsets`: both together.
    Offsets,
}

/// What was found wrong, by the file's name; it is told at the end.
#[derive(Default)]
pub struct Wrong {
    mismatches: BTreeMap<String, Vec<String>>,
    timestamps: BTreeMap<String, Vec<String>>,
    out_of_order: BTreeMap<String, Vec<String>>,
    not_found: Vec<String>,
    gaps: BTreeMap<String, Vec<String>>,
}

fn dump(matches: &Matches) -> Done {
    let files = required(matches, "files")?;
    let asked = asked(matches)?;
    let mut out = Out { text: String::new(), is_closed: false };
    let mut wrong = Wrong::default();
    let mut done = Ok(());
    for name in files.split(',') {
        out.line(&format!("Dumping {name}"));
        done = dump_file(Path::new(name), &asked, &mut out, &mut wrong);
        if done.is_err() || out.is_closed {
            break;
        }
    }
    out.write();
    if done.is_ok() {
        wrong.tell();
    }
    done
}

fn asked(matches: &Matches) -> Result<Asked, Failure> {
    let decoder = |flag: &str| matches.opt_str(flag).map_or(Ok(Decoder::Text), |name| Decoder::named(flag, &name));
    let decoders = match matches.opt_present("offsets-decoder") {
        true => (Decoder::Offsets, Decoder::Offsets),
        false => (decoder("key-decoder-class")?, decoder("value-decoder-class")?),
    };
    let prints = ["print-data-log", "offsets-decoder", "key-decoder-class", "value-decoder-class"];
    let decoders = Some(decoders).filter(|_| prints.iter().any(|flag| matches.opt_present(flag)));
    let bytes = |flag: &str, default: i32| {
        let bytes = number::<i32>(matches, flag)?.unwrap_or(default);
        u64::try_from(bytes).map_err(|_| Failure::Usage(format!("--{flag} {bytes}: it is negative")))
    };
    Ok(Asked {
        is_deep: decoders.is_some() || matches.opt_present("deep-iteration"),
        decoders,
        skips_metadata: matches.opt_present("skip-record-metadata"),
        bytes_max: bytes("max-bytes", i32::MAX)?,
        batch_bytes_max: bytes("max-message-size", 5 << 20)?,
        verifies_only: matches.opt_present("verify-index-only"),
        is_sanity_only: matches.opt_present("index-sanity-check"),
    })
}

fn dump_file(path: &Path, asked: &Asked, out: &mut Out, wrong: &mut Wrong) -> Done {
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("log") => log::dump(path, asked, out, wrong),
        Some("index") => indexes::dump_offsets(path, asked, out, wrong),
        Some("timeindex") => indexes::dump_times(path, asked, out, wrong),
        Some("snapshot") => state::dump_producers(path, out),
        Some("txnindex") => state::dump_transactions(path, out),
        _ => {
            out.write();
            write_line(&format!("Ignoring unknown file {}", path.display()));
            Ok(())
        }
    }
}

/// The offset that a file's name begins with.
fn base_offset(path: &Path) -> Result<i64, Failure> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let digits = name.split('.').next().unwrap_or_default();
    digits
        .parse()
        .map_err(|_| Failure::Failed(format!("{}: its name does not begin with an offset", path.display())))
}

/// Where it is, whatever the current folder is.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

impl Decoder {
    fn named(flag: &str, name: &str) -> Result<Decoder, Failure> {
        let class = name.strip_prefix("org.apache.kafka.tools.api.").or(name.strip_prefix("kafka.serializer."));
        match class.unwrap_or(name) {
            "StringDecoder" => Ok(Decoder::Text),
            "IntegerDecoder" => Ok(Decoder::Integer),
            "LongDecoder" => Ok(Decoder::Long),
            _ => Err(Failure::Usage(format!(
                "--{flag} {name}: there are StringDecoder, IntegerDecoder and LongDecoder here"
            ))),
        }
    }

    /// None: too few bytes.
    fn show(self, bytes: &[u8]) -> Option<String> {
        match self {
            Decoder::Text | Decoder::Offsets => Some(String::from_utf8_lossy(bytes).into_owned()),
            Decoder::Integer => Some(i32::from_be_bytes(*bytes.first_chunk()?).to_string()),
            Decoder::Long => Some(i64::from_be_bytes(*bytes.first_chunk()?).to_string()),
        }
    }
}

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// What goes to stdout.
pub struct Out {
    text: String,
    /// Nobody reads on.
    is_closed: bool,
}

impl Out {
    fn line(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
        if self.text.len() >= BUFFER {
            self.write();
        }
    }

    fn write(&mut self) {
        self.is_closed |= std::io::stdout().lock().write_all(self.text.as_bytes()).is_err();
        self.text.clear();
    }
}

impl Wrong {
    fn tell(&self) {
        let tell = |heading: &str, files: &BTreeMap<String, Vec<String>>| {
            for (name, lines) in files {
                write_line(&format!("{heading}{name}"));
                lines.iter().for_each(|line| write_line(&format!("  {line}")));
            }
        };
        tell("Mismatches in :", &self.mismatches);
        tell("Found timestamp mismatch in :", &self.timestamps);
        tell("Found out of order timestamp in :", &self.out_of_order);
        if !self.not_found.is_empty() {
            write_line("The following indexed offsets are not found in the log.");
            self.not_found.iter().for_each(|line| write_line(line));
        }
        tell("Non-consecutive offsets in ", &self.gaps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_shown_by_the_decoder_that_is_named() {
        for (name, shown) in [
            ("org.apache.kafka.tools.api.StringDecoder", Some("\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{1}\u{2}")),
            ("kafka.serializer.IntegerDecoder", Some("0")),
            ("LongDecoder", Some("258")),
        ] {
            let decoder = Decoder::named("value-decoder-class", name).unwrap();
            assert_eq!(decoder.show(&[0, 0, 0, 0, 0, 0, 1, 2]).as_deref(), shown, "{name}");
            assert_eq!(decoder.show(&[7]).is_some(), decoder == Decoder::Text, "{name}");
        }
    }
}
