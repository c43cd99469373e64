//! Configuration: one table of keys, from which flags, the properties file, `--print-config` and topic configs come.
//!
//! A row has Kafka's own name where Kafka has one, and the name that a topic overrides it by, if it can.
//!
//! Always true: a [`Config`] holds only checked values; an unknown key or a bad value is refused by name, with the
//! nearest key or the range. Not done: nothing changes while the broker runs.

use crate::base::{Error, Result};

mod table;

pub use table::KEYS;

/// A key's row in the table.
pub struct Key {
    pub name: &'static str,
    /// The name under which one topic overrides it.
    pub topic_name: Option<&'static str>,
    pub kind: Kind,
    pub default: &'static str,
    pub doc: &'static str,
}

/// What values a key takes.
pub enum Kind {
    /// A whole number, from the first to the second, both allowed.
    Int(i64, i64),
    /// A decimal number from 0 to 1.
    Ratio,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, separated by commas.
    Choices(&'static [&'static str]),
    Text,
}

impl Key {
    fn check(&self, value: &str) -> std::result::Result<(), String> {
        let good = match self.kind {
            Kind::Int(low, high) => value.parse().is_ok_and(|n: i64| (low..=high).contains(&n)),
            Kind::Ratio => value.parse().is_ok_and(|n: f64| (0.0..=1.0).contains(&n)),
            Kind::Choice(words) => words.contains(&value),
            Kind::Choices(words) => value.split(',').all(|word| words.contains(&word.trim())),
            Kind::Text => true,
        };
        if good {
            return Ok(());
        }
        Err(format!("'{value}' is not {}", self.kind))
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Int(low, i64::MAX) => write!(f, "a whole number of at least {low}"),
            Kind::Int(low, high) => write!(f, "a whole number from {low} to {high}"),
            Kind::Ratio => write!(f, "a number from 0 to 1"),
            Kind::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Kind::Choices(words) => write!(f, "a list of {}", words.join(", ")),
            Kind::Text => write!(f, "text"),
        }
    }
}

/// Where a value came from; what comes later in this list wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub enum Source {
    Default,
    File,
    CommandLine,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Source::Default => "default",
            Source::File => "file",
            Source::CommandLine => "command line",
        })
    }
}

/// The broker's configuration: a value for each row of [`KEYS`].
#[derive(Clone)]
pub struct Config {
    values: Vec<(String, Source)>,
}

impl Default for Config {
    fn default() -> Config {
        Config { values: KEYS.iter().map(|key| (key.default.to_string(), Source::Default)).collect() }
    }
}

impl Config {
    /// Sets one key, unless a source that wins has set it already.
    pub fn set(&mut self, name: &str, value: &str, source: Source) -> Result<()> {
        let Some(index) = KEYS.iter().position(|key| key.name == name) else {
            return Err(unknown(name));
        };
        KEYS[index].check(value).map_err(|what| Error::unusable(format!("bad value of {name}"), what))?;
        if source >= self.values[index].1 {
            self.values[index] = (value.to_string(), source);
        }
        Ok(())
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
        &self.values[index_of(name)].0
    }

    pub fn int(&self, name: &str) -> i64 {
        self.text(name).parse().expect("checked when it was set")
    }

    pub fn source(&self, name: &str) -> Source {
        self.values[index_of(name)].1
    }

    /// One topic's value: its own, or the broker's.
    pub fn topic_text<'a>(&'a self, overrides: &'a TopicConfig, topic_name: &str) -> &'a str {
        overrides.get(topic_name).unwrap_or_else(|| {
            let key = find_topic_key(topic_name).expect("a key of the table");
            self.text(key.name)
        })
    }

    pub fn topic_int(&self, overrides: &TopicConfig, topic_name: &str) -> i64 {
        self.topic_text(overrides, topic_name).parse().expect("checked when it was set")
    }

    /// What `--print-config` prints: value, default and source of each key.
    pub fn print(&self) -> String {
        let mut text = String::from("# key=value, its default, where the value comes from\n");
        for (key, (value, source)) in KEYS.iter().zip(&self.values) {
            text += &format!("{}={value}\n#   default {}, from {source}\n", key.name, key.default);
        }
        text
    }
}

fn index_of(name: &str) -> usize {
    KEYS.iter().position(|key| key.name == name).unwrap_or_else(|| panic!("no key {name} in the table"))
}

fn find_topic_key(topic_name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.topic_name == Some(topic_name))
}

fn unknown(name: &str) -> Error {
    let nearest = KEYS.iter().map(|key| key.name).min_by_key(|known| edit_distance(known, name));
    let nearest = nearest.expect("the table is not empty");
    Error::unusable(format!("unknown key '{name}'"), format!("did you mean {nearest}? --print-config lists all"))
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

/// The configs that a topic was created with, checked, sorted by name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TopicConfig {
    overrides: Vec<(String, String)>,
}

impl TopicConfig {
    /// Sets one config; the error says in a sentence why not.
    pub fn set(&mut self, name: &str, value: &str) -> std::result::Result<(), String> {
        let key = find_topic_key(name).ok_or_else(|| format!("unknown topic config '{name}'"))?;
        key.check(value).map_err(|what| format!("invalid value for {name}: {what}"))?;
        self.overrides.retain(|(known, _)| known != name);
        let place = self.overrides.partition_point(|(known, _)| known.as_str() < name);
        self.overrides.insert(place, (name.to_string(), value.to_string()));
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.overrides.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.overrides.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_passes_its_own_check() {
        for key in KEYS {
            assert_eq!(key.check(key.default), Ok(()), "{}", key.name);
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
    fn a_topic_overrides_the_broker() {
        let mut topic = TopicConfig::default();
        topic.set("segment.bytes", "1048576").unwrap();
        assert!(topic.set("segment.bytes", "1000").unwrap_err().contains("from 1048576"));
        assert!(topic.set("log.segment.bytes", "1048576").is_err());
        let config = Config::default();
        assert_eq!(config.topic_int(&topic, "segment.bytes"), 1 << 20);
        assert_eq!(config.topic_int(&topic, "index.interval.bytes"), 4096);
    }
}
