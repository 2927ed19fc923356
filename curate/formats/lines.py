"""On which lines of a csv file its records begin, quoted line breaks and all."""

from __future__ import annotations

from collections.abc import Collection
from typing import BinaryIO

import numpy as np

READ_BYTES = 16 << 20
_QUOTE, _BREAK = ord('"'), ord("\n")


def lines_of_records(
    file: BinaryIO, records: Collection[int], refused: Collection[int] = ()
) -> tuple[dict[int, int], dict[int, int]]:
    """Line numbers, from 1, of records, which count from 1 at the first line (the header), and of refused ones.

    `refused`: byte positions of records that do not count (of their first byte, or of the end of the line before it).
    A line break ends a record where an even number of quotes stands before it.
    """
    wanted, found, refused_at = sorted(records), dict[int, int](), dict[int, int]()
    left = set(refused)
    quotes, line, record, offset = 0, 1, 0, 0
    begins_next: list[tuple[int, int]] = [(0, 1)]  # byte position and line of records that begin, in order
    while (wanted or left) and (block := file.read(READ_BYTES)):
        content = np.frombuffer(block, dtype=np.uint8)
        breaks = np.flatnonzero(content == _BREAK)
        marks = np.flatnonzero(content == _QUOTE)
        ends = np.flatnonzero((quotes + np.searchsorted(marks, breaks)) % 2 == 0)
        begins = begins_next + list(zip((offset + breaks[ends] + 1).tolist(), (line + 1 + ends).tolist(), strict=True))
        offset, quotes, line = offset + len(block), quotes + len(marks), line + len(breaks)
        begins_next = [begins.pop()] if begins and begins[-1][0] == offset else []
        for at, on in begins:
            if hit := left & {at, at - 1}:
                left -= hit
                refused_at.update(dict.fromkeys(hit, on))
                continue
            record += 1
            if wanted and record == wanted[0]:
                found[wanted.pop(0)] = on
    return found, refused_at
