"""Captions into LVD-2M's eight categories by a language model that was not trained for it; its answers are rows of
`answers`, and no caption is asked about twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import duckdb

from curate.doors.published import CATEGORY_SHARES
from engine.catalogue import Catalogue, now, tool_version
from engine.write import write
from schemas.ids import fingerprint_of

if TYPE_CHECKING:
    from model.captioner import Captioner, CaptionResult

STAGE = "categories"
VERSION = 1
NAMES = tuple(CATEGORY_SHARES)
WRITTEN_AT_ONCE = 2_000
PROMPT = (
    "Sort a video by its caption into exactly one of these categories: {names}. Take what most of the video shows; "
    "where none fits, others.\nCaption: {text}\nAnswer with the category's name and nothing else."
)
FINGERPRINT = fingerprint_of(STAGE, VERSION, PROMPT, NAMES)
QUESTION_SQL = "'category/' || md5(b.text)"
"""Name of the question about a caption of `best` (as b): another text is another question."""


@dataclass
class Asked:
    """`unread`: answers that name no category, or none came."""

    asked: int = 0
    unread: int = 0


def ask(
    catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, captioner: Captioner, model: str, limit: int | None
) -> Asked:
    """Ask about every caption of `best` that this model was not asked about; at most `limit` of them."""
    from model.captioner import CaptionRequest  # noqa: PLC0415

    rows = connection.execute(
        f"select distinct on (question) coalesce(e.clip_id, e.request_id), {QUESTION_SQL} as question, b.text "
        "from best b join entries e using (number) where question not in "
        "(select question_id from answers where model = $model and fingerprint = $fingerprint and answer is not null) "
        "order by question" + (f" limit {limit}" if limit else ""), {"model": model, "fingerprint": FINGERPRINT}
    ).fetchall()  # fmt: skip
    clips = {question: clip for clip, question, _ in rows}
    prompts = (PROMPT.format(names=", ".join(NAMES), text=text) for _, _, text in rows)
    requests = [
        CaptionRequest(question, [{"role": "user", "content": prompt}], max_new_tokens=16)
        for (_, question, _), prompt in zip(rows, prompts, strict=True)
    ]
    done = Asked(len(requests))
    results = captioner.caption(requests) if requests else ()
    for some in _batches(results):
        answers = [_row(clips[result.request_id], result, model) for result in some]
        done.unread += sum(row["answer"] is None for row in answers)
        write(catalogue, {"answers": answers}, stage=STAGE)
    return done


def category_in(text: str | None) -> str | None:
    """The first category that an answer names; None where it names none."""
    found = re.search(rf"\b({'|'.join(NAMES)})\b", (text or "").lower())
    return found[1] if found else None


def _batches(results: Iterable[CaptionResult]) -> Iterator[list[CaptionResult]]:
    source = iter(results)
    while some := list(islice(source, WRITTEN_AT_ONCE)):
        yield some


def _row(clip: str, result: CaptionResult, model: str) -> dict[str, Any]:
    return {
        "clip_id": clip, "question_id": result.request_id, "model": model, "answer": category_in(result.text),
        "raw_text": result.text, "finish_reason": result.finish_reason, "fingerprint": FINGERPRINT,
        "tool_version": tool_version(), "created_at": now(),
    }  # fmt: skip
