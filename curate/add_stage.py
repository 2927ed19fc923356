"""Adding files as a stage: each file is read once for its content hash and probed; what is no video is a reject."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial

from curate.media_reject import media_reject
from curate.sources import FoundFile, open_source, stamp_of
from engine.catalogue import Catalogue
from engine.due import Due
from engine.run import Plan
from engine.work import Beat, Outcome, Reject, Row, Slot, Work
from media.errors import MediaError
from media.probe import probe
from schemas.ids import fingerprint_of, video_id_of

STAGE = "add"
VERSION = 1
FINGERPRINT = fingerprint_of(STAGE, VERSION)


def add_plan(catalogue: Catalogue) -> Plan:
    """The reading of many files, ready to run."""
    return Plan(STAGE, FINGERPRINT, "uri", _make_work, settle=partial(_settle, catalogue))


def add_due(table: str) -> Due:
    """The files of the connection's table (columns of FoundFile) that are not in the catalogue as they are now."""
    names = "select uri, source_stamp, fingerprint from"
    return Due(
        STAGE,
        FINGERPRINT,
        input_sql=f"from {table}",
        key="uri",
        done_sql=f"{names} videos union all {names} aliases",
        done_has_stamp=True,
        order="i.uri",
    )


def _make_work(slot: Slot) -> Work:
    return _read_files


def _read_files(rows: Sequence[Row], beat: Beat) -> Iterator[Outcome]:
    """Each row: the columns of a FoundFile."""
    for row in rows:
        file = FoundFile(**{name: row[name] for name in FoundFile.__dataclass_fields__})
        try:
            video = _read_file(file, beat)
        except MediaError as error:
            yield Outcome(file.uri, reject=media_reject(error))
        except FileNotFoundError:
            yield Outcome(file.uri, reject=Reject("missing_file", "the file went away meanwhile", permanent=False))
        except OSError as error:
            yield Outcome(file.uri, reject=Reject("io_error", str(error), permanent=False))
        else:
            yield Outcome(file.uri, {"videos": [video]})


def _read_file(file: FoundFile, beat: Beat) -> Row:
    """The row of `videos` for a file.

    Raises:
        MediaError: the file is no video, or gives no picture.
        OSError: the file cannot be read.
    """
    with open_source(file.uri) as content:
        video_id, num_bytes = video_id_of(content, beat)
    facts = asdict(probe(file.uri))
    return facts | {
        "video_id": video_id,
        "video_key": file.video_key,
        "uri": file.uri,
        "source_stamp": file.source_stamp,
        "bytes": num_bytes,
        "warnings": list(facts["warnings"]),
    }


def _settle(catalogue: Catalogue, outcomes: list[Outcome]) -> list[Outcome]:
    """See which contents are known: a further name of a known video is an alias, not a second video."""
    videos = [outcome.rows["videos"][0] for outcome in outcomes if not outcome.reject]
    known = _known(catalogue, [video["video_id"] for video in videos])
    settled = []
    for outcome in sorted(outcomes, key=lambda outcome: outcome.key):  # which name is the first must not hang on speed
        if outcome.reject:
            settled.append(outcome)
            continue
        video = outcome.rows["videos"][0]
        first_key, first_uri = known.setdefault(video["video_id"], (video["video_key"], video["uri"]))
        settled.append(Outcome(outcome.key, _rows(video, first_key, first_uri, catalogue.resolve_uri(first_uri))))
    return settled


def _known(catalogue: Catalogue, video_ids: list[str]) -> dict[str, tuple[str, str]]:
    """First name and place of those of the videos that the catalogue holds."""
    with catalogue.connect() as connection:
        found = connection.execute(
            "select video_id, video_key, uri from videos where list_contains(?, video_id)", [video_ids]
        ).fetchall()
    return {video_id: (key, uri) for video_id, key, uri in found}


def _rows(video: Row, first_key: str, first_uri: str, first_source: str) -> dict[str, list[Row]]:
    """Rows for a file whose content is known as `first_key` at `first_uri` (which may be this very file)."""
    alias = {name: video[name] for name in ("video_key", "uri", "video_id", "source_stamp")}
    if video["uri"] == first_uri:
        return {"videos": [video | {"video_key": first_key}]}
    if _is_there(first_source):
        return {"aliases": [alias]}
    moved = video | {"video_key": first_key}
    return {"videos": [moved]} if video["video_key"] == first_key else {"videos": [moved], "aliases": [alias]}


def _is_there(uri: str) -> bool:
    try:
        stamp_of(uri)
    except OSError:
        return False
    return True
