"""The tables of `curate stats` as one SVG file: bars by pattern, yours beside the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from curate.doors.statistics import Table

WIDTH, CHART, LEFT, BAR = 720, 200, 60, 130
_PATTERN = (
    '<defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="2" height="5" fill="#333"/></pattern></defs>'
)


def svg_of(tables: Sequence[Table]) -> str:
    """A chart for each table with shares, one below the other."""
    charted = [table for table in tables if table.shares]
    height = CHART * max(1, len(charted)) + 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
             f'font-size="12">{_PATTERN}<rect width="100%" height="100%" fill="white"/>'
             f'<text x="{LEFT}" y="18">solid: yours, hatched: LVD-2M as published; percent</text>']  # fmt: skip
    for number, table in enumerate(charted):
        parts.append(f'<g transform="translate(0 {30 + number * CHART})">{_chart(table)}</g>')
    return "".join([*parts, "</svg>\n"])


def _chart(table: Table) -> str:
    top = max((value for _, *pair in table.shares for value in pair if value is not None), default=0) or 1
    step = (WIDTH - LEFT - 10) / len(table.shares)
    parts = [f'<text x="{LEFT}" y="14" font-weight="bold">{escape(table.title)}</text>']
    parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{20 + BAR}" y2="{20 + BAR}" stroke="#333"/>')
    for place, (label, *pair) in enumerate(table.shares):
        x = LEFT + place * step
        for side, (value, fill) in enumerate(zip(pair, ("#333", "url(#hatch)"), strict=True)):
            if value is None:
                continue
            tall = BAR * value / top
            parts.append(
                f'<rect x="{x + step * (0.12 + 0.38 * side):.1f}" y="{20 + BAR - tall:.1f}" width="{step * 0.34:.1f}" '
                f'height="{tall:.1f}" fill="{fill}" stroke="#333"><title>{escape(label)}: {value:.1f} %</title></rect>'
            )
        parts.append(f'<text x="{x + step / 2:.1f}" y="{36 + BAR}" text-anchor="middle">{escape(label)}</text>')
    parts.append(f'<text x="{LEFT - 6}" y="30" text-anchor="end">{top:.0f} %</text>')
    return "".join(parts)
