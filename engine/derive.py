"""Writing the view `clip` down, so that a query need not join millions of rows. It may be deleted at any time."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from engine.catalogue import Catalogue
from engine.merge import MergeRules, between, content_of_file, copy_sorted
from engine.wide import clip_sql, clip_state, derived_clip_of, derived_name

SLICE_CLIPS = 65_536
ROW_GROUP_ROWS = 8_192
"""Few, for the texts are long: `select * … limit 10` unpacks only the row groups of its ten rows."""


def derive_clip(catalogue: Catalogue, rules: MergeRules, slice_clips: int = SLICE_CLIPS) -> int:
    """Write down `clip` as it is now, in slices by clip_id that bound the memory; returns its rows.

    The name of a slice holds the state of all parts that it was made from; readers take the slices only where all are
    there and the state is theirs. 0 where it stands already.
    """
    snapshot = catalogue.snapshot()
    if derived_clip_of(snapshot) or not snapshot.parts("clips"):
        return 0
    state, rows = clip_state(snapshot), 0
    with catalogue.connect(rules.memory_limit, rules.threads, snapshot=snapshot) as connection:
        slices = _slices(connection, slice_clips)
        for index, within in enumerate(slices):
            with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
                file = Path(folder) / "clip.parquet"
                rows += copy_sorted(
                    connection, clip_sql(snapshot, within), ["clip_id"], file, {"view": "clip"}, ROW_GROUP_ROWS
                )
                name = derived_name(state, index, len(slices), content_of_file(file))
                catalogue.store.publish_file(name, file)
    return rows


def _slices(connection: duckdb.DuckDBPyConnection, slice_clips: int) -> list[str]:
    """Conditions on clip_id that cut all current clips into slices of equal size; the outer ones are open."""
    bounds = connection.execute(
        "select clip_id from (select clip_id, row_number() over (order by clip_id) - 1 as place from clips) "
        f"where place % {slice_clips} = 0 and place > 0 order by clip_id"
    ).fetchall()
    return between("clip_id", [row[0] for row in bounds])
