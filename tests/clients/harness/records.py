"""The records that the clients send, and the one text form in which each of them reports what it read.

A record is a line, its fields separated by spaces:

    partition offset timestamp key value [header-name header-value]...

Bytes are `x` and then hex (`x` alone is an empty field), a null is `-`. What was sent is written with the offset at
which it will land, so that a client read back the right bytes exactly when its lines equal the lines that were sent.
"""

import time
from typing import NamedTuple

from harness.report import Failure

# In every record but the bare ones: with it each batch, even one of a single record, is smaller when compressed.
# Clients store a batch that would grow as "none", and the codec check then could not tell a bug from that.
PAD = b"the quick brown fox jumps over the lazy dog " * 5
UNICODE = "値 🦀 é ".encode() * 40
ALL_BYTES = bytes(range(256)) * 4
HIGH_BYTES = bytes(range(128, 256))  # no zero byte, where kcat cuts a header
BIG_BYTES = 500_000
SPIKE_MS = 600_000


class Record(NamedTuple):
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list  # of (bytes, bytes or None)


# Each shape makes (key, value, headers) of the record's number.
VARIED = [
    lambda i: (b"key-%d" % i, b"value-%d " % i + PAD, []),
    lambda i: (None, b"no key %d " % i + PAD, []),
    lambda i: (b"", b"empty key %d " % i + PAD, []),
    lambda i: (b"empty value %d" % i, b"", [(b"pad", PAD)]),
    lambda i: (b"null value %d" % i, None, [(b"pad", PAD)]),
    lambda i: ("ключ-%d".encode() % i, UNICODE, [("заголовок".encode(), "значение".encode())]),
    lambda i: (ALL_BYTES, ALL_BYTES, []),
    lambda i: (b"headers %d" % i, PAD, [(b"a", b""), (b"a", b"again"), (b"b", HIGH_BYTES), (b"c", b"%d" % i)]),
]
# A null in a header, for the clients that can send one.
NULL_HEADER = [lambda i: (b"null header %d" % i, PAD, [(b"null", None), (b"after", b"it")])]
# Nothing to compress: for topics without a codec only.
BARE = [lambda i: (None, None, []), lambda i: (b"", b"", [])]

# kcat splits a stream at a delimiter, sends empty fields as nulls or as they are, never both in one run, and has
# one set of headers for a run.
KCAT_NULLS = [
    lambda i: (b"key-%d" % i, b"value-%d\n" % i + PAD, []),
    lambda i: (None, b"no key %d " % i + PAD, []),
    lambda i: (b"null value %d " % i + PAD, None, []),
    lambda i: ("ключ-%d".encode() % i, UNICODE, []),
]
KCAT_HEADERS = [(b"a", b"1"), (b"empty", b""), (b"u", "é".encode())]
KCAT_EMPTY = [
    lambda i: (b"key-%d" % i, b"value-%d " % i + PAD, KCAT_HEADERS),
    lambda i: (b"", b"empty key %d " % i + PAD, KCAT_HEADERS),
    lambda i: (b"empty value %d " % i + PAD, b"", KCAT_HEADERS),
]


def make(shapes, count, big=False):
    """`count` records, a millisecond apart, all of the last hour (retention must not touch them).

    The one at two thirds is stamped far after all others, so that "the latest timestamp" and "the last record"
    differ. With `big`, the one in the middle carries 500 kB.
    """
    first = int(time.time() * 1000) - 3_600_000
    for i in range(count):
        key, value, headers = shapes[i % len(shapes)](i)
        if big and i == count // 2:
            value = b"".join(b"%d " % n + PAD for n in range(BIG_BYTES // len(PAD)))
        yield Record(first + i + (SPIKE_MS if i == count * 2 // 3 else 0), key, value, headers)


def line(partition, offset, record):
    """A record as a line of text."""
    fields = [record.key, record.value, *(field for header in record.headers for field in header)]
    return " ".join([str(partition), str(offset), str(record.timestamp), *map(hex_field, fields)])


def hex_field(field):
    return "-" if field is None else "x" + field.hex()


def parse(text):
    """The record of a line, without its partition and offset."""
    _, _, timestamp, key, value, *headers = text.split(" ")
    pairs = zip(headers[::2], headers[1::2])
    return Record(int(timestamp), unhex(key), unhex(value), [(unhex(name), unhex(body)) for name, body in pairs])


def unhex(field):
    return None if field == "-" else bytes.fromhex(field[1:])


def timestamp_of(text):
    return int(text.split(" ", 3)[2])


def compare(sent, got):
    """Fails at the first line that differs."""
    for i, (want, have) in enumerate(zip(sent, got)):
        if want != have:
            raise Failure(f"record {i} of {len(sent)}: sent <{shorten(want)}> read <{shorten(have)}>")
    if len(sent) != len(got):
        raise Failure(f"sent {len(sent)} records, read {len(got)}")


def shorten(text):
    return text if len(text) <= 200 else f"{text[:150]}... ({len(text)} characters)"
