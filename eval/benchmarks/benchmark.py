"""What a benchmark is: where its rows are, how they are asked, and what scores them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from eval.errors import EvalError
from eval.rows import Row, read_rows

Metric = Literal["autodq", "choices", "open_answers", "captions"]
Family = Literal["tarsier1", "tarsier2"]
FRAMES: Mapping[Family, int] = {"tarsier1": 8, "tarsier2": 16}
"""Frames of a clip that the authors gave to each family, on every benchmark."""


@dataclass(frozen=True)
class Benchmark:
    """name: on the command line. dataset: what the rows' `dataset` begins with. files: names of the published file.

    num_rows: of the published file, None where it is not known. max_new_tokens: of an answer. frames: by family.
    rows_of: reads a file that has a form of its own; None for the published forms.
    """

    name: str
    dataset: str
    metric: Metric
    files: tuple[str, ...]
    num_rows: int | None = None
    max_new_tokens: int = 512
    frames: Mapping[Family, int] = field(default_factory=lambda: dict(FRAMES))
    rows_of: Callable[[Path], Sequence[Row]] | None = None

    def load(self, place: Path) -> Sequence[Row]:
        """The rows of the published file, which `place` is or holds.

        Raises:
            EvalError: it is not there, or holds no row of this benchmark.
        """
        file = self._file(place)
        rows = self.rows_of(file) if self.rows_of is not None else read_rows(file).of(self.dataset).rows
        if not rows:
            raise EvalError(f"{file} holds no rows of {self.name}: their dataset begins with {self.dataset}.")
        return rows

    def _file(self, place: Path) -> Path:
        if place.is_file():
            return place
        for name in self.files:
            if (place / name).is_file():
                return place / name
        raise EvalError(f"{place} holds none of {', '.join(self.files)}, the published rows of {self.name}.")
