"""MirrorMaker 2, Apache Kafka 4.1's own tool, copies a broker that stock clients fill into Kafka, follows it, and copies it back.

It runs with the properties that docs/moving-to-kafka.md shows, for the way back with the addresses exchanged. What a copy must
be: every record in its order with key, headers and timestamp, the topics' own configs, and the group's offsets translated: log
starts have moved, so a record has another offset in the copy. The group goes on with Kafka, and is copied back from there.
By hand: tests/clients/run mirror-maker

Always true: the broker on the first way is only read from: no topic of MirrorMaker's is made there.
Not done: its other policy of names, heartbeats and exactly.once.source.support, which were tried by hand.
"""

import contextlib
import re
import signal
import subprocess

from harness import install, records, segments
from harness.adapter import Client
from harness.groups import Groups, committed, expect_equal
from harness.kafka import Kafka
from harness.report import Failure
from harness.suite import eventually

PAGE = install.HERE.parent.parent / "docs" / "moving-to-kafka.md"
PROPERTIES = re.compile(r"^```properties\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAIN = "org.apache.kafka.connect.mirror.MirrorMaker"
# What would be 3 or 2, and there is one node of Kafka. sendlog, as a target, takes any factor as 1.
FACTORS = [
    "", "config.storage.", "offset.storage.", "status.storage.", "checkpoints.topic.", "heartbeats.topic.",
    "offset-syncs.topic.",
]
# Nobody here has the ten minutes that some of them are.
SOON_ENOUGH = [
    "refresh.topics.interval", "refresh.groups.interval", "sync.topic.configs.interval", "emit.checkpoints.interval",
    "sync.group.offsets.interval",
]
RECORDS = 300
PARTITIONS = 3
DELETED_BEFORE = 37  # within a batch
PER_SECOND = 500
RETENTION_MS = {"retention.ms": "777600000"}
CHANGED_MS = {"retention.ms": "864000000"}
COPY_SECONDS = 90
STOP_SECONDS = 60
METADATA = "first ünd metadata"  # what a group's first run commits


def try_mirror_maker(report, launch, home):
    run = Run(report, launch, home)
    with report.attempt("mirror-maker"), run.ending:
        run.run()


class MirrorMaker:
    """The tool as docs/moving-to-kafka.md says, between two brokers."""

    def __init__(self, name, home, source, target, more):
        self.log = home / f"{name}.log"
        config = home / f"{name}.properties"
        config.write_text("".join(f"{line}\n" for line in [*properties(source.bootstrap, target.bootstrap), *more]))
        with open(self.log, "wb") as log:
            command = [*install.java(MAIN), config]
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self):
        """It may log errors while it stops, of its own timers, whose clients are closed already."""
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(STOP_SECONDS)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def expect_no_errors(self):
        errors = [line for line in self.log.read_text(errors="replace").splitlines() if " ERROR " in line]
        if errors:
            raise Failure(f"{len(errors)} errors, the first: {errors[0][:300]}")


def properties(source, target):
    """The lines of the page, with other addresses, and looking for news each second."""
    (shown,) = PROPERTIES.findall(PAGE.read_text())
    for name, address in [("sendlog", source), ("kafka", target)]:
        shown = re.sub(rf"^({name}\.bootstrap\.servers)=.*$", rf"\1={address}", shown, flags=re.MULTILINE)
    return [*shown.splitlines(), *(f"{name}.seconds=1" for name in SOON_ENOUGH), "kafka.offset.flush.interval.ms=1000"]


class Run:
    def __init__(self, report, launch, home):
        self.report = report
        self.launch = launch
        self.home = home
        self.ending = contextlib.ExitStack()
        self.lines = {}  # (topic, partition) -> what was produced there, as it must be in the copy

    def check(self, name):
        return self.report.check(f"mirror-maker: {name}")

    def run(self):
        self.source = self.began(self.launch(self.home / "data", self.home / "broker.log"))
        self.there = self.client("source", self.source)
        self.groups = Groups(self.there, None, self.report)
        with self.check("clients fill the broker"):
            self.fill()
        self.groups.first_run()
        self.delete_what_was_read()
        self.target = self.began(Kafka(self.home / "kafka", self.home / "kafka.log"))
        self.here = self.client("target", self.target)
        self.copy_to_kafka()
        self.groups.client = self.here
        self.groups.second_run()
        self.copy_back()

    def copy_to_kafka(self):
        topics = set(self.there.topics())
        for_one_node = [f"{name}replication.factor=1" for name in FACTORS]
        maker = self.began(MirrorMaker("there", self.home, self.source, self.target, for_one_node))
        with self.check("every record, in its order, with key, headers and timestamp"):
            self.compare()
        with self.check("what comes later is copied: records, a topic, partitions, a config"):
            self.go_on()
        self.settle(maker, METADATA)
        with self.check("nothing was made in the broker, which stops cleanly"):
            expect_equal(topics | {"later"}, set(self.there.topics()))
            self.source.stop()

    def copy_back(self):
        """Into another broker, which has MirrorMaker's own topics then, and its group of workers."""
        self.groups.member.leave()
        back = self.began(self.launch(self.home / "back", self.home / "back-broker.log"))
        self.here = self.client("back", back)
        maker = self.began(MirrorMaker("back", self.home, self.target, back, []))
        with self.check("back from Kafka: every record, in its order, with key, headers and timestamp"):
            self.compare()
        self.settle(maker, "", "back from Kafka: ")
        with self.check("back from Kafka: the broker stops cleanly"):
            back.stop()

    def settle(self, maker, metadata, prefix=""):
        with self.check(f"{prefix}the configs of topics"):
            eventually(lambda: self.own_configs() == CHANGED_MS, f"they are {CHANGED_MS}", COPY_SECONDS)
        with self.check(f"{prefix}the group's offsets, translated"):
            ends = self.groups.ends(metadata)
            eventually(lambda: self.committed_here() == ends, f"they are {ends}", COPY_SECONDS)
        with self.check(f"{prefix}MirrorMaker's log holds no error"):
            maker.expect_no_errors()
            maker.stop()

    def began(self, process):
        self.ending.callback(process.kill)
        return process

    def client(self, name, broker):
        client = Client(name, install.confluent(), broker, self.home)
        self.ending.callback(client.close)
        return client

    # --- What there is

    def fill(self):
        for codec in segments.CODECS:
            self.there.create(f"of-{codec}", PARTITIONS, **RETENTION_MS)
            for partition in range(PARTITIONS):
                self.produce(f"of-{codec}", partition, codec)
        self.there.create("grown", 1)
        self.there.create("live", 1)
        self.there.ask("flood", "live", "all", self.home / "acked", PER_SECOND)

    def produce(self, topic, partition, codec):
        lines = self.lines.setdefault((topic, partition), [])
        made = records.make(records.VARIED + records.NULL_HEADER, RECORDS)
        chunk = [records.line(partition, len(lines) + i, record) for i, record in enumerate(made)]
        self.there.produce(topic, codec, "all", chunk)
        lines.extend(chunk)

    def delete_what_was_read(self):
        """What is left of the group's topic begins at 0 in the copy."""
        for partition, lines in self.groups.lines.items():
            self.there.ask("delete-records", self.groups.topic, partition, DELETED_BEFORE)
            del lines[:DELETED_BEFORE]

    def go_on(self):
        self.there.ask("alter", "topic", "of-gzip", *(f"{key}={value}" for key, value in CHANGED_MS.items()))
        self.there.create("later", 1)
        self.there.ask("grow", "grown", 2)
        for topic, partition, codec in [("later", 0, "zstd"), ("grown", 1, "none"), ("of-lz4", 1, "lz4")]:
            self.produce(topic, partition, codec)
        self.compare()
        sent = int(self.there.ask("stop")[0])
        self.wait_for("live", 0, sent)
        numbers = [records.parse(line).key for line in self.here.consume("live", 0, "beginning", sent)]
        expect_equal([b"%d" % number for number in range(sent)], numbers)

    # --- What must be

    def compare(self):
        for (topic, partition), lines in self.lines.items():
            self.wait_for(topic, partition, len(lines))
            records.compare(lines, self.here.consume(topic, partition, "beginning", len(lines)))

    def wait_for(self, topic, partition, count):
        what = f"{topic}-{partition} has its {count} records"
        eventually(lambda: self.here.partitions(topic) > partition, f"{topic}-{partition} is there", COPY_SECONDS)
        eventually(lambda: self.here.offset(topic, partition, "latest") == count, what, COPY_SECONDS)

    def own_configs(self):
        found = self.here.configs("topic", "of-gzip").items()
        return {key: value for key, (source, value) in found if source == "DYNAMIC_TOPIC_CONFIG"}

    def committed_here(self):
        return committed(self.here, self.groups.group, self.groups.topic)
