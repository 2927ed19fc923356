"""A pool without processes, for tests of what workers do and not of how they live."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence

from engine.pool import WorkerLimits
from engine.work import Outcome, Row, Slot, Work


class InlinePool:
    """Does the work where it is asked for; of `engine.pool.Pool` it has what stages use."""

    def __init__(
        self,
        make_work: Callable[[Slot], Work],
        slots: Sequence[Slot],
        *,
        key: str,
        limits: WorkerLimits | None = None,
    ) -> None:
        self._make_work, self._slot = make_work, slots[0]

    def run(self, tasks: Iterable[list[Row]]) -> Generator[Outcome]:
        work = None
        for rows in tasks:
            work = work or self._make_work(self._slot)
            yield from work(rows, lambda: None)
