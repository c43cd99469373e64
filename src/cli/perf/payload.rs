//! What `perf produce` sends: letters by chance, lines of a file, or numbers.
//!
//! Always true: the same command sends the same values. Letters are made once and then cut at other places for each
//! record, so that making them costs nothing; a codec finds little to save in them, as in Kafka's tool.
//! Not done: no keys and no headers.

use std::path::Path;

use crate::cli::remote::{usage, Failure};
use crate::os::fs;

/// Bytes of letters that records are cut out of, beside the longest record.
const POOL: usize = 1 << 18;

pub enum Payloads {
    /// Letters, and how many of them a record has.
    Letters { pool: Vec<u8>, size: usize, random: Random },
    /// Each record is one of these.
    Lines { lines: Vec<Vec<u8>>, random: Random },
    /// Each record is its own number.
    Numbers { text: String },
}

impl Payloads {
    pub fn letters(size: usize) -> Payloads {
        let mut random = Random::new();
        let pool = (0..size + POOL).map(|_| b'A' + random.below(26) as u8).collect();
        Payloads::Letters { pool, size, random }
    }

    /// The parts of a file between delimiters; what stands behind the last one counts if it is not empty.
    pub fn file(path: &str, delimiter: &str) -> Result<Payloads, Failure> {
        let bytes = fs::read_following(Path::new(path))
            .map_err(|error| usage(format!("--payload-file: {error}"), "give it a file that can be read"))?;
        if delimiter.is_empty() {
            return Err(usage("--payload-delimiter is empty", "write what stands between two payloads"));
        }
        let mut lines = split(&bytes, delimiter.as_bytes());
        if lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        match lines.is_empty() {
            true => Err(usage(format!("--payload-file {path}: it is empty"), "give it a file with payloads")),
            false => Ok(Payloads::Lines { lines, random: Random::new() }),
        }
    }

    pub fn numbers() -> Payloads {
        Payloads::Numbers { text: String::new() }
    }

    /// How many there are to choose from, if they are of a file.
    pub fn count(&self) -> Option<usize> {
        match self {
            Payloads::Lines { lines, .. } => Some(lines.len()),
            _ => None,
        }
    }

    #[inline]
    pub fn next(&mut self, number: u64) -> &[u8] {
        match self {
            Payloads::Letters { pool, size, random } => {
                let at = random.below(POOL);
                &pool[at..at + *size]
            }
            Payloads::Lines { lines, random } => &lines[random.below(lines.len())],
            Payloads::Numbers { text } => {
                *text = number.to_string();
                text.as_bytes()
            }
        }
    }
}

fn split(bytes: &[u8], delimiter: &[u8]) -> Vec<Vec<u8>> {
    let (mut parts, mut from, mut at) = (Vec::new(), 0, 0);
    while at + delimiter.len() <= bytes.len() {
        if bytes[at..].starts_with(delimiter) {
            parts.push(bytes[from..at].to_vec());
            at += delimiter.len();
            from = at;
        } else {
            at += 1;
        }
    }
    parts.push(bytes[from..].to_vec());
    parts
}

/// xorshift64: chance that is the same each time.
pub struct Random(u64);

impl Random {
    fn new() -> Random {
        Random(0x9E37_79B9_7F4A_7C15)
    }

    #[inline]
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * end as u128) >> u64::BITS) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_split_at_its_delimiters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("payloads");
        for (text, delimiter, wanted) in [
            ("a\nbb\n", "\n", &["a", "bb"][..]),
            ("a\nbb", "\n", &["a", "bb"]),
            ("a--b-c---", "--", &["a", "b-c", "-"]),
            ("\n\nx", "\n", &["", "", "x"]),
        ] {
            std::fs::write(&path, text).unwrap();
            let Ok(Payloads::Lines { lines, .. }) = Payloads::file(path.to_str().unwrap(), delimiter) else {
                panic!("{text:?} has payloads");
            };
            let lines: Vec<_> = lines.iter().map(|line| std::str::from_utf8(line).unwrap()).collect();
            assert_eq!(lines, wanted, "{text:?}");
        }
        std::fs::write(&path, "").unwrap();
        assert!(Payloads::file(path.to_str().unwrap(), "\n").is_err());
    }

    #[test]
    fn letters_have_the_size_that_was_asked_for_and_differ() {
        let mut payloads = Payloads::letters(30);
        let first = payloads.next(0).to_vec();
        assert!(first.len() == 30 && first.iter().all(u8::is_ascii_uppercase), "{first:?}");
        assert_ne!(payloads.next(1), first);
        assert_eq!(Payloads::numbers().next(7), b"7");
    }
}
