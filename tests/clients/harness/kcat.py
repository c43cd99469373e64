"""kcat as a client under test: one short-lived process for each command, no adapter.

kcat cannot create, delete or configure topics, nor set timestamps; a topic of its own is auto-created, with one
partition. One run sends one set of headers, and empty fields either as they are or as nulls.
By hand: kcat -P -b 127.0.0.1:9092 -t demo -p 0 -z zstd -K $'\\x1f' -D $'\\x1e' < FILE
"""

import filecmp
import os
import re
import shlex
import subprocess

from harness import records
from harness.adapter import ANSWER_SECONDS, OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, ClientError
from harness.report import Failure

KEY_END = "\x1f"
RECORD_END = "\x1e"
SIZES = re.compile(rb"(\d+) (\d+) (-?\d+) (-?\d+) (-?\d+) (.*)\n")

# What kcat says for the errors that a suite asks for.
MESSAGES = {
    "Offset out of range": OFFSET_OUT_OF_RANGE,
    "Unknown topic or partition": UNKNOWN_TOPIC_OR_PARTITION,
    "Unknown partition": UNKNOWN_TOPIC_OR_PARTITION,
    "does not exist": UNKNOWN_TOPIC_OR_PARTITION,
}


class Kcat:
    name = "kcat"
    can_consume = True
    can_create = can_max_timestamp = can_null_header = can_bare = keeps_timestamps = False
    plan = [(0, "all", records.KCAT_NULLS), (0, "1", records.KCAT_EMPTY), (0, "0", records.KCAT_NULLS)]

    def __init__(self, broker, scratch):
        self.broker = broker
        self.log = scratch / "kcat.log"
        self.hung = False

    def run(self, mode, *args, stdin=b""):
        """Runs kcat to its end and returns its output."""
        self.broker.check_alive()
        if self.hung:
            raise Failure("kcat has hung before")
        command = ["kcat", mode, "-b", self.broker.bootstrap, *args]
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self.hung = True
            raise Failure(f"kcat {mode} did not end within {ANSWER_SECONDS} s") from None
        message = done.stderr.decode(errors="replace").strip()
        with open(self.log, "a") as log:
            print(shlex.join(command), "->", done.returncode, message, file=log)
        if done.returncode:
            code = next((code for text, code in MESSAGES.items() if text in message), 0)
            raise ClientError(code, message)
        return done.stdout

    def topics(self):
        return re.findall(r'^  topic "(.*?)" with', self.run("-L").decode(), re.MULTILINE)

    def produce(self, topic, codec, acks, lines):
        sent = [records.parse(line) for line in lines]
        headers = [arg for name, value in sent[0].headers for arg in ("-H", f"{name.decode()}={value.decode()}")]
        nulls = ["-Z"] if any(record.value is None for record in sent) else []
        stream = b"".join(to_stream(record) for record in sent)
        partition = lines[0].split(" ", 1)[0]
        delimiters = ["-K", KEY_END, "-D", RECORD_END]
        options = ["-t", topic, "-p", partition, "-z", codec, "-X", f"acks={acks}", *delimiters, *nulls, *headers]
        self.run("-P", *options, stdin=stream)
        # kcat does not tell at which offset.

    def consume(self, topic, partition, start, count):
        start = start.replace("end-", "-") if isinstance(start, str) else str(start)
        # -e: a partition with too few records ends the run instead of waiting for more.
        stop = ["-c", str(count), "-e", "-q", "-X", "auto.offset.reset=error"]
        out = self.run("-C", "-t", topic, "-p", str(partition), "-o", start, *stop, "-f", "%p %o %T %K %S %h\n%k%s\n")
        return list(from_stream(out))

    def offset(self, topic, partition, which):
        which = {"earliest": -2, "latest": -1}.get(which, which)
        out = self.run("-Q", "-t", f"{topic}:{partition}:{which}").decode()
        return int(out.split()[-1])

    def close(self):
        pass


def million_lines(kcat, scratch):
    """The README's promise: a million lines come back as they went in."""
    kcat.broker.check_alive()
    sent, got = scratch / "million.sent", scratch / "million.read"
    sent.write_text("".join(f"{n} the quick brown fox\n" for n in range(1, 1_000_001)))
    for mode, source, target in [("-P", sent, os.devnull), ("-C", os.devnull, got)]:
        command = ["kcat", mode, "-b", kcat.broker.bootstrap, "-t", "demo", *(["-e", "-q"] if mode == "-C" else [])]
        with open(source, "rb") as stdin, open(target, "wb") as stdout, open(kcat.log, "ab") as stderr:
            subprocess.run(command, stdin=stdin, stdout=stdout, stderr=stderr, timeout=ANSWER_SECONDS, check=True)
    if not filecmp.cmp(sent, got, shallow=False):
        raise Failure(f"{got} differs from {sent}")


def to_stream(record):
    """A record as kcat reads it: without a key there is no key delimiter."""
    key = b"" if record.key is None else record.key + KEY_END.encode()
    return key + (record.value or b"") + RECORD_END.encode()


def from_stream(out):
    """kcat's output as lines of records.py. The sizes are printed first, so that any byte may follow them."""
    at = 0
    while at < len(out):
        found = SIZES.match(out, at)
        if not found:
            raise Failure(f"kcat printed {out[at:at + 80]!r}")
        partition, offset, timestamp, key_size, value_size = map(int, found.groups()[:5])
        headers = [header.split(b"=", 1) for header in found[6].split(b",") if header]
        headers = [(name, None if value == b"NULL" else value) for name, value in headers]
        at = found.end()
        key, at = take(out, at, key_size)
        value, at = take(out, at, value_size)
        at += 1  # the newline after the value
        yield records.line(partition, offset, records.Record(timestamp, key, value, headers))


def take(out, at, size):
    return (None, at) if size < 0 else (out[at : at + size], at + size)
