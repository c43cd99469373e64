"""`sendlog mirror`: the broker copies an Apache Kafka 4.1 that stock clients fill, and follows it over kills of either.

Kafka's topics have four codecs, headers, deleted records, rolled segments, a log that its cleaner has compacted, one with
transactions, a group. What the copy must be: the same bytes in every log, the same ids, configs and committed offsets, and
for a consumer the same records at the same offsets. Transactional batches stop their partition by name. Then the mirror is
ended, and clients go on with sendlog.
By hand: tests/clients/run mirror

Always true: segments begin where they may: logs are compared as the bytes of all segments one after another.
"""

import contextlib
import itertools
import subprocess

from harness import install, records, segments, tools
from harness.adapter import Client
from harness.groups import Groups, committed, expect_equal
from harness.kafka import Kafka
from harness.report import Failure
from harness.suite import eventually, expect_error

RECORDS = 300
PARTITIONS = 3
ROLLED_RECORDS = 1500  # of a kilobyte each
DELETED_BEFORE = 700  # within a batch
KEYS = 50
ROUNDS = 4  # of records for each key, before the cleaner runs
COPY_SECONDS = 150
POLICY_VIOLATION = 44
# Acks of a producer without an id: of one with an id the cleaner keeps the last batch, empty, and there is no gap.
NO_ID = "1"
# A cleaner that does not wait.
CLEANER = {"log.cleaner.backoff.ms": 200, "log.cleaner.min.cleanable.ratio": 0.01}
COMPACTED = {"cleanup.policy": "compact", "segment.ms": 500, "min.cleanable.dirty.ratio": 0.01}
PERF = "org.apache.kafka.tools.ProducerPerformance"


def try_mirror(report, sendlog, launch, home):
    mirror = Mirror(report, sendlog, launch, home)
    with report.attempt("mirror"), mirror.ending:
        mirror.run()


class Mirror:
    def __init__(self, report, sendlog, launch, home):
        self.report = report
        self.sendlog = sendlog
        self.launch = launch
        self.home = home
        self.ending = contextlib.ExitStack()
        self.was_killed = False
        self.lines = {}  # (topic, partition) -> what was produced there

    def check(self, name):
        return self.report.check(f"mirror of Kafka: {name}")

    def run(self):
        self.source = Kafka(self.home / "kafka", self.home / "kafka.log", settings=CLEANER)
        self.ending.callback(lambda: self.source.kill())
        self.copy = self.launch(self.home / "copy", self.home / "copy.log")
        self.ending.callback(lambda: self.copy.kill())
        self.there = self.client("java-source", self.source)
        self.here = self.client("java-copy", self.copy)
        self.tools = tools.Tools(install.java("Tools"), self.home)
        self.ending.callback(self.tools.close)
        self.groups = Groups(self.there, None, self.report)
        with self.check("clients fill Kafka"):
            self.fill()
        self.groups.first_run()
        with self.check("all of it is copied, and what cannot be is named"):
            said = self.mirror("--from", self.source.bootstrap, "--exit", code=1)
            if "transactional-0: a transactional batch at offset" not in said or "copied" not in said:
                raise Failure(said)
        with self.check("the same bytes, ids, configs, records and committed offsets"):
            self.compare()
        with self.check("clients may not produce to a copy"):
            expect_error(POLICY_VIOLATION, lambda: self.here.produce("of-none", "none", "all", self.made("of-none", 0)))
        with self.check("Kafka is killed and goes on; so does the copy"):
            self.source.kill()
            self.was_killed = True
            self.source = Kafka(self.home / "kafka", self.home / "kafka.log", self.source.bootstrap, CLEANER)
            self.there.broker = self.source
            eventually(lambda: self.there.offset("rolled", 0, "latest") > 0, "it serves")
            self.produce("of-zstd", 0, "zstd", records.make(records.VARIED, RECORDS))
            self.compare()
        with self.check("the copy is killed and goes on"):
            self.copy.kill()
            self.produce("of-lz4", 1, "lz4", records.make(records.VARIED, RECORDS))
            self.copy = self.launch(self.home / "copy", self.home / "copy.log", self.copy.bootstrap)
            self.here.broker = self.copy
            self.compare()
        with self.check("the mirror ends, and clients go on with sendlog"):
            self.mirror("--stop")
            lines = self.made("of-none", 0)
            self.here.produce("of-none", "none", "all", lines)
            self.lines["of-none", 0].extend(lines)
            self.read("of-none", 0)
            self.groups.client = self.here
        self.groups.second_run()

    def client(self, name, broker):
        client = Client(name, install.java("Adapter"), broker, self.home, ["can_replace"])
        self.ending.callback(client.close)
        return client

    # --- What there is

    def fill(self):
        client = self.there
        for codec in segments.CODECS:
            client.create(f"of-{codec}", PARTITIONS, **{"retention.ms": 777_600_000})
            for partition in range(PARTITIONS):
                self.produce(f"of-{codec}", partition, codec, records.make(records.VARIED, RECORDS))
        client.create("rolled", 1, **{"segment.bytes": 1_048_576})
        self.produce("rolled", 0, "none", records.make([lambda i: (b"%d" % i, b"v" * 1000, [])], ROLLED_RECORDS))
        client.ask("delete-records", "rolled", 0, DELETED_BEFORE)
        self.lines["rolled", 0] = self.lines["rolled", 0][DELETED_BEFORE:]
        client.create("compacted", 1, **COMPACTED)
        # A key that comes once stays where it is: the gap is behind it.
        self.produce("compacted", 0, "none", records.make([lambda i: (b"once", b"kept", [])], 1), NO_ID)
        for number in range(ROUNDS):
            value = b"%d" % number * 100
            self.produce("compacted", 0, "none", records.make([lambda i: (b"%d" % (i % KEYS), value, [])], KEYS), NO_ID)
        self.lines.pop(("compacted", 0))
        eventually(self.has_gaps, "Kafka's cleaner leaves gaps", COPY_SECONDS)
        client.create("transactional", 1)
        size = ["--num-records", "200", "--record-size", "100", "--throughput", "-1"]
        transactions = ["--transactional-id", "perf", "--transaction-duration-ms", "50"]
        server = ["--producer-props", f"bootstrap.servers={self.source.bootstrap}"]
        self.tools.run(PERF, "--topic", "transactional", *size, *transactions, *server)

    def has_gaps(self):
        """A segment is cleaned when another one has begun, which a record that comes later does."""
        (tick,) = records.make([lambda i: (b"tick", b"tock", [])], 1)
        self.there.produce("compacted", "none", NO_ID, [records.line(0, 0, tick)])
        try:
            batches = segments.batches(self.source.data / "compacted-0", has_gaps=True)
        except FileNotFoundError:  # a segment was just replaced
            return False
        return any(later.base_offset > batch.last_offset + 1 for batch, later in itertools.pairwise(batches))

    def made(self, topic, partition):
        known = len(self.lines.get((topic, partition), []))
        return [
            records.line(partition, known + i, record)
            for i, record in enumerate(records.make(records.VARIED, RECORDS))
        ]

    def produce(self, topic, partition, codec, made, acks="all"):
        lines = self.lines.setdefault((topic, partition), [])
        chunk = [records.line(partition, len(lines) + i, record) for i, record in enumerate(made)]
        self.there.produce(topic, codec, acks, chunk)
        lines.extend(chunk)

    # --- What must be

    def mirror(self, *arguments, code=0):
        command = [self.sendlog, "mirror", *arguments, "--bootstrap-server", self.copy.bootstrap]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COPY_SECONDS
        )
        if done.returncode != code:
            raise Failure(f"mirror ended with {done.returncode}: {done.stdout[-500:]} {done.stderr[-500:]}")
        return done.stdout + done.stderr

    def compare(self):
        partitions = [*self.lines, ("compacted", 0)]
        for topic, partition in partitions:
            end = self.there.offset(topic, partition, "latest")

            def is_copied():
                return self.here.offset(topic, partition, "latest") == end

            eventually(is_copied, f"{topic}-{partition} is copied up to {end}", COPY_SECONDS)
            wanted, got = (log_bytes(broker.data / f"{topic}-{partition}") for broker in [self.source, self.copy])
            # Kafka unlinks segments below the log start later, the copy has never had them.
            if not got or not wanted.endswith(got):
                raise Failure(f"{topic}-{partition}: {len(got)} bytes are not the end of the {len(wanted)} bytes of Kafka's")
            starts = [client.offset(topic, partition, "earliest") for client in [self.there, self.here]]
            # A Kafka that was killed may have forgotten what was deleted, for a minute after that; the copy has not.
            if starts[0] > starts[1] or (starts[0] < starts[1] and not self.was_killed):
                raise Failure(f"{topic}-{partition} starts at {starts}")
        for topic, partition in self.lines:
            self.read(topic, partition)
        expect_equal(self.own_configs(self.there), self.own_configs(self.here))
        ids = [metadata_ids(broker.data, self.lines) for broker in [self.source, self.copy]]
        expect_equal(*ids)
        there = committed(self.there, self.groups.group, self.groups.topic)

        def is_committed():
            return committed(self.here, self.groups.group, self.groups.topic) == there

        eventually(is_committed, f"the group's offsets are {there}", COPY_SECONDS)

    def own_configs(self, client):
        found = client.configs("topic", "of-gzip").items()
        return {key: value for key, (source, value) in found if source == "DYNAMIC_TOPIC_CONFIG"}

    def read(self, topic, partition):
        lines = self.lines[topic, partition]
        records.compare(lines, self.here.consume(topic, partition, "beginning", len(lines)))


def log_bytes(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.log")))


def metadata_ids(data, partitions):
    return {
        (topic, partition): (data / f"{topic}-{partition}" / "partition.metadata").read_text()
        for topic, partition in partitions
    }
