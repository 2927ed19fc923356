"""`curate forget`: all that is known of a video goes, media first, and a tombstone keeps it from ever coming back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curate.download.partials import Partials
from curate.requested import NAMES_SQL
from curate.show import show_rows
from engine.catalogue import Catalogue, now, tool_version
from engine.door import WrongUse
from engine.footers import merged_footer, read_footers
from engine.merge import mergeable, publish_merge
from engine.store import CatalogueError
from engine.views import history_sql, quoted
from engine.work import Row
from engine.write import write
from schemas.ids import fingerprint_of
from schemas.spec import TableSpec
from schemas.tables import ALL

STAGE = "forget"
FINGERPRINT = fingerprint_of(STAGE, 1)
KEEPS_NAMES = frozenset({"tombstones", "ingests", "funnels", "scores", "events", "entailments", "pairs"})


@dataclass(frozen=True)
class Doomed:
    """What a key stands for: its content, and every key and clip of that content."""

    keys: tuple[str, ...]
    video_ids: tuple[str, ...]
    clip_ids: tuple[str, ...]
    uris: tuple[str, ...]


def forget(catalogue: Catalogue, video_keys: Sequence[str], reason: str | None) -> int:
    """Remove videos by key; prints what each table still holds of them, and returns that number (0: all is gone).

    Raises:
        WrongUse: a key is not known.
        CatalogueError: the catalogue cannot be written, or another process merged the same parts meanwhile.
    """
    doomed = _doomed(catalogue, video_keys)
    _bury(catalogue, doomed, reason)
    for uri in doomed.uris:
        if "://" not in uri and not uri.startswith("/"):  # what the catalogue keeps itself; a person's own files stay
            catalogue.store.delete(uri)
    partials = Partials(catalogue)
    for key in doomed.keys:
        partials.remove(key)
    for spec in ALL:
        if spec.name not in KEEPS_NAMES:
            _cut_out(catalogue, spec, doomed)
    for name in catalogue.look().derived:
        catalogue.store.delete(name)
    return _prove(catalogue, doomed)


def _doomed(catalogue: Catalogue, video_keys: Sequence[str]) -> Doomed:
    with catalogue.connect() as connection:
        known = {row[0] for row in connection.execute(
            "select video_key from requests where list_contains($1, video_key) "
            "union select video_key from fetches where list_contains($1, video_key) "
            f"union select video_key from ({NAMES_SQL}) where list_contains($1, video_key) "
            "union select video_key from tombstones where list_contains($1, video_key)",
            [list(video_keys)]).fetchall()}  # fmt: skip
        if unknown := sorted(set(video_keys) - known):
            raise WrongUse(
                f'no video has the key {unknown[0]!r}. `curate sql "select video_key from videos"` shows them'
            )
        ids = {row[0] for row in connection.execute(
            f"select video_id from ({NAMES_SQL}) where list_contains($1, video_key) "
            "union select video_id from history.fetches where list_contains($1, video_key) and video_id is not null "
            "union select video_id from tombstones where list_contains($1, video_key) and video_id is not null",
            [list(video_keys)]).fetchall()}  # fmt: skip
        keys = {row[0] for row in connection.execute(
            f"select video_key from ({NAMES_SQL}) where list_contains($1, video_id) "
            "union select video_key from history.fetches where list_contains($1, video_id)",
            [sorted(ids)]).fetchall()}  # fmt: skip
        clips = [row[0] for row in connection.execute(
            "select distinct clip_id from history.clips where list_contains($1, video_id)",
            [sorted(ids)]).fetchall()]  # fmt: skip
        uris = {row[0] for table in ("videos", "aliases", "fetches", "clip_files") for row in connection.execute(
            f"select uri from history.{table} where list_contains($1, video_id) and uri is not null",
            [sorted(ids)]).fetchall()}  # fmt: skip
    return Doomed(tuple(sorted(keys | set(video_keys))), tuple(sorted(ids)), tuple(sorted(clips)), tuple(sorted(uris)))


def _bury(catalogue: Catalogue, doomed: Doomed, reason: str | None) -> None:
    """Tombstones come first: from here on nothing brings the video back, whatever happens to this process."""
    provenance = {"fingerprint": FINGERPRINT, "tool_version": tool_version(), "created_at": now()}
    rows: list[Row] = []
    for key in doomed.keys:
        for video_id in doomed.video_ids[:1] or (None,):
            rows.append({"video_key": key, "video_id": video_id, "reason": reason} | provenance)
    for video_id in doomed.video_ids[1:]:  # one key that had several contents over time
        rows.append({"video_key": f"content:{video_id}", "video_id": video_id, "reason": reason} | provenance)
    write(catalogue, {"tombstones": rows}, stage=STAGE)


def _names_it(spec: TableSpec, doomed: Doomed) -> str | None:
    """SQL: a row of the table speaks of a doomed video; None where the table cannot."""
    columns = {column.name for column in spec.columns}
    lists = {"video_key": doomed.keys, "video_id": doomed.video_ids, "clip_id": doomed.clip_ids}
    parts = [
        f"coalesce({name} in ({', '.join(map(quoted, values))}), false)"
        for name, values in lists.items()
        if name in columns and values
    ]
    if spec.name == "rejects":
        parts += [
            f"key in ({', '.join(map(quoted, (*doomed.keys, *doomed.video_ids, *doomed.clip_ids, *doomed.uris)))})"
        ]
    if spec.name == "samples" and doomed.clip_ids:
        parts += [f"list_has_any(coalesce(clip_ids, []), [{', '.join(map(quoted, doomed.clip_ids))}])"]
    return " or ".join(parts) or None


def _cut_out(catalogue: Catalogue, spec: TableSpec, doomed: Doomed) -> None:
    """Write a table's parts that hold doomed rows anew without them, and delete the old ones at once."""
    condition = _names_it(spec, doomed)
    if condition is None:
        return
    snapshot = catalogue.snapshot()
    path_of = catalogue.store.duckdb_path
    with catalogue.connect_bare() as connection:
        names = [
            name
            for name in mergeable(connection, spec, snapshot, path_of)
            if connection.execute(
                f"select count(*) from ({history_sql(connection, spec, [name], path_of)}) where {condition}"
            ).fetchall()[0][0]
        ]
        if not names:
            return
        kept = f"select * from ({history_sql(connection, spec, names, path_of)}) where not ({condition})"
        footer = merged_footer(read_footers(connection, names, path_of))
        if publish_merge(catalogue, spec, connection, [kept], replaces=names, footer=footer) is None:
            raise CatalogueError(f"{spec.name} was merged by another process meanwhile: run the same command again")
    for name in names:
        catalogue.store.delete(name)


def _prove(catalogue: Catalogue, doomed: Doomed) -> int:
    """Ask every table, all its history, and the storage for what is left; print the answers."""
    rows, left = list[tuple[str, int]](), 0
    with catalogue.connect() as connection:
        for spec in ALL:
            if spec.name in KEEPS_NAMES or (condition := _names_it(spec, doomed)) is None:
                continue
            found = connection.execute(f"select count(*) from history.{spec.name} where {condition}").fetchall()[0][0]
            rows.append((spec.name, found))
        buried = connection.execute(
            "select count(*) from tombstones where list_contains(?, video_key)", [list(doomed.keys)]
        ).fetchall()[0][0]
    files = sum(catalogue.store.exists(uri) for uri in doomed.uris if "://" not in uri and not uri.startswith("/"))
    left = sum(found for _, found in rows) + files
    show_rows(["where", "rows_left"], [*rows, ("files", files), ("tombstones", buried)])
    return left
