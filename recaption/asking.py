"""Requests about a clip: one for each piece, prompt and sample, and other ones where a gate turned the answer away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.work import Row
from model.captioner import CaptionRequest
from recaption.prompts import Prompt
from recaption.recipes import Look, Sampling
from recaption.spans import segments_of, windows_of
from schemas.spans import Span

GRID = (2, 3)
LATER_TEMPERATURE = 0.7  # of a further try at what was greedy


@dataclass(frozen=True)
class Part:
    """One answer that is wanted. segment: number of the piece, None for the whole clip. span: on the video's timeline.

    captions, parents: what a text is made of, and the ids of it.
    """

    prompt: Prompt
    sample: int = 0
    segment: int | None = None
    span: Span | None = None
    captions: str = ""
    parents: tuple[str, ...] = ()


def looked_at(look: Look, sampling: Sampling, row: Row) -> list[Part]:
    """All parts of a clip: pieces in order, and for each piece prompts and samples side by side, so that its frames are
    decoded once."""
    clip = Span(row["start_us"], row["end_us"])
    pieces = segments_of(clip, look.longest_us or 1) if look.segments else windows_of(clip, look.longest_us)
    whole = len(pieces) == 1 and not look.segments
    return [
        Part(prompt, sample, None if whole else number, piece)
        for number, piece in enumerate(pieces)
        for prompt in look.prompts
        for sample in range(sampling.samples)
    ]


def written(write: Any, row: Row) -> list[Part]:
    """One part for each source text of a clip."""
    parts = []
    for source in row["sources"]:
        several = source["num_pieces"] > 1
        prompt = write.many if several else write.one
        if prompt is not None:
            parts.append(Part(prompt, source["sample"], captions=source["text"], parents=(source["caption_id"],)))
    return parts


def request_for(
    part: Part, row: Row, look: Look | None, sampling: Sampling, request_id: str, attempt: int, reason: str | None
) -> CaptionRequest:
    """The request of a part. attempt, reason: how often it was tried before, and why the last answer was unfit."""
    options: dict[str, Any] = {
        "max_new_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed + 1_000 * attempt + part.sample,
        "top_logprobs": sampling.top_logprobs,
    }
    if look is not None:
        options["n_frames"] = look.n_frames
    if attempt:
        options |= _otherwise(options, look, attempt, reason)
    media = [] if look is None else [_media(part, row, look)]
    content = [*media, {"type": "text", "text": part.prompt.about(part.captions)}]
    return CaptionRequest(request_id, [{"role": "user", "content": content}], **options)


def _otherwise(options: Mapping[str, Any], look: Look | None, attempt: int, reason: str | None) -> dict[str, Any]:
    """What is changed where the same again would give the same: room for what was cut off; one frame in four less; at
    last, or where there are no frames, a draw."""
    if reason == "truncated" and attempt == 1:
        return {"max_new_tokens": 2 * options["max_new_tokens"]}
    if options["temperature"] > 0:
        return {}  # another seed is change enough
    if look is not None and look.form == "video" and look.n_frames >= 4 and attempt == 1:
        return {"n_frames": look.n_frames * 3 // 4}
    return {"temperature": LATER_TEMPERATURE}


def _media(part: Part, row: Row, look: Look) -> dict[str, Any]:
    assert part.span is not None
    shift = row["source_start_us"]
    source = row["source"]
    inner: dict[str, Any] = {"video_url" if "://" in source or "::" in source else "video_file": source}
    inner |= {"start_us": part.span.start_us - shift, "end_us": part.span.end_us - shift}
    if look.form == "grid":
        return {"type": "image", "image": {**inner, "grid": list(GRID)}}
    return {"type": "video", "video": inner}
