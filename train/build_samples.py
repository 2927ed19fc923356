"""Captions become samples: SQL finds them, a video's own hash decides the split, nothing is written twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import duckdb

from engine.catalogue import Catalogue, now, tool_version
from engine.query import QueryError, fenced, one_line, run
from engine.views import quoted
from engine.write import write
from schemas.ids import content_id, fingerprint_of
from train.tasks.clip_frames import frames_of
from train.tasks.frame_order import frame_order
from train.tasks.grounded import grounded
from train.tasks.multi_image import groups_of, multi_image
from train.tasks.rule import (
    PROMPT,
    Messages,
    Row,
    SampleRule,
    Task,
    Unfit,
    asked,
    prompt_of,
    split_of,
    video_item,
)
from train.tasks.tracking import read_tracks, tracking

__all__ = ["PROMPT", "SampleRule", "build_samples", "sample_of", "split_of"]

VERSION = 2
STAGE = "train.samples"
WRITE_ROWS = 50_000

Group = Sequence[Row]
MakeMessages = Callable[[Group], Messages]


def build_samples(catalogue: Catalogue, rule: SampleRule) -> Counter[str]:
    """Writes the samples that are not there yet; returns how many by split, how many captions were `known`, and how
    many could not be used, by reason: those are rejects.

    Raises ValueError: `where` is no SQL over captions, a table of tracks that is none.
    """
    tracked = [blake2b(rule.tracks.read_bytes()).hexdigest()] if rule.tracks and rule.tracks.is_file() else []
    fingerprint = fingerprint_of("samples", VERSION, rule, tracked)
    make = _maker(rule, Path(catalogue.url))
    used = _used(catalogue, fingerprint)
    counts: Counter[str] = Counter()
    batch: dict[str, list[dict[str, Any]]] = {"samples": [], "rejects": []}
    for group in _groups(_fresh(_rows(catalogue, rule), used, counts), rule):
        try:
            sample = sample_of(group, make(group), rule)
        except Unfit as error:
            counts[error.reason] += len(group)
            batch["rejects"] += [_reject(row, error) for row in group]
            continue
        counts[sample["split"]] += 1
        batch["samples"].append(sample)
        if len(batch["samples"]) == WRITE_ROWS:
            _write_both(catalogue, batch, fingerprint)
    _write_both(catalogue, batch, fingerprint)
    return counts


def sample_of(group: Group, messages: Messages, rule: SampleRule) -> dict[str, Any]:
    """Captions (rows of the view `caption`) and what is asked about them, as a row of samples, without provenance."""
    text = json.dumps(messages, ensure_ascii=False)
    caption_ids = [row["caption_id"] for row in group]
    return {
        "sample_id": content_id(rule.dataset, *caption_ids, text),
        "messages": text,
        "dataset": rule.dataset,
        "task": rule.task,
        "video_ids": [row["video_id"] for row in group],
        "clip_ids": [row["clip_id"] for row in group],
        "caption_ids": caption_ids,
        "split": split_of(group[0]["video_id"], rule.validation, rule.test, rule.seed),
    }


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


def _maker(rule: SampleRule, root: Path) -> MakeMessages:
    """What the rule's task asks about a group of captions; all but `multi_image` know groups of one."""
    tracks = read_tracks(rule.tracks) if rule.tracks else {}
    makers: dict[Task, MakeMessages] = {
        "caption": lambda rows: asked([video_item(rows[0])], prompt_of(rows[0], rule), rows[0]["text"]),
        "grounded": lambda rows: grounded(rows[0], rule, frames_of(rows[0], root)),
        "frame_order": lambda rows: frame_order(rows[0], rule, frames_of(rows[0], root)),
        "multi_image": lambda rows: multi_image(rows, rule, [frames_of(row, root) for row in rows]),
        "tracking": lambda rows: tracking(
            rows[0], rule, frames_of(rows[0], root), tracks.get(rows[0]["clip_id"], {})
        ),
    }  # fmt: skip
    return makers[rule.task]


def _groups(rows: Iterable[Row], rule: SampleRule) -> Iterator[Group]:
    return groups_of(rows, rule) if rule.task == "multi_image" else ([row] for row in rows)


def _rows(catalogue: Catalogue, rule: SampleRule) -> Iterator[Row]:
    """Captions of whole clips; those of one video are neighbours where its packets have to be read."""
    kinds = ", ".join(quoted(kind) for kind in rule.kinds)
    sql = f"""
        select t.caption_id, t.clip_id, t.video_id, t.uri, t.start_us, t.end_us, t.text, f.uri as file_uri,
            t.event_start_us, t.event_end_us, t.event_texts, t.created_at
        from caption t left join clip_files f on f.clip_id = t.clip_id
        where t.kind in ({kinds}) and t.segment is null and ({rule.where or "true"})
        order by {"t.caption_id" if rule.task == "caption" else "t.uri, t.caption_id"}
    """
    with fenced(catalogue) as connection:
        try:
            relation = run(connection, sql)
        except QueryError as error:
            raise ValueError(str(error)) from error
        yield from rows_of(relation)


def _fresh(rows: Iterable[Row], used: Mapping[str, datetime], counts: Counter[str]) -> Iterator[Row]:
    """Captions that were written since they last became a sample, or never were one."""
    for row in rows:
        made = used.get(row["caption_id"])
        if made is not None and made >= row["created_at"]:
            counts["known"] += 1
        else:
            yield row


def _used(catalogue: Catalogue, fingerprint: str) -> dict[str, datetime]:
    """Captions that are in a sample of this rule, and when it was made."""
    sql = """select caption_id, max(created_at) from (
        select unnest(caption_ids) as caption_id, created_at from samples where fingerprint = ?) group by 1"""
    with catalogue.connect() as connection:
        return dict(connection.execute(sql, [fingerprint]).fetchall())


def _write_both(catalogue: Catalogue, batch: dict[str, list[dict[str, Any]]], fingerprint: str) -> None:
    stamp = {"fingerprint": fingerprint, "tool_version": tool_version(), "created_at": now()}
    write(catalogue, {table: [row | stamp for row in rows] for table, rows in batch.items()}, stage=STAGE)
    for rows in batch.values():
        rows.clear()


def _reject(row: Row, error: Unfit) -> dict[str, Any]:
    permanent = error.reason not in ("missing_media", "bad_media", "no_tracks")
    return {
        "stage": STAGE, "key": row["caption_id"], "reason": error.reason, "detail": error.detail,
        "permanent": permanent,
    }  # fmt: skip


def counted(counts: Iterable[tuple[str, int]]) -> str:
    """Counts as a person reads them."""
    return ", ".join(f"{count:,} {name}" for name, count in counts if count) or "nothing"
