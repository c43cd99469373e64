//! What a part is, and what it is told: how much, with which seed, with which binaries.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// One way to hurt the broker.
pub struct Part {
    pub name: &'static str,
    /// What is done, in a line.
    pub what: &'static str,
    /// What `amount` counts, such as "kills".
    pub unit: &'static str,
    /// How many in CI, and how many with `--long`.
    pub short: u64,
    pub long: u64,
    /// It takes little of the processor, and runs beside the others from the beginning on.
    pub is_beside: bool,
    pub run: fn(&Trial) -> Outcome,
}

/// What was seen, in a few words for the report; or what promise was broken, with all that helps to see it again.
pub type Outcome = Result<String, String>;

/// One run of a part.
pub struct Trial {
    pub amount: u64,
    /// The same seed makes the same choices; threads and the kernel make their own.
    pub seed: u64,
    pub is_long: bool,
}

impl Trial {
    pub fn of(part: &Part, options: &Options) -> Trial {
        let usual = if options.is_long { part.long } else { part.short };
        Trial { amount: options.amount.unwrap_or(usual), seed: options.seed, is_long: options.is_long }
    }
}

/// The command line.
pub struct Options {
    pub parts: Vec<&'static Part>,
    pub is_long: bool,
    pub seed: u64,
    pub amount: Option<u64>,
    pub report: PathBuf,
}

/// Reads the command line; `None` when help is asked for.
pub fn options(arguments: impl Iterator<Item = String>, parts: &'static [Part]) -> Result<Option<Options>, String> {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let report = PathBuf::from("target/torture/report.md");
    let mut options = Options { parts: Vec::new(), is_long: false, seed, amount: None, report };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "help" | "--help" | "-h" => return Ok(None),
            "--long" => options.is_long = true,
            "--seed" => options.seed = number(&value()?)?,
            "--amount" => options.amount = Some(number(&value()?)?),
            "--report" => options.report = value()?.into(),
            name => {
                let part = parts.iter().find(|part| part.name == name);
                options.parts.push(part.ok_or(format!("there is no part {name:?}"))?);
            }
        }
    }
    if options.parts.is_empty() {
        options.parts = parts.iter().collect();
    }
    Ok(Some(options))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

/// Tells threads to stop, whatever way the one that watches over them ends.
pub struct Stopper<'a>(pub &'a AtomicBool);

impl Drop for Stopper<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Numbers that a seed decides (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        // Seeds that lie side by side give unlike numbers, and none is zero.
        Random(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 up to, and without, `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}
