"""Clips on their way through a captioner: requests go out, answers come back, unfit ones are tried again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from engine.work import Row
from model.captioner import CaptionRequest, CaptionResult
from recaption.asking import Part
from recaption.gates import Measures, Verdict

# Failures of an engine that are the clip's own: trying the same again cannot help.
PERMANENT = frozenset({"bad_media", "no_frames", "too_small", "too_long", "bad_message", "refused", "content_filter"})


@dataclass(frozen=True)
class Kept:
    """An answer that passed. text: what is left of it without what it had to begin with."""

    request: CaptionRequest
    result: CaptionResult
    text: str
    measures: Measures
    attempt: int


@dataclass(frozen=True)
class Failure:
    """Why a part has no answer. text: the last one, None where an engine failed."""

    reason: str
    detail: str
    permanent: bool
    text: str | None = None
    result: CaptionResult | None = None


@dataclass
class Job:
    """One clip and all that is wanted of it."""

    row: Row
    parts: list[Part]
    kept: dict[int, Kept] = field(default_factory=dict)
    failed: dict[int, Failure] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return len(self.kept) + len(self.failed) == len(self.parts)


@dataclass(frozen=True)
class _Out:
    """A request that is out, and whose it is."""

    job: Job
    part: int
    attempt: int
    request: CaptionRequest


Ask = Callable[[Row, Part, str, int, str | None], CaptionRequest]
Look = Callable[[Row, Part, CaptionResult], tuple[str, Measures, Verdict]]


class Desk(Iterator[CaptionRequest]):
    """Iterate it for requests; `take` each result. Tries that are left come first, and outlast the jobs: ask it again
    while `has_more`.

    ask(row, part, request_id, attempt, reason): the request. look(row, part, result): text, measures and verdict.
    """

    def __init__(self, jobs: Iterable[Job], ask: Ask, look: Look, retries: int) -> None:
        self._jobs = iter(jobs)
        self._ask, self._look, self._retries = ask, look, retries
        self._again: deque[CaptionRequest] = deque()
        self._next: deque[CaptionRequest] = deque()
        self._out: dict[str, _Out] = {}

    @property
    def has_more(self) -> bool:
        """Whether requests wait that no iteration has given yet."""
        return bool(self._again)

    def __next__(self) -> CaptionRequest:
        if self._again:
            return self._again.popleft()
        while not self._next:
            job = next(self._jobs)
            self._next += [self._asked(job, part, 0, None) for part in range(len(job.parts))]
        return self._next.popleft()

    def take(self, result: CaptionResult) -> Job | None:
        """The job that this result was the last of, if it was."""
        out = self._out.pop(result.request_id)
        part, job = out.job.parts[out.part], out.job
        if result.text is None:
            reason = result.error or "error"
            job.failed[out.part] = Failure(reason, result.detail or "", reason in PERMANENT)
        else:
            text, measures, verdict = self._look(job.row, part, result)
            if verdict.reason is None:
                job.kept[out.part] = Kept(out.request, result, text, measures, out.attempt)
            elif out.attempt < self._retries:
                self._again.append(self._asked(job, out.part, out.attempt + 1, verdict.reason))
            else:
                job.failed[out.part] = Failure(verdict.reason, verdict.detail, True, result.text, result)
        return job if job.is_over else None

    def _asked(self, job: Job, part: int, attempt: int, reason: str | None) -> CaptionRequest:
        request_id = f"{job.row['clip_id']}/{part}/{attempt}"
        request = self._ask(job.row, job.parts[part], request_id, attempt, reason)
        self._out[request_id] = _Out(job, part, attempt, request)
        return request
