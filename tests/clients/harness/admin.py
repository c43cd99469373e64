"""What every client can ask and change beside records: configs, partitions, log dirs, the cluster.

The same for all; a client's `can_*` flags leave out what it has no call for. A client's checks use topics of its own.
By hand: tests/clients/run admin CLIENT
"""

from harness import records
from harness.adapter import OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION
from harness.groups import expect_equal
from harness.report import Failure
from harness.suite import eventually, expect, expect_error

COUNT = 100
RETENTION = "retention.ms"
DEFAULT_RETENTION_MS = "604800000"
LARGEST = "max.message.bytes"
DEFAULT_LARGEST = "1048588"

# Kafka's error codes that the checks ask for.
MESSAGE_TOO_LARGE = 10
INVALID_PARTITIONS = 37
INVALID_CONFIG = 40


class Admin:
    def __init__(self, client, report, data):
        self.client = client
        self.report = report
        self.data = data  # the broker's directory, or None
        self.topic = f"{client.name}-admin"
        self.ends = {}  # partition -> the offset that comes next

    def run(self):
        client, before = self.client, self.report.failed
        steps = [self.cluster, self.describe_configs]
        steps += [self.alter_configs] if client.can_alter else []
        steps += [self.replace_configs] if client.can_replace else []
        steps += [self.broker_configs, self.grow, self.delete_records]
        steps += [self.log_dirs] if client.can_log_dirs else []
        for step in steps:
            step()
            if self.report.failed > before:  # the next step starts where this one should have ended
                return

    def check(self, name):
        return self.report.check(f"{self.client.name}: admin: {name}")

    def produce(self, partition, count=COUNT, shapes=records.VARIED):
        at = self.ends.get(partition, 0)
        chunk = [records.line(partition, at + i, record) for i, record in enumerate(records.make(shapes, count))]
        self.client.produce(self.topic, "none", "all", chunk)
        self.ends[partition] = at + count

    def produce_large(self):
        """One record of 5 kB."""
        self.produce(0, 1, [lambda i: (b"large", bytes(range(256)) * 20, [])])

    def expect_config(self, key, source, value, topic=None):
        """As soon as Kafka has heard of it."""
        wanted = (source, value)
        found = eventually(lambda: self.client.configs("topic", topic or self.topic), "the topic is described")
        if found.get(key) != wanted:
            what = f"{key} is {wanted}, last {found.get(key)}"
            eventually(lambda: self.client.configs("topic", topic or self.topic).get(key) == wanted, what)

    def cluster(self):
        with self.check("describe the cluster"):
            cluster_id, controller, *nodes = self.client.ask("cluster")
            expect_equal([f"{controller}:{self.client.broker.bootstrap}"], nodes)
            if len(cluster_id) < 4:
                raise Failure(f"the id of the cluster is {cluster_id!r}")
            self.node = controller

    def describe_configs(self):
        client = self.client
        with self.check("describe the configs of a topic"):
            client.create(self.topic, 2, **{LARGEST: 200_000})
            self.expect_config(LARGEST, "DYNAMIC_TOPIC_CONFIG", "200000")
            self.expect_config(RETENTION, "DEFAULT_CONFIG", DEFAULT_RETENTION_MS)
        with self.check("describe the configs of the broker"):
            expect_equal(("DEFAULT_CONFIG", "true"), client.configs("broker", self.node)["auto.create.topics.enable"])
        if client.can_describe_errors:
            with self.check("describe the configs of an unknown topic"):
                expect_error(UNKNOWN_TOPIC_OR_PARTITION, lambda: client.configs("topic", f"{self.topic}-nowhere"))

    def alter_configs(self):
        client = self.client
        with self.check("alter one config, which works at once, and leave the others"):
            client.ask("alter", "topic", self.topic, f"{RETENTION}=7200000")
            self.expect_config(RETENTION, "DYNAMIC_TOPIC_CONFIG", "7200000")
            self.expect_config(LARGEST, "DYNAMIC_TOPIC_CONFIG", "200000")
            client.ask("alter", "topic", self.topic, f"{LARGEST}=2000", RETENTION)
            self.expect_config(LARGEST, "DYNAMIC_TOPIC_CONFIG", "2000")
            self.expect_config(RETENTION, "DEFAULT_CONFIG", DEFAULT_RETENTION_MS)
            expect_error(MESSAGE_TOO_LARGE, self.produce_large)
            client.ask("alter", "topic", self.topic, LARGEST)
            self.expect_config(LARGEST, "DEFAULT_CONFIG", DEFAULT_LARGEST)
            self.produce_large()
        with self.check("alter an unknown key, a wrong value and an unknown topic"):
            expect_error(INVALID_CONFIG, lambda: client.ask("alter", "topic", self.topic, "no.such.key=1"))
            wrong = [f"{LARGEST}=3000", f"{RETENTION}=soon"]
            expect_error(INVALID_CONFIG, lambda: client.ask("alter", "topic", self.topic, *wrong))
            self.expect_config(LARGEST, "DEFAULT_CONFIG", DEFAULT_LARGEST)
            nowhere = f"{self.topic}-nowhere"
            expect_error(UNKNOWN_TOPIC_OR_PARTITION, lambda: client.ask("alter", "topic", nowhere, f"{RETENTION}=1"))

    def replace_configs(self):
        client = self.client
        with self.check("replace the configs, which works at once"):
            client.ask("replace", "topic", self.topic, f"{RETENTION}=7200000")
            self.expect_config(RETENTION, "DYNAMIC_TOPIC_CONFIG", "7200000")
            client.ask("replace", "topic", self.topic, f"{LARGEST}=2000")
            self.expect_config(RETENTION, "DEFAULT_CONFIG", DEFAULT_RETENTION_MS)
            self.expect_config(LARGEST, "DYNAMIC_TOPIC_CONFIG", "2000")
            expect_error(MESSAGE_TOO_LARGE, self.produce_large)
            client.ask("replace", "topic", self.topic)
            self.expect_config(LARGEST, "DEFAULT_CONFIG", DEFAULT_LARGEST)
            self.produce_large()
        with self.check("replace with an unknown key and a wrong value"):
            expect_error(INVALID_CONFIG, lambda: client.ask("replace", "topic", self.topic, "no.such.key=1"))
            expect_error(INVALID_CONFIG, lambda: client.ask("replace", "topic", self.topic, f"{RETENTION}=soon"))
            self.expect_config(RETENTION, "DEFAULT_CONFIG", DEFAULT_RETENTION_MS)

    def broker_configs(self):
        verb = "alter" if self.client.can_alter else "replace"
        with self.check("change a config of the broker, which its topics follow"):
            self.client.ask(verb, "broker", self.node, "log.retention.ms=1200000000")
            self.expect_config(RETENTION, "DYNAMIC_BROKER_CONFIG", "1200000000")
            self.client.ask(verb, "broker", self.node, *(["log.retention.ms"] if self.client.can_alter else []))
            self.expect_config(RETENTION, "DEFAULT_CONFIG", DEFAULT_RETENTION_MS)

    def grow(self):
        client = self.client
        with self.check("more partitions, which take and give records"):
            self.produce(0)
            client.ask("grow", self.topic, 5)
            eventually(lambda: client.partitions(self.topic) == 5, "the topic has 5 partitions")
            self.produce(4)
            expect(COUNT, eventually(lambda: client.offset(self.topic, 4, "latest"), "it has records"), "latest")
            expect(self.ends[0], client.offset(self.topic, 0, "latest"), "latest")
        with self.check("fewer partitions, as many, and more of an unknown topic"):
            for count in [3, 5]:
                expect_error(INVALID_PARTITIONS, lambda: client.ask("grow", self.topic, count))
            nowhere = f"{self.topic}-nowhere"
            expect_error(UNKNOWN_TOPIC_OR_PARTITION, lambda: client.ask("grow", nowhere, 3))

    def delete_records(self):
        client, topic, end = self.client, self.topic, self.ends[0]
        with self.check("delete records before an offset, and all"):
            client.ask("delete-records", topic, 0, 40)
            expect(40, client.offset(topic, 0, "earliest"), "earliest")
            expect_error(OFFSET_OUT_OF_RANGE, lambda: client.ask("delete-records", topic, 0, end + 1))
            client.ask("delete-records", topic, 0, -1)
            expect(end, client.offset(topic, 0, "earliest"), "earliest")
            expect(end, client.offset(topic, 0, "latest"), "latest")
            expect(0, client.offset(topic, 4, "earliest"), "earliest")

    def log_dirs(self):
        with self.check("the sizes of partitions in the log dirs"):
            found = dict(field.split(":") for field in self.client.ask("log-dirs", self.topic))
            expect_equal(["0", "1", "2", "3", "4"], sorted(found))
            expect_equal("0", found["1"])
            if int(found["4"]) < COUNT:
                raise Failure(f"{COUNT} records of partition 4 have {found['4']} bytes")
            if self.data:
                logs = (self.data / f"{self.topic}-4").glob("*.log")
                expect_equal(sum(log.stat().st_size for log in logs), int(found["4"]))
