//! Configuration: one table of keys, from which flags, the properties file, `--print-config`, topic configs and the
//! answers to DescribeConfigs come.
//!
//! A row has Kafka's own name where Kafka has one, and the name that a topic overrides it by, if it can. A broker's
//! value comes from the highest [`Source`] that has one; [`Overrides`] hold what was set on one topic, or on the broker
//! while it runs.
//!
//! Always true: a [`Config`] and [`Overrides`] hold only checked values; an unknown key or a bad value is refused by
//! name, with the nearest key or the range.
//! Not done: a [`Config`] is a value; who shares one, and what follows a change, is known above.

use crate::base::{Error, Result};

mod overrides;
mod table;

pub use overrides::{Operation, Overrides, Scope};
pub use table::KEYS;

/// A key's row in the table.
pub struct Key {
    pub name: &'static str,
    /// The name under which one topic overrides it.
    pub topic_name: Option<&'static str>,
    pub kind: Kind,
    pub default: &'static str,
    pub doc: &'static str,
    /// Whether the broker takes a new value while it runs.
    pub is_dynamic: bool,
}

/// What values a key takes.
pub enum Kind {
    /// A whole number, from the first to the second, both allowed.
    Int(i64, i64),
    /// A whole number as [`Kind::Int`], or -1 for what is usual.
    Level(i64, i64),
    /// A decimal number from 0 to 1.
    Ratio,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, separated by commas.
    Choices(&'static [&'static str]),
    Text,
}

impl Key {
    /// The value as it is kept: without blanks around it, numbers as numbers are written, each word of a list once.
    fn normal(&self, value: &str) -> std::result::Result<String, String> {
        let value = value.trim();
        let normal = match self.kind {
            Kind::Int(low, high) => value.parse().ok().filter(|n| (low..=high).contains(n)).map(|n: i64| n.to_string()),
            Kind::Level(low, high) => {
                value.parse().ok().filter(|n| *n == -1 || (low..=high).contains(n)).map(|n: i64| n.to_string())
            }
            Kind::Ratio => value.parse().ok().filter(|n| (0.0..=1.0).contains(n)).map(|n: f64| n.to_string()),
            Kind::Choice(words) => words.contains(&value).then(|| value.to_string()),
            Kind::Choices(words) => {
                let mut listed: Vec<&str> = Vec::new();
                for word in value.split(',').map(str::trim) {
                    if !listed.contains(&word) {
                        listed.push(word);
                    }
                }
                listed.iter().all(|word| words.contains(word)).then(|| listed.join(","))
            }
            Kind::Text => Some(value.to_string()),
        };
        normal.ok_or_else(|| format!("'{value}' is not {}", self.kind))
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Int(low, i64::MAX) => write!(f, "a whole number of at least {low}"),
            Kind::Int(low, high) => write!(f, "a whole number from {low} to {high}"),
            Kind::Level(low, high) => write!(f, "a whole number from {low} to {high}, or -1"),
            Kind::Ratio => write!(f, "a number from 0 to 1"),
            Kind::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Kind::Choices(words) => write!(f, "a list of {}", words.join(", ")),
            Kind::Text => write!(f, "text"),
        }
    }
}

/// Where a value came from; what comes later in this list wins (Kafka's `ConfigEntry.ConfigSource`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    Default,
    File,
    CommandLine,
    /// Set by a client for all brokers of the cluster: those that have nothing of their own.
    DynamicDefault,
    /// Set by a client for this broker.
    Dynamic,
}

impl Source {
    /// From the one that wins on.
    const ALL: [Source; 5] =
        [Source::Dynamic, Source::DynamicDefault, Source::CommandLine, Source::File, Source::Default];
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Source::Default => "default",
            Source::File => "file",
            Source::CommandLine => "command line",
            Source::DynamicDefault => "set for the cluster",
            Source::Dynamic => "set for the broker",
        })
    }
}

/// The broker's configuration: for each row of [`KEYS`] the values that it has, by source.
#[derive(Clone)]
pub struct Config {
    values: Vec<[Option<String>; Source::ALL.len()]>,
}

impl Default for Config {
    fn default() -> Config {
        let mut config = Config { values: vec![Default::default(); KEYS.len()] };
        for (key, values) in KEYS.iter().zip(&mut config.values) {
            values[Source::Default as usize] = Some(key.default.to_string());
        }
        config
    }
}

impl Config {
    /// Sets one key, as far as this source goes.
    pub fn set(&mut self, name: &str, value: &str, source: Source) -> Result<()> {
        let Some(index) = KEYS.iter().position(|key| key.name == name) else {
            let (cause, mend) = unknown(name, KEYS.iter().map(|key| key.name));
            return Err(Error::unusable(cause, format!("{mend} --print-config lists all")));
        };
        let value = KEYS[index].normal(value);
        let value = value.map_err(|what| Error::unusable(format!("bad value of {name}"), what))?;
        self.values[index][source as usize] = Some(value);
        Ok(())
    }

    /// What is set by `source` is this, and nothing else.
    pub fn replace(&mut self, source: Source, overrides: &Overrides) {
        for (key, values) in KEYS.iter().zip(&mut self.values) {
            values[source as usize] = overrides.get(key.name).map(str::to_string);
        }
    }

    /// What is set by `source`.
    pub fn overrides(&self, source: Source) -> Overrides {
        let mut overrides = Overrides::new(Scope::Broker);
        for (key, values) in KEYS.iter().zip(&self.values) {
            if let Some(value) = &values[source as usize] {
                overrides.set(key.name, value).expect("checked when it was set");
            }
        }
        overrides
    }

    /// Sets `KEY=VALUE`.
    pub fn set_pair(&mut self, pair: &str, source: Source) -> Result<()> {
        match pair.split_once('=') {
            Some((name, value)) => self.set(name.trim(), value.trim(), source),
            None => Err(Error::unusable(format!("'{pair}' sets nothing"), "write KEY=VALUE")),
        }
    }

    /// Reads a properties file's text: `key=value` lines, `#` and `!` start a comment.
    pub fn set_from_properties(&mut self, text: &str) -> Result<()> {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
            .try_for_each(|line| self.set_pair(line, Source::File))
    }

    pub fn text(&self, name: &str) -> &str {
        self.by_source(name).next().expect("there is a default").1
    }

    pub fn int(&self, name: &str) -> i64 {
        self.text(name).parse().expect("checked when it was set")
    }

    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    pub fn source(&self, name: &str) -> Source {
        self.by_source(name).next().expect("there is a default").0
    }

    /// The values that a key has, from the one that wins down to the default.
    pub fn by_source(&self, name: &str) -> impl Iterator<Item = (Source, &str)> {
        let values = &self.values[index_of(name)];
        Source::ALL.into_iter().filter_map(|source| Some((source, values[source as usize].as_deref()?)))
    }

    /// One topic's value: its own, or the broker's.
    pub fn topic_text<'a>(&'a self, overrides: &'a Overrides, topic_name: &str) -> &'a str {
        overrides.get(topic_name).unwrap_or_else(|| {
            let key = Scope::Topic.find(topic_name).expect("a key of the table");
            self.text(key.name)
        })
    }

    pub fn topic_int(&self, overrides: &Overrides, topic_name: &str) -> i64 {
        self.topic_text(overrides, topic_name).parse().expect("checked when it was set")
    }

    /// What `--print-config` prints: value, default and source of each key.
    pub fn print(&self) -> String {
        let mut text = String::from("# key=value, its default, where the value comes from\n");
        for key in KEYS {
            let (value, source) = (self.text(key.name), self.source(key.name));
            text += &format!("{}={value}\n#   default {}, from {source}\n", key.name, key.default);
        }
        text
    }
}

fn index_of(name: &str) -> usize {
    KEYS.iter().position(|key| key.name == name).unwrap_or_else(|| panic!("no key {name} in the table"))
}

/// What is wrong with a name that is not among `known`, and the one that may have been meant.
fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> (String, String) {
    let nearest = known.min_by_key(|known| edit_distance(known, name)).expect("the table is not empty");
    (format!("unknown key '{name}'"), format!("did you mean {nearest}?"))
}

/// How many letters to insert, remove or change (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_passes_its_own_check() {
        for key in KEYS {
            assert_eq!(key.normal(key.default).as_deref(), Ok(key.default), "{}", key.name);
        }
    }

    #[test]
    fn a_typo_is_refused_with_the_nearest_key() {
        let error = Config::default().set("num.partition", "3", Source::CommandLine).unwrap_err();
        assert!(error.to_string().contains("did you mean num.partitions?"), "{error}");
    }

    #[test]
    fn a_bad_value_names_key_value_and_range() {
        let error = Config::default().set("num.partitions", "0", Source::CommandLine).unwrap_err().to_string();
        assert!(error.contains("num.partitions") && error.contains("'0'") && error.contains("from 1 to"), "{error}");
    }

    #[test]
    fn the_command_line_wins_over_the_file_in_any_order() {
        let mut config = Config::default();
        config.set("num.partitions", "3", Source::CommandLine).unwrap();
        config.set_from_properties("# comment\n\nnum.partitions = 5\nflush.mode=os\n").unwrap();
        assert_eq!(config.int("num.partitions"), 3);
        assert_eq!(config.text("flush.mode"), "os");
        assert_eq!(config.source("flush.mode"), Source::File);
        assert!(config.print().contains("flush.mode=os\n#   default acks, from file\n"));
    }

    #[test]
    fn what_a_client_sets_wins_and_what_was_there_comes_back() {
        let mut config = Config::default();
        config.set("log.retention.ms", "5", Source::CommandLine).unwrap();
        for (source, value) in [(Source::DynamicDefault, "6"), (Source::Dynamic, "7")] {
            let mut overrides = Overrides::new(Scope::Broker);
            overrides.set("log.retention.ms", value).unwrap();
            config.replace(source, &overrides);
            assert_eq!((config.text("log.retention.ms"), config.source("log.retention.ms")), (value, source));
            assert_eq!(config.overrides(source), overrides);
        }
        let values: Vec<_> = config.by_source("log.retention.ms").map(|(_, value)| value).collect();
        assert_eq!(values, ["7", "6", "5", "604800000"]);
        config.replace(Source::Dynamic, &Overrides::new(Scope::Broker));
        assert_eq!(config.text("log.retention.ms"), "6");
    }
}
