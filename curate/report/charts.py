"""Bar charts as inline SVG. Bars differ by pattern, not by colour, so that they are readable in black and white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil
from textwrap import wrap

WIDTH, ROOM = 460, 150
LEFT, TOP = 46, 8
FIRST_LINE, LINE = 30, 14  # of what the axis is: below the bars, and apart
CHARACTER = 6.3  # width of a digit in the charts' font, rounded up; words take less
MOST_LABELS = 8  # that stand in the middle below their bars; of more some are left out
PATTERNS = ("solid", "hatched", "open")

DEFINITIONS = """<svg width="0" height="0" aria-hidden="true" style="position:absolute"><defs>
<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="2" height="5" fill="currentColor"/></pattern></defs></svg>"""


@dataclass(frozen=True)
class Series:
    """The bars of one name, a value for each label; None leaves a gap."""

    name: str
    values: Sequence[float | None]


def bars(title: str, labels: Sequence[str], series: Sequence[Series], unit: str, *, percent: bool = False) -> str:
    """A bar chart, its series side by side, with its figures as a table for those who do not see it."""
    top = max((value for one in series for value in one.values if value is not None), default=0) or 1
    step = (WIDTH - LEFT) / max(1, len(labels))
    thick = step * 0.84 / len(series)
    parts = [_axis(top, percent)]
    for number, one in enumerate(series):
        for place, value in enumerate(one.values):
            if value:
                height = ROOM * value / top
                x = LEFT + place * step + step * 0.08 + number * thick
                what = f"{one.name}, {labels[place]}: {shown(value)}{' %' if percent else ''}"
                parts.append(
                    f'<rect class="{PATTERNS[number % 3]}" x="{x:.1f}" y="{TOP + ROOM - height:.1f}" '
                    f'width="{max(1.0, thick - 1):.1f}" height="{height:.1f}"><title>{escape(what)}</title></rect>'
                )
    parts += _labels(labels, step)
    lines = wrap(unit, int(WIDTH / CHARACTER)) or [""]
    for number, line in enumerate(lines):
        y = TOP + ROOM + FIRST_LINE + LINE * number
        parts.append(f'<text x="{WIDTH / 2}" y="{y}" text-anchor="middle">{escape(line)}</text>')
    box = f'viewBox="0 0 {WIDTH} {TOP + ROOM + FIRST_LINE + LINE * len(lines) - 10}"'
    svg = f'<svg {box} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    keys = legend([one.name for one in series]) if len(series) > 1 else ""
    return f"<figure><figcaption>{escape(title)}</figcaption>{keys}{svg}{_figures(labels, series)}</figure>"


def legend(names: Sequence[str]) -> str:
    """What each pattern stands for."""
    rect = '<rect class="{}" x="1" y="1" width="12" height="10"/>'
    swatch = f'<svg class="swatch" viewBox="0 0 14 12" aria-hidden="true">{rect}</svg>'
    items = (f"<span>{swatch.format(PATTERNS[place % 3])} {escape(name)}</span>" for place, name in enumerate(names))
    return f'<p class="legend">{" ".join(items)}</p>'


def shown(value: float) -> str:
    """A figure as people write it: thousands apart, no more digits than it is worth."""
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def _labels(labels: Sequence[str], step: float) -> list[str]:
    """As many as can stand beside one another below bars that lie `step` apart."""
    need = CHARACTER * (1 + max(map(len, labels), default=0))
    is_few = len(labels) <= MOST_LABELS
    every = max(1, ceil(need / step), 1 if is_few else len(labels) // 7)
    shown_at = [(LEFT + (place + is_few / 2) * step, labels[place]) for place in range(0, len(labels), every)]
    anchor = "middle" if is_few else "start"
    return [
        f'<text x="{at:.1f}" y="{TOP + ROOM + 14}" text-anchor="{anchor}">{escape(label)}</text>'
        for at, label in shown_at
        if is_few or at + CHARACTER * len(label) <= WIDTH
    ]


def _axis(top: float, percent: bool) -> str:
    lines = []
    for share in (0, 0.5, 1):
        y = TOP + ROOM * (1 - share)
        label = shown(top * share) + (" %" if percent else "")
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}"/>')
        lines.append(f'<text x="{LEFT - 5}" y="{y + 4}" text-anchor="end">{label}</text>')
    return "".join(lines)


def _figures(labels: Sequence[str], series: Sequence[Series]) -> str:
    head = "".join(f"<th>{escape(one.name)}</th>" for one in series)
    rows = []
    for place, label in enumerate(labels):
        cells = (one.values[place] for one in series)
        rows.append(
            f"<tr><th>{escape(label)}</th>"
            + "".join(f"<td>{'' if cell is None else shown(cell)}</td>" for cell in cells)
            + "</tr>"
        )
    table = f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"
    return f"<details><summary>figures</summary>{table}</details>"
