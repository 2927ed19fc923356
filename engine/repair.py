"""`curate verify --repair`: damaged parts are set aside, and what they held becomes due again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from secrets import token_hex

import duckdb

from engine.catalogue import Catalogue, Snapshot, now
from engine.checks import COUNTS, lost_sql
from engine.merge import mergeable, publish_merge
from engine.parts import Merge, merge_name, parse_merge, parse_part
from engine.store import CatalogueError
from engine.verify import Problem, damaged_parts
from engine.views import history_sql, quoted
from schemas.tables import BY_NAME

SET_ASIDE = "set-aside"


def repair(catalogue: Catalogue, problems: Sequence[Problem] = ()) -> list[str]:
    """Mend what can be mended; returns what was done, a sentence each. May be killed at any moment and run again.

    In this order: merges are restored; commit rows go whose rows are lost, so that their input is due again; damaged
    parts move to `<table>/set-aside/`. Until a part is set aside it counts as damaged, so a killed repair goes on.
    Without `problems` every part is read anew.
    """
    done = [_restore_merge(catalogue, table, name) for table, name in _damaged_merges(catalogue)]
    snapshot = catalogue.look()
    damaged = {p.where for p in problems if p.kind in ("damaged_part", "missing_part", "damaged_slice")}
    damaged = damaged or damaged_parts(catalogue, snapshot)
    sound = snapshot.without(damaged)
    with catalogue.connect(snapshot=sound) as connection:
        lost = _lost_parents(connection, sound, {name.split("/")[0] for name in damaged})
    for commits, parents in lost.items():
        done.append(_uncommit(catalogue, sound, commits, parents))
    done += [_set_aside(catalogue, snapshot, name) for name in sorted(damaged)]
    return done


def _damaged_merges(catalogue: Catalogue) -> Iterable[tuple[str, str]]:
    for table, live in catalogue.look().tables.items():
        yield from ((table, name) for name in live.damaged)


def _restore_merge(catalogue: Catalogue, table: str, name: str) -> str:
    """Let the merged parts count again. What they had replaced and still lies there counts too, which is harmless:
    the views show each row once, and the newest only."""
    merge_id = parse_merge(name)
    names = [path.rsplit("/", 1)[-1] for path in catalogue.store.list(table)]
    adds = tuple(n for n in names if (part := parse_part(n)) and part.merge_id == merge_id)
    merge = Merge(merge_id or "", now().isoformat(), (), adds)
    catalogue.store.publish(f"{table}/{name}", merge.to_json())
    return f"{table}/{name} is restored"


def _lost_parents(
    connection: duckdb.DuckDBPyConnection, sound: Snapshot, damaged_tables: set[str]
) -> dict[str, set[str]]:
    """Parents of commit rows whose other rows are not all there, by commit table."""
    lost: dict[str, set[str]] = {}
    for count in COUNTS:
        if sound.parts(count.commits):
            rows = connection.execute(f"select parent from ({lost_sql(count)})").fetchall()
            lost.setdefault(count.commits, set()).update(row[0] for row in rows)
    if "measures" in damaged_tables:
        rows = connection.execute(
            "select distinct video_id from clips c anti join measures m on m.clip_id = c.clip_id"
        ).fetchall()
        lost.setdefault("scans", set()).update(row[0] for row in rows)
    return {commits: parents for commits, parents in lost.items() if parents}


def _uncommit(catalogue: Catalogue, sound: Snapshot, commits: str, parents: set[str]) -> str:
    """Replace the parts of a commit table by one without the rows of some parents."""
    spec = BY_NAME[commits]
    assert spec.committed_by is not None
    (parent,) = spec.committed_by.parent
    with catalogue.connect_bare() as connection:
        names = mergeable(connection, spec, sound, catalogue.store.duckdb_path)
        rows = history_sql(connection, spec, names, catalogue.store.duckdb_path)
        connection.execute(
            f"create temp table lost as select unnest([{', '.join(map(quoted, sorted(parents)))}]) as id"
        )
        left = f"select r.* from ({rows}) r anti join lost on lost.id = r.{parent}"
        if publish_merge(catalogue, spec, connection, [left], replaces=names, footer={"stage": "repair"}) is None:
            raise CatalogueError(f"{commits} changed meanwhile. Run `curate verify --repair` again.")
    return f"{len(parents)} rows of {commits} are due again"


def _set_aside(catalogue: Catalogue, snapshot: Snapshot, name: str) -> str:
    """Take a part out of its table: copy it, let a merge replace it by nothing where a merge made it, delete it."""
    store, (table, file) = catalogue.store, name.split("/", 1)
    if table not in snapshot.tables:
        store.delete(name)
        return f"{name} is deleted; `curate compact` writes it again"
    if store.exists(name):
        store.publish(f"{table}/{SET_ASIDE}/{file}", store.read(name))
    part = parse_part(file)
    if part is not None and part.merge_id is not None:
        merge = Merge(token_hex(8), now().isoformat(), (file,), ())
        store.publish(f"{table}/{merge_name(merge.merge_id)}", merge.to_json())
    store.delete(name)
    return f"{name} is set aside"
