"""`curate compact`: few sorted parts, no superseded rows, `clip` written down; safe while others read and write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.catalogue import Catalogue, Snapshot, now
from engine.derive import derive_clip
from engine.merge import MergeReport, MergeRules, merge_table
from engine.parts import Live, Merge, merge_name
from engine.wide import clip_state, derived_state
from schemas.spec import TableSpec
from schemas.tables import ALL


@dataclass(frozen=True)
class CompactReport:
    """What a compact did."""

    merges: tuple[MergeReport, ...]
    clips_derived: int
    """rows of `clip` that were written down; 0 where that stood already"""
    deleted: tuple[str, ...]


def compact(
    catalogue: Catalogue,
    *,
    drop_superseded: bool = True,
    grace_s: float = 3600,
    min_parts: int = 2,
    memory_limit: str = "1GB",
    threads: int | None = None,
    derive: bool = True,
) -> CompactReport:
    """Merge the parts of each table, drop superseded rows, write `clip` down, delete what was replaced a grace ago.

    `grace_s` is how long a reader may go on with what it has opened, and how long a writer may take between its rows
    and the row that commits them. 0 is right only while nothing else uses the catalogue. Killed at any moment, it
    leaves the same rows; the next one tidies up.

    Raises:
        CatalogueError: a part is missing or damaged, or there is no space.
    """
    rules = MergeRules(drop_superseded, grace_s, memory_limit, threads)
    start = catalogue.snapshot()
    reports = []
    for spec in _commits_first():
        snapshot = catalogue.snapshot()
        if _is_due(spec, snapshot, min_parts, drop_superseded) and (
            report := merge_table(catalogue, spec, snapshot, rules)
        ):
            reports.append(report)
    derived = derive_clip(catalogue, rules) if derive else 0
    return CompactReport(tuple(reports), derived, tuple(clean(catalogue, start, grace_s)))


def _commits_first() -> list[TableSpec]:
    commits = {spec.committed_by.table for spec in ALL if spec.committed_by}
    return sorted(ALL, key=lambda spec: spec.name not in commits)


def _is_due(spec: TableSpec, snapshot: Snapshot, min_parts: int, drop_superseded: bool) -> bool:
    """Several parts; or one that was merged when other rows were current."""
    parts = snapshot.tables[spec.name].parts
    if not parts or snapshot.is_current(spec):
        return False
    return len(parts) >= min_parts or (drop_superseded and any(part.merge_id for part in parts))


def clean(catalogue: Catalogue, start: Snapshot, grace_s: float) -> list[str]:
    """Delete what nobody needs any more: replaced parts, lost merges, leftovers of killed processes.

    Every deletion leaves the same rows live. A merge goes last: only once nothing that it names was there when this
    compact began.
    """
    end, at = catalogue.look(), now()
    old = [
        name
        for spec in ALL
        for name in _dispensable(catalogue, spec.name, start.tables[spec.name], end.tables[spec.name], at, grace_s)
    ]
    if stale := [name for name in end.derived if derived_state(name) != clip_state(end)]:
        ages = catalogue.store.ages("derived")
        old += [name for name in stale if ages.get(name, 0) >= grace_s]
    for folder in (*(spec.name for spec in ALL), "derived", ""):
        if leftovers := catalogue.store.leftovers(folder):
            ages = catalogue.store.ages(folder)
            old += [name for name in leftovers if ages.get(name, 0) >= grace_s]
    for name in old:
        catalogue.store.delete(name)
    return old


def _dispensable(catalogue: Catalogue, table: str, start: Live, end: Live, at: datetime, grace_s: float) -> list[str]:
    """Names to delete in one table, in the order in which to delete them."""
    if not end.merges and not end.lost_merges and not end.unknown:
        return []
    ages = catalogue.store.ages(table)
    here = {name.rsplit("/", 1)[-1] for name in ages}
    files = [name for merge in end.merges if _age_s(merge, at) >= grace_s for name in merge.replaces if name in here]
    files += [name for name in end.unknown if ages.get(f"{table}/{name}", 0) >= grace_s]
    lost: list[Merge] = []
    for merge in reversed(end.lost_merges):
        needed = {name for m in end.lost_merges if m not in lost for name in m.replaces}
        if _age_s(merge, at) >= grace_s and needed.isdisjoint(merge.adds):
            lost.append(merge)
    spent = [] if end.lost_merges else [m for m in end.merges if m.merge_id in start.spent]
    return [f"{table}/{name}" for name in [*files, *(merge_name(m.merge_id) for m in [*lost, *spent])]]


def _age_s(merge: Merge, at: datetime) -> float:
    return (at - datetime.fromisoformat(merge.created_at)).total_seconds()
