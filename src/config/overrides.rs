//! What was set on one resource: on a topic, or on the broker while it runs.
//!
//! Always true: every value was checked against its key's row in [`KEYS`], and all of them together; sorted by name.
//! Not done: what is not set here comes from the broker's [`Config`](super::Config).

use std::collections::BTreeMap;

use super::{unknown, Key, Kind, KEYS};

/// Which keys may be set, and by which names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Keys that a topic overrides, by their names on a topic.
    Topic,
    /// Keys that the broker takes while it runs.
    Broker,
}

impl Scope {
    /// The name that a key has here; `None` for one that does not exist here.
    pub fn name_of(self, key: &Key) -> Option<&'static str> {
        match self {
            Scope::Topic => key.topic_name,
            Scope::Broker => Some(key.name),
        }
    }

    pub fn find(self, name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| self.name_of(key) == Some(name))
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        KEYS.iter().filter_map(move |key| self.name_of(key))
    }
}

/// A change of one key (KIP-339).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    Set(String),
    /// Back to the default.
    Delete,
    /// Adds to a list, which begins as the default.
    Append(String),
    /// Takes out of a list.
    Subtract(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overrides {
    scope: Scope,
    values: BTreeMap<String, String>,
}

impl Overrides {
    /// Nothing is set.
    pub fn new(scope: Scope) -> Overrides {
        Overrides { scope, values: BTreeMap::new() }
    }

    /// Sets one key; the error says in a sentence why not.
    pub fn set(&mut self, name: &str, value: &str) -> std::result::Result<(), String> {
        let value = self.key(name)?.normal(value).map_err(|what| format!("invalid value for {name}: {what}"))?;
        self.values.insert(name.to_string(), value);
        Ok(())
    }

    /// Changes one key; `default` is the value that a list has while it is not set.
    pub fn apply(&mut self, name: &str, operation: &Operation, default: &str) -> std::result::Result<(), String> {
        let (change, listed) = match operation {
            Operation::Set(value) => return self.set(name, value),
            // Whatever its name: it is not set any longer.
            Operation::Delete => {
                self.values.remove(name);
                return Ok(());
            }
            Operation::Append(listed) => ("append to", listed),
            Operation::Subtract(listed) => ("subtract from", listed),
        };
        if !matches!(self.key(name)?.kind, Kind::Choices(_)) {
            return Err(format!("cannot {change} {name}: it is not a list"));
        }
        let mut words: Vec<&str> =
            self.get(name).unwrap_or(default).split(',').filter(|word| !word.is_empty()).collect();
        for word in listed.split(',').map(str::trim) {
            match operation {
                Operation::Append(_) if !words.contains(&word) => words.push(word),
                Operation::Subtract(_) => words.retain(|known| *known != word),
                _ => {}
            }
        }
        let value = words.join(",");
        self.set(name, &value)
    }

    fn key(&self, name: &str) -> std::result::Result<&'static Key, String> {
        self.scope.find(name).ok_or_else(|| {
            let (cause, mend) = unknown(name, self.scope.names());
            format!("{cause}: {mend}")
        })
    }

    /// Values that are right one by one, and not together (Kafka's `LogConfig.validateValues`).
    pub fn check_together(&self, value: impl Fn(&str) -> i64) -> std::result::Result<(), String> {
        let (least, most) = match self.scope {
            Scope::Topic => ("min.compaction.lag.ms", "max.compaction.lag.ms"),
            Scope::Broker => ("log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
        };
        if value(least) > value(most) {
            return Err(format!("{least} {} is above {most} {}", value(least), value(most)));
        }
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// `name=value,name=value`
impl std::fmt::Display for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs: Vec<String> = self.iter().map(|(name, value)| format!("{name}={value}")).collect();
        f.write_str(&pairs.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Source};
    use super::*;

    #[test]
    fn a_topic_overrides_the_broker() {
        let mut topic = Overrides::new(Scope::Topic);
        topic.set("segment.bytes", "1048576").unwrap();
        assert!(topic.set("segment.bytes", "1000").unwrap_err().contains("from 1048576"));
        assert!(topic.set("log.segment.bytes", "1048576").unwrap_err().contains("did you mean segment.bytes?"));
        let config = Config::default();
        assert_eq!(config.topic_int(&topic, "segment.bytes"), 1 << 20);
        assert_eq!(config.topic_int(&topic, "index.interval.bytes"), 4096);
    }

    #[test]
    fn lists_grow_and_shrink_and_nothing_else_does() {
        let mut topic = Overrides::new(Scope::Topic);
        let mut apply = |name: &str, operation| {
            topic.apply(name, &operation, "delete")?;
            Ok::<_, String>(topic.get(name).unwrap_or("not set").to_string())
        };
        let word = str::to_string;
        assert_eq!(apply("cleanup.policy", Operation::Append(word("compact"))), Ok(word("delete,compact")));
        assert_eq!(apply("cleanup.policy", Operation::Append(word("compact"))), Ok(word("delete,compact")));
        assert_eq!(apply("cleanup.policy", Operation::Subtract(word("delete"))), Ok(word("compact")));
        assert_eq!(apply("cleanup.policy", Operation::Delete), Ok(word("not set")));
        assert!(apply("cleanup.policy", Operation::Append(word("shred"))).is_err());
        assert_eq!(apply("retention.ms", Operation::Set(word("5"))), Ok(word("5")));
        let error = apply("retention.ms", Operation::Append(word("5"))).unwrap_err();
        assert_eq!(error, "cannot append to retention.ms: it is not a list");
    }

    #[test]
    fn values_are_kept_as_short_as_they_can_be_said() {
        let mut topic = Overrides::new(Scope::Topic);
        for (name, said, kept) in [
            ("cleanup.policy", " compact ,delete,compact", "compact,delete"),
            ("retention.ms", " 000005", "5"),
            ("min.cleanable.dirty.ratio", "0.250", "0.25"),
        ] {
            topic.set(name, said).unwrap();
            assert_eq!(topic.get(name), Some(kept));
        }
        topic.apply("cleanup.policy", &Operation::Append("   delete".to_string()), "").unwrap();
        assert_eq!(topic.get("cleanup.policy"), Some("compact,delete"));
    }

    #[test]
    fn values_have_to_be_right_together() {
        let config = Config::default();
        let mut topic = Overrides::new(Scope::Topic);
        topic.set("min.compaction.lag.ms", "10").unwrap();
        assert_eq!(topic.check_together(|name| config.topic_int(&topic, name)), Ok(()));
        topic.set("max.compaction.lag.ms", "9").unwrap();
        let error = topic.check_together(|name| config.topic_int(&topic, name)).unwrap_err();
        assert_eq!(error, "min.compaction.lag.ms 10 is above max.compaction.lag.ms 9");
        assert_eq!(config.source("log.cleaner.min.compaction.lag.ms"), Source::Default);
    }
}
