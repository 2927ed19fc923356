"""The report: sections of HTML from the catalogue's numbers, in one file that asks for nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import duckdb

from curate.report import published
from curate.report.charts import DEFINITIONS, Series, bars, shown
from curate.report.frames import clip_times, cut_times, strips
from curate.report.numbers import (
    Histogram,
    Moment,
    at_threshold,
    doubtful_cuts,
    duplicate_groups,
    funnel,
    histogram,
    measures,
    newest_selection,
    one,
    rows,
    shares,
    thresholds,
)
from curate.report.style import STYLE
from engine.catalogue import Catalogue, now, tool_version
from engine.door import WrongUse
from engine.query import fenced

MEMORY = "2GB"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # whatever a row says, nothing is loaded
AT_THRESHOLD, CUTS, GROUPS, MEMBERS, REJECTS = 3, 10, 5, 5, 40


@dataclass(frozen=True)
class Asked:
    """What the sections are made from."""

    connection: duckdb.DuckDBPyConnection
    selection: str | None
    resolve: Callable[[str], str]
    pictures: bool

    def strips(self, moments: Sequence[Moment], times_of: Callable[[Moment], list[int]]) -> str:
        if not self.pictures:
            return _list(escape(moment.text) for moment in moments)
        return "".join(strips(moments, times_of, self.resolve))


def page(catalogue: Catalogue, selection: str | None = None, *, pictures: bool = True) -> str:
    """The report as one HTML document.

    Raises:
        WrongUse: there is no such selection.
    """
    with fenced(catalogue, memory_limit=MEMORY) as connection:
        if selection is not None and not funnel(connection, selection):
            names = [name for (name,) in rows(connection, "select distinct selection from funnels order by 1")]
            raise WrongUse(f"no selection {selection!r}. There are: {', '.join(names) or 'none'}")
        asked = Asked(connection, selection or newest_selection(connection), catalogue.resolve_uri, pictures)
        body = "".join(
            section
            for make in (_overview, _funnel, _histograms, _beside_lvd2m, _thresholds, _cuts, _duplicates, _rejects)
            if (section := make(asked))
        )
    title = f"Report on {escape(catalogue.url)}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<style>{STYLE}</style></head><body>{DEFINITIONS}<main><h1>{title}</h1>"
        f"<p>{now():%Y-%m-%d %H:%M} UTC, longtake {escape(tool_version())}</p>{body}</main></body></html>\n"
    )


def _section(title: str, text: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{text}</section>"


def _table(head: Sequence[str], body: Sequence[Sequence[Any]], *, words: int = 1) -> str:
    """A table; the first `words` columns are text, the others figures."""
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = []
    for row in body:
        line = "".join(
            f"<td{'' if place < words else ' class=n'}>{escape(_cell(value))}</td>" for place, value in enumerate(row)
        )
        lines.append(f"<tr>{line}</tr>")
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return shown(value) if isinstance(value, int | float) else str(value)


def _list(items: Iterator[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _overview(asked: Asked) -> str:
    videos, bytes_, hours = one(
        asked.connection, "select count(*), coalesce(sum(bytes), 0), coalesce(sum(duration_us), 0) / 3.6e9 from videos"
    )
    (scans,) = one(asked.connection, "select count(*) from scans")
    clips, clip_hours = one(asked.connection, "select count(*), coalesce(sum(end_us - start_us), 0) / 3.6e9 from clips")
    (cuts,) = one(asked.connection, "select count(*) from cuts where kind <> 'flash_rejected'")
    figures = [
        ("videos", videos, f"{shown(hours)} hours, {shown(bytes_ / 1e9)} GB"),
        ("of them scanned", scans, ""),
        ("cuts", cuts, ""),
        ("clips", clips, f"{shown(clip_hours)} hours"),
    ]
    return _section("What is there", _table(("", "number", ""), figures))


def _funnel(asked: Asked) -> str:
    if asked.selection is None:
        return _section("Selection", "<p>No selection yet: <code>curate select</code> makes one.</p>")
    steps = funnel(asked.connection, asked.selection)
    top = max(1, steps[0][5])
    head = ("condition", "clips left", "hours left", "turned away alone", "not measured", "left")
    lines = []
    for _, name, sql, unmeasured, alone, left, hours in steps:
        condition = escape(name) if sql == "true" else f"{escape(name)}<br><code>{escape(sql)}</code>"
        rect = f'<rect class="solid" width="{100 * left / top:.2f}" height="10"/>'
        bar = f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{rect}</svg>'
        figures = "".join(f"<td class=n>{shown(value)}</td>" for value in (left, hours, alone, unmeasured))
        lines.append(f"<tr><td>{condition}</td>{figures}<td class=share>{bar} {100 * left / top:.1f} %</td></tr>")
    titles = "".join(f"<th>{name}</th>" for name in head)
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return _section(f"Selection {asked.selection}", f'<div class="wide">{table}</div>')


def _histograms(asked: Asked) -> str:
    """Every number that clips have, those that people ask for first."""
    connection = asked.connection
    first = [
        ("Length of clips", "seconds", "seconds", "clip"),
        ("Cuts a minute", "cuts a minute of video", "num_cuts * 6e7 / duration_us", "scans"),
        ("Resolution", "lines of the video as displayed", "least(display_width, display_height)", "videos"),
        ("Frame rate", "frames a second", "fps_num / fps_den", "videos"),
    ]
    order = ["flow_diag_per_s", "camera_share", "object_flow_diag_per_s", "flow_raft_lvd", "flow_dis_lvd"]
    described = sorted(measures(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))
    asked_for = first + [(name, doc, name, "clip") for name, doc in described]
    found = [histogram(connection, name, unit, value, source) for name, unit, value, source in asked_for]
    charts = "".join(_chart(one) for one in found if one is not None)
    missing = [name for (name, *_), one in zip(asked_for, found, strict=True) if one is None]
    note = f"<p>Not measured in any clip: {escape(', '.join(missing))}.</p>" if missing else ""
    return _section(
        "Distributions", f'<p>The last bar holds all that lies beyond.</p><div class="charts">{charts}</div>{note}'
    )


def _chart(found: Histogram) -> str:
    title = f"{found.name}: {found.measured:,} measured, median {shown(found.median)}"
    return bars(title, found.labels(), [Series("number", found.counts)], found.unit)


def _beside_lvd2m(asked: Asked) -> str:
    """The published histograms and table, each with this catalogue's figures beside them."""
    ours = [("all clips of 10 s and more", "seconds >= 10")]
    if asked.selection is not None:
        name = asked.selection.replace("'", "''")
        ours.append((f"selection {asked.selection}", f"list_contains(selections, '{name}')"))
    charts = []
    for of in (published.DURATION, published.FLOW, published.WORDS):
        series = [Series("LVD-2M", of.percent)]
        for name, where in ours:
            found = shares(asked.connection, of, where)
            series.append(Series(name if found else f"{name}: none", found or [None] * len(of.percent)))
        labels = [f"{low:g}–{high:g}" for low, high in zip(of.edges, of.edges[1:], strict=False)]
        labels.append(f"> {of.edges[-1]:g}")
        note = f"<p class=note>{escape(of.note)}</p>" if of.note else ""
        charts.append(f"<div>{bars(of.title, labels, series, of.unit, percent=True)}{note}</div>")
    table = _table(
        ("dataset", "text", "mean length, s", "shortest, s", "words of a caption", "mean flow of clips over 10 s"),
        [*published.TABLE_1, *(_own_row(asked.connection, *one) for one in (("all clips", "true"), *ours[1:]))],
        words=2,
    )
    source = (
        f"<p>Published figures: {escape(published.PAPER)}, its distributions and table 1. "
        "Bars are shares of the clips that lie in their range.</p>"
    )
    return _section("Beside LVD-2M", f'{source}<div class="charts">{"".join(charts)}</div>{table}')


def _own_row(connection: duckdb.DuckDBPyConnection, name: str, where: str) -> tuple[Any, ...]:
    mean, shortest, words, flow = one(
        connection,
        f"select avg(seconds), min(seconds), avg({published.WORDS.expression}), "
        f"avg({published.FLOW.expression}) filter (seconds > 10) from clip where {where}",
    )
    return (f"this catalogue: {name}", "", mean, shortest, words, flow)


def _thresholds(asked: Asked) -> str:
    steps = funnel(asked.connection, asked.selection) if asked.selection else []
    parts = []
    for of in thresholds(steps):
        kept, away = at_threshold(asked.connection, of, AT_THRESHOLD)
        parts.append(f"<h3>{escape(of.name)}: <code>{escape(of.sql)}</code></h3><div class=sides>")
        for title, moments in (("just kept", kept), ("just turned away", away)):
            shown_moments = asked.strips(moments, clip_times) if moments else "<p>none</p>"
            parts.append(f"<div><h4>{title}</h4>{shown_moments}</div>")
        parts.append("</div>")
    return _section("Clips at each threshold", "".join(parts)) if parts else ""


def _cuts(asked: Asked) -> str:
    found, rejected = doubtful_cuts(asked.connection, CUTS)
    if not found and not rejected:
        return ""
    text = "<p>Three frames before each and three after it. Low scores first: these are the likeliest to be wrong.</p>"
    text += asked.strips(found, cut_times)
    if rejected:
        text += f"<h3>Flashes that are no cuts, the doubtful ones first</h3>{asked.strips(rejected, cut_times)}"
    return _section("Doubtful cuts", text)


def _duplicates(asked: Asked) -> str:
    done = rows(asked.connection, "select num_clips, num_groups, num_extra, restriction from dedups")
    if not done:
        return _section("Near-duplicates", "<p>Not searched yet: <code>curate dedup</code> does.</p>")
    clips, groups, extra, restriction = done[0]
    text = (
        f"<p>{clips:,} clips were compared: {groups:,} groups show the same footage, {extra:,} clips beside those to "
        f"keep ({100 * extra / max(1, clips):.1f} %)."
        + (f" Only clips with <code>{escape(restriction)}</code>." if restriction != "true" else "")
        + "</p>"
    )
    sizes = rows(
        asked.connection,
        "select least(group_size, 10), count(*) from duplicates where is_keeper and group_size > 1 "
        "group by 1 order by 1",
    )
    if sizes:
        labels = ["10 or more" if size == 10 else str(size) for size, _ in sizes]
        counts = Series("groups", [number for _, number in sizes])
        text += f'<div class="charts">{bars("Sizes of the groups", labels, [counts], "clips in a group")}</div>'
    for members in duplicate_groups(asked.connection, GROUPS, MEMBERS):
        text += f'<div class="group">{asked.strips(members, clip_times)}</div>'
    return _section("Near-duplicates", text)


def _rejects(asked: Asked) -> str:
    found = rows(
        asked.connection,
        "select stage, reason, count(*) as n, any_value(coalesce(video_key, key) || ': ' || coalesce(detail, '')) "
        f"from rejects group by stage, reason order by n desc, stage, reason limit {REJECTS}",
    )
    if not found:
        return _section("Turned away", "<p>Nothing.</p>")
    lines = [(stage, reason, example[:200], number) for stage, reason, number, example in found]
    return _section("Turned away", _table(("stage", "reason", "for example", "rows"), lines, words=3))
