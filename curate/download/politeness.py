"""When a host may be asked: so many at once, so often, more slowly when it complains, and not at all while it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.download.outcomes import CLASSES, Scope

PER_HOUR: Mapping[str, float] = {"youtube.com": 300.0}
"""Videos an hour from one address without an account, which YouTube's own limit allows (yt-dlp's wiki, 2026)."""


@dataclass(frozen=True)
class Manners:
    """How a run behaves. Seconds throughout.

    per_hour: videos an hour from any host; None: `PER_HOUR`, and no limit elsewhere. per_host: connections at once.
    backoff: wait after a video's first temporary failure, twice as long after each further one, at most backoff_most.
    open_after: failures of a host in a row, with no success between them, after which it is left alone for a while.
    patience: longest wait within a run; what must wait longer is left for a later run.

    Raises:
        ValueError: a value is not positive.
    """

    per_hour: float | None = None
    per_host: int = 16
    backoff: float = 2.0
    backoff_most: float = 300.0
    open_after: int = 8
    patience: float = 900.0

    def __post_init__(self) -> None:
        for name in ("per_hour", "per_host", "backoff", "backoff_most", "open_after", "patience"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be > 0, got {value}")

    def wait_after(self, failures: int, retry_after: float | None) -> float:
        """Seconds until a video may be tried again after its n-th temporary failure: at least what the source asks."""
        own = min(self.backoff_most, self.backoff * 2.0 ** min(failures - 1, 30))
        return max(own, retry_after or 0.0)


@dataclass
class _Host:
    running: int = 0
    next_at: float = 0.0
    slower: float = 0.0
    """seconds between starts, added while the host says that it is asked too often"""
    failures: int = 0
    open_until: float = 0.0
    openings: int = 0


@dataclass
class Hosts:
    """The state of every host of one run; the clock is the caller's. `identities`: accounts that share the asking."""

    manners: Manners
    identities: int = 1
    _hosts: dict[str, _Host] = field(default_factory=dict)

    def wait(self, host: str, now: float) -> float:
        """Seconds until the host may be asked; 0: now."""
        state = self._of(host)
        if state.running >= self.manners.per_host or (state.failures >= self.manners.open_after and state.running):
            return 0.05  # after an opening one attempt goes first, to see
        return max(0.0, state.next_at - now, state.open_until - now)

    def started(self, host: str, now: float) -> None:
        state = self._of(host)
        state.running += 1
        state.next_at = now + max(self._interval(host), state.slower)

    def is_on_trial(self, host: str) -> bool:
        """Whether the host was left alone and the next attempt says if it answers again."""
        return self._of(host).failures >= self.manners.open_after

    def finished(
        self, host: str, now: float, outcome: str, retry_after: float | None, *, had_failed: bool = False
    ) -> None:
        """Learn from an attempt: success forgives, complaints slow down, failures in a row close the host for a while.

        A video that fails once more (`had_failed`) says more of itself than of its host, and waits longer by itself.
        """
        on_trial, state = self.is_on_trial(host), self._of(host)
        state.running -= 1
        kind = CLASSES[outcome]
        if kind.scope is not Scope.host:
            state.failures, state.openings = 0, 0
            state.slower = state.slower * 0.8 if state.slower > 0.01 else 0.0
            return
        if had_failed and not on_trial and outcome != "bot_check":
            return
        state.failures += 1
        if outcome == "rate_limited":
            state.slower = min(60.0, max(0.02, 2 * state.slower))
        if outcome == "bot_check" or state.failures % self.manners.open_after == 0:
            asked = kind.rest_s if retry_after is None else retry_after
            rest = max(asked, self.manners.backoff * 2.0 ** min(state.openings, 12))
            state.open_until = now + rest
            state.openings += 1

    def left_alone_for(self, host: str, now: float) -> float:
        """Seconds for which a host is left alone because it failed; 0: it is not."""
        return max(0.0, self._of(host).open_until - now)

    def _interval(self, host: str) -> float:
        per_hour = self.manners.per_hour or PER_HOUR.get(host)
        return 3600.0 / (per_hour * self.identities) if per_hour else 0.0

    def _of(self, host: str) -> _Host:
        return self._hosts.setdefault(host, _Host())
