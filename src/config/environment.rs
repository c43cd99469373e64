//! Keys in the environment, by the names that Kafka's docker image gives them (`KafkaDockerWrapper`).
//!
//! `KAFKA_NUM_PARTITIONS` is `num.partitions`: a `_` stands for a dot, `__` for an underscore, `___` for a dash.
//! `CLUSTER_ID` is the id of the cluster that a new data directory is made for. Without `KAFKA_LISTENERS`, the broker
//! listens on the ports of `KAFKA_ADVERTISED_LISTENERS`, on all interfaces: the image does that.
//!
//! Always true: a variable that is far from every key starts nothing and stops nothing, since an environment is shared
//! (`KAFKA_BOOTSTRAP_SERVERS` of the program that starts the broker, `KAFKA_PORT` from Kubernetes); one that is a
//! letter or two away from a key is refused as a typo.
//! Not done: variables of Kafka's own scripts, such as `KAFKA_HEAP_OPTS`, which mean nothing without a JVM.

use super::{typo_of, Config, Source};
use crate::base::{Error, Result};

/// Variables of the image and of Kafka's scripts that are no keys.
const NOT_KEYS: &[&str] = &[
    "KAFKA_CLUSTERS",
    "KAFKA_DEBUG",
    "KAFKA_DEBUG_PORT",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_HOME",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_CMD_OPTS",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_OPTS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_VERSION",
];

const LISTENERS: &[&str] = &["KAFKA_ADVERTISED_LISTENERS", "KAFKA_LISTENERS"];

/// Edits that make a name a typo of a key.
const TYPO_MAX: usize = 2;

/// The key that a variable names; `None` for one that names none.
fn key_of(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("KAFKA_").filter(|_| !NOT_KEYS.contains(&variable))?;
    Some(name.to_lowercase().replace('_', ".").replace("...", "-").replace("..", "_"))
}

impl Config {
    /// Sets what the environment sets.
    pub fn set_from_environment(&mut self, variables: impl Iterator<Item = (String, String)>) -> Result<()> {
        let mut variables: Vec<_> = variables.collect();
        variables.sort();
        // As in the image: empty is not set.
        variables.retain(|(variable, value)| !value.is_empty() || !LISTENERS.contains(&variable.as_str()));
        for (variable, value) in &variables {
            match key_of(variable) {
                Some(name) => self.set_from_variable(variable, &name, value)?,
                None if variable == "CLUSTER_ID" => self.set("cluster.id", value, Source::Environment)?,
                None => {}
            }
        }
        if self.source("listeners") == Source::Default && self.source("advertised.listeners") == Source::Environment {
            let listeners = on_all_interfaces(self.text("advertised.listeners"));
            self.set("listeners", &listeners, Source::Environment)?;
            self.remarks.push(format!("listeners={listeners}: the ports of KAFKA_ADVERTISED_LISTENERS"));
        }
        Ok(())
    }

    fn set_from_variable(&mut self, variable: &str, name: &str, value: &str) -> Result<()> {
        if !super::is_known(name) {
            let (nearest, distance) = typo_of(name);
            let meant =
                format!("KAFKA_{}", nearest.replace('-', "___").replace('_', "__").replace('.', "_").to_uppercase());
            if distance <= TYPO_MAX {
                let mend = format!("did you mean {meant}? Otherwise unset it");
                return Err(Error::unusable(format!("the environment's {variable} is no key"), mend));
            }
            self.remarks
                .push(format!("{variable} of the environment is without effect: there is no key {name}"));
            return Ok(());
        }
        self.set(name, value, Source::Environment).map_err(|error| match error {
            Error::Unusable { cause, mend } => Error::unusable(format!("{variable}: {cause}"), mend),
            other => other,
        })
    }
}

/// Listeners on the ports of these.
fn on_all_interfaces(advertised: &str) -> String {
    let listener = |text: &str| {
        let (name, address) = text.trim().split_once("://").unwrap_or(("PLAINTEXT", text.trim()));
        let port = address.rsplit_once(':').map_or(address, |(_, port)| port);
        format!("{name}://0.0.0.0:{port}")
    };
    advertised.split(',').map(listener).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config> {
        let mut config = Config::default();
        let owned = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        config.set_from_environment(owned)?;
        Ok(config)
    }

    #[test]
    fn underscores_stand_for_dots_underscores_and_dashes() {
        let key = |variable| key_of(variable).unwrap_or_default();
        assert_eq!(key("KAFKA_LOG_RETENTION_MS"), "log.retention.ms");
        assert_eq!(key("KAFKA_A__B___C____D"), "a_b-c-.d");
        assert_eq!(key("KAFKA_HEAP_OPTS"), "");
        assert_eq!(key("PATH"), "");
    }

    #[test]
    fn variables_win_over_the_file_and_lose_to_the_command_line() {
        let mut config = config(&[("KAFKA_NUM_PARTITIONS", "4"), ("KAFKA_FLUSH_MODE", "os")]).unwrap();
        config.set_from_properties("num.partitions=3\nnode.id=9").unwrap();
        config.set("flush.mode", "always", Source::CommandLine).unwrap();
        assert_eq!((config.int("num.partitions"), config.source("num.partitions")), (4, Source::Environment));
        assert_eq!((config.int("node.id"), config.text("flush.mode")), (9, "always"));
    }

    #[test]
    fn a_typo_is_refused_and_what_is_far_from_every_key_is_not() {
        let error = config(&[("KAFKA_NUM_PARTITION", "4")]).err().unwrap().to_string();
        assert!(error.contains("KAFKA_NUM_PARTITION ") && error.contains("mean KAFKA_NUM_PARTITIONS?"), "{error}");
        let error = config(&[("KAFKA_NUM_PARTITIONS", "four")]).err().unwrap().to_string();
        assert!(error.contains("KAFKA_NUM_PARTITIONS") && error.contains("'four'"), "{error}");
        let shared = [
            ("KAFKA_BOOTSTRAP_SERVERS", "x:1"),
            ("KAFKA_BROKERS", "x:1"),
            ("KAFKA_GROUP_ID", "g"),
            ("KAFKA_PORT", "tcp://10.0.0.1:9092"),
            ("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.1"),
            ("KAFKA_SERVICE_HOST", "10.0.0.1"),
            ("KAFKA_TOPIC", "t"),
            ("KAFKA_USER", "u"),
        ];
        let told = config(&shared).unwrap();
        assert_eq!(told.remarks().len(), shared.len(), "{:#?}", told.remarks());
        let silent: Vec<_> = NOT_KEYS.iter().map(|name| (*name, "x")).collect();
        assert!(config(&silent).unwrap().remarks().is_empty());
    }

    #[test]
    fn the_listeners_follow_what_is_advertised_as_in_kafkas_image() {
        let advertised = ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://localhost:9092,INSIDE://[::1]:29092");
        let told = config(&[advertised]).unwrap();
        assert_eq!(told.text("listeners"), "PLAINTEXT://0.0.0.0:9092,INSIDE://0.0.0.0:29092");
        let empty = config(&[advertised, ("KAFKA_LISTENERS", "")]).unwrap();
        assert_eq!(empty.text("listeners"), told.text("listeners"));
        let given = config(&[advertised, ("KAFKA_LISTENERS", "PLAINTEXT://:9092")]).unwrap();
        assert_eq!(given.text("listeners"), "PLAINTEXT://:9092");
    }

    #[test]
    fn the_cluster_id_has_a_name_of_its_own() {
        assert_eq!(
            config(&[("CLUSTER_ID", "5L6g3nShT-eMCtK--X86sw")]).unwrap().text("cluster.id"),
            "5L6g3nShT-eMCtK--X86sw"
        );
    }
}
