"""What parts say of themselves: the key-value metadata in their footers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import duckdb

from engine.catalogue import Catalogue
from engine.views import PathOf, quoted

STANDARD = ("stage", "fingerprints", "tool_version")
MERGED = "merged_footers"
_OF_WRITERS = ("ARROW:schema", "pandas")


def footers(catalogue: Catalogue, table: str) -> list[dict[str, str]]:
    """The footers of a table's live parts; of a merged part, those with more than the standard keys that went in."""
    with duckdb.connect() as connection:
        catalogue.store.let_duckdb_read(connection)
        found = read_footers(connection, catalogue.live_parts(table), catalogue.store.duckdb_path)
    return [single for footer in found for single in _unmerged(footer)]


def read_footers(connection: duckdb.DuckDBPyConnection, names: Iterable[str], path_of: PathOf) -> list[dict[str, str]]:
    """The footer of each file, in the files' order."""
    paths = [path_of(name) for name in names]
    if not paths:
        return []
    rows = connection.execute(
        f"select file_name, key, value from parquet_kv_metadata([{', '.join(map(quoted, paths))}])"
    ).fetchall()
    by_path: dict[str, dict[str, str]] = {path: {} for path in paths}
    for path, key, value in rows:
        if key.decode() not in _OF_WRITERS:
            by_path[path][key.decode()] = value.decode()
    return list(by_path.values())


def merged_footer(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The footer of a merged part: the union of the standard keys, and every footer that said more, once."""
    singles = [single for footer in found for single in [footer, *_unmerged(footer)]]
    joined = {
        key: ",".join(sorted({word for footer in singles for word in footer.get(key, "").split(",") if word}))
        for key in STANDARD
    }
    telling = {json.dumps(single, sort_keys=True) for single in singles if set(single) - {*STANDARD, MERGED}}
    if telling:
        joined[MERGED] = json.dumps([json.loads(text) for text in sorted(telling)])
    return joined


def _unmerged(footer: Mapping[str, str]) -> list[dict[str, str]]:
    return json.loads(footer[MERGED]) if MERGED in footer else [dict(footer)]
