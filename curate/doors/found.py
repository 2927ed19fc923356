"""What was turned away in an import: which file, which line, why; counted, and written as rejects."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from curate.doors.new_parts import STAGE, NewParts
from engine.work import Row

WRITTEN_AT_ONCE = 20_000


class BadRow(Exception):
    """A row that cannot be used. `reason`: a name; the text says what exactly is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass
class Refused:
    """Rejects of one file. A second one of the same line gets a number of its own, so that none hides another."""

    path: Path
    parts: NewParts
    stamp: str
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    _rows: list[Row] = field(default_factory=list)
    _line: int = 0
    _same: int = 0

    def add(self, line: int, reason: str, detail: str, video_key: str | None = None, *, permanent: bool = True) -> None:
        """Turn one row away."""
        self._same = self._same + 1 if line == self._line else 1
        self._line = line
        key = f"{self.path}:{line}" + (f"#{self._same}" if self._same > 1 else "")
        clean = detail.encode("utf-8", "backslashreplace").decode()
        self.reasons[reason] += 1
        if len(self.examples) < 3:
            self.examples.append(f"line {line}: {clean}")
        self._rows.append({
            "stage": STAGE, "key": key, "reason": reason, "detail": f"{self.path}, line {line}: {clean}",
            "permanent": permanent, "source_stamp": self.stamp, "video_key": video_key,
        })  # fmt: skip
        if len(self._rows) >= WRITTEN_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        self.parts.add("rejects", self._rows)
        self._rows = []
