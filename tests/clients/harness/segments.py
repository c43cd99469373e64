#!/usr/bin/env python3
"""Reads the segments that the broker stored and checks each batch. By hand: segments.py DATA/TOPIC-0 [CODEC]

A v2 record batch, big endian (the same bytes on the wire and on disk):

     0  i64  base offset
     8  i32  length of what follows
    12  i32  partition leader epoch
    16  i8   magic, always 2
    17  u32  CRC-32C of everything from 21 on
    21  i16  attributes; the low 3 bits are the codec
    23  i32  last offset delta
    35  i64  largest timestamp
    57  i32  number of records, then the records
"""

import struct
import sys
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.report import Failure

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
HEADER = struct.Struct(">qiibIhiqqqhii")
CRC_FROM = 21


class Batch(NamedTuple):
    base_offset: int
    last_offset: int
    max_timestamp: int
    codec: str
    records: int


def crc_tables():
    """Eight tables of CRC-32C (polynomial 0x82f63b78, reflected), to take eight bytes in a step."""
    first = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        first.append(byte)
    tables = [first]
    for _ in range(7):
        tables.append([first[crc & 255] ^ crc >> 8 for crc in tables[-1]])
    return tables


T0, T1, T2, T3, T4, T5, T6, T7 = crc_tables()


def crc32c(data):
    crc = 0xFFFFFFFF
    whole = len(data) // 8 * 8
    for low, high in struct.iter_unpack("<II", data[:whole]):
        low ^= crc
        crc = (
            T7[low & 255] ^ T6[low >> 8 & 255] ^ T5[low >> 16 & 255] ^ T4[low >> 24]
            ^ T3[high & 255] ^ T2[high >> 8 & 255] ^ T1[high >> 16 & 255] ^ T0[high >> 24]
        )
    for byte in data[whole:]:
        crc = T0[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def batches(partition_dir, has_gaps=False):
    """The batches of one partition. Fails unless each is whole, has the right CRC and follows the one before; behind a gap too if
    there may be some."""
    segments = sorted(Path(partition_dir).glob("*.log"))
    if not segments:
        raise Failure(f"no segment in {partition_dir}")
    found = []
    expected = int(segments[0].stem)
    for segment in segments:
        if int(segment.stem) != expected and not has_gaps:
            raise Failure(f"{segment} follows a segment that ends at {expected}")
        data = segment.read_bytes()
        at = 0
        while at < len(data):
            where = f"{segment.parent.name}/{segment.name} at byte {at}"
            if len(data) - at < HEADER.size:
                raise Failure(f"{where}: {len(data) - at} stray bytes")
            header = HEADER.unpack_from(data, at)
            base, length, _, magic, crc, attributes, delta, _, max_timestamp, _, _, _, count = header
            end = at + 12 + length
            if magic != 2 or end > len(data):
                raise Failure(f"{where}: no whole v2 batch (magic {magic}, {length} bytes)")
            if base < expected or (base > expected and not has_gaps):
                raise Failure(f"{where}: base offset {base} instead of {expected}")
            if crc32c(data[at + CRC_FROM : end]) != crc:
                raise Failure(f"{where}: wrong CRC")
            if (attributes & 7) >= len(CODECS):
                raise Failure(f"{where}: no such codec: {attributes & 7}")
            found.append(Batch(base, base + delta, max_timestamp, CODECS[attributes & 7], count))
            expected = base + delta + 1
            at = end
    return found


def check_codec(partition_dir, codec, records):
    """Fails unless the partition holds this many records and every batch of it is stored in this codec."""
    found = batches(partition_dir)
    for batch in found:
        if batch.codec != codec:
            name = Path(partition_dir).name
            raise Failure(f"{name}: the batch at offset {batch.base_offset} is stored as {batch.codec}, not {codec}")
    stored = sum(batch.records for batch in found)
    if stored != records:
        raise Failure(f"{Path(partition_dir).name}: {stored} records are stored, {records} were sent")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        for batch in batches(sys.argv[1]):
            if len(sys.argv) > 2 and batch.codec != sys.argv[2]:
                raise Failure(f"batch at offset {batch.base_offset}: codec {batch.codec}, not {sys.argv[2]}")
            print(*batch)
    except Failure as wrong:
        sys.exit(str(wrong))
