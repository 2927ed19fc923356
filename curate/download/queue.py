"""Videos that wait for their turn, by host: a bounded number at hand, those with a wait behind the others."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from curate.download.politeness import Hosts
from curate.download.safety import host_of
from engine.work import Row

AT_HAND = 4096
FRESH_BETWEEN = 3


@dataclass
class Wanted:
    """One video on its way: where it may be had, what was tried, how often it failed."""

    video_key: str
    urls: list[str]
    attempts: int
    failures: int
    tried: set[str]
    spans: tuple[tuple[int, int], ...]
    not_before: float | None = None

    @classmethod
    def of(cls, row: Row) -> Wanted:
        spans = tuple(sorted((span[0], span[1]) for span in row["spans"]))
        return cls(
            row["video_key"], sorted(row["urls"]), row["attempts"], row["failures"], set(row["tried"]), spans,
            row["not_before"],
        )  # fmt: skip

    @property
    def url(self) -> str:
        """The place to ask next: those that have not failed for good take turns."""
        left = [url for url in self.urls if url not in self.tried]
        return left[self.failures % len(left)]

    @property
    def host(self) -> str:
        try:
            return host_of(self.url)
        except ValueError:
            return ""


@dataclass
class _Waiting:
    """Videos of one host. Those that failed before come one to some that did not, rather than all at the end; whether a
    host answers again is not asked with one of them."""

    fresh: deque[Wanted] = field(default_factory=deque)
    again: deque[Wanted] = field(default_factory=deque)
    _fresh_since: int = 0

    def pop(self, *, on_trial: bool) -> Wanted:
        if self.again and (not self.fresh or (self._fresh_since >= FRESH_BETWEEN and not on_trial)):
            self._fresh_since = 0
            return self.again.popleft()
        self._fresh_since += 1
        return self.fresh.popleft()

    def __len__(self) -> int:
        return len(self.fresh) + len(self.again)


@dataclass
class Queue:
    """Hands out videos whose host may be asked now. `clock` of all times is the caller's monotonic one.

    A host that is left alone for longer than the patience loses its videos for this run: `left` counts them.
    """

    rows: Iterator[Row]
    hosts: Hosts
    wall_at_zero: float
    left: dict[str, int] = field(default_factory=dict)
    _ready: dict[str, _Waiting] = field(default_factory=dict)
    _later: list[tuple[float, int, Wanted]] = field(default_factory=list)
    _held: int = 0
    _numbers: Iterator[int] = field(default_factory=count)
    _at_end: bool = False

    def take(self, now: float) -> Wanted | None:
        """A video that may be started; None: wait (`wait` says how long), or all are handed out (`is_empty`)."""
        self._fill(now)
        while self._later and self._later[0][0] <= now:
            wanted = heapq.heappop(self._later)[2]
            self._of(wanted).again.append(wanted)
        for host in list(self._ready):
            if self.hosts.left_alone_for(host, now) > self.hosts.manners.patience:
                self._leave(host)
            elif self.hosts.wait(host, now) == 0:
                waiting = self._ready.pop(host)
                wanted = waiting.pop(on_trial=self.hosts.is_on_trial(host))
                if len(waiting):
                    self._ready[host] = waiting  # behind the others: hosts take turns
                self._held -= 1
                return wanted
        return None

    def wait(self, now: float) -> float:
        """Seconds after which `take` may have something."""
        waits = [self.hosts.wait(host, now) for host in self._ready]
        waits += [self._later[0][0] - now] if self._later else []
        return max(0.0, min(waits, default=0.0))

    def again(self, wanted: Wanted, at: float) -> None:
        """A video is to be tried again at a time."""
        heapq.heappush(self._later, (at, next(self._numbers), wanted))
        self._held += 1

    @property
    def is_empty(self) -> bool:
        return self._at_end and not self._held

    def _fill(self, now: float) -> None:
        while not self._at_end and self._held < AT_HAND:
            row = next(self.rows, None)
            if row is None:
                self._at_end = True
                return
            wanted = Wanted.of(row)
            at = (wanted.not_before or 0.0) - self.wall_at_zero
            if at > now:
                self.again(wanted, at)
            else:
                self._held += 1
                self._of(wanted).fresh.append(wanted)

    def _of(self, wanted: Wanted) -> _Waiting:
        return self._ready.setdefault(wanted.host, _Waiting())

    def _leave(self, host: str) -> None:
        waiting = self._ready.pop(host)
        self._held -= len(waiting)
        self.left[host] = self.left.get(host, 0) + len(waiting)
