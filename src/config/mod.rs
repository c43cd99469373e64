//! Configuration: one table of keys, from which flags, the properties file, names in the environment, `--print-config`,
//! topic configs, the answers to DescribeConfigs and docs/config.md come.
//!
//! A row has Kafka's own name where Kafka has one, and the name that a topic overrides it by, if it can. A broker's
//! value comes from the highest [`Source`] that has one; [`Overrides`] hold what was set on one topic, or on the broker
//! while it runs. Kafka's [other names](synonyms) for a key are taken too; keys of Kafka's that mean [nothing
//! here](ignored) are accepted with a remark.
//!
//! Always true: a [`Config`] and [`Overrides`] hold only checked values; an unknown key or a bad value is refused by
//! name, with the nearest key or the range.
//! Not done: a [`Config`] is a value; who shares one, and what follows a change, is known above.

use std::net::IpAddr;

use crate::base::{Error, Result};

pub mod address;
mod environment;
mod ignored;
mod overrides;
mod page;
pub mod properties;
pub mod sites;
mod synonyms;
mod table;

use synonyms::Synonym;

pub use overrides::{Operation, Overrides, Scope};
pub use page::markdown;
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
    /// One directory.
    Folder,
    /// Addresses of hosts, each with a number behind a colon.
    Counts,
    /// Addresses, each behind the name of its listener; one without a name is kept as PLAINTEXT's.
    Listeners,
}

/// Keys of Kafka's that promise what this broker does not do: refused unless they are empty.
const REFUSED: &[(&str, &str)] = &[(
    "authorizer.class.name",
    "nothing keeps anybody from anything here; remove the key, and let a firewall decide who reaches the listeners",
)];

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
            Kind::Choice(words @ ["true", "false"]) => {
                words.iter().find(|word| value.eq_ignore_ascii_case(word)).map(|word| word.to_string())
            }
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
            Kind::Folder => Some(value.to_string()).filter(|value| !value.is_empty() && !value.contains(',')),
            Kind::Counts => counts(value).map(|counts| {
                let listed: Vec<String> = counts.iter().map(|(host, count)| format!("{host}:{count}")).collect();
                listed.join(",")
            }),
            Kind::Listeners => {
                let named = value.split(',').map(str::trim).map(|address| match address.contains("://") {
                    true => address.to_string(),
                    false => format!("PLAINTEXT://{address}"),
                });
                Some(if value.is_empty() { String::new() } else { named.collect::<Vec<_>>().join(",") })
            }
        };
        normal.ok_or_else(|| format!("'{value}' is not {}", self.kind))
    }
}

/// Addresses and the numbers behind them; `None` if the text is no such list.
pub fn counts(text: &str) -> Option<Vec<(IpAddr, u32)>> {
    let count = |pair: &str| {
        let (host, count) = pair.trim().rsplit_once(':')?;
        let host: IpAddr = host.trim_matches(['[', ']']).parse().ok()?;
        Some((host.to_canonical(), count.parse().ok()?))
    };
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(count).collect()
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
            Kind::Folder => write!(f, "one directory"),
            Kind::Counts => write!(f, "a list of ADDRESS:COUNT"),
            Kind::Listeners => write!(f, "a list of NAME://HOST:PORT"),
        }
    }
}

/// Where a value came from; what comes later in this list wins (Kafka's `ConfigEntry.ConfigSource`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    Default,
    File,
    Environment,
    CommandLine,
    /// Set by a client for all brokers of the cluster: those that have nothing of their own.
    DynamicDefault,
    /// Set by a client for this broker.
    Dynamic,
}

impl Source {
    /// From the one that wins on.
    const ALL: [Source; 6] = [
        Source::Dynamic,
        Source::DynamicDefault,
        Source::CommandLine,
        Source::Environment,
        Source::File,
        Source::Default,
    ];
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Source::Default => "default",
            Source::File => "file",
            Source::Environment => "environment",
            Source::CommandLine => "command line",
            Source::DynamicDefault => "set for the cluster",
            Source::Dynamic => "set for the broker",
        })
    }
}

/// The broker's configuration: for each row of [`KEYS`] the values that it has, by source.
#[derive(Clone)]
pub struct Config {
    values: Vec<[Option<Value>; Source::ALL.len()]>,
    /// What was accepted and is without effect, with the reasons.
    remarks: Vec<String>,
}

#[derive(Clone)]
struct Value {
    text: String,
    /// That of the [name](synonyms) by which it was set; 0 for the key's own.
    rank: u8,
}

impl Value {
    fn new(text: &str) -> Value {
        Value { text: text.to_string(), rank: 0 }
    }
}

impl Default for Config {
    fn default() -> Config {
        let mut config = Config { values: vec![Default::default(); KEYS.len()], remarks: Vec::new() };
        for (key, values) in KEYS.iter().zip(&mut config.values) {
            values[Source::Default as usize] = Some(Value::new(key.default));
        }
        config
    }
}

impl Config {
    /// Sets one key, as far as this source goes.
    pub fn set(&mut self, name: &str, value: &str, source: Source) -> Result<()> {
        let synonym = Synonym::find(name);
        let key_name = synonym.map_or(name, |synonym| synonym.key);
        let Some(index) = KEYS.iter().position(|key| key.name == key_name) else {
            return self.set_without_effect(name, value);
        };
        let converted = synonym.map_or(value.to_string(), |synonym| synonym.convert(value));
        let text = KEYS[index].normal(&converted);
        let text = text.map_err(|what| Error::unusable(format!("bad value of {name}"), what))?;
        let rank = synonym.map_or(0, |synonym| synonym.rank);
        let place = &mut self.values[index][source as usize];
        if place.as_ref().is_none_or(|known| known.rank >= rank) {
            *place = Some(Value { text, rank });
        }
        Ok(())
    }

    /// A name that is not in the table: one of Kafka's, or none.
    fn set_without_effect(&mut self, name: &str, value: &str) -> Result<()> {
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            let cause = format!("{name}={value} cannot be kept");
            return if value.is_empty() { Ok(()) } else { Err(Error::unusable(cause, *why)) };
        }
        let Some(why) = ignored::why(name) else {
            let (nearest, _) = typo_of(name);
            let mend = format!("did you mean {nearest}? --print-config lists all");
            return Err(Error::unusable(format!("unknown key '{name}'"), mend));
        };
        let remark = format!("{name} is without effect: {why}");
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
        Ok(())
    }

    /// What was accepted and is without effect, a line each, with the reasons.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// What is set by `source` is this, and nothing else.
    pub fn replace(&mut self, source: Source, overrides: &Overrides) {
        for (key, values) in KEYS.iter().zip(&mut self.values) {
            values[source as usize] = overrides.get(key.name).map(Value::new);
        }
    }

    /// What is set by `source`.
    pub fn overrides(&self, source: Source) -> Overrides {
        let mut overrides = Overrides::new(Scope::Broker);
        for (key, values) in KEYS.iter().zip(&self.values) {
            if let Some(value) = &values[source as usize] {
                overrides.set(key.name, &value.text).expect("checked when it was set");
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

    /// Sets what the text of a properties file sets.
    pub fn set_from_properties(&mut self, text: &str) -> Result<()> {
        properties::parse(text).into_iter().try_for_each(|(name, value)| match value {
            Some(value) => self.set(&name, &value, Source::File),
            None => self.set_pair(&name, Source::File),
        })
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
        Source::ALL
            .into_iter()
            .filter_map(|source| Some((source, values[source as usize].as_ref()?.text.as_str())))
    }

    /// Values that are right one by one, and not together (Kafka's `KafkaConfig.validateValues`): nobody could mend a broker
    /// that lets nobody in.
    pub fn check_together(&self) -> std::result::Result<(), String> {
        let (most, others) = ("max.connections.per.ip", "max.connections.per.ip.overrides");
        let mut let_in = counts(self.text(others)).expect("checked when it was set").into_iter();
        if self.int(most) > 0 || let_in.any(|(_, count)| count > 0) {
            return Ok(());
        }
        Err(format!("{most} 0 lets nobody in, unless {others} gives some address more"))
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

/// Whether a name means anything, here or to Kafka.
fn is_known(name: &str) -> bool {
    let is_served = Synonym::find(name).is_some() || KEYS.iter().any(|key| key.name == name);
    is_served || ignored::why(name).is_some() || REFUSED.iter().any(|(refused, _)| *refused == name)
}

/// The name, here or with Kafka, that may have been meant, and how many edits it is away.
fn typo_of(name: &str) -> (String, usize) {
    let served = KEYS.iter().map(|key| key.name).chain(synonyms::SYNONYMS.iter().map(|synonym| synonym.name));
    let with_distance = |known: String| (edit_distance(&known, name), known);
    let nearest = served
        .map(str::to_string)
        .chain(ignored::names())
        .map(with_distance)
        .min_by_key(|(edits, _)| *edits);
    let (edits, nearest) = nearest.expect("the table is not empty");
    (nearest, edits)
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
    use crate::base::limits::{ALL, OPEN_FILES};

    #[test]
    fn every_default_passes_its_own_check() {
        for key in KEYS {
            assert_eq!(key.normal(key.default).as_deref(), Ok(key.default), "{}", key.name);
        }
    }

    #[test]
    fn words_are_true_and_false_however_they_are_written() {
        let normal = |name: &str, value: &str| KEYS[index_of(name)].normal(value).ok();
        for value in ["TRUE", "True", " true "] {
            assert_eq!(normal("auto.create.topics.enable", value).as_deref(), Some("true"), "{value}");
        }
        assert_eq!(normal("auto.create.topics.enable", "yes"), None);
        assert_eq!(normal("flush.mode", "OS"), None, "other words are Kafka's, letter for letter");
    }

    #[test]
    fn every_limit_is_set_by_a_key_but_that_of_the_kernel() {
        for limit in ALL.iter().filter(|limit| limit.key != OPEN_FILES.key) {
            assert!(KEYS.iter().any(|key| key.name == limit.key), "{}", limit.key);
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

    #[test]
    fn kafkas_finer_units_win_over_the_coarser_ones_of_the_same_source() {
        for (text, expected) in [
            ("log.retention.hours=2", 7_200_000),
            ("log.retention.hours=-1", -1),
            ("log.retention.minutes=3\nlog.retention.hours=2", 180_000),
            ("log.retention.ms=4\nlog.retention.hours=2\nlog.retention.minutes=3", 4),
            ("log.retention.hours=2\nlog.retention.hours=1", 3_600_000),
        ] {
            let mut config = Config::default();
            config.set_from_properties(text).unwrap();
            assert_eq!(config.int("log.retention.ms"), expected, "{text}");
        }
        let mut config = Config::default();
        config.set_from_properties("log.roll.ms=5\nlog.dir=a\nlog.dirs=b\nbroker.id=7").unwrap();
        config.set("log.roll.hours", "1", Source::CommandLine).unwrap();
        assert_eq!(config.int("log.roll.ms"), 3_600_000);
        assert_eq!((config.text("log.dirs"), config.int("node.id")), ("b", 7));
        let error = config.set("log.roll.hours", "0", Source::CommandLine).unwrap_err().to_string();
        assert!(error.contains("log.roll.hours") && error.contains("'0'"), "{error}");
    }

    #[test]
    fn what_means_nothing_here_is_accepted_with_a_remark_and_a_typo_in_it_is_not() {
        let mut config = Config::default();
        config
            .set_from_properties("num.io.threads=8\nssl.keystore.location=/a\nauthorizer.class.name=")
            .unwrap();
        assert_eq!(config.remarks().len(), 2);
        assert!(config.remarks()[0].starts_with("num.io.threads is without effect: "));
        let error = config.set("num.io.thread", "8", Source::File).unwrap_err().to_string();
        assert!(error.contains("did you mean num.io.threads?"), "{error}");
        let error = config.set("authorizer.class.name", "x.Y", Source::File).unwrap_err().to_string();
        assert!(error.contains("authorizer.class.name") && error.contains("firewall"), "{error}");
    }

    #[test]
    fn there_is_one_data_directory_and_an_address_without_a_name_gets_one() {
        let mut config = Config::default();
        let error = config.set("log.dirs", "/a,/b", Source::File).unwrap_err().to_string();
        assert!(error.contains("'/a,/b' is not one directory"), "{error}");
        config.set("listeners", "127.0.0.1:1, INSIDE://:2", Source::CommandLine).unwrap();
        assert_eq!(config.text("listeners"), "PLAINTEXT://127.0.0.1:1,INSIDE://:2");
    }
}
