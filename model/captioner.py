"""One protocol for whoever answers a prompt about a clip: networks here, servers elsewhere, fakes in tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

FinishReason = Literal["stop", "length", "error"]


@dataclass(frozen=True)
class CaptionRequest:
    """One prompt. messages: as `model.messages` describes them, with a path relative to root.

    A last assistant message is continued. temperature 0 is greedy; otherwise top_p and top_k narrow the choice (1 and 0
    are off) and seed makes it repeatable, whatever else runs in the batch. top_logprobs: alternatives to give for each
    token, 0 for none. stop: texts that end the answer and are cut off. json_schema: of the answer, where the engine
    can. n_frames: of the whole request, in place of the engine's own number.
    """

    request_id: str
    messages: Sequence[Mapping[str, Any]]
    root: str = "."
    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    top_logprobs: int = 0
    stop: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None
    n_frames: int | None = None

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be >= 1, got {self.max_new_tokens}.")
        if self.n_frames is not None and self.n_frames < 1:
            raise ValueError(f"n_frames must be >= 1, got {self.n_frames}.")
        if self.temperature < 0:
            raise ValueError(f"temperature must be >= 0, got {self.temperature}. 0 is greedy.")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}. 1 is off.")
        if self.top_k < 0 or self.top_logprobs < 0:
            raise ValueError("top_k and top_logprobs must be >= 0; 0 is off.")
        if any(not text for text in self.stop):
            raise ValueError("stop must not hold an empty text.")


@dataclass(frozen=True)
class TokenLogprob:
    """The token that was written, its log probability, and the likeliest as (text, log probability).

    id, top_ids: the same tokens in the model's vocabulary, where the engine knows them; top_ids is as long as top or
    empty.
    """

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    id: int | None = None
    top_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class CaptionResult:
    """The answer to one request. A failed one has text None, finish_reason "error" and a named reason.

    seconds: of the batch or call that it was part of, shared out evenly. frame_times_us: of all videos in order.
    output_ids: the tokens written, the one that ended the text included; empty where the engine does not know them.
    provenance: model, weights, template, resizer, device, dtype: what the text depends on beside the request.
    """

    request_id: str
    text: str | None
    finish_reason: FinishReason
    error: str | None = None
    detail: str | None = None
    prompt_tokens: int = 0
    vision_tokens: int = 0
    output_tokens: int = 0
    frame_indices: tuple[int, ...] = ()
    frame_times_us: tuple[int, ...] = ()
    seconds: float = 0.0
    logprobs: tuple[TokenLogprob, ...] = ()
    output_ids: tuple[int, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


class Captioner(Protocol):
    """Answers requests; results come as they are ready, in any order, each request exactly once.

    A request that fails is a result with an error, never an exception; an exception means that the engine is broken.
    """

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResult]:
        """One result a request."""
        ...


def failed(request: CaptionRequest, reason: str, detail: str, **known: Any) -> CaptionResult:
    """The result of a request that could not be answered."""
    return CaptionResult(request.request_id, None, "error", error=reason, detail=detail, **known)


def video_request(
    request_id: str,
    video: str | Path,
    prompt: str,
    *,
    start_us: int | None = None,
    end_us: int | None = None,
    answer_begins: str | None = None,
    **options: Any,
) -> CaptionRequest:
    """One question about one video, or about its span [start_us, end_us).

    answer_begins: text that the answer continues, as "Answer: (". options: further fields of CaptionRequest.
    """
    item: dict[str, Any] = {"video_file": str(video)}
    item |= {key: value for key, value in (("start_us", start_us), ("end_us", end_us)) if value is not None}
    content = [{"type": "video", "video": item}, {"type": "text", "text": prompt}]
    messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
    if answer_begins is not None:
        messages.append({"role": "assistant", "content": answer_begins})
    return CaptionRequest(request_id, messages, **options)
