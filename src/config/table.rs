//! The table of keys: name, name on a topic, values, default, doc.
//!
//! Always true: names are Kafka's where Kafka has the key (`KafkaConfig`, `Overrides`), and so are the ranges of
//! topic configs, since a Kafka that takes over the directory refuses to start on a value outside them.
//! Not done: no value is kept here; [`super::Config`] has those that are set.

use super::{Key, Kind};
use crate::base::Level;

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, topic_name: None, kind, default, doc, is_dynamic: false }
}

/// A key that the broker takes while it runs.
const fn dynamic(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { is_dynamic: true, ..key(name, kind, default, doc) }
}

/// A key that a topic overrides; what the broker says of it can change while it runs, as with Kafka.
const fn topic(
    name: &'static str,
    topic_name: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key { topic_name: Some(topic_name), ..dynamic(name, kind, default, doc) }
}

const INT_MAX: i64 = i32::MAX as i64;
const BOOL: Kind = Kind::Choice(&["true", "false"]);

pub const KEYS: &[Key] = &[
    key("node.id", Kind::Int(0, INT_MAX), "1", "The broker's id, as clients see it."),
    key(
        "process.roles",
        Kind::Choices(&["broker", "controller"]),
        "broker",
        "What this process is: a broker. That it is a controller too may be said, and changes nothing.",
    ),
    key(
        "cluster.id",
        Kind::Text,
        "",
        "The id of the cluster that a new data directory is made for, 22 characters of base64url; empty: a random one. A \
         directory that has an id keeps it. In the environment: CLUSTER_ID.",
    ),
    key(
        "listeners",
        Kind::Listeners,
        "PLAINTEXT://127.0.0.1:9092,PLAINTEXT://[::1]:9092",
        "Where to listen: NAME://HOST:PORT, separated by commas. Without a host: on all interfaces. Port 0 picks a free \
         one. No encryption, no authentication: any address beyond the loopbacks opens the broker to whoever reaches it.",
    ),
    key(
        "advertised.listeners",
        Kind::Listeners,
        "",
        "The address that the clients of each listener are told to come back to, such as \
         PLAINTEXT://broker.example:9092. A listener without one: the address that each client dialled, which is right \
         unless something translates addresses on the way.",
    ),
    key(
        "listener.security.protocol.map",
        Kind::Text,
        "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
        "NAME:PROTOCOL of each name that listeners may have. Only those of PLAINTEXT can be served.",
    ),
    key(
        "controller.listener.names",
        Kind::Text,
        "",
        "Names of listeners that are for Kafka's controllers, separated by commas: nothing listens there.",
    ),
    key("log.dirs", Kind::Folder, "data", "The data directory; exactly one."),
    dynamic(
        "log.dirs.max.bytes",
        Kind::Int(-1, i64::MAX),
        "-1",
        "What the data directory may take, in bytes: beyond it the oldest segments of the largest partitions go, of topics \
         with cleanup.policy=delete. -1: no cap.",
    ),
    key(
        "admin.listener",
        Kind::Text,
        "127.0.0.1:9644",
        "Where the page, /metrics and /health are served over HTTP, as HOST:PORT; empty: nowhere. Without a value of its own \
         it is off with --ephemeral, when all listeners pick their ports, and when the port is taken.",
    ),
    key(
        "read.only",
        BOOL,
        "false",
        "true = the data directory, sendlog's or Kafka's, is served as it is, and nothing in it is changed: what would, is \
         answered with POLICY_VIOLATION, and groups rebalance in memory alone.",
    ),
    key("num.partitions", Kind::Int(1, INT_MAX), "1", "Partitions of a topic that is created without a number."),
    key(
        "strict",
        BOOL,
        "false",
        "true = what one broker cannot keep is refused where it is taken as the nearest thing otherwise: a replication \
         factor or min.insync.replicas above 1, a compression.type other than producer.",
    ),
    key("auto.create.topics.enable", BOOL, "true", "Create a topic when a client asks for one that does not exist."),
    topic(
        "message.max.bytes",
        "max.message.bytes",
        Kind::Int(0, INT_MAX),
        "1048588",
        "The largest batch that a producer may send, in bytes, compressed as it is.",
    ),
    topic(
        "log.segment.bytes",
        "segment.bytes",
        Kind::Int(1 << 20, INT_MAX),
        "1073741824",
        "A segment that would grow beyond this many bytes is closed, and a new one begins.",
    ),
    topic(
        "log.roll.ms",
        "segment.ms",
        Kind::Int(1, i64::MAX),
        "604800000",
        "A segment whose first batch is older than this by the time of an append is closed, however small.",
    ),
    topic(
        "log.index.interval.bytes",
        "index.interval.bytes",
        Kind::Int(0, INT_MAX),
        "4096",
        "Bytes of log between two entries of a segment's indexes.",
    ),
    topic(
        "log.message.timestamp.type",
        "message.timestamp.type",
        Kind::Choice(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        "Whose clock a record's timestamp comes from: the producer's, or the broker's when it appends.",
    ),
    topic(
        "log.cleanup.policy",
        "cleanup.policy",
        Kind::Choices(&["delete", "compact"]),
        "delete",
        "A topic with compact keeps everything (correct, only larger): compaction is not implemented.",
    ),
    topic(
        "compression.type",
        "compression.type",
        Kind::Choice(&["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]),
        "producer",
        "Recorded and reported. Batches stay as the producer compressed them, whatever it says: the broker never unpacks \
         one.",
    ),
    topic("compression.gzip.level", "compression.gzip.level", Kind::Level(1, 9), "-1", RECORDED),
    topic("compression.lz4.level", "compression.lz4.level", Kind::Int(1, 17), "9", RECORDED),
    topic("compression.zstd.level", "compression.zstd.level", Kind::Int(-131_072, 22), "3", RECORDED),
    topic(
        "log.retention.ms",
        "retention.ms",
        Kind::Int(-1, i64::MAX),
        "604800000",
        "A segment whose largest timestamp is older than this goes, with cleanup.policy=delete. -1: never.",
    ),
    topic(
        "log.retention.bytes",
        "retention.bytes",
        Kind::Int(i64::MIN, i64::MAX),
        "-1",
        "A partition's oldest segments go as long as the others hold this many bytes. Negative: never.",
    ),
    key(
        "log.retention.check.interval.ms",
        Kind::Int(1, i64::MAX),
        "300000",
        "How often the segments are looked through for those that retention lets go.",
    ),
    topic("log.cleaner.delete.retention.ms", "delete.retention.ms", Kind::Int(0, i64::MAX), "86400000", RECORDED),
    topic(
        "log.segment.delete.delay.ms",
        "file.delete.delay.ms",
        Kind::Int(0, i64::MAX),
        "60000",
        "How long the files of deleted segments and topics stay before they are unlinked; a stop or a start does it at once.",
    ),
    topic("log.flush.interval.messages", "flush.messages", Kind::Int(1, i64::MAX), "9223372036854775807", RECORDED),
    topic("log.flush.interval.ms", "flush.ms", Kind::Int(0, i64::MAX), "9223372036854775807", RECORDED),
    topic(
        "log.cleaner.max.compaction.lag.ms",
        "max.compaction.lag.ms",
        Kind::Int(1, i64::MAX),
        "9223372036854775807",
        RECORDED,
    ),
    topic("log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms", Kind::Int(0, i64::MAX), "0", RECORDED),
    topic("log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio", Kind::Ratio, "0.5", RECORDED),
    topic(
        "log.message.timestamp.before.max.ms",
        "message.timestamp.before.max.ms",
        Kind::Int(0, i64::MAX),
        "9223372036854775807",
        "With CreateTime, a batch whose base timestamp lies further back than this is refused.",
    ),
    topic(
        "log.message.timestamp.after.max.ms",
        "message.timestamp.after.max.ms",
        Kind::Int(0, i64::MAX),
        "3600000",
        "With CreateTime, a batch whose largest timestamp lies further ahead of the broker's clock than this is refused.",
    ),
    topic(
        "min.insync.replicas",
        "min.insync.replicas",
        Kind::Int(1, INT_MAX),
        "1",
        "There is one replica: a larger number that a client asks for is taken as 1, or refused with strict=true.",
    ),
    topic("log.preallocate", "preallocate", BOOL, "false", RECORDED),
    topic("log.index.size.max.bytes", "segment.index.bytes", Kind::Int(4, INT_MAX), "10485760", RECORDED),
    topic("log.roll.jitter.ms", "segment.jitter.ms", Kind::Int(0, i64::MAX), "0", RECORDED),
    topic("unclean.leader.election.enable", "unclean.leader.election.enable", BOOL, "false", RECORDED),
    dynamic(
        "mirror.from",
        Kind::Text,
        "",
        "HOST:PORT of a broker whose topics are copied into this one, and followed; several addresses of one cluster are \
         separated by commas. Empty: no mirror, and the topics that were copied take records again. `sendlog mirror` sets it.",
    ),
    dynamic(
        "mirror.topics",
        Kind::Text,
        "*",
        "Which topics a mirror copies: names, separated by commas, with * for any letters and ? for one.",
    ),
    dynamic(
        "mirror.groups",
        Kind::Text,
        "*",
        "The groups whose committed offsets a mirror copies, in the same way; empty: none.",
    ),
    dynamic(
        "mirror.page.cache",
        Kind::Choice(&["recent", "all"]),
        "recent",
        "recent = what a mirror copies of a past that is longer than 64 MB leaves the page cache once it is on the disk, and makes \
         room for what is read; all = it stays.",
    ),
    key(
        "socket.request.max.bytes",
        Kind::Int(1024, INT_MAX),
        "104857600",
        "The largest request; a longer one closes its connection.",
    ),
    key(
        "first.request.max.bytes",
        Kind::Int(64, INT_MAX),
        "2097152",
        "The largest request that a connection may begin with: until one has been understood, a longer one closes it. Most \
         clients begin with ApiVersions, which is short.",
    ),
    key(
        "request.body.grace.ms",
        Kind::Int(1, INT_MAX),
        "5000",
        "How long a request that has begun to arrive may take before its pace counts.",
    ),
    key(
        "request.body.min.bytes.per.second",
        Kind::Int(1, INT_MAX),
        "65536",
        "The pace at which the rest of a request must arrive, since it holds a part of queued.max.request.bytes; one that \
         comes more slowly closes its connection.",
    ),
    key(
        "socket.write.timeout.ms",
        Kind::Int(1, INT_MAX),
        "30000",
        "A client that takes no byte of an answer for this long is given up.",
    ),
    key(
        "queued.max.request.bytes",
        Kind::Int(1 << 20, i64::MAX),
        "268435456",
        "Bytes that the requests of all connections together may hold; a request reserves its size before it is read.",
    ),
    dynamic(
        "max.connections",
        Kind::Int(1, INT_MAX),
        "10000",
        "Connections, one thread each; a further one is closed with a log line.",
    ),
    dynamic(
        "max.connections.per.ip",
        Kind::Int(0, INT_MAX),
        "2147483647",
        "Connections from one address; a further one is closed with a log line. 0: none but those that \
         max.connections.per.ip.overrides lets in, of which there must be one.",
    ),
    dynamic(
        "max.connections.per.ip.overrides",
        Kind::Counts,
        "",
        "Other numbers than max.connections.per.ip for some addresses, such as 192.0.2.7:100,[2001:db8::7]:5. Addresses, no \
         names.",
    ),
    key(
        "connections.max.idle.ms",
        Kind::Int(1000, i64::MAX),
        "600000",
        "A connection without a request for this long is closed; looked at every 30 s.",
    ),
    dynamic(
        "max.topics",
        Kind::Int(0, INT_MAX),
        "100000",
        "Topics that clients may create; a further one is refused. Those that are there stay.",
    ),
    dynamic(
        "max.partitions",
        Kind::Int(0, INT_MAX),
        "200000",
        "Partitions of all topics together; what would be more is refused. Those that are there stay.",
    ),
    dynamic(
        "max.partitions.per.request",
        Kind::Int(1, INT_MAX),
        "10000",
        "Partitions that one request may create, of all its topics together: others wait meanwhile.",
    ),
    key("fetch.max.bytes", Kind::Int(1024, INT_MAX), "57671680", "The most bytes of records in one fetch response."),
    key(
        "fetch.max.wait.ms.limit",
        Kind::Int(0, INT_MAX),
        "300000",
        "A fetch waits no longer than this for new records, whatever it asks for.",
    ),
    key(
        "group.initial.rebalance.delay.ms",
        Kind::Int(0, INT_MAX),
        "0",
        "How long a new group waits for more members before its first rebalance.",
    ),
    key(
        "group.min.session.timeout.ms",
        Kind::Int(1, INT_MAX),
        "6000",
        "The shortest session that a member of a group may ask for.",
    ),
    key(
        "group.max.session.timeout.ms",
        Kind::Int(1, INT_MAX),
        "1800000",
        "The longest session that a member of a group may ask for.",
    ),
    key("max.groups", Kind::Int(1, INT_MAX), "100000", "Consumer groups; a further one is refused."),
    key("group.max.size", Kind::Int(1, INT_MAX), "10000", "Members of one group; a further one is refused."),
    key(
        "group.max.bytes",
        Kind::Int(1024, i64::MAX),
        "33554432",
        "What the members of one group may say when they join, and their leader when it assigns, in bytes, all together.",
    ),
    key(
        "group.name.max.bytes",
        Kind::Int(1, 32767),
        "4096",
        "The longest name that a group keeps: its own, and its members' instances, clients and protocols. Their ids are the \
         broker's own: such a name, and 33 characters.",
    ),
    key(
        "offset.metadata.max.bytes",
        Kind::Int(0, 32767),
        "4096",
        "The longest text that a commit may keep beside an offset.",
    ),
    key(
        "offsets.retention.minutes",
        Kind::Int(1, INT_MAX),
        "10080",
        "Committed offsets expire when their group has been empty, and they have not been renewed, for this long.",
    ),
    dynamic(
        "producer.id.expiration.ms",
        Kind::Int(1, INT_MAX),
        "86400000",
        "An idempotent producer that has not written to a partition for this long is forgotten there.",
    ),
    key(
        "flush.mode",
        Kind::Choice(&["acks", "os", "always"]),
        "acks",
        "When fdatasync runs: acks = before acks=all is answered; os = never for an answer, as Kafka by default; always \
         = before any answer, and consumers see flushed records only.",
    ),
    key(
        "flush.interval.ms",
        Kind::Int(1, i64::MAX),
        "1000",
        "With flush.mode=always: how soon acks=0 records are flushed.",
    ),
    key(
        "log.flush.offset.checkpoint.interval.ms",
        Kind::Int(1000, i64::MAX),
        "60000",
        "How often dirty partitions are flushed and their recovery points written down.",
    ),
    key(
        "batch.check",
        Kind::Choice(&["header", "records"]),
        "header",
        "What is checked of a produced batch: header = its 61 bytes and the CRC; records = also each record of an \
         uncompressed batch, as Kafka does (off switch of idea 1).",
    ),
    key(
        "log.page.cache",
        Kind::Choice(&["keep", "drop"]),
        "keep",
        "drop = each append is synced and its pages are dropped, so that fetches read the disk (off switch of idea 3).",
    ),
    key(
        "fetch.path",
        Kind::Choice(&["sendfile", "copy"]),
        "sendfile",
        "copy = fetched bytes pass through the broker's memory (off switch of idea 4).",
    ),
    key(
        "log.format",
        Kind::Choice(&["text", "json"]),
        "text",
        "How log lines are written to stderr: text = time, level, event, keys, sentence; json = one object on a line.",
    ),
    key(
        "log.level",
        Kind::Choice(Level::NAMES),
        "info",
        "The least important lines that are written.",
    ),
    key(
        "log.repeat.max",
        Kind::Int(0, INT_MAX),
        "100",
        "Lines of one event within 10 s; what is beyond is counted, and the count is one line. 0: no limit.",
    ),
    key("log.requests", BOOL, "false", "Write each request to the log, field by field, whatever log.level is."),
];

const RECORDED: &str = "Checked as Kafka checks it, recorded with the topic, without effect in this version.";
