"""Names of parts and merges, and which parts are live. Pure: names in, names out.

A part is `<table>/part-<schema id>-<content>.parquet`, content being 64 bits of BLAKE2b over the file. A merge replaces
parts by merged ones, `part-<schema id>-<content>-m<merge id>.parquet`. Those count only once `merge-<merge id>.json`
stands, which is written last: that one file makes the merged parts live and the replaced ones dead, at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

_PART = re.compile(r"^part-([0-9a-f]{6})-([0-9a-f]{16})(?:-m([0-9a-f]{16}))?\.parquet$")
_MERGE = re.compile(r"^merge-([0-9a-f]{16})\.json$")


@dataclass(frozen=True)
class Part:
    """What the name of a part says."""

    name: str
    schema_id: str
    content: str
    merge_id: str | None


@dataclass(frozen=True)
class Merge:
    """What a merge says: the parts that it replaces, those that it adds, and what is known of the rows in them.

    `current`: every row that it added is a current row, each key once, as long as nothing else is live in the table
    and the table that commits it is in the state `commits` (its own rows where nothing does: null).
    """

    merge_id: str
    created_at: str
    replaces: tuple[str, ...]
    adds: tuple[str, ...]
    current: bool = False
    commits: str | None = None

    def to_json(self) -> bytes:
        fields = {name: value for name, value in vars(self).items() if name != "merge_id"}
        return (json.dumps(fields, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, merge_id: str, content: bytes) -> Merge:
        """Raises ValueError, KeyError or TypeError where the content is no merge."""
        said = json.loads(content)
        return cls(
            merge_id,
            str(said["created_at"]),
            tuple(said["replaces"]),
            tuple(said["adds"]),
            said["current"] is True,
            said["commits"],
        )


@dataclass(frozen=True)
class Live:
    """The outcome of all names of one table: what counts, and what lies about."""

    parts: tuple[Part, ...]
    merges: tuple[Merge, ...] = ()
    """accepted, oldest first"""
    lost_merges: tuple[Merge, ...] = ()
    """another merge took one of their parts first"""
    replaced: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    """merged parts that should be here and are not"""
    unknown: tuple[str, ...] = ()
    """merged parts of no accepted merge"""
    spent: frozenset[str] = frozenset()
    """ids of accepted merges of which nothing is left: all they replaced and added is gone"""
    damaged: tuple[str, ...] = ()
    """names of merges that cannot be read"""


def part_name(schema_id: str, content: str, merge_id: str | None = None) -> str:
    return f"part-{schema_id}-{content}{f'-m{merge_id}' if merge_id else ''}.parquet"


def merge_name(merge_id: str) -> str:
    return f"merge-{merge_id}.json"


def parse_part(name: str) -> Part | None:
    match = _PART.match(name)
    return Part(name, *match.groups()) if match else None


def parse_merge(name: str) -> str | None:
    """The merge id of a merge's file name; None for any other name."""
    match = _MERGE.match(name)
    return match[1] if match else None


def content_of(chunks: Iterable[bytes]) -> str:
    """What a part's name says of its bytes: 16 hex digits."""
    digest = blake2b(digest_size=8)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def hash_of(names: Iterable[str]) -> str:
    """16 hex digits over names, whatever their order."""
    return content_of(f"{name}\n".encode() for name in sorted(names))


def accepted(merges: Iterable[Merge]) -> tuple[list[Merge], list[Merge]]:
    """Split merges into those that count and those that lost, oldest first.

    Of two that replace the same part the older one counts, and none counts that builds on one that lost. Every reader
    of the same files comes to the same answer.
    """
    won: list[Merge] = []
    lost: list[Merge] = []
    taken: set[str] = set()
    dead: set[str] = set()
    for merge in sorted(merges, key=lambda m: (m.created_at, m.merge_id)):
        if taken.isdisjoint(merge.replaces) and dead.isdisjoint(merge.replaces):
            won.append(merge)
            taken.update(merge.replaces)
        else:
            lost.append(merge)
            dead.update(merge.adds)
    return won, lost


def live_of(names: Collection[str], merges: Sequence[Merge], damaged: Iterable[str] = ()) -> Live:
    """Which of a table's parts count, given the names in its folder and its merges (and those that are damaged)."""
    won, lost = accepted(merges)
    replaced = frozenset(name for merge in won for name in merge.replaces)
    added = {name for merge in won for name in merge.adds}
    parts = [part for name in sorted(names) if (part := parse_part(name))]
    counted = [p for p in parts if p.name not in replaced and (p.merge_id is None or p.name in added)]
    unknown = [p.name for p in parts if p.merge_id is not None and p.name not in added]
    missing = sorted(added - replaced - set(names))
    here = set(names)
    spent = [m.merge_id for m in won if here.isdisjoint({*m.replaces, *m.adds}) and replaced.issuperset(m.adds)]
    return Live(
        parts=tuple(counted),
        merges=tuple(won),
        lost_merges=tuple(lost),
        replaced=replaced,
        missing=tuple(missing),
        unknown=tuple(unknown),
        spent=frozenset(spent),
        damaged=tuple(damaged),
    )
