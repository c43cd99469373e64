//! Kafka's keys that mean nothing here: a properties file that has them starts all the same, and is told why.
//!
//! Each row is a prefix, what may follow it, and why a key of this kind is without effect. All names are spelled out, so
//! that a typo in one of them is still a typo.
//!
//! Always true: the keys of Kafka 4.1 (`KafkaConfig`) are either here, or in [`KEYS`](super::KEYS) or among the other
//! names that those go by; `tests/config/kafka-4.1.keys` is held against this. No key is in two of these places.
//! Not done: values are not looked at.

/// Keys that begin alike and are without effect for the same reason.
struct Group {
    prefix: &'static str,
    /// What follows the prefix, separated by blanks; `*` = anything.
    rests: &'static str,
    why: &'static str,
}

const fn group(prefix: &'static str, why: &'static str, rests: &'static str) -> Group {
    Group { prefix, rests, why }
}

/// Why the key is without effect; `None` for a key that Kafka does not know either.
pub fn why(name: &str) -> Option<&'static str> {
    let is_in = |group: &&Group| {
        let rest = name.strip_prefix(group.prefix);
        rest.is_some_and(|rest| group.rests == "*" || group.rests.split_whitespace().any(|listed| listed == rest))
    };
    GROUPS.iter().find(is_in).map(|group| group.why)
}

/// Every name in full.
pub fn names() -> impl Iterator<Item = String> {
    let spelled = GROUPS.iter().filter(|group| group.rests != "*");
    spelled.flat_map(|group| group.rests.split_whitespace().map(|rest| format!("{}{rest}", group.prefix)))
}

/// The reasons, each with its keys; `*` at the end of one stands for anything.
pub fn by_reason() -> Vec<(&'static str, Vec<String>)> {
    let mut reasons: Vec<(&'static str, Vec<String>)> = Vec::new();
    for group in GROUPS {
        let names = group.rests.split_whitespace().map(|rest| format!("{}{rest}", group.prefix));
        match reasons.iter_mut().find(|(why, _)| *why == group.why) {
            Some((_, listed)) => listed.extend(names),
            None => reasons.push((group.why, names.collect())),
        }
    }
    reasons
}

const CONTROLLER: &str = "one broker needs no controller, no quorum and no metadata log";
const REPLICATION: &str = "one broker has one replica of everything, and no other broker to talk to";
const THREADS: &str = "each connection has a thread of its own, and a start uses as many as help";
const SOCKETS: &str = "the kernel sizes the buffers of sockets";
const TLS: &str = "there is no encryption, and no listener that asks for it";
const AUTHENTICATION: &str = "there is no authentication: whoever reaches a listener may do everything";
const QUOTAS: &str = "there are no quotas";
const TRANSACTIONS: &str = "there are no transactions";
const NEW_GROUPS: &str = "groups of the classic protocol are served, those of the newer ones are not";
const COORDINATOR: &str = "the coordinator of groups has no threads of its own";
const OFFSETS: &str = "the offsets log is one partition that is made small by itself";
const COMPACTION: &str = "there is no compaction";
const TIERED: &str = "there is no remote storage";
const TIMERS: &str = "this happens by itself";
const WAITS: &str = "a request that waits is forgotten as soon as it is answered";
const FETCHES: &str = "each fetch names its partitions";
const DELETION: &str = "topics can be deleted";
const CLASSES: &str = "no classes are loaded: this is no JVM";
const METRICS: &str = "metrics are counters, not samples";
const FEATURES: &str = "docs/protocol.md lists all APIs that are served";
const OLDER: &str = "Kafka 3 had it, Kafka 4 has not";

#[rustfmt::skip]
const GROUPS: &[Group] = &[
    group("", CONTROLLER, "\
        broker.heartbeat.interval.ms broker.session.timeout.ms initial.broker.registration.timeout.ms \
        request.timeout.ms server.max.startup.time.ms"),
    group("controller.", CONTROLLER, "\
        performance.always.log.threshold.ms performance.sample.period.ms quorum.append.linger.ms \
        quorum.bootstrap.servers quorum.election.backoff.max.ms quorum.election.timeout.ms \
        quorum.fetch.timeout.ms quorum.request.timeout.ms quorum.retry.backoff.ms quorum.voters \
        quota.window.num quota.window.size.seconds socket.timeout.ms"),
    group("internal.metadata.", CONTROLLER, "\
        delete.delay.millis log.segment.bytes max.batch.size.in.bytes max.fetch.size.in.bytes"),
    group("metadata.", CONTROLLER, "\
        log.dir log.max.record.bytes.between.snapshots log.max.snapshot.interval.ms log.segment.bytes \
        log.segment.ms max.idle.interval.ms max.retention.bytes max.retention.ms"),
    group("", REPLICATION, "\
        alter.log.dirs.replication.quota.window.num alter.log.dirs.replication.quota.window.size.seconds \
        auto.leader.rebalance.enable broker.rack controlled.shutdown.enable default.replication.factor \
        inter.broker.listener.name leader.imbalance.check.interval.seconds \
        num.replica.alter.log.dirs.threads num.replica.fetchers security.inter.broker.protocol \
        unclean.leader.election.interval.ms"),
    group("replica.", REPLICATION, "\
        fetch.backoff.ms fetch.max.bytes fetch.min.bytes fetch.response.max.bytes fetch.wait.max.ms \
        high.watermark.checkpoint.interval.ms lag.time.max.ms selector.class socket.receive.buffer.bytes \
        socket.timeout.ms"),
    group("replication.", REPLICATION, "\
        quota.window.num quota.window.size.seconds"),
    group("", THREADS, "\
        background.threads num.io.threads num.network.threads num.recovery.threads.per.data.dir \
        queued.max.requests"),
    group("socket.", SOCKETS, "\
        connection.setup.timeout.max.ms connection.setup.timeout.ms listen.backlog.size \
        receive.buffer.bytes send.buffer.bytes"),
    group("ssl.", TLS, "\
        allow.dn.changes allow.san.changes cipher.suites client.auth enabled.protocols \
        endpoint.identification.algorithm engine.factory.class key.password keymanager.algorithm \
        keystore.certificate.chain keystore.key keystore.location keystore.password keystore.type \
        principal.mapping.rules protocol provider secure.random.implementation trustmanager.algorithm \
        truststore.certificates truststore.location truststore.password truststore.type"),
    group("", AUTHENTICATION, "\
        allow.everyone.if.no.acl.found connection.failed.authentication.delay.ms \
        connections.max.reauth.ms early.start.listeners super.users"),
    group("delegation.token.", AUTHENTICATION, "\
        expiry.check.interval.ms expiry.time.ms max.lifetime.ms secret.key"),
    group("sasl.", AUTHENTICATION, "\
        client.callback.handler.class enabled.mechanisms jaas.config kerberos.kinit.cmd \
        kerberos.min.time.before.relogin kerberos.principal.to.local.rules kerberos.service.name \
        kerberos.ticket.renew.jitter kerberos.ticket.renew.window.factor login.callback.handler.class \
        login.class login.connect.timeout.ms login.read.timeout.ms login.refresh.buffer.seconds \
        login.refresh.min.period.seconds login.refresh.window.factor login.refresh.window.jitter \
        login.retry.backoff.max.ms login.retry.backoff.ms mechanism.controller.protocol \
        mechanism.inter.broker.protocol oauthbearer.assertion.algorithm oauthbearer.assertion.claim.aud \
        oauthbearer.assertion.claim.exp.seconds oauthbearer.assertion.claim.iss \
        oauthbearer.assertion.claim.jti.include oauthbearer.assertion.claim.nbf.seconds \
        oauthbearer.assertion.claim.sub oauthbearer.assertion.file \
        oauthbearer.assertion.private.key.file oauthbearer.assertion.private.key.passphrase \
        oauthbearer.assertion.template.file oauthbearer.client.credentials.client.id \
        oauthbearer.client.credentials.client.secret oauthbearer.clock.skew.seconds \
        oauthbearer.expected.audience oauthbearer.expected.issuer oauthbearer.jwks.endpoint.refresh.ms \
        oauthbearer.jwks.endpoint.retry.backoff.max.ms oauthbearer.jwks.endpoint.retry.backoff.ms \
        oauthbearer.jwks.endpoint.url oauthbearer.jwt.retriever.class oauthbearer.jwt.validator.class \
        oauthbearer.scope oauthbearer.scope.claim.name oauthbearer.sub.claim.name \
        oauthbearer.token.endpoint.url server.callback.handler.class server.max.receive.size"),
    group("", QUOTAS, "\
        max.connection.creation.rate"),
    group("quota.", QUOTAS, "\
        window.num window.size.seconds"),
    group("", TRANSACTIONS, "\
        transactional.id.expiration.ms"),
    group("add.partitions.to.txn.", TRANSACTIONS, "\
        retry.backoff.max.ms retry.backoff.ms"),
    group("transaction.", TRANSACTIONS, "\
        abort.timed.out.transaction.cleanup.interval.ms max.timeout.ms partition.verification.enable \
        remove.expired.transaction.cleanup.interval.ms state.log.load.buffer.size state.log.min.isr \
        state.log.num.partitions state.log.replication.factor state.log.segment.bytes \
        two.phase.commit.enable"),
    group("group.consumer.", NEW_GROUPS, "\
        assignors heartbeat.interval.ms max.heartbeat.interval.ms max.session.timeout.ms max.size \
        migration.policy min.heartbeat.interval.ms min.session.timeout.ms regex.refresh.interval.ms \
        session.timeout.ms"),
    group("group.share.", NEW_GROUPS, "\
        assignors delivery.count.limit enable heartbeat.interval.ms max.heartbeat.interval.ms \
        max.record.lock.duration.ms max.session.timeout.ms max.share.sessions max.size \
        min.heartbeat.interval.ms min.record.lock.duration.ms min.session.timeout.ms \
        partition.max.record.locks persister.class.name record.lock.duration.ms session.timeout.ms"),
    group("group.streams.", NEW_GROUPS, "\
        heartbeat.interval.ms max.heartbeat.interval.ms max.session.timeout.ms max.size \
        max.standby.replicas min.heartbeat.interval.ms min.session.timeout.ms num.standby.replicas \
        session.timeout.ms"),
    group("share.", NEW_GROUPS, "\
        coordinator.append.linger.ms coordinator.cold.partition.snapshot.interval.ms \
        coordinator.load.buffer.size coordinator.snapshot.update.records.per.snapshot \
        coordinator.state.topic.compression.codec coordinator.state.topic.min.isr \
        coordinator.state.topic.num.partitions coordinator.state.topic.prune.interval.ms \
        coordinator.state.topic.replication.factor coordinator.state.topic.segment.bytes \
        coordinator.threads coordinator.write.timeout.ms fetch.purgatory.purge.interval.requests"),
    group("group.coordinator.", COORDINATOR, "\
        append.linger.ms rebalance.protocols threads"),
    group("offsets.", OFFSETS, "\
        commit.timeout.ms load.buffer.size retention.check.interval.ms topic.compression.codec \
        topic.num.partitions topic.replication.factor topic.segment.bytes"),
    group("log.cleaner.", COMPACTION, "\
        backoff.ms dedupe.buffer.size enable io.buffer.load.factor io.buffer.size \
        io.max.bytes.per.second threads"),
    group("log.local.", TIERED, "\
        retention.bytes retention.ms"),
    group("remote.", TIERED, "\
        fetch.max.wait.ms list.offsets.request.timeout.ms log.index.file.cache.total.size.bytes \
        log.manager.copier.thread.pool.size log.manager.copy.max.bytes.per.second \
        log.manager.copy.quota.window.num log.manager.copy.quota.window.size.seconds \
        log.manager.expiration.thread.pool.size log.manager.fetch.max.bytes.per.second \
        log.manager.fetch.quota.window.num log.manager.fetch.quota.window.size.seconds \
        log.manager.task.interval.ms log.manager.task.retry.backoff.max.ms \
        log.manager.task.retry.backoff.ms log.manager.task.retry.jitter log.manager.thread.pool.size \
        log.metadata.custom.metadata.max.bytes log.metadata.manager.class.name \
        log.metadata.manager.class.path log.metadata.manager.impl.prefix \
        log.metadata.manager.listener.name log.reader.max.pending.tasks log.reader.threads \
        log.storage.manager.class.name log.storage.manager.class.path log.storage.manager.impl.prefix \
        log.storage.system.enable"),
    group("", TIMERS, "\
        log.dir.failure.timeout.ms log.flush.scheduler.interval.ms \
        log.flush.start.offset.checkpoint.interval.ms log.initial.task.delay.ms \
        producer.id.expiration.check.interval.ms"),
    group("", WAITS, "\
        delete.records.purgatory.purge.interval.requests fetch.purgatory.purge.interval.requests \
        producer.purgatory.purge.interval.requests"),
    group("", FETCHES, "\
        max.incremental.fetch.session.cache.slots max.request.partition.size.limit"),
    group("", DELETION, "\
        delete.topic.enable"),
    group("", CLASSES, "\
        alter.config.policy.class.name client.quota.callback.class create.topic.policy.class.name \
        kafka.metrics.polling.interval.secs kafka.metrics.reporters metric.reporters \
        principal.builder.class security.providers"),
    group("", METRICS, "\
        metrics.num.samples metrics.recording.level metrics.sample.window.ms telemetry.max.bytes"),
    group("", FEATURES, "\
        unstable.api.versions.enable unstable.feature.versions.enable"),
    group("", OLDER, "\
        broker.id.generation.enable control.plane.listener.name controlled.shutdown.max.retries \
        controlled.shutdown.retry.backoff.ms delegation.token.master.key eligible.leader.replicas.enable \
        group.coordinator.new.enable group.share.max.groups inter.broker.protocol.version \
        leader.imbalance.per.broker.percentage log.message.downconversion.enable \
        log.message.format.version log.message.timestamp.difference.max.ms \
        metadata.log.segment.min.bytes offsets.commit.required.acks password.encoder.cipher.algorithm \
        password.encoder.iterations password.encoder.key.length password.encoder.keyfactory.algorithm \
        password.encoder.old.secret password.encoder.secret quota.consumer.default \
        quota.producer.default reserved.broker.max.id"),
    group("listener.name.", TLS, "*"),
    group("zookeeper.", OLDER, "*"),
    group("rlmm.config.", TIERED, "*"),
    group("rsm.config.", TIERED, "*"),
];

#[cfg(test)]
mod tests {
    use super::super::synonyms::SYNONYMS;
    use super::super::KEYS;
    use super::*;

    #[test]
    fn every_key_of_kafka_has_one_place() {
        let kafka = include_str!("../../tests/config/kafka-4.1.keys");
        let listed: Vec<String> = names().collect();
        for name in kafka.lines().filter(|line| !line.starts_with('#')) {
            let places = [
                KEYS.iter().filter(|key| key.name == name).count(),
                SYNONYMS.iter().filter(|synonym| synonym.name == name).count(),
                super::super::REFUSED.iter().filter(|(refused, _)| *refused == name).count(),
                listed.iter().filter(|listed| *listed == name).count(),
            ];
            assert_eq!(places.iter().sum::<usize>(), 1, "{name} is in {places:?}");
        }
    }

    #[test]
    fn no_listed_key_is_served_or_listed_twice() {
        let mut listed: Vec<String> = names().collect();
        listed.iter().for_each(|name| assert!(!KEYS.iter().any(|key| key.name == name), "{name}"));
        let count = listed.len();
        listed.sort();
        listed.dedup();
        assert_eq!(listed.len(), count);
    }

    #[test]
    fn a_name_is_known_as_a_whole() {
        assert_eq!(why("num.network.threads"), Some(THREADS));
        assert_eq!(why("ssl.keystore.location"), Some(TLS));
        assert_eq!(why("listener.name.internal.ssl.keystore.location"), Some(TLS));
        assert_eq!(why("zookeeper.connect"), Some(OLDER));
        for name in ["ssl.keystore.locatoin", "num.network.thread", "ssl.", "", "log.dirs"] {
            assert_eq!(why(name), None, "{name}");
        }
    }
}
