"""The way back: sendlog starts on a directory that Apache Kafka 4.1 has filled, and everything is as it was.

Stock clients fill Kafka (the load of graduate.py, a topic that Kafka compacts, the 50 partitions of its offsets topic), which is stopped or killed under
an idempotent producer. sendlog serves the directory read-only, and leaves every file as it is; then it takes it over on
Kafka's port: the producer and the group go on. It starts once more, goes back to Kafka by `sendlog graduate`, and comes
again from there. What is asked of Kafka and of sendlog is the same list of questions (graduate.Graduation.ask).
By hand: tests/clients/run reverse

Always true: look-ups by time of compressed batches may differ, as in graduate.py.
"""

import contextlib
import subprocess

from harness import install, records, segments
from harness.adapter import Client, ClientError
from harness.broker import ANY_PORT, START_SECONDS
from harness.graduate import MOVE_SECONDS, Graduation, expect_no_noise, expect_same_files, hashes
from harness.groups import committed, expect_equal
from harness.kafka import Kafka, free_port
from harness.report import Failure
from harness.suite import eventually

POLICY_VIOLATION = 44
PERFORMANCE = "org.apache.kafka.tools.ProducerPerformance"
# As Kafka makes its offsets topic; with snapshots of its metadata, and a look for segments to delete, within the run.
SETTINGS = {
    "offsets.topic.num.partitions": 50,
    "metadata.log.max.record.bytes.between.snapshots": 4096,
    "log.initial.task.delay.ms": 500,
    "log.retention.check.interval.ms": 500,
    "log.cleaner.backoff.ms": 500,
}
COMPACTED = {"cleanup.policy": "compact", "segment.bytes": 1_048_576, "min.cleanable.dirty.ratio": 0.01}


def try_the_reverse(report, sendlog, launch, home):
    for how in ["SIGTERM", "kill -9"]:
        folder = home / how.replace(" ", "")
        folder.mkdir()
        reverse = Reverse(report, how, sendlog, launch, folder)
        with report.attempt(f"reverse: {how}"), reverse.ending:
            reverse.run()


class Reverse(Graduation):
    def check(self, name):
        return self.report.check(f"reverse after {self.how}: {name}")

    def run(self):
        self.begin_with_kafka(ANY_PORT)
        self.begin_clients()
        with self.check("clients fill Kafka"):
            self.fill()
        self.groups.first_run()
        with self.check("Kafka starts once more"):
            self.broker.stop()
            self.begin_with_kafka(self.broker.bootstrap)
        with self.check("Kafka compacts a topic"):
            self.fill_compacted()
        before = self.ask()
        self.begin_to_flood()
        with self.check("Kafka ends"):
            self.broker.stop() if self.how == "SIGTERM" else self.broker.kill()
        self.look(before)
        with self.check("sendlog serves what Kafka has left"):
            self.start_sendlog(self.broker.bootstrap)
            self.compare(before, self.ask())
            records.compare(self.compacted, self.read_compacted())
        self.go_on()
        before = self.ask()
        if self.how == "SIGTERM":
            self.start_kafka_too_early()
            before = self.ask()
        with self.check("sendlog ends, and serves it once more"):
            self.broker.stop() if self.how == "SIGTERM" else self.broker.kill()
            self.start_sendlog(self.broker.bootstrap)
            self.compare(before, self.ask())
            records.compare(self.compacted, self.read_compacted())
            self.broker.stop()
        with self.check("it is graduated, and Kafka has everything as it was"):
            self.controller = f"127.0.0.1:{free_port()}"
            self.graduate_with()
            self.start_kafka()
            self.compare(before, self.ask())
            expect_no_noise(self.log)
        with self.check("Kafka goes on, ends, and sendlog serves what it has left"):
            self.produce("of-lz4", 1, "lz4", records.make(records.VARIED, 100))
            self.client.create("of-kafka-again", 2)
            before = self.ask()
            self.broker.stop() if self.how == "SIGTERM" else self.broker.kill()
            self.start_sendlog(self.broker.bootstrap)
            self.compare(before, self.ask())
            self.broker.stop()
        if self.how == "SIGTERM":
            self.leave_transactions_alone()

    def fill(self):
        super().fill()
        # As long as a segment lies there whose records are all deleted, Kafka finds no time that is also in it.
        first = self.data / "rolled-0" / "00000000000000000000.log"
        eventually(lambda: not first.exists(), "Kafka has removed the segment whose records are deleted")

    def fill_compacted(self):
        """Ten keys, over and over, until Kafka has let go of most of them: the offsets of what is left have gaps."""
        self.client.create("compacted", 1, **COMPACTED)
        made = records.make([lambda i: (b"%d" % (i % 10), b"%d " % i + b"v" * 1000, [])], 3000)
        self.client.produce("compacted", "none", "all", [records.line(0, i, record) for i, record in enumerate(made)])

        def is_compacted():
            try:
                count = self.count_compacted()
                self.compacted = self.read_compacted() if count < 2000 else []
                return len(self.compacted) == self.count_compacted()
            except FileNotFoundError:  # a segment was just replaced
                return False

        eventually(is_compacted, "Kafka has compacted what it may", MOVE_SECONDS)

    def read_compacted(self):
        return self.client.consume("compacted", 0, "beginning", self.count_compacted())

    def count_compacted(self):
        count = 0
        for segment in (self.data / "compacted-0").glob("*.log"):
            data, at = segment.read_bytes(), 0
            while at < len(data):
                _, length, *_, records_in_batch = segments.HEADER.unpack_from(data, at)
                count, at = count + records_in_batch, at + 12 + length
        return count

    def begin_with_kafka(self, listen):
        self.broker = Kafka(self.data, self.home / "before.log", listen, SETTINGS)
        self.took_over()

    @contextlib.contextmanager
    def read_only(self):
        """Serves the directory read-only to a client of its own, and fails if anything in it has changed."""
        files, names = hashes(self.data), listing(self.data)
        served, client = self.broker, self.client
        with contextlib.ExitStack() as ending:
            ending.callback(lambda: setattr(self, "broker", served))
            ending.callback(lambda: setattr(self, "client", client))
            self.broker = self.launch(self.data, self.home / "read-only.log", ANY_PORT, {"read.only": "true"})
            ending.callback(self.broker.kill)
            self.client = Client("looking", install.java("Adapter"), self.broker, self.home, ["can_replace"])
            ending.callback(self.client.close)
            yield
            expect_same_files(files, hashes(self.data))
            self.broker.stop()
            expect_same_files(files, hashes(self.data))
            expect_equal(names, listing(self.data))

    def look(self, before):
        with self.check("read-only: everything as it was, and no file changes"), self.read_only():
            self.compare(before, self.ask())
            records.compare(self.compacted, self.read_compacted())
            expect_equal(before["committed", self.groups.group], committed(self.client, self.groups.group, self.groups.topic))
            for change in [
                lambda: self.client.create("new", 1),
                lambda: self.client.delete("again"),
                lambda: self.client.ask("grow", "again", 5),
                lambda: self.client.ask("alter", "topic", "again", "retention.ms=1"),
                lambda: self.client.ask("delete-records", "rolled", 0, -1),
                lambda: self.client.ask("delete-group", self.groups.group),
            ]:
                expect_refused(change)

    def start_kafka_too_early(self):
        with self.check("a Kafka that starts while sendlog serves leaves the topics as they are"):
            self.client.create("later", 1)
            self.produce("later", 0, "none", records.make(records.VARIED, 10))
            log = self.home / "too-early.log"
            says_why = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
            with open(log, "wb") as out:
                properties = self.data.with_name(f"{self.data.name}.properties")
                command = [*install.java("kafka.Kafka", says_why), properties]
                ended = subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=START_SECONDS
                )
            if ended.returncode == 0 or "Failed to acquire lock" not in log.read_text():
                raise Failure(f"it ended with {ended.returncode}: {log.read_text()[-500:]}")

    def leave_transactions_alone(self):
        with self.check("a transaction is named, nothing is changed, and the rest is served read-only"):
            self.start_kafka_again()
            numbers = ["--num-records", "50", "--record-size", "10", "--throughput", "-1"]
            producer = ["--transactional-id", "t", "--producer-props", f"bootstrap.servers={self.broker.bootstrap}"]
            self.tools.run(PERFORMANCE, "--topic", "of-gzip", *numbers, *producer)
            del self.lines["of-gzip", 0], self.lines["of-gzip", 1], self.lines["of-gzip", 2]
            before = self.ask()
            self.broker.stop()
            files = hashes(self.data)
            said = self.run_sendlog("server", "--listen", ANY_PORT, "--data", self.data, code=2)
            if "transactions" not in said or "of-gzip-" not in said:
                raise Failure(said)
            expect_same_files(files, hashes(self.data))
            with self.read_only():
                self.compare(before, self.ask())

    def start_kafka_again(self):
        """By the way that the directory went before."""
        self.graduate_with()
        self.start_kafka()


def expect_refused(change):
    try:
        change()
    except ClientError as error:
        if error.code != POLICY_VIOLATION:
            raise Failure(f"wanted error {POLICY_VIOLATION}, got {error}") from None
    else:
        raise Failure("it was not refused")


def listing(root):
    """Every name below, with what does not change as long as nobody writes."""
    stats = {path.relative_to(root): path.lstat() for path in root.rglob("*")}
    return {str(name): (stat.st_mode, stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}
