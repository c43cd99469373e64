"""Seeded faults: each must be caught, or the checks of this harness would prove nothing. Needs no broker.

By hand: cd tests/clients && python3 -m harness.selftest
"""

import contextlib
import io
import os
import socket
import struct
import tempfile
from pathlib import Path

from harness import differential, groups, kill, records, segments
from harness.proxy import PRODUCE, Proxy
from harness.report import Failure, Report

ZSTD = 4


def batch(base_offset, codec, count=3):
    """A v2 batch as far as segments.py looks into it; the records are filler."""
    body = struct.pack(">hiqqqhii", codec, count - 1, 0, 0, -1, -1, -1, count) + b"filler"
    return struct.pack(">qiibI", base_offset, len(body) + 9, 0, 2, segments.crc32c(body)) + body


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def stored(data):
    """What the codec check says about a partition with this one segment."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "00000000000000000000.log").write_bytes(data)
        segments.check_codec(home, "zstd", 6)


def printed(*lines):
    return differential.comparable("\n".join(lines))


def failed_beside(work):
    """How many failures are counted when a process of its own does this."""
    report = Report()
    with contextlib.redirect_stdout(io.StringIO()), report.beside(lambda: work(report)):
        pass
    return report.failed


def answers_through_proxy(count):
    """How many of so many produce requests are answered by an echo behind a proxy that loses the third answer."""
    proxy = Proxy()
    with socket.create_server(("127.0.0.1", 0)) as echo:
        proxy.broker = f"127.0.0.1:{echo.getsockname()[1]}"
        proxy.lose(3, 1)
        with socket.create_connection(proxy.listener.getsockname()) as client:
            client.settimeout(10)
            broker, _ = echo.accept()
            with broker, client.makefile("rb") as frames:
                for i in range(count):
                    client.sendall(struct.pack(">Ihhi", 8, PRODUCE, 9, i))
                    request = broker.recv(12, socket.MSG_WAITALL)
                    broker.sendall(struct.pack(">I", 4) + request[8:])
                    if not (answer := frames.read(8)):
                        return i
                    assert answer == struct.pack(">Ii", 4, i)
    return count


def main():
    good = batch(0, ZSTD) + batch(3, ZSTD)
    log, acked = [(0, 0), (1, 1), (2, 2)], [(0, 0), (2, 2)]
    line = records.line(0, 0, records.Record(1, None, b"", [(b"h", None)]))
    stored(good)
    kill.verify(log, acked, sent=3)
    records.compare([line], [line])
    shared = ["0 0 1 - -", "0 1 1 - -", "1 0 1 - -"]
    groups.compare_read(shared, [shared[2:], shared[:2]])
    on_kafka, on_ours = printed("at 127.0.0.1:4711", "one"), printed("at 127.0.0.1:4712", "one")
    differential.compare(on_kafka, on_ours, {})
    differential.compare(on_kafka, [*on_ours, "two"], {"two": "a reason"})
    assert failed_beside(lambda report: report.skip("a", "b")) == 0 and failed_beside(lambda report: report.fail("a", "b")) == 1
    assert failed_beside(lambda report: os._exit(0)) == 1
    assert answers_through_proxy(2) == 2 and answers_through_proxy(3) == 2
    faults = {
        "a wrong codec": lambda: stored(batch(0, ZSTD) + batch(3, 0)),
        "a changed byte": lambda: stored(flip(good, len(good) - 1)),
        "a hole between batches": lambda: stored(batch(0, ZSTD) + batch(4, ZSTD)),
        "a torn batch": lambda: stored(good[:-1]),
        "a missing batch": lambda: stored(batch(0, ZSTD)),
        "a null read as empty": lambda: records.compare([line], [line.replace(" - ", " x ", 1)]),
        "a record too few": lambda: records.compare([line], []),
        "a record that no member reads": lambda: groups.compare_read(shared, [shared[:1], shared[2:]]),
        "a record that two members read": lambda: groups.compare_read(shared, [shared, shared[1:2]]),
        "a partition read out of order": lambda: groups.compare_read(shared, [shared[1::-1], shared[2:]]),
        "an acknowledged record lost at the end": lambda: kill.verify(log[:2], acked, sent=3),
        "an acknowledged record replaced": lambda: kill.verify([(0, 0), (1, 2), (2, 1)], acked, sent=3),
        "a hole in what is read": lambda: kill.verify([(0, 0), (2, 2)], acked, sent=3),
        "a number that nobody sent": lambda: kill.verify([*log, (3, 3)], acked, sent=3),
        "a line that Kafka does not print": lambda: differential.compare(on_kafka, [*on_ours, "two"], {}),
        "a line that only Kafka prints": lambda: differential.compare(on_kafka, on_ours[:1], {}),
        "a difference that is gone": lambda: differential.compare(on_kafka, on_ours, {"two": "a reason"}),
        "a difference beside a known one": lambda: differential.compare(on_kafka, ["two"], {"two": "a reason"}),
        "nothing acknowledged": lambda: kill.verify(log, [], sent=3),
    }
    assert segments.crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    for name, fault in faults.items():
        try:
            fault()
        except Failure:
            continue
        raise Failure(f"not caught: {name}")


if __name__ == "__main__":
    main()
