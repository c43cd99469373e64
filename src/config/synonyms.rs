//! Kafka's other names for a key: a coarser unit, or a name of older versions.
//!
//! Always true: what is set by the name of a lower rank wins over one of a higher rank of the same source, in whatever
//! order they come; as with Kafka, where ms win over minutes, and these over hours.
//! Not done: these names are not described to clients, and no topic has them.

pub struct Synonym {
    pub name: &'static str,
    /// The name in the table.
    pub key: &'static str,
    /// How many of the key's units one of this is; 1 for text.
    pub unit: i64,
    pub rank: u8,
}

const fn synonym(name: &'static str, key: &'static str, unit: i64, rank: u8) -> Synonym {
    Synonym { name, key, unit, rank }
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

pub const SYNONYMS: &[Synonym] = &[
    synonym("log.retention.minutes", "log.retention.ms", MINUTE_MS, 1),
    synonym("log.retention.hours", "log.retention.ms", HOUR_MS, 2),
    synonym("log.roll.hours", "log.roll.ms", HOUR_MS, 1),
    synonym("log.roll.jitter.hours", "log.roll.jitter.ms", HOUR_MS, 1),
    synonym("log.dir", "log.dirs", 1, 1),
    synonym("broker.id", "node.id", 1, 1),
];

impl Synonym {
    pub fn find(name: &str) -> Option<&'static Synonym> {
        SYNONYMS.iter().find(|synonym| synonym.name == name)
    }

    /// The value in the unit of the key; what is no number, or means "never", stays as it is for the key to judge.
    pub fn convert(&self, value: &str) -> String {
        match value.trim().parse::<i64>() {
            Ok(number) if self.unit > 1 && number > 0 => number.saturating_mul(self.unit).to_string(),
            _ => value.to_string(),
        }
    }
}
