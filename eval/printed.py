"""Tables for people, cell by cell as the original scripts print them, and numbers rounded as they round."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np


def rounded(value: float | None, digits: int) -> float:
    """numpy's rounding, which the printed tables are made with: it scales before it rounds. None becomes nan."""
    return float("nan") if value is None else float(np.round(np.float64(value), digits))


def mean(values: Sequence[float]) -> float | None:
    """numpy's mean (pairwise sums), None of nothing."""
    return float(np.average(values)) if len(values) else None


def boxed(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in a frame of + - |, every cell in the middle."""
    cells = [[str(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(columns))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = ["|" + "|".join(f" {_centred(c, w)} " for c, w in zip(row, widths, strict=True)) + "|" for row in cells]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def _centred(text: str, width: int) -> str:
    """Where one space is left over, it goes before a text of even width and after one of odd width."""
    spare = width - _width(text)
    left = spare // 2 + (spare % 2 if _width(text) % 2 == 0 else 0)
    return " " * left + text + " " * (spare - left)


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
