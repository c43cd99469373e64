"""A client under test: a small program that wraps one Kafka library and obeys commands on its standard input.

A command is a line, its fields separated by tabs; the answer is one line too: `ok`, then what was asked for, or
`error`, Kafka's error code (0 if it has none) and a message. Bulk data goes through files of records (records.py).

    create   TOPIC PARTITIONS [NAME=VALUE]...     PARTITIONS -1 leaves the number to the broker
    delete   TOPIC
    topics                                        ok NAME...
    partitions TOPIC                              ok COUNT
    produce  TOPIC CODEC ACKS FILE [BYTES]        ok LAST-OFFSET, as acked (-1 with ACKS 0); batches have about BYTES
    consume  TOPIC PARTITION FROM COUNT FILE      writes COUNT records; FROM is `beginning`, OFFSET or `end-N`
    offset   TOPIC PARTITION WHICH                ok OFFSET; WHICH is `earliest`, `latest`, `max` or a timestamp;
                                                  -1 when no record has that timestamp or a later one

    join     GROUP TOPIC,... FILE [NAME=VALUE]... becomes a member, which reads into FILE in the background; NAME is
                                                  `instance` (group.instance.id), `assignor` or `session` (its ms)
    member                                        ok READ ASSIGNMENTS REVOKED PARTITION...; records in FILE, calls of
                                                  the rebalance listener, partitions taken away, those it has now
    commit   METADATA                             where it has read to, in each partition that it has read from
    leave                                         closes the member
    committed GROUP TOPIC                         ok PARTITION:OFFSET:METADATA...
    groups                                        ok NAME...
    describe-group GROUP                          ok STATE MEMBERS PARTITION...
    delete-group GROUP

    configs  TYPE NAME                            ok KEY:SOURCE:VALUE...; TYPE is `topic` or `broker`
    alter    TYPE NAME KEY[=VALUE]...             these keys alone; without a value, back to the default
    replace  TYPE NAME KEY=VALUE...               these keys, and all others back to the default
    grow     TOPIC COUNT                          so many partitions
    delete-records TOPIC PARTITION OFFSET         those before the offset, or all with -1
    log-dirs TOPIC                                ok PARTITION:SIZE...
    cluster                                       ok CLUSTER-ID CONTROLLER NODE:HOST:PORT...

go only, in the name of a member and a generation, `own` for the right ones:

    commit-as MEMBER GENERATION
    heartbeat-as MEMBER GENERATION

go only, too:

    churn    GROUP,... TOPIC COUNT SECONDS HOW    starts COUNT members each second, which vanish when they
                                                  have `asked` for a member id or `joined` with it
    churned                                       ok VANISHED ALL

confluent only:

    flood    TOPIC ACKS FILE [COUNT]              produces numbered records to partition 0 until `stop`,
                                                  as fast as it can or COUNT each second; for each ack
                                                  `OFFSET NUMBER` goes into FILE
    stop                                          ok SENT

The adapters get the broker's address as their argument. They produce with idempotence if IDEMPOTENT=1 is in
the environment. By hand: `COMMAND 127.0.0.1:9092`, then type `topics`.
"""

import os
import select
import subprocess
import time

from harness import records
from harness.report import Failure

ANSWER_SECONDS = 150
END_SECONDS = 10

# Kafka's error codes that the suites ask for.
OFFSET_OUT_OF_RANGE = 1
UNKNOWN_TOPIC_OR_PARTITION = 3
INVALID_TOPIC = 17
TOPIC_ALREADY_EXISTS = 36


class ClientError(Failure):
    """The client reported an error; `code` is Kafka's number for it."""

    def __init__(self, code, message):
        super().__init__(f"error {code}: {message}")
        self.code = code


class Process:
    """A child that answers lines with lines, each within a time limit. Ended by its pid, whatever happens."""

    def __init__(self, command, log):
        self.log = log
        self.buffer = b""
        with open(log, "ab") as stderr:
            self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)

    def ask(self, *fields, seconds=ANSWER_SECONDS):
        """Sends one command and returns the fields of its answer."""
        if self.child.poll() is not None:
            raise Failure(f"the client has ended with exit code {self.child.returncode}")
        try:
            self.child.stdin.write("\t".join(map(str, fields)).encode() + b"\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            raise Failure("the client has ended") from None
        status, *rest = self.read_line(seconds).split("\t")
        if status == "error":
            raise ClientError(int(rest[0]), " ".join(rest[1:]))
        if status != "ok":
            raise Failure(f"not an answer: {status!r}")
        return rest

    def read_line(self, seconds):
        deadline = time.monotonic() + seconds
        stdout = self.child.stdout.fileno()
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                self.kill()
                raise Failure(f"no answer within {seconds} s")
            chunk = os.read(stdout, 65536)
            if not chunk:
                raise Failure(f"the client ended with exit code {self.child.wait()}")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def close(self):
        try:
            self.child.stdin.close()
            self.child.wait(END_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.kill()
        self.child.stdout.close()

    def kill(self):
        self.child.kill()
        self.child.wait()


class Client:
    """A client with its own adapter program, and what it can do."""

    can_create = can_consume = can_max_timestamp = can_null_header = can_bare = keeps_timestamps = True
    can_alter = can_replace = can_log_dirs = can_describe_errors = can_be_static = can_cooperate = True
    # Which partition gets which records, and with which acks.
    plan = [(0, "all", records.VARIED), (1, "1", records.VARIED), (2, "0", records.VARIED)]

    def __init__(self, name, command, broker, scratch, cannot=()):
        self.name = name
        self.scratch = scratch
        self.cannot = cannot
        for ability in cannot:
            setattr(self, ability, False)
        self.broker = broker
        self.command = command
        self.start()

    def start(self):
        self.process = Process([*self.command, self.broker.bootstrap], self.scratch / f"{self.name}.log")

    def again(self, name):
        """Another process of the same client."""
        return Client(name, self.command, self.broker, self.scratch, self.cannot)

    def ask(self, *fields):
        self.broker.check_alive()
        return self.process.ask(*fields)

    def create(self, topic, partitions, **configs):
        self.ask("create", topic, partitions, *(f"{name}={value}" for name, value in configs.items()))

    def delete(self, topic):
        self.ask("delete", topic)

    def topics(self):
        return self.ask("topics")

    def partitions(self, topic):
        return int(self.ask("partitions", topic)[0])

    def produce(self, topic, codec, acks, lines, *batch_bytes):
        """Returns the offset of the last record; -1 with acks=0, None if the client does not tell."""
        path = self.scratch / f"{self.name}.sent"
        path.write_text("".join(line + "\n" for line in lines))
        return int(self.ask("produce", topic, codec, acks, path, *batch_bytes)[0])

    def consume(self, topic, partition, start, count):
        """Returns the lines of `count` records."""
        path = self.scratch / f"{self.name}.read"
        self.ask("consume", topic, partition, start, count, path)
        return path.read_text().splitlines()

    def offset(self, topic, partition, which):
        return int(self.ask("offset", topic, partition, which)[0])

    def configs(self, kind, name):
        """Key -> source and value."""
        found = (field.split(":", 2) for field in self.ask("configs", kind, name))
        return {key: (source, value) for key, source, value in found}

    def kill(self):
        """kill -9: the broker hears nothing of it."""
        self.process.kill()

    def close(self):
        self.process.close()
