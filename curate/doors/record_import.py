"""Nested records into `requests`, `captions`, `samples` and `origins`: one at a time, all of a record or none of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.doors.found import BadRow, Refused
from curate.doors.made import Conversation, Made, Place, rows_of
from curate.doors.new_parts import NewParts
from curate.doors.record_files import Found, Record
from engine.work import Row

ROWS_AT_ONCE = 20_000
MOST_REMEMBERED = 2_000_000
TABLES = ("requests", "captions", "samples", "origins")


@dataclass
class MediaFolders:
    """Folders below which the media of a dataset are looked for; what is missing is counted by dataset."""

    roots: Sequence[Path]
    missing: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    _known: dict[str, bool] = field(default_factory=dict)

    def check(self, made: Made, dataset: str) -> None:
        """Raises BadRow where a file that the row names is under none of the folders."""
        for name in names_of(made):
            found = self._known.get(name)
            if found is None:
                found = self._known[name] = _lies_below(self.roots, name)
                (self.there if found else self.missing)[dataset] += 1
            if not found:
                raise BadRow("missing_media", f"{name} lies in none of {', '.join(map(str, self.roots))}")


def _lies_below(roots: Sequence[Path], name: str) -> bool:
    if name.lower().startswith(("http://", "https://")):
        return True
    try:
        return any((root / name).exists() for root in roots)
    except (OSError, ValueError):  # a name that no file can have
        return False


def names_of(made: Made) -> list[str]:
    """The files that a record names."""
    if not isinstance(made, Conversation):
        return [made.video_key]
    inner = [item[item["type"]] for message in made.messages for item in message["content"] if item["type"] != "text"]
    named = [one.get("video_file", one.get("image_file")) for one in inner]
    return [name for one in named for name in (one if isinstance(one, list) else [one]) if isinstance(name, str)]


def import_records(
    found: Iterable[Found],
    read: Callable[[Record], Sequence[Made]],
    place: Place,
    parts: NewParts,
    refused: Refused,
    media: MediaFolders | None = None,
) -> int:
    """Stream records into new parts; returns how many could be used."""
    buffers: dict[str, list[Row]] = {name: [] for name in TABLES}
    seen, used = set[str](), 0
    for line, record in found:
        here = Place(place.file, line, place.dataset, place.format, place.split)
        try:
            rows = _rows(record, read, here, media)
        except BadRow as error:
            refused.add(line, error.reason, str(error), permanent=error.reason != "missing_media")
            continue
        used += 1
        for name, row in rows:
            if name == "requests":
                if row["request_id"] in seen:
                    continue
                seen.add(row["request_id"])
            buffers[name].append(row)
        if len(buffers["origins"]) + len(buffers["captions"]) >= ROWS_AT_ONCE:
            _flush(buffers, parts, refused)
        if len(seen) > MOST_REMEMBERED:
            seen.clear()
    _flush(buffers, parts, refused)
    return used


def _rows(
    record: Record | BadRow, read: Callable[[Record], Sequence[Made]], place: Place, media: MediaFolders | None
) -> list[tuple[str, Row]]:
    if isinstance(record, BadRow):
        raise record
    rows = []
    for made in read(record):
        if media:
            media.check(made, made.dataset or place.dataset)
        rows += rows_of(made, place)
    return rows


def _flush(buffers: dict[str, list[Row]], parts: NewParts, refused: Refused) -> None:
    for name, rows in buffers.items():
        for reject in parts.add(name, rows):
            line = next((row["source_row"] for row in rows if row.get("request_id") == reject["key"]), 0)
            refused.add(line, reject["reason"], reject["detail"], reject["video_key"])
        buffers[name] = []
