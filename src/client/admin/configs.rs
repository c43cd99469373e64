//! Configs of topics and brokers: described, and changed one by one.
//!
//! Always true: keys that are not named stay as they are (KIP-339); a broker's own configs are asked of that broker.
//! Not done: AlterConfigs, the older request, which sets back what it does not name.

use std::fmt;

use super::{only, Admin, Each};
use crate::client::error::{check, Error, Result};
use crate::wire::messages::describe_configs::{DescribeConfigsResource, DescribeConfigsResourceResult, BROKER, TOPIC};
use crate::wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, APPEND, DELETE, SET, SUBTRACT,
};
use crate::wire::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};

/// What has configs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Resource {
    Topic(String),
    /// A broker by its id, or what holds for all brokers.
    Broker(Option<i32>),
}

impl Resource {
    pub fn topic(name: impl Into<String>) -> Resource {
        Resource::Topic(name.into())
    }

    fn kind(&self) -> i8 {
        match self {
            Resource::Topic(_) => TOPIC,
            Resource::Broker(_) => BROKER,
        }
    }

    fn name(&self) -> String {
        match self {
            Resource::Topic(name) => name.clone(),
            Resource::Broker(id) => id.map(|id| id.to_string()).unwrap_or_default(),
        }
    }

    fn of(kind: i8, name: String) -> Resource {
        match kind {
            TOPIC => Resource::Topic(name),
            _ => Resource::Broker(name.parse().ok()),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Topic(name) => write!(f, "topic {name}"),
            Resource::Broker(Some(id)) => write!(f, "broker {id}"),
            Resource::Broker(None) => write!(f, "all brokers"),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigSource {
    Topic,
    /// Set at run time for this broker.
    Broker,
    /// Set at run time for all brokers.
    AllBrokers,
    /// The broker's own settings when it started.
    Static,
    Default,
    Unknown,
}

impl ConfigSource {
    fn of(number: i8) -> ConfigSource {
        match number {
            1 => ConfigSource::Topic,
            2 => ConfigSource::Broker,
            3 => ConfigSource::AllBrokers,
            4 => ConfigSource::Static,
            5 => ConfigSource::Default,
            _ => ConfigSource::Unknown,
        }
    }

    /// As Kafka's tools print it.
    pub fn name(self) -> &'static str {
        match self {
            ConfigSource::Topic => "DYNAMIC_TOPIC_CONFIG",
            ConfigSource::Broker => "DYNAMIC_BROKER_CONFIG",
            ConfigSource::AllBrokers => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            ConfigSource::Static => "STATIC_BROKER_CONFIG",
            ConfigSource::Default => "DEFAULT_CONFIG",
            ConfigSource::Unknown => "UNKNOWN",
        }
    }
}

#[derive(Clone, Debug)]
pub struct ConfigEntry {
    pub name: String,
    /// None if it has none, or is a secret.
    pub value: Option<String>,
    pub source: ConfigSource,
    pub is_read_only: bool,
    pub is_sensitive: bool,
    /// The value and those behind it: key, value, source.
    pub synonyms: Vec<(String, Option<String>, ConfigSource)>,
    pub documentation: Option<String>,
}

impl ConfigEntry {
    fn of(found: DescribeConfigsResourceResult) -> ConfigEntry {
        let synonyms = found.synonyms.into_iter().map(|s| (s.name, s.value, ConfigSource::of(s.source))).collect();
        // Version 0 says only whether it is a default.
        let source = if found.is_default { ConfigSource::Default } else { ConfigSource::of(found.config_source) };
        ConfigEntry {
            name: found.name,
            value: found.value,
            source,
            is_read_only: found.read_only,
            is_sensitive: found.is_sensitive,
            synonyms,
            documentation: found.documentation,
        }
    }

    /// Set for this very thing, at run time.
    pub fn is_dynamic(&self) -> bool {
        matches!(self.source, ConfigSource::Topic | ConfigSource::Broker | ConfigSource::AllBrokers)
    }
}

/// A change of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigOp {
    Set(String),
    /// Back to what holds without it.
    Delete,
    /// Elements for a list.
    Append(String),
    /// Elements out of a list.
    Subtract(String),
}

impl Admin {
    /// All configs of each of these.
    pub fn describe_configs(&mut self, resources: &[Resource]) -> Result<Each<Resource, Vec<ConfigEntry>>> {
        let mut all = Vec::new();
        for (node, resources) in by_node(resources) {
            let resource = |resource: &Resource| DescribeConfigsResource {
                resource_type: resource.kind(),
                resource_name: resource.name(),
                configuration_keys: None,
            };
            let mut request = DescribeConfigsRequest {
                resources: resources.iter().map(resource).collect(),
                include_synonyms: true,
                include_documentation: false,
            };
            let answer = self.cluster.persist(|cluster| match node {
                None => cluster.ask_anyone(&mut request),
                Some(node) => cluster
                    .refresh(&[])
                    .and_then(|()| known(cluster, node))
                    .and_then(|()| cluster.ask(node, &mut request)),
            })?;
            all.extend(answer.results.into_iter().map(|found| {
                let resource = Resource::of(found.resource_type, found.resource_name);
                let checked = check(|| format!("configs of {resource}"), found.error_code, found.error_message);
                (resource, checked.map(|()| found.configs.into_iter().map(ConfigEntry::of).collect()))
            }));
        }
        Ok(all)
    }

    pub fn describe_config(&mut self, resource: &Resource) -> Result<Vec<ConfigEntry>> {
        only(self.describe_configs(std::slice::from_ref(resource))?, &resource.to_string())
    }

    /// Changes some keys and leaves the others, or with `validate_only` says whether it would.
    pub fn alter_configs(
        &mut self,
        resource: &Resource,
        changes: &[(String, ConfigOp)],
        validate_only: bool,
    ) -> Result<()> {
        let config = |(name, op): &(String, ConfigOp)| {
            let (config_operation, value) = match op {
                ConfigOp::Set(value) => (SET, Some(value.clone())),
                ConfigOp::Delete => (DELETE, None),
                ConfigOp::Append(value) => (APPEND, Some(value.clone())),
                ConfigOp::Subtract(value) => (SUBTRACT, Some(value.clone())),
            };
            AlterableConfig { name: name.clone(), config_operation, value }
        };
        let configs = changes.iter().map(config).collect();
        let resources =
            vec![AlterConfigsResource { resource_type: resource.kind(), resource_name: resource.name(), configs }];
        let mut request = IncrementalAlterConfigsRequest { resources, validate_only };
        let answer = match resource {
            Resource::Broker(Some(node)) => {
                self.cluster.refresh(&[])?;
                known(&self.cluster, *node)?;
                self.cluster.ask(*node, &mut request)?
            }
            _ => self.cluster.ask_controller(&mut request)?,
        };
        let each = answer.responses.into_iter().map(|found| {
            let checked = check(|| format!("configs of {resource}"), found.error_code, found.error_message);
            ((), checked)
        });
        only(each.collect(), &resource.to_string())
    }
}

fn known(cluster: &crate::client::cluster::Cluster, node: i32) -> Result<()> {
    let ids: Vec<String> = cluster.nodes().map(|node| node.id.to_string()).collect();
    match cluster.address_of(node) {
        Some(_) => Ok(()),
        None => Err(Error::invalid(format!("broker {node}"), format!("the cluster's brokers are {}", ids.join(", ")))),
    }
}

/// A broker's own configs are known to that broker alone; anything else to anyone.
fn by_node(resources: &[Resource]) -> Vec<(Option<i32>, Vec<Resource>)> {
    let mut nodes: Vec<(Option<i32>, Vec<Resource>)> = Vec::new();
    for resource in resources {
        let node = if let Resource::Broker(id) = resource { *id } else { None };
        match nodes.iter_mut().find(|(known, _)| *known == node) {
            Some((_, resources)) => resources.push(resource.clone()),
            None => nodes.push((node, vec![resource.clone()])),
        }
    }
    nodes
}
