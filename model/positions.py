"""Position ids of Tarsier2 (M-RoPE with one step a frame), computed here because stock code differs.

transformers >= 5 lets the text after a visual block begin at start + max(h, w) / 2 and ignores the number of frames;
Tarsier2 was trained with the largest id so far + 1. They differ where a video has more frames than max(h, w) / 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PADDING_POSITION = 1


def mrope_positions(
    input_ids: Sequence[int], grids: Sequence[tuple[int, int, int]], visual_ids: frozenset[int], merge: int = 2
) -> NDArray[np.int64]:
    """int64 [3, L], axes time, height, width, for one unpadded row of token ids.

    grids: (t, h, w) in patches, one for each picture or whole video in order; each takes t * h * w / merge**2 ids of
    `visual_ids`. Raises ValueError where ids and grids do not match.
    """
    ids = np.asarray(input_ids, dtype=np.int64)
    visual = np.isin(ids, list(visual_ids))
    parts: list[NDArray[np.int64]] = []
    at = next_position = 0
    for t, h, w in grids:
        rows, columns = h // merge, w // merge
        length = t * rows * columns
        begin = at + int(np.argmax(visual[at:])) if visual[at:].any() else len(ids)
        if begin + length > len(ids) or not visual[begin : begin + length].all():
            raise ValueError(
                f"the grid {(t, h, w)} needs {length} visual ids from position {begin}; the prompt differs."
            )
        parts.append(_text(begin - at, next_position))
        next_position += begin - at
        parts.append(_grid(t, rows, columns) + next_position)
        next_position += max(t, rows, columns)
        at = begin + length
    if visual[at:].any():
        raise ValueError(f"{int(visual[at:].sum())} visual ids have no grid.")
    parts.append(_text(len(ids) - at, next_position))
    return np.concatenate(parts, axis=1)


def _text(length: int, start: int) -> NDArray[np.int64]:
    return np.broadcast_to(np.arange(start, start + length, dtype=np.int64), (3, length))


def _grid(t: int, rows: int, columns: int) -> NDArray[np.int64]:
    return np.indices((t, rows, columns), dtype=np.int64).reshape(3, -1)


def stock_differs(t: int, h: int, w: int, merge: int = 2) -> bool:
    """Whether transformers >= 5 places the text after a (t, h, w) grid elsewhere than Tarsier2 does."""
    return t > max(h, w) // merge
