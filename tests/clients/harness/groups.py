"""Consumer groups: what every client's members read, commit, share and hand over.

A member lives in an adapter process (adapter.py) and reads in the background. A client's checks use a topic of their
own with 3 partitions, to which a round of records is produced between the steps, so that each round must be read
exactly once, by whoever owns its partition then.
By hand: tests/clients/run groups [CLIENT]...
"""

import json
import re

from harness import dump_log, records, segments
from harness.adapter import ClientError
from harness.report import Failure
from harness.suite import eventually, expect_error
from harness.tools import IDEMPOTENCE, TOPICS

GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
PARTITIONS = 3
ROUND_RECORDS = 100  # for each partition
SETTLE_SECONDS = 30  # a rebalance and what follows it
SESSION_MS = 30_000  # outlasts the absence of a static member

# Kafka's error codes that the suites ask for.
ILLEGAL_GENERATION = 22
UNKNOWN_MEMBER_ID = 25
NON_EMPTY_GROUP = 68
GROUP_ID_NOT_FOUND = 69


class Member:
    """A member of a group in an adapter process, which has one at a time."""

    def __init__(self, client, group, topics, **options):
        self.client = client
        self.path = client.scratch / f"{client.name}.member"
        self.seen = 0  # of the lines it has read, those that were checked
        options = [f"{name}={value}" for name, value in options.items()]
        client.ask("join", group, ",".join(topics), self.path, *options)

    def state(self):
        """How many records it has read and assignments it got, partitions it had to give up, and what it has now."""
        read, assignments, revoked, *partitions = map(int, self.client.ask("member"))
        return read, assignments, revoked, partitions

    def partitions(self):
        return self.state()[3]

    def read(self):
        """The lines it has read so far."""
        count = self.state()[0]
        return self.path.read_text().splitlines()[:count]

    def commit(self, metadata=""):
        self.client.ask("commit", metadata)

    def leave(self):
        self.client.ask("leave")


class Groups:
    """The checks of one client; the second process of the client is for a second member."""

    def __init__(self, client, second, report):
        self.client = client
        self.second = second
        self.report = report
        self.topic = f"{client.name}-grouped"
        self.group = f"{client.name}-group"
        self.lines = {partition: [] for partition in range(PARTITIONS)}

    def run(self):
        before = self.report.failed
        for step in [self.first_run, self.second_run, self.two_members, self.take_over, self.delete]:
            step()
            if self.report.failed > before:  # the next step starts where this one should have ended
                return
        if self.client.name == "go":
            self.stale_members()
        if self.client.can_be_static:
            self.static_membership()
        if self.client.can_cooperate:
            self.cooperative()

    def check(self, name):
        return self.report.check(f"{self.client.name}: group: {name}")

    def produce_round(self):
        """Adds records to each partition, and returns the lines."""
        added = []
        for partition, lines in self.lines.items():
            chunk = records.make(records.VARIED, ROUND_RECORDS)
            chunk = [records.line(partition, len(lines) + i, record) for i, record in enumerate(chunk)]
            self.client.produce(self.topic, "none", "all", chunk)
            lines.extend(chunk)
            added.extend(chunk)
        return added

    def read_a_round(self, *members):
        """One more round is read by the members together, and committed."""
        expect_read(members, self.produce_round())
        for member in members:
            member.commit()

    def join(self, client, group=None, **options):
        return Member(client, group or self.group, [self.topic], **options)

    def committed(self, group=None):
        """Partition -> offset and metadata."""
        return committed(self.client, group or self.group, self.topic)

    def ends(self, metadata):
        return {partition: (len(lines), metadata) for partition, lines in self.lines.items()}

    def first_run(self):
        with self.check("a member reads 3 partitions, commits and leaves"):
            self.client.create(self.topic, PARTITIONS)
            wanted = self.produce_round()
            member = self.join(self.client)
            expect_read([member], wanted)
            member.commit("first ünd metadata")
            member.leave()
        with self.check("the committed offsets and their metadata are read back"):
            expect_equal(self.ends("first ünd metadata"), self.committed())

    def second_run(self):
        with self.check("a second run resumes where the first stopped"):
            wanted = self.produce_round()
            self.member = self.join(self.client)
            expect_read([self.member], wanted)
            self.member.commit()
            expect_equal(self.ends(""), self.committed())

    def two_members(self):
        with self.check("two members share the partitions"):
            self.other = self.join(self.second)
            wait_until_shared(self.member, self.other)
            self.read_a_round(self.member, self.other)
            expect_equal(self.ends(""), self.committed())
        with self.check("listed, and described as Stable with 2 members and their partitions"):
            expect_listed(self.client, self.group)
            expect_equal(["Stable", "2", "0", "1", "2"], self.client.ask("describe-group", self.group))
        with self.check("a group with members cannot be deleted"):
            expect_error(NON_EMPTY_GROUP, lambda: self.client.ask("delete-group", self.group))

    def take_over(self):
        with self.check("one leaves, the other takes over all partitions"):
            self.other.leave()
            wait_for_partitions(self.member, [0, 1, 2])
            self.read_a_round(self.member)
            expect_equal(self.ends(""), self.committed())

    def delete(self):
        with self.check("described as Empty when all have left"):
            self.member.leave()
            eventually(lambda: self.client.ask("describe-group", self.group) == ["Empty", "0"], "the group is empty")
        with self.check("deleted, and gone with its offsets"):
            self.client.ask("delete-group", self.group)
            if self.group in self.client.ask("groups"):
                raise Failure("it is still listed")
            expect_error(GROUP_ID_NOT_FOUND, lambda: self.client.ask("delete-group", self.group))
            try:
                expect_equal({}, self.committed())
            except ClientError as error:  # some clients look first whether there is such a group
                if error.code != GROUP_ID_NOT_FOUND:
                    raise

    def stale_members(self):
        with self.check("unknown members and stale generations are refused"):
            member = self.join(self.client)
            wait_for_partitions(member, [0, 1, 2])
            for verb in ["commit-as", "heartbeat-as"]:
                self.client.ask(verb, "own", "own")
                expect_error(UNKNOWN_MEMBER_ID, lambda: self.client.ask(verb, "nobody", "own"))
                expect_error(ILLEGAL_GENERATION, lambda: self.client.ask(verb, "own", 4711))
            member.leave()

    def static_membership(self):
        with self.check("static: a killed member comes back to its partitions, the other notices nothing"):
            group = f"{self.group}-static"
            stays = self.join(self.client, group, instance="stays", session=SESSION_MS)
            wait_for_partitions(stays, [0, 1, 2])
            killed = self.join(self.second, group, instance="killed", session=SESSION_MS)
            wait_until_shared(stays, killed)
            before = stays.state(), killed.partitions()
            wait_until_described(self.client, group, "Stable", 2)
            self.second.kill()
            self.second.start()
            back = self.join(self.second, group, instance="killed", session=SESSION_MS)
            wait_for_partitions(back, before[1])
            expect_equal(["Stable", "2", "0", "1", "2"], self.client.ask("describe-group", group))
            expect_equal(before[0][1:], stays.state()[1:])
            # A static member that closes stays in the group.
            back.leave()
            stays.leave()
            wait_until_described(self.client, group, "Stable", 2)

    def cooperative(self):
        with self.check("cooperative-sticky: a member gives up only what another one gets"):
            group = f"{self.group}-cooperative"
            wanted = [line for lines in self.lines.values() for line in lines]
            first = self.join(self.client, group, assignor="cooperative-sticky")
            expect_read([first], wanted)
            first.commit()
            other = self.join(self.second, group, assignor="cooperative-sticky")
            wait_until_shared(first, other)
            expect_equal(1, first.state()[2])
            self.read_a_round(first, other)
            other.leave()
            wait_for_partitions(first, [0, 1, 2])
            expect_equal(1, first.state()[2])
            self.read_a_round(first)
            first.leave()


def read_everything(client, suites, report):
    """For a client that reads by group only: what it and the others produced, in every codec, byte by byte."""
    for writer in suites:
        for name in [*segments.CODECS, "auto-created"]:
            with report.check(f"{client.name}: group: consume {name} that {writer.client.name} produced"):
                topic = writer.topic(name)
                wanted = [line for _, lines in sorted(writer.lines(topic)) for line in lines]
                member = Member(client, f"{client.name}-reads-{topic}", [topic])
                try:
                    expect_read([member], wanted)
                finally:
                    member.leave()


def kcat_group(kcat, report):
    """`kcat -G` joins and reads to the end; what it has stored is committed when it leaves."""
    topic, group = "kcat-grouped", "kcat-group"
    sent = []
    for name in ["a member reads everything", "a second run resumes where the first stopped"]:
        with report.check(f"kcat: group: {name}"):
            lines = [f"{len(sent) + i} the quick brown fox" for i in range(ROUND_RECORDS)]
            kcat.run("-P", "-t", topic, stdin="".join(line + "\n" for line in lines).encode())
            sent.extend(lines)
            # -e: to the end of the partitions. kcat takes what follows -G GROUP as topics, so it is last.
            options = ["-e", "-q", "-X", "auto.offset.reset=earliest", "-f", "%s\\n"]
            got = kcat.run("-C", *options, "-G", group, topic).decode().splitlines()
            expect_equal(lines, got)


def run_tools(tools, report, broker):
    """Kafka's own tools on a group of kafka-console-consumer."""
    server = ["--bootstrap-server", broker.bootstrap]
    topic, group = "tools-grouped", "tools-group"
    lines = [f"{i} the quick brown fox" for i in range(ROUND_RECORDS)]
    with report.check("tools: kafka-console-consumer --group, a second run resumes"):
        tools.run(TOPICS, *server, "--create", "--topic", topic, "--partitions", str(PARTITIONS))
        tools.run(
            "org.apache.kafka.tools.ConsoleProducer", *server, "--topic", topic, "--producer-property",
            IDEMPOTENCE, stdin="".join(line + "\n" for line in lines),
        )
        got = []
        for count in [30, ROUND_RECORDS - 30]:
            printed = tools.run(
                "org.apache.kafka.tools.consumer.ConsoleConsumer", *server, "--topic", topic, "--group", group,
                "--from-beginning", "--max-messages", str(count), "--timeout-ms", "20000",
            )
            got += printed.splitlines()
        expect_equal(sorted(lines), sorted(got))
    with report.check("tools: kafka-consumer-groups --list"):
        expect_equal(True, group in tools.run(GROUPS, *server, "--list").split())
    with report.check("tools: kafka-consumer-groups --describe, and --state"):
        expect_equal(described(tools, server, topic, group), [ROUND_RECORDS, ROUND_RECORDS, 0])
        printed = tools.run(GROUPS, *server, "--describe", "--group", group, "--state")
        expect_equal(True, "Empty" in printed)
    with report.check("tools: kafka-consumer-groups --reset-offsets --to-earliest --execute"):
        reset = ["--reset-offsets", "--to-earliest", "--topic", topic, "--execute"]
        tools.run(GROUPS, *server, "--group", group, *reset)
        expect_equal(described(tools, server, topic, group), [0, ROUND_RECORDS, ROUND_RECORDS])
    with report.check("tools: kafka-consumer-groups --delete-offsets"):
        tools.run(GROUPS, *server, "--delete-offsets", "--group", group, "--topic", topic)
        printed = tools.run(GROUPS, *server, "--describe", "--group", group)
        expect_equal(False, topic in printed)
    with report.check("tools: kafka-consumer-groups --delete"):
        # The group has gone with its last offset, unless the tool left one.
        tools.run(GROUPS, *server, "--group", group, *reset)
        printed = tools.run(GROUPS, *server, "--delete", "--group", group)
        expect_equal(True, "successful" in printed)
        expect_equal(False, group in tools.run(GROUPS, *server, "--list").split())


def decoded(tools, data):
    """The records of __consumer_offsets as (key, value); the value of a tombstone is None. Complaints fail."""
    folder = data / "__consumer_offsets-0"
    printed = dump_log.run(tools, sorted(folder.glob("*.log")), "--offsets-decoder")
    found = re.findall(r"^\| offset: .*? key: (.*) payload: (.*)$", printed, re.MULTILINE)
    stored = sum(batch.records for batch in segments.batches(folder))
    if len(found) != stored:
        raise Failure(f"{len(found)} records are decoded, {stored} are stored")
    return [(json.loads(key), json.loads(value) if value.startswith("{") else None) for key, value in found]


def dump(tools, report, data):
    """kafka-dump-log decodes what every client's members and commits have left."""
    with report.check("groups: kafka-dump-log --offsets-decoder decodes __consumer_offsets-0"):
        if not any(value for _, value in decoded(tools, data)):
            raise Failure("nothing is in it")


def described(tools, server, topic, group):
    """The sums of the columns CURRENT-OFFSET, LOG-END-OFFSET and LAG."""
    printed = tools.run(GROUPS, *server, "--describe", "--group", group)
    rows = re.findall(rf"^{group}\s+{topic}\s+\d+\s+(\d+)\s+(\d+)\s+(\d+)\s", printed, re.MULTILINE)
    if len(rows) != PARTITIONS:
        raise Failure(f"{len(rows)} of {PARTITIONS} partitions are described: {printed}")
    return [sum(map(int, column)) for column in zip(*rows)]


def wait_for_partitions(member, wanted):
    eventually(lambda: member.partitions() == wanted, f"the member has the partitions {wanted}", SETTLE_SECONDS)


def wait_until_shared(*members):
    def shared():
        parts = [member.partitions() for member in members]
        return all(parts) and sorted(partition for part in parts for partition in part) == list(range(PARTITIONS))

    eventually(shared, f"{len(members)} members share the partitions", SETTLE_SECONDS)


def wait_until_described(client, group, state, members):
    wanted = [state, str(members)]
    what = f"{group} is {state} with {members} members"
    eventually(lambda: client.ask("describe-group", group)[:2] == wanted, what, SETTLE_SECONDS)


def expect_listed(client, group):
    if group not in client.ask("groups"):
        raise Failure(f"{group} is not listed")


def committed(client, group, topic):
    found = [field.split(":", 2) for field in client.ask("committed", group, topic) if field]
    return {int(partition): (int(offset), metadata) for partition, offset, metadata in found}


def expect_read(members, wanted):
    """What the members have read since the last time is these lines, each once, those of a partition in order.

    What a member reads twice after that is found the next time.
    """

    def enough():
        news = [member.read()[member.seen :] for member in members]
        return news if sum(map(len, news)) >= len(wanted) else None

    news = eventually(enough, f"{len(wanted)} records are read", SETTLE_SECONDS)
    compare_read(wanted, news)
    for member, lines in zip(members, news):
        member.seen += len(lines)


def compare_read(wanted, news):
    """`news` is a list of lines for each member."""

    def partition_of(line):
        return int(line.split(" ", 1)[0])

    got = [line for lines in news for line in lines]
    # sorted() leaves the lines of a partition in the order in which they were read.
    records.compare(sorted(wanted, key=partition_of), sorted(got, key=partition_of))


def expect_equal(wanted, got):
    if got != wanted:
        raise Failure(f"{got!r} instead of {wanted!r}")
