"""Values as text for a terminal. Text from rows is data: it never reaches the terminal as control codes."""

from __future__ import annotations

import math
import sys
from datetime import date, datetime
from typing import Any

CELL_WIDTH = 200


def say(message: str) -> None:
    """A line for the person, on standard error."""
    print(message, file=sys.stderr, flush=True)


def printable(value: object, width: int = CELL_WIDTH) -> str:
    """A value as text without control characters, cut to `width` characters; null is empty."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else str(plain(value))
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: width + 1])
    return text if len(text) <= width else text[: width - 1] + "…"


def plain(value: Any) -> Any:
    """A value as JSON has it: times as ISO 8601, bytes as hex, NaN and infinity as null."""
    if value is None or isinstance(value, str | int | float):
        return None if isinstance(value, float) and not math.isfinite(value) else value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value)
