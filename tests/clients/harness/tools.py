"""Kafka's own command-line tools, in one JVM (java/Tools.java): topics, console producer and consumer, offsets, perf.

By hand: tests/clients/run tools
"""

import os
import re
import shlex

from harness import segments
from harness.adapter import Process
from harness.report import Failure, Skip
from harness.suite import eventually

TOPICS = "org.apache.kafka.tools.TopicCommand"
OFFSETS = "org.apache.kafka.tools.GetOffsetShell"
IDEMPOTENCE = f"enable.idempotence={'true' if os.environ.get('IDEMPOTENT') == '1' else 'false'}"
LINES = 1000
PERF_RECORDS = 20_000
TOOL_SECONDS = 180  # the longest dumps a million records


class Tools:
    def __init__(self, command, scratch):
        self.scratch = scratch
        self.process = Process(command, scratch / "tools.log")

    def run(self, tool, *args, stdin=""):
        """Runs the tool's main and returns what it printed on stdout."""
        return self.run_both(tool, *args, stdin=stdin)[0]

    def run_both(self, tool, *args, stdin=""):
        """Runs the tool's main and returns what it printed on stdout and on stderr; fails unless it exits with 0."""
        code, printed, complaints = self.execute(tool, *args, stdin=stdin)
        if code != 0:
            raise Failure(f"{tool} exited with {code}: {printed[-500:]} {complaints[-500:]}")
        return printed, complaints

    def execute(self, tool, *args, stdin=""):
        """Runs the tool's main and returns its exit code and what it printed on stdout and on stderr."""
        source, out, err = (self.scratch / f"tool.{end}" for end in ["in", "out", "err"])
        source.write_text(stdin)
        (code,) = self.process.ask(tool, source, out, err, *args, seconds=TOOL_SECONDS)
        printed, complaints = out.read_text(), err.read_text()
        with open(self.process.log, "a") as log:
            print(shlex.join([tool, *args]), "->", code, complaints, file=log)
        return int(code), printed, complaints

    def close(self):
        self.process.close()


def run_tools(tools, report, broker):
    server = ["--bootstrap-server", broker.bootstrap]
    create_and_describe(tools, report, server)
    for codec in segments.CODECS:
        console(tools, report, server, codec, broker.data)
    with report.check("tools: kafka-producer-perf-test"):
        perf(tools, server)
    with report.check("tools: kafka-get-offsets: earliest, latest, by timestamp, max timestamp"):
        get_offsets(tools, server)
    with report.check("tools: kafka-topics --delete"):
        tools.run(TOPICS, *server, "--delete", "--topic", "tools-created")
        eventually(lambda: "tools-created" not in listed(tools, server), "the topic is not listed")
    with report.check("tools: kafka-broker-api-versions"):
        printed = api_versions(tools, server)
        if "Produce(0)" not in printed or "ERROR" in printed:
            raise Failure(printed[:500])


def create_and_describe(tools, report, server):
    with report.check("tools: kafka-topics --create and --list"):
        create(tools, server, "tools-created", 3)
        eventually(lambda: "tools-created" in listed(tools, server), "the topic is listed")
    with report.check("tools: kafka-topics --describe"):
        if not re.search(r"DescribeConfigs\(32\): \d", api_versions(tools, server)):
            raise Skip("the broker has no DescribeConfigs, which it needs")
        printed = tools.run(TOPICS, *server, "--describe", "--topic", "tools-created")
        partitions = [line for line in printed.splitlines() if "Partition: " in line and "Leader: none" not in line]
        if len(partitions) != 3:
            raise Failure(printed)


def api_versions(tools, server):
    return tools.run("org.apache.kafka.tools.BrokerApiVersionsCommand", *server)


def create(tools, server, topic, partitions):
    tools.run(TOPICS, *server, "--create", "--topic", topic, "--partitions", str(partitions))


def listed(tools, server):
    return tools.run(TOPICS, *server, "--list").split()


def console(tools, report, server, codec, data):
    """kafka-console-producer writes lines in a codec, kafka-console-consumer reads them by partition and offset."""
    topic = f"tools-{codec}"
    lines = [f"key-{i}:value-{i} the quick brown fox ü 値" for i in range(LINES)]
    with report.check(f"tools: kafka-console-producer {codec}"):
        create(tools, server, topic, 1)
        tools.run(
            "org.apache.kafka.tools.ConsoleProducer", *server, "--topic", topic, "--compression-codec", codec,
            "--producer-property", IDEMPOTENCE, "--producer-property", "acks=all",
            "--property", "parse.key=true", "--property", "key.separator=:",
            stdin="".join(line + "\n" for line in lines),
        )
    with report.check(f"tools: kafka-console-consumer {codec} from the beginning and the middle"):
        for start in [0, LINES // 2 + 3]:
            printed = tools.run(
                "org.apache.kafka.tools.consumer.ConsoleConsumer", *server, "--topic", topic, "--partition", "0",
                "--offset", str(start), "--max-messages", str(LINES - start), "--timeout-ms", "20000",
                "--property", "print.key=true", "--property", "key.separator=:",
            )
            if printed.splitlines() != lines[start:]:
                raise Failure(f"from {start}: the lines differ: {printed[:200]!r}")
    with report.check(f"tools: stored codec {codec}"):
        if not data:
            raise Skip("the broker's DATA directory is not known")
        segments.check_codec(data / f"{topic}-0", codec, LINES)


def perf(tools, server):
    create(tools, server, "tools-perf", 1)
    printed = tools.run(
        "org.apache.kafka.tools.ProducerPerformance", "--topic", "tools-perf", "--num-records", str(PERF_RECORDS),
        "--record-size", "100", "--throughput", "-1",
        "--producer-props", f"bootstrap.servers={server[1]}", IDEMPOTENCE, "acks=all",
    )
    if f"{PERF_RECORDS} records sent" not in printed:
        raise Failure(printed)


def get_offsets(tools, server):
    created = {f"tools-created:{partition}:0" for partition in range(3)}
    cases = [("tools-created", "-1", created), ("tools-perf", "-1", {f"tools-perf:0:{PERF_RECORDS}"})]
    cases += [("tools-none", "earliest", {"tools-none:0:0"}), ("tools-none", "latest", {f"tools-none:0:{LINES}"})]
    cases += [("tools-none", "0", {"tools-none:0:0"})]
    for topic, when, wanted in cases:
        printed = tools.run(OFFSETS, *server, "--topic", topic, "--time", when)
        if set(printed.split()) != wanted:
            raise Failure(f"--topic {topic} --time {when} printed {printed!r}, not {wanted}")
    printed = tools.run(OFFSETS, *server, "--topic", "tools-none", "--time", "max-timestamp")
    topic, partition, offset = printed.strip().rsplit(":", 2)
    if (topic, partition) != ("tools-none", "0") or not 0 <= int(offset) < LINES:
        raise Failure(f"--time max-timestamp printed {printed!r}")
