"""What the sample tables of an MP4 or MOV claim, read before FFmpeg turns the claim into memory.

FFmpeg builds its index while opening, 24 bytes a sample: 1 KB that claims 10^9 samples of one size costs 24 GB.
Box layout: ISO/IEC 14496-12.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"}
_MAX_BOXES = 1_000_000  # a fragmented file of 90 hours has fewer; more is an attack on this reader
_MAX_TABLE = 1 << 22  # bytes of one run-length table that are looked at


def claimed_samples(file: BinaryIO) -> int:
    """The largest number of samples that any track or fragment of the file claims; 0 for other formats.

    Sound stored sample by sample (stts of one entry with duration 1) is left out: FFmpeg indexes it by chunks.
    """
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[4:8] not in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp"}:
        return 0
    end = file.seek(0, 2)
    claimed = 0
    track: dict[bytes, int] = {}
    for kind, start, stop in _boxes(file, 0, end, [0]):
        if kind == b"trak":
            claimed = max(claimed, _claim_of(track))
            track = {}
        elif kind in {b"stsz", b"stz2", b"stts", b"ctts"}:
            track |= _table_claim(file, kind, start, stop)
        elif kind == b"trun":
            file.seek(start + 4)
            claimed = max(claimed, *_numbers(file.read(4), 1))
    return max(claimed, _claim_of(track))


def _claim_of(track: dict[bytes, int]) -> int:
    if track.get(b"one tick each"):
        return 0
    return max(track.values(), default=0)


def _table_claim(file: BinaryIO, kind: bytes, start: int, stop: int) -> dict[bytes, int]:
    file.seek(start)
    if kind in {b"stsz", b"stz2"}:
        body = file.read(12)
        return {kind: _numbers(body[8:12], 1)[0]}
    body = file.read(min(stop - start, _MAX_TABLE))
    entries = _numbers(body[8:], 2 * ((len(body) - 8) // 8)) if len(body) >= 16 else (0, 0)
    entries = entries[: 2 * _numbers(body[4:8], 1)[0]]
    by_tick = kind == b"stts" and len(entries) == 2 and entries[1] == 1
    return {kind: sum(entries[0::2]), b"one tick each": 1} if by_tick else {kind: sum(entries[0::2])}


def _numbers(body: bytes, count: int) -> tuple[int, ...]:
    """The first `count` big-endian uint32; zeros where the bytes end."""
    return struct.unpack(f">{count}I", body[: 4 * count].ljust(4 * count, b"\0"))


def _boxes(file: BinaryIO, start: int, end: int, seen: list[int]) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of body, end of box) of every box between two places, a container before its children."""
    while start + 8 <= end and seen[0] < _MAX_BOXES:
        seen[0] += 1
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        size, kind, body = struct.unpack(">I", header[:4])[0], header[4:8], start + 8
        if size == 1 and len(header) == 16:
            size, body = struct.unpack(">Q", header[8:16])[0], start + 16
        stop = end if size == 0 else min(start + size, end)
        if stop < body:
            return
        yield kind, body, stop
        if kind in _CONTAINERS:
            yield from _boxes(file, body, stop, seen)
        start = stop
