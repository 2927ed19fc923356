"""Captions become samples: SQL finds them, a video's own hash decides the split, nothing is written twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import duckdb

from engine.catalogue import Catalogue, now, tool_version
from engine.query import QueryError, fenced, one_line, run
from engine.views import quoted
from engine.write import write
from schemas.ids import content_id, fingerprint_of

VERSION = 1
WRITE_ROWS = 50_000
PROMPT = "Describe the video in detail."


@dataclass(frozen=True)
class SampleRule:
    """Which captions become samples, and how. dataset: their name in mixtures. kinds: of captions. where: SQL over
    the columns of the view `caption`. validation, test: shares of the videos. seed: of the split."""

    dataset: str
    kinds: tuple[str, ...] = ("raw",)
    where: str | None = None
    prompts: tuple[str, ...] = (PROMPT,)
    validation: float = 0.0
    test: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.dataset.strip():
            raise ValueError("a dataset needs a name.")
        if not self.kinds or not self.prompts or any(not prompt.strip() for prompt in self.prompts):
            raise ValueError("give at least one kind of captions and one prompt that is not blank.")
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise ValueError(
                f"validation and test are shares of the videos below 1 in sum, got {self.validation} and {self.test}."
            )


def build_samples(catalogue: Catalogue, rule: SampleRule) -> Counter[str]:
    """Writes the samples that are not there yet; returns how many by split, and how many were `known`.

    Raises ValueError: `where` is no SQL over captions.
    """
    fingerprint = fingerprint_of("samples", VERSION, rule)
    known = _known(catalogue, fingerprint)
    counts: Counter[str] = Counter()
    batch: list[dict[str, Any]] = []
    for row in _rows(catalogue, rule):
        sample = sample_of(row, rule)
        if sample["sample_id"] in known:
            counts["known"] += 1
            continue
        known.add(sample["sample_id"])
        counts[sample["split"]] += 1
        batch.append(sample)
        if len(batch) == WRITE_ROWS:
            write_rows(catalogue, "samples", batch, fingerprint)
            batch = []
    write_rows(catalogue, "samples", batch, fingerprint)
    return counts


def sample_of(row: dict[str, Any], rule: SampleRule) -> dict[str, Any]:
    """One caption (a row of the view `caption`) as a row of samples, without provenance."""
    prompt = rule.prompts[_number(row["caption_id"], rule.seed) % len(rule.prompts)]
    messages = [
        {"role": "user", "content": [video_item(row), {"type": "text", "text": prompt}]},
        {"role": "assistant", "content": row["text"]},
    ]
    text = json.dumps(messages, ensure_ascii=False)
    return {
        "sample_id": content_id(rule.dataset, row["caption_id"], text),
        "messages": text,
        "dataset": rule.dataset,
        "task": "caption",
        "video_ids": [row["video_id"]],
        "clip_ids": [row["clip_id"]],
        "caption_ids": [row["caption_id"]],
        "split": split_of(row["video_id"], rule.validation, rule.test, rule.seed),
    }


def video_item(row: dict[str, Any]) -> dict[str, Any]:
    """The clip as a content item: its own file where it has one, else its span of the video."""
    if row["file_uri"]:
        return {"type": "video", "video": {"video_file": row["file_uri"]}}
    span = {"start_us": row["start_us"], "end_us": row["end_us"]}
    return {"type": "video", "video": {"video_file": row["uri"], **span}}


def split_of(video_id: str, validation: float, test: float, seed: int) -> str:
    """train, validation or test: all clips of a video are in one, whatever else is in the catalogue."""
    place = _number(video_id, seed) / 2**64
    return "test" if place < test else "validation" if place < test + validation else "train"


def write_rows(catalogue: Catalogue, table: str, rows: list[dict[str, Any]], fingerprint: str) -> None:
    """Writes rows of one table with their provenance."""
    if rows:
        stamp = {"fingerprint": fingerprint, "tool_version": tool_version(), "created_at": now()}
        write(catalogue, {table: [row | stamp for row in rows]}, stage=f"train.{table}")


def rows_of(relation: duckdb.DuckDBPyRelation) -> Iterator[dict[str, Any]]:
    """Rows of a query, a batch at a time. Raises ValueError where computing it fails."""
    try:
        for batch in relation.to_arrow_reader(8_192):
            yield from batch.to_pylist()
    except duckdb.Error as error:
        raise ValueError(one_line(error)) from error


def _rows(catalogue: Catalogue, rule: SampleRule) -> Iterator[dict[str, Any]]:
    kinds = ", ".join(quoted(kind) for kind in rule.kinds)
    sql = f"""
        select t.caption_id, t.clip_id, t.video_id, t.uri, t.start_us, t.end_us, t.text, f.uri as file_uri
        from caption t left join clip_files f on f.clip_id = t.clip_id
        where t.kind in ({kinds}) and t.segment is null and ({rule.where or "true"})
        order by t.caption_id
    """
    with fenced(catalogue) as connection:
        try:
            relation = run(connection, sql)
        except QueryError as error:
            raise ValueError(str(error)) from error
        yield from rows_of(relation)


def _known(catalogue: Catalogue, fingerprint: str) -> set[str]:
    with catalogue.connect() as connection:
        sql = "select sample_id from samples where fingerprint = ?"
        return {row[0] for row in connection.execute(sql, [fingerprint]).fetchall()}


def _number(text: str, seed: int) -> int:
    return int.from_bytes(blake2b(f"{seed} {text}".encode(), digest_size=8).digest(), "big")


def counted(counts: Iterable[tuple[str, int]]) -> str:
    """Counts as a person reads them."""
    return ", ".join(f"{count:,} {name}" for name, count in counts if count) or "nothing"
