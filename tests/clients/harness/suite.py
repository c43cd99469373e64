"""What every client is put through. The same for all; a client's `can_*` flags leave out what it has no call for.

By hand: tests/clients/run NAME
"""

import time

from harness import records, segments
from harness.adapter import (
    INVALID_TOPIC,
    OFFSET_OUT_OF_RANGE,
    TOPIC_ALREADY_EXISTS,
    UNKNOWN_TOPIC_OR_PARTITION,
    ClientError,
)
from harness.report import Failure, Skip

RECORDS = 1000  # for each partition
TAIL = 10
SOON_SECONDS = 15


class Suite:
    def __init__(self, client, report, data):
        self.client = client
        self.report = report
        self.data = data  # the broker's directory, or None
        self.sent = {}  # topic -> partition -> the lines it must hold, once all of them were produced

    def run(self):
        if self.client.can_create:
            self.create_a_topic()
        for codec in segments.CODECS:
            self.one_codec(codec)
        self.offsets()
        if self.client.can_consume:
            self.read_errors()
        self.auto_create()
        if self.client.can_create:
            self.delete_and_create_again()

    def check(self, name):
        return self.report.check(f"{self.client.name}: {name}")

    def topic(self, name):
        return f"{self.client.name}-{name}"

    def create_a_topic(self):
        client, topic = self.client, self.topic("created")
        with self.check("create a topic with 3 partitions and see it listed"):
            client.create(topic, 3)
            eventually(lambda: topic in client.topics(), "the topic is listed")
            eventually(lambda: client.partitions(topic) == 3, "it has 3 partitions")
        with self.check("create a topic with the broker's defaults"):
            client.create(self.topic("defaults"), -1)
            eventually(lambda: client.partitions(self.topic("defaults")) >= 1, "it has a partition")
        with self.check("create a topic that exists, and one with a bad name"):
            expect_error(TOPIC_ALREADY_EXISTS, lambda: client.create(topic, 3))
            expect_error(INVALID_TOPIC, lambda: client.create("no/slashes", 1))
        with self.check("delete and describe a topic that does not exist"):
            expect_error(UNKNOWN_TOPIC_OR_PARTITION, lambda: client.delete(self.topic("nowhere")))
            expect_error(UNKNOWN_TOPIC_OR_PARTITION, lambda: client.partitions(self.topic("nowhere")))

    def one_codec(self, codec):
        client, topic = self.client, self.topic(codec)
        with self.check(f"produce {codec} with acks all, 1 and 0"):
            if client.can_create:
                client.create(topic, len({partition for partition, _, _ in client.plan}))
            sent = {}
            for partition, acks, shapes in client.plan:
                self.produce(topic, partition, codec, acks, shapes, sent.setdefault(partition, []))
            self.sent[topic] = sent
        if client.can_consume:
            with self.check(f"consume {codec} from the beginning"):
                for partition, lines in self.lines(topic):
                    self.read_all(topic, partition, lines)
            with self.check(f"consume {codec} from the middle and from the end"):
                for partition, lines in self.lines(topic):
                    middle = len(lines) // 2 + 3
                    records.compare(lines[middle:], client.consume(topic, partition, middle, len(lines) - middle))
                    records.compare(lines[-TAIL:], client.consume(topic, partition, f"end-{TAIL}", TAIL))
        with self.check(f"stored codec {codec}"):
            for partition, lines in self.lines(topic):
                segments.check_codec(self.partition_dir(topic, partition), codec, len(lines))

    def produce(self, topic, partition, codec, acks, shapes, lines):
        """Produces one chunk to the end of a partition that holds `lines`, and waits until it is there."""
        client = self.client
        if codec == "none" and client.can_bare:
            shapes = shapes + records.BARE
        if client.can_null_header:
            shapes = shapes + records.NULL_HEADER
        chunk = records.make(shapes, RECORDS, big=not lines and partition == 0)
        chunk = [records.line(partition, len(lines) + i, record) for i, record in enumerate(chunk)]
        lines.extend(chunk)
        last = client.produce(topic, codec, acks, chunk)
        if acks == "0":  # nobody acknowledges these
            eventually(lambda: client.offset(topic, partition, "latest") >= len(lines), "acks=0 records arrive")
        elif last is not None and last != len(lines) - 1:
            raise Failure(f"the last record was acknowledged at offset {last}, not {len(lines) - 1}")

    def lines(self, topic):
        """What each partition of the topic must hold."""
        if topic not in self.sent:
            raise Failure(f"{topic} was not produced")
        return self.sent[topic].items()

    def read_all(self, topic, partition, lines):
        got = self.client.consume(topic, partition, "beginning", len(lines))
        if not self.client.keeps_timestamps:
            lines[:] = learn_timestamps(lines, got)
        records.compare(lines, got)

    def partition_dir(self, topic, partition):
        if not self.data:
            raise Skip("the broker's DATA directory is not known")
        return self.data / f"{topic}-{partition}"

    def offsets(self):
        client = self.client
        with self.check("list offsets: earliest and latest"):
            for codec in segments.CODECS:
                topic = self.topic(codec)
                for partition, lines in self.lines(topic):
                    expect(0, client.offset(topic, partition, "earliest"), "earliest")
                    expect(len(lines), client.offset(topic, partition, "latest"), "latest")
        for codec in ["none", "zstd"]:
            with self.check(f"list offsets by timestamp, {codec}"):
                self.offsets_by_timestamp(codec)

    def offsets_by_timestamp(self, codec):
        client, topic, partition = self.client, self.topic(codec), 0
        lines = dict(self.lines(topic))[partition]
        stamps = [records.timestamp_of(line) for line in lines]
        for wanted in [stamps[0], stamps[len(stamps) // 2], stamps[len(stamps) // 3] + 1, max(stamps)]:
            exact = next(i for i, stamp in enumerate(stamps) if stamp >= wanted)
            self.expect_near(exact, client.offset(topic, partition, wanted), topic, partition, codec)
        expect(-1, client.offset(topic, partition, max(stamps) + 1), "after the last timestamp")
        if client.can_max_timestamp:
            exact = stamps.index(max(stamps))
            self.expect_near(exact, client.offset(topic, partition, "max"), topic, partition, codec, after=True)

    def expect_near(self, exact, got, topic, partition, codec, after=False):
        """A broker that never decompresses may answer with another offset of the same batch, but skip no record."""
        if got == exact or codec == "none":
            return expect(exact, got, "by timestamp")
        batches = segments.batches(self.partition_dir(topic, partition))
        batch = next(batch for batch in batches if batch.last_offset >= exact)
        if not batch.base_offset <= got <= (batch.last_offset if after else exact):
            raise Failure(f"offset {got} for {exact}, in the batch {batch.base_offset}..={batch.last_offset}")

    def read_errors(self):
        client, topic = self.client, self.topic("none")
        with self.check("read an unknown topic, partition and offset"):
            expect_error(UNKNOWN_TOPIC_OR_PARTITION, lambda: client.consume(self.topic("nowhere"), 0, "beginning", 1))
            expect_error(UNKNOWN_TOPIC_OR_PARTITION, lambda: client.consume(topic, 99, "beginning", 1))
            expect_error(OFFSET_OUT_OF_RANGE, lambda: client.consume(topic, 0, 1_000_000, 1))
        with self.check("reading did not create the unknown topic"):
            if self.topic("nowhere") in client.topics():
                raise Failure("it is listed")

    def auto_create(self):
        client, topic = self.client, self.topic("auto-created")
        with self.check("produce to an unknown topic creates it"):
            lines = []
            self.produce(topic, 0, "none", "all", client.plan[0][2], lines)
            expect(len(lines), client.offset(topic, 0, "latest"), "latest")
            if client.can_consume:
                self.read_all(topic, 0, lines)
            self.sent[topic] = {0: lines}

    def delete_and_create_again(self):
        client, topic = self.client, self.topic("deleted")
        with self.check("delete a topic, and create it again at once"):
            for _ in range(2):
                client.create(topic, 3)
                eventually(lambda: client.partitions(topic) == 3, "the topic has 3 partitions")
                for partition in range(3):
                    eventually(lambda: client.offset(topic, partition, "latest") == 0, "the topic is empty")
                lines = []
                self.produce(topic, 0, "none", "all", client.plan[0][2], lines)
                if client.can_consume:
                    self.read_all(topic, 0, lines)
                client.delete(topic)
        with self.check("a deleted topic is gone"):
            eventually(lambda: topic not in client.topics(), "the topic is not listed")


def cross_read(suites, report):
    """Every client reads what every other one wrote, in each codec."""
    for reader in suites:
        for writer in suites:
            if reader is writer or not reader.client.can_consume:
                continue
            with report.check(f"{reader.client.name}: consume all that {writer.client.name} produced"):
                for name in [*segments.CODECS, "auto-created"]:
                    topic = writer.topic(name)
                    for partition, lines in writer.lines(topic):
                        try:
                            records.compare(lines, reader.client.consume(topic, partition, "beginning", len(lines)))
                        except Failure as wrong:
                            raise Failure(f"{topic}-{partition}: {wrong}") from None


def learn_timestamps(lines, got):
    """The lines as sent, with the timestamps as read: for a client that stamps records itself, of a clock near ours."""
    now = time.time() * 1000
    stamped = []
    for line, read in zip(lines, got):
        stamp = records.timestamp_of(read)
        if not now - 3_600_000 < stamp < now + 1000:
            raise Failure(f"a timestamp of {stamp}, now is {now:.0f}")
        partition, offset, _, rest = line.split(" ", 3)
        stamped.append(f"{partition} {offset} {stamp} {rest}")
    return stamped + lines[len(got) :]


def expect(wanted, got, what):
    if got != wanted:
        raise Failure(f"{what}: offset {got} instead of {wanted}")


def expect_error(code, action):
    try:
        action()
    except ClientError as error:
        if error.code != code:
            raise Failure(f"wanted error {code}, got {error}") from None
    else:
        raise Failure(f"wanted error {code}, got none")


def eventually(condition, what, seconds=SOON_SECONDS):
    """Polls until the condition holds, and returns its value; a client's error counts as "not yet"."""
    deadline = time.monotonic() + seconds
    while True:
        last = None
        try:
            if value := condition():
                return value
        except ClientError as error:
            last = error
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}" + (f" ({last})" if last else ""))
        time.sleep(0.05)  # between two polls
