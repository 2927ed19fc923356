"""What `curate import`, `export` and `stats` do: words become a wish, and a person is told what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from curate.doors.bind import bind
from curate.doors.importing import Imported, Wish, import_all
from curate.doors.recognise import CHOICES
from curate.doors.videochat2 import subsets
from curate.query_commands import open_catalogue
from curate.show import printable, say, show_rows
from curate.sources import SourceError
from engine.catalogue import Catalogue
from engine.door import WrongUse

SHOWN_FAILED = 20


def import_(
    path: str | None, catalogue: str, format_: str | None, dataset: str | None, media: Sequence[str], *, extract: bool
) -> None:
    """Import what a path names (None: only look which clips have come since), and say what came of it."""
    if format_ is not None and format_ not in CHOICES:
        raise WrongUse(f"--format {format_} is not known. Allowed: {', '.join(CHOICES)}")
    if path is not None and not Path(path).expanduser().exists():
        raise WrongUse(f"there is no {path}. Give a dataset's file, a shard, or a folder of them")
    folders = [Path(folder).expanduser() for folder in media]
    for folder in folders:
        if not folder.is_dir():
            raise WrongUse(f"--media {folder} is no folder")
    opened = open_catalogue(catalogue, create=True)
    missing, there, taken = Counter[str](), Counter[str](), Counter[str]()
    try:
        for done in (
            import_all(opened, Wish(Path(path).expanduser(), format_, dataset, folders, extract)) if path else ()
        ):
            _say(done)
            missing += done.missing
            there += done.there
            taken += done.taken
    except SourceError as error:
        raise WrongUse(str(error)) from error
    if folders:
        _say_media(missing, there)
    _probe(opened, taken)
    for name, count in bind(opened).items():
        say(f"{name}: {count:,} now name clips that have come")


def _probe(catalogue: Catalogue, taken: Counter[str]) -> None:
    """Videos that came out of shards become rows of `videos`, as fetched ones do."""
    if not taken:
        return
    from curate import stages  # noqa: PLC0415
    from curate.download.intake import intake_due, intake_plan  # noqa: PLC0415

    outcomes = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in taken.most_common())
    say(f"videos within tars: {outcomes}")
    with catalogue.connect() as connection:
        tally = stages.run_due(catalogue, connection, intake_due(), intake_plan(catalogue), stages.Effort(quiet=True))
    reasons = ", ".join(f"{reason} {count}" for reason, count in tally.rejected.most_common())
    say(f"videos: {tally.done:,} probed" + (f", {tally.rejected.total():,} turned away ({reasons})" if reasons else ""))


def _say(done: Imported) -> None:
    if done.was_known:
        say(f"{done.path}: {done.title}; it was read before, dataset {printable(done.dataset)}")
        return
    rows = ", ".join(f"{count:,} {name}" for name, count in done.rows.items() if name not in ("rejects", "ingests"))
    say(
        f"{done.path}: {done.title}; {rows or 'nothing new'} in {done.seconds:.1f} s, dataset {printable(done.dataset)}"
    )
    if done.reasons:
        reasons = ", ".join(f"{printable(name)} {count:,}" for name, count in done.reasons.most_common())
        say(f"  {done.reasons.total():,} rows turned away ({reasons})")
        for example in done.examples:
            say(f"    {printable(example)}")


def _say_media(missing: Counter[str], there: Counter[str]) -> None:
    say(f"media: {there.total():,} files found, {missing.total():,} missing")
    for dataset, count in missing.most_common():
        where = subsets.where_to_get(dataset)
        say(
            f"  {printable(dataset)}: {count:,} missing of {count + there[dataset]:,}" + (f"; {where}" if where else "")
        )


def export(
    catalogue: str, format_: str, out: str, selection: str | None, prompt: str | None, shard_mb: int, *, media: bool
) -> None:
    """Export, and say before what the format does not hold."""
    from curate.doors.exporting import PROMPT, Order  # noqa: PLC0415
    from curate.doors.exporting import export as write  # noqa: PLC0415

    try:
        order = Order(format_, Path(out).expanduser(), selection, prompt or PROMPT, shard_mb << 20, media)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    try:
        done = write(open_catalogue(catalogue), order, partial(_say_lost, format_))
    except OSError as error:
        raise WrongUse(f"--out {out}: {error.strerror or error}") from error
    say(f"export: {done.rows:,} rows in {done.files:,} file{'s' * (done.files != 1)}: {order.out}")
    if done.absent:
        say(f"  {done.absent:,} without media: their videos have not come")
    for key, why in done.failed[:SHOWN_FAILED]:
        say(f"  {printable(key)} without media: {printable(why)}")
    if len(done.failed) > SHOWN_FAILED:
        say(f"  … and {len(done.failed) - SHOWN_FAILED:,} more")


def _say_lost(format_: str, lost: Counter[str], rows: int) -> None:
    if lost:
        say(f"{format_} does not hold, of {rows:,} rows:")
    for what, count in sorted(lost.items(), key=lambda item: (-item[1], item[0])):
        say(f"  {printable(what)}: {count:,}")


def stats(
    catalogue: str, selection: str | None, plot: str | None, server: str | None, model: str | None, limit: int | None
) -> None:
    """Print all tables; `plot`: an SVG file for the charts."""
    from curate.doors.plot import svg_of  # noqa: PLC0415
    from curate.doors.statistics import statistics  # noqa: PLC0415

    opened = open_catalogue(catalogue)
    if server is not None or model is not None:
        _ask_categories(opened, selection, server, model, limit)
    tables = statistics(opened, selection)
    if not tables:
        raise WrongUse("there is nothing to count: `curate import` or `curate scan` makes clips and spans")
    for table in tables:
        print(table.title)
        show_rows(table.columns, table.rows)
        if table.remark:
            print(f"{table.remark}\n")
    if plot is not None:
        try:
            Path(plot).expanduser().write_text(svg_of(tables), encoding="utf-8")
        except OSError as error:
            raise WrongUse(f"--plot {plot}: {error.strerror}") from error
        say(f"charts: {plot}")


def _ask_categories(
    catalogue: Catalogue, selection: str | None, server: str | None, model: str | None, limit: int | None
) -> None:
    from curate.doors.categories import ask  # noqa: PLC0415
    from curate.doors.llm import asking  # noqa: PLC0415
    from curate.doors.statistics import captions_sql  # noqa: PLC0415
    from curate.doors.writing.rows import opened  # noqa: PLC0415

    with opened(catalogue, selection) as connection, asking("stats", server, model) as captioner:
        connection.execute(captions_sql())
        done = ask(catalogue, connection, captioner, str(model), limit)
    say(f"categories: {model} was asked about {done.asked:,} captions" + (
        f"; {done.unread:,} answers name none" if done.unread else ""))  # fmt: skip
