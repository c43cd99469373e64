"""`sendlog graduate`: Apache Kafka 4.1 starts on the directory that the broker has filled, and everything is as it was.

Stock clients fill a broker (four codecs, headers, segments that have rolled, deleted records, a topic that was deleted and
created again, groups, configs), which is stopped or killed under an idempotent producer; the directory is graduated, and
Kafka started with the server.properties that this wrote, on the same port, twice; then a second node joins, and a partition
moves there. What is asked of sendlog and of Kafka is the same list of questions (Answers).
By hand: tests/clients/run graduate

Always true: look-ups by time of compressed batches may differ: sendlog, which unpacks none, answers with the batch's first
offset, Kafka with the record's.
"""

import contextlib
import hashlib
import json
import re
import subprocess

from harness import install, kill, records, segments, tools
from harness.adapter import Client
from harness.broker import ANY_PORT, START_SECONDS, Broker
from harness.groups import Groups, Member, committed, expect_equal
from harness.kafka import NODE_ID, Kafka, free_port
from harness.report import Failure
from harness.suite import eventually

RECORDS = 300
PARTITIONS = 3
ROLLED_CHUNKS = 3
ROLLED_RECORDS = 1500  # of a kilobyte each, in each chunk
DELETED_BEFORE = 1200  # within a segment, behind the first one
PER_SECOND = 300
MOVE_SECONDS = 60
LINE = re.compile(r"^\[[^]]*\] (?:WARN|ERROR) .*$", re.MULTILINE)
# What Kafka says at each first start, and when it stops.
USUAL = re.compile("Performing controller activation|Attempting to close NetworkClient that has already been closed")
DESCRIBED = re.compile(r"^Topic: (\S+)\s+TopicId: (\S+)\s+PartitionCount: (\d+)\s.*?Configs: (.*)$", re.MULTILINE)
DYNAMIC = ["DYNAMIC_TOPIC_CONFIG", "DYNAMIC_BROKER_CONFIG", "DYNAMIC_DEFAULT_BROKER_CONFIG"]
DEFAULTS = {"log.message.timestamp.after.max.ms": "7200000"}
OF_BROKER = {"log.retention.ms": "864000000"}
REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"


def try_graduation(report, sendlog, launch, home):
    start_afresh(report, home / "fresh")
    for how in ["SIGTERM", "kill -9"]:
        folder = home / how.replace(" ", "")
        folder.mkdir()
        graduation = Graduation(report, how, sendlog, launch, folder)
        with report.attempt(f"graduate: {how}"), graduation.ending:
            graduation.run()


def start_afresh(report, home):
    """A Kafka that starts, twice, on a directory of its own warns of what is USUAL and of nothing else."""
    home.mkdir()
    with report.check("graduate: the usual warnings of Kafka, on a directory of its own"):
        for _ in range(2):
            Kafka(home / "data", home / "kafka.log").stop()
        expect_no_noise(home / "kafka.log")


class Graduated(Broker):
    """Kafka, started as `sendlog graduate` says."""

    exit_code = Kafka.exit_code
    wait_until_ready = Kafka.wait_until_ready

    def __init__(self, properties, log, bootstrap):
        self.data = properties.parent
        self.log = log
        self.began = log.stat().st_size if log.exists() else 0
        self.bootstrap = bootstrap
        says_when_ready = "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info"
        self.execute([*install.java("kafka.Kafka", says_when_ready), properties], log)


class Graduation:
    def __init__(self, report, how, sendlog, launch, home):
        self.report = report
        self.how = how
        self.sendlog = sendlog
        self.launch = launch
        self.home = home
        self.data = home / "data"
        self.log = home / "kafka.log"
        self.lines = {}  # (topic, partition) -> what was produced there
        self.ending = contextlib.ExitStack()

    def check(self, name):
        return self.report.check(f"graduate after {self.how}: {name}")

    def begin_clients(self):
        self.client = Client("java", install.java("Adapter"), self.broker, self.home, ["can_replace"])
        self.ending.callback(self.client.close)
        self.tools = tools.Tools(install.java("Tools"), self.home)
        self.ending.callback(self.tools.close)
        self.flooding = Client("flooding", install.confluent(), self.broker, self.home)
        self.ending.callback(self.flooding.close)
        self.groups = Groups(self.client, None, self.report)

    def run(self):
        self.start_sendlog(ANY_PORT)
        self.controller = f"127.0.0.1:{free_port()}"
        self.begin_clients()
        with self.check("clients fill the directory"):
            self.fill()
        self.groups.first_run()
        before = self.ask()
        self.begin_to_flood()
        self.end_sendlog()
        self.graduate()
        if self.how == "SIGTERM":
            self.serve_once_more(before)
        for start in ["first", "second"]:
            with self.check(f"Kafka's {start} start: no warning of its own, everything as it was"):
                self.start_kafka()
                self.compare(before, self.ask())
                expect_no_noise(self.log)
            if start == "first":
                self.go_on()
                before = self.ask()
            with self.check(f"Kafka's {start} stop"):
                if start == "second" and self.how == "SIGTERM":
                    self.grow_to_a_cluster()
                self.broker.stop()
                expect_no_noise(self.log)
        self.refuse()

    def start_sendlog(self, listen):
        self.broker = self.launch(self.data, self.home / "broker.log", listen)
        self.took_over()

    def start_kafka(self):
        self.broker = Graduated(self.data / "server.properties", self.log, self.broker.bootstrap)
        self.took_over()

    def took_over(self):
        self.ending.callback(self.broker.kill)
        for client in [getattr(self, "client", None), getattr(self, "flooding", None)]:
            if client:
                client.broker = self.broker

    # --- What there is

    def fill(self):
        client = self.client
        for codec in segments.CODECS:
            client.create(f"of-{codec}", PARTITIONS)
            for partition in range(PARTITIONS):
                self.produce(f"of-{codec}", partition, codec, records.make(records.VARIED, RECORDS))
        client.create("rolled", 1, **{"segment.bytes": 1_048_576})
        for _ in range(ROLLED_CHUNKS):
            self.produce("rolled", 0, "none", records.make([lambda i: (b"%d" % i, b"v" * 1000, [])], ROLLED_RECORDS))
        client.ask("delete-records", "rolled", 0, DELETED_BEFORE)
        self.lines["rolled", 0] = self.lines["rolled", 0][DELETED_BEFORE:]
        client.create("again", 2)
        self.produce("again", 0, "none", records.make(records.VARIED, RECORDS))
        member = groups_member(client, "of-a-deleted-topic", "again", RECORDS)
        member.commit("gone with the topic")
        member.leave()
        client.delete("again")
        del self.lines["again", 0]
        client.create("again", 1, **{"retention.ms": 777_600_000})
        self.produce("again", 0, "lz4", records.make(records.VARIED, RECORDS // 2))
        client.create("empty", 2, **{"cleanup.policy": "compact"})
        client.create("flooded", 1)
        client.ask("alter", "topic", "again", "max.message.bytes=2000000")
        client.ask("alter", "broker", "", *(f"{key}={value}" for key, value in DEFAULTS.items()))
        client.ask("alter", "broker", NODE_ID, *(f"{key}={value}" for key, value in OF_BROKER.items()))

    def produce(self, topic, partition, codec, made):
        lines = self.lines.setdefault((topic, partition), [])
        chunk = [records.line(partition, len(lines) + i, record) for i, record in enumerate(made)]
        self.client.produce(topic, codec, "all", chunk)
        lines.extend(chunk)

    def begin_to_flood(self):
        self.acked = self.home / "acked"
        self.flooding.ask("flood", "flooded", "all", self.acked, PER_SECOND)
        eventually(lambda: self.acked.exists() and self.acked.stat().st_size > 1000, "the producer has begun")

    # --- The questions

    def ask(self):
        client, server = self.client, ["--bootstrap-server", self.broker.bootstrap]
        eventually(lambda: client.offset("rolled", 0, "latest") > 0, "it serves")
        answers = {}
        for (topic, partition), lines in self.lines.items():
            bounds = [client.offset(topic, partition, which) for which in ["earliest", "latest"]]
            read = client.consume(topic, partition, "beginning", bounds[1] - bounds[0])
            records.compare(lines, read)
            stamps = [records.timestamp_of(line) for line in lines]
            asked = [stamps[0] - 1, *stamps[:: len(stamps) // 5], max(stamps), max(stamps) + 1, "max"]
            found = {which: client.offset(topic, partition, which) for which in asked}
            answers[topic, partition] = {"bounds": bounds, "times": found}
        for topic, partition in [("empty", 0), ("empty", 1)]:
            expect_equal(0, client.offset(topic, partition, "latest"))
        described = self.tools.run(tools.TOPICS, *server, "--describe")
        answers["described"] = {
            name: (id, count, sorted(configs.split(","))) for name, id, count, configs in DESCRIBED.findall(described)
        }
        for kind, name in [("topic", "again"), ("broker", NODE_ID), ("broker", "")]:
            found = client.configs(kind, name).items()
            answers[kind, name] = {key: value for key, (source, value) in found if source in DYNAMIC}
        for group, topic in [(self.groups.group, self.groups.topic), ("of-a-deleted-topic", "again")]:
            answers["committed", group] = committed(client, group, topic)
        return answers

    def compare(self, before, after):
        expect_equal(sorted(before, key=str), sorted(after, key=str))
        for question, was in before.items():
            if isinstance(question[1], int) and isinstance(was, dict) and "times" in was:
                expect_equal((question, was["bounds"]), (question, after[question]["bounds"]))
                self.compare_times(*question, was["times"], after[question]["times"])
            else:
                expect_equal((question, was), (question, after[question]))

    def compare_times(self, topic, partition, was, found):
        """The same offset; of a compressed batch, any that lies in it."""
        batches = segments.batches(self.data / f"{topic}-{partition}")
        for which, offset in found.items():
            if was[which] == offset:
                continue
            batch = next((batch for batch in batches if batch.last_offset >= offset), None)
            in_batch = batch and batch.base_offset <= was[which] <= batch.last_offset
            if not in_batch or batch.codec == "none":
                raise Failure(f"{topic}-{partition} at {which}: Kafka says {offset}, and sendlog said {was[which]}")

    # --- The way over

    def end_sendlog(self):
        with self.check("the broker ends"):
            if self.how == "SIGTERM":
                self.broker.stop()
            else:
                self.broker.kill()

    def run_sendlog(self, *arguments, code=0):
        command = [self.sendlog, *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_SECONDS)
        if done.returncode != code:
            raise Failure(f"{arguments[0]} ended with {done.returncode}: {done.stdout[-500:]} {done.stderr[-500:]}")
        return done.stdout + done.stderr

    def graduate_with(self, *more, code=0):
        keys = {"listeners": f"PLAINTEXT://{self.broker.bootstrap}", "group.initial.rebalance.delay.ms": 0}
        pairs = [option for key, value in keys.items() for option in ("--set", f"{key}={value}")]
        where = ["--data", self.data, "--controller", self.controller]
        return self.run_sendlog("graduate", *where, *pairs, *more, code=code)

    def graduate(self):
        with self.check("a dry run changes no file"):
            before = hashes(self.data)
            self.graduate_with("--dry-run")
            expect_same_files(before, hashes(self.data))
        with self.check("graduating changes no segment, and twice gives the same bytes"):
            logs = {path: path.read_bytes() for path in self.data.glob("*[0-9]/*.log")}
            self.graduate_with()
            once = hashes(self.data)
            for path, content in logs.items():
                now = path.read_bytes()
                # Of a log that was being written when the broker was killed a torn tail may be cut.
                if now != content and not (self.how == "kill -9" and content.startswith(now)):
                    raise Failure(f"{path} has changed")
            self.graduate_with()
            expect_same_files(once, hashes(self.data))

    def serve_once_more(self, before):
        with self.check("sendlog starts on the directory until Kafka has, and it is graduated again"):
            self.start_sendlog(self.broker.bootstrap)
            self.compare(before, self.ask())
        with self.check("Kafka does not start while sendlog holds the directory"):
            log = self.home / "too-early.log"
            says_why = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
            with open(log, "wb") as out:
                command = [*install.java("kafka.Kafka", says_why), self.data / "server.properties"]
                ended = subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=START_SECONDS
                )
            if ended.returncode == 0 or "Failed to acquire lock" not in log.read_text():
                raise Failure(f"it ended with {ended.returncode}: {log.read_text()[-500:]}")
            self.broker.stop()
            # Its controller had begun.
            if not (self.data / "__cluster_metadata-0" / "00000000000000000000.log").exists():
                raise Failure("it wrote no metadata")
        with self.check("graduated once more"):
            if "metadata_stale" not in (self.home / "broker.log").read_text():
                raise Failure("no line says that the metadata goes stale")
            self.graduate_with()

    def go_on(self):
        """What clients do next, on Kafka."""
        with self.check("the idempotent producer has gone on, nothing lost and nothing twice"):
            size = self.acked.stat().st_size
            eventually(lambda: self.acked.stat().st_size > size + 1000, "it is acknowledged by Kafka", MOVE_SECONDS)
            sent = int(self.flooding.process.ask("stop", seconds=MOVE_SECONDS)[0])
            end = self.client.offset("flooded", 0, "latest")
            read = self.client.consume("flooded", 0, "beginning", end)
            log = [(int(line.split(" ", 2)[1]), int(records.parse(line).key)) for line in read]
            acked = [tuple(map(int, line.split())) for line in self.acked.read_text().splitlines()]
            kill.verify(log, acked, sent)
            numbers = [number for _, number in log]
            expect_equal(len(numbers), len(set(numbers)))
        self.groups.second_run()
        self.groups.member.leave()
        with self.check("new producers write, and topics are created"):
            self.produce("of-zstd", 0, "zstd", records.make(records.VARIED, RECORDS))
            self.client.create("of-kafka", 1)
            self.produce("of-kafka", 0, "gzip", records.make(records.VARIED, RECORDS))

    def grow_to_a_cluster(self):
        """A second node joins, and a partition moves there."""
        home = self.home / "second"
        second = Second(self.data, home, self.controller)
        self.ending.callback(second.kill)
        moved = home.with_suffix(".json")
        moved.write_text(json.dumps({
            "version": 1,
            "partitions": [{"topic": "of-zstd", "partition": 0, "replicas": [second.node_id]}],
        }))
        arguments = ["--bootstrap-server", self.broker.bootstrap, "--reassignment-json-file", str(moved)]
        self.tools.run(REASSIGN, *arguments, "--execute")

        def is_done():
            return "is completed" in self.tools.run(REASSIGN, *arguments, "--verify")

        eventually(is_done, "the partition has moved", MOVE_SECONDS)
        lines = self.lines["of-zstd", 0]
        records.compare(lines, self.client.consume("of-zstd", 0, "beginning", len(lines)))
        segments.check_codec(second.data / "of-zstd-0", "zstd", len(lines))
        second.stop()

    # --- What must not be

    def refuse(self):
        with self.check("what is Kafka's is not graduated, and a node of a cluster not served, and both are left alone"):
            before = hashes(self.data)
            if "Kafka has already started" not in (said := self.graduate_with(code=2)):
                raise Failure(said)
            if self.how == "SIGTERM":  # it is a cluster by now
                said = self.run_sendlog("server", "--listen", ANY_PORT, "--data", self.data, code=2)
                if "of-zstd is not on node 1 alone" not in said:
                    raise Failure(said)
            expect_same_files(before, hashes(self.data))


class Second(Graduated):
    """A broker that joins the cluster."""

    node_id = NODE_ID + 1

    def __init__(self, first, home, controller):
        home.mkdir()
        properties, log = home / "server.properties", home.with_suffix(".log")
        self.bootstrap = f"127.0.0.1:{free_port()}"
        keys = {
            "process.roles": "broker",
            "node.id": self.node_id,
            "listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": home,
            "log.cleaner.dedupe.buffer.size": 2_097_152,
        }
        properties.write_text("".join(f"{key}={value}\n" for key, value in keys.items()))
        identity = (first / "meta.properties").read_text()
        (cluster,) = re.findall(r"^cluster\.id=(.*)$", identity, re.MULTILINE)
        format = [*install.java("kafka.tools.StorageTool"), "format", "--no-initial-controllers"]
        with open(log, "ab") as out:
            command = [*format, "-t", cluster, "-c", properties]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=START_SECONDS)
        super().__init__(properties, log, self.bootstrap)


def groups_member(client, group, topic, count):
    member = Member(client, group, [topic])
    eventually(lambda: member.state()[0] >= count, f"{group} has read {count} records", MOVE_SECONDS)
    return member


def expect_no_noise(log):
    if noise := [line for line in LINE.findall(log.read_text(errors="replace")) if not USUAL.search(line)]:
        raise Failure(f"Kafka warned: {noise[:5]}")


def expect_same_files(wanted, got):
    if changed := [path for path in {**wanted, **got} if wanted.get(path) != got.get(path)]:
        raise Failure(f"changed: {changed[:10]}")


def hashes(root):
    """Every file below, and the hash of its bytes."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
