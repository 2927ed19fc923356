"""On which lines of a csv file its records begin, quoted line breaks and all."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection, Iterator
from itertools import chain
from typing import BinaryIO

import numpy as np

READ_BYTES = 16 << 20
_QUOTE, _BREAK = ord('"'), ord("\n")


def lines_of_records(
    file: BinaryIO, records: Collection[int], refused: Collection[int] = ()
) -> tuple[dict[int, int], dict[int, int]]:
    """Line numbers, from 1, of records, which count from 1 at the first line (the header), and of refused ones.

    `refused`: byte positions of records that do not count: anywhere in one, or at the end of the line before it. A
    line break ends a record where an even number of quotes stands before it.
    """
    wanted, found, refused_at = deque(sorted(records)), dict[int, int](), dict[int, int]()
    left = deque(sorted(refused))
    record, before = 0, (0, 1)
    for begin in chain(_begins(file), [(sys.maxsize, 0)]):
        is_refused = False
        while left and left[0] + 1 < begin[0]:
            refused_at[left.popleft()], is_refused = before[1], True
        if not is_refused:
            record += 1
            if wanted and record == wanted[0]:
                found[wanted.popleft()] = before[1]
        before = begin
        if not (wanted or left):
            break
    return found, refused_at


def _begins(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Byte position and line of every record but the first."""
    quotes, line, offset = 0, 1, 0
    last: tuple[int, int] | None = None  # behind a line break at the end of a block; at the end of the file it is none
    while block := file.read(READ_BYTES):
        if last:
            yield last
        content = np.frombuffer(block, dtype=np.uint8)
        breaks = np.flatnonzero(content == _BREAK)
        marks = np.flatnonzero(content == _QUOTE)
        ends = np.flatnonzero((quotes + np.searchsorted(marks, breaks)) % 2 == 0)
        begins = list(zip((offset + breaks[ends] + 1).tolist(), (line + 1 + ends).tolist(), strict=True))
        offset, quotes, line = offset + len(block), quotes + len(marks), line + len(breaks)
        last = begins.pop() if begins and begins[-1][0] == offset else None
        yield from begins
