"""Kafka's own tools against the broker and against Kafka 4.1: they must print the same, line by line.

The commands are in transcript.py. What must differ between two brokers (ports, ids, times) is replaced by a word; what
differs on purpose is said with the command, by a pattern and a reason, and a reason that is not needed is an error.
By hand: tests/clients/run differential

Always true: the broker under test is asked once; only Kafka, whose answers to what was just changed may come late, is
asked again. Lines are compared as a sorted list where a tool prints them in the order of a hash table.
"""

import contextlib
import difflib
import re
import shlex
import subprocess
import time

from harness import install, transcript
from harness.adapter import Client
from harness.groups import Member, wait_for_partitions
from harness.kafka import Kafka
from harness.report import Failure
from harness.tools import TOOL_SECONDS, Tools

LATE_SECONDS = 5
DIFF_CHARACTERS = 3000

TOOLS = {
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-dump-log": "kafka.tools.DumpLogSegments",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
    "kafka-verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
    "kafka-verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
}
# These print their last words when their JVM ends.
ALONE = {"kafka-verifiable-consumer", "kafka-verifiable-producer"}
ORDERED = {"kafka-console-consumer", "kafka-verifiable-producer", "kafka-verifiable-consumer"}
READS = re.compile("--describe|--list|describe-producers|kafka-get-offsets|kafka-cluster")

# What no two brokers print alike, and what takes its place. The words of an error are a broker's own; its class is not.
WORDS = [
    (r"127\.0\.0\.1:\d+|127\.0\.0\.1 +\d{4,5}\b", "HOST:PORT"),
    (r"-[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b", "-UUID"),
    (r"(TopicId: |Cluster ID: )\S{22}", r"\1ID"),
    (r"\b1[6-9]\d{11}\b", "MILLISECONDS"),
    (r'("logDir":"|log\.dirs=)[^",} ]*', r"\1DIR"),
    (r"(console-consumer-)\d+", r"\1N"),
    (r"(errors\.\w+Exception): (?!org).*", r"\1: WORDS"),
    (r"(Error while executing topic command :).*", r"\1 WORDS"),
    # Kafka has keys in hours and minutes beside these in milliseconds, and names the default of one, or of none.
    (r"(?m)^( *((log\.)?retention|flush|segment|segment\.jitter)\.ms=.*?)(, )?DEFAULT_CONFIG:[^}]*", r"\1"),
    (r"[ \t]+", " "),
]
# Frames of a stack, what Tools.java says of an exit, and the log of the client library.
FRAMES = r"\s+at |\s*\.\.\. \d+ more$|null$|Tools\$Exited$|$"
LOG = r"\[(?!main\])|\[main\] \w+ org\.apache\.kafka\.clients\."
NOISE = re.compile(f"{FRAMES}|{LOG}")


def compare_tools(report, launch, home):
    """Starts Kafka and the broker side by side and goes through the transcript."""
    install.java("Tools")  # what is missing is said before anything starts
    with contextlib.ExitStack() as ending:
        sides = []
        for name, start in [("beside", Kafka), ("tested", launch)]:
            broker = start(home / name, home / f"{name}.log")
            ending.callback(broker.close)
            sides.append(Side(broker, home / f"{name}-tools"))
            ending.callback(sides[-1].close)
        transcript.run(Both(report, *sides))
        with report.check("differential: the broker stops cleanly"):
            sides[1].broker.stop()


class Side:
    """One of the two brokers, with a JVM of tools and a client."""

    def __init__(self, broker, scratch):
        scratch.mkdir()
        self.broker = broker
        self.scratch = scratch
        self.tools = Tools(install.java("Tools"), scratch)
        self.client = Client("member", install.confluent(), broker, scratch)

    def run(self, command, stdin, files):
        """What the tool prints, as lines that can be compared, after its exit code."""
        self.broker.check_alive()
        for name, content in files.items():
            (self.scratch / name).write_text(content)
        tool, *args = shlex.split(command.format(**{name: self.scratch / name for name in files}))
        args += ["--bootstrap-server", self.broker.bootstrap]
        run = self.run_alone if tool in ALONE else self.tools.execute
        code, *streams = run(TOOLS[tool], *args, stdin=stdin)
        lines = [line for stream in streams for line in comparable(stream)]
        return [f"exit code {code}", *(lines if tool in ORDERED else sorted(lines))]

    def run_alone(self, tool, *args, stdin):
        command = [*install.java(tool), *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=TOOL_SECONDS)
        return done.returncode, done.stdout, done.stderr

    def close(self):
        self.tools.close()
        self.client.close()


class Both:
    """Runs commands against both brokers; each command is a check."""

    def __init__(self, report, kafka, tested):
        self.report = report
        self.kafka = kafka
        self.tested = tested
        self.is_kafka = isinstance(tested.broker, Kafka)

    def __call__(self, command, stdin="", differs=None, clean=None, **files):
        """`differs` is {pattern: reason}; `clean` maps both lists of lines, Kafka's first, to what is compared;
        `{name}` in a command is the path of a file with the content name=..."""
        command = command.strip()
        differs = differs or {}
        clean = clean or (lambda kafka, tested: (kafka, tested))
        with self.report.check(f"differential: {command}"):
            kafka = self.kafka.run(command, stdin, files)
            tested = self.tested.run(command, stdin, files)
            deadline = time.monotonic() + LATE_SECONDS
            while difference(*clean(kafka, tested), differs) and READS.search(command) and time.monotonic() < deadline:
                kafka = self.kafka.run(command, stdin, files)
                if self.is_kafka:
                    tested = self.tested.run(command, stdin, files)
            compare(*clean(kafka, tested), differs, self.is_kafka)

    @contextlib.contextmanager
    def member(self, group, topic, partitions, **options):
        """While the block runs, a confluent-kafka consumer is the only member of the group."""
        members = [Member(side.client, group, [topic], **options) for side in [self.kafka, self.tested]]
        for member in members:
            wait_for_partitions(member, list(range(partitions)))
        yield members
        for member in members:
            member.leave()


def comparable(text):
    """The lines of a text, without what differs between any two brokers and any two runs."""
    for pattern, word in WORDS:
        text = re.sub(pattern, word, text)
    return [line.strip() for line in text.splitlines() if not NOISE.match(line)]


def compare(kafka, tested, differs, is_kafka=False):
    """Fails unless the lines are the same but for those that a pattern finds, or if a pattern finds nothing."""
    if found := difference(kafka, tested, differs):
        raise Failure(f"printed against Kafka (-) and the broker (+):\n{found[:DIFF_CHARACTERS]}")
    for pattern in differs:
        others = {other: reason for other, reason in differs.items() if other != pattern}
        if not is_kafka and not difference(kafka, tested, others):
            raise Failure(f"it prints what it prints against Kafka: {pattern!r} ({differs[pattern]}) is not needed")


def difference(kafka, tested, differs):
    """A diff of what is left when the lines that a pattern finds are taken out; empty if they are the same."""
    known = re.compile("|".join(differs) or "(?!)")
    kafka, tested = ([line for line in lines if not known.search(line)] for lines in (kafka, tested))
    return "\n".join(difflib.unified_diff(kafka, tested, lineterm="", n=0))
