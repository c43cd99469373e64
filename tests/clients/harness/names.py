"""The binary under the names of Kafka's tools against those tools: the same flags, the same lines on stdout, the same exit code.

Kafka's tools ask a Kafka 4.1; sendlog's under the same names ask that broker's twin, the broker under test. Commands go to
both in the same order. What must differ between two brokers is replaced by a word, as in differential.py.
By hand: tests/clients/run names

Always true: stderr is not compared, as Kafka's has stacks and the lines of a logger.
"""

import contextlib
import shlex
import subprocess

from harness import install
from harness.differential import TOOLS, Both, Side, comparable
from harness.kafka import Kafka
from harness.tools import TOOL_SECONDS
from harness.transcript import by_partition

ONE = "kafka-configs --entity-type topics --entity-name one"
GROUPS = "kafka-consumer-groups"
READ = "kafka-console-consumer --topic one --timeout-ms 20000"
SHOWN = " ".join(f"--property print.{what}=true" for what in ["key", "headers", "partition", "offset", "timestamp"])
OWN_GROUP = {"^console-consumer": "a consumer without --group has none; Kafka's is in one of its own"}
LINES = "".join(f"key-{i}:value-{i}\n" for i in range(20))


def compare_names(report, launch, binary, home):
    """Starts Kafka and the broker side by side, and has each asked by its own tools."""
    install.java("Tools")
    with contextlib.ExitStack() as ending:
        kafka = Kafka(home / "beside", home / "beside.log")
        ending.callback(kafka.close)
        tested = launch(home / "tested", home / "tested.log")
        ending.callback(tested.close)
        theirs, ours = Theirs(kafka, home / "beside-tools"), Ours(tested, home / "tested-tools")
        ours.binary = binary
        for side in [theirs, ours]:
            ending.callback(side.close)
        both = Both(report, theirs, ours)
        topics(both)
        records(both)
        offsets(both)
        groups(both)
        configs(both)


class Theirs(Side):
    """Kafka and its tools in a JVM; what is printed on stdout."""

    def run(self, command, stdin, files):
        tool, *args = shlex.split(command)
        code, out, _ = self.execute(tool, [*args, "--bootstrap-server", self.broker.bootstrap], stdin)
        return [f"exit code {code}", *sorted(comparable(out))]

    def execute(self, tool, args, stdin):
        return self.tools.execute(TOOLS[tool], *args, stdin=stdin)


class Ours(Theirs):
    """sendlog under the names of the tools."""

    def execute(self, tool, args, stdin):
        name = self.scratch / f"{tool}.sh"
        if not name.exists():
            name.symlink_to(self.binary)
        done = subprocess.run([name, *args], input=stdin, capture_output=True, text=True, timeout=TOOL_SECONDS)
        return done.returncode, done.stdout, done.stderr


def topics(both):
    both("kafka-topics --create --topic one --partitions 3")
    both("kafka-topics --create --topic one")
    both("kafka-topics --create --topic one --if-not-exists")
    both("kafka-topics --create --topic two_b --config retention.ms=3600000")
    both("kafka-topics --create --topic placed --replica-assignment 1,1")
    both("kafka-topics --create --topic bad/name")
    both("kafka-topics --create --topic three --config retention.ms=soon")
    both("kafka-topics --list")
    both("kafka-topics --describe")
    both("kafka-topics --describe --topic one")
    both("kafka-topics --describe --topic nowhere")
    both("kafka-topics --describe --topics-with-overrides")
    both("kafka-topics --describe --under-replicated-partitions")
    both("kafka-topics --alter --topic two_b --partitions 4")
    both("kafka-topics --alter --topic two_b --partitions 2")
    both("kafka-topics --alter --topic nowhere --partitions 2")
    both("kafka-topics --delete --topic placed")
    both("kafka-topics --delete --topic nowhere")
    both("kafka-topics --delete --topic nowhere --if-exists")
    both("kafka-topics --list --exclude-internal")
    both("kafka-topics")
    both("kafka-topics --create")


def records(both):
    keyed = "--property parse.key=true --property key.separator=:"
    both(f"kafka-console-producer --topic one {keyed}", stdin=LINES)
    both("kafka-topics --create --topic single")
    both("kafka-console-producer --topic single --request-required-acks 1", stdin="no key\n\nlast")
    both(f"{READ} --from-beginning --max-messages 20", clean=by_partition)
    for partition in range(3):
        both(f"{READ} --partition {partition} --offset 2 --max-messages 2 {SHOWN}")
    both("kafka-console-consumer --topic single --from-beginning --max-messages 3 --property print.key=true")
    both("kafka-console-consumer --topic one --partition 0 --offset latest --timeout-ms 500")
    both(f"{READ} --partition 0 --offset earliest --max-messages 1 {SHOWN} --property key.separator=;")


def offsets(both):
    both("kafka-get-offsets --topic one")
    for time in ["earliest", "latest", "0", "99999999999999"]:
        both(f"kafka-get-offsets --topic one --time {time}")
    both("kafka-get-offsets --topic-partitions one:0-2,single")
    both("kafka-get-offsets --topic nowhere")
    both("kafka-get-offsets --topic-partitions one:7")
    both("kafka-get-offsets --exclude-internal-topics")


def groups(both):
    both(f"{READ} --group first --from-beginning --max-messages 20", clean=by_partition)
    both(f"{GROUPS} --list", differs=OWN_GROUP)
    both(f"{GROUPS} --list --state", differs=OWN_GROUP)
    both(f"{GROUPS} --list --state Stable")
    for what in ["", "--state", "--members"]:
        both(f"{GROUPS} --describe --group first {what}")
    both(f"{GROUPS} --describe --all-groups")
    both(f"{GROUPS} --describe --group nobody")
    reset = f"{GROUPS} --reset-offsets --group first"
    both(f"{reset} --topic one --to-earliest")
    both(f"{reset} --topic one:0,2 --to-earliest --execute")
    both(f"{reset} --all-topics --shift-by 1 --execute")
    both(f"{reset} --all-topics --to-offset 3 --dry-run")
    both(f"{reset} --topic one --to-latest --dry-run")
    with both.member("alive", "one", 3):
        both(f"{GROUPS} --describe --group alive --state")
        both(f"{GROUPS} --reset-offsets --group alive --topic one --to-earliest --execute")
        both(f"{GROUPS} --delete --group alive")
    both(f"{GROUPS} --describe --group first")
    both(f"{GROUPS} --delete --group first --group nobody")
    both(f"{GROUPS} --delete --group nobody")


def configs(both):
    both(f"{ONE} --describe")
    both(f"{ONE} --alter --add-config retention.ms=7200000,cleanup.policy=[compact,delete]")
    both(f"{ONE} --describe")
    both("kafka-configs --entity-type topics --describe", differs={"^compression.type": "the broker's own topic"})
    both(f"{ONE} --alter --delete-config retention.ms,cleanup.policy")
    both("kafka-configs --topic one --describe")
    both(f"{ONE} --alter --add-config retention.ms=soon")
    both(f"{ONE} --alter")
    broker, default = "kafka-configs --entity-type brokers --entity-name 1", "kafka-configs --broker-defaults"
    both(f"{broker} --describe")
    both(f"{broker} --alter --add-config log.retention.ms=86400000")
    both(f"{default} --alter --add-config log.retention.ms=1000000000")
    both(f"{broker} --describe")
    both(f"{default} --describe")
    both(f"{broker} --alter --delete-config log.retention.ms")
    both(f"{default} --alter --delete-config log.retention.ms")
