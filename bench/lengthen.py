"""Makes a partition's log longer without writing it: its first, closed segment is repeated behind itself.

    python3 bench/lengthen.py DATA PARTITION SEGMENTS

The copies share their blocks with the first segment (`cp --reflink`, which xfs and btrfs can do); of its own each has only the
blocks in which a batch begins, since the batch's offset is written there. The CRC leaves the offset out. Of the broker, which has
stopped cleanly, only what says where the log ends is changed.
"""

import os
import struct
import subprocess
import sys
from pathlib import Path

LOG_OVERHEAD = 12  # bytes of a batch before those that its length counts


def name(offset, suffix):
    return f"{offset:020}.{suffix}"


def bases(folder):
    return sorted(int(path.stem) for path in folder.glob("*.log"))


def batches(path):
    """Where each batch begins, and its offset."""
    found = []
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        position = 0
        while position < size:
            offset, length = struct.unpack(">qi", os.pread(file.fileno(), LOG_OVERHEAD, position))
            found.append((position, offset))
            position += LOG_OVERHEAD + length
    return found


def repeat(folder, first, base, found):
    """Another copy of the first segment, whose offsets begin at `base`."""
    for suffix in ["log", "index", "timeindex"]:
        source, target = folder / name(first, suffix), folder / name(base, suffix)
        subprocess.run(["cp", "--reflink=always", source, target], check=True)
    with open(folder / name(base, "log"), "r+b") as file:
        for position, offset in found:
            os.pwrite(file.fileno(), struct.pack(">q", offset - first + base), position)


def lengthen(data, partition, segments):
    folder = data / partition
    first, second, *more = bases(folder)
    snapshots = sorted([*folder.glob("*.snapshot"), *folder.glob("*.batches")])
    newest = {path.suffix: path.read_bytes() for path in snapshots}
    for base in [second, *more]:
        for suffix in ["log", "index", "timeindex"]:
            (folder / name(base, suffix)).unlink()
    for snapshot in snapshots:
        snapshot.unlink()
    found = batches(folder / name(first, "log"))
    step = second - first
    for number in range(1, segments):
        repeat(folder, first, first + number * step, found)
    end = first + segments * step
    for suffix, content in newest.items():
        (folder / f"{end:020}{suffix}").write_bytes(content)
    points = data / "recovery-point-offset-checkpoint"
    topic, _, number = partition.rpartition("-")
    lines = points.read_text().splitlines()
    lines = [f"{topic} {number} {end}" if line.startswith(f"{topic} {number} ") else line for line in lines]
    points.write_text("\n".join(lines) + "\n")
    return end


print(lengthen(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
