"""Running the stages of curation over a catalogue: what is due goes to local workers, with progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

import duckdb
import pyarrow as pa

from curate.add_stage import add_due, add_plan
from curate.flow_stage import FlowModel, flow_due, flow_plan
from curate.ocr_stage import Reader, ocr_due, ocr_plan
from curate.passes import ScanSettings
from curate.scan_stage import scan_due, scan_plan
from curate.sources import FoundFile
from engine.catalogue import Catalogue
from engine.due import Due, Shard, rows_of
from engine.pool import WorkerLimits
from engine.progress import Tally, progress
from engine.run import Plan, default_jobs, local_slots, run_plan
from engine.work import Row


@dataclass(frozen=True)
class Effort:
    """How much of a stage is done here and now: cores, a limit on rows, one shard of them, second tries.

    `quiet`: no progress is shown.

    Raises:
        ValueError: jobs or limit is not positive.
    """

    jobs: int | None = None
    limit: int | None = None
    shard: Shard | None = None
    retry: bool = False
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    quiet: bool = False

    def __post_init__(self) -> None:
        for name in ("jobs", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


def add(catalogue: Catalogue, files: Sequence[FoundFile], effort: Effort) -> Tally:
    """Read and probe the files that the catalogue does not know as they are now."""
    with catalogue.connect() as connection:
        connection.register("found_files", _as_table(files))
        due = add_due("found_files")
        return run_due(catalogue, connection, due, replace(add_plan(catalogue), limits=effort.limits), effort)


def scan_all(catalogue: Catalogue, settings: ScanSettings, effort: Effort, *, only: str | None = None) -> Tally:
    """Scan the videos that were not scanned with these settings; `only`: SQL over video_id."""
    due = scan_due(settings)
    if only:
        due = replace(due, input_sql=f"select * from ({due.input_sql}) where {only}")
    with catalogue.connect() as connection:
        return run_due(catalogue, connection, due, replace(scan_plan(settings), limits=effort.limits), effort)


def flow_all(catalogue: Catalogue, model: FlowModel, effort: Effort, *, device: str = "cpu") -> Tally:
    """Score the clips that this flow network has not scored. Off the CPU a job is an accelerator; by default one."""
    effort = effort if device == "cpu" else replace(effort, jobs=effort.jobs or 1)
    with catalogue.connect() as connection:
        plan = replace(flow_plan(model), limits=effort.limits)
        return run_due(catalogue, connection, flow_due(model), plan, effort, device=device)


def ocr_all(catalogue: Catalogue, reader: Reader, effort: Effort) -> Tally:
    """Read the text in the clips that this engine has not read."""
    with catalogue.connect() as connection:
        plan = replace(ocr_plan(reader), limits=effort.limits)
        return run_due(catalogue, connection, ocr_due(reader), plan, effort)


def run_due(
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    due: Due,
    plan: Plan,
    effort: Effort,
    *,
    device: str = "cpu",
) -> Tally:
    """Run what is due of a stage here, with progress."""
    sql = due.sql(effort.shard, effort.limit, retry=effort.retry)
    counted = connection.execute(f"select count(*) from ({sql})").fetchone()
    total = counted[0] if counted else 0
    slots = local_slots(effort.jobs or default_jobs(), total, device=device)
    rows = _with_source(catalogue, rows_of(connection, sql))
    with progress(plan.stage, 0 if effort.quiet else total) as show:
        return run_plan(catalogue, plan, rows, total, slots=slots, show=show)


def _with_source(catalogue: Catalogue, rows: Iterator[Row]) -> Iterator[Row]:
    """Each row with the path or url at which its file can be opened."""
    for row in rows:
        yield row | {"source": catalogue.resolve_uri(row["uri"])}


def _as_table(files: Sequence[FoundFile]) -> pa.Table:
    columns = list(FoundFile.__dataclass_fields__)
    schema = pa.schema([(name, pa.string()) for name in columns])
    return pa.Table.from_pylist([asdict(file) for file in files], schema=schema)
