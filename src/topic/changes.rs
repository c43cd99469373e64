//! Changes of what exists: more partitions for a topic, other configs for a topic or for the broker.
//!
//! Always true: a change is in the registry, durably, before it is taken into use; then it holds for the next append,
//! and after a restart. What a client asks to be only validated goes as far as that, and changes nothing.
//! Not done: partitions never become fewer, as in Kafka.

use super::*;

impl TopicRegistry {
    /// Gives a topic more partitions, up to `count` in all.
    pub fn create_partitions(&self, name: &str, count: i32, validate_only: bool) -> Result<()> {
        let mut file = self.lock_file();
        let topic = self.find_named(name)?;
        check_more_partitions(&topic, count)?;
        self.check_fits(name, count as usize, &topic.config, ErrorCode::POLICY_VIOLATION)?;
        self.check_partition_room(name, count as usize - topic.partitions.len())?;
        if !validate_only {
            let record = TopicRecord { partition_count: count, ..topic.record() };
            self.grow(&mut file, record, topic.partitions.clone())?;
            note!(Info, "partitions_created", [topic = name, partitions = count], "");
        }
        Ok(())
    }

    /// Changes a topic's configs to what `change` makes of them.
    pub fn alter_topic(
        &self,
        name: &str,
        change: impl FnOnce(&Config, Overrides) -> Result<Overrides>,
        validate_only: bool,
    ) -> Result<()> {
        let mut file = self.lock_file();
        let topic = self.find_named(name)?;
        let broker = self.config();
        let config = change(&broker, topic.config.clone())?;
        config.check_together(|key| broker.topic_int(&config, key)).map_err(invalid_config)?;
        self.check_fits(name, topic.partitions.len(), &config, ErrorCode::INVALID_CONFIG)?;
        if validate_only || config == topic.config {
            return Ok(());
        }
        let record = TopicRecord { config, ..topic.record() };
        file.append(&Record::Topic(record.clone()))?;
        let Topic { name, id, partitions, .. } = &*topic;
        let topic = Topic { name: name.clone(), id: *id, partitions: partitions.clone(), config: record.config };
        topic.configure(&broker, self.segment_bytes_max());
        note!(Info, "configs_changed", [topic = name, set = topic.config], "");
        self.topics.hold_write().insert(&Arc::new(topic));
        Ok(())
    }

    /// Changes what clients have set on the broker, or for all brokers.
    pub fn alter_broker(
        &self,
        source: Source,
        change: impl FnOnce(&Config, Overrides) -> Result<Overrides>,
        validate_only: bool,
    ) -> Result<()> {
        let mut file = self.lock_file();
        let now = self.config();
        let overrides = change(&now, now.overrides(source))?;
        check_dynamic(&overrides)?;
        let mut config = Config::clone(&now);
        config.replace(source, &overrides);
        overrides.check_together(|key| config.int(key)).map_err(invalid_config)?;
        config.check_together().map_err(invalid_config)?;
        self.check_all_fit(&config)?;
        if validate_only || now.overrides(source) == overrides {
            return Ok(());
        }
        file.append(&Record::Config(source, overrides))?;
        note!(Info, "configs_changed", [source = source, set = config.overrides(source)], "");
        *self.config.hold_write() = Arc::new(config);
        self.configure_all();
        self.take_cap();
        Ok(())
    }
}

impl Topic {
    fn record(&self) -> TopicRecord {
        TopicRecord {
            name: self.name.clone(),
            id: self.id,
            partition_count: self.partitions.len() as i32,
            config: self.config.clone(),
        }
    }

    /// Has the partitions go by the topic's configs, and by the broker's where it has none.
    pub(super) fn configure(&self, broker: &Config, segment_max: u64) {
        let config = partition_config(broker, &self.config, segment_max);
        self.partitions.iter().for_each(|partition| partition.configure(config));
    }
}

/// Some keys are read at a start only (Kafka's `DynamicBrokerConfig`).
fn check_dynamic(overrides: &Overrides) -> Result<()> {
    let is_fixed = |name: &&str| Scope::Broker.find(name).is_some_and(|key| !key.is_dynamic);
    let fixed: Vec<&str> = overrides.iter().map(|(name, _)| name).filter(is_fixed).collect();
    if fixed.is_empty() {
        return Ok(());
    }
    let why = format!("Cannot update these configs dynamically: {}; they are read at a start", fixed.join(", "));
    Err(Error::rejected(ErrorCode::INVALID_REQUEST, why))
}

fn check_more_partitions(topic: &Topic, count: i32) -> Result<()> {
    let now = topic.partitions.len();
    let invalid = |why: String| Err(Error::rejected(ErrorCode::INVALID_PARTITIONS, why));
    if name::RESERVED.contains(&topic.name.as_str()) {
        return invalid(format!("the topic {} belongs to the broker, and has one partition", topic.name));
    }
    match usize::try_from(count) {
        Ok(count) if count == now => invalid(format!("Topic already has {now} partition(s).")),
        Ok(more) if more > now && count <= PARTITION_COUNT_MAX => Ok(()),
        Ok(more) if more > now => invalid(format!("a topic has at most {PARTITION_COUNT_MAX} partitions, not {count}")),
        _ => invalid(format!(
            "The topic {} currently has {now} partition(s); {count} would not be an increase.",
            topic.name
        )),
    }
}

fn invalid_config(why: String) -> Error {
    Error::rejected(ErrorCode::INVALID_CONFIG, why)
}
