"""kill -9 in the middle of a produce loses nothing that was acknowledged.

A confluent-kafka producer runs at full speed the whole time; the broker is killed and started again on the same
data and port, several times; then everything is read back.
By hand: tests/clients/run kill
"""

import random

from harness import records, segments
from harness.adapter import Client
from harness.broker import ANY_PORT
from harness.report import Failure
from harness.suite import eventually

ROUNDS = 25
ACKED_BYTES = (20_000, 200_000)  # of the list of acknowledged records, in each round; about 12 a record
STOP_SECONDS = 60
TOPIC = "killed"


def kill_rounds(report, launch, command, scratch):
    for acks in ["1", "all"]:
        home = scratch / f"kill-acks-{acks}"
        home.mkdir()
        killed = Rounds(acks, launch, command, home)
        try:
            with report.check(f"kill: {ROUNDS} times kill -9 in the middle of a produce with acks={acks}"):
                killed.produce_and_kill()
                killed.verify()
            with report.check(f"kill: the same after a clean stop and start, acks={acks}"):
                killed.broker.stop()
                segments.batches(killed.broker.data / f"{TOPIC}-0")
                killed.start(killed.broker.bootstrap)
                killed.verify()
                killed.broker.stop()
        finally:
            killed.producer.close()
            killed.broker.kill()


class Rounds:
    def __init__(self, acks, launch, command, home):
        self.acks = acks
        self.launch = launch
        self.home = home
        self.acked_path = home / "acked"
        self.start(ANY_PORT)
        self.command = command
        self.producer = Client("producer", command, self.broker, home)
        self.sent = 0

    def start(self, listen):
        self.broker = self.launch(self.home / "data", self.home / "broker.log", listen)

    def produce_and_kill(self):
        self.producer.create(TOPIC, 1)
        self.producer.process.ask("flood", TOPIC, self.acks, self.acked_path)
        for _ in range(ROUNDS):
            self.wait_for_acks(random.randint(*ACKED_BYTES))
            self.broker.kill()
            self.start(self.broker.bootstrap)
        self.wait_for_acks(ACKED_BYTES[0])
        self.sent = int(self.producer.process.ask("stop", seconds=STOP_SECONDS)[0])

    def wait_for_acks(self, more_bytes):
        enough = self.acked_path.stat().st_size + more_bytes
        eventually(lambda: self.acked_path.stat().st_size >= enough, "the producer goes on", STOP_SECONDS)

    def verify(self):
        # A new client: librdkafka's admin client keeps the leader epoch it knows, and is refused after a restart.
        reader = Client("reader", self.command, self.broker, self.home)
        try:
            end = eventually(lambda: reader.offset(TOPIC, 0, "latest"), "the partition has a leader and records")
            lines = reader.consume(TOPIC, 0, "beginning", end)
        finally:
            reader.close()
        log = [(int(line.split(" ", 2)[1]), int(records.parse(line).key)) for line in lines]
        acked = [tuple(map(int, line.split())) for line in self.acked_path.read_text().splitlines()]
        verify(log, acked, self.sent)


def verify(log, acked, sent):
    """`log` and `acked` are lists of (offset, number of the record); `sent` numbers were sent, from 0 on."""
    for i, (offset, number) in enumerate(log):
        if offset != i:
            raise Failure(f"a hole: offset {offset} follows {i - 1}")
        if not 0 <= number < sent:
            raise Failure(f"offset {offset} holds number {number}, which nobody sent")
    if not acked:
        raise Failure("nothing was acknowledged")
    owners = {}
    for offset, number in acked:
        if offset >= len(log):
            raise Failure(f"number {number} was acknowledged at offset {offset}, the log ends at {len(log)}")
        if log[offset][1] != number:
            raise Failure(f"number {number} was acknowledged at offset {offset}, which holds number {log[offset][1]}")
        if owners.setdefault(number, offset) != offset:
            raise Failure(f"number {number} was acknowledged twice, at {owners[number]} and {offset}")
