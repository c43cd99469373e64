"""The binary under the names of Kafka's tools against those tools: the same flags, the same lines on stdout, the same exit code.

Kafka's tools ask a Kafka 4.1; sendlog's under the same names ask that broker's twin, the broker under test. Commands go to
both in the same order. What must differ between two brokers is replaced by a word, as in differential.py. Files are shown by
both tools as well: what either broker has written, each file by Kafka's tool and by ours.
By hand: tests/clients/run names

Always true: stderr is not compared, as Kafka's has stacks and the lines of a logger.
"""

import contextlib
import difflib
import re
import shlex
import subprocess

from harness import install
from harness.differential import TOOLS, Both, Side, comparable
from harness.kafka import Kafka
from harness.report import Failure
from harness.tools import TOOL_SECONDS
from harness.transcript import by_partition

ONE = "kafka-configs --entity-type topics --entity-name one"
GROUPS = "kafka-consumer-groups"
READ = "kafka-console-consumer --topic one --timeout-ms 20000"
SHOWN = " ".join(f"--property print.{what}=true" for what in ["key", "headers", "partition", "offset", "timestamp"])
OWN_GROUP = {"^console-consumer": "a consumer without --group has none; Kafka's is in one of its own"}
NO_EPOCHS = {"^first one": "our consumer commits no leader epochs, Kafka's does"}
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
        perf(both)
        dump_logs(report, theirs, ours)


class Theirs(Side):
    """Kafka and its tools in a JVM; what is printed on stdout."""

    def run(self, command, stdin, files):
        for name, content in files.items():
            (self.scratch / name).write_text(content)
            command = command.replace(f"{{{name}}}", str(self.scratch / name))
        tool, *args = shlex.split(command.replace("BROKER", self.broker.bootstrap))
        if "BROKER" not in command:
            args += ["--bootstrap-server", self.broker.bootstrap]
        code, out, _ = self.execute(tool, args, stdin)
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
    headed = "kafka-console-producer --topic headed --property parse.headers=true"
    both("kafka-topics --create --topic headed")
    both(f"{headed} {keyed} --property null.marker=NONE", stdin="a:1,b:NONE\tk:v\nNONE\tNONE:NONE\nc:\t:\n")
    both(f"{headed} --property headers.delimiter=; --property headers.separator=& --property headers.key.separator==", stdin="a=1&b=2;v\n")
    both(f"{headed} {keyed}", stdin="no header at all\n")
    both(f"{headed} {keyed}", stdin="a:1\tno key\n")
    both(f"{headed}", stdin="a1\tvalue\n")
    both(f"{headed} {keyed} --property ignore.error=true", stdin="neither\n")
    both(f"kafka-console-consumer --topic headed --partition 0 --offset 0 --max-messages 5 {SHOWN} --timeout-ms 20000")
    both("kafka-console-producer --topic headed --property parse.key=true --producer.config {file}", file="acks=1\nlinger.ms=0\n", stdin="k\tv\n")
    from_file = "kafka-console-consumer --topic headed --max-messages 6 --timeout-ms 20000 --consumer.config {file}"
    both(from_file, file="auto.offset.reset=earliest\ngroup.id=headed\n")
    both("kafka-console-consumer --topic headed --max-messages 6 --timeout-ms 20000 --consumer-property auto.offset.reset=earliest")
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
    for what in ["", "--state", "--members", "--state --verbose", "--members --verbose"]:
        both(f"{GROUPS} --describe --group first {what}")
    both(f"{GROUPS} --describe --group first --offsets --verbose", differs=NO_EPOCHS)
    both(f"{GROUPS} --describe --group first --command-config {{file}}", file="request.timeout.ms=20000\n")
    both(f"{GROUPS} --describe --all-groups")
    both(f"{GROUPS} --describe --group nobody")
    reset = f"{GROUPS} --reset-offsets --group first"
    both(f"{reset} --topic one --to-earliest")
    both(f"{reset} --topic one:0,2 --to-earliest --execute")
    both(f"{reset} --all-topics --shift-by 1 --execute")
    both(f"{reset} --all-topics --to-offset 3 --dry-run")
    both(f"{reset} --topic one --to-latest --dry-run")
    both(f"{reset} --topic one --by-duration P1DT2H --execute")
    both(f"{reset} --topic one --by-duration 1H")
    both(f"{reset} --from-file {{file}} --execute", file="one,0,4\none,2,3\n")
    both(f"{reset} --all-topics --to-latest --dry-run --export")
    both(f"{reset} --group second --from-file {{file}} --execute", file="first,one,0,2\nsecond,one,1,1\n")
    both(f"{reset} --group second --all-topics --to-current --dry-run --export")
    both(f"{GROUPS} --describe --group second")
    both(f"{GROUPS} --delete-offsets --group second --topic one")
    both(f"{GROUPS} --delete-offsets --group nobody --topic one")
    with both.member("alive", "one", 3):
        for what in ["--state", "--members"]:
            both(f"{GROUPS} --describe --group alive {what} --verbose")
        both(f"{GROUPS} --delete-offsets --group alive --topic one")
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


def perf(both):
    produce = "kafka-producer-perf-test --topic perf --throughput -1"
    props = "--producer-props bootstrap.servers=BROKER acks=1 linger.ms=5"
    read = "kafka-consumer-perf-test --topic perf --messages 20003"
    both("kafka-topics --create --topic perf")
    both(f"{produce} --num-records 20000 --record-size 30 {props}", clean=without_rates)
    both(f"{produce} --num-records 3 --payload-monotonic {props}", clean=without_rates)
    both("kafka-console-consumer --topic perf --partition 0 --offset 20000 --max-messages 3")
    both(f"{produce} --num-records 0 --record-size 30 {props}")
    both(f"{produce} --num-records 10 --record-size 30 --payload-monotonic {props}")
    both(f"{produce} --num-records 10 --record-size 30 --producer-props acks=2 bootstrap.servers=BROKER")
    both(read, clean=without_rates)
    both(f"{read} --hide-header --group perf-readers --fetch-size 1000000", clean=without_rates)
    both(f"{read} --show-detailed-stats --reporting-interval 1", clean=kinds_of_lines)
    both(f"{read} --group perf-readers --timeout 500", clean=without_rates)
    both("kafka-consumer-perf-test --topic perf")


def without_rates(*sides):
    """Counts stay; times, and what is divided by them, become a letter."""

    def without(line):
        if re.match(r"\d+ records sent", line):
            count, rest = line.split(" ", 1)
            return f"{count} {without_numbers(rest)}"
        cells = line.split(", ")
        if len(cells) == 10 and cells[0][0].isdigit():
            return ", ".join(cell if place in [2, 4] else without_numbers(cell) for place, cell in enumerate(cells))
        return line

    return ([without(line) for line in lines] for lines in sides)


def without_numbers(text):
    return re.sub(r"\b-?[\d.]+\d\b|\b\d\b|NaN|Infinity", "N", text)


def kinds_of_lines(*sides):
    """How many intervals there were is chance."""
    return (sorted({without_numbers(line).replace("-N", "N") for line in lines}) for lines in sides)


def dump_logs(report, theirs, ours):
    """What both brokers have written, shown by both tools while the brokers run."""
    transactions = ["--transactional-id", "names", "--transaction-duration-ms", "1"]
    theirs.execute("kafka-topics", ["--create", "--topic", "marked", "--bootstrap-server", theirs.broker.bootstrap], "")
    theirs.execute(
        "kafka-producer-perf-test",
        ["--topic", "marked", "--num-records", "50", "--record-size", "30", "--throughput", "1000", *transactions]
        + ["--producer-props", f"bootstrap.servers={theirs.broker.bootstrap}"],
        "",
    )
    options = ["", "--deep-iteration", "--print-data-log", "--print-data-log --skip-record-metadata"]
    options += ["--index-sanity-check", "--verify-index-only", "--max-bytes 1000 --deep-iteration"]
    for side in [theirs, ours]:
        whose = "Kafka" if side is theirs else "the broker under test"
        files = sorted(path for path in side.broker.data.glob("*-*/*") if path.suffix in SHOWN_FILES)
        files = [path for path in files if not path.parent.name.startswith("__")]
        for option in options:
            with report.check(f"names: kafka-dump-log {option}: {len(files)} files of {whose}"):
                compare_dumps(theirs, ours, ["--files", ",".join(map(str, files)), *option.split()])
        commits = sorted(side.broker.data.glob("__consumer_offsets-*/*.log"))
        with report.check(f"names: kafka-dump-log --offsets-decoder: {len(commits)} files of {whose}"):
            compare_dumps(theirs, ours, ["--files", ",".join(map(str, commits)), "--offsets-decoder"])


SHOWN_FILES = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"]


def compare_dumps(theirs, ours, args):
    found = []
    for side in [theirs, ours]:
        code, out, _ = side.execute("kafka-dump-log", args, "")
        found.append([f"exit code {code}", *out.splitlines()])
    if found[0] != found[1]:
        diff = "\n".join(difflib.unified_diff(*found, lineterm="", n=0))
        raise Failure(f"printed by Kafka's tool (-) and by ours (+):\n{diff[:3000]}")
    if len(found[0]) < 10:
        raise Failure(f"it shows next to nothing: {found[0]}")
