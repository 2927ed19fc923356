"""Bar charts as inline SVG. Bars differ by pattern, not by colour, so that they are readable in black and white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, ROOM = 460, 150
LEFT, BOTTOM, TOP = 46, 34, 8
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
    every = max(1, len(labels) // 7)
    for place in range(0, len(labels), every):
        at = LEFT + place * step + (step / 2 if len(labels) <= 8 else 0)
        anchor = "middle" if len(labels) <= 8 else "start"
        parts.append(f'<text x="{at:.1f}" y="{TOP + ROOM + 14}" text-anchor="{anchor}">{escape(labels[place])}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{TOP + ROOM + 30}" text-anchor="middle">{escape(unit)}</text>')
    box = f'viewBox="0 0 {WIDTH} {TOP + ROOM + BOTTOM}"'
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
