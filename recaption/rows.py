"""What became of a clip as rows: captions or answers, and named rejects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from engine.work import Outcome, Reject, Row
from recaption.asking import Part
from recaption.desk import Failure, Job, Kept
from recaption.gates import measure
from recaption.spans import events_of, joined, times_of
from schemas.ids import content_id

_SHOWN_TEXT = 300


@dataclass(frozen=True)
class Writer:
    """Who wrote, as it stands in the rows."""

    model: str
    weights_hash: str | None
    engine: str


def caption_outcome(job: Job, writer: Writer, stage: str) -> Outcome:
    """The captions of a clip. Pieces of which one failed make no text; other failures leave the rest as it is."""
    clip_id = job.row["clip_id"]
    rows, rejects = list[Row](), list[Row]()
    for pieces in _texts(job):
        failures = [(number, job.failed[number]) for number in pieces if number in job.failed]
        if failures:
            rejects += [_reject(job, number, failure, writer, stage) for number, failure in failures]
            continue
        made = [_caption(job, job.parts[number], job.kept[number], writer) for number in pieces]
        rows += made
        if job.parts[pieces[0]].segment is not None:
            rows.append(_raw(made, job.parts[pieces[0]]))
    if not rows:
        first = job.failed[min(job.failed)]
        return Outcome(clip_id, reject=Reject(first.reason, _detail(first), first.permanent))
    return Outcome(clip_id, {"captions": rows, "rejects": rejects})


def answer_outcome(job: Job, writer: Writer, stage: str) -> Outcome:
    """The answers about a clip. What held none of the choices is a row without an answer; a failed call is none."""
    clip_id = job.row["clip_id"]
    broken = [failure for failure in job.failed.values() if failure.text is None]
    if broken:
        return Outcome(clip_id, reject=Reject(broken[0].reason, _detail(broken[0]), broken[0].permanent))
    rows = []
    for number, part in enumerate(job.parts):
        kept, failure = job.kept.get(number), job.failed.get(number)
        result = kept.result if kept else failure.result if failure else None
        assert result is not None
        rows.append(
            {
                "clip_id": clip_id,
                "question_id": part.prompt.prompt_id,
                "model": writer.model,
                "answer": kept.text if kept else None,
                "raw_text": result.text,
                "weights_hash": writer.weights_hash,
                "attempt": kept.attempt if kept else None,
                "frame_times_us": _frame_times(job.row, result.frame_times_us),
                "prompt_tokens": result.prompt_tokens,
                "output_tokens": result.output_tokens,
                "finish_reason": result.finish_reason,
                "seconds": result.seconds,
            }
        )
    return Outcome(clip_id, {"answers": rows})


def caption_id_of(clip_id: str, part: Part, kind: str, model: str, *, whole: bool = False) -> str:
    """The id of a caption; whole: of the text that all pieces of the clip make."""
    segment = None if whole else part.segment
    return content_id("caption", clip_id, kind, segment, model, part.prompt.prompt_id, part.sample)


def _texts(job: Job) -> list[list[int]]:
    """Numbers of the parts that make one text together: all pieces of one prompt and sample."""

    def text_of(number: int) -> tuple[str, int]:
        return job.parts[number].prompt.prompt_id, job.parts[number].sample

    if job.parts[0].segment is None:
        return [[number] for number in range(len(job.parts))]
    ordered = sorted(range(len(job.parts)), key=lambda number: (*text_of(number), number))
    return [list(group) for _, group in groupby(ordered, key=text_of)]


def _caption(job: Job, part: Part, kept: Kept, writer: Writer) -> Row:
    result, request, row = kept.result, kept.request, job.row
    kind = part.prompt.kind if part.segment is None else "segment"
    frame_times = _frame_times(row, result.frame_times_us)
    top = result.logprobs if result.logprobs and all(one.top_ids for one in result.logprobs) else ()
    caption: Row = {
        "caption_id": caption_id_of(row["clip_id"], part, kind, writer.model),
        "clip_id": row["clip_id"],
        "kind": kind,
        "segment": part.segment,
        "segment_start_us": part.span.start_us if part.span and part.segment is not None else None,
        "segment_end_us": part.span.end_us if part.span and part.segment is not None else None,
        "sample": part.sample,
        "text": kept.text,
        "model": writer.model,
        "weights_hash": writer.weights_hash,
        "prompt_id": part.prompt.prompt_id,
        "parents": list(part.parents),
        "temperature": request.temperature,
        "seed": request.seed if request.temperature > 0 else None,
        "attempt": kept.attempt,
        "frame_times_us": frame_times,
        "prompt_tokens": result.prompt_tokens,
        "vision_tokens": result.vision_tokens or None,
        "output_tokens": result.output_tokens,
        "output_ids": list(result.output_ids) or None,
        "top_ids": [list(one.top_ids) for one in top] or None,
        "top_logprobs": [[value for _, value in one.top] for one in top] or None,
        "finish_reason": result.finish_reason,
        "seconds": result.seconds,
        "engine": writer.engine,
        "settings": json.dumps(dict(result.provenance), sort_keys=True, ensure_ascii=False),
        **asdict(kept.measures),
    }
    return caption | (_events(kept.text, frame_times, row["end_us"]) if part.prompt.kind == "grounded" else {})


def _events(text: str, frame_times_us: Sequence[int], end_us: int) -> Row:
    events = events_of(text, len(frame_times_us))
    spans = [times_of(event, frame_times_us, end_us) for event in events]
    return {
        "event_start_us": [span.start_us for span in spans],
        "event_end_us": [span.end_us for span in spans],
        "event_texts": [event.text for event in events],
    }


def _raw(pieces: Sequence[Row], part: Part) -> Row:
    """The texts of all pieces, joined; their numbers added up."""
    text = joined([piece["text"] for piece in pieces])
    first = pieces[0]
    return {
        "caption_id": caption_id_of(first["clip_id"], part, "raw", first["model"], whole=True),
        "kind": "raw",
        "text": text,
        "parents": [piece["caption_id"] for piece in pieces],
        "frame_times_us": [time for piece in pieces for time in piece["frame_times_us"]],
        **{name: first[name] for name in ("clip_id", "sample", "model", "weights_hash", "prompt_id", "engine")},
        **{name: sum(piece[name] for piece in pieces) for name in ("prompt_tokens", "output_tokens", "seconds")},
        **asdict(measure(text, part.prompt)),
    }


def _frame_times(row: Row, times_us: Sequence[int]) -> list[int]:
    """On the video's own timeline, also where the clip was read from a file of its own."""
    return [time + row.get("source_start_us", 0) for time in times_us]


def _reject(job: Job, number: int, failure: Failure, writer: Writer, stage: str) -> Row:
    """A text that is missing beside others of the same clip."""
    part = job.parts[number]
    kind = part.prompt.kind if part.segment is None else "segment"
    whole: dict[str, Any] = {
        "stage": stage,
        "key": caption_id_of(job.row["clip_id"], part, kind, writer.model),
        "reason": failure.reason,
        "detail": f"clip {job.row['clip_id']}, prompt {part.prompt.prompt_id}, sample {part.sample}: "
        + _detail(failure),
        "permanent": failure.permanent,
        "source_stamp": job.row.get("source_stamp"),
        "video_key": job.row.get("video_key"),
    }
    return whole


def _detail(failure: Failure) -> str:
    said = f". It wrote: {failure.text[:_SHOWN_TEXT]!r}" if failure.text else ""
    return failure.detail + said
