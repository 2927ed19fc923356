"""Fetched files become videos: probed in worker processes of their own, by the same means as files that are added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from curate.download.due import STAGE
from curate.media_reject import media_reject
from curate.sources import stamp_of
from engine.catalogue import Catalogue
from engine.due import Due
from engine.run import Plan
from engine.work import Beat, Outcome, Reject, Row, Slot, Work
from media.errors import MediaError
from media.probe import probe
from schemas.ids import fingerprint_of

VERSION = 1
FINGERPRINT = fingerprint_of("intake", VERSION)
LAST_SQL = (
    "select * from fetches where outcome = 'ok' "
    "qualify row_number() over (partition by video_key order by attempt desc) = 1"
)


def intake_plan(catalogue: Catalogue) -> Plan:
    """The probing of many fetched files, ready to run."""
    return Plan(STAGE, FINGERPRINT, "video_key", _make_work, settle=partial(_settle, catalogue))


def intake_due() -> Due:
    """What was fetched and is no video yet, under its key, as it was fetched last."""
    return Due(
        STAGE,
        FINGERPRINT,
        input_sql=f"select video_key, uri, video_id, source_stamp, section_start_us, licence, uploader, "
        "epoch_us(created_at) as retrieved_us "
        f"from ({LAST_SQL}) where video_key not in (select video_key from tombstones)",
        key="video_key",
        done_sql=f"""
            select n.video_key, '{FINGERPRINT}' as fingerprint from (
                select video_key, video_id, created_at from videos
                union all select video_key, video_id, created_at from aliases
            ) n join ({LAST_SQL}) f on f.video_key = n.video_key and f.video_id = n.video_id
                and n.created_at >= f.created_at
        """,
        order="i.video_key",
    )


def _make_work(slot: Slot) -> Work:
    return _probe_files


def _probe_files(rows: Sequence[Row], beat: Beat) -> Iterator[Outcome]:
    """Each row: a fetch, with `source`, the path or url at which its file can be opened."""
    for row in rows:
        beat()
        try:
            facts = asdict(probe(row["source"]))
        except MediaError as error:
            yield Outcome(row["video_key"], reject=media_reject(error))
        except OSError as error:
            yield Outcome(row["video_key"], reject=Reject("io_error", str(error), permanent=False))
        else:
            own = ("video_id", "video_key", "uri", "section_start_us", "licence", "uploader")
            video = facts | {name: row[name] for name in own} | {
                "warnings": list(facts["warnings"]), "kept": "full",
                "retrieved_at": datetime.fromtimestamp(row["retrieved_us"] / 1e6, UTC),
                "source_stamp": stamp_of(row["source"]),
                "bytes": int(row["source_stamp"].split("-", 1)[0]),
            }  # fmt: skip
            yield Outcome(row["video_key"], {"videos": [video]})


def _settle(catalogue: Catalogue, outcomes: list[Outcome]) -> list[Outcome]:
    """The same content under a second key or url is an alias, not a second video."""
    videos = [outcome.rows["videos"][0] for outcome in outcomes if not outcome.reject]
    with catalogue.connect() as connection:
        found = connection.execute(
            "select video_id, video_key, coalesce(kept, 'full') from videos where list_contains(?, video_id)",
            [[video["video_id"] for video in videos]],
        ).fetchall()
    first = {video_id: (key, kept) for video_id, key, kept in found}
    settled = []
    for outcome in sorted(outcomes, key=lambda outcome: outcome.key):  # which name is the first must not hang on speed
        if outcome.reject:
            settled.append(outcome)
            continue
        video = outcome.rows["videos"][0]
        key, kept = first.setdefault(video["video_id"], (video["video_key"], "spans"))
        rows = {"videos": [video | {"video_key": key}]} if kept == "spans" else dict[str, list[Row]]()
        first[video["video_id"]] = (key, "full")
        if key != video["video_key"]:
            alias = {name: video[name] for name in ("video_key", "uri", "video_id", "source_stamp")}
            rows["aliases"] = [alias]
        settled.append(Outcome(outcome.key, rows))
    return settled
