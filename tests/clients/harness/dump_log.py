"""Kafka's own reader of segments and indexes, DumpLogSegments, on what the broker left after a clean stop.

By hand: tests/clients/run dump-log
"""

import re

from harness import records, segments
from harness.report import Failure
from harness.suite import expect

MAIN = "kafka.tools.DumpLogSegments"
TOPIC = "many-segments"
SEGMENT_BYTES = 1_048_576  # the least that Kafka allows
CHUNKS = 6
CHUNK_RECORDS = 1500  # of a kilobyte each

# Not `__consumer_offsets-0`, not `TOPIC-0.UUID-delete`.
PARTITION = re.compile(r"(?!__)[^.]+-\d+")


def write_segments(java, report):
    """A topic of many small segments, in small batches, so that rolls happen and indexes have entries."""
    lines = []
    with report.check("dump-log: write a topic of many segments"):
        java.create(TOPIC, 1, **{"segment.bytes": SEGMENT_BYTES})
        shapes = [lambda i: (b"%d" % i, bytes(range(33, 126)) * 11, [])]
        for _ in range(CHUNKS):
            chunk = list(records.make(shapes, CHUNK_RECORDS))
            chunk = [records.line(0, len(lines) + i, record) for i, record in enumerate(chunk)]
            java.produce(TOPIC, "none", "all", chunk)
            lines.extend(chunk)
    with report.check("dump-log: read it from every 500th offset, and list offsets by timestamp"):
        for start in range(0, len(lines), 500):
            records.compare(lines[start : start + 3], java.consume(TOPIC, 0, start, 3))
        stamps = [records.timestamp_of(line) for line in lines]
        for wanted in stamps[:: len(stamps) // 10]:
            exact = next(i for i, stamp in enumerate(stamps) if stamp >= wanted)
            expect(exact, java.offset(TOPIC, 0, wanted), "by timestamp")


def dump(tools, report, data):
    """Every file of every partition, after the broker has stopped."""
    folders = sorted(path for path in data.iterdir() if path.is_dir() and PARTITION.fullmatch(path.name))
    with report.check(f"dump-log: the segments and indexes of {len(folders)} partitions"):
        for folder in folders:
            dump_partition(tools, folder)
    with report.check("dump-log: the topic of many segments has rolled, and its indexes have entries"):
        folder = data / f"{TOPIC}-0"
        rolled = sorted(folder.glob("*.log"))[:-1]
        if len(rolled) < CHUNKS - 1:
            raise Failure(f"only {len(rolled)} closed segments in {folder.name}")
        for log in rolled:
            for suffix, entry in [(".index", 8), (".timeindex", 12)]:
                size = log.with_suffix(suffix).stat().st_size
                if size < 10 * entry or size % entry:
                    raise Failure(f"{log.stem}{suffix} has {size} bytes")


def dump_partition(tools, folder):
    logs = sorted(folder.glob("*.log"))
    indexes = sorted([*folder.glob("*.index"), *folder.glob("*.timeindex")])
    if len(indexes) != 2 * len(logs):
        raise Failure(f"{folder.name}: {len(logs)} segments, {len(indexes)} indexes")
    stored = segments.batches(folder)
    printed = run(tools, logs + indexes, "--deep-iteration")
    dumped = printed.count("isvalid: true"), len(re.findall(r"^\| offset: ", printed, re.MULTILINE))
    wanted = len(stored), sum(batch.records for batch in stored)
    if dumped != wanted:
        raise Failure(f"{folder.name}: {dumped} valid batches and records are dumped, {wanted} are stored")
    printed = run(tools, indexes, "--index-sanity-check")
    sane = len(re.findall(r"passed sanity check|is empty", printed))
    if sane != len(indexes):
        raise Failure(f"{folder.name}: {sane} of {len(indexes)} indexes are sane: {printed}")


def run(tools, files, option):
    """Everything that is wrong, mismatches above all, goes to stderr; the exit code is 0 all the same."""
    printed, complaints = tools.run_both(MAIN, "--files", ",".join(map(str, files)), option)
    if complaints:
        raise Failure(f"{files[0].parent.name}: {complaints[:500]}")
    return printed
